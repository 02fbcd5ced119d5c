"""Write the rows of a JSON Schema as a record of Avro."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from node.semantics.schemas.conformity import types_of
from node.semantics.schemas.languages.field_table import text_of
from node.semantics.schemas.languages.model import OPTIONAL, TERM, TERM_WORDS, UNIT, UNIT_WORDS

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPES: Final[Mapping[tuple[str, Any], Any]] = {
    ("integer", None): "long",
    ("integer", "int32"): "int",
    ("integer", "int64"): "long",
    ("number", None): "double",
    ("number", "float"): "float",
    ("number", "double"): "double",
    ("boolean", None): "boolean",
    ("string", None): "string",
    ("string", "binary"): "bytes",
    ("string", "date"): {"type": "int", "logicalType": "date"},
    ("string", "time"): {"type": "int", "logicalType": "time-millis"},
    ("string", "date-time"): {"type": "long", "logicalType": "timestamp-millis"},
    ("string", "uuid"): {"type": "string", "logicalType": "uuid"},
    ("null", None): "null",
}
_LOST: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "minItems",
    "maxItems", "const",
)  # fmt: skip
_DEPTH: Final = 12


class Source(Protocol):
    """The row that is written (``node.semantics.schemas.languages.writers.Rows``)."""

    row: Mapping[str, Any]

    def lose(self, path: str, what: str) -> None: ...

    def fields(self, row: Mapping[str, Any], path: str) -> dict[str, dict[str, Any]]: ...

    @property
    def resolver(self) -> Any: ...


def write_avro(rows: Source, name: str) -> str:
    """Return the record ``name``. A field that may be missing can be null, and is so by default."""
    record = _Writer(rows).record(rows.row, name, "", 0)
    return json.dumps(record, indent=2, ensure_ascii=False)


class _Writer:
    def __init__(self, rows: Source) -> None:
        self._rows = rows
        self._names: set[str] = set()

    def record(self, row: Mapping[str, Any], name: str, path: str, depth: int) -> dict[str, Any]:
        demands = row.get("required")
        demands = frozenset(map(str, demands)) if isinstance(demands, list) else frozenset()
        record: dict[str, Any] = {"type": "record", "name": self._name(name), "fields": []}
        if isinstance(row.get("title"), str):
            self._rows.lose(path, "title")
        if row.get("additionalProperties") is False:
            self._rows.lose(path, "additionalProperties")
        if isinstance(row.get("description"), str):
            record["doc"] = row["description"]
        for key, rules in self._rows.fields(row, path).items():
            place = f"{path}.{key}" if path else key
            record["fields"].append(self._field(key, rules, place, depth, is_required=key in demands))
        return record

    def _name(self, name: str) -> str:
        base = re.sub(r"\W", "_", name, flags=re.ASCII)
        base = base if _NAME.fullmatch(base) else f"_{base}"
        unique, number = base, 1
        while unique in self._names:
            number += 1
            unique = f"{base}_{number}"
        self._names.add(unique)
        return unique

    def _field(
        self, key: str, rules: Mapping[str, Any], path: str, depth: int, *, is_required: bool
    ) -> dict[str, Any]:
        safe = key
        if not _NAME.fullmatch(key):
            safe = re.sub(r"\W", "_", key, flags=re.ASCII)
            safe = safe if _NAME.fullmatch(safe) else f"_{safe}"
            self._rows.lose(path, f"name {key}")
        kind = self.type(rules, safe, path, depth)
        field: dict[str, Any] = {"name": safe, "type": kind}
        is_null = "null" in types_of(rules)
        if is_null or not is_required:
            field["type"] = ["null", *(kind if isinstance(kind, list) else [kind])]
            if not is_required:
                field["default"] = rules.get("default")
                if rules.get("default") is not None:
                    field["type"] = [*field["type"][1:], "null"]
            if not is_null:
                self._rows.lose(path, OPTIONAL)
        for word, ours in (("title", "title"), ("description", "doc")):
            if isinstance(rules.get(word), str):
                field[ours] = rules[word]
        term, unit = text_of(rules, TERM_WORDS), text_of(rules, UNIT_WORDS)
        if term:
            field[TERM] = term
        if unit:
            field[UNIT] = unit
        return field

    def type(self, rules: Mapping[str, Any], name: str, path: str, depth: int) -> Any:
        for word in _LOST:
            if word in rules:
                self._rows.lose(path, word)
        types = sorted(types_of(rules) - {"null"})
        if not types and "properties" in rules:
            types = ["object"]
        if len(types) != 1:
            if types == ["integer", "number"]:
                return "double"
            return self._text(rules, path)
        kind = types[0]
        choices = rules.get("enum")
        if isinstance(choices, list):
            texts = [choice for choice in choices if choice is not None]
            if kind == "string" and all(isinstance(text, str) and _NAME.fullmatch(text) for text in texts):
                return {"type": "enum", "name": self._name(f"{name}_values"), "symbols": texts}
            self._rows.lose(path, "enum")
        if kind == "object":
            return self._object(rules, name, path, depth)
        if kind == "array":
            inner = self._rows.resolver.resolve(rules.get("items"))
            if not inner or depth >= _DEPTH:
                self._rows.lose(path, "items")
                return {"type": "array", "items": "string"}
            return {"type": "array", "items": self.type(inner, f"{name}_item", f"{path}[]", depth + 1)}
        return self._plain(kind, rules.get("format"), path)

    def _text(self, rules: Mapping[str, Any], path: str) -> str:
        """Write values of several types, or of any, as texts."""
        self._rows.lose(path, "type" if types_of(rules) else "type any")
        if "enum" in rules:
            self._rows.lose(path, "enum")
        return "string"

    def _plain(self, kind: str, form: Any, path: str) -> Any:
        if (kind, form) not in _TYPES:
            self._rows.lose(path, f"format {form}")
            form = None
        return _TYPES[kind, form]

    def _object(self, rules: Mapping[str, Any], name: str, path: str, depth: int) -> Any:
        if depth < _DEPTH and "properties" in rules:
            return self.record(rules, f"{name}_row", path, depth + 1)
        inner = rules.get("additionalProperties")
        if isinstance(inner, Mapping) and depth < _DEPTH:
            values = self._rows.resolver.resolve(inner)
            return {"type": "map", "values": self.type(values, f"{name}_value", f"{path}.*", depth + 1)}
        self._rows.lose(path, "object")
        return "string"
