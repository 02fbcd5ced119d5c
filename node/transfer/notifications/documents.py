"""Observations as entities of NGSI-LD, and notifications about them (ETSI GS CIM 009 v1.8.1 §5.3.1).

An observation of a stream is an entity that was observed: its subject names it, and its members are the attributes.
One that came from a context broker has an ``id`` and a ``type`` of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.ids import new_uuid
from node.datasources.entities import CORE_MEMBERS, simplify
from node.datasources.entity_forms import IDENTIFIER, entity_of_row
from node.exchange.signatures import secret_of_text, signed_headers
from node.transfer.notifications.wishes import JSON_LD, SubscriptionWish

CORE_CONTEXT: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
_RELATION: Final = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityNames:
    """The members of an observation with its time and its subject, and the name of the stream; None for a member that
    the partner may not have."""

    stream: str
    time: str | None
    subject: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification as it is sent, the same for each attempt. ``count`` entities are in it."""

    id: str
    body: bytes
    count: int
    context: str


def entity_of_observation(observation: Mapping[str, Any], names: EntityNames, type_name: str) -> dict[str, Any]:
    """Return the entity in the normalized form; ``type_name`` is its type unless it has one. Raises ``InvalidInput``
    if it cannot be one: no value names it, or two members have the same name as attributes."""
    row = dict(observation)
    own_type, own_id = row.get("type"), row.get("id")
    if (
        isinstance(own_type, str)
        and _TYPE.fullmatch(own_type)
        and isinstance(own_id, str)
        and IDENTIFIER.fullmatch(own_id)
    ):
        column, type_name = "id", own_type
    else:
        # Without a subject, the partner does not learn what was observed, or there is only one thing.
        column = " "
        row[column] = names.stream if names.subject is None else row.get(names.subject)
    entity = entity_of_row(row, type_name, column)
    at = _moment(row.get(names.time)) if names.time is not None else None
    if at is not None:
        for name, attribute in entity.items():
            for instance in attribute if isinstance(attribute, list) else [attribute]:
                if name not in CORE_MEMBERS and isinstance(instance, dict):
                    instance.setdefault("observedAt", at)
    return entity


def values_of(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the attributes of an entity."""
    return {name: simplify(attribute) for name, attribute in entity.items() if name not in CORE_MEMBERS}


def write_entity(entity: Mapping[str, Any], wish: SubscriptionWish) -> dict[str, Any]:
    """Return an entity with the attributes and in the form that a partner wants."""
    members = [name for name in entity if name in CORE_MEMBERS or not wish.attributes or name in wish.attributes]
    if wish.form == "normalized":
        return {name: entity[name] for name in members}
    if wish.form == "concise":
        return {name: entity[name] if name in CORE_MEMBERS else _concise(entity[name]) for name in members}
    return {name: entity[name] if name in CORE_MEMBERS else simplify(entity[name]) for name in members}


def notification(
    wish: SubscriptionWish, entities: Sequence[Mapping[str, Any]], now: datetime, *, context: str = ""
) -> Notification:
    """Return the notification about some entities, whose names have this context; empty for the core context."""
    return _write(wish, {"data": list(entities)}, len(entities), now, context=context or CORE_CONTEXT)


def farewell(wish: SubscriptionWish, ending: Mapping[str, Any], now: datetime) -> Notification:
    """Return the last notification of a subscription: without entities, and with the reason in ``end``."""
    return _write(wish, {"data": [], "end": dict(ending)}, 0, now)


def headers_of(wish: SubscriptionWish, message: Notification, now: datetime) -> dict[str, str]:
    """Return the headers of an attempt: those of the partner, a signature if it gave a secret, and the type."""
    secret = secret_of_text(wish.secret) if wish.secret else None
    headers = {**wish.headers, **signed_headers(secret, message.id, now, message.body), "Content-Type": wish.accept}
    if wish.accept != JSON_LD:
        headers["Link"] = f"<{message.context}>; {_RELATION}"
    return headers


def _write(
    wish: SubscriptionWish,
    members: Mapping[str, Any],
    count: int,
    now: datetime,
    *,
    context: str = CORE_CONTEXT,
) -> Notification:
    identifier = f"urn:ngsi-ld:Notification:{new_uuid()}"
    document = {
        "id": identifier,
        "type": "Notification",
        "subscriptionId": wish.id,
        "notifiedAt": stamp(now),
        **members,
    }
    if wish.accept == JSON_LD:
        document["@context"] = context
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    return Notification(id=identifier, body=body, count=count, context=context)


def _concise(attribute: Any) -> Any:
    """Return an attribute in the concise form (§4.5.2): without its type where the value shows it."""
    if isinstance(attribute, list):
        return [_concise(instance) for instance in attribute]
    if not isinstance(attribute, Mapping) or attribute.get("type") not in ("Property", "GeoProperty", "Relationship"):
        return attribute
    rest = {name: value for name, value in attribute.items() if name != "type"}
    return rest["value"] if set(rest) == {"value"} and not isinstance(rest["value"], Mapping) else rest


def _moment(value: Any) -> str | None:
    try:
        return stamp(moment(value)) if isinstance(value, str) else None
    except ValueError:
        return None
