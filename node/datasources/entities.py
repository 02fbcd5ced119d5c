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
