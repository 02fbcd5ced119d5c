"""Write the rows of a JSON Schema as Table Schema, CSV on the Web, Avro or SHACL, with the list of what is lost.

What a language cannot say is left out and named: nothing is said in another way that only this node would understand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.schemas.changes import Resolver
from node.semantics.schemas.conformity import types_of
from node.semantics.schemas.languages import avro_writer, shacl_writer
from node.semantics.schemas.languages.field_table import text_of
from node.semantics.schemas.languages.model import TERM_WORDS, UNIT_WORDS, Loss, Reader
from node.semantics.schemas.languages.names import AVRO, CSVW, JSON_SCHEMA, LANGUAGES, SHACL, TABLE_SCHEMA, WRITTEN

_TYPES: Final = {"string", "number", "integer", "boolean", "object", "array"}
_TABLE_FORMATS: Final = {
    "date": ("date", ""),
    "time": ("time", ""),
    "date-time": ("datetime", ""),
    "duration": ("duration", ""),
    "year-month": ("yearmonth", ""),
    "geopoint": ("geopoint", ""),
    "email": ("string", "email"),
    "uri": ("string", "uri"),
    "uuid": ("string", "uuid"),
    "binary": ("string", "binary"),
}
_TABLE_BOUNDS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "enum",
)  # fmt: skip
_CSVW_FORMATS: Final = {
    "date": "date",
    "time": "time",
    "date-time": "datetime",
    "duration": "duration",
    "year-month": "gYearMonth",
    "uri": "anyURI",
    "int32": "int",
    "int64": "long",
    "float": "float",
    "double": "double",
    "year": "gYear",
}
_CSVW_BOUNDS: Final = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "minExclusive",
    "exclusiveMaximum": "maxExclusive",
    "minLength": "minLength",
    "maxLength": "maxLength",
}
_KNOWN: Final = frozenset(
    {"type", "format", "title", "description", "enum", "const", "pattern", "properties", "required", "items",
     "examples", "default", "$schema", "$id", "$comment", "$ref", "$defs", "definitions", "additionalProperties",
     "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
     "x-protobuf-number", "components", "modelTags", "$schemaVersion", "derivedFrom", "license", "version",
     *UNIT_WORDS, *TERM_WORDS}
)  # fmt: skip
"""Words that some other language has too, or that say nothing about rows."""


def write_schema(schema: Mapping[str, Any], language: str, *, name: str = "Row") -> tuple[str, tuple[Loss, ...]]:
    """Return the rows of ``schema`` in ``language``, and what is lost on the way. ``name``: of the record or shape.

    Raises ``InvalidInput`` for a language that is not written, and a schema without fields.
    """
    writers: Mapping[str, Callable[[Rows, str], str]] = {
        TABLE_SCHEMA: _table_schema,
        CSVW: _csvw,
        AVRO: avro_writer.write_avro,
        SHACL: shacl_writer.write_shacl,
    }
    write = writers.get(language)
    if write is None and language != JSON_SCHEMA:
        names = ", ".join(WRITTEN)
        own = LANGUAGES.get(language, language[:40])
        raise InvalidInput(f"schemas are not written as {own or 'nothing'}", remedy=f"choose one of: {names}")
    if language == JSON_SCHEMA:
        return json.dumps(schema, indent=2, ensure_ascii=False) + "\n", ()
    assert write is not None
    rows = Rows(schema)
    if not rows.properties:
        raise InvalidInput("the schema has no fields", remedy="choose a schema with properties")
    for word in sorted(set(rows.row) - _KNOWN):
        rows.lose("", word)
    safe = re.sub(r"\W", "_", name) or "Row"
    return write(rows, safe if not safe[0].isdigit() else f"_{safe}") + "\n", tuple(rows.losses)


class Rows(Reader):
    """The row of a schema, with references followed, and the losses so far."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__()
        self.resolver = Resolver(schema)
        row = self.resolver.resolve(schema)
        if "properties" not in row and "items" in row:
            row = self.resolver.resolve(row["items"])
        self.row = row
        self._open: dict[str, frozenset[str]] = {}
        """Path → the references that were followed on the way to it."""
        self.properties = self.fields(row, "")
        self.required = _demands_of(row)

    def fields(self, row: Mapping[str, Any], path: str) -> dict[str, dict[str, Any]]:
        """Return the fields of ``row`` with references followed; words that no other language has are lost, and so
        are rows that are inside themselves.

        Raises ``InvalidInput`` beyond the limits.
        """
        properties = row.get("properties")
        fields = {}
        for key, value in properties.items() if isinstance(properties, Mapping) else ():
            name = f"{path}.{key}" if path else str(key)
            self.count(name.count("."))
            rules = self._resolve(value, name, self._open.get(path, frozenset()))
            if isinstance(rules.get("items"), Mapping):
                rules["items"] = self._resolve(rules["items"], f"{name}[]", self._open[name])
                # Writers name the rows of a list by the list, or with brackets.
                self._open[name] = self._open[f"{name}[]"]
            for word in sorted(set(rules) - _KNOWN):
                if not word.startswith("x-"):
                    self.lose(name, word)
            fields[str(key)] = rules
        return fields

    def _resolve(self, value: Any, name: str, references: frozenset[str]) -> dict[str, Any]:
        own = value if isinstance(value, Mapping) else {}
        reference = own.get("$ref")
        texts = {word: part for word, part in own.items() if word != "$ref"}
        if isinstance(reference, str):
            if reference in references or not reference.startswith("#"):
                self.lose(name, f"$ref {reference}")
                self._open[name] = references
                return {"type": "object", **texts} if reference in references else texts
            references |= {reference}
        self._open[name] = references
        rules = {**self.resolver.resolve(own), **texts}
        if "$ref" in rules:
            self.lose(name, f"$ref {rules.pop('$ref')}")
        return rules


def _demands_of(row: Mapping[str, Any]) -> frozenset[str]:
    demands = row.get("required")
    return frozenset(map(str, demands)) if isinstance(demands, list) else frozenset()


def _table_schema(rows: Rows, _: str) -> str:
    fields = []
    for name, rules in rows.properties.items():
        kind, form = _table_type(rules, name, rows)
        field: dict[str, Any] = {"name": name, "type": kind}
        if form:
            field["format"] = form
        field |= {word: rules[word] for word in ("title", "description") if isinstance(rules.get(word), str)}
        term, unit = text_of(rules, TERM_WORDS), text_of(rules, UNIT_WORDS)
        if term:
            field["rdfType"] = term
        if unit:
            field["unit"] = unit
        constraints: dict[str, Any] = {"required": True} if name in rows.required else {}
        constraints |= {word: rules[word] for word in _TABLE_BOUNDS if word in rules}
        if "const" in rules:
            constraints["enum"] = [rules["const"]]
        if constraints:
            field["constraints"] = constraints
        for word in ("minItems", "maxItems", "default"):
            if word in rules:
                rows.lose(name, word)
        fields.append(field)
    document: dict[str, Any] = {"fields": fields}
    document |= {word: rows.row[word] for word in ("title", "description") if isinstance(rows.row.get(word), str)}
    if rows.row.get("additionalProperties") is False:
        document["fieldsMatch"] = ["exact"]
    return json.dumps(document, indent=2, ensure_ascii=False)


def _table_type(rules: Mapping[str, Any], name: str, rows: Rows) -> tuple[str, str]:
    types = types_of(rules)
    if "null" in types and name in rows.required:
        rows.lose(name, "null")
    types -= {"null"}
    if not types:
        return ("object", "") if "properties" in rules else ("any", "")
    if len(types) > 1 and types != {"number", "integer"}:
        rows.lose(name, "type")
        return "any", ""
    kind = "number" if len(types) > 1 else next(iter(types))
    if kind in ("object", "array") and ("properties" in rules or "items" in rules):
        rows.lose(name, "properties" if kind == "object" else "items")
    form = rules.get("format")
    if kind == "string" and form in _TABLE_FORMATS:
        return _TABLE_FORMATS[str(form)]
    if kind == "integer" and form == "year":
        return "year", ""
    if kind == "object" and form == "geojson":
        return "geojson", ""
    if form is not None:
        rows.lose(name, f"format {form}")
    return (kind if kind in _TYPES else "any"), ""


def _csvw(rows: Rows, _: str) -> str:
    columns = [_csvw_column(name, rules, rows) for name, rules in rows.properties.items()]
    for word in ("title", "description"):
        if isinstance(rows.row.get(word), str):
            rows.lose("", word)
    if rows.row.get("additionalProperties") is False:
        rows.lose("", "additionalProperties")
    table = {"@context": "http://www.w3.org/ns/csvw", "tableSchema": {"columns": columns}}
    return json.dumps(table, indent=2, ensure_ascii=False)


def _csvw_column(name: str, rules: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
    types = types_of(rules)
    if "null" in types and name in rows.required:
        rows.lose(name, "null")
    if types - {"null"} == {"array"} and isinstance(rules.get("items"), Mapping):
        rows.lose(name, "items")
    datatype: dict[str, Any] = {"base": _csvw_type(rules, name, rows)}
    datatype |= {theirs: rules[ours] for ours, theirs in _CSVW_BOUNDS.items() if ours in rules}
    pattern = rules.get("pattern")
    if isinstance(pattern, str):
        whole = re.fullmatch(r"\^\(\?:(.*)\)\$", pattern)
        is_anchored = pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern
        if datatype["base"] == "string" and (whole or is_anchored):
            datatype["format"] = whole[1] if whole else pattern[1:-1]
        else:
            rows.lose(name, "pattern")
    column: dict[str, Any] = {
        "name": name,
        "titles": rules.get("title") or name,
        "datatype": datatype["base"] if len(datatype) == 1 else datatype,
        "dc:description": rules.get("description"),
        "propertyUrl": text_of(rules, TERM_WORDS),
        "qudt:ucumCode": text_of(rules, UNIT_WORDS),
        "required": name in rows.required,
    }
    for word in ("enum", "const", "minItems", "maxItems", "default"):
        if word in rules:
            rows.lose(name, word)
    return {word: value for word, value in column.items() if value}


def _csvw_type(rules: Mapping[str, Any], name: str, rows: Rows) -> str:
    types = types_of(rules) - {"null"}
    form = rules.get("format")
    if not types:
        return "any"
    if len(types) > 1 and types != {"number", "integer"}:
        rows.lose(name, "type")
        return "string"
    kind = "number" if len(types) > 1 else next(iter(types))
    if kind in ("object", "array"):
        if "properties" in rules:
            rows.lose(name, "properties")
        return "json"
    if form in _CSVW_FORMATS:
        return _CSVW_FORMATS[str(form)]
    if form is not None:
        rows.lose(name, f"format {form}")
    return {"number": "decimal"}.get(kind, kind)
