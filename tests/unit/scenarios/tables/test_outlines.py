"""Outlines of tables: they say the same as the whole file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import HansaError, InvalidInput
from node.portal.runs.edits import columns, editable
from node.scenarios.model import Port, Variable
from node.scenarios.tables.outlines import FIRST, Outline, order_of, outline, outline_of
from node.scenarios.tables.rows import key_of, read_rows, row_id

NO_PORT = Port(role="")
NUMBERED = Port(role="", variables=(Variable(name="count", decimals=0), Variable(name="code")))

TABLES: dict[str, tuple[bytes, str, Port]] = {
    "plain": (b"id,count,open,note\na,1,true,\nb,2.5,FALSE,\nc,,,\n", "text/csv", NO_PORT),
    "quotes": (b'name,count\r\n"a, b",1\r\n\r\n"a\r\nsecond ""line""",2\r\nz,3', "text/csv", NO_PORT),
    "marked": ("\ufeffstraße;wert\nKöln;1\nMünchen;2\n".encode(), "text/csv; charset=utf-8", NO_PORT),
    "decomposed": ("name,n\nPlzen\u030c,1\nBrno,2\n".encode(), "text/csv", NO_PORT),
    "tabs": (b"code\tcount\n7\t1\n-0\t2\n12\t3\n", "text/tab-separated-values", NO_PORT),
    "declared": (b"code,count\n7,1\n8, 2 \n", "text/csv", NUMBERED),
    "declared key": (b"a,b\n1.50,x\n2,x\n", "text/csv", Port(role="", key=("a",))),
    "several": (b"a,b,c\nx,1a,p\nx,2a,p\ny,1a,p\n", "text/csv", NO_PORT),
    "no key": (b"a\nx\nx\n", "text/csv", NO_PORT),
    "no rows": (b"a,b\n", "text/csv", NO_PORT),
    "geometry": (b"id,geometry\na,POINT (1 2)\nb,POINT (1 3)\n", "text/csv", NO_PORT),
    "long": ("".join(["id,n\n", *(f"r{n},{n}\n" for n in range(FIRST * 3))]).encode(), "text/csv", NO_PORT),
    "late values": (
        "".join(["id,n,late\n", *(f"r{n},{n},{n if n > 200 else ''}\n" for n in range(250))]).encode(),
        "text/csv",
        NO_PORT,
    ),
}


def outlined(body: bytes, media_type: str, port: Port) -> Outline:
    """The outline as it comes from the cage."""
    order = json.loads(json.dumps(order_of(media_type.partition(";")[0], port)))
    answer, blobs = outline(order, [body])
    return outline_of(json.loads(json.dumps(answer)), blobs)


def row_named(table: Outline, body: bytes, name: str) -> Any:
    matches = (table.row(body[at : at + table.longest], name) for at in table.offsets(name))
    return next((row for row in matches if row is not None), None)


@pytest.mark.parametrize("name", TABLES)
def test_an_outline_says_what_the_whole_file_says(name: str) -> None:
    body, media_type, port = TABLES[name]
    rows = read_rows(body, media_type, port)
    table = outlined(body, media_type, port)
    assert table.count == len(rows)
    assert table.first == rows[:FIRST]
    assert table.key == key_of(rows, port)
    key = ",".join(table.key)
    assert editable(table.shapes, key) == columns(rows, key)
    if table.key:
        for row in rows:
            assert row_named(table, body, row_id(row, table.key)) == row
    assert row_named(table, body, "nobody") is None


def test_rows_with_one_checksum_are_told_apart() -> None:
    # These two texts have the same CRC-32.
    body = b"id,n\nplumless,1\nbuckeroo,2\n"
    table = outlined(body, "text/csv", NO_PORT)
    assert len(list(table.offsets("plumless"))) == 2
    assert row_named(table, body, "plumless") == {"id": "plumless", "n": 1}
    assert row_named(table, body, "buckeroo") == {"id": "buckeroo", "n": 2}


@pytest.mark.parametrize(
    ("body", "port"),
    [
        (b"", NO_PORT),
        (b"a,b\n1\n", NO_PORT),
        (b'a\n"open\n', NO_PORT),
        (b"\xff\xfe\xff", NO_PORT),
        (b"code,count\nx,many\n", NUMBERED),
        (b"a\nx\nx\n", Port(role="", key=("a",))),
        (b"a\nx\n", Port(role="", key=("b",))),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_the_same_words(body: bytes, port: Port) -> None:
    with pytest.raises(InvalidInput) as whole:
        key_of(read_rows(body, "text/csv", port), port)
    with pytest.raises(HansaError) as part:
        outlined(body, "text/csv", port)
    assert (part.value.detail, part.value.remedy, part.value.facts) == (
        whole.value.detail,
        whole.value.remedy,
        whole.value.facts,
    )
