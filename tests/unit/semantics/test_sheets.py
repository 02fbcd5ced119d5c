"""The one reader of tables: delimiter, encoding, header, rows that do not fit, and what is no table at all."""

from __future__ import annotations

import io
import resource
import time
from pathlib import Path

import pytest

from node.semantics.sheets import Survey, delimiter_of, survey, what_it_is

ROOT = Path(__file__).resolve().parents[3]


def of(text: str | bytes, encoding: str = "utf-8") -> Survey:
    return survey(io.BytesIO(text if isinstance(text, bytes) else text.encode(encoding)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    table = of(f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}x\n")
    assert (table.look.delimiter, table.look.columns) == (delimiter, ("a", "b", "c"))
    assert (table.rows, table.doubts()) == (1, ())
    assert table.look.types == ("number", "number", "text")


def test_a_semicolon_between_figures_with_a_decimal_comma() -> None:
    found = of("place, street;pm10\nKouter 1;12,5\nKorenmarkt;8,25\n")
    assert found.look.delimiter == ";"
    assert found.look.columns == ("place, street", "pm10")


def test_two_delimiters_that_both_fit_are_in_doubt() -> None:
    assert delimiter_of("a;b,c\nx;y,z\n")[1]
    assert any("may be separated by" in doubt.text("en") for doubt in of("a;b,c\nx;y,z\n").doubts())


@pytest.mark.parametrize(
    ("body", "encoding", "doubt"),
    [
        ("naam,plaats\nCafé,Gent\n".encode("latin-1"), "windows-1252", "not in UTF-8"),
        (b"a,b\n" + b"x,y\n" * 40_000 + b"caf\xe9,1\n", "windows-1252", "not in UTF-8"),
        ("a,b\n1,é\n".encode("utf-16"), "utf-16", "UTF-16"),
        ("\ufeffa,b\n1,é\n".encode(), "utf-8", ""),
    ],
)
def test_encodings(body: bytes, encoding: str, doubt: str) -> None:
    table = of(body)
    assert table.look.encoding == encoding
    assert table.look.columns[0] in ("a", "naam")
    assert doubt in " ".join(doubt.text("en") for doubt in table.doubts())
    assert bool(table.doubts()) == bool(doubt)


def test_rows_that_do_not_fit_are_named_and_counted() -> None:
    table = of("a,b\n1,2\n1\n" + "1,2,3\n" * 9)
    assert (table.rows, table.misfits) == (11, 10)
    assert table.uneven_rows[:2] == ((3, 1), (4, 3))
    (doubt,) = table.doubts()
    assert "10 rows have a different number of cells" in doubt.text("en")
    assert "line 3 (1)" in doubt.text("en")
    assert "and 5 more" in doubt.text("en")
    assert "10 řádků má jiný počet buněk" in doubt.text("cs")


@pytest.mark.parametrize(
    ("text", "doubt"),
    [("1,2\n3,4\n", "no line of column names"), ("a,a\n1,2\n", "same name"), ("a,\n1,2\n", "no name")],
)
def test_headers_in_doubt(text: str, doubt: str) -> None:
    assert any(doubt in one.text("en") for one in of(text).doubts())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"%PDF-1.7\n...", "PDF"),
        (b"PK\x03\x04" + b"\0" * 30, "zip archive, such as an Excel"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (bytes(range(256)) * 4, "binary file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"", "empty"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        of(body)
    assert not body or what_it_is(body)


def test_a_large_file_takes_seconds_and_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    line = b"segment-000123;2026-11-01T08:00+01:00;3127;12,5;some words about it\n"
    with path.open("wb") as file:
        file.write(b"segment;at;count;speed;remark\n")
        for _ in range(100_000_000 // (len(line) * 10_000)):
            file.write(line * 10_000)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with path.open("rb") as file:
        found = survey(file)
    assert found.rows == path.stat().st_size // len(line)
    assert time.process_time() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_nobody_else_reads_tables() -> None:
    """``csv.reader`` and guesses of delimiters stand in one module; others write tables, or parse their own rows."""
    allowed = {
        "node/semantics/sheets.py",
        "node/scenarios/tables/files.py",  # the cells of an input, after this module told the separator
        "node/scenarios/tables/outlines.py",  # a row of such an input, in its outline
        "node/scenarios/stories/reader.py",  # the indicators that a publication wrote
        "node/adapters/graph/results.py",  # counts the rows of our own SPARQL results
        "demo/vocabulary.py",  # adds up the rows that the demonstration itself has made
    }
    readers = {
        path.relative_to(ROOT).as_posix()
        for room in ("node", "federation", "demo")
        for path in (ROOT / room).rglob("*.py")
        if any(sign in path.read_text("utf-8") for sign in ("csv.reader", "csv.DictReader", "csv.Sniffer"))
    }
    assert readers <= allowed
