"""Outlines of tables of text: key, columns and first rows of a file, and where each of its rows begins.

A file never changes, so its outline is made once, in the cage, and read many times. It finds a row by its name with
one small read, where ``read_rows`` reads the whole file.
"""

from __future__ import annotations

import csv
import io
import itertools
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from node.scenarios.model import GEOMETRY, Port, Row, Rows, Variable
from node.scenarios.tables import files
from node.scenarios.tables.rows import check_key, key_of_columns, row_id, text_in_name

FIRST: Final = 120
"""The first rows of a file that are in its outline."""
MEDIA_TYPES: Final[Mapping[str, str]] = {"text/csv": "", "text/tab-separated-values": "\t"}
"""The media types of tables of text, with the delimiter if it is certain."""

_BOM: Final = b"\xef\xbb\xbf"
_OFFSET: Final = 32
"""Bits of a place in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The outline of a table of text.

    ``key`` names the members that identify a row; it is empty if none do. ``shapes`` has the columns in their order:
    ``number``, ``flag``, ``text``, or empty for a column without values. ``first`` are the first of ``count`` rows.
    ``places`` has for each row the CRC-32 of its name and the place where it begins, in ascending order; ``longest``
    is the number of bytes of the longest row.
    """

    key: tuple[str, ...]
    shapes: Mapping[str, str]
    first: Rows
    count: int
    delimiter: str
    longest: int
    places: array[int]

    def offsets(self, name: str) -> Iterator[int]:
        """Yield the places at which the row of that name may begin."""
        start = crc32(name.encode(errors="replace")) << _OFFSET
        for index in range(bisect_left(self.places, start), len(self.places)):
            if self.places[index] >> _OFFSET != start >> _OFFSET:
                return
            yield self.places[index] & ((1 << _OFFSET) - 1)

    def row(self, piece: bytes, name: str) -> Row | None:
        """Return the row at the beginning of ``piece``, which has ``longest`` bytes or reaches to the end of the
        file; None if it has another name."""
        text = piece.decode("utf-8", errors="ignore")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True)
        cells = next(line for line in lines if line)
        row = {
            column: files.read_cell(cell, shape)
            for cell, (column, shape) in zip(cells, self.shapes.items(), strict=True)
        }
        return row if row_id(row, self.key) == name else None


def order_of(media_type: str, port: Port) -> dict[str, Any]:
    """Return the message for ``outline``: all of ``port`` that bears upon the reading of rows."""
    return {
        "delimiter": MEDIA_TYPES[media_type],
        "columns": [[variable.name, files.is_number(variable)] for variable in port.variables],
        "key": list(port.key),
    }


def outline(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``tables.outline``: the outline of the table of text in the one blob, which ``outline_of`` reads.

    Raises as ``node.scenarios.tables.rows.read_rows`` and ``key_of``.
    """
    port = Port(
        role="",
        variables=tuple(Variable(name=name, unit="1" if number else None) for name, number in message["columns"]),
        key=tuple(message["key"]),
    )
    body, counter = blobs.pop(), _ByteCounter()
    counter.at = len(_BOM) if body.startswith(_BOM) else 0
    text = files.text_of(body)
    delimiter = files.delimiter_of(body, message["delimiter"])
    names, cells = files.read_cells(text, delimiter, counter=counter)
    columns = dict(zip(names, files.typed_columns(names, cells, port), strict=True))
    key = _key_of(columns, len(cells), port)
    ends = counter.ends
    answer = {
        "key": list(key),
        "shapes": [[name, _shape(values)] for name, values in columns.items()],
        "first": [
            {name: values[index] for name, values in columns.items()} for index in range(min(FIRST, len(cells)))
        ],
        "count": len(cells),
        "delimiter": delimiter,
        "longest": max((end - start for start, end in itertools.pairwise(ends)), default=0),
    }
    return answer, [_index(columns, key, ends).tobytes()]


def outline_of(answer: Mapping[str, Any], blobs: Sequence[bytes]) -> Outline:
    """Return the outline in an answer of the cage."""
    places = array("Q")
    places.frombytes(blobs[0])
    return Outline(
        key=tuple(answer["key"]),
        shapes=dict(answer["shapes"]),
        first=answer["first"],
        count=answer["count"],
        delimiter=answer["delimiter"],
        longest=answer["longest"],
        places=places,
    )


class _ByteCounter:
    """Counts the bytes of lines; ``ends`` are the places where the header and each row end."""

    def __init__(self) -> None:
        self.at = 0
        self.ends = array("Q")

    def lines(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.at += len(line) if line.isascii() else len(line.encode())
            yield line

    def end_row(self) -> None:
        self.ends.append(self.at)


def _key_of(columns: Mapping[str, Sequence[Any]], count: int, port: Port) -> tuple[str, ...]:
    if port.key:
        nothing = [None] * count
        parts = zip(*(columns.get(name, nothing) for name in port.key), strict=True)
        check_key([dict(zip(port.key, values, strict=True)) for values in parts], port.key)
        return port.key
    if not count:
        return ()
    names = [variable.name for variable in port.variables]
    rest = sorted(name for name in columns if name not in names)
    ordered = [name for name in dict.fromkeys([*names, *rest]) if name in columns and name != GEOMETRY]
    return key_of_columns({name: columns[name] for name in ordered}, port)


def _shape(values: Sequence[Any]) -> str:
    present = next((value for value in values if value is not None), None)
    if present is None:
        return ""
    return "flag" if isinstance(present, bool) else "text" if isinstance(present, str) else "number"


def _index(columns: Mapping[str, Sequence[Any]], key: Sequence[str], ends: Sequence[int]) -> array[int]:
    if not key:
        return array("Q")
    ids = map(",".join, zip(*(map(text_in_name, columns[name]) for name in key), strict=True))
    pairs = ((crc32(name.encode()) << _OFFSET) | start for name, start in zip(ids, ends, strict=False))
    return array("Q", sorted(pairs))
