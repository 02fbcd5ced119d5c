"""Rows in, checked; rows out, checked and rounded."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sdk import BadInput, BadOutput, Decimals, Range, Unit, call, caveat, model, progress
from node.sdk.checks import round_decimal


class Street(TypedDict):
    id: str
    speed: Annotated[float, Unit("km/h"), Range(30, 130)]
    lanes: NotRequired[Annotated[int, Unit("1")]]
    open: bool | None
    geometry: dict[str, Any]


class Time(TypedDict):
    id: str
    minutes: Annotated[float, Unit("min"), Decimals(1)]
    note: NotRequired[str | None]


class Two(TypedDict):
    times: list[Time]
    odd: NotRequired[list[Time]]


@model(version="1.0.0", output="seen")
def echo(streets: list[Street], more: list[Time] | None = None) -> list[Street]:
    return streets


@model(version="1.0.0", output="times")
def times(streets: list[Street], factor: Annotated[float, Unit("1"), Range(0, 2)] = 1.0, answer: str = "") -> Any:
    return ANSWERS[answer](streets, factor)


times.__annotations__["return"] = list[Time]

ANSWERS: dict[str, Any] = {
    "": lambda streets, factor: [{"id": one["id"], "minutes": factor * 100 / one["speed"]} for one in streets],
    "none": lambda *_: None,
    "text": lambda *_: "rows",
    "map": lambda *_: {"times": []},
    "row": lambda *_: [["a", 1.0]],
    "less": lambda *_: [{"id": "a"}],
    "more": lambda *_: [{"id": "a", "minutes": 1.0, "speed": 3.0}],
    "nan": lambda *_: [{"id": "a", "minutes": math.nan}],
    "infinite": lambda *_: [{"id": "a", "minutes": -math.inf}],
    "word": lambda *_: [{"id": "a", "minutes": "1.0"}],
    "number": lambda *_: [{"id": 1, "minutes": 1.0}],
    "half": lambda *_: [{"id": "\ud800", "minutes": 1.0}],
    "empty": lambda *_: [{"id": "a", "minutes": None}],
    "truth": lambda *_: [{"id": "a", "minutes": True}],
    "fine": lambda *_: [{"id": "a", "minutes": -0.04, "note": None}, {"id": "b", "minutes": 3}],
}

STREET = {"id": "a", "speed": 50.0, "open": True, "geometry": {"type": "Point", "coordinates": [3.7, 51.0]}}


def seen(**changes: Any) -> dict[str, Any]:
    row = {name: value for name, value in {**STREET, **changes}.items() if value is not ...}
    return call(echo, {"streets": [row]}).outputs["seen"][0]


def test_a_model_sees_the_columns_that_it_declares_in_the_types_that_it_declares() -> None:
    assert seen() == STREET
    assert seen(secret=1, lanes="2") == {**STREET, "lanes": 2}
    assert seen(id=17, speed="30", open="FALSE") == {**STREET, "id": "17", "speed": 30.0, "open": False}
    assert seen(open=None)["open"] is None
    assert seen(open="")["open"] is None
    assert isinstance(seen(speed=50)["speed"], float)
    assert isinstance(seen(lanes=2.0)["lanes"], int)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": ...}, "row 1 of streets has no speed: it has geometry, id, open"),
        ({"speed": None}, "speed is empty in row 1"),
        ({"speed": ""}, "speed is empty"),
        ({"speed": "fast"}, "speed in row 1 of streets is 'fast', not a number"),
        ({"speed": True}, "is True, not a number"),
        ({"speed": [1]}, "is a list, not a number"),
        ({"speed": math.nan}, "speed in row 1 of streets is nan"),
        ({"speed": "inf"}, "is inf"),
        ({"lanes": 1.5}, "lanes in row 1 of streets is 1.5, not a whole number"),
        ({"lanes": 2**60}, "too large"),
        ({"id": 1.5}, "id in row 1 of streets is 1.5, not text"),
        ({"open": 1}, "open in row 1 of streets is 1, not true or false"),
        ({"geometry": {1, 2}}, "not JSON"),
        ({"geometry": {"x": math.nan}}, "not JSON"),
    ],
)
def test_a_row_that_does_not_fit_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        seen(**changes)


@pytest.mark.parametrize("rows", [None, {}, "rows", 5, [5], [None], [[]]])
def test_what_is_no_list_of_rows_is_refused(rows: Any) -> None:
    with pytest.raises(BadInput, match="streets"):
        call(echo, {"streets": rows})


def test_inputs_and_parameters_are_those_that_are_declared() -> None:
    with pytest.raises(BadInput, match="input streets is missing"):
        call(echo, {})
    with pytest.raises(BadInput, match="no input roads") as caught:
        call(echo, {"streets": [], "roads": []})
    assert "streets, more" in caught.value.remedy
    with pytest.raises(BadInput, match="no parameter speed"):
        call(times, {"streets": []}, {"speed": 1})
    with pytest.raises(BadInput, match=r"parameter factor is 2.5, above 2"):
        call(times, {"streets": []}, {"factor": 2.5})
    with pytest.raises(BadInput, match="parameter factor is 'much', not a number"):
        call(times, {"streets": []}, {"factor": "much"})
    assert call(times, {"streets": [STREET]}, {"factor": "2"}).outputs["times"][0]["minutes"] == 4.0


def test_columns_outside_their_range_are_a_caveat_and_no_refusal() -> None:
    rows = [{**STREET, "speed": speed} for speed in (20, 30, 130, 131, 50)]
    result = call(times, {"streets": rows})
    assert len(result.outputs["times"]) == 5
    (caveat,) = result.caveats
    assert caveat["code"] == "outside-validity"
    assert caveat["sentence"] == (
        "speed of streets leaves the range of validity 30–130 km/h in 2 of 5 rows: 20 to 131"
    )
    assert caveat["facts"]["rows"] == 2
    assert call(times, {"streets": [STREET]}).caveats == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("none", "times is not a list of rows but empty"),
        ("text", "times is not a list of rows but 'rows'"),
        ("map", "times is not a list of rows but a dict"),
        ("row", "row 1 of times is a list"),
        ("less", "row 1 of times has no minutes: it has id"),
        ("more", "row 1 of times has speed, which the annotation does not name"),
        ("nan", "minutes in row 1 of times is nan"),
        ("infinite", "minutes in row 1 of times is -inf"),
        ("word", "minutes in row 1 of times is '1.0', not a number"),
        ("number", "id in row 1 of times is 1, not text"),
        ("half", "id in row 1 of times"),
        ("empty", "minutes is empty in row 1 of times"),
        ("truth", "minutes in row 1 of times is True, not a number"),
    ],
)
def test_an_answer_that_the_annotations_do_not_promise_is_the_models_fault(answer: str, words: str) -> None:
    with pytest.raises(BadOutput, match=words):
        call(times, {"streets": []}, {"answer": answer})


def test_outputs_keep_their_order_and_are_rounded() -> None:
    outputs = call(times, {"streets": []}, {"answer": "fine"}).outputs["times"]
    assert outputs == [{"id": "a", "minutes": 0.0, "note": None}, {"id": "b", "minutes": 3.0}]
    assert math.copysign(1, outputs[0]["minutes"]) == 1, "no negative zero"


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (2.5, 0, 2.0),
        (3.5, 0, 4.0),
        (2.675, 2, 2.68),
        (2.665, 2, 2.66),
        (0.125, 2, 0.12),
        (-0.004, 2, 0.0),
        (1e300, 2, 1e300),
        (1 / 3, None, 1 / 3),
        (55.0500000001, 1, 55.1),
    ],
)
def test_halves_go_to_the_even_digit_as_numbers_are_written(
    value: float, decimals: int | None, expected: float
) -> None:
    assert round_decimal(value, decimals) == expected


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 12))
def test_rounding_is_done_once_and_for_all(value: float, decimals: int) -> None:
    once = round_decimal(value, decimals)
    assert round_decimal(once, decimals) == once
    assert abs(once - value) <= 0.5 * 10**-decimals * (1 + 1e-9) or abs(value) >= 1e14


def test_several_outputs_are_a_map_by_role() -> None:
    @model(version="1.0.0")
    def two(streets: list[Street], way: Literal["all", "some", "none", "odd", "rows"] = "all") -> Two:
        row: Time = {"id": "a", "minutes": 1.25}
        answers: dict[str, Any] = {
            "all": {"times": [row], "odd": []},
            "some": {"times": [row]},
            "none": {},
            "odd": {"times": [], "strange": []},
            "rows": [row],
        }
        return answers[way]  # type: ignore[no-any-return]

    assert call(two, {"streets": []}).outputs == {"times": [{"id": "a", "minutes": 1.2}], "odd": []}
    assert call(two, {"streets": []}, {"way": "some"}).outputs == {"times": [{"id": "a", "minutes": 1.2}]}
    for way, words in (("none", "no times"), ("odd", "strange"), ("rows", "no map")):
        with pytest.raises(BadOutput, match=words):
            call(two, {"streets": []}, {"way": way})


def test_progress_and_caveats_are_heard_during_a_run_only() -> None:
    heard: list[tuple[int, str]] = []

    @model(version="1.0.0")
    def talks(streets: list[Street]) -> list[Time]:
        for percent in (-5, 0.5, 42, math.nan, math.inf, 1e9):
            progress(percent, "x" * 1000)
        for number in range(60):
            caveat(f"mind {number}", code="mind", number=number)
        return []

    progress(1, "nobody hears this")
    caveat("nor this")
    result = call(talks, {"streets": []}, progress=lambda percent, text: heard.append((percent, text)))
    assert [percent for percent, _ in heard] == [0, 0, 42, 0, 100, 100]
    assert {len(text) for _, text in heard} == {300}
    assert len(result.caveats) == 50
    assert result.caveats[0] == {"code": "mind", "sentence": "mind 0", "facts": {"number": 0}}
    call(talks, {"streets": []})
    assert len(heard) == 6


def test_what_the_function_raises_is_raised() -> None:
    @model(version="1.0.0")
    def fails(streets: list[Street]) -> list[Time]:
        raise ZeroDivisionError("no lanes")

    with pytest.raises(ZeroDivisionError, match="no lanes"):
        call(fails, {"streets": []})
