"""The rule of small cells, and the budget of questions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.policy.flow.output_rule import TOTALS, Release, allowance, fewest, suppress


def receptor(name: str, residents: Any, level: float = 60.0) -> dict[str, Any]:
    return {"receptorId": name, "residents": residents, "Lden": level}


def cell(district: str, band: str, residents: int, level: float = 60.0) -> dict[str, Any]:
    return {"district": district, "band": band, "residents": residents, "Lden": level}


def by_band(*rows: dict[str, Any], minimum: int = 10, **more: Any) -> Release:
    return suppress(rows, count_column="residents", minimum=minimum, key=("district", "band"), **more)


def test_small_cells_are_left_out_and_the_sentence_says_how_many() -> None:
    rows = [receptor("a", 40), receptor("b", 9), receptor("c", 10), receptor("d", 0)]
    released = suppress(rows, count_column="residents", minimum=10, key=("receptorId",))
    assert [row["receptorId"] for row in released.rows] == ["a", "c"]
    assert released.suppressions == 2
    assert released.sentence.startswith("2 of 4 figures were left out: each covers fewer than 10 people")
    assert suppress(rows[:1], count_column="residents", minimum=10).sentence == ""
    assert suppress(rows, count_column="residents", minimum=10).rows == released.rows


def test_how_few_people_a_figure_covers() -> None:
    assert fewest([receptor("a", 40), receptor("b", 12)], count_column="residents") == 12
    assert fewest([receptor("a", 40), receptor("b", None)], count_column="residents") == 0
    assert fewest([], count_column="residents") == 0


@pytest.mark.parametrize("residents", [None, "many", True, float("nan"), float("inf"), -3])
def test_what_does_not_say_how_many_it_covers_is_left_out(residents: Any) -> None:
    released = suppress([receptor("a", residents), receptor("b", 50)], count_column="residents", minimum=10)
    assert [row["receptorId"] for row in released.rows] == ["b"]


def test_a_total_is_made_anew_so_that_nothing_can_be_had_by_subtraction() -> None:
    released = by_band(
        cell("Centrum", "55", 40),
        cell("Centrum", "60", 30),
        cell("Centrum", "65", 4),
        cell("Centrum", "Total", 74),
        cell("Noord", "55", 20),
        cell("Noord", "60", 11),
        cell("Noord", "Total", 31, 58.5),
        {"district": "Total", "band": "Total", "residents": 105, "Lden": 59.0},
    )
    totals = {row["district"]: row for row in released.rows if row["band"] == "Total"}
    assert totals["Centrum"]["residents"] == 70
    assert totals["Centrum"]["Lden"] is None, "a level is no sum: the old one would give the cell away"
    assert totals["Noord"] == cell("Noord", "Total", 31, 58.5)
    assert totals["Total"]["residents"] == 101
    assert released.suppressions == 1


def test_figures_that_are_sums_are_summed() -> None:
    rows = [
        {**cell("Centrum", "55", 40), "trips": 1.5},
        {**cell("Centrum", "60", 3), "trips": 0.5},
        {**cell("Centrum", "65", 20), "trips": 0.1},
        {**cell("Centrum", "total", 63), "trips": 2.1},
    ]
    total = by_band(*rows, sums=("trips",)).rows[-1]
    assert (total["residents"], total["trips"]) == (60, 1.6)


def test_a_total_that_covers_too_few_is_left_out() -> None:
    assert by_band(cell("Centrum", "55", 4), cell("Centrum", "60", 5), cell("Centrum", "total", 9)).rows == ()


def test_where_everybody_is_in_one_cell_the_group_is_left_out() -> None:
    released = by_band(
        cell("Centrum", "55", 0), cell("Centrum", "60", 120), cell("Noord", "55", 60), cell("Noord", "60", 60)
    )
    assert {row["district"] for row in released.rows} == {"Noord"}
    alone = by_band(cell("Centrum", "60", 120))
    assert len(alone.rows) == 1, "a group that was never broken down tells no more than itself"


def test_what_it_cannot_judge_it_refuses() -> None:
    with pytest.raises(InvalidInput) as caught:
        suppress([{"receptorId": "a"}], count_column="residents", minimum=10)
    assert "residents" in caught.value.remedy
    with pytest.raises(InvalidInput):
        suppress([], count_column="residents", minimum=0)


cells = st.lists(
    st.builds(
        cell, st.sampled_from("AB"), st.sampled_from(["1", "2", "3", "total"]), st.integers(0, 30), st.floats(40, 80)
    ),
    max_size=8,
    unique_by=lambda row: (row["district"], row["band"]),
)


@given(cells, st.integers(1, 20))
def test_what_leaves_covers_enough_and_is_released_again(rows: list[dict[str, Any]], minimum: int) -> None:
    if not rows:
        return
    released = by_band(*rows, minimum=minimum)
    assert all(row["residents"] >= minimum for row in released.rows)
    assert len(released.rows) + released.suppressions == len(rows)
    for total in released.rows:
        if total["band"] in TOTALS and len(released.rows) < len(rows):
            whole = [row for row in rows if row["district"] == total["district"] and row["band"] not in TOTALS]
            left = [row for row in released.rows if row["district"] == total["district"] and row is not total]
            if len(left) < len(whole):
                assert total["residents"] == sum(row["residents"] for row in left)


@given(cells, st.floats(0, 100))
def test_the_gaps_do_not_depend_on_the_figures(rows: list[dict[str, Any]], level: float) -> None:
    """Another run with other parameters over the same data leaves out the same rows."""
    if not rows:
        return
    other = [{**row, "Lden": level} for row in rows]
    gaps = [{(row["district"], row["band"]) for row in by_band(*some).rows} for some in (rows, other)]
    assert gaps[0] == gaps[1]


class TestBudget:
    def test_different_requests_are_counted_and_the_same_one_is_not(self) -> None:
        asked: list[str] = []
        for number in range(3):
            allowed = allowance(asked, f"r{number}", limit=3)
            assert allowed.allowed
            assert allowed.remainder == 2 - number
            asked.append(f"r{number}")
        assert allowance(asked, "r1", limit=3).allowed
        assert allowance([*asked, "r1", "r1"], "r2", limit=3).allowed
        refused = allowance(asked, "r3", limit=3)
        assert not refused.allowed
        assert "3 is the limit" in refused.reason
        assert "new agreement" in refused.remedy
