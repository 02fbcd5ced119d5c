"""A broker as a data source: it has messages for streams, and nothing to read or list."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from node.base.errors import InvalidInput, NotFound
from node.datasources.model import check_path
from node.datasources.ports import Abilities, Extract, Item, Parameters, Question


class BrokerConnection:
    """The part of ``node.datasources.ports.DataConnection`` that connections to all kinds of brokers share."""

    @property
    def abilities(self) -> Abilities:
        return Abilities(lists=False, sends_messages=True)

    async def items(self, limit: int) -> Sequence[Item]:
        del limit
        return ()

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    def read(self, item: str, question: Question) -> AbstractAsyncContextManager[Extract]:
        check_path(item)
        if question.parameters or question.path:
            raise InvalidInput("a broker takes no query", remedy="leave it out")
        raise NotFound("a broker has nothing to read: its messages go into a stream", remedy="hansa stream connect")
