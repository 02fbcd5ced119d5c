"""What a search keeps of a description: languages, formats, licences, the period."""

from __future__ import annotations

from datetime import date

import pytest

from node.base.errors import InvalidInput
from node.catalogue.model import IndexFields, Record, publisher_key
from node.catalogue.search.entries import MAX_TEXT, MAX_VALUES, index_entry
from node.catalogue.search.periods import first_day, last_day, period
from node.semantics.model import File
from tests.unit.catalogue.test_envelope import record

ABOUT = "<https://gent.example/datasets/counts>"
FILE = "<https://gent.example/datasets/counts/files/a>"
EU = "http://publications.europa.eu/resource/authority"
DCT = "http://purl.org/dc/terms"
DCAT = "http://www.w3.org/ns/dcat#"


def of(*lines: str, **more: object) -> IndexFields:
    nquads = "".join(f"{line} .\n" for line in lines).encode()
    described: Record = record(nquads=nquads, **more)
    return index_entry(described)


def test_formats_are_codes_where_there_is_one() -> None:
    entry = of(
        f"{FILE} <{DCT}/format> <{EU}/file-type/CSV>",
        f"{FILE} <{DCAT}mediaType> <https://www.iana.org/assignments/media-types/text/csv>",
        f"{FILE} <{DCAT}mediaType> <http://www.iana.org/assignments/media-types/application/geo+json>",
        f'{FILE} <{DCT}/format> "GeoPackage"',
        f"{FILE} <{DCT}/format> _:b0",
    )
    assert entry.formats == ("CSV", "GEOJSON", "GeoPackage")


def test_files_say_their_format_where_the_description_does_not() -> None:
    file = File(name="a", media_type="application/json; charset=utf-8", size=1, sha256="ab" * 32)
    assert of(files=(file,)).formats == ("JSON",)


def test_licences_are_codes_where_there_is_one() -> None:
    entry = of(
        f"{FILE} <{DCT}/license> <http://creativecommons.org/licenses/by/4.0/>",
        f"{ABOUT} <{DCT}/license> <{EU}/licence/CC_BY_4_0>",
        f"{ABOUT} <{DCT}/license> <https://stad.example/eigen-licentie>",
    )
    assert entry.licences == ("CC-BY-4.0", "https://stad.example/eigen-licentie")


def test_a_description_with_thousands_of_values_keeps_some() -> None:
    lines = [f'{FILE} <{DCT}/format> "format {number}"' for number in range(500)]
    assert len(of(*lines).formats) == MAX_VALUES
    assert of(f'{FILE} <{DCT}/format> "{"x" * 400}"').formats == ()


@pytest.mark.parametrize(
    ("begin", "end", "entry"),
    [
        ("2024", "2024", (date(2024, 1, 1), date(2024, 12, 31))),
        ("2024-02", "2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
        ("2024-02-03T10:00:00Z", "2024-02-04Z", (date(2024, 2, 3), date(2024, 2, 4))),
        ("2024-02-03", None, (date(2024, 2, 3), None)),
        (None, "2024-02-03", (None, date(2024, 2, 3))),
        ("2025", "2024", None),
        ("soon", "13-2024", None),
    ],
)
def test_the_period_of_the_data(
    begin: str | None, end: str | None, entry: tuple[date | None, date | None] | None
) -> None:
    lines = [f"{ABOUT} <{DCT}/temporal> _:b0", f'_:b1 <{DCAT}startDate> "1999"']
    lines += [f'_:b0 <{DCAT}startDate> "{begin}"'] if begin else []
    lines += [f'_:b0 <{DCAT}endDate> "{end}"'] if end else []
    assert of(*lines).period == entry


def test_several_periods_are_taken_from_the_first_to_the_last_day() -> None:
    entry = of(
        f"{ABOUT} <{DCT}/temporal> _:b0",
        f"{ABOUT} <{DCT}/temporal> _:b1",
        f'_:b0 <{DCAT}startDate> "2010"',
        f'_:b0 <{DCAT}endDate> "2011"',
        f'_:b1 <{DCAT}startDate> "2020"',
        f'_:b1 <{DCAT}endDate> "2021"',
    )
    assert entry.period == (date(2010, 1, 1), date(2021, 12, 31))


def test_texts_are_kept_by_language() -> None:
    entry = of(
        f'{ABOUT} <{DCT}/description> "Tellingen"@nl-be',
        f'{ABOUT} <{DCT}/provenance> "Counted by hand"@en',
        f'{ABOUT} <{DCT}/identifier> "X-1"',
        descriptions={"nl": "Per kwartier", "und": "No language"},
        keywords=(),
        publisher_name="",
    )
    assert entry.texts == {
        "nl": "Per kwartier\nTellingen",
        "": "No language\nX-1",
        "en": "Counted by hand",
    }


def test_a_long_text_is_cut() -> None:
    entry = of(descriptions={"en": "x" * (2 * MAX_TEXT)}, keywords=("later",))
    assert sum(map(len, entry.texts.values())) == MAX_TEXT


@pytest.mark.parametrize(
    "text", ["2024-13", "2024-02-30", "0000", "24", "2024-5", "tomorrow", "2024/05", "٢٠٢٤-05-01x", ""]
)
def test_what_is_no_day(text: str) -> None:
    assert first_day(text) is None
    assert last_day(text) is None


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ends before it begins"):
        period("2025", "2024")
    with pytest.raises(InvalidInput, match="“to” is not a day"):
        period(None, "soon")
    assert period("", None) is None
    assert period("2024", "2024") == (date(2024, 1, 1), date(2024, 12, 31))


@pytest.mark.parametrize(
    ("begin", "end", "years"),
    [
        ("2022-03-01", "2024-02", ("2024", "2023", "2022")),
        (None, "2024", ("2024",)),
        ("1900", "2025", tuple(str(year) for year in range(2025, 2025 - MAX_VALUES, -1))),
        ("2035", "2050", tuple(str(year) for year in range(2050, 2034, -1))),
    ],
)
def test_the_years_of_the_data(begin: str | None, end: str, years: tuple[str, ...]) -> None:
    lines = [f"{ABOUT} <{DCT}/temporal> _:b0", f'_:b0 <{DCAT}endDate> "{end}"']
    lines += [f'_:b0 <{DCAT}startDate> "{begin}"'] if begin else []
    assert of(*lines).years == years


@pytest.mark.parametrize("end", [None, "9999-12-31"])
def test_data_without_an_end_go_on_to_the_year_of_their_description(end: str | None) -> None:
    lines = [f"{ABOUT} <{DCT}/temporal> _:b0", f'_:b0 <{DCAT}startDate> "2024"']
    lines += [f'_:b0 <{DCAT}endDate> "{end}"'] if end else []
    entry = of(*lines)
    assert entry.years == tuple(str(year) for year in range(entry.at.year, 2023, -1))


def test_places_are_named_as_in_the_gazetteer_else_as_in_the_description() -> None:
    label = "<http://www.w3.org/2004/02/skos/core#prefLabel>"
    entry = of(
        f"{ABOUT} <{DCT}/spatial> <https://sws.geonames.org/2797656>",
        f'{ABOUT} <{DCT}/spatial> "Pilsen"',
        f"{ABOUT} <{DCT}/spatial> _:b0",
        f'_:b0 {label} "Ledeberg-lez-Gand"@fr',
        f'_:b0 {label} "Ledeberg"@en',
        '_:b0 <http://schema.org/name> "Elsewhere"',
        f"{ABOUT} <{DCT}/spatial> <{EU}/country/ITA>",
        f"{ABOUT} <{DCT}/spatial> _:b1",
        f'_:b2 {label} "Not of this"',
    )
    assert entry.spatials == ("Gent", "Plzeň", "Ledeberg", f"{EU}/country/ITA")


def test_an_area_without_a_name_is_no_place_to_choose() -> None:
    box = f"<{DCAT}bbox>"
    entry = of(
        f"{ABOUT} <{DCT}/spatial> <http://ghent.example/datasets/a#place-1>",
        f'<http://ghent.example/datasets/a#place-1> {box} "POLYGON((3 50,4 50,4 51,3 50))"',
        f"{ABOUT} <{DCT}/spatial> <https://sws.geonames.org/2797656>",
        f'<https://sws.geonames.org/2797656> {box} "POLYGON((3 50,4 50,4 51,3 50))"',
        f"{ABOUT} <{DCT}/spatial> <http://ghent.example/datasets/a#place-2>",
        f'<http://ghent.example/datasets/a#place-2> {box} "POLYGON((3 50,4 50,4 51,3 50))"',
        '<http://ghent.example/datasets/a#place-2> <http://www.w3.org/2004/02/skos/core#prefLabel> "Ledeberg"',
    )
    assert entry.spatials == ("Gent", "Ledeberg")


def test_a_description_of_thousands_of_places_keeps_some() -> None:
    lines = [f'{ABOUT} <{DCT}/spatial> "place {number}"' for number in range(2000)]
    assert len(of(*lines).spatials) == MAX_VALUES


def test_a_publisher_that_is_only_a_name_is_told_by_its_name() -> None:
    asset, source = "http://ghent.example/datasets/trees", "https://other.example/datasets/trees"
    assert publisher_key(f"{asset}#publisher-parks", "City \n parks", (asset, source)) == "City parks"
    assert publisher_key(f"{source}#publisher-parks", "City parks", (asset, source)) == "City parks"
    for publisher, name in (
        (f"{asset}-2#publisher-parks", "City parks"),
        ("https://parks.example/#us", "City parks"),
        (f"{asset}#publisher", ""),
        (f"{asset}#publisher", "did:web:brno.example"),
    ):
        assert publisher_key(publisher, name, (asset, source)) == publisher
