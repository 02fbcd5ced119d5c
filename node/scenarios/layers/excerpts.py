"""Excerpts of large tables: what the page of a change layer needs, without the rest of the rows.

The outline of a file is made in the cage and remembered by the hash of the file, which never changes. Smaller files
and files with geometries are read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from node.base.jsons import canonical
from node.cage.model import AsyncCage, Limits
from node.identity.shared_requests import SharedRequests
from node.scenarios.model import Port, Row, Rows
from node.scenarios.records.library import Library
from node.scenarios.tables.outlines import MEDIA_TYPES, Outline, order_of, outline_of
from node.semantics.model import File

TARGET: Final = "tables.outline"
LIMITS: Final = Limits(memory=2 << 30, cpu=60, wall=90.0, answer=16 << 20)
"""The limits of making one outline."""
LARGE: Final = 256 << 10
"""Bytes: reading a smaller file takes less time than a page may take."""
MOST_NAMES: Final = 200
"""The most rows that are looked up by name: the whole file is read for more."""
_KEPT: Final = 16
"""The outlines that are remembered, of at most eight bytes for each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """The first rows of a table, and after them the others that were named; ``shapes`` as in ``Outline``, of all
    rows."""

    rows: Rows
    key: tuple[str, ...]
    shapes: Mapping[str, str]


class Excerpts:
    """Excerpts of tables that this node may read."""

    def __init__(self, cage: AsyncCage, library: Library, *, large: int = LARGE) -> None:
        self._cage = cage
        self._library = library
        self._large = large
        self._outlines: dict[str, Outline] = {}
        self._under_way: SharedRequests[Outline] = SharedRequests()

    async def of(self, file: File, port: Port, names: Iterable[str]) -> Excerpt | None:
        """Return an excerpt of ``file``, whose bytes are here, with the rows of these names as far as they exist;
        None if the file has to be read whole. Raises as ``node.scenarios.tables.rows.read_rows`` and ``key_of``."""
        media_type = file.media_type.partition(";")[0].strip().casefold()
        features = [name for name in dict.fromkeys(names) if name]
        if media_type not in MEDIA_TYPES or file.size < self._large or len(features) > MOST_NAMES:
            return None
        outline = await self._outline(file.sha256, media_type, port)
        rows = list(outline.first)
        for name in features:
            row = await self._row(file.sha256, outline, name)
            if row is not None and row not in rows:
                rows.append(row)
        return Excerpt(rows=rows, key=outline.key, shapes=outline.shapes)

    async def _outline(self, sha256: str, media_type: str, port: Port) -> Outline:
        order = order_of(media_type, port)
        name = f"{sha256} {canonical(order).decode()}"
        known = self._outlines.get(name)
        if known is not None:
            return known

        async def make() -> Outline:
            body = await self._library.read(sha256)
            return outline_of(*await self._cage.call(TARGET, order, [body], limits=LIMITS))

        outline = await self._under_way.join(name, make)
        while len(self._outlines) >= _KEPT:
            del self._outlines[next(iter(self._outlines))]
        self._outlines[name] = outline
        return outline

    async def _row(self, sha256: str, outline: Outline, name: str) -> Row | None:
        for offset in outline.offsets(name):
            piece = await self._library.read_piece(sha256, offset, offset + outline.longest)
            row = outline.row(piece, name)
            if row is not None:
                return row
        return None
