"""Messages made from the official JSON Schemas: whatever they allow, and members that they do not speak of."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urljoin

from hypothesis import strategies as st

from tests.conformance.dsp import BASE, SCHEMA_OF, faults, schema_at

_URNS = st.uuids().map(lambda one: f"urn:uuid:{one}")
_TEXTS = st.one_of(
    st.sampled_from(["", "x", "odrl:use", "use", "urn:uuid:1", "did:web:ghent.example", "https://ghent.example/a#b"]),
    st.text(max_size=12),
    st.just("long" * 600),
)
_WORDS = st.sampled_from(["x", "odrl:use", "use", "did:web:ghent.example", "https://ghent.example/a#b", "ex:thing"])
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_STRANGE = st.dictionaries(
    st.sampled_from(
        ["x", "description", "dct:title", "ex:thing", "https://example.org/ns#z", "_:b0", "urn:x:y", "naïf"]
    ),
    _JSON,
    max_size=2,
)
_LIKELY = {
    "@id": _URNS,
    "consumerPid": _URNS,
    "providerPid": _URNS,
    "callbackAddress": st.just("https://peer.example/dsp"),
    "operator": st.sampled_from(["eq", "lteq", "isAnyOf"]),
}
_DEPTH = 6


@dataclass
class _Shape:
    """What a value has to be, put together from all schemas that speak of it."""

    types: set[str] = field(default_factory=set)
    values: list[Any] | None = None
    pattern: bool = False
    members: dict[str, list[tuple[Any, str]]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    items: list[tuple[Any, str]] = field(default_factory=list)
    contains: Any = None
    least: int = 0


def messages(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Messages of this ``@type``, valid by the official schema."""
    base = BASE + SCHEMA_OF[kind]
    made = _values([({"$ref": base}, base)], "", _DEPTH)
    return made.filter(lambda one: isinstance(one, dict) and not faults(one, SCHEMA_OF[kind]))


def _values(schemas: list[tuple[Any, str]], name: str, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: _composed(schemas, name, depth))


@st.composite
def _composed(draw: st.DrawFn, schemas: list[tuple[Any, str]], name: str, depth: int) -> Any:
    shape = _Shape()
    for schema, base in schemas:
        _gather(draw, shape, schema, base, depth)
    if shape.values is not None:
        return draw(st.sampled_from(shape.values))
    if shape.pattern:
        return draw(st.sampled_from(["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.5+02:00", "2026-11-20T24:00:00"]))
    kind = draw(st.sampled_from(sorted(shape.types))) if shape.types else "object" if shape.members else ""
    match kind:
        case "string":
            return draw(_TEXTS if draw(st.integers(0, 14)) == 0 else _LIKELY.get(name, _WORDS))
        case "array":
            return _array(draw, shape, name, depth)
        case "object":
            return _object(draw, shape, depth)
        case _:
            return draw(_JSON)


def _array(draw: st.DrawFn, shape: _Shape, name: str, depth: int) -> list[Any]:
    if shape.contains is not None:
        return [*draw(st.lists(st.just("https://example.org/more.jsonld"), max_size=1)), shape.contains]
    least = shape.least if depth > 0 else max(shape.least, 0)
    count = draw(st.integers(least, least if depth <= 0 else least + 2))
    one = _values(shape.items, name, depth - 1) if shape.items else _JSON
    return [draw(one) for _ in range(count)]


def _object(draw: st.DrawFn, shape: _Shape, depth: int) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for member in sorted(shape.required | set(shape.members)):
        wanted = member in shape.required or (depth > 0 and draw(st.booleans()))
        if wanted and member not in shape.forbidden:
            members[member] = draw(_values(shape.members.get(member, []), member, depth - 1))
    strange = draw(_STRANGE) if draw(st.integers(0, 2)) == 0 else {}
    return {**strange, **members}


def _gather(draw: st.DrawFn, shape: _Shape, schema: Any, base: str, depth: int) -> None:
    if "$ref" in schema:
        base = urljoin(base, schema["$ref"])
        document, fragment = urldefrag(base)
        schema = schema_at(document)
        for step in filter(None, fragment.split("/")):
            schema = schema[step]
    for one in schema.get("allOf", ()):
        _gather(draw, shape, one, base, depth)
    for several in (schema.get("oneOf"), schema.get("anyOf")):
        if several:
            # The last alternative of what nests is the one that does not.
            chosen = draw(st.sampled_from([*several, several[-1]])) if depth > 0 else several[-1]
            _gather(draw, shape, chosen, base, depth)
            if several is schema.get("oneOf"):
                others = {name for one in several if one is not chosen for name in one.get("required", ())}
                shape.forbidden |= others - set(chosen.get("required", ()))
    for member, said in schema.get("properties", {}).items():
        shape.members.setdefault(member, []).append((said, base))
    shape.required |= set(schema.get("required", ()))
    shape.forbidden |= set(schema.get("not", {}).get("required", ()))
    if "type" in schema:
        shape.types.add(schema["type"])
    if "const" in schema:
        shape.values = [schema["const"]]
    if "enum" in schema:
        shape.values = schema["enum"]
    shape.pattern = shape.pattern or "pattern" in schema
    if schema.get("items"):
        shape.items.append((schema["items"], base))
    shape.least = max(shape.least, schema.get("minItems", 0))
    if "contains" in schema:
        shape.contains = schema["contains"]["const"]


def as_text(message: Any) -> bytes:
    """A message as it goes over the wire."""
    return json.dumps(message, ensure_ascii=False).encode()
