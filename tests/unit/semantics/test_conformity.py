"""Rows against the schema that they are said to conform to."""

from __future__ import annotations

from typing import Any

import pytest

from node.semantics.schemas.conformity import check

FLOW: dict[str, Any] = {
    "type": "object",
    "required": ["segment", "intensity"],
    "properties": {
        "segment": {"type": "string", "maxLength": 4},
        "intensity": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["car", "bike"]},
        "open": {"type": ["boolean"]},
    },
}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (["s1", "12", "car", "true"], ""),
        (["s1", "12", "", ""], ""),
        (["s1", "many", "car", ""], "row 1, intensity: 'many' is no number"),
        (["s1", "1.5", "car", ""], "whole number"),
        (["s1", "-1", "car", ""], "less than is allowed"),
        (["", "1", "car", ""], "row 1, segment: is empty, and is required"),
        (["s1", "1", "tram", ""], "none of bike, car"),
        (["s1", "1", "car", "yes"], "neither true nor false"),
        (["s1234", "1", "car", ""], "5 characters"),
    ],
)
def test_cells(row: list[str], what: str) -> None:
    report = check(FLOW, ["segment", "intensity", "kind", "open"], [row])
    assert report.count == bool(what)
    assert not what or what in report.breaches[0].words()


def test_columns_and_caps() -> None:
    report = check({"items": {**FLOW, "additionalProperties": False}}, ["segment", "speed"], [["s1", "1"]] * 3)
    assert [one.words() for one in report.breaches] == [
        "column intensity is missing, and is required",
        "column speed is not foreseen",
    ]
    many = check(FLOW, ["segment", "intensity"], [["s1", "x"]] * 1000)
    assert (many.count, len(many.breaches), many.rows) == (1000, 5, 1000)
