"""From a received file to rows for a database: pieces of lines for COPY. All reading happens in the cage."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput, LocalFault, Overloaded
from node.cage.model import AsyncCage, Limits, has_full_queue, remedy_against_limits
from node.exchange.offloop import off_loop
from node.semantics.profiles.cage_client import OWN_GROUP

TARGET: Final = "tables.load"
LIMITS: Final = Limits(memory=1536 << 20, cpu=120, wall=120.0, answer=64 << 20)
_PIECE: Final = 4 << 20
_TYPE: Final = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric|numeric\(\d{1,3},\d{1,3}\)|date|time|timestamp|"
    r"timestamptz|uuid|bytea|jsonb|text|geometry",
    re.ASCII,
)
_TAB_SEPARATED: Final = "text/tab-separated-values"


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
        path = str(await off_loop(file.resolve))
        name = "data.tsv" if media_type.startswith(_TAB_SEPARATED) else "data"
        start, more = 0, True
        while more:
            message = {"path": path, "name": name, "start": start, "most_bytes": _PIECE}
            facts, blobs = await self._ask(message, reader)
            start, more = start + int(facts["count"]), bool(facts["more"])
            yield TablePiece(columns=_columns(facts), lines=blobs[0], srid=_srid(facts))

    async def _ask(self, message: dict[str, Any], reader: str) -> tuple[dict[str, Any], list[bytes]]:
        try:
            with remedy_against_limits("send it to a folder or a bucket instead"):
                return await self._cage.call(
                    TARGET,
                    message,
                    limits=LIMITS,
                    readable=[message["path"], OWN_GROUP],
                    patience=LIMITS.wall,
                    shared_by=f"load {reader}",
                )
        except Overloaded as error:
            if has_full_queue(error):
                raise LocalFault("this node is busy with other files") from error
            raise


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
