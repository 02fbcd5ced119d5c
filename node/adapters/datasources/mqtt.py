"""MQTT brokers as data sources: streams subscribe to their topics, with QoS 1 and a lasting session.

The broker is dialled by an address that the rules of all outgoing requests allow, and over TLS unless it is this
machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from node.adapters.egress.client import Egress
from node.base.errors import ForbiddenAddress, InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Scheme, Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question

if TYPE_CHECKING:
    # Loaded with the first connection.
    from node.adapters.datasources.mqtt_session import MqttClient, MqttSession

VERSION: Final = "version"
"""The option for brokers that speak an earlier version of the protocol only."""
_VERSIONS: Final = ("5", "3.1.1")
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_LONGEST_TOPIC: Final = 1000


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    is_secure: bool


class MqttConnector:
    """``node.datasources.ports.Connector`` for MQTT brokers."""

    kind = "mqtt"
    options: tuple[str, ...] = (VERSION,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        place = _place(setup.address)
        self._egress.check_host(place.host)
        if not place.is_secure and not self._egress.is_loopback(place.host):
            raise ForbiddenAddress("passwords and messages would be sent in the clear", remedy="use mqtts://")
        if setup.credentials.scheme not in (Scheme.NONE, Scheme.BASIC):
            raise InvalidInput("a broker takes a user and a password", remedy="give them: --user NAME")
        if setup.options.get(VERSION, _VERSIONS[0]) not in _VERSIONS:
            raise InvalidInput("there is no such version of MQTT", remedy=f"one of: {', '.join(_VERSIONS)}")
        return MqttConnection(self._egress, place, setup)


class MqttConnection:
    """A connection to a broker (``node.datasources.brokers.ports.MessageConnection``)."""

    def __init__(self, egress: Egress, place: _Place, setup: Setup) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials
        self._version = setup.options.get(VERSION, _VERSIONS[0])

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
        """Raise ``InvalidInput`` unless ``topic`` is a topic filter (MQTT 5 §4.7)."""
        levels = topic.split("/")
        wrong = (
            not topic
            or not topic.isprintable()
            or len(topic.encode("utf-8", "replace")) > _LONGEST_TOPIC
            or "#" in levels[:-1]
            or any(mark in level and level != mark for level in levels for mark in "#+")
            or levels[0] == "$share"
        )
        if wrong:
            raise InvalidInput(
                f"{topic[:80]!r} is no topic of a broker", remedy="such as city/counters/+ or city/counters/#"
            )

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[MqttSession]:
        from node.adapters.datasources.mqtt_session import MqttSession

        client = await self._open(session)
        try:
            if topic:
                await client.subscribe_to(topic)
            yield MqttSession(client)
        finally:
            client.close()

    async def forget(self, session: str) -> None:
        client = await self._open(session, clean=True)
        client.close()

    async def _open(self, session: str, *, clean: bool = False) -> MqttClient:
        from node.adapters.datasources.mqtt_session import ClientSetup, MqttClient

        place = self._place
        setup = ClientSetup(
            host=place.host,
            port=place.port,
            is_secure=place.is_secure,
            user=self._credentials.name,
            password=self._credentials.secret,
            version=self._version,
            session=session,
            is_clean=clean or not session,
        )
        failure = DataSourceUnreachable(
            "the broker cannot be reached: its name is unknown", remedy="check the address"
        )
        # Resolved and checked here, and dialled by number: the name cannot lead elsewhere in between.
        for address in await self._egress.addresses(place.host, place.port):
            client = MqttClient(address, setup)
            try:
                await client.open()
            except DataSourceUnreachable as error:
                failure = error
            else:
                return client
        raise failure


def _place(address: str) -> _Place:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if not host or not port or parts.scheme not in _PORTS or parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidInput("this is no address of a broker", remedy="such as mqtts://broker.example:8883")
    if "@" in parts.netloc:
        raise InvalidInput("the address has a user or a password in it", remedy="give them apart: --user NAME")
    return _Place(host, port, parts.scheme == "mqtts")
