"""What the name and the values of a column say: units, personal data, and the draft that is made of them."""

from __future__ import annotations

import pytest
import yaml

from node.semantics.profiles.description import description_of
from node.semantics.profiles.model import ColumnProfile, Profile, TableProfile
from node.semantics.profiles.suspicion import suspect
from node.semantics.profiles.units import unit_of, unit_of_symbol


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("speed (km/h)", "km/h"),
        ("PM10 [µg/m³]", "ug/m3"),
        ("NO2 (in μg/m3)", "ug/m3"),
        ("LAeq [dB(A)]", "dB[A]"),
        ("delay (s)", "s"),
        ("street(s)", ""),
        ("length_m", "m"),
        ("area m2", "m2"),
        ("speed_min", ""),
        ("temp_C", "Cel"),
        ("luchttemperatuur_C", "Cel"),
        ("class_C", ""),
        ("name", ""),
        ("note (see below)", ""),
    ],
)
def test_units_in_names_of_columns(name: str, unit: str) -> None:
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("symbol", "unit"),
    [
        ("W m-2", "W/m2"),
        ("kg m-2 s-1", "kg/m2/s"),
        ("m s**-1", "m/s"),
        ("µg/m3", "ug/m3"),
        ("K", "K"),
        ("mW", "mW"),
        ("degC", "Cel"),
        ("°C", "Cel"),
        ("dB", "dB"),
        ("dB(A)", "dB[A]"),
        ("ppm", "[ppm]"),
        ("degrees_north", "deg"),
        ("s-1", "/s"),
        ("1", ""),
        ("", ""),
        ("MW", ""),
        ("hours since 2026-01-01", ""),
    ],
)
def test_units_of_attributes(symbol: str, unit: str) -> None:
    assert unit_of_symbol(symbol) == unit


@pytest.mark.parametrize(
    ("name", "type_", "values", "kind"),
    [
        ("x", "text", ["a@example.org", "-", "-"], "e-mail"),
        ("x", "text", ["+32 9 266 70 00"], "phone"),
        ("x", "text", ["09 266 70 00", "09/266 70 00"], "phone"),
        ("x", "text", ["BE68 5390 0754 7034"], "bank-account"),
        ("x", "text", ["85.07.30-033.28"], "national-number"),
        ("x", "text", ["1-ABC-123"], "licence-plate"),
        ("x", "text", ["192.168.1.1"], "ip-address"),
        ("x", "text", ["Jan Peeters", "Els Maes", "De Smet, Karel"], "name"),
        ("x", "text", ["Gent Zuid", "Anna's hoek"], ""),
        ("x", "text", ["2026-01-01", "12:30"], ""),
        ("rijksregisternummer", "integer", [], "national-number"),
        ("Date de naissance", "date", [], "birth"),
        ("Kennzeichen", "text", ["?"], "licence-plate"),
        ("Příjmení", "text", ["?"], "name"),
        ("lastName", "text", ["?"], "name"),
        ("Huisnummer", "integer", [], "address"),
        ("owner", "number", [], ""),
        ("station", "text", ["S1"], ""),
        ("mobile_count", "integer", [], ""),
    ],
)
def test_columns_that_may_hold_personal_data(name: str, type_: str, values: list[str], kind: str) -> None:
    assert suspect(name, type_, values) == kind


@pytest.mark.parametrize(
    ("minimum", "kind"), [("1", "small-group"), ("4", "small-group"), ("0", ""), ("25", ""), ("", "")]
)
def test_counts_of_few_people_point_at_homes(minimum: str, kind: str) -> None:
    assert suspect("aantal huishoudens", "integer", [], minimum) == kind


def test_patterns_are_quick_for_any_value() -> None:
    """A pattern that goes back and forth would take hours for these."""
    for value in ("a" * 5000 + "@", "+" + "1 " * 5000, "0" * 5000, "A1" * 5000, "a.a." * 2000 + "@a"):
        assert suspect("x", "text", [value] * 200) == ""


def test_no_name_in_a_file_adds_a_field() -> None:
    """Whatever a column or a file is called, the draft has the fields that we wrote, and that name as a value."""
    nasty = [
        "a: b",
        "# x",
        "yes",
        "null",
        "- y",
        "x\nlicense: none",
        "\u2028z",
        "\x85",
        "'",
        '"',
        "\\",
        "{a}",
        "é",
        "1",
    ]
    columns = tuple(
        ColumnProfile(
            name=name, type="text", rows=1, distinct=1, values=(name,), personal="name" if place < 3 else ""
        )
        for place, name in enumerate(nasty)
    )
    profile = Profile(
        format="CSV",
        tables=(TableProfile(rows=1, columns=columns),),
        notes=("a\nconditions: none",),
        crs="EPSG:31370",
    )
    fields = yaml.safe_load(
        description_of(profile, "x\naudience: public.csv", command="hansa publish x\nkind: model")
    )
    assert set(fields) == {
        *("kind", "title", "description", "license", "conditions", "crs", "personal_data", "files"),
    }
    assert fields["kind"] == "dataset"
    assert fields["license"] == "CC-BY-4.0"
    (table,) = fields["files"][0]["tables"]
    assert [column["name"] for column in table["columns"]] == nasty
    assert [column["values"] for column in table["columns"]] == [[name] for name in nasty]


def test_what_may_hold_personal_data_is_not_open_by_itself() -> None:
    column = ColumnProfile(name="mail", type="text", personal="e-mail")
    profile = Profile(format="CSV", tables=(TableProfile(rows=1, columns=(column,)),))
    fields = yaml.safe_load(description_of(profile, "people.csv", command="hansa publish people.yaml"))
    assert fields["conditions"] == "internal"
    assert fields["personal_data"] is None
    assert yaml.safe_load(description_of(None, "x.pdf", command="y"))["conditions"] == "open"
