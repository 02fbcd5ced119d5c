"""Rows against what a port declares, and against the range that a model is valid for."""

from __future__ import annotations

from typing import Any

from node.scenarios.chain.validity import outside
from node.scenarios.model import Port, Variable

PORT = Port(
    role="flows",
    variables=(
        Variable(name="segmentId"),
        Variable(name="speed", unit="km/h", minimum=30, maximum=130),
        Variable(name="light", unit="1", minimum=0),
    ),
    extent=(3.5, 50.9, 3.9, 51.2),
)


def row(name: str, speed: Any = 50, light: Any = 1, **more: Any) -> dict[str, Any]:
    return {"segmentId": name, "speed": speed, "light": light, **more}


def test_nothing_is_outside() -> None:
    assert outside(PORT, []) == ()
    assert outside(PORT, [row("a", 30), row("b", 130), row("c", None), row("d", "x")]) == ()


def test_figures_beyond_the_bounds_are_one_caveat_for_each_column() -> None:
    rows = [row("a", 12.34), row("b", 140, -1), row("c"), row("d", 29.999)]
    speed, light = outside(PORT, rows)
    assert speed.code == light.code == "outside-validity"
    assert speed.sentence == (
        "3 of 4 rows of flows have speed below 30 km/h (the lowest 12.34) or above 130 km/h (the highest 140): "
        "a, b, d"
    )
    assert speed.facts == {
        "role": "flows", "variable": "speed", "count": 3, "of": 4, "minimum": 30, "maximum": 130, "lowest": 12.34,
        "highest": 140, "unit": "km/h", "examples": ["a", "b", "d"],
    }  # fmt: skip
    assert light.sentence == "1 of 4 rows of flows have light below 0 (the lowest -1): b"


def test_all_rows_and_rows_without_a_key() -> None:
    (caveat,) = outside(PORT, [{"speed": 1}, {"speed": 2}])
    assert caveat.sentence == "all 2 rows of flows have speed below 30 km/h (the lowest 1)"
    assert caveat.facts["examples"] == []
    keyed = Port(role="flows", variables=PORT.variables, key=("segmentId", "partOfDay"))
    assert outside(keyed, [row("a", 1)])[0].facts["examples"] == []


def test_only_some_examples_are_named() -> None:
    (caveat,) = outside(PORT, [row(f"s{n}", 10) for n in range(9)])
    assert caveat.facts["examples"] == ["s0", "s1", "s2", "s3", "s4"]
    assert caveat.facts["count"] == 9


def test_places_outside_the_extent() -> None:
    rows = [
        row("a", geometry={"type": "Point", "coordinates": [3.7, 51.0]}),
        row("b", geometry={"type": "LineString", "coordinates": [[3.7, 51.0], [4.0, 51.0]]}),
        row("c", geometry=None),
    ]
    (caveat,) = outside(PORT, rows)
    assert caveat.sentence == "1 of 3 rows of flows lie outside 3.5–3.9° E, 50.9–51.2° N: b"
    assert caveat.facts == {
        "role": "flows", "count": 1, "of": 3, "area": PORT.extent, "examples": ["b"]
    }  # fmt: skip
