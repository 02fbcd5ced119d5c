"""One connection to an AMQP broker, on aiormq: what comes is bounded, and acknowledged by whoever takes it.

The broker is told how many messages it may send before they are acknowledged (AMQP 0-9-1, basic.qos). With much that
waits, nothing more is read, whatever the broker does; one that announces a larger frame or message than it may is
left. The library has no such bounds.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Any, Final

import aiormq
from aiormq.connection import TransportFactory
from yarl import URL

from node.adapters.datasources.brokers.places import BrokerPlace
from node.datasources.brokers.model import MOST_PAYLOAD, Message
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, DataSourceUnreachable

_SECONDS: Final = 5.0
"""For each step of a connection."""
_HEARTBEAT: Final = 30
_UNACKNOWLEDGED: Final = 500
"""Messages that a broker may send before they are acknowledged."""
_FRAME: Final = 1 << 20
_BODY: Final = 16 << 20
"""Bytes of one message. Messages above ``MOST_PAYLOAD`` are taken as faults; a broker of larger ones is left."""
_WAITING_BYTES: Final = 8 << 20
_AT_ONCE: Final = 500
_EXPIRY: Final = 7 * 86400 * 1000
"""Milliseconds for which a broker keeps a queue of the node without a connection."""
_HEADER: Final = 2
_DENIED: Final = 403

for _name in ("aiormq", "aiormq.connection", "aiormq.channel"):
    # Whoever listens says why a connection ended; the library would say it again, with the address.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class _BoundedReader(asyncio.StreamReader):
    """Reads frames of a broker, as long as not too much waits."""

    def __init__(self) -> None:
        super().__init__(limit=_FRAME)
        self.room = asyncio.Event()
        self.room.set()
        self.has_excess = False
        self._kind = 0

    async def readexactly(self, n: int) -> bytes:
        """Return ``n`` bytes: the type of a frame, the rest of its head, or its content with the end. Raises
        ``ConnectionError`` for more than a broker may send."""
        if n == 1:
            await self.room.wait()
        if n > _FRAME + 1:
            self.has_excess = True
            raise ConnectionError("a frame is too large")
        content = await super().readexactly(n)
        if n == 1:
            self._kind = content[0]
        elif n > 12 and self._kind == _HEADER and int.from_bytes(content[4:12]) > _BODY:
            self.has_excess = True
            raise ConnectionError("a message is too large")
        return content


class _Transport(TransportFactory):
    """Dials an address that was checked; TLS is with the name of the broker."""

    def __init__(self, address: str, place: BrokerPlace) -> None:
        self._address = address
        self._place = place
        self.reader: _BoundedReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **_more: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        del url
        loop = asyncio.get_running_loop()
        reader = self.reader = _BoundedReader()
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        is_secure = self._place.is_secure
        context = ssl.create_default_context() if is_secure else None
        if context is not None:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        transport, _ = await loop.create_connection(
            lambda: protocol,
            self._address,
            self._place.port,
            ssl=context,
            server_hostname=self._place.host if is_secure else None,
        )
        self.writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return reader, self.writer

    async def abort(self) -> None:
        """End the connection below: the library leaves it open if it was not made to its end."""
        if self.writer is not None:
            self.writer.transport.abort()
            await asyncio.wait([asyncio.ensure_future(self._wait_closed(self.writer))], timeout=_SECONDS)

    @staticmethod
    async def _wait_closed(writer: asyncio.StreamWriter) -> None:
        try:
            await writer.wait_closed()
        except OSError:
            return


class AmqpClient:
    """A client that is dialled at ``address``. Messages are acknowledged by ``acknowledge`` only."""

    def __init__(self, address: str, place: BrokerPlace, user: str, password: str) -> None:
        self._transport = _Transport(address, place)
        url = URL.build(
            scheme="amqp",
            host="broker",
            port=place.port,
            user=user or "guest",
            password=password or "guest",
            query={"heartbeat": str(_HEARTBEAT), "timeout": str(int(_SECONDS))},
        )
        self._connection = aiormq.Connection(url, transport_factory=self._transport)
        self._connection.vhost = place.path or "/"
        self._channel: Any = None
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._waiting = 0
        self._receipts: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect. Raises ``DataSourceUnreachable``."""
        try:
            async with asyncio.timeout(2 * _SECONDS):
                await self._connection.connect()
                self._channel = await self._connection.channel(publisher_confirms=False)
                await self._channel.basic_qos(prefetch_count=_UNACKNOWLEDGED)
        except Exception as error:
            await self.close()
            raise self._failure(error) from error

    async def consume(self, topic: str, session: str) -> None:
        """Take what comes for a queue that is there, or for an exchange and a routing key: then of a queue of the
        node, which stays for ``session`` while there is no connection. Raises ``DataSourceUnreachable``."""
        name, slash, key = topic.partition("/")
        try:
            async with asyncio.timeout(2 * _SECONDS):
                queue = name
                if slash:
                    queue = await self._own_queue(session)
                    await self._channel.queue_bind(queue, name, key)
                await self._channel.basic_consume(queue, self._put)
        except Exception as error:
            raise self._failure(error) from error

    async def forget(self, session: str) -> None:
        """Delete the queue of a session. Raises ``DataSourceUnreachable``."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._channel.queue_delete(_queue(session))
        except Exception as error:
            raise self._failure(error) from error

    async def take(self) -> list[Any]:
        """Wait for messages, and return those that are there. Raises ``DataSourceUnreachable``."""
        waiting = asyncio.ensure_future(self._inbox.get())
        try:
            await asyncio.wait(
                [waiting, self._connection.closing, self._channel.closing], return_when="FIRST_COMPLETED"
            )
            if not waiting.done():
                raise self._failure(self._reason())
            batch = [waiting.result()]
        finally:
            waiting.cancel()
        while len(batch) < _AT_ONCE and not self._inbox.empty():
            batch.append(self._inbox.get_nowait())
        self._waiting -= sum(len(message.body) for message in batch)
        if self._waiting < _WAITING_BYTES and self._transport.reader is not None:
            self._transport.reader.room.set()
        return batch

    def acknowledge(self, tag: int) -> None:
        """Tell the broker that it may forget the message of this number, and all before it."""
        receipt = asyncio.ensure_future(self._channel.basic_ack(tag, multiple=True))
        self._receipts.add(receipt)
        receipt.add_done_callback(self._forget_receipt)

    async def settle(self) -> None:
        """Wait until what was acknowledged is sent."""
        if self._receipts:
            await asyncio.wait(self._receipts, timeout=_SECONDS)

    async def close(self) -> None:
        """End the connection, whatever its state."""
        for receipt in self._receipts:
            receipt.cancel()
        if self._transport.reader is not None:
            self._transport.reader.room.set()
        try:
            async with asyncio.timeout(_SECONDS):
                await self._connection.close()
        except (TimeoutError, OSError, RuntimeError, aiormq.exceptions.AMQPError):
            logging.getLogger("hansa.brokers").debug("a connection to a broker did not end in order")
        await self._transport.abort()
        for closing in (self._connection.closing, getattr(self._channel, "closing", None)):
            if closing is not None and closing.done() and not closing.cancelled():
                closing.exception()

    async def _own_queue(self, session: str) -> str:
        if not session:
            answer = await self._channel.queue_declare("", exclusive=True, auto_delete=True)
            return str(answer.queue)
        await self._channel.queue_declare(_queue(session), durable=True, arguments={"x-expires": _EXPIRY})
        return _queue(session)

    def _put(self, message: Any) -> None:
        self._inbox.put_nowait(message)
        self._waiting += len(message.body)
        if self._waiting >= _WAITING_BYTES and self._transport.reader is not None:
            self._transport.reader.room.clear()

    def _forget_receipt(self, receipt: asyncio.Task[None]) -> None:
        self._receipts.discard(receipt)
        if not receipt.cancelled() and receipt.exception() is not None and not self._channel.closing.done():
            # What is not acknowledged comes again: with a connection that cannot say so, a new one begins.
            self._channel.closing.set_exception(receipt.exception())

    def _reason(self) -> BaseException:
        for closing in (self._channel.closing, self._connection.closing):
            if closing.done() and not closing.cancelled() and closing.exception() is not None:
                return closing.exception() or ConnectionError()
        return ConnectionError("the connection ended")

    def _failure(self, error: BaseException) -> DataSourceUnreachable:
        """Return the error in words, without address and user."""
        reader = self._transport.reader
        if reader is not None and reader.has_excess:
            return DataSourceUnreachable(
                f"the broker sends a message of more than {_BODY >> 20} MB", remedy="let it send smaller ones"
            )
        return _words(error)


class AmqpSession:
    """``node.datasources.brokers.ports.MessageSession`` of one client."""

    def __init__(self, client: AmqpClient) -> None:
        self._client = client

    @property
    def is_lasting(self) -> bool:
        return True  # A queue keeps what is not acknowledged: this is no choice of the broker's.

    async def messages(self) -> Sequence[Message]:
        return [
            Message(topic=_topic(message), payload=bytes(message.body[: MOST_PAYLOAD + 1]), receipt=message)
            for message in await self._client.take()
        ]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        if messages:
            self._client.acknowledge(max(message.receipt.delivery.delivery_tag for message in messages))


def _topic(message: Any) -> str:
    """Return exchange and words of the routing key as levels, as those of other brokers."""
    return "/".join([message.delivery.exchange or "", *message.delivery.routing_key.split(".")]).strip("/")


def _queue(session: str) -> str:
    return f"hansa.{session}"


def _words(error: BaseException) -> DataSourceUnreachable:
    exceptions = aiormq.exceptions
    refusals = (exceptions.AuthenticationError, exceptions.ProbableAuthenticationError)
    if isinstance(error, refusals) or (isinstance(error, exceptions.ConnectionClosed) and _DENIED in error.args):
        return DataSourceRefuses(
            "the broker refuses the credentials of this node", remedy="give it new ones: hansa source add"
        )
    if isinstance(error, exceptions.ChannelAccessRefused):
        return DataSourceRefuses(
            "the broker refuses this topic to the user of the node",
            remedy="let it read the exchange, and configure, write and read queues that begin with hansa., or name a "
            "queue that it may read",
        )
    if isinstance(error, exceptions.ChannelNotFoundEntity):
        return DataSourceRefuses(
            "the broker has no such exchange or queue", remedy="make it there, or correct the topic"
        )
    if isinstance(error, TimeoutError):
        return DataSourceSlow("the broker did not answer in time", remedy="check the address, the port and its load")
    if isinstance(error, ssl.SSLCertVerificationError):
        return DataSourceUnreachable(
            "the certificate of the broker is not valid here", remedy="check its name, its date and who issued it"
        )
    if isinstance(error, exceptions.ConnectionClosed):
        return DataSourceUnreachable("the broker ended the connection", remedy="the node connects again by itself")
    return DataSourceUnreachable("the broker cannot be reached", remedy="check the address and the port")
