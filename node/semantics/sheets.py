"""The one reader of tables: the form of a file of text in rows and columns, and its lines.

Publishing, previews, checks and the inputs of scenarios read tables with this module, so that all see the same
columns. It reads the beginning of a file (``look``) and can go through all of it with flat memory (``survey``); it
reports its findings and its doubts. The content of a file counts, not its name.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from node.semantics.findings.tables import Doubt, Misfits, NotATable, PlainDoubt, SeparatorDoubt

DELIMITERS: Final = ",;\t|"
NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE: Final = 64 * 1024
"""Bytes at the beginning that determine delimiter, header and types."""
SHOWN: Final = 5
"""Number of misfitting lines that are listed; all are counted."""
_OTHER_COMMA: Final = re.compile(r"(?<!\d),|,(?!\d)")
_LOOKED_AT: Final = 100
_PIECE: Final = 1 << 20

NO_TEXT: Final = "bytes"

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PAR1", "parquet"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"\x7fELF", "program"),
    (b"{\\rtf", "rtf"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The form of a table, read from its beginning.

    ``doubts`` are the points that a person should confirm. ``types`` has, for each column, ``number``, ``truth``,
    ``text`` or ``empty``, by the lines that were read.
    """

    delimiter: str
    encoding: str
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The form of a whole table. ``uneven_rows`` lists the first lines that do not fit, with their number of cells;
    ``misfits`` counts all of them. ``unreadable`` is the reason why reading ended early, if it did."""

    look: Look
    rows: int
    misfits: int = 0
    uneven_rows: tuple[tuple[int, int], ...] = ()
    unreadable: str = ""

    def doubts(self) -> tuple[Doubt, ...]:
        """Return the points that a person should confirm or correct."""
        doubts = list(self.look.doubts)
        if self.misfits:
            doubts.append(Misfits(self.misfits, len(self.look.columns), self.uneven_rows))
        if self.unreadable:
            doubts.append(PlainDoubt("unreadable", {"count": self.rows, "why": self.unreadable}))
        return tuple(doubts)

    def words(self) -> str:
        """Return the findings on one line, in English."""
        delimiter_name = NAMES.get(self.look.delimiter, "nothing")
        count = len(self.look.columns)
        return (
            f"{self.rows} row{'' if self.rows == 1 else 's'}, {count} column{'' if count == 1 else 's'}, "
            f"separated by {delimiter_name}, {self.look.encoding}"
        )


def what_it_is(head: bytes) -> str:
    """Return the kind of a file that is not a table of text, as the key of ``NotATable``; empty if it may be a
    table."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "" if _decodes(head[: len(head) // 2 * 2], "utf-16", whole=False) else NO_TEXT
    if b"\0" in head:
        return NO_TEXT
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:256].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    return "xml" if start.startswith(b"<?xml") else ""


def encoding_of(head: bytes, *, whole: bool) -> str:
    """Return the encoding of text by its bytes: UTF-8, UTF-16 by its mark, else Windows-1252, which includes
    Latin-1."""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    return "utf-8" if _decodes(head, "utf-8", whole=whole) else "windows-1252"


def delimiter_of(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter of a table's cells, by its first lines, and the other delimiters that are as likely.

    A delimiter that gives all lines the same number of cells is preferred to one that merely occurs often in the
    header: a semicolon between figures that are written with a decimal comma.
    """
    candidates: list[tuple[tuple[bool, float, int], str]] = []
    for delimiter in DELIMITERS:
        widths = _widths(text, delimiter)
        if not widths or widths[0] < 2:
            continue
        usual = Counter(widths).most_common(1)[0]
        even = usual[1] / len(widths)
        candidates.append(
            ((usual[0] == widths[0] and even == 1.0, even if usual[0] == widths[0] else 0.0, widths[0]), delimiter)
        )
    if not candidates:
        return ",", ()
    candidates.sort(key=lambda pair: pair[0], reverse=True)
    if len(candidates) > 1 and candidates[0][1] == "," and candidates[1][0][0] and _only_decimal_commas(text):
        del candidates[0]
    best = candidates[0]
    # With a single line, only its frequency distinguishes a separator from a character of a name.
    rivals = tuple(rival for score, rival in candidates[1:] if score[0] and best[0][0] and score[2] == best[0][2])
    return best[1], rivals


def look(head: bytes, *, whole: bool, delimiter: str = "") -> Look:
    """Return the form of a table from its first bytes, cut at any place. Raises ``ValueError`` for binary data."""
    encoding = encoding_of(head, whole=whole)
    text = decode(head, encoding, whole=whole)
    lines = text.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines.pop()
    text = "".join(lines)
    separator, rivals = (delimiter, ()) if delimiter else delimiter_of(text)
    rows = _first(text, separator)
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    body = [row for row in rows[1:] if len(row) == len(header)]
    types = tuple(_type([row[place].strip() for row in body]) for place in range(len(header)))
    doubts: list[Doubt] = []
    if encoding == "windows-1252":
        doubts.append(PlainDoubt("windows-1252"))
    elif encoding == "utf-16":
        doubts.append(PlainDoubt("utf-16"))
    if rivals:
        doubts.append(SeparatorDoubt(NAMES[separator], [NAMES[rival] for rival in rivals]))
    if header and body and all(_is_number(cell) for cell in header if cell):
        doubts.append(PlainDoubt("no-header"))
    if len(set(header)) < len(header):
        doubts.append(PlainDoubt("same-name"))
    if any(not name for name in header):
        doubts.append(PlainDoubt("no-name"))
    return Look(delimiter=separator, encoding=encoding, columns=header, types=types, doubts=tuple(doubts))


def survey(file: BinaryIO, *, delimiter: str = "", most: int | None = None) -> Survey:
    """Go through a table from its beginning with flat memory. ``most``: after so many rows, stop.

    Raises ``NotATable`` for a file that is not a table of text. ``file`` can be gone back in (``seek``).
    """
    head = file.read(SAMPLE)
    if really := what_it_is(head):
        raise NotATable(really)
    if not head.strip():
        raise NotATable("empty")
    file.seek(0)
    sample_look = look(head, whole=len(head) < SAMPLE, delimiter=delimiter)
    if sample_look.encoding == "utf-8" and not _all_utf8(file):
        sample_look = look(head + b"\xff", whole=True, delimiter=delimiter)
    width, count, misfits = len(sample_look.columns), 0, 0
    uneven_rows: list[tuple[int, int]] = []
    unreadable = ""
    read = rows(file, sample_look)
    try:
        next(read, None)
        for line, cells in read:
            count += 1
            if len(cells) != width:
                misfits += 1
                if len(uneven_rows) < SHOWN:
                    uneven_rows.append((line, len(cells)))
            if most is not None and count >= most:
                break
    except csv.Error as error:
        unreadable = str(error)
    return Survey(
        look=sample_look, rows=count, misfits=misfits, uneven_rows=tuple(uneven_rows), unreadable=unreadable
    )


def rows(file: BinaryIO, look: Look, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a table that are not empty, the header first, each with the number of its (last) line.

    Raises ``csv.Error`` for a line that cannot be read, and with ``strict`` also for wrong quotes.
    """
    file.seek(0)
    encoding = "utf-8-sig" if look.encoding == "utf-8" else look.encoding
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        reader = csv.reader(_without_zero(text), delimiter=look.delimiter, strict=strict)
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    finally:
        if not file.closed:  # As the collector may have done, where nobody read to the end.
            text.detach()


def answer_rows(body: bytes) -> Iterator[list[str]]:
    """Yield the rows of the CSV in UTF-8 that a node answers with, the names of the columns first.

    Raises ``csv.Error`` for a line that cannot be read. A row of one empty cell is an empty line in CSV.
    """
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", errors="replace", newline="")
    return (row or [""] for row in csv.reader(text))


def decode(body: bytes, encoding: str, *, whole: bool) -> str:
    """Return the text of ``body``, without a last character that was cut in two."""
    name = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(encoding, encoding)
    return body.decode(name, errors="ignore" if not whole else "replace" if name == "cp1252" else "strict")


def _without_zero(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise csv.Error("it contains zero bytes")
        yield line


def _only_decimal_commas(text: str) -> bool:
    """Return whether each comma below the header stands between two digits, as a decimal comma does."""
    body = text.partition("\n")[2]
    return "," in body and not _OTHER_COMMA.search(body)


def _widths(text: str, delimiter: str) -> list[int]:
    return [len(row) for row in _first(text, delimiter)]


def _first(text: str, delimiter: str) -> list[list[str]]:
    lines: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                lines.append(row)
            if len(lines) > _LOOKED_AT:
                break
    except csv.Error:
        # The rows before the error are all that can be shown; a complete reading reports where it ends.
        return lines
    return lines


def _type(cells: list[str]) -> str:
    cells_with_text = [cell for cell in cells if cell]
    if not cells_with_text:
        return "empty"
    if all(_is_number(cell) for cell in cells_with_text):
        return "number"
    return "truth" if all(cell.casefold() in ("true", "false") for cell in cells_with_text) else "text"


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", ".", 1))
    except ValueError:
        return False
    return True


def _decodes(body: bytes, encoding: str, *, whole: bool = True) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(body, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _all_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True
