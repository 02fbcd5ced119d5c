"""Rows from files, and their canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.scenarios.model import Port, Variable
from node.scenarios.tables import files
from node.scenarios.tables.rows import (
    canonical_csv,
    canonical_geojson,
    canonical_json,
    canonical_rows,
    columns,
    digest,
    key_of,
    named_places,
    read_canonical,
    read_rows,
    round_figure,
    row_id,
)

FLOWS = Port(
    role="flows",
    variables=(
        Variable(name="segmentId"),
        Variable(name="quarter"),
        Variable(name="intensity", unit="{vehicles}/(15.min)", decimals=1),
    ),
)
POINT = {"type": "Point", "coordinates": [3.7, 51.05]}


def features(*rows: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(rows), **more}).encode()


def feature(properties: Any, geometry: Any = POINT, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry, **more}


# ---- CSV


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_typed_by_what_its_cells_hold(separator: str) -> None:
    text = "\ufeffname,count,share,closed,when,code,none\r\na,1,0.5,true,07:00,007,\r\nb,,-2e3,False,,12,\r\n"
    assert read_rows(text.replace(",", separator).encode(), "text/csv; charset=utf-8") == [
        {"name": "a", "count": 1, "share": 0.5, "closed": True, "when": "07:00", "code": "007", "none": None},
        {"name": "b", "count": None, "share": -2000.0, "closed": False, "when": None, "code": "12", "none": None},
    ]


def test_the_port_says_what_is_a_figure_and_what_a_name() -> None:
    body = b"segmentId,quarter,intensity\n12,07:00,3\n13,07:00,\n"
    assert read_rows(body, "text/csv", FLOWS) == [
        {"segmentId": "12", "quarter": "07:00", "intensity": 3},
        {"segmentId": "13", "quarter": "07:00", "intensity": None},
    ]


def test_long_numbers_are_names_unless_declared() -> None:
    assert read_rows(b"a\n9007199254740993\n", "text/csv") == [{"a": "9007199254740993"}]
    assert read_rows(b"intensity\n9007199254740993\n", "text/csv", FLOWS) == [{"intensity": 9007199254740992.0}]


def test_a_declared_figure_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_rows(b"segmentId;quarter;intensity\na;07:00;1\nb;07:00;1,5\n", "text/csv", FLOWS)
    assert refused.value.facts == {"row": 2, "member": "intensity"}
    assert "point before the decimals" in refused.value.remedy


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"a,a\n1,2\n", "two columns are called a"),
        (b"a,\n1,2\n", "no name"),
        (b"a,b\n1\n", "line 2 has 1 cells, the header 2"),
        (b'a,b\n"1,2\n', "not readable as CSV"),
        (b"a\n\xff\n", "not in UTF-8"),
        (b"a\n\0\n", "zero bytes"),
        (b"a\n" + b"x" * 20_001, "20001 characters"),
        (b"a\n1e400\n", "too large"),
    ],
)
def test_bad_tables_are_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_rows(body, "text/csv")


def test_there_are_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):
        read_rows(b",".join(b"c%d" % n for n in range(201)) + b"\n", "text/csv")
    monkeypatch.setattr(files, "MAX_ROWS", 2)
    for body, kind in ((b"a\n1\n2\n3\n", "text/csv"), (b'[{"a":1},{"a":2},{"a":3}]', "application/json")):
        with pytest.raises(TooLarge):
            read_rows(body, kind)


def test_names_and_texts_are_in_one_unicode_form() -> None:
    assert read_rows("Plzen\u030c\nPlzen\u030c\n".encode(), "text/csv") == [{"Plzeň": "Plzeň"}]
    with pytest.raises(InvalidInput, match="two columns"):
        read_rows("Plzen\u030c,Plzeň\n1,2\n".encode(), "text/csv")


def test_other_media_types_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="application/pdf"):
        read_rows(b"", "application/pdf")


# ---- JSON and GeoJSON


def test_a_list_of_objects() -> None:
    assert read_rows(
        b'[{"a": 1, "geometry": {"type": "Point", "coordinates": [1, 2], "bbox": []}}]', "application/json"
    ) == [{"a": 1, "geometry": {"type": "Point", "coordinates": [1, 2]}}]


@pytest.mark.parametrize("body", [b"{}", b"3", b"[3]", b'[{"a": NaN}]', b"[", b'[{"":1}]'])
def test_json_that_is_no_rows_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_rows(body, "application/json")


def test_features_become_rows_and_keep_their_ids() -> None:
    assert read_rows(features(feature({"a": 1}, id="x"), feature(None, None, id=2)), "application/geo+json") == [
        {"id": "x", "a": 1, "geometry": POINT},
        {"id": "2"},
    ]


def test_an_id_that_a_property_repeats_is_not_kept_twice() -> None:
    rows = read_rows(features(feature({"segmentId": "x"}, id="x")), "application/json")
    assert rows == [{"segmentId": "x", "geometry": POINT}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (features(feature({}, id="a"), feature({})), "some features have an id"),
        (features(feature({"id": "b"}, id="a")), "another one"),
        (features(feature({}, id=True)), "neither text nor"),
        (features(feature({"geometry": 1})), "called geometry"),
        (features({"type": "Point"}), "feature 1 is not a Feature"),
        (features(feature([])), "properties that are not an object"),
        (features(feature({}, {"type": "Circle"})), "feature 1: Circle is not a type"),
        (features(feature({}, {"type": "Point", "coordinates": [104500, 193900]})), "not a longitude and latitude"),
        (features(feature({}, {"type": "Point", "coordinates": [1]})), "not a position"),
        (features(feature({}, {"type": "LineString", "coordinates": [[1, 2]]})), "line of 1"),
        (features(feature({}, {"type": "Polygon", "coordinates": [[[1, 2], [2, 2], [2, 3], [1, 3]]]})), "not closed"),
        (features(feature({}, {"type": "LineString", "coordinates": 5})), "list of positions"),
        (features(crs={"type": "name", "properties": {"name": "EPSG:5514"}}), "EPSG:5514"),
        (features(crs={"type": "name"}), "without a name"),
        (b'{"type": "FeatureCollection"}', "not have a list of features"),
    ],
)
def test_bad_features_are_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_rows(body, "application/geo+json")


def test_an_old_crs_member_is_followed() -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::31370"}}
    body = features(feature({}, {"type": "Point", "coordinates": [104500, 193900, 7]}), crs=crs)
    (row,) = read_rows(body, "application/geo+json")
    assert row["geometry"]["coordinates"] == pytest.approx([3.719822839, 51.053470703, 7], abs=1e-9)


# ---- keys and columns


def test_columns_stand_as_declared_then_by_name_and_geometry_last() -> None:
    rows: list[dict[str, Any]] = [{"z": 1, "geometry": None, "intensity": 2}, {"a": 1}]
    assert columns(rows, FLOWS) == ("segmentId", "quarter", "intensity", "a", "z", "geometry")


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([{"name": "a", "segmentId": "1"}, {"name": "b", "segmentId": "2"}], ("segmentId",)),
        ([{"name": "a", "length": 1}, {"name": "b", "length": 2}], ("name",)),
        ([{"id": 1, "n": "a"}, {"id": 2, "n": "a"}], ("id",)),
        ([{"o": "a", "d": "b", "n": 1}, {"o": "a", "d": "c", "n": 1}, {"o": "b", "d": "b", "n": 1}], ("d", "o")),
        ([{"part": "x", "sId": "a"}, {"part": "y", "sId": "a"}, {"part": "x", "sId": "b"}], ("sId", "part")),
        ([{"k": "x", "o": "a"}, {"k": "x", "o": "b"}], ("o",)),
        ([{"o": "a"}, {"o": "a"}], ()),
        ([{"x": 1}, {"x": 2}], ()),
        ([{"x": "a"}, {"x": None}], ()),
        ([], ()),
    ],
)
def test_the_key_is_found(rows: list[dict[str, Any]], key: tuple[str, ...]) -> None:
    assert key_of(rows) == key


def test_a_declared_figure_is_no_key() -> None:
    rows = [
        {"segmentId": "a", "quarter": "07:00", "intensity": "1"},
        {"segmentId": "a", "quarter": "07:00", "intensity": "2"},
    ]
    assert key_of(rows, FLOWS) == ()


def test_a_declared_key_is_held_to() -> None:
    port = Port(role="trips", key=("origin", "destination"))
    body = b"origin,destination,trips\na,b,1\na,b,2\n"
    with pytest.raises(InvalidInput, match="rows 1 and 2 are both a, b"):
        read_rows(body, "text/csv", port)
    with pytest.raises(InvalidInput, match="row 1 has no origin or no destination"):
        key_of([{"origin": "a"}], port)
    assert key_of([{"origin": "a", "destination": "b"}], port) == port.key
    assert row_id({"origin": "a", "destination": 2}, port.key) == "a,2"


# ---- canonical


def test_canonical_json_to_the_byte() -> None:
    rows = [
        {"quarter": "07:15", "segmentId": "b", "intensity": 2.25},
        {
            "segmentId": "a",
            "quarter": "07:00",
            "intensity": -0.04,
            "geometry": {"type": "Point", "coordinates": (3.123456789, 51)},
        },
    ]
    assert canonical_json(rows, FLOWS) == (
        b'[{"geometry":{"coordinates":[3.1234568,51],"type":"Point"},"intensity":0,"quarter":"07:00","segmentId":"a"},'
        b'{"geometry":null,"intensity":2.2,"quarter":"07:15","segmentId":"b"}]'
    )


def test_canonical_csv_to_the_byte() -> None:
    rows = [
        {"segmentId": "b", "quarter": 'a "b"', "intensity": 2.25},
        {"segmentId": "a,b", "intensity": -0.04, "x": [1.5]},
    ]
    assert canonical_csv(rows, FLOWS) == (
        b"segmentId,quarter,intensity,x\n\"a,b\",,0.0,[1.5]\nb,\"a \"\"b\"\"\",2.2,\n"
    )  # fmt: skip


def test_canonical_geojson_names_its_features() -> None:
    document = json.loads(canonical_geojson([{"segmentId": "a", "geometry": POINT}, {"segmentId": "b"}]))
    assert document == {
        "type": "FeatureCollection",
        "features": [
            feature({"segmentId": "a"}, id="a"),
            feature({"segmentId": "b"}, None, id="b"),
        ],
    }
    assert canonical_json(read_rows(json.dumps(document).encode(), "application/geo+json")) == canonical_json(
        [{"segmentId": "b"}, {"segmentId": "a", "geometry": POINT}]
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e21, "1e+21"), (1e-7, "1e-7"), (0.000001, "0.000001"), (1.5e-9, "1.5e-9"), (1.25e22, "1.25e+22"),
        (0.1 + 0.2, "0.3"), (1e18, "1000000000000000000"), (123456.7, "123456.7"), (5e-324, "5e-324"),
        (-1.5, "-1.5"), (2**53, "9007199254740992"), (True, "true"), (None, "null"), ("ř\n", '"ř\\n"'),
    ],
)  # fmt: skip
def test_figures_are_written_as_rfc_8785_says(value: Any, written: str) -> None:
    body = canonical_json([{"v": value}])
    assert body == f'[{{"v":{written}}}]'.encode()
    assert canonical_json(read_canonical(body)) == body


@pytest.mark.parametrize(
    ("value", "decimals", "is_"),
    [
        (0.125, 2, 0.12),
        (0.375, 2, 0.38),
        (2.675, 2, 2.68),
        (2.5, 0, 2),
        (3.5, 0, 4),
        (1250.0, -2, 1200),
        (1e300, 6, 1e300),
    ],
)
def test_half_goes_to_even_as_written(value: float, decimals: int, is_: float) -> None:
    assert round_figure(value, decimals) == is_


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "row 1: v is nan"),
        (float("inf"), "row 1: v is inf"),
        (2**53 + 1, "whole number"),
        (10**400, "whole number"),
        ({1, 2}, "a set"),
        ("\ud800", "unpaired surrogate"),
        ({"a": {1: 2}}, "a dict"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        canonical_json([{"v": value}])
    assert refused.value.facts == {"row": 1, "member": "v"}


def test_the_last_bits_do_not_change_the_hash_and_a_declared_decimal_does() -> None:
    assert digest([{"v": 0.1 + 0.2}]) == digest([{"v": 0.3}])
    rows = [{"segmentId": "a", "quarter": "b", "intensity": 1.04}]
    assert digest(rows, FLOWS) == digest([{**rows[0], "intensity": 1.0}], FLOWS)
    assert digest(rows, FLOWS) != digest([{**rows[0], "intensity": 1.06}], FLOWS)


def test_rows_are_in_the_order_of_their_key_numbers_by_size() -> None:
    assert [row["id"] for row in canonical_rows([{"a": "x", "id": 10}, {"a": "y", "id": 9}])] == [9, 10]


def test_what_is_no_list_of_objects_is_no_canonical_rows() -> None:
    for body in (b"{}", b"[1]"):
        with pytest.raises(InvalidInput):
            read_canonical(body)


@pytest.mark.parametrize(
    ("value", "figure"),
    [(1, True), (-0.5, True), (True, False), ("1", False), (None, False), (float("nan"), False), (10**400, False)],
)
def test_figures(value: Any, figure: bool) -> None:
    assert files.is_figure(value) is figure


def test_rows_with_a_geometry_are_known_by_the_first_column_that_names_each() -> None:
    here, there = {"type": "Point", "coordinates": [3.7, 51.0]}, {"type": "Point", "coordinates": [3.8, 51.0]}
    rows = [
        {"kind": "school", "residents": 3, "receptorId": "a", "geometry": here},
        {"kind": "school", "residents": 4, "receptorId": "b", "geometry": there},
        {"kind": "school", "residents": 5, "receptorId": "c"},
    ]
    assert named_places(rows) == ("receptorId", {"a": here, "b": there})
    assert named_places([{"id": "a"}]) == ("", {})
    assert named_places([]) == ("", {})
