"""One connection to an MQTT broker, on aiomqtt: what comes is bounded, and acknowledged by whoever takes it.

The properties of the connection say how many messages the broker may send before they are acknowledged, and how large
a packet may be (MQTT 5 §3.1.2.11). Not all brokers keep to the first: with much that waits, nothing is read, and the
broker has to wait. One that does not keep to the second is left.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from node.datasources.brokers.model import MOST_PAYLOAD, Message, OutgoingMessage
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, DataSourceUnreachable, SinkRefuses

_SECONDS: Final = 5.0
"""For each step of a connection."""
_KEEP_ALIVE: Final = 30
_UNACKNOWLEDGED: Final = 32
"""Messages that a broker may send before they are acknowledged."""
_PACKET: Final = 2 * MOST_PAYLOAD
"""Bytes of one packet. Messages above ``MOST_PAYLOAD`` are taken as faults, and larger ones than this not at all."""
_WAITING: Final = 1000
_WAITING_BYTES: Final = 8 << 20
"""With so many messages or bytes that wait, nothing more is read: some brokers send all that they have kept."""
_AT_ONCE: Final = 500
_LOOK: Final = 0.05
_EXPIRY: Final = 7 * 86400
"""Seconds for which a broker keeps a session without a connection."""
_FAILURE: Final = 0x80
_TOO_LARGE: Final = 0x95
_CREDENTIALS: Final = frozenset((0x86, 0x87, 4, 5))
"""Codes by which brokers refuse a user (MQTT 5 §3.2.2.2, MQTT 3.1.1 §3.2.2.3)."""


_LOG: Final = logging.getLogger("hansa.mqtt")
_LOG.setLevel(logging.CRITICAL)
# Whoever listens says why a connection ended; the libraries would say it again, several times.
logging.getLogger("paho.mqtt.client").setLevel(logging.CRITICAL)


class _TooMuch(Exception):
    """The broker sends more than it may."""


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Messages that wait, with their size."""

    size = 0

    @property
    def is_full(self) -> bool:
        """Return whether nothing more is read until some are taken."""
        return self.qsize() >= _WAITING or self.size >= _WAITING_BYTES

    def put_nowait(self, item: aiomqtt.Message) -> None:
        super().put_nowait(item)
        self.size += len(item.payload)

    def get_nowait(self) -> aiomqtt.Message:
        item = super().get_nowait()
        self.size -= len(item.payload)
        return item


class _NamedContext(ssl.SSLContext):
    """TLS with the broker of a name, which is dialled by its address."""

    name = ""
    socket: ssl.SSLSocket | None = None
    """The last one, which the library leaves open if the other side does not convince it."""

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        self.socket = super().wrap_socket(*args, **{**options, "server_hostname": self.name})
        return self.socket


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSetup:
    """The words of a client to its broker. ``session`` names a lasting session; with ``is_clean`` an earlier one of
    this name ends, and the new one ends with the connection."""

    host: str
    port: int
    is_secure: bool
    user: str
    password: str = field(repr=False)
    version: str
    session: str
    is_clean: bool

    @property
    def is_current(self) -> bool:
        """Return whether the protocol is MQTT 5."""
        return self.version == "5"


class MqttClient(aiomqtt.Client):
    """A client that is dialled at ``address``. Messages are acknowledged by ``acknowledge`` only."""

    def __init__(self, address: str, setup: ClientSetup) -> None:
        self._tls = _tls(setup.host) if setup.is_secure else None
        super().__init__(
            address,
            setup.port,
            username=setup.user or None,
            password=setup.password or None,
            logger=_LOG,
            identifier=f"hansa{setup.session}" if setup.session else ("" if setup.is_current else None),
            queue_type=_Inbox,
            protocol=aiomqtt.ProtocolVersion.V5 if setup.is_current else aiomqtt.ProtocolVersion.V311,
            clean_session=None if setup.is_current else setup.is_clean,
            # The earlier version states it as ``clean_session``; this value means that nothing is stated.
            clean_start=setup.is_clean if setup.is_current else MQTT_CLEAN_START_FIRST_ONLY,
            timeout=_SECONDS,
            keepalive=_KEEP_ALIVE,
            properties=_properties(setup) if setup.is_current else None,
            tls_context=self._tls,
        )
        self._is_current = setup.is_current
        self._is_paused = False
        self._answer = 0
        self._granting: asyncio.Task[bool] | None = None
        self._client.connect_timeout = _SECONDS
        self._client.manual_ack_set(True)
        # The library has no bound for a packet, which may announce 256 MB.
        read = self._client._packet_read

        def read_bounded() -> MQTTErrorCode:
            code = read()
            if self._client._in_packet["remaining_length"] > _PACKET + 1024:
                raise _TooMuch
            return code

        setattr(self._client, "_packet_read", read_bounded)  # noqa: B010 - a method, replaced for this object

    async def open(self) -> None:
        """Connect. Raises ``DataSourceUnreachable``."""
        connecting = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(lambda _: self.close())
            raise
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            self.close()
            raise _failure(error) from error

    async def subscribe_to(self, topic: str) -> None:
        """Subscribe with QoS 1. Raises ``DataSourceUnreachable``, or ``take`` does: a broker may send all that it has
        kept before it answers, and the answer is not waited for then."""
        granting = self._granting = asyncio.create_task(self._subscribe(topic))
        try:
            async with asyncio.timeout(_SECONDS):
                while not granting.done() and self._inbox.empty():
                    await asyncio.wait([granting], timeout=_LOOK)
        except TimeoutError as error:
            raise DataSourceSlow("the broker did not answer in time", remedy="check its load") from error
        if granting.done():
            granting.result()

    async def _subscribe(self, topic: str) -> bool:
        """Return whether the broker repeats what is not acknowledged."""
        try:
            if self._is_current:
                # What a broker retains comes with a new subscription only.
                options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
                codes = await self.subscribe(topic, options=options, timeout=math.inf)
            else:
                codes = await self.subscribe(topic, qos=1, timeout=math.inf)
        except aiomqtt.MqttError as error:
            raise _failure(error) from error
        code = _number(codes[0])
        if code >= _FAILURE:
            raise DataSourceRefuses(
                "the broker refuses the subscription to this topic", remedy="check the rights of the user of the node"
            )
        return code >= 1

    @property
    def is_lasting(self) -> bool:
        """Return whether the broker repeats what is not acknowledged; so it does until it says otherwise."""
        granting = self._granting
        return granting is None or not granting.done() or granting.cancelled() or granting.result()

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that it may forget a message."""
        self._client.ack(message.mid, message.qos)

    async def take(self) -> list[aiomqtt.Message]:
        """Wait for messages, and return those that are there. Raises ``DataSourceUnreachable``."""
        if self._granting is not None and self._granting.done():
            self._granting.result()
        try:
            batch = [await anext(aiter(self.messages))]
        except aiomqtt.MqttError as error:
            raise _failure(error.__cause__ or error) from error
        while len(batch) < _AT_ONCE and not self._inbox.empty():
            batch.append(self._inbox.get_nowait())
        if self._is_paused and not self._inbox.is_full:
            self._is_paused = False
            self._loop.call_soon(self._begin_reading, self._client.socket())
        return batch

    async def send(self, topic: str, message: OutgoingMessage) -> None:
        """Publish a message with QoS 1, and wait until the broker has it. An earlier version of the protocol than
        MQTT 5 has no room for its type and properties, and no word for a refusal. Raises ``DataSourceUnreachable``,
        ``SinkRefuses``."""
        properties: Any = None
        if self._is_current:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = message.media_type
            properties.UserProperty = list(message.properties.items())
        try:
            await self.publish(topic, message.body, qos=1, properties=properties, timeout=_SECONDS)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise _failure(error.__cause__ or error) from error
        if self._answer == _TOO_LARGE:
            raise SinkRefuses("the message is larger than the broker takes", remedy="raise its limit")
        if self._answer >= _FAILURE:
            raise DataSourceRefuses(
                "the broker refuses messages for this topic", remedy="check the rights of the user of the node"
            )

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        """Keep what the broker says of a message (MQTT 5 §3.4.2.1), which the library passes over."""
        self._answer = _number(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def close(self) -> None:
        """End the connection, whatever its state."""
        if self._granting is not None:
            self._granting.cancel()
            self._granting.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self._client.socket() is not None:
            self._client.disconnect()
        if self._client.socket() is not None:
            self._client._sock_close()
        if self._tls is not None and self._tls.socket is not None:
            self._tls.socket.close()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()
        if self._lock.locked():
            self._lock.release()

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        """Read from the socket, once the library has connected it in a thread."""

        def begin() -> None:
            self._misc_task = self._loop.create_task(self._misc_loop())
            self._begin_reading(sock)

        self._loop.call_soon_threadsafe(begin)

    def _begin_reading(self, sock: Any) -> None:
        number = -1 if sock is None else sock.fileno()
        if number > -1 and self._client.socket() is sock:
            self._loop.add_reader(number, self._read)
            self._read()

    def _read(self) -> None:
        """Read what is there, until too much waits: then the broker has to wait."""
        try:
            while True:
                sock = self._client.socket()
                if sock is None:
                    return
                if self._inbox.is_full:
                    self._loop.remove_reader(sock.fileno())
                    self._is_paused = True
                    return
                self._client.loop_read()
                # TLS may have deciphered more than one packet: the socket is not readable again because of it.
                if self._tls is None or self._client.socket() is not sock or not _has_more(sock):
                    return
        except Exception as error:  # noqa: BLE001 - of whatever kind, it ends the connection
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Write when the socket can take more, unless it is closed by then: its number may be another's."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 - of whatever kind, it ends the connection
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def begin() -> None:
            if client.socket() is sock and sock.fileno() > -1:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(begin)

    @property
    def _inbox(self) -> _Inbox:
        assert isinstance(self._queue, _Inbox)
        return self._queue


class MqttSession:
    """``node.datasources.brokers.ports.MessageSession`` of one client."""

    def __init__(self, client: MqttClient) -> None:
        self._client = client

    @property
    def is_lasting(self) -> bool:
        return self._client.is_lasting

    async def messages(self) -> Sequence[Message]:
        return [
            Message(topic=message.topic.value, payload=bytes(message.payload), receipt=message)
            for message in await self._client.take()
        ]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._client.acknowledge(message.receipt)


def _properties(setup: ClientSetup) -> Any:
    properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0 if setup.is_clean else _EXPIRY
    properties.ReceiveMaximum = _UNACKNOWLEDGED
    properties.MaximumPacketSize = _PACKET
    return properties


def _tls(name: str) -> _NamedContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    context.name = name
    return context


def _has_more(sock: Any) -> bool:
    """Return whether TLS has deciphered bytes that were not read yet."""
    return int(sock.pending()) > 0


def _number(code: Any) -> int:
    """Return a reason code as the number that the protocol has for it."""
    return int(getattr(code, "value", code) or 0)


def _failure(error: BaseException) -> DataSourceUnreachable:
    """Return the error in words, without address and user."""
    if isinstance(error, _TooMuch):
        return DataSourceUnreachable(
            "the broker sends a larger message than it may", remedy="let it send smaller ones"
        )
    if isinstance(error, aiomqtt.MqttCodeError):
        code = _number(error.rc)
        if isinstance(error, MqttConnectError) and code in _CREDENTIALS:
            return DataSourceRefuses(
                "the broker refuses the credentials of this node", remedy="give it new ones: hansa source add"
            )
        if isinstance(error, MqttConnectError):
            return DataSourceUnreachable(
                f"the broker refuses the connection: {str(error).partition('] ')[2][:100]}",
                remedy="if it speaks MQTT 3.1.1 only: hansa source add … --option version=3.1.1",
            )
        return DataSourceUnreachable("the broker ended the connection", remedy="the node connects again by itself")
    if "timed out" in str(error):
        return DataSourceSlow("the broker did not answer in time", remedy="check the address and the port")
    if "certificate" in str(error):
        return DataSourceUnreachable(
            "the certificate of the broker is not valid here", remedy="check its name, its date and who issued it"
        )
    return DataSourceUnreachable("the broker cannot be reached", remedy="check the address and the port")
