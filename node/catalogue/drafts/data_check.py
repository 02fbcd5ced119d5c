"""Check a file that somebody sends against the schema of an asset: nothing of the file is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput, TooMany
from node.base.ids import new_uuid
from node.base.turnstile import Turnstile
from node.catalogue.browse import Browse
from node.catalogue.drafts.model import DraftStore
from node.catalogue.meaning.difference import definition_of
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.schemas.breaches import Report

SHOWN: Final = 100
"""Breaches that an answer lists; all are counted."""

AT_ONCE: Final = 2
"""Files that are checked at a time: a check may take minutes, and threads are few."""
MOST_CALLERS: Final = 32
"""Files that are sent, or wait for their check."""

Check = Callable[[Path, Mapping[str, Any]], Report]
"""(path, JSON Schema) → the report (``node.semantics.schemas.file_check``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """The result of a check: the schema in the version that was used, and the breaches."""

    schema: Record
    name: str
    report: Report

    def to_json(self, language: str) -> dict[str, Any]:
        schema = self.schema
        return {"schema": schema.iri, "version": schema.version, "file": self.name, **self.report.to_json(language)}


class CheckData:
    """Checks files against schemas that the caller may see."""

    def __init__(self, *, browse: Browse, store: DraftStore, check: Check, limit: int) -> None:
        """``store`` holds the file during the check; ``limit``: bytes of a file."""
        self._browse = browse
        self._store = store
        self._check = check
        self._turnstile = Turnstile(
            at_once=AT_ONCE,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many files are being checked just now", remedy="try again in a minute"),
        )
        self.limit = limit

    async def __call__(self, schema: str, name: str, chunks: AsyncIterator[bytes], caller: Caller) -> DataReport:
        """Compare the file in ``chunks`` with the schema at the address ``schema``. Nothing of ``chunks`` is read
        before the caller is authorised.

        Raises ``NotAllowed``, ``NotFound``, ``TooLarge``, ``InvalidInput`` for a file that is neither a table nor
        rows of JSON, ``Overloaded``, and ``TooMany`` if many are being checked.
        """
        require(caller, UseCase.PUBLISH)
        record = await self._browse.record(schema, caller)
        definition = definition_of(record) if record.kind == "schema" else None
        if definition is None:
            raise InvalidInput(
                "there is no JSON Schema in this asset that data can be checked against",
                remedy="name a schema with a definition, such as schema/traffic-flow",
                facts={"case": "no-definition"},
            )
        with self._turnstile.admission():
            report = await self._report(chunks, definition)
        return DataReport(schema=record, name=name, report=report)

    async def _report(self, chunks: AsyncIterator[bytes], definition: Mapping[str, Any]) -> Report:
        place = str(new_uuid())
        try:
            _, size = await self._store.take_in(place, chunks, limit=self.limit)
            if not size:
                raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
            path = await asyncio.to_thread(self._store.path, place)
            async with self._turnstile.turn:
                return await asyncio.to_thread(self._check, path, definition)
        finally:
            await asyncio.to_thread(self._store.remove, place)
