"""Column mappings: the demonstration's own, each word of the language, and what it says of mistakes."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo
from node.base.errors import InvalidInput
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.mapping_grammar import input_port, output_port, parse_mapping

FILE = Path(demo.__file__).parent / "files" / "gent" / "hourly-flows.yaml"
HOURLY: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))["definition"]
PARTS = ("day", "evening", "night")


def quarters(segment: str = "s1", **of_class: float) -> list[dict[str, Any]]:
    """A day of quarter-hours, with the same number of each class in each quarter."""
    return [
        {
            "segmentId": segment,
            "quarter": f"{quarter // 4:02}:{quarter % 4 * 15:02}",
            "vehicleType": name,
            "intensity": intensity,
            "averageVehicleSpeed": 30.0 if name == "lorry" else 50.0,
        }
        for quarter in range(96)
        for name, intensity in of_class.items()
    ]


def test_the_demonstrations_mapping() -> None:
    rows = transform(HOURLY, quarters(passengerCar=90, van=10, lorry=25) + quarters("s0", passengerCar=0, lorry=0))
    assert rows == [
        *({"segmentId": "s0", "partOfDay": part, "light": 0, "heavy": 0, "speed": None} for part in PARTS),
        *({"segmentId": "s1", "partOfDay": part, "light": 400, "heavy": 100, "speed": 46} for part in PARTS),
    ]


def test_a_quarter_belongs_to_the_part_in_which_it_begins() -> None:
    rows = quarters(passengerCar=0)
    for row in rows:
        row["intensity"] = {"06:45": 32, "07:00": 48, "18:45": 48, "19:00": 16, "23:00": 32}.get(row["quarter"], 0)
    assert [(row["partOfDay"], row["light"]) for row in transform(HOURLY, rows)] == [
        ("day", 8), ("evening", 4), ("night", 8),
    ]  # fmt: skip


def test_what_it_takes_and_gives_is_known_beforehand() -> None:
    mapping = parse_mapping(json.dumps(HOURLY))
    assert [(one.name, one.unit) for one in input_port(mapping, role="flows").variables] == [
        ("segmentId", None), ("quarter", None), ("intensity", "{vehicles}/(15.min)"), ("vehicleType", None),
        ("averageVehicleSpeed", "km/h"),
    ]  # fmt: skip
    assert input_port(mapping).step == timedelta(minutes=15)
    out = output_port(mapping, role="flows", schemas=("https://x.example/s",))
    assert [(one.name, one.unit, one.decimals) for one in out.variables] == [
        ("segmentId", None, None), ("partOfDay", None, None), ("light", "{vehicles}/h", 2),
        ("heavy", "{vehicles}/h", 2), ("speed", "km/h", 1),
    ]  # fmt: skip
    assert (out.step, out.key, out.role) == (timedelta(hours=1), ("segmentId", "partOfDay"), "flows")


def test_counts_rates_and_unnamed_figures_give_the_same_hours() -> None:
    rows = quarters(passengerCar=100)
    for unit, factor in (
        ("{vehicles}", 1),
        ("{vehicles}/(15.min)", 1),
        ("{vehicles}/h", 0.25),
        ("{vehicles}/s", 900),
    ):
        definition = copy.deepcopy(HOURLY) | {"units": {"intensity": unit}}
        assert transform(definition, rows)[0]["light"] == 400 * factor
    definition = {**HOURLY, "units": {}, "light": {"sum": "intensity", "per": "hour"}}
    assert transform(definition, rows)[0]["light"] == 400
    definition["light"] = {"sum": "intensity", "per": "minute"}
    assert transform(definition, rows)[0]["light"] == pytest.approx(400 / 60)
    definition["light"] = {"sum": "intensity"}
    assert transform(definition, rows)[0]["light"] == 4800


def test_hours_are_those_that_were_measured() -> None:
    """Half a day is missing: the other half is not spread over it. An hour without lorries is one of no lorries."""
    rows = [row for row in quarters(passengerCar=100) if row["quarter"] < "13:00"]
    rows += [row for row in quarters(lorry=50) if "08:00" <= row["quarter"] < "09:00"]
    rows[-1]["intensity"] = None
    day = transform(HOURLY, rows)[0]
    assert (day["partOfDay"], day["light"], day["heavy"]) == ("day", 400, 25)


def test_timestamps_are_read_where_the_day_is_counted() -> None:
    definition = copy.deepcopy(HOURLY)
    definition["partOfDay"]["zone"] = "Europe/Brussels"
    rows = quarters(passengerCar=1)
    for row in rows:
        # 2026-10-25: clocks go back; 07:00 in Brussels is 06:00 UTC.
        row["intensity"] = 48 if row["quarter"] == "06:00" else 0
        row["quarter"] = f"2026-10-25T{row['quarter']}:00Z"
    assert [row["light"] for row in transform(definition, rows)] == [4, 0, 0]
    for row in rows:
        row["quarter"] = row["quarter"].removesuffix("Z")
    assert [row["light"] for row in transform(definition, rows)] == [0, 0, 6]


def test_the_days_of_many_days_are_all_counted() -> None:
    definition = copy.deepcopy(HOURLY)
    definition["partOfDay"]["zone"] = "UTC"
    rows = []
    for day in (1, 2):
        for row in quarters(passengerCar=50 * day):
            rows.append({**row, "quarter": f"2026-10-0{day}T{row['quarter']}:00Z"})
    assert transform(definition, rows)[0]["light"] == 300


def test_the_other_words_of_a_group() -> None:
    definition = {
        "group": ["street"],
        "street": {"rename": "segmentId"},
        "units": {"averageVehicleSpeed": "km/h", "level": "dB[SPL]"},
        "n": {"count": True, "where": {"vehicleType": "van"}},
        "lowest": {"min": "averageVehicleSpeed", "unit": "m/s", "decimals": 2},
        "highest": {"max": "averageVehicleSpeed"},
        "type": {"first": "vehicleType"},
        "source": {"constant": "model"},
        "lorries": {"mean": "intensity", "where": {"vehicleType": "lorry"}},
        "loud": {"mean": "level"},
    }
    rows = [{**row, "level": 60} for row in quarters(passengerCar=1, van=2)]
    assert transform(definition, rows) == [
        {
            "street": "s1", "n": 96, "lowest": 13.89, "highest": 50, "type": "passengerCar", "source": "model",
            "lorries": None, "loud": 60,
        }
    ]  # fmt: skip


def test_without_a_group_each_row_becomes_a_row() -> None:
    definition = {
        "units": {"v": "km/h"},
        "segmentId": {"rename": "refRoadSegment"},
        "speed": {"rename": "v", "unit": "m/s"},
        "year": {"constant": 2026},
        "part": {"of": "at", "parts": {"peak": ["07:00", "09:00"]}, "otherwise": "leave out"},
    }
    rows: list[dict[str, Any]] = [
        {"refRoadSegment": "a", "v": 36, "at": "07:30", "x": 1},
        {"refRoadSegment": "b", "v": None, "at": "08:59", "x": 2},
        {"refRoadSegment": "c", "v": 1, "at": "09:00", "x": 3},
    ]
    expected: list[dict[str, Any]] = [
        {"part": "peak", "segmentId": "a", "speed": 10, "year": 2026},
        {"part": "peak", "segmentId": "b", "speed": None, "year": 2026},
    ]
    assert transform(definition, rows) == expected
    assert transform({**definition, "keep": "x"}, rows) == [{**one, "x": n} for n, one in enumerate(expected, 1)]
    assert transform({**definition, "keep": "all"}, rows)[0] == {**expected[0], "x": 1, "at": "07:30"}
    assert [one.name for one in output_port(parse_mapping({**definition, "keep": ["x"]})).variables] == [
        "part", "x", "segmentId", "speed", "year",
    ]  # fmt: skip


def test_nothing_becomes_nothing() -> None:
    assert transform(HOURLY, []) == []


DAYPARTS = {"of": "quarter", "parts": {"day": ["07:00", "19:00"], "night": ["19:00", "07:00"]}}


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"step": "P1M"}, ""),
        ({"units": {"intensity": "veh/h"}}, "units.intensity"),
        ({"units": []}, "units"),
        ({"group": []}, "group"),
        ({"group": ["a", "a"]}, "group"),
        ({"group": None}, "light.sum"),
        ({"group": ["segmentId"]}, "partOfDay"),
        ({"keep": "all"}, "keep"),
        ({"light": "intensity"}, "light"),
        ({"light": {}}, "light"),
        ({"light": {"sum": "a", "mean": "b"}}, "light"),
        ({"light": {"sum": "intensity", "weighted_by": "x"}}, "light.weighted_by"),
        ({"light": {"sum": ["intensity"]}}, "light.sum"),
        ({"light": {"sum": "intensity", "per": "week", "unit": "{vehicles}/h"}}, "light.per"),
        ({"light": {"sum": "intensity", "per": "hour"}}, "light.unit"),
        ({"light": {"sum": "intensity", "per": "hour", "unit": "km/h"}}, "light.unit"),
        ({"light": {"sum": "intensity", "unit": "km"}}, "light.unit"),
        ({"light": {"sum": "intensity", "unit": "veh"}}, "light.unit"),
        ({"light": {"sum": "intensity", "decimals": 1.5}}, "light.decimals"),
        ({"light": {"sum": "intensity", "where": {"a": {"over": 1}}}}, "light.where.a"),
        ({"light": {"constant": None}}, "light.constant"),
        ({"light": {"rename": "intensity"}}, "light.rename"),
        ({"segmentId": {"sum": "intensity"}}, "segmentId"),
        ({"units": {"t": "Cel"}, "light": {"sum": "t"}}, "light.sum"),
        ({"step": None}, "light.per"),
        ({"step": "PT45M"}, "partOfDay.parts.day"),
        ({"partOfDay": {**DAYPARTS, "of": ""}}, "partOfDay.of"),
        ({"partOfDay": {**DAYPARTS, "when": 1}}, "partOfDay"),
        ({"partOfDay": {"of": "quarter", "parts": {}}}, "partOfDay.parts"),
        ({"partOfDay": {"of": "quarter", "parts": {"day": ["07:00", "19:00"]}}}, "partOfDay.parts"),
        ({"partOfDay": {"of": "q", "parts": {"a": ["07:00", "06:00"], "b": ["05:00", "07:00"]}}}, "partOfDay.parts"),
        ({"partOfDay": {"of": "q", "parts": {"a": ["07:00", "07:00"]}}}, "partOfDay.parts.a"),
        ({"partOfDay": {"of": "q", "parts": {"a": ["07:00"]}}}, "partOfDay.parts.a"),
        ({"partOfDay": {"of": "q", "parts": {"a": [420, 1140]}}}, "partOfDay.parts.a"),
        ({"partOfDay": {"of": "q", "parts": {"a": ["7", "25:00"]}}}, "partOfDay.parts.a"),
        ({"partOfDay": {**DAYPARTS, "zone": "Europe/Gent"}}, "partOfDay.zone"),
        ({"partOfDay": {**DAYPARTS, "zone": "../../etc/passwd"}}, "partOfDay.zone"),
        ({"partOfDay": {**DAYPARTS, "otherwise": "drop"}}, "partOfDay.otherwise"),
    ],
)
def test_a_bad_definition_is_refused_with_the_member(change: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mapping({**HOURLY, **change})
    assert refused.value.facts.get("at", "") == at, refused.value.detail
    assert refused.value.remedy


@pytest.mark.parametrize("definition", [None, [], {}, {"group": ["a"]}, "select *", 3])
def test_what_is_no_definition_at_all(definition: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_mapping(definition)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"intensity": "many"}, "row 2, intensity: it is 'many'"),
        ({"intensity": float("nan")}, "row 2, intensity: it is 'nan'"),
        ({"quarter": "half past"}, "row 2, quarter: 'half past' is not a time"),
        ({"quarter": ["07:00"]}, "row 2, quarter"),
        ({"quarter": None}, "row 2, quarter"),
        ({"quarter": "2026-10-01"}, "a day without a time"),
        ({"quarter": "2026-10-01T07:00:00Z"}, "zone"),
        ({"quarter": "2026-10-01T07:00:00"}, "clock times and timestamps"),
        ({"quarter": "07:05"}, "not at a whole step of PT15M"),
        ({"segmentId": None}, "row 2, segmentId"),
    ],
)
def test_rows_that_do_not_suit_are_refused_with_their_place(change: dict[str, Any], words: str) -> None:
    rows = quarters(passengerCar=1)
    rows[1] |= change
    with pytest.raises(InvalidInput) as refused:
        transform(HOURLY, rows)
    assert words in f"{refused.value.detail} {refused.value.remedy}"


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="no column vehicleType") as refused:
        transform(HOURLY, [{"segmentId": "a", "quarter": "07:00", "intensity": 1, "averageVehicleSpeed": 1}])
    assert refused.value.facts["missing"] == ["vehicleType"]


def test_rows_of_a_coarser_step_than_declared_are_refused() -> None:
    """Hours declared as quarters would come out fourfold."""
    hours = [row for row in quarters(passengerCar=1) if row["quarter"].endswith(":00")]
    with pytest.raises(InvalidInput, match="an hour apart"):
        transform(HOURLY, hours)
