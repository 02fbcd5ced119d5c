"""What annotations say, and what they are told when they say too little."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from node.sdk import (
    BadAnnotation,
    Crs,
    Decimals,
    Grain,
    Kind,
    Range,
    Schema,
    Step,
    Unit,
    describe,
    find_model,
    model,
)


class Street(TypedDict):
    segmentId: str
    speed: Annotated[float, Unit("km/h"), Range(30, 130), "mean speed"]
    part: Literal["day", "night"]
    lanes: NotRequired[Annotated[int | None, Unit("1")]]
    geometry: dict[str, Any]


class Level(TypedDict):
    receptorId: str
    Lden: Annotated[float, Unit("dB[SPL]"), Decimals(1), Kind("https://example.org/A-weighted")]


class Both(TypedDict):
    levels: list[Level]
    rest: NotRequired[list[Level]]


@model(version="1.2.0", output="levels", title="Noise")
def noise(
    flows: Annotated[list[Street], Step("PT15M"), Crs("EPSG:4326"), Schema("https://example.org/flow"), Grain(25)],
    more: list[Level] | None = None,
    factor: Annotated[float, Unit("1"), Range(0, 2), "multiplies"] = 1,
    method: Literal["fast", "exact"] = "exact",
    closed: list[str] = [],  # noqa: B006 - read, not written
    label: str = "",
    *,
    loud: bool,
) -> list[Level]:
    """Noise at
    façades.

    More about it.
    """
    raise NotImplementedError


def test_all_that_annotations_say_is_described() -> None:
    card = describe(noise)
    assert (card["name"], card["version"], card["title"], card["description"], card["deterministic"]) == (
        "noise", "1.2.0", "Noise", "Noise at façades.", True,
    )  # fmt: skip
    flows, more = card["inputs"]
    assert {name: value for name, value in flows.items() if name != "variables"} == {
        "role": "flows",
        "step": "PT15M",
        "grain": 25,
        "schemas": ["https://example.org/flow"],
        "crs": ["EPSG:4326"],
    }
    assert flows["variables"] == [
        {"name": "segmentId", "type": "text"},
        {
            "name": "speed", "type": "number", "unit": "km/h", "minimum": 30, "maximum": 130,
            "description": "mean speed",
        },
        {"name": "part", "type": "text", "values": ["day", "night"]},
        {"name": "lanes", "type": "integer", "unit": "1", "required": False},
        {"name": "geometry", "type": "json"},
    ]  # fmt: skip
    assert more["required"] is False
    (levels,) = card["outputs"]
    assert levels["role"] == "levels"
    assert levels["variables"][1] == {
        "name": "Lden",
        "type": "number",
        "unit": "dB[SPL]",
        "quantity": "https://example.org/A-weighted",
        "decimals": 1,
    }
    assert card["parameters"] == [
        {
            "name": "factor", "type": "number", "unit": "1", "minimum": 0, "maximum": 2, "default": 1.0,
            "description": "multiplies",
        },
        {"name": "method", "type": "text", "values": ["fast", "exact"], "default": "exact"},
        {"name": "closed", "type": "text", "many": True, "default": []},
        {"name": "label", "type": "text", "default": ""},
        {"name": "loud", "type": "boolean", "required": True},
    ]  # fmt: skip


def test_several_outputs_are_the_members_of_a_map() -> None:
    @model(version="1.0")
    def both(rows: list[Level]) -> Both:
        raise NotImplementedError

    assert [(one["role"], one.get("required", True)) for one in describe(both)["outputs"]] == [
        ("levels", True),
        ("rest", False),
    ]


def unmarked(rows: list[Level]) -> list[Level]:
    return rows


def without_unit(rows: list[Level], factor: float = 1.0) -> list[Level]:
    return rows


def without_annotation(rows, factor: Annotated[float, Unit("1")] = 1.0) -> list[Level]:  # type: ignore[no-untyped-def]
    return rows  # type: ignore[no-any-return]


def without_return(rows: list[Level]):  # type: ignore[no-untyped-def]
    return rows


def with_scalar_return(rows: list[Level]) -> float:
    return 1.0


def with_plain_rows(rows: list[dict[str, Any]]) -> list[Level]:
    return []


def with_any_number(*rows: list[Level]) -> list[Level]:
    return []


def with_nothing() -> list[Level]:
    return []


def with_unknown_name(rows: list[Nowhere]) -> list[Level]:  # type: ignore[name-defined]  # noqa: F821
    return []


def with_unit_of_text(rows: list[Level], name: Annotated[str, Unit("m")] = "") -> list[Level]:
    return []


def with_two_units(rows: list[Level], far: Annotated[float, Unit("m"), Unit("km")] = 1) -> list[Level]:
    return []


def with_bad_default(rows: list[Level], far: Annotated[float, Unit("m"), Range(0, 5)] = 9) -> list[Level]:
    return []


def with_mixed_choice(rows: list[Level], way: Literal["a", 1] = "a") -> list[Level]:
    return []


def with_complex(rows: list[Level], far: Annotated[complex, Unit("m")] = 1j) -> list[Level]:
    return []


def with_fine_counts(rows: list[Level], many: Annotated[int, Unit("1"), Decimals(2)] = 1) -> list[Level]:
    return []


def with_either(rows: list[Level], far: Annotated[float, Unit("m")] | str = "") -> list[Level]:
    return []


class Bare(TypedDict):
    speed: float


def with_bare_column(rows: list[Bare]) -> list[Level]:
    return []


class Empty(TypedDict):
    pass


def with_no_columns(rows: list[Empty]) -> list[Level]:
    return []


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (without_unit, "parameter factor is a number without unit"),
        (without_annotation, "argument rows has no annotation"),
        (without_return, "does not say what it returns"),
        (with_scalar_return, "neither rows nor a map of rows"),
        (with_plain_rows, "parameter rows is a dict"),
        (with_any_number, "any number of values"),
        (with_nothing, "takes nothing"),
        (with_unknown_name, "cannot be read: name 'Nowhere' is not defined"),
        (with_unit_of_text, "Unit says nothing about parameter name"),
        (with_two_units, "parameter far has 2 marks Unit"),
        (with_bad_default, "the default of parameter far does not fit: parameter far is 9.0, above 5"),
        (with_mixed_choice, "parameter way"),
        (with_complex, "parameter far is a complex"),
        (with_fine_counts, "a whole number with decimals"),
        (with_either, "parameter far"),
        (with_bare_column, "column speed of input rows is a number without unit"),
        (with_no_columns, "input rows has no columns"),
    ],
)
def test_what_is_missing_or_odd_is_told(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(BadAnnotation, match=words):
        describe(model(version="1.0.0")(function))


def test_a_function_that_is_not_marked_is_no_model() -> None:
    with pytest.raises(BadAnnotation, match="not marked"):
        describe(unmarked)


@pytest.mark.parametrize(
    "mark",
    [
        lambda: Unit(""),
        lambda: Unit("km per h"),
        lambda: Unit("µg"),
        lambda: Range(2, 1),
        lambda: Range(float("nan")),
        lambda: Range(True),
        lambda: Decimals(-1),
        lambda: Decimals(13),
        lambda: Decimals(1.5),  # type: ignore[arg-type]
        lambda: Step("15 minutes"),
        lambda: Step("PT"),
        lambda: Step("P1M"),
        lambda: Kind("A-weighted"),
        lambda: Crs("4326"),
        lambda: model(version="one"),
    ],
)
def test_a_mark_that_says_nothing_is_refused_where_it_is_written(mark: Callable[[], Any]) -> None:
    with pytest.raises(BadAnnotation) as caught:
        mark()
    assert caught.value.remedy or "infinite" in caught.value.sentence


def test_the_one_model_of_a_module_is_found() -> None:
    module = types.ModuleType("m")
    with pytest.raises(BadAnnotation, match="no function is marked"):
        find_model(module)
    module.__dict__.update(noise=noise, again=noise, other=unmarked)
    assert find_model(module) is noise
    module.__dict__["second"] = model(version="2.0")(with_nothing)
    with pytest.raises(BadAnnotation, match="several"):
        find_model(module)
