"""A kind of data source in memory, whose items are what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from node.base.errors import InvalidInput, NotFound
from node.datasources.errors import NoSuchRange
from node.datasources.model import Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import once


class MemoryConnector:
    """A kind of data source in memory: ``contents`` maps items to their bytes."""

    kind = "memory"
    options: tuple[str, ...] = ()

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.setups: list[Setup] = []

    def check(self, setup: Setup) -> None:
        if not setup.address.startswith("memory:"):
            raise InvalidInput("this is no memory", remedy="such as memory:here")

    def connect(self, setup: Setup) -> DataConnection:
        self.check(setup)
        self.setups.append(setup)
        return MemoryConnection(self.contents)


class MemoryConnection:
    """A connection to a data source in memory."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    @property
    def abilities(self) -> Abilities:
        return Abilities(ranges=True)

    async def items(self, limit: int) -> Sequence[Item]:
        return [Item(path=path, size=len(self._contents[path])) for path in sorted(self._contents)][:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        check_path(item)
        if question.path or question.parameters:
            raise InvalidInput("it takes no query", remedy="leave it out")
        if item not in self._contents:
            raise NotFound("there is no such item", remedy="list them")
        whole = self._contents[item]
        part = None if question.span is None else question.span.within(len(whole))
        if question.span is not None and part is None:
            raise NoSuchRange("it has no such bytes", remedy="ask for others")
        start, end = part or (0, len(whole))
        yield Extract(
            media_type="text/csv",
            chunks=once(whole[start:end]),
            start=start,
            size=end - start,
            total=len(whole),
            is_part=part is not None,
            etag=f'"{hash(whole):x}"',
        )
