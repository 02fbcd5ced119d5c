"""Rows: one form for what means the same, whatever the order, the file and the spelling."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from node.scenarios.model import Port, Variable
from node.scenarios.tables.rows import (
    canonical_csv,
    canonical_geojson,
    canonical_json,
    key_of,
    read_canonical,
    read_rows,
)

PORT = Port(
    role="flows",
    variables=(Variable(name="id"), Variable(name="place"), Variable(name="flow", unit="1/h", decimals=2)),
)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
names = texts.filter(lambda text: text.strip() and text.casefold() not in ("true", "false"))
figures = st.one_of(
    st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6)
)
points = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(
    lambda at: {"type": "Point", "coordinates": list(at)}
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), texts, figures),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=4,
)
loose = st.lists(st.dictionaries(st.sampled_from(["a", "b", "é", "id"]), anything, max_size=4), max_size=6)
tables = st.lists(
    st.fixed_dictionaries(
        {"id": names, "place": names, "flow": figures},
        optional={"geometry": points},
    ),
    max_size=8,
    unique_by=lambda row: unicodedata.normalize("NFC", str(row["id"])),
)


@given(loose, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_members_does_not_matter(rows: list[dict[str, Any]], chance: random.Random) -> None:
    turned = [dict(sorted(row.items(), reverse=True)) for row in rows]
    chance.shuffle(turned)
    assert canonical_json(turned) == canonical_json(rows)
    assert key_of(turned) == key_of(rows)


@given(loose)
def test_canonical_rows_are_their_own_canonical_form(rows: list[dict[str, Any]]) -> None:
    body = canonical_json(rows)
    assert canonical_json(read_canonical(body)) == body


@given(tables)
def test_every_file_that_we_write_is_read_as_the_same_rows(rows: list[dict[str, Any]]) -> None:
    body = canonical_json(rows, PORT)
    assert canonical_json(read_canonical(body), PORT) == body
    assert canonical_json(read_rows(canonical_geojson(rows, PORT), "application/geo+json", PORT), PORT) == body
    bare = [{name: value for name, value in row.items() if name != "geometry"} for row in rows]
    assert canonical_json(read_rows(canonical_csv(bare, PORT), "text/csv", PORT), PORT) == canonical_json(bare, PORT)


@given(tables)
def test_the_same_text_in_another_unicode_form_is_the_same(rows: list[dict[str, Any]]) -> None:
    apart = [{**row, "place": unicodedata.normalize("NFD", row["place"])} for row in rows]
    assert canonical_json(apart, PORT) == canonical_json(rows, PORT)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_is_written_so_that_it_is_read_as_itself(value: float) -> None:
    (row,) = json.loads(canonical_json([{"v": value}]))
    (again,) = json.loads(canonical_json([row]))
    assert again == row
    assert row["v"] == float(f"{value:.11e}") or abs(row["v"] - value) <= abs(value) * 1e-11
