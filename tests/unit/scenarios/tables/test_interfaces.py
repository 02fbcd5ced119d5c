"""What fits what: each kind of mismatch, named with both sides, and the transformation that makes it fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo
from node.scenarios.chain.interfaces import fits, fitting_transformations, input_ports, output_ports
from node.scenarios.chain.mismatch import ERROR, WARNING, Mismatch
from node.scenarios.model import Port, Transformation, Variable

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
SEGMENT, HOURLY = "https://gent.example/schemas/segment-flow", "https://gent.example/schemas/hourly-flow"
FLOW = "https://w3id.org/hansa/model#VehicleFlow"

FLOWS = Port(
    role="flows",
    variables=(
        Variable(name="segmentId"),
        Variable(name="quarter"),
        Variable(name="vehicleType"),
        Variable(name="intensity", unit="{vehicles}/(15.min)", quantity=FLOW, decimals=2),
        Variable(name="averageVehicleSpeed", unit="km/h", decimals=1),
        Variable(name="vehicleHours", unit="h", decimals=4),
    ),
    step=QUARTER,
    schemas=(SEGMENT,),
)
NOISE = Port(
    role="noise.flows",
    variables=(
        Variable(name="segmentId"),
        Variable(name="partOfDay"),
        Variable(name="light", unit="{vehicles}/h", quantity=FLOW, minimum=0),
        Variable(name="heavy", unit="{vehicles}/h", quantity=FLOW, minimum=0),
        Variable(name="speed", unit="km/h", minimum=30, maximum=130),
    ),
    step=HOUR,
    schemas=(HOURLY,),
)
FILE = Path(demo.__file__).parent / "files" / "gent" / "hourly-flows.yaml"
TRANSFORMATION = Transformation(
    iri="https://gent.example/transformations/quarter-hours-to-hourly-flows",
    version=1,
    titles={},
    language="column mapping",
    definition=yaml.safe_load(FILE.read_text("utf-8"))["definition"],
    sources=(SEGMENT,),
    targets=(HOURLY,),
)


def mismatches(source: Variable, target: Variable, **sides: Any) -> tuple[Mismatch, ...]:
    """What stands between two ports of one column each."""
    return fits(Port(role="a", variables=(source,)), Port(role="b", variables=(target,)), **sides)


def var(unit: str | None = None, quantity: str | None = None) -> Variable:
    return Variable(name="v", unit=unit, quantity=quantity)


# ---- the demonstration


def test_the_traffic_model_does_not_feed_the_noise_model() -> None:
    mismatches = fits(FLOWS, NOISE)
    assert [(each.code, each.variable) for each in mismatches if each.severity == ERROR] == [
        ("missing-variable", "partOfDay"), ("missing-variable", "light"), ("unit-factor", "intensity"),
        ("missing-variable", "heavy"), ("missing-variable", "speed"), ("time-step", ""),
    ]  # fmt: skip
    factor = next(each for each in mismatches if each.code == "unit-factor")
    assert factor.sentence == (
        "flows.intensity comes in vehicles/15\u00a0min; noise.flows needs vehicles/h: "
        "every figure would be a quarter of what it is"
    )
    assert (factor.have, factor.need) == ("{vehicles}/(15.min)", "{vehicles}/h")
    step = next(each for each in mismatches if each.code == "time-step")
    assert step.sentence == (
        "flows has a row for each quarter of an hour (PT15M); noise.flows needs one for each hour (PT1H)"
    )
    assert "adds up" in step.remedy


def test_the_transformation_mends_it() -> None:
    unread = replace(TRANSFORMATION, iri="u", language="SPARQL CONSTRUCT", sources=("x",), targets=(HOURLY,))
    backwards = replace(TRANSFORMATION, iri="b", sources=(HOURLY,), targets=(SEGMENT,), language="", definition="")
    named = replace(TRANSFORMATION, iri="n", language="SPARQL CONSTRUCT", definition="CONSTRUCT {} WHERE {}")
    broken = replace(TRANSFORMATION, iri="x", definition={"light": {}}, sources=())
    known = (unread, TRANSFORMATION, backwards, named, broken)
    assert fitting_transformations(FLOWS, NOISE, known) == (TRANSFORMATION, named)
    assert fitting_transformations(NOISE, FLOWS, known) == (backwards,)
    (source,), (target,) = input_ports(TRANSFORMATION), output_ports(TRANSFORMATION)
    assert not [each for each in fits(FLOWS, source) if each.severity == ERROR]
    assert not fits(target, NOISE)
    assert input_ports(broken) == (Port(role=""),)


def test_a_transformation_whose_figures_do_not_fit_does_not_mend() -> None:
    definition = {**TRANSFORMATION.definition, "light": {"sum": "intensity", "unit": "{vehicles}/(15.min)"}}
    assert not fitting_transformations(FLOWS, NOISE, [replace(TRANSFORMATION, definition=definition)])
    declared = replace(
        TRANSFORMATION, inputs=(FLOWS,), outputs=(replace(NOISE, role="flows"),), language="", definition=""
    )
    assert fitting_transformations(FLOWS, NOISE, [declared]) == (declared,)
    faster = replace(declared, outputs=(replace(NOISE, step=QUARTER),))
    assert not fitting_transformations(FLOWS, NOISE, [faster])


# ---- units


@pytest.mark.parametrize(
    ("have", "need", "code", "words"),
    [
        ("km/h", "km/h", None, ""),
        ("km.h-1", "km/h", None, ""),
        ("{veh}/h", "{vehicles}/h", None, ""),
        ("Hz", "{vehicles}/s", None, ""),
        ("m/s", "km/h", "unit-factor", "a.v comes in m/s; b needs km/h: every figure would be 0.277778 times"),
        ("h", "d", "unit-factor", "every figure would be 24 times what it is"),
        ("ug/m3", "mg/m3", "unit-factor", "1000 times"),
        ("m", "km", "unit-factor", "1000 times"),
        ("mm", "m", "unit-factor", "1000 times"),
        ("{veh}/(30.min)", "{veh}/h", "unit-factor", "would be half of what it is"),
        ("Cel", "K", "unit-factor", "different zero points"),
        ("km/h", "h", "unit-dimension", "a speed is not a time"),
        ("dB[SPL]", "dB", "unit-dimension", "a level (B[SPL]) is not a difference of levels"),
        ("cd.m5", "m", "unit-dimension", "they measure different things"),
        ("{veh}/h", "{PCU}/h", "unit-words", "the same measure of other things"),
        ("veh/h", "{veh}/h", "unit-unknown", "'veh/h' is not a unit in UCUM"),
    ],
)
def test_units(have: str, need: str, code: str | None, words: str) -> None:
    found = mismatches(var(have), var(need))
    assert [each.code for each in found] == ([code] if code else [])
    for each in found:
        assert words in each.sentence
        assert each.severity == ERROR
        assert each.remedy
        assert (each.variable, each.have, each.need) == ("v", have, need)


def test_a_factor_and_other_things_are_both_told() -> None:
    assert [each.code for each in mismatches(var("{veh}/d"), var("{PCU}/h"))] == ["unit-factor", "unit-words"]


def test_words_that_nobody_knows_warn_only() -> None:
    assert [each.severity for each in mismatches(var("{kaarten}/h"), var("{cards}/h"))] == [WARNING]
    assert [each.severity for each in mismatches(var("veh/h"), var("veh/h"))] == [WARNING]


def test_units_that_nobody_said_are_told_once() -> None:
    source = Port(role="network", variables=(var(), Variable(name="w")))
    target = Port(role="b", variables=(var("m"), Variable(name="w", unit="km/h"), Variable(name="x", unit="1")))
    sample = [{"v": 1, "w": 1, "x": 1}]
    (found,) = fits(source, target, sample=sample)
    assert (found.code, found.severity, found.need) == ("unit-unsaid", WARNING, "m, km/h")
    assert found.sentence == "network does not say in which units v, w come; b reads them in m, km/h"


def test_quantity_kinds() -> None:
    (found,) = mismatches(var("Hz", "https://x.example/k#VehicleFlow"), var("Hz", "https://x.example/k#Events"))
    assert (found.code, found.sentence) == ("quantity-kind", "a.v is VehicleFlow; b needs Events")
    assert not mismatches(var("Hz", FLOW), var("Hz"))


def test_code_lists() -> None:
    ways, roads = (Variable(name="v", codes=f"https://x.example/{name}") for name in ("ways", "roads"))
    (found,) = mismatches(ways, roads)
    assert (found.code, found.sentence) == ("code-list", "a.v has codes of ways; b needs codes of roads")
    assert not mismatches(ways, Variable(name="v", codes="https://x.example/ways/"))
    assert not mismatches(ways, Variable(name="v"))


# ---- columns and samples


def test_columns_are_looked_for_in_the_rows() -> None:
    source, target = Port(role="a"), Port(role="b", variables=(var("m"), Variable(name="w")))
    (found,) = fits(source, target)
    assert (found.code, found.severity) == ("undescribed", WARNING)
    assert found.sentence == "a does not state its columns; b needs v, w"
    assert not fits(replace(source, schemas=("s",)), replace(target, schemas=("s", "t")))
    assert [each.code for each in fits(source, target, sample=[{"v": 1}])] == ["missing-variable", "unit-unsaid"]
    assert [each.code for each in fits(source, target, sample=[{"v": 1, "w": "x"}])] == ["unit-unsaid"]
    assert not fits(source, target, sample=[])


def test_texts_where_figures_are_needed() -> None:
    found = mismatches(var("m"), var("m"), sample=[{"v": 1}, {"v": None}, {"v": "wide"}, {"v": "far"}])
    assert [(each.code, each.sentence) for each in found] == [("type", "row 3 of a has 'wide' as v: no number")]
    assert not mismatches(Variable(name="v"), Variable(name="v"), sample=[{"v": "x"}])


@pytest.mark.parametrize(
    ("unit", "similar"),
    [("{vehicles}/d", True), ("{PCU}/d", False), ("/d", False), ("{vehicles}/h", False), ("{vehicles}/km", False)],
)
def test_what_may_be_meant_under_another_name_is_told_with_its_unit(unit: str, similar: bool) -> None:
    source = Port(role="a", variables=(Variable(name="flow", unit=unit),))
    found = fits(source, Port(role="b", variables=(Variable(name="light", unit="{veh}/h"),)))
    assert [each.code for each in found] == ["missing-variable", *(["unit-factor"] if similar else [])]


def test_ports_of_one_name_are_told_apart() -> None:
    (found,) = fits(FLOWS, replace(FLOWS, step=HOUR))
    assert "the input flows needs one for each hour" in found.sentence


# ---- time and place


@pytest.mark.parametrize(
    ("have", "need", "words"),
    [
        (QUARTER, QUARTER, None),
        (None, QUARTER, None),
        (QUARTER, None, None),
        (QUARTER, HOUR, "adds up or averages"),
        (HOUR, QUARTER, "cannot be divided again"),
        (timedelta(minutes=25), HOUR, "neither step is a multiple"),
    ],
)
def test_steps(have: timedelta | None, need: timedelta | None, words: str | None) -> None:
    found = fits(Port(role="a", step=have), Port(role="b", step=need))
    assert [each.code for each in found] == (["time-step"] if words else [])
    assert all(words in each.remedy for each in found if words)


@pytest.mark.parametrize(
    ("have", "need", "severity"),
    [
        (("EPSG:4326",), ("http://www.opengis.net/def/crs/OGC/1.3/CRS84",), None),
        (("EPSG:31370", "EPSG:4326"), ("EPSG:4326",), None),
        ((), ("EPSG:4326",), None),
        (("EPSG:31370",), ("EPSG:4326",), WARNING),
        (("EPSG:5514",), ("EPSG:4326",), ERROR),
        (("EPSG:4326",), ("EPSG:31370",), ERROR),
    ],
)
def test_coordinate_systems(have: tuple[str, ...], need: tuple[str, ...], severity: str | None) -> None:
    found = fits(Port(role="a", crs=have), Port(role="b", crs=need))
    assert [(each.code, each.severity) for each in found] == ([("crs", severity)] if severity else [])
    for each in found:
        assert have[0] in each.sentence
        assert ("converts it while reading" in each.sentence) is (severity == WARNING)


def test_extents() -> None:
    plzen, gent = (13.26, 49.67, 13.51, 49.82), (3.58, 50.97, 3.86, 51.19)
    (found,) = fits(Port(role="network", extent=gent), Port(role="noise", extent=plzen))
    assert (found.code, found.severity) == ("extent", WARNING)
    assert found.sentence == (
        "noise is valid within 13.26–13.51° E, 49.67–49.82° N; network covers 3.58–3.86° E, 50.97–51.19° N, "
        "nothing of it inside"
    )
    half = (3.58, 50.97, 4.14, 51.19)
    assert "50 % of it inside" in fits(Port(role="a", extent=half), Port(role="b", extent=gent))[0].sentence
    assert not fits(Port(role="a", extent=gent), Port(role="b", extent=half))
    # What the rows are counts for more than what is said of them.
    rows = [{"geometry": {"type": "Point", "coordinates": [3.7, 51.0]}}]
    assert not fits(Port(role="a", extent=plzen), Port(role="b", extent=gent), sample=rows)


def test_grain() -> None:
    (found,) = fits(Port(role="a", grain=100), Port(role="b", grain=10))
    assert (found.code, found.have, found.need, found.severity) == ("grain", "100 m", "10 m", ERROR)
    assert not fits(Port(role="a", grain=10), Port(role="b", grain=100))


def test_schemas() -> None:
    (found,) = fits(Port(role="a", schemas=(SEGMENT,)), Port(role="b", schemas=(HOURLY,)))
    assert (found.code, found.severity) == ("schema", ERROR)
    assert found.sentence == "a conforms to segment-flow; b asks for hourly-flow"
    described = fits(replace(FLOWS, schemas=("other",)), replace(FLOWS, role="b"))
    assert [(each.code, each.severity) for each in described] == [("schema", WARNING)]
    assert not fits(Port(role="a", schemas=(SEGMENT, "x")), Port(role="b", schemas=(SEGMENT,)))
