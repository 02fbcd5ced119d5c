"""Write the rows of a JSON Schema as a node shape of SHACL, in Turtle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from node.semantics.schemas.conformity import types_of
from node.semantics.schemas.languages.avro_writer import Source
from node.semantics.schemas.languages.field_table import text_of
from node.semantics.schemas.languages.model import TERM_WORDS, UNIT_WORDS
from node.vocab.namespaces import QUDT, RDF, SH, XSD, local_name

_NS: Final = "urn:schema:"
_FORMATS: Final = {
    "date": "date",
    "time": "time",
    "date-time": "dateTime",
    "duration": "duration",
    "uri": "anyURI",
    "year-month": "gYearMonth",
    "year": "gYear",
    "int32": "int",
    "int64": "long",
    "float": "float",
    "double": "double",
}
_KINDS: Final = {"string": "string", "integer": "integer", "number": "decimal", "boolean": "boolean"}
_BOUNDS: Final = {
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
    "exclusiveMinimum": "minExclusive",
    "exclusiveMaximum": "maxExclusive",
    "minLength": "minLength",
    "maxLength": "maxLength",
}
_DEPTH: Final = 12


def write_shacl(rows: Source, name: str) -> str:
    """Return the shape ``name`` and those of rows inside its rows. A field without a term gets an address in
    ``urn:schema:``."""
    writer = _Writer(rows)
    writer.shape(rows.row, name, "", 0)
    names = {"sh": SH, "rdf": RDF, "xsd": XSD, "qudt": QUDT, "": _NS}
    head = [f"@prefix {name}: <{address}> ." for name, address in names.items()]
    return "\n".join([*head, "", *writer.blocks])


class _Writer:
    def __init__(self, rows: Source) -> None:
        self._rows = rows
        self.blocks: list[str] = []

    def shape(self, row: Mapping[str, Any], name: str, path: str, depth: int) -> str:
        """Write the shape for ``row``; return its address."""
        address = f":{quote(name, safe='')}".replace("%", "-")
        demands = row.get("required")
        obligatory = frozenset(map(str, demands)) if isinstance(demands, list) else frozenset()
        place = len(self.blocks)
        lines = [f"{address} a sh:NodeShape"]
        if isinstance(row.get("title"), str):
            lines.append(f"    sh:name {_text(row['title'])}")
        if isinstance(row.get("description"), str):
            lines.append(f"    sh:description {_text(row['description'])}")
        if row.get("additionalProperties") is False:
            # Closed to fields that are not named, and not to the class of the row.
            lines += ["    sh:closed true", "    sh:ignoredProperties ( rdf:type )"]
        for order, (key, rules) in enumerate(self._rows.fields(row, path).items(), 1):
            inner = f"{path}.{key}" if path else key
            parts = self._property(key, rules, inner, depth, order, key in obligatory)
            lines.append(f"    sh:property [ {' ; '.join(parts)} ]")
        self.blocks.insert(place, " ;\n".join(lines) + " .")
        return address

    def _property(
        self, key: str, rules: Mapping[str, Any], path: str, depth: int, order: int, obligatory: bool
    ) -> list[str]:
        term = text_of(rules, TERM_WORDS)
        is_term = term.startswith(("http://", "https://", "urn:")) and not set(term) & set('<>"{}|\\^` \n')
        if term and not is_term:
            self._rows.lose(path, "term")
        address = term if is_term else _NS + quote(key, safe="")
        parts = [f"sh:path <{address}>", f"sh:order {order}"]
        if local_name(address) != key:
            parts.append(f"sh:name {_text(key)}")
        if isinstance(rules.get("title"), str):
            # A name without a language is that of the field; nobody knows in which language the title is.
            parts.append(f"sh:name {_text(rules['title'])}@und")
        if isinstance(rules.get("description"), str):
            parts.append(f"sh:description {_text(rules['description'])}")
        unit = text_of(rules, UNIT_WORDS)
        if unit:
            parts.append(f"qudt:ucumCode {_text(unit)}")
        inner, most, least = rules, 1, int(obligatory)
        types = types_of(rules)
        if types - {"null"} == {"array"}:
            inner = self._rows.resolver.resolve(rules.get("items"))
            most = rules["maxItems"] if isinstance(rules.get("maxItems"), int) else 0
            items = rules["minItems"] if isinstance(rules.get("minItems"), int) else 0
            least = max(least, items if obligatory else 0)
            if items > 1 and not obligatory:
                self._rows.lose(path, "minItems")
        if "null" in types:
            self._rows.lose(path, "null")
        if least:
            parts.append(f"sh:minCount {least}")
        if most:
            parts.append(f"sh:maxCount {most}")
        return [*parts, *self._value(inner, key, path, depth)]

    def _value(self, rules: Mapping[str, Any], key: str, path: str, depth: int) -> list[str]:
        types = sorted(types_of(rules) - {"null"})
        if "properties" in rules and depth < _DEPTH:
            return [f"sh:node {self.shape(rules, f'{key}-{len(self.blocks) + 1}', path, depth + 1)}"]
        parts = []
        form = rules.get("format")
        kind = "number" if types == ["integer", "number"] else types[0] if len(types) == 1 else ""
        if kind in _KINDS:
            name = _FORMATS.get(str(form), _KINDS[kind])
            if form is not None and form not in _FORMATS:
                self._rows.lose(path, f"format {form}")
            parts.append(f"sh:datatype xsd:{name}")
        elif types:
            self._rows.lose(path, f"type {', '.join(types)}")
        for ours, theirs in _BOUNDS.items():
            if isinstance(rules.get(ours), int | float):
                parts.append(f"sh:{theirs} {_number(rules[ours])}")
        if isinstance(rules.get("pattern"), str):
            parts.append(f"sh:pattern {_text(rules['pattern'])}")
        choices = rules.get("enum", [rules["const"]] if "const" in rules else None)
        if isinstance(choices, list):
            if all(isinstance(choice, str | int | float) for choice in choices):
                parts.append(f"sh:in ( {' '.join(map(_literal, choices))} )")
            else:
                self._rows.lose(path, "enum")
        if isinstance(rules.get("default"), str | int | float):
            parts.append(f"sh:defaultValue {_literal(rules['default'])}")
        return parts


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else _number(value)


def _number(value: int | float) -> str:
    return repr(value)
