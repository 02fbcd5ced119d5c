"""Notifications of context brokers (NGSI-LD, ETSI GS CIM 009 §5.3.1) as observations of a stream, one for an entity.

A broker sends a notification when entities that it was asked to watch change. It repeats nothing: what this node does
not take is lost, so a message that has faults is taken as far as it goes, as any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.datasources.entities import CORE_MEMBERS, is_attribute, simplify
from node.datasources.streams.model import Stream
from node.semantics.schemas.changes import resolve

_GONE: Final = "urn:ngsi-ld:null"
"""The value of an attribute that was deleted (clause 4.5.0)."""


def is_notification(value: Any, stream: Stream) -> bool:
    """Return whether the JSON that a sender sent is a notification: an observation may have a type of that name."""
    return (
        isinstance(value, Mapping)
        and value.get("type") == "Notification"
        and isinstance(value.get("subscriptionId"), str)
        and "data" in value
        and "subscriptionId" not in _properties(stream)
    )


def observations_of(notification: Mapping[str, Any], stream: Stream) -> Iterator[Any]:
    """Yield an observation for each entity: its ``id`` and ``type``, and the values of its attributes, but for those
    that a closed schema does not know.

    Without the member for the time, it is the latest ``observedAt`` of the attributes, or else the time of the
    notification. Raises ``InvalidInput`` for a notification in another form than JSON or JSON-LD.
    """
    entities = notification["data"]
    if not isinstance(entities, list):
        raise InvalidInput(
            "the notification has no list of entities",
            remedy='subscribe with "accept": "application/json"; GeoJSON is not taken',
        )
    is_closed = resolve(stream.schema, stream.schema).get("additionalProperties") is False
    names = _properties(stream) if is_closed else None
    for entity in entities:
        if not isinstance(entity, Mapping):
            yield entity
            continue
        members = {name: _value(name, value) for name, value in entity.items() if name != "@context"}
        observation = {name: value for name, value in members.items() if value != _GONE}
        if stream.time_member not in observation:
            observation[stream.time_member] = _latest(entity) or notification.get("notifiedAt")
        yield {name: value for name, value in observation.items() if names is None or name in names}


def _properties(stream: Stream) -> frozenset[str]:
    properties = resolve(stream.schema, stream.schema).get("properties")
    return frozenset(properties) if isinstance(properties, Mapping) else frozenset()


def _value(name: str, attribute: Any) -> Any:
    if name in CORE_MEMBERS:
        return attribute
    instances = attribute if isinstance(attribute, list) else [attribute]
    if not instances or not all(is_attribute(instance) for instance in instances):
        value = attribute  # In a simplified notification, it is the value.
    else:
        # Of several instances, the one without a name is the attribute's own (clause 4.5.5).
        value = simplify(next((instance for instance in instances if "datasetId" not in instance), attribute))
    # A moment has its type beside it (clause 4.6.3).
    return value["@value"] if isinstance(value, Mapping) and "@value" in value else value


def _latest(entity: Mapping[str, Any]) -> str:
    """Return the latest time at which an attribute was observed; empty without one. In UTC, as NGSI-LD writes times,
    the order of the texts is that of the times."""
    times = [
        instance["observedAt"]
        for attribute in entity.values()
        for instance in (attribute if isinstance(attribute, list) else [attribute])
        if isinstance(instance, Mapping) and isinstance(instance.get("observedAt"), str)
    ]
    return max(times, default="")
