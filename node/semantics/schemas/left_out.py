"""Find the rules of a JSON Schema that data are not compared with, so that a report can name them.

The check of rows of JSON (``node.semantics.schemas.members``) knows nearly all of them, that of the cells of a table
(``node.semantics.schemas.conformity``) types, values, bounds, multiples, lengths, patterns and many formats. Whoever
reads that all rows fit has to know which rules that does not cover.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.semantics.schemas.changes import Resolver
from node.semantics.schemas.formats import format_check

UNKNOWN: Final = frozenset({"$ref", "$dynamicRef", "unevaluatedProperties", "unevaluatedItems"})
"""Rules that nothing is compared with; a reference is one if it leads out of the document, or in a circle."""
_OF_ROWS: Final = (*sorted(UNKNOWN), "format")
_OF_CELLS: Final = (
    *_OF_ROWS, "allOf", "anyOf", "oneOf", "not", "if", "uniqueItems", "contains", "prefixItems",
    "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "minProperties",
    "maxProperties",
)  # fmt: skip
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE: Final = ("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties")
_NAMED: Final = ("patternProperties", "dependentSchemas", "dependencies")
_STORED: Final = frozenset({"int32", "int64", "float", "double", "binary", "year"})
"""Formats that say how a value is stored."""
_FIELDS: Final = 2000
_DEPTH: Final = 16
_NAMES: Final = 5
"""Fields that are named for one rule."""


def rules_left_out(schema: Mapping[str, Any], *, in_cells: bool = False) -> tuple[str, ...]:
    """Return the rules in ``schema`` that no row is compared with: the word, and the fields that have it in brackets,
    such as ``format (since, until)``. ``in_cells``: the rows are those of a table, where rows and lists inside a cell
    are not compared either. At most ``_FIELDS`` fields are looked at."""
    resolver = Resolver(schema)
    row = resolver.resolve(schema)
    if "properties" not in row and "items" in row:
        row = resolver.resolve(row["items"])
    places: dict[str, list[str]] = {}
    for count, (word, path) in enumerate(_walk(row, resolver, in_cells=in_cells)):
        if count == _FIELDS:
            break
        places.setdefault(word, []).append(path)
    return tuple(_text(word, paths) for word, paths in places.items())


def _text(word: str, paths: list[str]) -> str:
    names = list(dict.fromkeys(path[:60] for path in paths if path))
    more = ", …" if len(names) > _NAMES else ""
    return f"{word} ({', '.join(names[:_NAMES])}{more})" if names else word


def _walk(row: Mapping[str, Any], resolver: Resolver, *, in_cells: bool) -> Iterator[tuple[str, str]]:
    ahead: list[tuple[Mapping[str, Any], str, int]] = [(row, "", 0)]
    looked_at: set[int] = set()
    for _ in range(_FIELDS):
        if not ahead:
            return
        rules, path, depth = ahead.pop(0)
        for word in _OF_CELLS if in_cells else _OF_ROWS:
            if word in rules and (word != "format" or is_format_left_out(rules, in_cells=in_cells)):
                yield word, path
        # Rules that many fields refer to are looked at for the first of them; so a schema in itself comes to an end.
        if id(rules) in looked_at or depth == _DEPTH:
            continue
        looked_at.add(id(rules))
        if in_cells and depth:
            yield from ((word, path) for word in ("properties", "items") if word in rules)
            continue
        properties = rules.get("properties")
        for key, value in properties.items() if isinstance(properties, Mapping) else ():
            ahead.append((resolver.resolve(value), f"{path}.{key}" if path else str(key), depth + 1))
        if isinstance(rules.get("items"), Mapping):
            ahead.append((resolver.resolve(rules["items"]), f"{path}[]", depth + 1))
        if not in_cells:
            ahead += ((resolver.resolve(schema), path, depth + 1) for schema in _parts_of(rules))


def _parts_of(rules: Mapping[str, Any]) -> Iterator[Any]:
    """Return the schemas that are combined in ``rules``."""
    for word in _LISTS:
        if isinstance(rules.get(word), list):
            yield from rules[word]
    for word in _NAMED:
        if isinstance(rules.get(word), Mapping):
            yield from rules[word].values()
    yield from (rules[word] for word in _SINGLE if word in rules)


def is_format_left_out(rules: Mapping[str, Any], *, in_cells: bool = False) -> bool:
    """Return whether ``rules`` state a format that values are not compared with."""
    name = rules.get("format")
    if name is None or (isinstance(name, str) and name in _STORED):
        return False
    return format_check(rules, in_cell=in_cells) is None
