"""From a received file to rows for a database: pieces of lines for COPY. All reading happens in the cage."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput, LocalFault
from node.cage.model import AsyncCage
from node.datasources.file_pieces import FilePieces

TARGET: Final = "tables.load"
_PIECE: Final = 4 << 20
_TYPE: Final = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric|numeric\(\d{1,3},\d{1,3}\)|date|time|timestamp|"
    r"timestamptz|uuid|bytea|jsonb|text|geometry",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePiece:
    """Rows of a table as CSV for COPY. ``columns`` are pairs of name and type of PostgreSQL; ``srid`` is the number
    of the coordinate reference system, None without a geometry."""

    columns: tuple[tuple[str, str], ...]
    lines: bytes
    srid: int | None = None


class TableReader:
    """Reads files for databases."""

    def __init__(self, cage: AsyncCage) -> None:
        self._cage = cage

    async def pieces(self, file: Path, media_type: str, reader: str) -> AsyncGenerator[TablePiece, None]:
        """Yield the rows of a CSV, Parquet, GeoJSON or GeoPackage file, at least one piece. ``reader`` names who
        reads: a child of the cage keeps its place in the file for the same reader.

        Raises ``InvalidInput`` for a file that is no table, and ``Overloaded`` for one that takes too much.
        """
        file_pieces = FilePieces(self._cage, TARGET, file, media_type, f"load {reader}")
        start, more = 0, True
        while more:
            facts, blobs = await file_pieces.read(start, most_bytes=_PIECE)
            start, more = start + int(facts["count"]), bool(facts["more"])
            yield TablePiece(columns=_columns(facts), lines=blobs[0], srid=_srid(facts))


def _columns(facts: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    # A child reads foreign data: its types become SQL only if they are types.
    columns = tuple((str(name), str(kind)) for name, kind in facts["columns"])
    if not columns:
        raise InvalidInput("the file has no columns", remedy="send it to a folder or a bucket instead")
    if any(_TYPE.fullmatch(kind) is None for _, kind in columns):
        raise LocalFault("the reader of tables gave a type that there is not")
    return columns


def _srid(facts: dict[str, Any]) -> int | None:
    return int(facts["srid"]) if "srid" in facts else None
