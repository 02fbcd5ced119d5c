"""The fields of a schema as one table, whatever its language is: name, type, unit, term, constraints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.semantics.schemas.changes import Resolver
from node.semantics.schemas.languages.model import TERM_WORDS, UNIT_WORDS, FieldRow

MOST: Final = 500
"""Lines of one table."""
_DEPTH: Final = 6
_BOUNDS: Final = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("exclusiveMaximum", "< {}"),
    ("minLength", "length ≥ {}"),
    ("maxLength", "length ≤ {}"),
    ("minItems", "items ≥ {}"),
    ("maxItems", "items ≤ {}"),
    ("pattern", "/{}/"),
    ("const", "= {}"),
    ("multipleOf", "× {}"),
)
_UNSEEN: Final = ("anyOf", "oneOf", "not", "if", "patternProperties", "dependentRequired")
_VALUES: Final = 12


def field_table(schema: Mapping[str, Any]) -> tuple[FieldRow, ...]:
    """Return the lines of the table for the JSON Schema of a row, or of a list of rows: rows inside rows follow the
    field that holds them. At most ``MOST``."""
    resolver = Resolver(schema)
    row = resolver.resolve(schema)
    if "properties" not in row and "items" in row:
        row = resolver.resolve(row["items"])
    lines: list[FieldRow] = []
    for line in _lines(row, "", resolver, frozenset()):
        if len(lines) == MOST:
            break
        lines.append(line)
    return tuple(lines)


def _lines(row: Mapping[str, Any], path: str, resolver: Resolver, references: frozenset[str]) -> Iterator[FieldRow]:
    properties, demands = row.get("properties"), row.get("required")
    names = frozenset(map(str, demands)) if isinstance(demands, list) else frozenset()
    for key, value in properties.items() if isinstance(properties, Mapping) else ():
        name = f"{path}.{key}" if path else str(key)
        own = value if isinstance(value, Mapping) else {}
        rules = {**resolver.resolve(own), **{word: part for word, part in own.items() if word != "$ref"}}
        inner: Mapping[str, Any] = rules
        references_here = [own.get("$ref")]
        while "items" in inner and "properties" not in inner and name.count("[]") < _DEPTH:
            name += "[]"
            items = inner["items"]
            references_here.append(items.get("$ref") if isinstance(items, Mapping) else None)
            inner = resolver.resolve(items)
        yield FieldRow(
            name=name,
            type=type_words(rules, resolver),
            unit=text_of(rules, UNIT_WORDS) or text_of(inner, UNIT_WORDS),
            term=text_of(rules, TERM_WORDS),
            title=text_of(rules, ("title",)),
            description=text_of(rules, ("description",)),
            required=str(key) in names,
            constraints=tuple(_constraints(rules if inner is rules else {**inner, **_own(rules)})),
        )
        new = {reference for reference in references_here if isinstance(reference, str)}
        # A row that is inside itself is shown once.
        if new.isdisjoint(references) and name.count(".") < _DEPTH:
            yield from _lines(inner, name, resolver, references | new)


def _own(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {word: rules[word] for word in ("minItems", "maxItems") if word in rules}


def type_words(rules: Mapping[str, Any], resolver: Resolver) -> str:
    """Return the type of a field in one word or two: ``string (date)``, ``list of number``, ``integer or null``."""
    if "items" in rules and "properties" not in rules:
        inner = resolver.resolve(rules["items"])
        return f"list of {type_words(inner, resolver) or 'any'}" if "items" not in inner else "list of lists"
    stated = rules.get("type")
    names = [stated] if isinstance(stated, str) else list(map(str, stated)) if isinstance(stated, list) else []
    if not names and "properties" in rules:
        names = ["object"]
    form = rules.get("format")
    text = " or ".join(names)
    return f"{text} ({form})" if text and isinstance(form, str) else text


def _constraints(rules: Mapping[str, Any]) -> Iterator[str]:
    for word, form in _BOUNDS:
        if word in rules and isinstance(rules[word], str | int | float):
            yield form.format(str(rules[word])[:200])
    choices = rules.get("enum")
    if isinstance(choices, list):
        texts = [str(choice) if isinstance(choice, str) else json.dumps(choice) for choice in choices[:_VALUES]]
        yield " | ".join(text[:60] for text in texts) + (" | …" if len(choices) > _VALUES else "")
    for word in _UNSEEN:
        if word in rules:
            yield word


def text_of(rules: Mapping[str, Any], words: tuple[str, ...]) -> str:
    """Return the first text that ``rules`` have for one of ``words``; empty if they have none."""
    for word in words:
        value = rules.get(word)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""
