"""SPARQL for callers: over the graphs of their audiences, now or as of a moment.

Which graphs a query sees is decided here, from the caller, and never from the request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from node.base.errors import InvalidInput, Overloaded, TooLarge, TooMany
from node.base.work import UnitOfWork
from node.catalogue.browse import every
from node.catalogue.model import Record
from node.catalogue.ports import Graph, RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller

MAX_QUERY = 16 * 1024
MAX_AT_ONCE = 4
"""Queries of one caller at a time; strangers count by the address that they call from."""
MAX_OF_STRANGERS = 32
"""Queries of all strangers together, with those that wait for their turn."""
LONGEST_WAIT = 10.0
"""So many seconds a stranger's query waits for its turn."""

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
        at_once: int = 4,
    ) -> None:
        """``at_once`` queries are evaluated at a time. Strangers leave one place of these to everybody else, where
        there are more than two."""
        self._strangers = asyncio.Semaphore(max(at_once - 1, min(at_once, 2)))
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
            raise TooLarge(f"a query has at most {MAX_QUERY} bytes", remedy="split the query, or ask for less")
        audiences = self._visibility.audiences(caller)
        async with self._turn(caller):
            if as_of is None:
                return await self._graph.query(text, audiences=audiences, accept=accept)
            records = await asyncio.to_thread(self._at, as_of, audiences)
            return await self._graph.query_records(text, records, accept=accept)

    @asynccontextmanager
    async def _turn(self, caller: Caller) -> AsyncIterator[None]:
        """Count a query while it waits and runs. Raises ``TooMany``; ``Overloaded`` for a stranger's that has waited
        in vain."""
        bounds = {f"of {caller.name}": MAX_AT_ONCE}
        if caller.is_stranger:
            # A name costs a stranger nothing, an address does.
            bounds = {f"from {caller.address}": MAX_AT_ONCE, "strangers": MAX_OF_STRANGERS}
        full = [key for key, most in bounds.items() if self._running[key] >= most]
        if "strangers" in full:
            raise TooMany("too many queries of visitors are running", remedy="try again in a moment")
        if full:
            whose = "from your address" if caller.is_stranger else "of yours"
            raise TooMany(f"too many queries {whose} are still running", remedy="wait for their answers")
        self._running.update(bounds.keys())
        try:
            if not caller.is_stranger:
                yield
                return
            try:
                await asyncio.wait_for(self._strangers.acquire(), LONGEST_WAIT)
            except TimeoutError as error:
                raise Overloaded("too many queries of visitors are running", remedy="try again later") from error
            try:
                yield
            finally:
                self._strangers.release()
        finally:
            self._running.subtract(bounds.keys())
            self._running = +self._running

    def _at(self, moment: datetime, audiences: frozenset[str] | None) -> list[Record]:
        records: list[Record] = []
        with self._uow.read() as tx:
            for record in every(self._records, tx, audiences=audiences, as_of=moment):
                if len(records) == MAX_RECORDS_AS_OF:
                    raise TooLarge(
                        f"a query as of a moment reads at most {MAX_RECORDS_AS_OF} records",
                        remedy="read the feed up to that moment instead",
                    )
                records.append(record)
        return records
