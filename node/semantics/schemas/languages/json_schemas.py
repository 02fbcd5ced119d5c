"""Read JSON Schema, NGSI-LD data models (smart data models) and components of OpenAPI.

They are nearly the same language. References within the document are followed when the schema is used; those to
elsewhere are named and never fetched. A description of the smart data models (``Property. … Units:'km/h'``) gives the
unit of a field, and the address of the model its term.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.semantics.profiles.units import unit_of
from node.semantics.schemas.changes import Resolver
from node.semantics.schemas.languages.model import (
    MAX_DEPTH,
    TERM,
    TERM_WORDS,
    UNIT,
    UNIT_WORDS,
    Reader,
    SchemaDocument,
    choose,
    schema_fault,
)
from node.semantics.schemas.languages.names import JSON_SCHEMA, NGSI_LD, OPENAPI

_MODEL: Final = re.compile(r"^https://smart-data-models\.github\.io/(dataModel\.[\w-]+)/[\w-]+/schema\.json$")
_NGSI_UNIT: Final = re.compile(r"Units:\s*'([^']{1,60})'")
_BRACKETS: Final = re.compile(r"\(([^)]{1,20})\)")
_PLACES: Final = {"liters": "l", "litres": "l", "liter": "l", "litre": "l", "degree": "deg", "meters": "m"}
_MOST_PARTS: Final = 5000


def is_ngsi_ld(document: Mapping[str, Any]) -> bool:
    """Return whether ``document`` is a data model of the smart data models."""
    return bool(_MODEL.match(str(document.get("$id", "")))) or "modelTags" in document


def read_json_schema(document: Mapping[str, Any]) -> SchemaDocument:
    """Return ``document`` as it is, but for bounds of Draft 4, with the references to elsewhere as losses."""
    reader = Reader()
    _note_remote(document, reader)
    return SchemaDocument(language=JSON_SCHEMA, schema=with_bounds(document), losses=tuple(reader.losses))


def read_ngsi_ld(document: Mapping[str, Any]) -> SchemaDocument:
    """Return a data model with units and terms at its fields."""
    reader = Reader()
    _note_remote(document, reader)
    model = _MODEL.match(str(document.get("$id", "")))
    base = f"https://smartdatamodels.org/{model[1]}/" if model else ""
    row = Resolver(document).resolve(document)
    properties = row.get("properties")
    if not isinstance(properties, Mapping):
        raise schema_fault(NGSI_LD, "it has no properties")
    fields = {str(name): _ngsi_field(str(name), rules, base) for name, rules in properties.items()}
    schema = {
        **{name: value for name, value in row.items() if name != "allOf"},
        "properties": fields,
        **{word: document[word] for word in ("$defs", "definitions") if word in document},
    }
    return SchemaDocument(language=NGSI_LD, schema=with_bounds(schema), losses=tuple(reader.losses))


def _ngsi_field(name: str, rules: Any, base: str) -> Any:
    if not isinstance(rules, Mapping):
        return rules
    more: dict[str, Any] = {}
    extension = rules.get("x-ngsi")
    unit = extension.get("units") if isinstance(extension, Mapping) else None
    match = _NGSI_UNIT.search(str(rules.get("description", "")))
    text = str(unit or (match[1] if match else "")).strip()
    code = _unit(text)
    if code and not any(word in rules for word in UNIT_WORDS):
        more[UNIT] = code
    if base and name not in ("id", "type") and not any(word in rules for word in TERM_WORDS):
        more[TERM] = base + name
    return {**rules, **more}


def _unit(text: str) -> str:
    inner = _BRACKETS.search(text)
    for candidate in ((inner[1] if inner else ""), text, _PLACES.get(text.casefold(), "")):
        code = unit_of(f"x [{candidate}]") if candidate else None
        if code:
            return code
    return ""


def read_openapi(document: Mapping[str, Any], part: str = "") -> SchemaDocument:
    """Return one component of ``document`` (OpenAPI 3, or Swagger 2)."""
    components = document.get("components")
    pointer = "#/components/schemas/"
    schemas: Any = components.get("schemas") if isinstance(components, Mapping) else None
    if not isinstance(schemas, Mapping):
        pointer, schemas = "#/definitions/", document.get("definitions")
    parts = {str(name): rules for name, rules in schemas.items()} if isinstance(schemas, Mapping) else {}
    reader = Reader()
    _note_remote({"components": schemas}, reader)
    rows = {name: rules for name, rules in parts.items() if isinstance(rules, Mapping) and _has_fields(rules)}
    referred = {reference.removeprefix(pointer) for rules in parts.values() for reference in _references(rules)}
    roots = tuple(name for name in rows if name not in referred) or tuple(rows)
    part_name = choose(parts, part, roots, "component")
    holder = {"components": {"schemas": parts}} if pointer.startswith("#/components") else {"definitions": parts}
    schema = {"$ref": pointer + part_name.replace("~", "~0").replace("/", "~1"), **holder}
    return SchemaDocument(
        language=OPENAPI,
        schema=with_bounds(_nullable(schema)),
        part=part_name,
        parts=tuple(parts),
        losses=tuple(reader.losses),
    )


def _has_fields(rules: Mapping[str, Any]) -> bool:
    return "properties" in rules or "allOf" in rules


def _nullable(value: Any, depth: int = 0) -> Any:
    """Return a copy in which ``nullable`` of OpenAPI 3.0 is a type of JSON Schema."""
    if depth > 4 * MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        copy = {name: _nullable(part, depth + 1) for name, part in value.items() if name != "example"}
        if copy.get("nullable") is True and isinstance(copy.get("type"), str):
            copy["type"] = [copy["type"], "null"]
            del copy["nullable"]
        return copy
    return [_nullable(part, depth + 1) for part in value] if isinstance(value, list) else value


def with_bounds(value: Any, depth: int = 0) -> Any:
    """Return ``value`` with ``exclusiveMinimum: true`` (Draft 4, OpenAPI 3.0) written as the number that it is about;
    ``value`` itself if it has none."""
    if depth > 4 * MAX_DEPTH:
        return value
    if isinstance(value, list):
        parts = [with_bounds(part, depth + 1) for part in value]
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    if not isinstance(value, Mapping):
        return value
    copy = {name: with_bounds(part, depth + 1) for name, part in value.items()}
    has_changed = any(copy[name] is not part for name, part in value.items())
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(copy.get(word), bool):
            has_changed = True
            if copy.pop(word) and limit in copy:
                copy[word] = copy.pop(limit)
    return copy if has_changed else value


def _references(value: Any) -> Iterator[str]:
    ahead = [(value, 0)]
    for _ in range(100_000):
        if not ahead:
            return
        item, depth = ahead.pop()
        if depth > 8 * MAX_DEPTH:
            continue
        if isinstance(item, Mapping):
            if isinstance(item.get("$ref"), str):
                yield item["$ref"]
            ahead += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            ahead += [(inner, depth + 1) for inner in item[:_MOST_PARTS]]


def remote_references(document: Any) -> list[str]:
    """Return the addresses of other schemas that a JSON Schema names, each once."""
    return [reference for reference in dict.fromkeys(_references(document)) if not reference.startswith("#")]


def _note_remote(document: Any, reader: Reader) -> None:
    for reference in remote_references(document):
        reader.lose("", f"$ref {reference}")
