"""The provider's side of reading data where they are: one read of a data source, after it was authorised.

Every source has its own places, so that a slow one delays nobody who reads another, and one transfer has at most half
of them, so that it delays nobody who reads the same.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from node.base.errors import Gone, NotFound
from node.base.fairqueue import FairQueue
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import DataSource
from node.datasources.ports import DataConnection, Extract, Question, StreamMark
from node.datasources.register import DataSources, reads_per_minute
from node.datasources.streams.connection import StreamConnection
from node.exchange.offloop import off_loop
from node.policy.odrl import parse
from node.policy.portion import Portion
from node.policy.terms_of_time import end_of
from node.transfer.live.rates import PerMinute
from node.transfer.preconditions import Access, Secrets

LONGEST_WAIT: Final = 20.0
_PAGES: Final = ("text/html", "application/xhtml+xml")
"""Types in which servers answer with a form to sign in, or with an excuse."""


class ReadDataSource:
    """Reads data sources for the bearers of grants."""

    def __init__(
        self, sources: DataSources, secrets: Secrets, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sources = sources
        self._secrets = secrets
        self._queues: dict[str, FairQueue] = {}
        self._rate = PerMinute("reads", monotonic)

    async def connection(self, access: Access) -> tuple[DataSource, DataConnection]:
        """Return the data source of an access. Raises ``Gone`` if the node no longer has it, and ``TooMany`` if the
        transfer reads more often than its steward allows."""
        source, connection = await self.look(access)
        self._rate.count(access.grant.transfer, reads_per_minute(source))
        return source, connection

    async def look(self, access: Access) -> tuple[DataSource, DataConnection]:
        """Return the data source of an access, to learn what it is: that is no read. Raises ``Gone``."""
        try:
            return await off_loop(self._sources.connect, access.grant.source)
        except NotFound as error:
            raise _removal() from error

    @asynccontextmanager
    async def read(
        self, access: Access, source: DataSource, connection: DataConnection, question: Question
    ) -> AsyncIterator[Extract]:
        """Yield the answer of the data source, whose etag is made unrecognisable. Raises the errors of
        ``DataConnection``, and ``Overloaded`` if all places stay taken."""
        portion, ends = self._portion(access, connection), end_of(parse(access.agreement.body))
        question = replace(question, portion=portion, ends=ends)
        queue = self._queues.get(source.name)
        if queue is None:
            places = connection.abilities.places
            queue = self._queues[source.name] = FairQueue(
                places=places, bound=lambda _: places // 2, longest_wait=LONGEST_WAIT
            )
        place = await queue.enter(access.grant.transfer)
        try:
            async with connection.read(access.grant.item, question) as extract:
                _check_type(question.media_type, extract.media_type)
                etag = None
                if extract.etag is not None:
                    name = f"{source.name}\n{source.address}\n{access.grant.item}\n{extract.etag}"
                    etag = f'"{hashlib.sha256(name.encode()).hexdigest()[:40]}"'
                yield replace(extract, etag=etag)
        finally:
            place.leave()

    async def mark(self, access: Access, connection: StreamConnection) -> StreamMark:
        """Return the mark of the stream of an access. Raises ``Gone``."""
        return await connection.mark(access.grant.item, self._portion(access, connection))

    async def require_source(self, access: Access) -> None:
        """Raise ``Gone`` if the node no longer has the data source of a running read."""
        if not await off_loop(self._sources.knows, access.grant.source):
            raise _removal()

    def _portion(self, access: Access, connection: DataConnection) -> Portion:
        portion = access.keyed_portion(self._secrets)
        if not portion.kinds <= connection.abilities.portions:
            raise Gone(
                "the agreement gives a part of these data, and their data source can no longer be read in parts",
                remedy="ask the provider for a new offer",
            )
        return portion


def _removal() -> Gone:
    return Gone("the provider has removed the data source of these data", remedy="ask the provider for a new offer")


def _check_type(media_type: str, answer_type: str) -> None:
    """Raise ``DataSourceUnreachable`` if a source answers with a page for people instead of data."""
    plain = answer_type.partition(";")[0].strip().lower()
    if plain in _PAGES and media_type.partition(";")[0].strip().lower() not in _PAGES:
        raise DataSourceUnreachable(
            f"the data source answers with a page ({plain}) instead of {media_type or 'data'}",
            remedy="its steward checks it: hansa source test",
        )
