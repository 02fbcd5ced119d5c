"""Fitting: what fits itself, what is told of it, and that nothing is told that is not so."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from node.scenarios.chain.interfaces import fits
from node.scenarios.chain.mismatch import ERROR
from node.scenarios.model import Port, Variable
from node.scenarios.tables.units import Relation, compare

UNITS = ["km/h", "m/s", "{veh}/h", "{veh}/(15.min)", "{PCU}/h", "dB[SPL]", "dB", "Cel", "K", "1", "%", "m", "ug/m3"]
variables = st.builds(
    Variable,
    name=st.sampled_from("abcd"),
    unit=st.one_of(st.none(), st.sampled_from(UNITS)),
    quantity=st.one_of(st.none(), st.sampled_from(["urn:k:1", "urn:k:2"])),
)
ports = st.builds(
    Port,
    role=st.sampled_from(["flows", "levels"]),
    variables=st.lists(variables, max_size=4, unique_by=lambda one: one.name).map(tuple),
    schemas=st.lists(st.sampled_from(["urn:s:1", "urn:s:2"]), max_size=2, unique=True).map(tuple),
    crs=st.lists(st.sampled_from(["EPSG:4326", "EPSG:31370", "EPSG:5514", "CRS84"]), max_size=2).map(tuple),
    step=st.one_of(st.none(), st.sampled_from([timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)])),
    grain=st.one_of(st.none(), st.floats(1, 100)),
    extent=st.one_of(st.none(), st.sampled_from([(3.0, 50.0, 4.0, 51.0), (3.5, 50.5, 5.0, 52.0)])),
)


@given(ports)
def test_everything_fits_itself(port: Port) -> None:
    assert not [one for one in fits(port, port) if one.severity == ERROR]


@given(ports, ports)
def test_every_column_that_is_needed_is_there_in_its_unit_or_told(source: Port, target: Port) -> None:
    mismatches = fits(source, target)
    severities = [one.severity for one in mismatches]
    assert severities == sorted(severities, key=lambda one: one != ERROR)
    assert all(one.sentence and one.code for one in mismatches)
    codes = {(one.code, one.variable) for one in mismatches}
    for need in target.variables:
        have = source.variable(need.name)
        if have is None:
            assert not source.variables or ("missing-variable", need.name) in codes
        elif have.unit and need.unit:
            relation = compare(have.unit, need.unit).relation
            assert (("unit-dimension", need.name) in codes) is (relation is Relation.INCOMPATIBLE)
            assert (("unit-factor", need.name) in codes) is (relation is Relation.FACTOR)
