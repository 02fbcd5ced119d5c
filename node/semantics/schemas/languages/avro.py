"""Read schemas of Apache Avro (1.12, *Schema Declaration*) as JSON Schema of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.semantics.schemas.languages.model import TERM, UNIT, Reader, SchemaDocument, choose, schema_fault
from node.semantics.schemas.languages.names import AVRO

_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "format": "int32"},
    "long": {"type": "integer"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number"},
    "bytes": {"type": "string", "format": "binary"},
    "string": {"type": "string"},
}
_LOGICAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "date": {"type": "string", "format": "date"},
    "time-millis": {"type": "string", "format": "time"},
    "time-micros": {"type": "string", "format": "time"},
    "timestamp-millis": {"type": "string", "format": "date-time"},
    "timestamp-micros": {"type": "string", "format": "date-time"},
    "local-timestamp-millis": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "decimal": {"type": "number"},
    "duration": {"type": "string", "format": "duration"},
}
_LOST: Final = ("order", "aliases")
_PLAIN_LOGICAL: Final = frozenset({"date", "time-millis", "timestamp-millis", "uuid"})


def read_avro(document: Any, part: str = "") -> SchemaDocument:
    """Return a record of ``document`` (a record, or a list of named types)."""
    reader = _AvroReader()
    types = document if isinstance(document, list) else [document]
    records = {
        str(item.get("name")): item for item in types if isinstance(item, Mapping) and item.get("type") == "record"
    }
    for item in types:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            raise schema_fault(AVRO, "each type of the list needs a name")
    last = tuple(records)[-1:]
    name = choose(records, part, last, "record")
    for item in types:
        reader.schema_of(item, "", 0)
    full_name = reader.full_name(name, str(records[name].get("namespace") or ""))
    row = dict(reader.definitions[full_name])
    if any(f"#/$defs/{known}" in repr(row) for known in reader.definitions):
        row["$defs"] = reader.definitions
    return SchemaDocument(language=AVRO, schema=row, part=name, parts=tuple(records), losses=tuple(reader.losses))


class _AvroReader(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.definitions: dict[str, Any] = {}

    def full_name(self, name: str, namespace: str) -> str:
        return name if "." in name or not namespace else f"{namespace}.{name}"

    def schema_of(self, value: Any, path: str, depth: int, namespace: str = "") -> dict[str, Any]:
        """Return the JSON Schema of a type; a named one is a reference after it was read."""
        self.count(depth)
        if isinstance(value, str):
            if value in _TYPES:
                return dict(_TYPES[value])
            for name in (self.full_name(value, namespace), value):
                if name in self.definitions:
                    return {"$ref": f"#/$defs/{name}"}
            raise schema_fault(AVRO, f"{path or 'the schema'} has the unknown type {value[:80]}")
        if isinstance(value, list):
            return self._union(value, path, depth, namespace)
        if not isinstance(value, Mapping):
            raise schema_fault(AVRO, f"{path or 'the schema'} has no type")
        kind = value.get("type")
        if kind in ("record", "error", "enum", "fixed"):
            return self._type_of_name(str(kind), value, path, depth, namespace)
        if kind == "array":
            return {"type": "array", "items": self.schema_of(value.get("items"), f"{path}[]", depth + 1, namespace)}
        if kind == "map":
            inner = self.schema_of(value.get("values"), f"{path}.*", depth + 1, namespace)
            return {"type": "object", "additionalProperties": inner}
        logical = value.get("logicalType")
        rules = self.schema_of(kind, path, depth + 1, namespace)
        if isinstance(logical, str):
            if logical in _LOGICAL:
                rules = dict(_LOGICAL[logical])
            if logical not in _PLAIN_LOGICAL:
                self.lose(path, f"logicalType {logical}")
        return rules

    def _type_of_name(self, kind: str, value: Mapping[str, Any], path: str, depth: int, space: str) -> dict[str, Any]:
        namespace = str(value.get("namespace") or space)
        name = self.full_name(str(value.get("name", "")), namespace)
        if not name:
            raise schema_fault(AVRO, f"{path or 'a type'} has no name")
        if self.definitions.get(name):
            return {"$ref": f"#/$defs/{name}"}
        self.definitions[name] = None
        if value.get("aliases"):
            self.lose(path, "aliases")
        if kind == "enum":
            symbols = value.get("symbols")
            if not isinstance(symbols, list):
                raise schema_fault(AVRO, f"{name} has no symbols")
            rules: dict[str, Any] = {"type": "string", "enum": [str(symbol) for symbol in symbols]}
        elif kind == "fixed":
            self.lose(path, "fixed")
            rules = {"type": "string", "format": "binary"}
        else:
            rules = self._record(value, path, depth, namespace)
        if isinstance(value.get("doc"), str):
            rules["description"] = value["doc"]
        self.definitions[name] = rules
        return dict(rules) if kind != "record" else {"$ref": f"#/$defs/{name}"} if depth else rules

    def _record(self, value: Mapping[str, Any], path: str, depth: int, namespace: str) -> dict[str, Any]:
        fields = value.get("fields")
        if not isinstance(fields, list):
            raise schema_fault(AVRO, f"{path or value.get('name')} has no fields")
        properties: dict[str, Any] = {}
        obligatory = []
        for place, field in enumerate(fields, 1):
            name = field.get("name") if isinstance(field, Mapping) else None
            if not isinstance(name, str):
                raise schema_fault(AVRO, f"field {place} of {path or value.get('name')} has no name")
            inner = f"{path}.{name}" if path else name
            rules = self.schema_of(field.get("type"), inner, depth + 1, namespace)
            if isinstance(field.get("doc"), str):
                rules["description"] = field["doc"]
            for word, ours in ((UNIT, UNIT), ("unit", UNIT), (TERM, TERM), ("title", "title")):
                if isinstance(field.get(word), str):
                    rules[ours] = field[word]
            for word in _LOST:
                if word in field:
                    self.lose(inner, word)
            if "default" not in field:
                obligatory.append(name)
            elif field["default"] is not None:
                rules["default"] = field["default"]
            properties[name] = rules
        row: dict[str, Any] = {"type": "object", "properties": properties}
        if obligatory:
            row["required"] = obligatory
        return row

    def _union(self, branches: list[Any], path: str, depth: int, namespace: str) -> dict[str, Any]:
        schemas = [self.schema_of(branch, path, depth + 1, namespace) for branch in branches]
        rest = [schema for schema in schemas if schema != {"type": "null"}]
        if len(rest) == 1 and len(rest) < len(schemas):
            rules = rest[0]
            if isinstance(rules.get("type"), str):
                rules["type"] = [rules["type"], "null"]
                if isinstance(rules.get("enum"), list):
                    rules["enum"] = [*rules["enum"], None]
                return rules
        elif len(rest) == 1:
            return rest[0]
        return {"anyOf": schemas}
