"""Conversions of units and of coordinates: what they make, what they refuse, and how chains and reports use them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.adapters.profiles.coordinates import move
from node.base.errors import InvalidInput
from node.scenarios.chain.interfaces import COORDINATES, UNITS, fitting_transformations, results_of
from node.scenarios.model import Port, Transformation, Variable
from node.scenarios.tables.conversions import coordinate_conversion, unit_mapping
from node.scenarios.tables.mapping import transform
from node.scenarios.transformations.chains import find_chains

QUARTERS, HOURS = "{vehicles}/(15.min)", "{vehicles}/h"
FLOW = {"flow": {"from": QUARTERS, "to": HOURS}}
LAMBERT = {"from": "EPSG:31370", "to": "EPSG:4326", "columns": ["x", "y"], "result": ["lon", "lat"]}


def moved(definition: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    _, (body,) = move(coordinate_conversion(definition).to_json(), [json.dumps(rows).encode()])
    return json.loads(body)  # type: ignore[no-any-return]


def card(name: str, language: str, definition: Any) -> Transformation:
    return Transformation(iri=name, version=1, titles={}, language=language, definition=definition)


def test_figures_are_converted_and_all_else_stays() -> None:
    rows = [{"segment": "A", "flow": 30, "note": "x"}, {"segment": "B", "flow": None, "note": None}]
    assert transform(unit_mapping(FLOW), rows) == [
        {"segment": "A", "flow": 120.0, "note": "x"},
        {"segment": "B", "flow": None, "note": None},
    ]


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_there_and_back_is_the_same(figure: float) -> None:
    there = transform(unit_mapping({"t": {"from": "Cel", "to": "[degF]"}}), [{"t": figure}])
    back = transform(unit_mapping({"t": {"from": "[degF]", "to": "Cel"}}), there)
    assert back[0]["t"] == pytest.approx(figure, abs=1e-6, rel=1e-9)


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ("[]", "object"),
        ({}, "0 columns"),
        ({f"c{n}": {"from": "m", "to": "km"} for n in range(101)}, "101 columns"),
        ({"flow": {"to": "m"}}, "from and to"),
        ({"flow": {"from": "m", "to": "s"}}, "cannot be converted"),
        ({"flow": {"from": "km/u", "to": "km/h"}}, "not a unit in UCUM"),
        ({"flow": {"from": "m", "to": "km", "file": "/etc/passwd"}}, "flow.file is not known"),
        ({"group": {"from": "m", "to": "km"}}, "group"),
        ({"flow": {"from": "m" * 200, "to": "km"}}, "200 characters"),
    ],
)
def test_units_that_cannot_be_are_refused(definition: Any, why: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        unit_mapping(definition)
    assert why in refusal.value.detail
    assert refusal.value.remedy


def test_coordinates_go_to_another_system_and_back() -> None:
    rows = [{"id": 1, "x": 104000, "y": 193000.0}, {"id": 2, "x": None, "y": 5}]
    there = moved(LAMBERT, rows)
    assert there == [{"id": 1, "lon": 3.7128054, "lat": 51.0453415}, {"id": 2, "lon": None, "lat": None}]
    back = moved({"from": "EPSG:4326", "to": "EPSG:31370", "columns": ["lon", "lat"]}, there)
    assert back[0]["lon"] == pytest.approx(104000, abs=0.05)
    assert back[0]["lat"] == pytest.approx(193000, abs=0.05)
    assert moved(LAMBERT, rows) == there


@pytest.mark.parametrize(
    ("definition", "rows", "why"),
    [
        ({**LAMBERT, "to": "EPSG:99999"}, [], "cannot be brought"),
        ({**LAMBERT, "to": "/etc/passwd"}, [], "no coordinate reference system"),
        ({**LAMBERT, "from": "+proj=pipeline +step +proj=axisswap"}, [], "no coordinate reference system"),
        ({**LAMBERT, "grid": "https://peer.example/grid.tif"}, [], "grid is not known"),
        ({**LAMBERT, "columns": ["x", "x"]}, [], "twice"),
        ({**LAMBERT, "columns": "xy"}, [], "not two columns"),
        ({**LAMBERT, "decimals": 99}, [], "decimals"),
        (LAMBERT, [{"x": 1}], "no column y"),
        (LAMBERT, [{"x": 1, "y": "north"}], "row 1: y is no number"),
        (LAMBERT, [{"x": 1, "y": 2, "lon": 3}], "lon already"),
        (LAMBERT, [{"x": 1e308, "y": 1e308}], "place in"),
    ],
)
def test_coordinates_that_cannot_be_are_refused(definition: Any, rows: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        moved(definition, rows)
    assert why in refusal.value.detail
    assert refusal.value.remedy


def test_what_it_keeps_counts_for_chains_and_reports() -> None:
    source = Port(
        role="counts", variables=(Variable(name="segment"), Variable(name="flow", unit=QUARTERS)), crs=("EPSG:31370",)
    )
    target = Port(role="flows", variables=(Variable(name="segment"), Variable(name="flow", unit=HOURS)))
    conversion = card("units", UNITS, FLOW)
    assert fitting_transformations(source, target, [conversion]) == (conversion,)
    (result,) = results_of(conversion, source)
    assert {variable.name: variable.unit for variable in result.variables} == {"segment": None, "flow": HOURS}
    assert result.crs == ("EPSG:31370",)
    other = card("other", UNITS, {"flow": {"from": HOURS, "to": QUARTERS}})
    assert fitting_transformations(source, target, [other]) == ()


def test_a_chain_of_both_is_found_and_loses_nothing() -> None:
    names = ("x", "y")
    source = Port(
        role="counts",
        variables=(*(Variable(name=name) for name in names), Variable(name="flow", unit=QUARTERS)),
        crs=("EPSG:31370",),
    )
    target = Port(
        role="flows",
        variables=(Variable(name="lon"), Variable(name="lat"), Variable(name="flow", unit=HOURS)),
        crs=("EPSG:3035",),
    )
    away = {**LAMBERT, "to": "EPSG:3035"}
    cards = [card("units", UNITS, FLOW), card("places", COORDINATES, away)]
    (chain, *_) = find_chains(source, target, cards)
    assert sorted(step.transformation.iri for step in chain.steps) == ["places", "units"]
    assert [step.losses for step in chain.steps] == [(), ()]
    assert find_chains(dataclasses.replace(source, crs=("EPSG:3857",)), target, cards) == []
