"""Notifications of context brokers (NGSI-LD, ETSI GS CIM 009 §5.3.1; NGSIv2) as observations of a stream, one for an
entity.

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


_V2: Final = frozenset({"subscriptionId", "data"})
"""The members of a notification of NGSIv2, which has no others."""
_V2_ATTRIBUTE: Final = frozenset({"type", "value", "metadata"})
_V2_TIMES: Final = ("dateCreated", "dateModified", "dateExpires")
"""Attributes that a broker keeps itself, for those who ask for them."""
_V2_OBSERVED: Final = "TimeInstant"
"""The time of an observation, of an attribute (as metadata) or of an entity, as agents for devices send it."""


def is_notification(value: Any, stream: Stream) -> bool:
    """Return whether the JSON that a sender sent is a notification: an observation may have a type of that name."""
    return (
        isinstance(value, Mapping)
        and (value.get("type") == "Notification" or value.keys() == _V2)
        and isinstance(value.get("subscriptionId"), str)
        and "data" in value
        and "subscriptionId" not in _properties(stream)
    )


def observations_of(notification: Mapping[str, Any], stream: Stream) -> Iterator[Any]:
    """Yield an observation for each entity: its ``id`` and ``type``, and the values of its attributes, but for those
    that a closed schema does not know.

    Without the member for the time, it is the latest ``observedAt`` of the attributes, or else the time of the
    notification; in NGSIv2 the latest ``TimeInstant``, or else the time at which the entity was changed. Raises
    ``InvalidInput`` for a notification in another form than JSON or JSON-LD.
    """
    entities = notification["data"]
    if not isinstance(entities, list):
        raise InvalidInput(
            "the notification has no list of entities",
            remedy='subscribe with "accept": "application/json"; GeoJSON is not taken',
        )
    is_closed = resolve(stream.schema, stream.schema).get("additionalProperties") is False
    names = _properties(stream) if is_closed else None
    is_v2 = notification.keys() == _V2
    for entity in entities:
        if not isinstance(entity, Mapping):
            yield entity
            continue
        if is_v2:
            observation = {name: _v2_value(value) for name, value in entity.items() if name not in _V2_TIMES}
        else:
            members = {name: _value(name, value) for name, value in entity.items() if name != "@context"}
            observation = {name: value for name, value in members.items() if value != _GONE}
        if stream.time_member not in observation:
            moment = _v2_time(entity) if is_v2 else _latest(entity) or notification.get("notifiedAt")
            observation[stream.time_member] = moment
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


def _v2_value(attribute: Any) -> Any:
    """Return the value of an attribute in the normalized form of NGSIv2; what is none stays what it is."""
    is_attribute = isinstance(attribute, Mapping) and "value" in attribute and attribute.keys() <= _V2_ATTRIBUTE
    return attribute["value"] if is_attribute else attribute


def _v2_time(entity: Mapping[str, Any]) -> Any:
    values = [_v2_value(entity.get(_V2_OBSERVED))]
    for attribute in entity.values():
        metadata = attribute.get("metadata") if isinstance(attribute, Mapping) else None
        values.append(_v2_value(metadata.get(_V2_OBSERVED)) if isinstance(metadata, Mapping) else None)
    times = [value for value in values if isinstance(value, str)]
    return max(times, default=_v2_value(entity.get("dateModified")))


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
