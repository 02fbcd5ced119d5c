"""SPARQL for callers: over the graphs of their audiences, now or as of a moment.

The caller alone decides which graphs a query reads, never the request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from node.base.errors import InvalidInput, Overloaded, TooLarge, TooMany
from node.base.work import UnitOfWork
from node.catalogue.browse import every
from node.catalogue.model import Record
from node.catalogue.ports import Graph, RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.sparql_graphs import names_graph

MAX_QUERY = 16 * 1024
MAX_AT_ONCE = 4
"""Queries of one caller at a time; strangers are counted by their network address."""
MAX_OF_STRANGERS = 32
"""Queries of all strangers together, including those that wait for their turn."""
LONGEST_WAIT = 10.0
"""Seconds that a stranger's query waits for its turn."""

MAX_RECORDS_AS_OF = 20_000

RL: Final = "rl"
"""RDFS and the part of OWL 2 RL about hierarchies and properties (``node.semantics.entailment``)."""
ENTAILMENTS: Final = ("", RL)


class Ask:
    """Evaluates queries for callers, with a limit on the queries of each caller at a time."""

    def __init__(
        self,
        *,
        graph: Graph,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
        at_once: int = 4,
        is_filling: Callable[[], bool] = lambda: False,
    ) -> None:
        """``at_once`` queries are evaluated at a time. If these are more than two, one place is never given to
        strangers. ``is_filling`` tells whether the graph is being filled, so that statements are missing."""
        self._is_filling = is_filling
        self._strangers = asyncio.Semaphore(max(at_once - 1, min(at_once, 2)))
        self._graph = graph
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._running: Counter[str] = Counter()

    @property
    def is_partial(self) -> bool:
        """Return whether statements are missing, because the graph is being filled: read it before a query."""
        return self._is_filling()

    async def __call__(
        self, text: str, caller: Caller, accept: str, *, as_of: datetime | None = None, entailment: str = ""
    ) -> tuple[bytes, str]:
        """Return the answer to the SPARQL 1.1 query ``text``: (body, media type).

        With ``entailment`` ``rl``, what follows from the statements that the caller may see is found too.

        Raises ``InvalidInput`` if the text is not a query or uses a forbidden feature, ``Overloaded`` and
        ``TooLarge`` for a query that takes too much, ``TooMany`` for too many queries at once.
        """
        if not text.strip():
            raise InvalidInput("there is no query", remedy="send SELECT, ASK, CONSTRUCT or DESCRIBE")
        if len(text.encode("utf-8", "surrogatepass")) > MAX_QUERY:
            raise TooLarge(f"a query has at most {MAX_QUERY} bytes", remedy="split the query, or ask for less")
        if entailment not in ENTAILMENTS:
            raise InvalidInput("this node knows no such entailment", remedy="write entailment=rl, or leave it out")
        infers = entailment == RL
        if infers and names_graph(text):
            raise InvalidInput(
                "with entailment, a query reads one graph and names none",
                remedy="leave GRAPH and FROM out, or ask without entailment",
            )
        audiences = self._visibility.audiences(caller)
        async with self._turn(caller):
            if as_of is None:
                return await self._graph.query(text, audiences=audiences, accept=accept, entailment=infers)
            records = await asyncio.to_thread(self._at, as_of, audiences)
            return await self._graph.query_records(text, records, accept=accept, entailment=infers)

    @asynccontextmanager
    async def _turn(self, caller: Caller) -> AsyncIterator[None]:
        """Count a query while it waits and runs. Raises ``TooMany``, and ``Overloaded`` if a stranger's query has
        waited ``LONGEST_WAIT``."""
        bounds = {f"of {caller.name}": MAX_AT_ONCE}
        if caller.is_stranger:
            # By address, because a stranger can make any number of names, but not of addresses.
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
