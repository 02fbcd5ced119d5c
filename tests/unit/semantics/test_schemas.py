"""What a new version of a JSON Schema breaks, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.semantics.schemas.changes import compare, compatibility
from node.texts.languages import LANGUAGES
from tests.artefacts import SHARED

V1: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["refRoadSegment", "intensity"],
    "properties": {
        "refRoadSegment": {"type": "string"},
        "dateObservedFrom": {"type": "string", "format": "date-time"},
        "intensity": {"type": "integer", "minimum": 0, "description": "vehicles in the quarter hour"},
        "vehicleType": {"enum": ["car", "van", "lorry"]},
        "averageVehicleSpeed": {"type": "number", "x-ogc-unit": "km/h"},
    },
}


def changed(**properties: Any) -> dict[str, Any]:
    return {**V1, "properties": {**V1["properties"], **properties}}


def without(name: str, **more: Any) -> dict[str, Any]:
    kept = {key: value for key, value in V1["properties"].items() if key != name}
    return {**V1, "properties": {**kept, **more}}


def test_the_second_version_of_the_demonstration_renames_a_field() -> None:
    second = without("intensity", vehicleCount=V1["properties"]["intensity"])
    second["required"] = ["refRoadSegment", "vehicleCount"]
    (change,) = compare(V1, second)
    assert (change.what, change.path, change.breaking) == ("renamed", "intensity", True)
    assert change.text == {
        "en": "intensity is now called vehicleCount",
        "nl": "intensity heet nu vehicleCount",
        "cs": "intensity se nyní jmenuje vehicleCount",
        "fr": "intensity s’appelle maintenant vehicleCount",
        "de": "intensity heißt jetzt vehicleCount",
    }


@pytest.mark.parametrize(
    ("new", "what", "path", "breaking"),
    [
        (without("vehicleType"), "removed", "vehicleType", True),
        (changed(lane={"type": "string"}), "added", "lane", False),
        ({**changed(lane={"type": "string"}), "required": [*V1["required"], "lane"]}, "required", "lane", True),
        ({**V1, "required": [*V1["required"], "vehicleType"]}, "required", "vehicleType", True),
        ({**V1, "required": ["intensity"]}, "optional", "refRoadSegment", False),
        (changed(intensity={"type": "string", "minimum": 0}), "type", "intensity", True),
        (changed(intensity={"type": ["integer", "null"], "minimum": 0}), "type-widened", "intensity", False),
        (
            changed(averageVehicleSpeed={"type": "integer", "x-ogc-unit": "km/h"}),
            "type-narrowed",
            "averageVehicleSpeed",
            True,
        ),
        (changed(intensity={"type": "number", "minimum": 0}), "type-widened", "intensity", False),
        (changed(vehicleType={"enum": ["car", "van"]}), "values-removed", "vehicleType", True),
        (changed(vehicleType={"enum": ["car", "van", "lorry", "bus"]}), "values-added", "vehicleType", False),
        (changed(vehicleType={}), "loosened", "vehicleType", False),
        (changed(refRoadSegment={"type": "string", "enum": ["a"]}), "tightened", "refRoadSegment", True),
        (changed(intensity={"type": "integer", "minimum": 1}), "tightened", "intensity", True),
        (changed(intensity={"type": "integer"}), "loosened", "intensity", False),
        (changed(intensity={"type": "integer", "minimum": 0, "maximum": 9}), "tightened", "intensity", True),
        (changed(refRoadSegment={"type": "string", "pattern": "^S"}), "tightened", "refRoadSegment", True),
        (changed(averageVehicleSpeed={"type": "number", "x-ogc-unit": "m/s"}), "unit", "averageVehicleSpeed", True),
        ({**V1, "additionalProperties": False}, "closed", "", True),
    ],
)
def test_changes(new: dict[str, Any], what: str, path: str, breaking: bool) -> None:
    (change,) = compare(V1, new)
    assert (change.what, change.path, change.breaking) == (what, path, breaking)
    assert any(change.breaking for change in compare(V1, new)) is breaking
    assert change.text.keys() == set(LANGUAGES)
    assert change.to_json()["breaking"] is breaking


def test_words_about_fields_change_nothing() -> None:
    assert compare(V1, {**V1, "title": "Other", "description": "Other"}) == ()
    assert compare(V1, V1) == ()


def test_references_are_followed() -> None:
    old = {
        "$ref": "#/$defs/flow",
        "$defs": {"flow": {"properties": {"a": {"$ref": "#/$defs/n"}}}, "n": {"type": "integer"}},
    }
    new = {
        "$ref": "#/$defs/flow",
        "$defs": {"flow": {"properties": {"a": {"$ref": "#/$defs/n"}}}, "n": {"type": "string"}},
    }
    (change,) = compare(old, new)
    assert (change.what, change.path) == ("type", "a")


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop: dict[str, Any] = {"properties": {"child": {"$ref": "#"}, "x": {"type": "string"}}}
    again: dict[str, Any] = {"properties": {"child": {"$ref": "#"}, "x": {"type": "integer"}}}
    assert all(change.what == "type" for change in compare(loop, again))
    assert compare({"$ref": "#"}, {"$ref": "#"}) == ()


def test_nested_fields_and_items_have_paths() -> None:
    old = {"properties": {"list": {"type": "array", "items": {"properties": {"a": {"type": "string"}}}}}}
    new = {"properties": {"list": {"type": "array", "items": {"properties": {"a": {"type": "integer"}}}}}}
    (change,) = compare(old, new)
    assert change.path == "list[].a"


def test_the_breaking_come_first() -> None:
    new = without("vehicleType", lane={"type": "string"}, note={"type": "boolean"})
    assert [change.breaking for change in compare(V1, new)] == [True, False, False]


def test_two_fields_that_changed_places_are_not_renamed_into_one() -> None:
    old = {"properties": {"alpha": {"type": "string"}, "beta": {"type": "string"}}}
    new = {"properties": {"alpha_x": {"type": "string"}, "beta_x": {"type": "string"}}}
    assert {(c.path, c.text["en"]) for c in compare(old, new)} == {
        ("alpha", "alpha is now called alpha_x"),
        ("beta", "beta is now called beta_x"),
    }


@pytest.mark.parametrize("wrong", [[], "x", 3, None])
def test_what_is_no_schema_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        compare(V1, wrong)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "enum", "items", "$ref", "minimum", "a"]), inner
        )
    ),
    max_leaves=8,
)


@given(old=st.dictionaries(st.sampled_from(["type", "properties", "required", "enum", "items"]), _JSON), new=_JSON)
def test_no_nonsense_breaks_it(old: dict[str, Any], new: Any) -> None:
    if isinstance(new, dict):
        assert isinstance(compare(old, new), tuple)
    assert compare(old, old) == ()


CLOSED = {**V1, "additionalProperties": False}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (V1, V1, "full"),
        (V1, changed(lane={"type": "string"}), "full"),
        (CLOSED, {**changed(lane={"type": "string"}), "additionalProperties": False}, "backward"),
        (V1, without("vehicleType"), "backward"),
        (V1, changed(intensity={"type": "number", "minimum": 0}), "backward"),
        (V1, changed(vehicleType={"enum": ["car", "van"]}), "forward"),
        (V1, {**V1, "required": [*V1["required"], "vehicleType"]}, "forward"),
        (CLOSED, {**without("vehicleType"), "additionalProperties": False}, "none"),
        (V1, changed(intensity={"type": "string", "minimum": 0}), "none"),
        (V1, without("intensity", vehicleCount=V1["properties"]["intensity"]), "none"),
        (V1, {**V1, "anyOf": [{"required": ["vehicleType"]}]}, "none"),
    ],
)
def test_the_verdict_of_a_registry(old: dict[str, Any], new: dict[str, Any], verdict: str) -> None:
    assert compatibility(compare(old, new)) == verdict


def test_descriptions_inside_alternatives_change_nothing() -> None:
    one, other = ({**V1, "anyOf": [{"title": title, "required": ["intensity"]}]} for title in "ab")
    assert compare(one, other) == ()
    (change,) = compare(one, V1)
    assert change.text["en"] == "/: anyOf differs; Hansa cannot judge that, compare both versions"


def test_schemas_that_refer_to_themselves_and_to_other_nodes() -> None:
    tree = {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"child": {"$ref": "#/$defs/a"}, "x": {"$ref": "#"}}}}}
    assert compare(tree, tree) == ()
    far = {"properties": {"x": {"$ref": "http://169.254.169.254/schema"}}}
    assert [change.what for change in compare(far, {"properties": {"x": {"$ref": "file:///etc/passwd"}}})] == [
        "other"
    ]


def test_what_all_schemas_of_a_list_ask_for_together() -> None:
    parts = [{"$ref": "https://example.org/common"}, {"$ref": "#/$defs/own"}, {"required": ["intensity"]}]
    own = {"properties": V1["properties"], "required": ["refRoadSegment"]}
    both = {"type": "object", "allOf": parts, "$defs": {"own": own}}
    (change,) = compare(both, {**both, "$defs": {"own": {**own, "required": []}}})
    assert (change.what, change.path) == ("optional", "refRoadSegment")
    endless = {"allOf": [{"$ref": "#"}, {"properties": {"a": {"$ref": "#"}}}]}
    assert compare(endless, endless) == ()


MODELS = sorted((SHARED / "data" / "ngsi-ld").rglob("schema.json")) if (SHARED / "data" / "ngsi-ld").is_dir() else []


@pytest.mark.skipif(not MODELS, reason="the smart data models are not here")
def test_smart_data_models_keep_their_meaning_and_lose_it() -> None:
    compared = 0
    for path in MODELS:
        schema = json.loads(path.read_text("utf-8"))
        assert compare(schema, schema) == (), path
        inline = next((part for part in schema.get("allOf", ()) if "properties" in part), None)
        if inline is None:
            continue
        name = next(iter(inline["properties"]))
        parts = [
            {**part, "properties": {key: value for key, value in part["properties"].items() if key != name}}
            if part is inline
            else part
            for part in schema["allOf"]
        ]
        found = [change for change in compare(schema, {**schema, "allOf": parts}) if change.path == name]
        assert [change.what for change in found] == ["removed"], path
        compared += 1
    assert compared > 20


def test_the_type_of_a_field_is_called_as_its_schema_calls_it() -> None:
    before, after = ({"properties": {"speed": {"type": kind}}} for kind in ("number", "string"))
    (change,) = compare(before, after)
    assert change.text["en"] == "speed was number and is now string"
