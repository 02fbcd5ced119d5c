"""SPARQL for callers: over the graphs of their audiences, now or as of a moment.

Which graphs a query sees is decided here, from the caller, and never from the request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

from node.base.errors import InvalidInput, TooLarge, TooMany
from node.base.work import UnitOfWork
from node.catalogue.browse import every
from node.catalogue.model import Record
from node.catalogue.ports import Graph, RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller

MAX_QUERY = 16 * 1024
MAX_AT_ONCE = 4
"""Queries of one caller at a time; all strangers together count as two callers."""

MAX_RECORDS_AS_OF = 20_000


class Ask:
    """Evaluates queries for callers; at most a few at once for each."""

    def __init__(
        self,
        *,
        graph: Graph,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
    ) -> None:
        self._graph = graph
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._running: Counter[str] = Counter()

    async def __call__(
        self, text: str, caller: Caller, accept: str, *, as_of: datetime | None = None
    ) -> tuple[bytes, str]:
        """The answer to the SPARQL 1.1 query ``text``: (body, media type).

        Raises ``InvalidInput`` for what is no query or uses a forbidden feature, ``Overloaded`` and
        ``TooLarge`` for what takes too much, ``TooMany`` for too many queries at once.
        """
        if not text.strip():
            raise InvalidInput("there is no query", remedy="send SELECT, ASK, CONSTRUCT or DESCRIBE")
        if len(text.encode("utf-8", "surrogatepass")) > MAX_QUERY:
            raise TooLarge(f"a query has at most {MAX_QUERY} bytes", remedy="ask for less at once")
        audiences = self._visibility.audiences(caller)
        if self._running[caller.name] >= MAX_AT_ONCE * (2 if caller.is_anonymous else 1):
            raise TooMany("too many queries of yours are still running", remedy="wait for their answers")
        self._running[caller.name] += 1
        try:
            if as_of is None:
                return await self._graph.query(text, audiences=audiences, accept=accept)
            records = await asyncio.to_thread(self._at, as_of, audiences)
            return await self._graph.query_records(text, records, accept=accept)
        finally:
            self._running[caller.name] -= 1
            if not self._running[caller.name]:
                del self._running[caller.name]

    def _at(self, moment: datetime, audiences: frozenset[str] | None) -> list[Record]:
        found: list[Record] = []
        with self._uow.read() as tx:
            for record in every(self._records, tx, audiences=audiences, as_of=moment):
                if len(found) == MAX_RECORDS_AS_OF:
                    raise TooLarge(
                        f"a query as of a moment reads at most {MAX_RECORDS_AS_OF} records",
                        remedy="read the feed up to that moment instead",
                    )
                found.append(record)
        return found
