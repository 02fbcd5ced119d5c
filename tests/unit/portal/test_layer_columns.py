"""Columns that the form of a feature has, with the shape of their values."""

from __future__ import annotations

import json

import pytest

from node.base.errors import InvalidInput
from node.portal.runs.edits import columns
from node.scenarios.tables.rows import key_of, read_rows


def test_a_column_has_the_shape_that_all_its_values_share() -> None:
    rows = [
        {"id": "a", "lanes": 2, "oneway": True, "name": None, "geometry": {"type": "Point"}, "tags": ["x"]},
        {"id": "b", "lanes": 2.5, "oneway": False, "name": "Coupure", "late": 1, "mixed": True},
        {"id": "c", "lanes": None, "mixed": 3, "empty": None},
    ]
    assert columns(rows, "id") == {
        "lanes": "number",
        "oneway": "flag",
        "name": "text",
        "late": "number",
        "mixed": "text",
    }


def test_equal_cells_are_read_alike_and_an_error_names_its_first_row() -> None:
    rows = read_rows(b"id,count,open\nn1,007,true\nn2, 7,TRUE\nn3,,\nn4,007,false\n", "text/csv")
    assert [row["count"] for row in rows] == ["007", " 7", None, "007"]
    assert [row["open"] for row in rows] == [True, True, None, False]
    assert [row["count"] for row in read_rows(b"id,count\na,1\nb, 1\nc,\n", "text/csv")] == [1, 1, None]
    with pytest.raises(InvalidInput) as error:
        read_rows(b"id,count\na,1\nb,1e400\nc,1e400\n", "text/csv")
    assert "row 2" in error.value.detail


def test_a_key_of_several_members_is_the_smallest_that_names_each_row() -> None:
    rows = json.loads('[{"a":"1","b":"x","c":"p"},{"a":"1","b":"y","c":"p"},{"a":"2","b":"x","c":"p"}]')
    assert key_of(rows) == ("a", "b")
    assert key_of(rows[:2]) == ("b",)
    assert key_of([*rows, rows[0]]) == ()
