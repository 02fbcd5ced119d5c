"""Errors of Kafka in words, without address and user."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiokafka import errors

from node.adapters.datasources.brokers.kafka.link import ANSWER_BYTES, AnswerTooLarge, UnprovenBroker
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, DataSourceUnreachable

_CREDENTIALS: Final = frozenset({31, 33, 34, 58})
_MISSING: Final = 3
_OFTEN_PASSING: Final = frozenset({5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 56, 74, 75, 76, 78})
"""Codes that say that another broker, or this one in a moment, has the answer."""
_TOPIC_REFUSAL: Final = 29
_GROUP_REFUSAL: Final = 30
MESSAGE_TOO_LARGE: Final = frozenset({10, 18})
"""Codes that refuse one message, and say nothing about the next ones."""


class BrokersChangeRoles(DataSourceUnreachable):
    """Another broker, or this one in a moment, has the answer."""


def failure_of_code(code: int) -> DataSourceUnreachable:
    """Return the error that a broker reports by its number, in words."""
    if code in _CREDENTIALS:
        return DataSourceRefuses(
            "the broker refuses the credentials of this node", remedy="give it new ones: hansa source add"
        )
    if code == _TOPIC_REFUSAL:
        return DataSourceRefuses(
            "the broker refuses this topic to the user of the node", remedy="let it read (or write) and describe it"
        )
    if code == _GROUP_REFUSAL:
        return DataSourceRefuses(
            "the broker refuses the consumer group to the user of the node",
            remedy="let it read groups that begin with hansa.",
        )
    if code == _MISSING:
        return DataSourceRefuses("the broker has no such topic", remedy="make it there, or correct its name")
    if code in _OFTEN_PASSING:
        return BrokersChangeRoles("the brokers are changing their roles", remedy="the node connects again by itself")
    return DataSourceUnreachable(
        f"the broker reports an error (code {code})", remedy="look into the log of the broker"
    )


@contextmanager
def broker_answers() -> Iterator[None]:
    """Raise ``DataSourceUnreachable`` for an answer that lacks what it should have: it comes from outside, and the
    library decodes it without a look at its parts."""
    try:
        yield
    except (TypeError, ValueError, IndexError, AttributeError, LookupError) as error:
        raise DataSourceUnreachable(
            "the answer of the broker cannot be read", remedy="look into the log of the broker"
        ) from error


def failure(error: BaseException) -> DataSourceUnreachable:
    """Return the error with which a connection ended, in words."""
    if isinstance(error, DataSourceUnreachable):
        return error
    if isinstance(error, AnswerTooLarge):
        return DataSourceUnreachable(
            f"the broker sends a message of more than {ANSWER_BYTES >> 20} MB", remedy="let it send smaller ones"
        )
    if isinstance(error, UnprovenBroker):
        return DataSourceRefuses(
            f"the node does not sign in: {error}", remedy="check the address, and the option sasl of the data source"
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return DataSourceRefuses(
            "the broker knows another way to sign in",
            remedy="name it: --option sasl=scram-sha-512, or -256, or plain",
        )
    if isinstance(error, errors.BrokerResponseError):
        return failure_of_code(error.errno)
    if isinstance(error, TimeoutError):
        return DataSourceSlow("the broker did not answer in time", remedy="check the address, the port and its load")
    if isinstance(error, ssl.SSLCertVerificationError):
        return DataSourceUnreachable(
            "the certificate of the broker is not valid here", remedy="check its name, its date and who issued it"
        )
    if isinstance(error, errors.KafkaConnectionError) and error.__cause__ is not None:
        return failure(error.__cause__)
    if isinstance(error, errors.IncompatibleBrokerVersion | NotImplementedError):
        return DataSourceUnreachable(
            "the broker speaks no version of the protocol that this node knows",
            remedy="Kafka 0.11 or newer is needed",
        )
    return DataSourceUnreachable("the broker cannot be reached", remedy="check the address and the port")
