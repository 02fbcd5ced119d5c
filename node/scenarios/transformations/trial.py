"""Try a transformation on a sample that somebody sends: input beside output. Nothing is kept."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge, TooMany
from node.base.turnstile import Turnstile
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.model import Rows, Transformation
from node.scenarios.records.cards import transformation_of
from node.scenarios.tables.rows import canonical_json, canonical_rows, columns, read_rows
from node.scenarios.transformations.transformer import Transformer

LIMIT: Final = 4 << 20
"""Bytes of a sample."""
SHOWN: Final = 50
"""Rows of each side that an answer has; all are counted."""
AT_ONCE: Final = 2
MOST_CALLERS: Final = 32
_TYPES: Final[Mapping[str, str]] = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".geojson": "application/geo+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first rows of one side, their columns, the number of all rows, and the hash of all in canonical form."""

    columns: tuple[str, ...]
    rows: Rows
    count: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "rows": [dict(row) for row in self.rows],
            "count": self.count,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A transformation of the catalogue on the sample ``name``."""

    record: Record
    name: str
    before: Table
    after: Table
    repeatable: bool
    """True if the same rows give the same result: a function was run twice."""

    def to_json(self) -> dict[str, Any]:
        return {
            "transformation": self.record.iri,
            "version": self.record.version,
            "file": self.name,
            "input": self.before.to_json(),
            "output": self.after.to_json(),
            "repeatable": self.repeatable,
        }


class TryTransformation:
    """Tries transformations that the caller may see."""

    def __init__(self, *, browse: Browse, transformer: Transformer, limit: int = LIMIT) -> None:
        """``limit``: bytes of a sample."""
        self._browse = browse
        self._transformer = transformer
        self._turnstile = Turnstile(
            at_once=AT_ONCE,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many transformations are being tried just now", remedy="try again in a minute"),
        )
        self.limit = limit

    async def __call__(self, iri: str, name: str, chunks: AsyncIterator[bytes], caller: Caller) -> Trial:
        """Carry out the transformation at the address ``iri`` on the sample in ``chunks``: rows of CSV, JSON or
        GeoJSON, by the end of ``name`` or by its content. Nothing of ``chunks`` is read before the caller is
        authorised.

        Raises ``NotAllowed``, ``NotFound``, ``TooLarge``, ``InvalidInput``, ``Overloaded``, and ``TooMany`` if many
        are being tried.
        """
        require(caller, UseCase.PUBLISH)
        record = await self._browse.record(iri, caller)
        card = transformation_of(record)
        with self._turnstile.admission():
            body = bytearray()
            async for chunk in chunks:
                body += chunk
                if len(body) > self.limit:
                    raise TooLarge(f"the sample may have at most {self.limit} bytes", remedy="send fewer rows")
            async with self._turnstile.turn:
                before, after, repeatable = await asyncio.to_thread(
                    try_rows, self._transformer, card, bytes(body), name
                )
        return Trial(record=record, name=name, before=before, after=after, repeatable=repeatable)


def try_rows(transformer: Transformer, card: Transformation, body: bytes, name: str) -> tuple[Table, Table, bool]:
    """Return both sides of ``card`` on the file ``body``, and whether the same rows give the same result. It blocks.
    Raises as ``TryTransformation``."""
    if not body.strip():
        raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
    rows = read_rows(body, _media_type(name, body))
    result = transformer(card, rows)
    return _table(rows), _table(canonical_rows(result)), transformer.is_repeatable(card, rows, result)


def _media_type(name: str, body: bytes) -> str:
    ending = name[name.rfind(".") :].casefold() if "." in name else ""
    if ending in _TYPES:
        return _TYPES[ending]
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        return "application/json"
    return mimetypes.guess_type(name)[0] or "text/csv"


def _table(rows: Rows) -> Table:
    sha256 = hashlib.sha256(canonical_json(rows)).hexdigest()
    return Table(columns=columns(rows), rows=rows[:SHOWN], count=len(rows), sha256=sha256)
