"""A stream's subscription to a topic of a broker, the messages of it, and the state of the connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import InvalidInput

MOST_PAYLOAD: Final = 1 << 20
"""Bytes of one message, as of a body over HTTP."""
MOST_KEY: Final = 1024
"""Bytes of the key of a message that are kept."""
MOST_MEMBERS: Final = 50
EVERY_MEMBER: Final = "*"
"""The name for all members of an object in the payload."""
_LONGEST_NAME: Final = 200
_LONGEST_PLACE: Final = 300
_PLACE: Final = re.compile(r"arrival|key|topic(?::[1-9][0-9]?)?|payload(?::.+)?|text:.*", re.ASCII | re.DOTALL)


class Form(StrEnum):
    """The form of the payload of a message."""

    JSON = "json"
    LINES = "ndjson"
    CSV = "csv"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSubscription:
    """The stream ``stream`` takes the messages of ``topic`` from the data source ``source``.

    ``topic`` is a topic filter of the broker. ``members`` says where the members of an observation are in a message:
    ``payload``, ``payload:count/value``, ``topic``, ``topic:2`` (a level, from 1), ``key`` (of Kafka), ``text:°C``,
    ``arrival``; without it, the payload is the observation. ``session`` names the lasting session with the broker.
    """

    stream: str
    source: str
    topic: str
    form: Form = Form.JSON
    members: Mapping[str, str] = field(default_factory=dict)
    session: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionState:
    """The state of the connection to a broker, as of ``seen``.

    ``since`` is when it was made, None if there is none now. ``messages`` counts what was stored since then.
    ``is_lasting`` says that the broker repeats what is not acknowledged. ``error`` is the last error in words, with
    ``remedy``, and ``error_at`` the time since when there is no connection because of errors.
    """

    since: datetime | None = None
    seen: datetime | None = None
    messages: int = 0
    is_lasting: bool = True
    error: str = ""
    remedy: str = ""
    error_at: datetime | None = None

    @property
    def is_failing(self) -> bool:
        """Return whether there is no connection, because of an error."""
        return self.since is None and bool(self.error)

    def to_json(self) -> dict[str, Any]:
        """Return it for API and terminal."""
        return {
            "connectedSince": None if self.since is None else stamp(self.since),
            "seen": None if self.seen is None else stamp(self.seen),
            "messages": self.messages,
            "repeatsUnacknowledged": self.is_lasting,
            "error": self.error,
            "remedy": self.remedy,
            "errorAt": None if self.error_at is None else stamp(self.error_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSubscriptionView:
    """A subscription with the state of its connection."""

    subscription: BrokerSubscription
    state: ConnectionState

    def to_json(self) -> dict[str, Any]:
        """Return it for API and terminal."""
        subscription = self.subscription
        return {
            "source": subscription.source,
            "topic": subscription.topic,
            "format": str(subscription.form),
            "take": dict(subscription.members),
            "by": subscription.by,
            "at": stamp(subscription.at),
            **self.state.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a broker. ``key`` is what Kafka keeps beside it; ``fault`` says why it could not be read;
    ``receipt`` is for the session that it came from, to acknowledge it."""

    topic: str
    payload: bytes = field(repr=False)
    key: bytes | None = field(default=None, repr=False)
    fault: str = ""
    receipt: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message for a topic of a broker. Messages with one ``key`` keep their order in Kafka. ``properties`` go
    beside ``body``, where the protocol has room for them; ``at`` is when it was made."""

    key: str
    media_type: str
    properties: Mapping[str, str]
    body: bytes = field(repr=False)
    at: datetime


def check_members(members: Mapping[str, str], form: Form) -> None:
    """Raise ``InvalidInput`` unless ``members`` says where members of an observation are."""
    if len(members) > MOST_MEMBERS:
        raise InvalidInput(f"at most {MOST_MEMBERS} members are named", remedy="name those that are needed")
    for name, place in members.items():
        if not name or len(name) > _LONGEST_NAME or len(place) > _LONGEST_PLACE or not _PLACE.fullmatch(place):
            raise InvalidInput(
                f"{place[:80]!r} is no place in a message, for the member {name[:80]!r}",
                remedy="one of: payload, payload:count/value, topic, topic:2, key, text:VALUE, arrival",
            )
        if name == EVERY_MEMBER and not place.startswith("payload"):
            raise InvalidInput("only a payload has members", remedy="such as *=payload or *=payload:data")
    if members and form in (Form.LINES, Form.CSV):
        raise InvalidInput(
            f"members of {form} are named in it, and nowhere else", remedy="leave out --take, or use --format json"
        )
    if not members and form is Form.TEXT:
        raise InvalidInput("a text alone is no observation", remedy="name its members: --take value=payload")
