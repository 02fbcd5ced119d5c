"""Column mappings: nothing is lost, and the order of rows does not matter."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.scenarios.tables.daytimes import parse_dayparts
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.mapping_grammar import parse_mapping

DEFINITION = {
    "step": "PT15M",
    "units": {"intensity": "{vehicles}/(15.min)", "speed": "km/h"},
    "group": ["segmentId", "partOfDay"],
    "partOfDay": {
        "of": "quarter",
        "parts": {"day": ["07:00", "19:00"], "evening": ["19:00", "23:00"], "night": ["23:00", "07:00"]},
    },
    "flow": {"sum": "intensity", "per": "hour", "unit": "{vehicles}/h"},
    "all": {"sum": "intensity"},
    "speed": {"mean": "speed", "weighted_by": "intensity"},
    "rows": {"count": True},
}
QUARTERS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]
tables = st.lists(
    st.fixed_dictionaries(
        {
            "segmentId": st.sampled_from(["a", "b", "č"]),
            "quarter": st.sampled_from(QUARTERS),
            "intensity": st.floats(0, 1000),
            "speed": st.floats(0, 130),
        }
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda row: (row["segmentId"], row["quarter"]),
)


def dense(rows: list[dict[str, Any]]) -> bool:
    """Two neighbouring quarters at least, else the rows look as if they had a coarser step."""
    places = sorted({QUARTERS.index(row["quarter"]) for row in rows})
    return len(places) == 1 or any(b - a == 1 for a, b in pairwise(places))


@given(tables.filter(dense), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, Any]], chance: random.Random) -> None:
    turned = list(rows)
    chance.shuffle(turned)
    assert transform(DEFINITION, turned) == transform(DEFINITION, rows)


@given(tables.filter(dense))
def test_nothing_is_lost_and_means_lie_between(rows: list[dict[str, Any]]) -> None:
    results = transform(DEFINITION, rows)
    assert sum(row["rows"] for row in results) == len(rows)
    assert sum(row["all"] for row in results) == pytest.approx(sum(row["intensity"] for row in rows))
    for row in results:
        assert row["flow"] * row["rows"] / 4 == pytest.approx(row["all"])
        if row["speed"] is not None:
            speeds = [one["speed"] for one in rows if one["segmentId"] == row["segmentId"]]
            assert min(speeds) - 1e-9 <= row["speed"] <= max(speeds) + 1e-9


minutes = st.integers(0, 24 * 60 - 1)


@given(st.lists(minutes, min_size=2, max_size=6, unique=True), minutes)
def test_parts_that_follow_one_another_fill_the_day(borders: list[int], minute: int) -> None:
    def clock(at: int) -> str:
        return f"{at // 60:02}:{at % 60:02}"

    borders = sorted(borders)
    parts = {
        f"p{n}": [clock(a), clock(b)]
        for n, (a, b) in enumerate(zip(borders, [*borders[1:], borders[0]], strict=True))
    }
    read = parse_dayparts({"of": "t", "parts": parts}, "part")
    assert sum(one.holds(read.moment(clock(minute)).clock) for one in read.parts) == 1
    assert read.part_of(read.moment(clock(minute))) in parts
    first = next(iter(parts))
    with pytest.raises(InvalidInput):
        parse_dayparts({"of": "t", "parts": {name: times for name, times in parts.items() if name != first}}, "part")


words = st.sampled_from(
    ["sum", "mean", "group", "step", "of", "parts", "where", "per", "unit", "x", "hour", "PT15M", "m"]
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=12,
)


@given(anything)
def test_any_definition_is_read_or_refused_in_words(definition: Any) -> None:
    try:
        mapping = parse_mapping(definition)
    except InvalidInput as refused:
        refusal = refused
    else:
        assert mapping.rules or mapping.dayparts
        return
    assert refusal.remedy
