"""Units by their UCUM codes. Factors were compared with ucumvert 0.3.2, another reader of UCUM's own table."""

from __future__ import annotations

from fractions import Fraction

import pytest

from node.base.errors import InvalidInput
from node.scenarios.tables.units import Comparison, Relation, compare, convert, kind, parse, words

FACTS = [
    # a figure in the first unit, in SI units without prefixes, is this many
    ("km/h", "m/s", 0.2777777777777778), ("min", "s", 60), ("h", "s", 3600), ("d", "s", 86400), ("wk", "s", 604800),
    ("a", "s", 31557600), ("a_g", "s", 31556952), ("mo", "s", 2629800), ("deg", "rad", 0.017453292519943295),
    ("gon", "rad", 0.015707963267948967), ("circ", "rad", 6.283185307179586), ("t", "kg", 1000),
    ("bar", "Pa", 100000), ("atm", "Pa", 101325), ("hPa", "Pa", 100), ("l", "m3", 0.001), ("L", "l", 1),
    ("har", "m2", 10000), ("ar", "m2", 100), ("cal", "J", 4.184), ("m[H2O]", "Pa", 9806.65), ("dyn", "N", 1e-05),
    ("P", "Pa.s", 0.1), ("St", "m2/s", 0.0001), ("Ci", "Bq", 3.7e10), ("By", "bit", 8), ("[in_i]", "m", 0.0254),
    ("[ft_i]", "m", 0.3048), ("[mi_i]", "m", 1609.344), ("[nmi_i]", "m", 1852), ("[kn_i]", "m/s", 0.5144444444444445),
    ("[lb_av]", "kg", 0.45359237), ("[gal_us]", "m3", 0.003785411784), ("[psi]", "Pa", 6894.757293168361),
    ("[HP]", "W", 745.6998715822703), ("ug/m3", "kg/m3", 1e-9), ("kW.h", "J", 3600000), ("mg/l", "kg/m3", 0.001),
    ("{veh}/(15.min)", "s-1", 0.0011111111111111111), ("g/km", "kg/m", 1e-6), ("mm/h", "m/s", 2.7777777777777776e-07),
    ("kg/(m2.a)", "kg/(m2.s)", 3.168808781402895e-08), ("MW.h/a", "W", 114.07711613050422),
    ("uS/cm", "S/m", 1e-4), ("10*6.m3", "m3", 1e6), ("10*-6", "1", 1e-6), ("10^3", "1", 1000), ("Kibit", "bit", 1024),
    ("GBy/s", "bit/s", 8e9), ("t/har", "kg/m2", 0.1), ("lx.h", "cd.sr.s/m2", 3600), ("%", "1", 0.01),
    ("[ppm]", "1", 1e-6), ("[ppb]", "[ppm]", 0.001), ("mol/l", "mol/m3", 1000), ("dB", "B", 0.1),
    ("N.m-2", "Pa", 1), ("/m2", "m-2", 1), ("km.h-1", "km/h", 1), ("a/b".replace("b", "s.m"), "a.m/s", 1),
    ("1", "{whatever}", 1), ("dam2", "m2", 100), ("cd", "lm/sr", 1), ("dB[SPL]", "B[SPL]", 0.1), ("V.A", "W", 1),
]  # fmt: skip


@pytest.mark.parametrize(("code", "other", "factor"), FACTS, ids=str)
def test_factors(code: str, other: str, factor: float) -> None:
    found = compare(code, other)
    assert found.relation is (Relation.SAME if factor == 1 else Relation.FACTOR)
    assert float(found.factor) == pytest.approx(factor, rel=1e-14)


def test_a_stroke_divides_by_what_follows_it_only() -> None:
    assert parse("J/s.m").dimension == parse("(J/s).m").dimension != parse("J/(s.m)").dimension


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("m", "s"), ("m", "m2"), ("dB", "1"), ("dB[SPL]", "dB"), ("dB[SPL]", "dB[W]"), ("rad", "1"), ("mol", "1"),
        ("Hz", "rad/s"), ("K", "J"), ("{veh}/h", "km/h"),
    ],
)  # fmt: skip
def test_what_measures_other_things_is_incompatible(a: str, b: str) -> None:
    assert compare(a, b) == Comparison(Relation.INCOMPATIBLE)
    with pytest.raises(InvalidInput, match="cannot be converted"):
        convert(1, a, b)


def test_a_quarter_of_an_hour_is_a_quarter() -> None:
    found = compare("{vehicles}/(15.min)", "{vehicles}/h")
    assert found == Comparison(Relation.FACTOR, Fraction(4))
    assert convert(100, "{vehicles}/(15.min)", "{vehicles}/h") == 400


def test_braces_are_not_void_here() -> None:
    assert compare("{veh}/h", "{PCU}/h").words_differ
    assert compare("{veh}/h", "{PCU}/h").relation is Relation.SAME
    assert not compare("{veh}/h", "{voertuigen}/h").words_differ
    assert not compare("{Passenger_car units}/h", "{PCU}/h").words_differ
    assert compare("Hz", "{veh}/h").words_missing
    assert not compare("Hz", "{veh}/h").words_differ
    assert parse("{veh}/{veh}").words == ()
    assert parse("m3{water}.{}").words == (("water", 1),)
    assert parse("m3/{tree}2".replace("2", "")).words == (("trees", -1),)


def test_temperatures_have_a_zero_of_their_own() -> None:
    assert convert(20, "Cel", "K") == 293.15
    assert convert(293.15, "K", "Cel") == 20
    assert convert(68, "[degF]", "Cel") == 20
    assert convert(5, "Cel", "Cel") == 5
    assert compare("Cel", "K").relation is Relation.FACTOR


@pytest.mark.parametrize(
    ("code", "guess"),
    [
        ("veh/h", "{veh}/h"), ("kWh", "kW.h"), ("MWh/a", "MW.h/a"), ("degC", "Cel"), ("°C", "Cel"), ("µg", "ug"),
        ("μg/m³", "ug/m3"), ("ha", "har"), ("dB(A)", "dB[SPL]"), ("dBA", "dB[SPL]"), ("EUR", "{EUR}"), ("€", "{€}"),
        ("km/u", "km/h"), ("km/uur", "km/h"), ("voertuigen/uur", "{voertuigen}/h"), ("PCU/h", "{PCU}/h"),
        ("vehicles per hour", "{vehicles}/h"), ("EUR/kWh", "{EUR}/(kW.h)"), ("veh/15min", "{veh}/(15.min)"),
        ("kg CO2", "kg{CO2}"), ("tCO2", "t{CO2}"), ("inhabitants/km2", "{inhabitants}/km2"), ("ppm", "[ppm]"),
        ("ug / m3", "ug/m3"), ("KM/H", "km/h"), ("kmh", "km/h"), ("mph", "[mi_i]/h"), ("car/h", "{car}/h"),
        ("m^2", ""), ("foo", ""), ("kW h", "kW.h"),
    ],
)  # fmt: skip
def test_what_is_no_unit_is_refused_with_what_was_meant(code: str, guess: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(code)
    assert refused.value.facts.get("meant", "") == guess
    assert refused.value.facts["unit"] == code
    if guess:
        parse(guess)
        assert f"write {guess}" in refused.value.remedy


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "empty"), ("km//h", "'/' is in the place of a unit"), ("m)", "needs a point"), ("(m", "not closed"),
        ("m.", "missing"), ("5m", "needs a point"), ("{veh", "'{' is not allowed"), ("Cel/h", "stands alone"),
        ("Cel2", "no powers"), ("dB[SPL]/m", "stands alone"), ("/Cel", "stands alone"), ("0.m", "factor is zero"),
        ("((((((((((m))))))))))", "nested too deeply"), ("Ym99.Ym99", "too large or too small"),
        ("mmin", "mmin is unknown"),
        ("u", "unknown"), ("m 2", "' ' is not allowed"), ("m" * 81, "81 characters"), ("[in_i", "is not allowed"),
        ("kkg", "kkg is unknown"),
    ],
)  # fmt: skip
def test_codes_that_do_not_follow_the_grammar(code: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(code)
    assert why in refused.value.detail


def test_factors_are_exact() -> None:
    assert parse("km/h").factor == Fraction(5, 18)
    assert convert(36, "km/h", "m/s") == 10
    assert convert(0.1, "m", "m") == 0.1


def test_what_a_unit_measures_in_words() -> None:
    assert kind(parse("km/h")) == "a speed"
    assert kind(parse("{vehicles}/h")) == "something per time"
    assert kind(parse("dB[SPL]")) == "a level (B[SPL])"
    assert kind(parse("cd.m5")) == ""


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("{persons}", "persons"),
        ("{vehicles}/h", "vehicles/h"),
        ("{vehicles}/(15.min)", "vehicles/15\u00a0min"),
        ("dB[SPL]", "dB"),
        ("Cel", "°C"),
        ("1", ""),
        (None, ""),
    ],
)
def test_units_as_people_write_them(code: str | None, written: str) -> None:
    assert words(code) == written
