"""Windows of time in column mappings, and the drafts that have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.scenarios.model import Port, Variable
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.mapping_grammar import output_port, parse_mapping
from node.scenarios.transformations.window_drafts import missing_window

HOURS = {
    "step": "PT15M",
    "group": ["hour"],
    "hour": {"of": "time", "window": "PT1H"},
    "flow": {"mean": "flow"},
    "all": {"sum": "flow"},
}
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
FLOW = "{vehicles}/(15.min)"
SOURCE = Port(
    role="counts",
    variables=(Variable(name="segment"), Variable(name="time"), Variable(name="flow", unit=FLOW)),
    step=QUARTER,
)
TARGET = Port(
    role="model",
    variables=(Variable(name="segment"), Variable(name="flow", unit="{vehicles}/h")),
    step=HOUR,
)
ROWS = [
    {"segment": segment, "time": f"07:{minute:02}", "flow": 10}
    for segment in ("a", "b")
    for minute in (0, 15, 30, 45)
]


@pytest.mark.parametrize(
    ("times", "begin"),
    [
        (("07:00", "07:45"), "07:00"),
        (("2026-11-02T07:15:00", "2026-11-02T07:59:59"), "2026-11-02T07:00:00"),
        (("2026-11-02T07:15:00+01:00", "2026-11-02T07:30:00+01:00"), "2026-11-02T07:00:00+01:00"),
        (("2026-11-02T23:15:00Z", "2026-11-02T23:30:00Z"), "2026-11-02T23:00:00Z"),
    ],
)
def test_rows_of_a_window_become_one(times: tuple[str, str], begin: str) -> None:
    rows = [{"time": time, "flow": flow} for time, flow in zip(times, (2, 4), strict=True)]
    definition = {name: part for name, part in HOURS.items() if name != "step"}
    assert transform(definition, rows) == [{"hour": begin, "flow": 3, "all": 6}]


def test_the_output_has_the_step_of_its_window() -> None:
    assert output_port(parse_mapping(HOURS)).step == HOUR


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"hour": {"of": "time", "window": "PT7H"}}, "divides a day"),
        ({"hour": {"of": "time", "window": "P1M"}}, "hour.window"),
        ({"hour": {"of": "time", "window": "PT20M"}}, "two windows"),
        ({"hour": {"of": "time", "window": "PT1H", "zone": "UTC"}}, "zone"),
        ({"hour": {"window": "PT1H", "of": ""}}, "names no column"),
    ],
)
def test_windows_that_make_no_sense_are_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_mapping({**HOURS, **change})
    assert why in f"{error.value.detail} {error.value.remedy}"


@pytest.mark.parametrize("value", ["2026-11-02", "noon", None, 7])
def test_what_is_no_time_is_named_with_its_row(value: Any) -> None:
    with pytest.raises(InvalidInput, match="row 2, time"):
        transform(HOURS, [{"time": "07:00", "flow": 1}, {"time": value, "flow": 1}])


def test_a_rate_is_averaged_and_an_amount_added_up() -> None:
    draft = missing_window(SOURCE, TARGET, ROWS)
    assert draft["flow"] == {"mean": "flow", "unit": "{vehicles}/h"}
    assert transform(draft, ROWS) == [
        {"time": "07:00", "segment": "a", "flow": 40},
        {"time": "07:00", "segment": "b", "flow": 40},
    ]
    count = Variable(name="flow", unit="{vehicles}")
    amounts = replace(SOURCE, variables=(*SOURCE.variables[:2], count))
    draft = missing_window(amounts, replace(TARGET, variables=(TARGET.variables[0], count)), ROWS)
    assert [row["flow"] for row in transform(draft, ROWS)] == [40, 40]
    assert [row["flow"] for row in transform(missing_window(amounts, TARGET, ROWS), ROWS)] == [40, 40]


@pytest.mark.parametrize(
    ("source", "target", "rows"),
    [
        (replace(SOURCE, step=None), TARGET, ROWS),
        (replace(SOURCE, step=timedelta(hours=2)), TARGET, ROWS),
        (SOURCE, TARGET, None),
        (SOURCE, TARGET, [{**row, "lane": lane} for row in ROWS for lane in (1, 2)]),
        (SOURCE, TARGET, [{**row, "end": row["time"]} for row in ROWS]),
        (replace(SOURCE, variables=(*SOURCE.variables[:2], Variable(name="flow"))), TARGET, ROWS),
        (SOURCE, replace(TARGET, variables=(*TARGET.variables, Variable(name="width", unit="m"))), ROWS),
        (SOURCE, replace(TARGET, variables=(Variable(name="flow", unit="km/h"),)), ROWS),
    ],
    ids=["no step", "coarser", "no rows", "two rows at a time", "two times", "no unit", "missing", "other quantity"],
)
def test_nothing_is_drafted_where_it_would_be_a_guess(source: Port, target: Port, rows: Any) -> None:
    assert missing_window(source, target, rows) == {}
