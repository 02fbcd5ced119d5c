"""Try a transformation, or a chain of them, on a sample that somebody sends: input beside output. Nothing is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput, TooLarge, TooMany, UnsupportedMediaType
from node.base.jsons import canonical
from node.base.turnstile import Turnstile
from node.cage.model import has_full_queue
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.chain.interfaces import STATEMENTS
from node.scenarios.model import Rows, Transformation
from node.scenarios.records.cards import transformation_of
from node.scenarios.tables.rows import canonical_rows, columns, read_rows
from node.scenarios.transformations.chains import LONGEST
from node.scenarios.transformations.transformer import PARQUET_TYPE, Transformer
from node.semantics.documents import TURTLE, serialise

LIMIT: Final = 4 << 20
"""Bytes of a sample."""
SHOWN: Final = 50
"""Rows of each side that an answer has; all are counted."""
AT_ONCE: Final = 2
MOST_CALLERS: Final = 32
_EXCERPT: Final = 2000
_TYPES: Final[Mapping[str, str]] = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".xml": "application/xml",
    ".parquet": PARQUET_TYPE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one side, their columns, and a hash: of the file that has the input, of the canonical form of the
    output."""

    columns: tuple[str, ...]
    every_row: Rows
    sha256: str
    nquads: bytes | None = None
    """The same as statements of RDF, if a mapping made them."""

    @property
    def rows(self) -> Rows:
        """Return the first rows."""
        return self.every_row[:SHOWN]

    @property
    def count(self) -> int:
        return len(self.every_row)

    @property
    def statement_count(self) -> int:
        return (self.nquads or b"").count(b"\n")

    @property
    def turtle(self) -> str:
        """Return the first statements in Turtle; empty if there are none."""
        beginning = b"\n".join((self.nquads or b"").split(b"\n")[:SHOWN])
        return serialise(beginning + b"\n", TURTLE).decode()

    def to_json(self, *, whole: bool = False) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "rows": [dict(row) for row in (self.every_row if whole else self.rows)],
            "count": self.count,
            "sha256": self.sha256,
            **({} if self.nquads is None else {"statements": self._statements(self.nquads, whole)}),
        }

    def _statements(self, nquads: bytes, whole: bool) -> dict[str, Any]:
        lines = [f"{line}\n" for line in nquads.decode().split("\n") if line]
        return {
            "count": self.statement_count,
            "sha256": hashlib.sha256(nquads).hexdigest(),
            "nquads": "".join(lines if whole else lines[:SHOWN]),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep:
    """A transformation of the catalogue, and the rows after it."""

    record: Record
    after: Table

    def to_json(self, *, whole: bool = False) -> dict[str, Any]:
        return {
            "transformation": self.record.iri,
            "version": self.record.version,
            "output": self.after.to_json(whole=whole),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Transformations of the catalogue on the sample ``name``, one after the other."""

    steps: tuple[TrialStep, ...]
    name: str
    before: Table
    repeatable: bool
    """True if the same rows give the same result: a function was run twice."""

    @property
    def after(self) -> Table:
        return self.steps[-1].after

    def to_json(self, *, whole: bool = False) -> dict[str, Any]:
        """Return the answer of the API, with all rows of the output if ``whole``."""
        last = self.steps[-1].to_json(whole=whole)
        return {
            "file": self.name,
            "input": self.before.to_json(),
            **last,
            "repeatable": self.repeatable,
            **({"steps": [step.to_json() for step in self.steps]} if len(self.steps) > 1 else {}),
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
        GeoJSON, by the end of ``name`` or by its content. Several addresses, with spaces between them, are a chain.
        Nothing of ``chunks`` is read before the caller is authorised.

        Raises ``NotAllowed``, ``NotFound``, ``TooLarge``, ``InvalidInput``, ``Overloaded``, and ``TooMany`` if many
        are being tried.
        """
        require(caller, UseCase.PUBLISH)
        iris = check_length(iri.split() or [iri])
        records = [await self._browse.record(address, caller) for address in iris]
        cards = [transformation_of(record) for record in records]
        with self._turnstile.admission():
            body = bytearray()
            async for chunk in chunks:
                body += chunk
                if len(body) > self.limit:
                    raise TooLarge(f"the sample may have at most {self.limit} bytes", remedy="send fewer rows")
            async with self._turnstile.turn:
                before, results, repeatable = await asyncio.to_thread(
                    try_rows, self._transformer, cards, bytes(body), name
                )
        steps = [TrialStep(record=record, after=after) for record, after in zip(records, results, strict=True)]
        return Trial(steps=tuple(steps), name=name, before=before, repeatable=repeatable)


def check_length(chain: Sequence[str]) -> Sequence[str]:
    """Return the ``chain``. Raises ``InvalidInput`` if it is too long."""
    if len(chain) > LONGEST:
        raise InvalidInput(
            f"a chain has at most {LONGEST} transformations, and {len(chain)} are named",
            remedy="write one transformation that does the work of several",
        )
    return chain


def try_rows(
    transformer: Transformer, cards: Sequence[Transformation], body: bytes, name: str
) -> tuple[Table, list[Table], bool]:
    """Return the rows of the file ``body``, those after each of ``cards``, and whether the same rows give the same
    result. As in a run, each takes the rows of the one before in canonical form. It blocks. Raises as
    ``TryTransformation``."""
    if not body.strip():
        raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
    media_type = media_type_of(name, body)
    rows, before = _beginning(cards[0], body, media_type)
    results, repeatable = [], True
    for number, card in enumerate(cards, 1):
        with _named_step(number, len(cards)):
            nquads = None
            if card.language in STATEMENTS:
                head = (body, media_type) if number == 1 else (canonical(rows, fractions=True), "")
                statements = transformer.state(card, *head)
                result, nquads = canonical_rows(json.loads(statements.rows)), statements.nquads
            else:
                result = canonical_rows(transformer(card, rows))
                repeatable = repeatable and transformer.is_repeatable(card, rows, result)
        results.append(replace(_table(result, canonical(result, fractions=True)), nquads=nquads))
        rows = result
    return before, results, repeatable


def _beginning(card: Transformation, body: bytes, media_type: str) -> tuple[Rows, Table]:
    """Return the rows of the file, and what is shown of them: of a file that is no rows, which a mapping to RDF reads
    too, the beginning."""
    if card.language not in STATEMENTS:
        rows = read_rows(body, media_type)
        return rows, _table(rows, body)
    try:
        return (), _table(read_rows(body, media_type), body)
    except (InvalidInput, UnsupportedMediaType):
        text = "Parquet" if media_type == PARQUET_TYPE else body[:_EXCERPT].decode("utf-8", "replace")
        return (), _table([{"document": text}], body)


@contextmanager
def _named_step(number: int, steps: int) -> Iterator[None]:
    """Say in an error which transformation of a chain it is about."""
    try:
        yield
    except HansaError as error:
        if steps == 1 or has_full_queue(error):
            raise
        detail = f"transformation {number} of {steps}: {error.detail}"
        raise type(error)(detail, remedy=error.remedy, facts=error.facts) from error


def media_type_of(name: str, body: bytes) -> str:
    """Return the media type of a sample by the end of its ``name``, or else by its content."""
    ending = name[name.rfind(".") :].casefold() if "." in name else ""
    if ending in _TYPES:
        return _TYPES[ending]
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        return "application/json"
    if body.startswith(b"PAR1"):
        return PARQUET_TYPE
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return "application/xml"
    return mimetypes.guess_type(name)[0] or "text/csv"


def _table(rows: Rows, body: bytes) -> Table:
    sha256 = hashlib.sha256(body).hexdigest()
    return Table(columns=columns(rows), every_row=rows, sha256=sha256)
