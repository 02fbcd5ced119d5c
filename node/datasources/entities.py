"""Entities of NGSI-LD (ETSI GS CIM 009): their attributes reduced to values (clause 4.5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

CORE_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt"})
"""Members of an entity that are no attributes."""
TIMES: Final = frozenset({"createdAt", "modifiedAt", "deletedAt"})
"""The times that a broker keeps of an entity and of its attributes, and gives to those who ask for them."""
VALUES: Final = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
"""The members of which an attribute has one."""
_TYPES: Final = frozenset(
    {
        "Property",
        "GeoProperty",
        "Relationship",
        "LanguageProperty",
        "VocabProperty",
        "VocabularyProperty",
        "JsonProperty",
        "ListProperty",
        "ListRelationship",
    }
)
_PREVIOUS: Final = tuple(f"previous{name[0].upper()}{name[1:]}" for name in VALUES)
_MARKS: Final = frozenset({"observedAt", "unitCode", "datasetId", "instanceId", *TIMES, *_PREVIOUS})
"""Members that an attribute has beside its value, and no other value is likely to have."""


def is_attribute(value: Any) -> bool:
    """Return whether a member of an entity in an unknown form is an attribute (clauses 4.5.1 and 4.5.2), and no value
    that happens to have a member of the same name: it names a type of attributes, or it has what only attributes
    have beside their value, or nothing but attributes."""
    if not isinstance(value, Mapping) or value.keys().isdisjoint(VALUES):
        return False
    if "type" in value:
        return value["type"] in _TYPES if isinstance(value["type"], str) else False
    others = [entry for name, entry in value.items() if name not in VALUES and name not in _MARKS]
    return not _MARKS.isdisjoint(value) or all(is_attribute(entry) for entry in others)


def simplify(attribute: Any) -> Any:
    """Return the value of an attribute; of one with several instances, the value of each by its ``datasetId``. A
    value stays what it is."""
    if isinstance(attribute, list):
        names = [entry.get("datasetId", "@none") if isinstance(entry, Mapping) else "@none" for entry in attribute]
        return {"dataset": {str(name): simplify(entry) for name, entry in zip(names, attribute, strict=True)}}
    if not isinstance(attribute, Mapping):
        return attribute
    for name in ("value", "object"):
        if name in attribute:
            return attribute[name]
    values = {name: attribute[name] for name in VALUES if name in attribute}
    return values or attribute
