"""AMQP brokers as data sources: streams take the messages of an exchange or of a queue, and acknowledge them.

The broker is dialled by an address that the rules of all outgoing requests allow, and over TLS unless it is this
machine.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final

from node.adapters.datasources.amqp.place import AmqpPlace, read_place
from node.adapters.egress.client import Egress
from node.base.errors import ForbiddenAddress, InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Scheme, Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question

if TYPE_CHECKING:
    # Loaded with the first connection.
    from node.adapters.datasources.amqp.session import AmqpClient, AmqpSession

_NAME: Final = re.compile(r"[^\x00-\x20/\x7f]{1,120}")
_KEY: Final = re.compile(r"[^\x00-\x20/+\x7f]{1,250}")


class AmqpConnector:
    """``node.datasources.ports.Connector`` for brokers of AMQP 0-9-1."""

    kind = "amqp"
    options: tuple[str, ...] = ()

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        place = read_place(setup.address)
        self._egress.check_host(place.host)
        if not place.is_secure and not self._egress.is_loopback(place.host):
            raise ForbiddenAddress("passwords and messages would be sent in the clear", remedy="use amqps://")
        if setup.credentials.scheme not in (Scheme.NONE, Scheme.BASIC):
            raise InvalidInput("a broker takes a user and a password", remedy="give them: --user NAME")
        return AmqpConnection(self._egress, place, setup)


class AmqpConnection:
    """A connection to a broker (``node.datasources.brokers.ports.MessageConnection``).

    A topic is an exchange with a routing key, such as ``amq.topic/city.counters.*``, or the name of a queue that is
    there. The node makes a queue of its own for an exchange.
    """

    def __init__(self, egress: Egress, place: AmqpPlace, setup: Setup) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials

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

    def check_topic(self, topic: str) -> None:
        """Raise ``InvalidInput`` unless ``topic`` is a queue, or an exchange with a routing key (AMQP 0-9-1 §3.1.3.3:
        ``*`` and ``#`` are whole words)."""
        name, slash, key = topic.partition("/")
        words = key.split(".")
        is_key = bool(_KEY.fullmatch(key)) and all(word in "*#" or not set(word) & set("*#") for word in words)
        if not _NAME.fullmatch(name) or (slash and not is_key):
            raise InvalidInput(
                f"{topic[:80]!r} is no topic of a broker of AMQP",
                remedy="an exchange with a routing key, such as amq.topic/city.counters.*, or the name of a queue",
            )

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[AmqpSession]:
        from node.adapters.datasources.amqp.session import AmqpSession

        client = await self._open()
        try:
            if topic:
                await client.consume(topic, session)
            yield AmqpSession(client)
            await client.settle()
        finally:
            await client.close()

    async def forget(self, session: str) -> None:
        client = await self._open()
        try:
            await client.forget(session)
        finally:
            await client.close()

    async def _open(self) -> AmqpClient:
        from node.adapters.datasources.amqp.session import AmqpClient

        failure = DataSourceUnreachable(
            "the broker cannot be reached: its name is unknown", remedy="check the address"
        )
        # Resolved and checked here, and dialled by number: the name cannot lead elsewhere in between.
        for address in await self._egress.addresses(self._place.host, self._place.port):
            client = AmqpClient(address, self._place, self._credentials.name, self._credentials.secret)
            try:
                await client.open()
            except DataSourceUnreachable as error:
                failure = error
            else:
                return client
        raise failure
