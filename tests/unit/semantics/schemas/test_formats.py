"""Formats of JSON Schema: what is written as they say, in values of JSON and in cells of tables."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.semantics.schemas import conformity, members
from node.semantics.schemas.formats import LONGEST, format_check
from node.semantics.schemas.languages.tables import read_table_schema

GOOD = {
    "date": ["2026-11-26", "2024-02-29", "0001-01-01"],
    "time": ["08:00:00", "08:00", "23:59:60Z", "08:00:00.123456789+01:00", "08:00:00z"],
    "date-time": ["2026-11-26T08:00:00Z", "2026-11-26 08:00", "2026-11-26T08:00:00.5-05:30", "2026-11-26t08:00:00z"],
    "year-month": ["2026-11"],
    "duration": ["P1D", "PT15M", "P1Y2M3DT4H5M6.5S", "P2W", "-P1D"],
    "email": ["mobility@ghent.example", "žofie@plzeň.example"],
    "uri": ["urn:ngsi-ld:Road:1", "https://ghent.example/a?b#c", "mailto:a@b.example"],
    "iri": ["https://plzeň.example/mapa"],
    "uuid": ["6f9619ff-8b86-d011-b42d-00c04fc964ff", "6F9619FF-8B86-D011-B42D-00C04FC964FF"],
    "ipv4": ["192.0.2.1"],
    "ipv6": ["2001:db8::1", "::ffff:192.0.2.1"],
}
BAD = {
    "date": ["2026-02-30", "2026-13-01", "26/11/2026", "20261126", "2026-11-26T08:00", "yesterday", "٢٠٢٦-١١-٢٦", ""],
    "time": ["24:00:00", "08:60", "8:00", "08:00:61", "08:00:00+25:00", "T08:00"],
    "date-time": ["2026-11-26", "2026-02-30T08:00:00Z", "2026-11-26T25:00:00Z", "2026-11-26T", "T08:00:00Z"],
    "year-month": ["2026-13", "2026", "11/2026"],
    "duration": ["P", "PT", "1D", "P1H", "PD"],
    "email": ["mobility", "@ghent.example", "a b@ghent.example", "a@"],
    "uri": ["ghent", "//ghent.example/a", "https://a b", "http://[::1", "1a:b", "https://a/{b}"],
    "iri": ["a", "https://ghent.example/a b"],
    "uuid": ["6f9619ff8b86d011b42d00c04fc964ff", "{6f9619ff-8b86-d011-b42d-00c04fc964ff}", "6f9619ff"],
    "ipv4": ["192.0.2.256", "192.0.2", "192.0.2.1/24"],
    "ipv6": ["2001:db8::1%eth0", "1::2::3", "192.0.2.1"],
}
CELLS = {
    "date": (
        ["2026-11-26", "26/11/2026", "11/26/2026", "26.11.26", "2026/11/26", "1-2-2026"],
        ["31/02/2026", "2026-13-13", "26/11-2026", "x"],
    ),
    "time": (["08:00", "8:00:05", "8:00 PM", "08:00:00.25+01"], ["8", "08:61", "25:00:00", "noon"]),
    "date-time": (
        ["26/11/2026 8:00", "2026-11-26T08:00:00Z", "2026-11-26", "11/26/2026 08:00 PM"],
        ["8:00", "2026-02-30 08:00", "x"],
    ),
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), cases(GOOD))
def test_what_is_written_as_its_format_says_fits(name: str, text: str) -> None:
    schema = {"properties": {"a": {"type": "string", "format": name}}}
    assert members.check(schema, [{"a": text}]).conforms
    assert conformity.check(schema, ["a"], [[text]]).conforms, "and in a cell"


@pytest.mark.parametrize(("name", "text"), cases(BAD))
def test_what_is_written_otherwise_does_not(name: str, text: str) -> None:
    report = members.check({"properties": {"a": {"type": "string", "format": name}}}, [{"a": text}])
    assert [breach.what for breach in report.breaches] == ["format"]
    assert name in report.breaches[0].words("en")


@pytest.mark.parametrize("name", CELLS)
def test_a_table_writes_days_and_times_in_many_ways(name: str) -> None:
    good, bad = CELLS[name]
    report = conformity.check({"properties": {"a": {"format": name}}}, ["a"], [[text] for text in [*good, *bad]])
    assert [breach.row for breach in report.breaches] == list(range(len(good) + 1, len(good) + len(bad) + 1))


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m-%d-%Y", "%d.%m.%y", "%Y/%m/%d"]))
def test_each_day_fits_in_each_way_of_a_table(day: date, form: str) -> None:
    check = format_check({"format": "date"}, in_cell=True)
    assert check is not None
    assert check(day.strftime(form) if day.year > 999 else day.isoformat())


@given(st.datetimes())
def test_each_time_that_python_writes_fits(moment: datetime) -> None:
    for in_cell in (False, True):
        check = format_check({"format": "date-time"}, in_cell=in_cell)
        assert check is not None
        assert check(moment.isoformat())
        assert check(moment.isoformat(sep=" ", timespec="minutes"))


@given(st.text(), st.sampled_from(sorted(GOOD)), st.booleans())
def test_no_text_breaks_a_check(text: str, name: str, in_cell: bool) -> None:
    check = format_check({"format": name}, in_cell=in_cell)
    assert check is not None
    assert check(text) in (True, False)


def test_a_long_text_is_refused_unread() -> None:
    check = format_check({"format": "uri"})
    assert check is not None
    assert not check("urn:" + "a" * LONGEST)


def test_a_form_of_its_own_is_not_compared() -> None:
    fields = [{"name": "day", "type": "date", "format": "%d %B %Y"}, {"name": "at", "type": "date"}]
    schema = read_table_schema({"fields": fields}).schema
    report = conformity.check(schema, ["day", "at"], [["26 November 2026", "26/11/2026"], ["?", "?"]])
    assert [(breach.row, breach.column) for breach in report.breaches] == [(2, "at")]


@pytest.mark.parametrize(
    ("step", "good", "bad"),
    [(5, ["10", "-5", "0", "1e1"], ["7", "2.5"]), (0.1, ["0.3", "-1.1", "5"], ["0.25"]), (10**400, ["3"], [])],
)
def test_multiples_are_compared_as_decimals(step: Any, good: list[str], bad: list[str]) -> None:
    schema = {"properties": {"a": {"type": "number", "multipleOf": step, "minimum": -(10**400)}}}
    texts = [*good, *bad]
    expected = list(range(len(good) + 1, len(texts) + 1))
    report = conformity.check(schema, ["a"], [[text] for text in texts])
    assert [breach.row for breach in report.breaches] == expected
    values = [int(text) if text.lstrip("-").isdigit() else float(text) for text in texts]
    told = members.check(schema, [{"a": value} for value in values])
    assert [breach.row for breach in told.breaches] == expected
    assert all(breach.what == "no-multiple" for breach in told.breaches)


def test_numbers_far_from_the_step_are_no_breach() -> None:
    schema = {"properties": {"a": {"type": "number", "multipleOf": 0.001}}}
    assert conformity.check(schema, ["a"], [["1e300"]]).conforms
    assert members.check(schema, [{"a": 1e300}, {"a": float("inf")}]).conforms
