"""Conditions on rows."""

from __future__ import annotations

from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.scenarios.tables.conditions import EVERY, parse_where


@pytest.mark.parametrize(
    ("where", "row", "holds"),
    [
        ({"a": {"above": 55}}, {"a": 55.1}, True),
        ({"a": {"above": 55}}, {"a": 55}, False),
        ({"a": {"at least": 55}}, {"a": 55}, True),
        ({"a": {"at_most": 55}}, {"a": 55}, True),
        ({"a": {"below": 55}}, {"a": 54.9}, True),
        ({"a": {"at least": 1, "below": 3}}, {"a": 3}, False),
        ({"a": {"at least": 1, "below": 3}}, {"a": 1}, True),
        ({"a": [1, "x"]}, {"a": "x"}, True),
        ({"a": {"in": ["x"]}}, {"a": "y"}, False),
        ({"a": "x"}, {"a": "x"}, True),
        ({"a": {"equals": 1}}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {}, True),
        ({"a": {"above": 55}}, {"a": "60"}, False),
        ({"a": {"above": 55}}, {"a": True}, False),
        ({"a": {"below": 55}}, {"a": None}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
    ],
)
def test_conditions(where: Any, row: dict[str, Any], holds: bool) -> None:
    assert parse_where(where, "where").holds(row) is holds


def test_no_condition_holds_always() -> None:
    assert parse_where(None, "where") is EVERY
    assert EVERY.holds({})
    assert parse_where({"b": {"above": 1, "below": 2}, "a": 1}, "where").columns == ("b", "a")


@pytest.mark.parametrize(
    ("where", "at"),
    [
        ([], "where"), ({}, "where"), ("x", "where"), ({"a": {}}, "where.a"), ({"a": {"over": 5}}, "where.a"),
        ({"a": {"above": "5"}}, "where.a"), ({"a": {"above": True}}, "where.a"),
        ({"a": {"above": float("nan")}}, "where.a"),
        ({"a": []}, "where.a"), ({"a": {"in": "xy"}}, "where.a"), ({"a": [[1]]}, "where.a"),
        ({"a": {"equals": [1]}}, "where.a"),
    ],
)  # fmt: skip
def test_bad_conditions_are_refused_with_their_place(where: Any, at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_where(where, "where")
    assert refused.value.facts["at"] == at
    assert refused.value.remedy
