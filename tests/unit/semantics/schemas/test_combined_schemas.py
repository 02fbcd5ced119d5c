"""Schemas that combine others, in rows of JSON: what they say in words, and the same verdicts as ``jsonschema``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.semantics.schemas import members
from node.semantics.schemas.breaches import Report
from node.semantics.schemas.left_out import rules_left_out

MODELS = Path(os.environ.get("HANSA_SHARED", "/nowhere")) / "data" / "ngsi-ld"
needs_models = pytest.mark.skipif(not MODELS.is_dir(), reason="needs the smart data models: set HANSA_SHARED")
FORMS = {"anyOf": [{"required": ["a"]}, {"required": ["b", "c"]}]}


def misses(pattern: str, texts: Sequence[str]) -> frozenset[int]:
    return frozenset(place for place, text in enumerate(texts) if re.search(pattern, text) is None)


def check(schema: dict[str, Any], row: Any) -> Report:
    return members.check(schema, [row], misses=misses)


def of_a(rules: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"a": rules}}


@pytest.mark.parametrize(
    ("schema", "row", "words"),
    [
        (FORMS, {"a": 1}, []),
        (FORMS, {"c": 1}, ["row 1: fits none of the 2 forms that the schema allows; form 1 is the nearest"]),
        (
            of_a({"oneOf": [{"type": "integer"}, {"minimum": 3}]}),
            {"a": 4},
            ["row 1, a: fits 2 forms of the schema, of which only one may fit"],
        ),
        (of_a({"not": {"enum": ["x"]}}), {"a": "x"}, ["row 1, a: 'x' is what the schema excludes"]),
        (of_a({"allOf": [{"minimum": 3}, {"minimum": 5}]}), {"a": 4}, ["row 1, a: 4 is less than is allowed (5)"]),
        (
            {"if": of_a({"const": "bus"}), "then": {"required": ["line"]}, "else": {"required": ["plate"]}},
            {"a": "bus"},
            ["row 1, line: is missing, but required"],
        ),
        (of_a({"uniqueItems": True}), {"a": [1, True, 1.0]}, ["row 1, a: its items 1 and 3 are the same"]),
        (of_a({"uniqueItems": True}), {"a": [1, True, "1", None, {"b": [1]}, {"b": [True]}]}, []),
        (
            of_a({"contains": {"type": "string"}, "minContains": 2}),
            {"a": [1, "x"]},
            ["row 1, a: 1 of its items are as the schema asks, which is too few or too many"],
        ),
        (of_a({"prefixItems": [{}, {"type": "string"}], "items": False}), {"a": [1, "x"]}, []),
        (
            of_a({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}),
            {"a": ["x", 1]},
            ["row 1, a[0]: 'x' is not of type integer", "row 1, a[1]: 1 is not of type string"],
        ),
        ({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}, {"x-a": "b"}, []),
        (
            {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
            {"x-a": 1, "b": 2},
            ["row 1, x-a: 1 is not of type string", "row 1, b: is not part of the schema"],
        ),
        ({"additionalProperties": {"type": "string"}}, {"b": 2}, ["row 1, b: 2 is not of type string"]),
        ({"propertyNames": {"maxLength": 2}}, {"abc": 1}, ["row 1, abc: has a name that the schema does not allow"]),
        ({"minProperties": 2}, {"a": 1}, ["row 1: it has 1 properties"]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["row 1, b: is missing, but required"]),
        ({"dependencies": {"a": {"required": ["b"]}}}, {"a": 1}, ["row 1, b: is missing, but required"]),
        ({"dependentSchemas": {"a": {"maxProperties": 1}}}, {"a": 1, "b": 2}, ["row 1: it has 2 properties"]),
        ({"$ref": "#/$defs/x", "$defs": {"x": {}}, "required": ["a"]}, {}, ["row 1, a: is missing, but required"]),
    ],
)
def test_a_breach_is_said_in_words(schema: dict[str, Any], row: dict[str, Any], words: list[str]) -> None:
    assert [breach.words() for breach in check(schema, row).breaches] == words


@pytest.mark.parametrize("tongue", ["nl", "de", "fr", "cs"])
def test_each_language_has_the_words(tongue: str) -> None:
    (breach,) = check(FORMS, {"c": 1}).breaches
    assert breach.words(tongue) != breach.words("en")
    assert "2" in breach.words(tongue)


@pytest.mark.parametrize(
    "rules",
    [
        {"not": {"format": "hostname"}},
        {"oneOf": [{"format": "hostname"}, {"$ref": "https://elsewhere.example/schema"}]},
        {"if": {"unevaluatedProperties": False}, "then": False},
        {"contains": {"format": "hostname"}, "maxContains": 0},
    ],
)
def test_what_is_unknown_is_no_breach(rules: dict[str, Any]) -> None:
    value: Any = ["x"] if "contains" in rules else {} if "if" in rules else "x"
    assert check(of_a(rules), {"a": value}).count == 0


def test_a_pattern_that_cannot_be_tried_is_named_and_no_breach() -> None:
    schema = {"not": of_a({"pattern": "x"}), "patternProperties": {"^y": False}, "additionalProperties": False}
    report = members.check({**schema, "properties": {"a": {}}}, [{"a": "x", "y": 1}])
    assert (report.count, set(report.patterns_left_out)) == (0, {"x", "^y"})


def test_schemas_that_grow_without_end_are_left_out_and_named() -> None:
    wide = {"$ref": "#/$defs/w"}
    schema = {**wide, "$defs": {"w": {"anyOf": [{"allOf": [wide, wide]}, {"not": wide}, wide]}}}
    report = members.check(schema, [{"a": 1}] * 3)
    assert (report.count, report.rows) == (0, 3)
    assert "anyOf (> 5000)" in report.rules_left_out


@pytest.mark.parametrize(
    ("schema", "row", "left_out"),
    [
        (of_a({"items": {"type": "integer"}}), {"a": [1] * 100 + ["x"]}, ("items (> 100)",)),
        (of_a({"items": {"type": "integer"}}), {"a": [1] * 100}, ()),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, None, ("properties (> 16)", "required (> 16)")),
    ],
)
def test_what_goes_beyond_the_limits_is_named(schema: dict[str, Any], row: Any, left_out: tuple[str, ...]) -> None:
    if row is None:
        for _ in range(20):
            row = {"a": row or 1, "b": 1}
    report = check(schema, row)
    assert (report.count, report.rules_left_out) == (0, left_out)


@pytest.mark.parametrize("depth", [900, 100_000])
def test_values_nested_deeply_are_compared(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    assert check(of_a({"uniqueItems": True}), {"a": [deep, [deep], deep]}).count == 1
    assert check(of_a({"const": deep}), {"a": deep}).count == 0


@pytest.mark.parametrize("name", [["date"], {"a": 1}, 3, True])
def test_a_format_that_is_no_text_is_named_and_no_breach(name: Any) -> None:
    report = check(of_a({"format": name}), {"a": "x"})
    assert report.count == 0
    assert rules_left_out(of_a({"format": name})) == ("format (a)",)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0, "", "a", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=2, unique=True)
SIMPLE = st.one_of(
    st.booleans(),
    st.just({}),
    st.builds(
        lambda kind: {"type": kind}, st.sampled_from(["string", "integer", "number", "array", "object", "null"])
    ),
    st.builds(
        lambda word, limit: {word: limit},
        st.sampled_from(
            ["minimum", "maximum", "minLength", "maxItems", "minItems", "minProperties", "maxProperties"]
        ),
        st.integers(0, 2),
    ),
    st.builds(lambda value: {"const": value}, VALUES),
    st.builds(lambda names: {"required": names}, NAMES),
    st.builds(lambda text: {"pattern": text}, st.sampled_from(["^a", "b$"])),
    st.just({"uniqueItems": True}),
    st.builds(lambda names: {"dependentRequired": {"a": names}}, NAMES),
    st.just({"$ref": "#/$defs/d"}),
)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries({}, optional={
        "allOf": several, "anyOf": several, "oneOf": several, "not": inner, "if": inner, "then": inner, "else": inner,
        "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
        "additionalProperties": inner, "propertyNames": inner, "items": inner, "prefixItems": several,
        "contains": inner, "minContains": st.integers(0, 2), "maxContains": st.integers(0, 2),
        "dependentSchemas": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=1),
        "$ref": st.just("#/$defs/d"),
    })  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.recursive(SIMPLE, _combined, max_leaves=6), SIMPLE, VALUES)
def test_the_verdict_is_that_of_jsonschema(rules: Any, other: Any, value: Any) -> None:
    if isinstance(other, dict) and "$ref" in other:
        other = {}
    schema = {"properties": {"value": rules}, "$defs": {"d": other}}
    expected = jsonschema.Draft202012Validator(schema).is_valid({"value": value})
    assert check(schema, {"value": value}).conforms is expected


@needs_models
def test_the_verdict_on_smart_data_models_is_that_of_jsonschema() -> None:
    differing, count = [], 0
    for path in sorted(MODELS.glob("*/*/schema.json")):
        example = path.parent / "examples" / "example.json"
        if not example.exists():
            continue
        schema = {**_without_elsewhere(json.loads(path.read_text("utf-8"))), "$schema": DRAFT}
        schema.pop("$id", None)
        validator = jsonschema.Draft202012Validator(schema)
        for row in _changed(json.loads(example.read_text("utf-8"))):
            count += 1
            if check(schema, row).conforms is not validator.is_valid(row):
                differing.append((path.parent.name, row))
    assert count > 1000
    assert differing == []


DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _without_elsewhere(value: Any) -> Any:
    """Return a schema without references to other documents, and without formats, which ``jsonschema`` skips."""
    if isinstance(value, dict):
        if str(value.get("$ref", "#"))[:1] != "#":
            return {}
        return {name: _without_elsewhere(part) for name, part in value.items() if name != "format"}
    return [_without_elsewhere(part) for part in value] if isinstance(value, list) else value


def _changed(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return ``row``, and copies with one member less, or with another value."""
    yield row
    for name, own in row.items():
        yield {key: value for key, value in row.items() if key != name}
        for value in (None, -7, "no such value", [own], {"type": "Point"}):
            yield {**row, name: value}
