"""Find the differences between two versions of a JSON Schema, in words: which of them break data or readers.

A change is breaking if valid data become invalid, or if a field that readers know is gone or has another meaning: a
field removed, renamed or newly required, a value narrowed, a type changed. New optional fields and wider values are
reported, and break nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.findings.words import FINDINGS

MAX_DEPTH: Final = 24
_NESTED: Final = 8
_PARTS: Final = 100
"""Schemas in one ``allOf`` that are read."""
_PROSE: Final = frozenset({"title", "description", "$comment", "examples", "$id", "$schema", "default"})

_BREAKING: Final = frozenset(
    {
        "removed",
        "renamed",
        "required",
        "type",
        "type-narrowed",
        "values-removed",
        "tightened",
        "closed",
        "unit",
        "other",
    }
)
_NOT_BACKWARD: Final = _BREAKING - {"removed"}
"""Changes after which data of the old version may be wrong by the new one."""
_NOT_FORWARD: Final = frozenset(
    {"removed", "renamed", "optional", "type", "type-widened", "values-added", "loosened", "opened", "unit", "other"}
)
"""Changes after which readers of the old version may meet data that they do not know."""
_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "const", "multipleOf", "uniqueItems", "contentMediaType")
_UNITS: Final = ("x-ogc-unit", "unit", "x-unit")
_UNJUDGED: Final = (
    "$ref",
    "allOf",
    "anyOf",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "oneOf",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedProperties",
    "x-protobuf-number",
)
"""Words that are compared as they are written: if one differs, a person has to judge the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One difference: its place (``properties`` joined by dots), its kind, whether it breaks, and its words by
    language. ``closed``: one of the versions allows no other fields at this place."""

    path: str
    what: str
    text: Mapping[str, str]
    closed: bool = False

    @property
    def breaking(self) -> bool:
        return self.what in _BREAKING

    @property
    def is_backward(self) -> bool:
        """Return whether data of the old version stay valid."""
        return self.what not in _NOT_BACKWARD and not (self.what == "removed" and self.closed)

    @property
    def is_forward(self) -> bool:
        """Return whether readers of the old version can read data of the new one."""
        return self.what not in _NOT_FORWARD and not (self.what in ("added", "required") and self.closed)

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "what": self.what, "breaking": self.breaking, "text": dict(self.text)}


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[SchemaChange, ...]:
    """Return the differences between two JSON Schemas, the breaking first.

    References within a document are followed; others are compared by name. Raises ``InvalidInput`` if one is not a
    JSON Schema object.
    """
    for schema in (old, new):
        if not isinstance(schema, Mapping):
            raise InvalidInput("a JSON Schema is an object", remedy="send the schema as an object")
    changes = _Comparison(old, new).changes(old, new, "", 0)
    return tuple(sorted(changes, key=lambda change: (not change.breaking, change.path, change.what)))


def compatibility(changes: Iterable[SchemaChange]) -> str:
    """Return the verdict on a new version, in the words of schema registries: ``backward`` if data of the old version
    stay valid, ``forward`` if readers of the old version can read new data, ``full`` if both hold, else ``none``."""
    changes = tuple(changes)
    backward, forward = all(one.is_backward for one in changes), all(one.is_forward for one in changes)
    return {(True, True): "full", (True, False): "backward", (False, True): "forward"}.get(
        (backward, forward), "none"
    )


def resolve(document: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """Return ``schema`` with its reference into ``document`` followed; an empty one if it is not a schema."""
    return Resolver(document).resolve(schema)


class Resolver:
    """One document, for following its references."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._merged: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def resolve(self, schema: Any, depth: int = 0) -> Mapping[str, Any]:
        """Return ``schema`` with its reference followed, and with the members of the schemas in ``allOf``, as the
        smart data models have them; references to elsewhere stay there."""
        target = self.follow(schema)
        if not isinstance(target.get("allOf"), list) or depth > _NESTED:
            return target
        merged_before = self._merged.get(id(target))
        if merged_before is None:
            # Both are kept, so that their identities stay theirs.
            merged_before = self._merged[id(target)] = (target, self._merge(target, depth))
        return merged_before[1]

    def _merge(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        result = {name: value for name, value in schema.items() if name != "allOf"}
        properties, names = dict(_members(schema)), sorted(_required_fields(schema))
        rest: list[Any] = []
        for part in schema["allOf"][:_PARTS]:
            inner = self.resolve(part, depth + 1)
            if "$ref" in inner or not inner:
                rest.append(part)
                continue
            properties = {**_members(inner), **properties}
            names += [name for name in sorted(_required_fields(inner)) if name not in names]
            for name, value in inner.items():
                if name == "allOf":
                    rest += value
                elif name not in ("properties", "required") and result.setdefault(name, value) != value:
                    # Both hold: that is not one schema.
                    rest.append({name: value})
        for name, value in (("properties", properties), ("required", names), ("allOf", rest)):
            if value:
                result[name] = value
        return result

    def follow(self, schema: Any) -> Mapping[str, Any]:
        """Return ``schema``, or that within the document which it refers to; an empty one if it is none."""
        pointers: set[str] = set()
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            reference = schema["$ref"]
            if not reference.startswith("#") or reference in pointers:
                return schema
            pointers.add(reference)
            target: Any = self._document
            for piece in filter(None, reference[1:].split("/")):
                key = piece.replace("~1", "/").replace("~0", "~")
                target = target.get(key, {}) if isinstance(target, Mapping) else {}
            schema = target
        if schema is False:
            return {"not": {}}
        return schema if isinstance(schema, Mapping) else {}


class _Comparison:
    """Compares two documents. Each pair of schemas is compared once, because schemas may refer to themselves."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._left = Resolver(old)
        self._right = Resolver(new)
        self._seen: set[tuple[int, int]] = set()

    def changes(self, old: Any, new: Any, path: str, depth: int) -> Iterator[SchemaChange]:
        before, after = self._left.resolve(old), self._right.resolve(new)
        pair = (id(before), id(after))
        if depth > MAX_DEPTH or pair in self._seen:
            return
        self._seen.add(pair)
        yield from _types(before, after, path)
        yield from _values(before, after, path)
        yield from _bounds(before, after, path)
        yield from _other_changes(before, after, path)
        if "properties" in before or "properties" in after:
            yield from self._properties(before, after, path, depth)
        if "items" in before and "items" in after:
            yield from self.changes(before["items"], after["items"], f"{path}[]", depth + 1)

    def _properties(
        self, before: Mapping[str, Any], after: Mapping[str, Any], path: str, depth: int
    ) -> Iterator[SchemaChange]:
        had, has = _members(before), _members(after)
        removals = {name: self._left.resolve(had[name]) for name in had if name not in has}
        new = {name: self._right.resolve(has[name]) for name in has if name not in had}
        renames = _find_renames(removals, new)
        closed_had, closed_has = (schema.get("additionalProperties") is False for schema in (before, after))
        must_had, must_have = _required_fields(before), _required_fields(after)
        for name in removals:
            if name in renames:
                yield _change("renamed", _join(path, name), renames[name])
            else:
                yield _change("removed", _join(path, name), closed=closed_has)
        for name in new:
            if name not in renames.values():
                yield _change("required" if name in must_have else "added", _join(path, name), closed=closed_had)
        for name in had:
            if name not in has:
                continue
            inner = _join(path, name)
            if name in must_have - must_had:
                yield _change("required", inner)
            elif name in must_had - must_have:
                yield _change("optional", inner)
            yield from self.changes(had[name], has[name], inner, depth + 1)
        if closed_had != closed_has:
            yield _change("closed" if closed_has else "opened", path)


def _types(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[SchemaChange]:
    had, has = _type_set(before), _type_set(after)
    if not had or not has or had == has:
        return
    removals, new = had - has, has - had
    if removals and new:
        yield _change("type", path, _join_types(had), _join_types(has))
    elif removals:
        yield _change("type-narrowed", path, _join_sorted(removals))
    else:
        yield _change("type-widened", path, _join_sorted(new))


def _join_types(types: frozenset[str]) -> str:
    return _join_sorted(types - {"integer"} if "number" in types else types)


def _type_set(schema: Mapping[str, Any]) -> frozenset[str]:
    types = schema.get("type")
    named = types if isinstance(types, list) else [types]
    names = {name for name in named if isinstance(name, str)}
    # Every integer is a number.
    return frozenset(names | ({"integer"} if "number" in names else set()))


def _values(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[SchemaChange]:
    had, has = before.get("enum"), after.get("enum")
    if isinstance(had, list) and isinstance(has, list):
        removals = [value for value in had if value not in has]
        new = [value for value in has if value not in had]
        if removals:
            yield _change("values-removed", path, _join_sorted(removals))
        if new:
            yield _change("values-added", path, _join_sorted(new))
    elif isinstance(has, list):
        yield _change("tightened", path, "enum", _join_sorted(has), "–")
    elif isinstance(had, list):
        yield _change("loosened", path, "enum", "–", _join_sorted(had))


def _bounds(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[SchemaChange]:
    for names, tighter in ((_LEAST, 1), (_MOST, -1)):
        for name in names:
            had, has = before.get(name), after.get(name)
            if had == has or not all(value is None or _is_number(value) for value in (had, has)):
                continue
            stricter = has is not None and (had is None or (has - had) * tighter > 0)
            yield _change("tightened" if stricter else "loosened", path, name, _display_text(has), _display_text(had))
    for name in _EXACT:
        had, has = before.get(name), after.get(name)
        if had != has:
            yield _change(
                "loosened" if has is None else "tightened", path, name, _display_text(has), _display_text(had)
            )
    had, has = (next((s[name] for name in _UNITS if name in s), None) for s in (before, after))
    if had != has and had is not None and has is not None:
        yield _change("unit", path, _display_text(has), _display_text(had))


def _other_changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[SchemaChange]:
    for name in _UNJUDGED:
        if _without_prose(before.get(name)) != _without_prose(after.get(name)):
            yield _change("other", path, name)


def _without_prose(value: Any, depth: int = 0) -> Any:
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        return {name: _without_prose(part, depth + 1) for name, part in value.items() if name not in _PROSE}
    if depth < MAX_DEPTH and isinstance(value, list):
        return [_without_prose(part, depth + 1) for part in value]
    return value


def _find_renames(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return fields with a new name: old → new. Their schemas differ only in texts, and name or description is
    similar."""
    pairs = []
    for old_name, before in old.items():
        for new_name, after in new.items():
            if _bare(before) != _bare(after):
                continue
            description = before.get("description")
            same_words = description is not None and description == after.get("description")
            likeness = SequenceMatcher(None, old_name.casefold(), new_name.casefold()).ratio()
            if same_words or likeness >= 0.5 or (len(old) == len(new) == 1 and _bare(before)):
                pairs.append((same_words, likeness, old_name, new_name))
    renames: dict[str, str] = {}
    for _, _, old_name, new_name in sorted(pairs, reverse=True):
        if old_name not in renames and new_name not in renames.values():
            renames[old_name] = new_name
    return renames


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in _PROSE}


def _members(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _required_fields(schema: Mapping[str, Any]) -> frozenset[str]:
    required = schema.get("required")
    return (
        frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()
    )


def _change(what: str, path: str, *values: str, closed: bool = False) -> SchemaChange:
    name = path or "/"
    facts = dict(zip(("first", "second", "third"), values, strict=False))
    return SchemaChange(
        path=path, what=what, closed=closed, text=FINDINGS.in_all(f"schema.{what}", name=name, **facts)
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _join_sorted(values: Any) -> str:
    return ", ".join(sorted(str(value) for value in values))


def _display_text(value: Any) -> str:
    return "–" if value is None else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
