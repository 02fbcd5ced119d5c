"""Make observations of the messages of a broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import HansaError, InvalidInput
from node.base.jsons import read_json
from node.datasources.brokers.model import EVERY_MEMBER, MOST_PAYLOAD, BrokerSubscription, Form, Message
from node.datasources.streams.model import Stream
from node.datasources.streams.observations import MOST, CheckedMessage, check_values, fault, read_message

_TYPES: Final = {Form.JSON: "application/json", Form.LINES: "application/x-ndjson", Form.CSV: "text/csv"}
_EXCERPT: Final = 4000
_ABSENT: Final = object()


def read_payload(
    stream: Stream, subscription: BrokerSubscription, message: Message, *, at: datetime
) -> CheckedMessage:
    """Return the observations of a message that arrived at ``at``. It raises nothing: what cannot be read is a fault,
    with the topic. An empty payload, by which a broker forgets a message, has no observations."""
    if not message.payload and not message.fault:
        return CheckedMessage(observations=(), faults=())
    try:
        if message.fault:
            raise InvalidInput(message.fault)
        if len(message.payload) > MOST_PAYLOAD:
            raise InvalidInput(f"the message has more than {MOST_PAYLOAD} bytes", remedy="send smaller ones")
        content = _read(stream, subscription, message, at)
    except HansaError as error:
        text = message.payload[:_EXCERPT].decode("utf-8", "replace")
        content = CheckedMessage(observations=(), faults=((0, fault(at, error.detail, text)),))
    return CheckedMessage(
        observations=content.observations,
        faults=tuple(
            (place, replace(entry, reason=f"{message.topic[:100]}: {entry.reason}"[:300]))
            for place, entry in content.faults
        ),
    )


def _read(stream: Stream, subscription: BrokerSubscription, message: Message, at: datetime) -> CheckedMessage:
    members = subscription.members
    if not members:
        return read_message(stream, message.payload, _TYPES[subscription.form], at=at)
    if subscription.form is Form.TEXT:
        try:
            payloads: list[Any] = [message.payload.decode()]
        except UnicodeDecodeError as error:
            raise InvalidInput("the text is not UTF-8", remedy="send it as UTF-8") from error
    else:
        value = read_json(message.payload)
        payloads = value if isinstance(value, list) else [value]
    if len(payloads) > MOST:
        raise InvalidInput(f"a message has at most {MOST} observations", remedy="send them in several messages")
    values = ((_observation(members, message, payload, at), None) for payload in payloads)
    return check_values(stream, values, at=at)


def _observation(members: Mapping[str, str], message: Message, payload: Any, at: datetime) -> dict[str, Any]:
    """Return an observation with the members that the message has; the schema says which it needs."""
    observation: dict[str, Any] = {}
    for name, place in members.items():
        value = _value(place, message, payload, at)
        if value is _ABSENT:
            continue
        if name != EVERY_MEMBER:
            observation[name] = value
        elif isinstance(value, dict):
            observation = {**value, **observation}
    return observation


def _value(place: str, message: Message, payload: Any, at: datetime) -> Any:
    kind, mark, rest = place.partition(":")
    match kind:
        case "arrival":
            return stamp(at)
        case "text":
            return rest
        case "key":
            return _ABSENT if message.key is None else message.key.decode("utf-8", "replace")
        case "topic":
            levels = message.topic.split("/")
            if not mark:
                return message.topic
            return levels[int(rest) - 1] if int(rest) <= len(levels) else _ABSENT
        case _:
            return _within(payload, rest.split("/")) if mark else payload


def _within(value: Any, names: list[str]) -> Any:
    for name in names:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif (
            isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 6 and int(name) < len(value)
        ):
            value = value[int(name)]
        else:
            return _ABSENT
    return value
