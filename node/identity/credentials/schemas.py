"""Check the subject of a credential against the JSON Schema that the credential names.

A small part of JSON Schema is enough for the flat claims of credentials, and a library that resolves references over
the network must not be used here. An unknown keyword is an error: a check that could not be made never counts as
passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node.identity.credentials.credentials import Unacceptable

_MAX_DEPTH: Final = 16
_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "id", "$comment", "title", "description", "default", "examples", "deprecated"}
    | {"readOnly", "writeOnly", "format", "definitions", "$defs", "contentMediaType", "contentEncoding"}
)
"""Keywords that assert nothing (``format`` is an annotation since draft 2019-09)."""

_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == int(value),
}


def check_schema(schema: Any, subject: Any) -> None:
    """Check ``subject`` against ``schema``. Raises ``Unacceptable``.

    A schema for the whole credential (its ``properties`` name ``credentialSubject``) is applied to an object with
    that member, as in VC JSON Schema 1.0 §3; older schemas describe the subject alone.
    """
    if not isinstance(schema, dict | bool):
        raise Unacceptable("its schema is not a JSON Schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and "credentialSubject" in properties:
        inner = properties["credentialSubject"]
        _check(inner, subject, schema, 0)
    else:
        _check(schema, subject, schema, 0)


def _check(schema: Any, value: Any, root: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise Unacceptable("its schema is nested too deeply")
    if isinstance(schema, bool):
        if not schema:
            raise Unacceptable("its claims do not fit its schema")
        return
    if not isinstance(schema, dict):
        raise Unacceptable("its schema is not a JSON Schema")
    if "$ref" in schema:
        _check(_resolve(schema["$ref"], root), value, root, depth + 1)
    for keyword, argument in schema.items():
        if keyword in _ANNOTATIONS or keyword == "$ref":
            continue
        check = _KEYWORDS.get(keyword)
        if check is None:
            raise Unacceptable(f"its schema uses {keyword[:40]}, which this node does not check")
        try:
            fits = check(argument, value, schema, root, depth)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise Unacceptable("its schema is not a valid JSON Schema") from error
        if not fits:
            raise Unacceptable(f"its claims do not fit its schema ({keyword})")


def _resolve(reference: Any, root: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Unacceptable("its schema refers to another document")
    target = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, dict) or name not in target:
            raise Unacceptable("its schema refers to something that it does not hold")
        target = target[name]
    return target


def _fits(schema: Any, value: Any, root: Any, depth: int) -> bool:
    try:
        _check(schema, value, root, depth + 1)
    except Unacceptable:
        return False
    return True


def _properties(members: Any, value: Any, _schema: Any, root: Any, depth: int) -> bool:
    if isinstance(value, dict):
        for name, inner in members.items():
            if name in value:
                _check(inner, value[name], root, depth + 1)
    return True


def _additional(inner: Any, value: Any, schema: Any, root: Any, depth: int) -> bool:
    if isinstance(value, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            _check(inner, value[name], root, depth + 1)
    return True


def _items(inner: Any, value: Any, _schema: Any, root: Any, depth: int) -> bool:
    if isinstance(value, list):
        for item in value:
            _check(inner, item, root, depth + 1)
    return True


def _all(parts: Any, value: Any, _schema: Any, root: Any, depth: int) -> bool:
    for part in parts:
        _check(part, value, root, depth + 1)
    return True


def _equal(first: Any, other: Any) -> bool:
    """Return the equality of JSON values: true does not equal 1."""
    return isinstance(first, bool) == isinstance(other, bool) and bool(first == other)


def _type(names: Any, value: Any, *_: Any) -> bool:
    return any(_TYPES[name](value) for name in (names if isinstance(names, list) else [names]))


def _size_check(kind: type | tuple[type, ...], fits: Callable[[int, Any], bool]) -> Callable[..., bool]:
    def check(bound: Any, value: Any, *_: Any) -> bool:
        return not isinstance(value, kind) or fits(len(value), bound)  # type: ignore[arg-type]

    return check


def _number_check(fits: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def check(bound: Any, value: Any, *_: Any) -> bool:
        return not _TYPES["number"](value) or fits(value, bound)

    return check


_KEYWORDS: Final[dict[str, Callable[..., bool]]] = {
    "type": _type,
    "enum": lambda values, value, *_: any(_equal(member, value) for member in values),
    "const": lambda constant, value, *_: _equal(constant, value),
    "required": lambda names, value, *_: not isinstance(value, dict) or all(name in value for name in names),
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "allOf": _all,
    "anyOf": lambda parts, value, _s, root, depth: any(_fits(part, value, root, depth) for part in parts),
    "oneOf": lambda parts, value, _s, root, depth: sum(_fits(p, value, root, depth) for p in parts) == 1,
    "not": lambda part, value, _s, root, depth: not _fits(part, value, root, depth),
    "minLength": _size_check(str, lambda size, bound: size >= bound),
    "maxLength": _size_check(str, lambda size, bound: size <= bound),
    "minItems": _size_check(list, lambda size, bound: size >= bound),
    "maxItems": _size_check(list, lambda size, bound: size <= bound),
    "minimum": _number_check(lambda value, bound: bool(value >= bound)),
    "maximum": _number_check(lambda value, bound: bool(value <= bound)),
    "exclusiveMinimum": _number_check(lambda value, bound: bool(value > bound)),
    "exclusiveMaximum": _number_check(lambda value, bound: bool(value < bound)),
}
