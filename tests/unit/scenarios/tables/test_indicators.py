"""Indicators, and differences between two runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.scenarios.chain.indicators import difference, measure
from node.scenarios.model import Indicator

LEVELS: list[dict[str, Any]] = [
    {"receptorId": "r1", "Lden": 55.0, "residents": 40, "quiet": True},
    {"receptorId": "r2", "Lden": 55.1, "residents": 20, "quiet": False},
    {"receptorId": "r3", "Lden": 61.0, "residents": 30, "quiet": True},
    {"receptorId": "r4", "Lden": None, "residents": None, "quiet": True},
]
OUTPUTS: dict[str, list[dict[str, Any]]] = {"noise.levels": LEVELS, "assign.flows": [{"vehicleHours": 0.1}] * 10}


def indicator(unit: str | None = None, decimals: int | None = None, **definition: Any) -> Indicator:
    return Indicator(
        name="i", titles={}, unit=unit, decimals=decimals, definition={"of": "noise.levels", **definition}
    )


@pytest.mark.parametrize(
    ("definition", "figure"),
    [
        ({"sum": "residents", "where": {"Lden": {"above": 55}}}, 50),
        ({"sum": "residents", "where": {"Lden": {"at least": 55}}}, 90),
        ({"sum": "residents", "where": {"Lden": {"above": 99}}}, 0),
        ({"sum": "residents", "where": {"quiet": True, "Lden": {"below": 60}}}, 40),
        ({"count": True}, 4),
        ({"count": "*", "where": {"receptorId": ["r1", "r4"]}}, 2),
        ({"count": "Lden"}, 3),
        ({"max": "Lden"}, 61),
        ({"min": "Lden"}, 55),
        ({"mean": "residents"}, 30),
        ({"mean": "Lden", "weighted_by": "residents", "decimals": 2}, 57.02),
        ({"of": "assign.flows", "sum": "vehicleHours"}, 1.0),
    ],
)
def test_ways_to_measure(definition: dict[str, Any], figure: float) -> None:
    decimals = definition.pop("decimals", None)
    assert measure(indicator(decimals=decimals, **definition), OUTPUTS) == figure


def test_levels_are_added_as_energies() -> None:
    assert measure(indicator("dB[SPL]", 1, mean="Lden"), OUTPUTS) == 58.0
    assert measure(indicator("dB[SPL]", 1, sum="Lden"), OUTPUTS) == 62.8
    assert measure(indicator(None, 1, sum="Lden"), OUTPUTS) == 171.1
    assert measure(indicator("veh/h", 1, sum="Lden"), OUTPUTS) == 171.1


def test_rounding_is_half_to_even_and_knows_no_minus_zero() -> None:
    outputs: dict[str, list[dict[str, Any]]] = {"noise.levels": [{"v": 0.5}, {"v": 2.0}]}
    assert measure(indicator(decimals=0, sum="v"), outputs) == 2
    assert str(measure(indicator(decimals=0, sum="v"), {"noise.levels": [{"v": -0.2}]})) == "0.0"


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"of": ""}, "names no output"),
        ({"sum": "a", "mean": "b"}, "says sum and mean"),
        ({}, "says not how it is measured"),
        ({"sum": 3}, "names no column"),
        ({"total": "a"}, "total is not known"),
        ({"sum": "a", "weighted_by": "b"}, "stands without mean"),
        ({"mean": "a", "weighted_by": 1}, "weighted_by"),
        ({"sum": "a", "where": {"b": {"over": 1}}}, "where.b says 'over'"),
        ({"of": "noise.level", "sum": "residents"}, "noise.level, which does not exist"),
        ({"sum": "inhabitants"}, "needs inhabitants, which noise.levels does not have"),
        ({"sum": "residents", "where": {"lden": {"above": 55}}}, "needs lden"),
        ({"sum": "receptorId"}, "row 1 has 'r1' as receptorId"),
        ({"mean": "Lden", "where": {"Lden": {"above": 99}}}, "no mean of Lden"),
        ({"max": "Lden", "where": {"Lden": {"above": 99}}}, "no max of Lden"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(definition: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        measure(indicator(**definition), OUTPUTS)
    assert words in refused.value.detail


def test_the_sum_of_no_levels_is_no_level() -> None:
    with pytest.raises(InvalidInput, match="no sum of Lden"):
        measure(indicator("dB[SPL]", sum="Lden", where={"Lden": {"above": 99}}), OUTPUTS)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 100)), min_size=1, max_size=20), st.randoms())
def test_the_order_of_rows_does_not_matter(figures: list[tuple[float, float]], chance: Any) -> None:
    rows = [{"v": value, "w": weight + 0.5} for value, weight in figures]
    turned = list(rows)
    chance.shuffle(turned)
    ways: list[dict[str, Any]] = [
        {"sum": "v"},
        {"mean": "v"},
        {"mean": "v", "weighted_by": "w"},
        {"max": "v"},
        {"count": True},
    ]
    for way in ways:
        one = indicator(**way)
        assert measure(one, {"noise.levels": rows}) == measure(one, {"noise.levels": turned})


# ---- differences


def test_differences_by_key() -> None:
    point, other = {"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [3, 4]}
    before: list[dict[str, Any]] = [
        {"id": "b", "v": 1, "geometry": point},
        {"id": "a", "v": 0.3, "geometry": point},
        {"id": "x", "v": None},
    ]
    after: list[dict[str, Any]] = [
        {"id": "a", "v": 0.1, "geometry": other},
        {"id": "n", "v": 5},
        {"id": "b", "v": 1},
        {"id": "x", "v": 1},
    ]
    assert difference(before, after, ("id",), ("v",)) == [
        {"id": "b", "v_before": 1, "v_after": 1, "v_change": 0, "geometry": point},
        {"id": "a", "v_before": 0.3, "v_after": 0.1, "v_change": -0.2, "geometry": other},
        {"id": "x", "v_before": None, "v_after": 1, "v_change": None},
        {"id": "n", "v_before": None, "v_after": 5, "v_change": None},
    ]
    assert difference([], [], ("id",), ("v",)) == []


def test_differences_by_several_members() -> None:
    rows: list[dict[str, Any]] = [
        {"s": "a", "part": "day", "v": 1, "w": "x"},
        {"s": "a", "part": "night", "v": 2, "w": "y"},
    ]
    doubled: list[dict[str, Any]] = [{**row, "v": row["v"] * 2} for row in rows]
    made = difference(rows, doubled, ("s", "part"), ("v", "w"))
    assert [(row["part"], row["v_change"], row["w_change"]) for row in made] == [("day", 1, None), ("night", 2, None)]
    with pytest.raises(InvalidInput, match="both a"):
        difference(rows, rows, ("s",), ("v",))
