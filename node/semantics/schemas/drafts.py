"""Draft a JSON Schema: from the columns of a table, or from a class of an ontology and its properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.semantics.ontologies.restrictions import Restriction
from node.semantics.schemas.languages.model import TERM, UNIT
from node.vocab.namespaces import GEOSPARQL, RDF, RDFS, XSD, local_name

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "text": {"type": "string"},
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "json": {"type": "object"},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "binary": {"type": "string", "format": "binary"},
}
_RANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    **{f"{XSD}{name}": {"type": "string"} for name in ("string", "token", "normalizedString", "language")},
    **{name: {"type": "string"} for name in (f"{RDF}langString", f"{RDFS}Literal", f"{RDF}PlainLiteral")},
    **{f"{XSD}{name}": {"type": "integer"} for name in ("integer", "int", "long", "short", "byte")},
    **{f"{XSD}{name}": {"type": "number"} for name in ("decimal", "double", "float")},
    f"{XSD}nonNegativeInteger": {"type": "integer", "minimum": 0},
    f"{XSD}positiveInteger": {"type": "integer", "minimum": 1},
    f"{XSD}boolean": {"type": "boolean"},
    f"{XSD}date": {"type": "string", "format": "date"},
    f"{XSD}dateTime": {"type": "string", "format": "date-time"},
    f"{XSD}dateTimeStamp": {"type": "string", "format": "date-time"},
    f"{XSD}time": {"type": "string", "format": "time"},
    f"{XSD}duration": {"type": "string", "format": "duration"},
    f"{XSD}anyURI": {"type": "string", "format": "uri"},
    f"{GEOSPARQL}wktLiteral": {"type": "string"},
}


def of_columns(columns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of rows with ``columns``: ``name``, ``type`` (a code of
    ``node.semantics.codelists.datatypes`` or a type of JSON Schema), ``unit``, ``term``, ``title``, ``description``,
    ``required``, and ``values`` if these are all that are admitted."""
    properties: dict[str, Any] = {}
    obligatory = []
    for column in columns:
        rules = dict(_TYPES.get(str(column.get("type", "")), {}))
        rules |= {word: column[word] for word in ("title", "description") if column.get(word)}
        if column.get("unit"):
            rules[UNIT] = column["unit"]
        if column.get("term"):
            rules[TERM] = column["term"]
        if column.get("values") and rules.get("type") == "string" and "format" not in rules:
            rules["enum"] = list(column["values"])
        properties[str(column["name"])] = rules
        if column.get("required"):
            obligatory.append(str(column["name"]))
    schema: dict[str, Any] = {"$schema": DIALECT, "type": "object", "properties": properties}
    return {**schema, "required": obligatory} if obligatory else schema


def of_class(
    properties: Iterable[tuple[str, str, str, tuple[str, ...]]], restrictions: Iterable[Restriction]
) -> dict[str, Any]:
    """Return the schema of members of a class: ``properties`` as (address, label, definition, ranges).

    A property that the class demands (``owl:minCardinality``, ``owl:someValuesFrom``) is required.
    The values of properties between things are their addresses.
    """
    rules_of: dict[str, list[Restriction]] = {}
    for restriction in restrictions:
        rules_of.setdefault(restriction.property_, []).append(restriction)
    fields: dict[str, Any] = {}
    obligatory = []
    for address, label, definition, ranges in properties:
        name = local_name(address)
        name = name if name not in fields else address
        ranges_here = [rule.value for rule in rules_of.get(address, ()) if rule.kind in ("some", "only")]
        known = [_RANGES[iri] for iri in (*ranges, *ranges_here) if iri in _RANGES]
        rules: dict[str, Any] = dict(known[0]) if known else {"type": "string", "format": "uri"}
        if not known and not ranges and not ranges_here:
            rules = {}
        rules[TERM] = address
        if label and label != name:
            rules["title"] = label
        if definition:
            rules["description"] = definition
        if any(_demands(rule) for rule in rules_of.get(address, ())):
            obligatory.append(name)
        fields[name] = rules
    schema: dict[str, Any] = {"$schema": DIALECT, "type": "object", "properties": fields}
    return {**schema, "required": obligatory} if obligatory else schema


def _demands(restriction: Restriction) -> bool:
    if restriction.kind in ("least", "exactly"):
        return restriction.value.isdigit() and int(restriction.value) > 0
    return restriction.kind == "some"
