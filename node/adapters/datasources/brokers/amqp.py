"""AMQP brokers as data sources: streams take the messages of an exchange or of a queue, and acknowledge them.

The broker is dialled by an address that the rules of all outgoing requests allow, and over TLS unless it is this
machine.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from node.adapters.datasources.brokers.connection import BrokerConnection
from node.adapters.datasources.brokers.places import BrokerPlace, check_broker, dial, read_place
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput
from node.datasources.model import Setup
from node.datasources.ports import DataConnection

if TYPE_CHECKING:
    # Loaded with the first connection.
    from node.adapters.datasources.brokers.amqp_session import AmqpClient, AmqpSession

_PORTS: Final = {"amqp": 5672, "amqps": 5671}
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
        place = read_place(setup.address, _PORTS, example="amqps://broker.example:5671, or with /VIRTUAL-HOST")
        if "/" in place.path[:-1]:
            raise InvalidInput("a virtual host has no path below it", remedy="such as amqps://broker.example/city")
        check_broker(self._egress, place, setup.credentials, secure_scheme="amqps")
        return AmqpConnection(self._egress, place, setup)


class AmqpConnection(BrokerConnection):
    """A connection to a broker (``node.datasources.brokers.ports.MessageConnection``).

    A topic is an exchange with a routing key, such as ``amq.topic/city.counters.*``, or the name of a queue that is
    there. The node makes a queue of its own for an exchange.
    """

    def __init__(self, egress: Egress, place: BrokerPlace, setup: Setup) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials

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
        from node.adapters.datasources.brokers.amqp_session import AmqpSession

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
        from node.adapters.datasources.brokers.amqp_session import AmqpClient

        async def connect(address: str) -> AmqpClient:
            client = AmqpClient(address, self._place, self._credentials.name, self._credentials.secret)
            await client.open()
            return client

        return await dial(self._egress, self._place.host, self._place.port, connect)
