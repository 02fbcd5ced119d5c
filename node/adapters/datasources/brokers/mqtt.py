"""MQTT brokers as data sources: streams subscribe to their topics, with QoS 1 and a lasting session.

The broker is dialled by an address that the rules of all outgoing requests allow, and over TLS unless it is this
machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from node.adapters.datasources.brokers.connection import BrokerConnection
from node.adapters.datasources.brokers.places import BrokerPlace, check_broker, dial, read_place
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.model import Setup
from node.datasources.ports import DataConnection

if TYPE_CHECKING:
    # Loaded with the first connection.
    from node.adapters.datasources.brokers.mqtt_session import MqttClient, MqttSession

VERSION: Final = "version"
"""The option for brokers that speak an earlier version of the protocol only."""
_VERSIONS: Final = ("5", "3.1.1")
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_LONGEST_TOPIC: Final = 1000


class MqttConnector:
    """``node.datasources.ports.Connector`` for MQTT brokers."""

    kind = "mqtt"
    options: tuple[str, ...] = (VERSION,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        place = read_place(setup.address, _PORTS, example="mqtts://broker.example:8883")
        if place.path.strip("/"):
            raise InvalidInput(
                "this is no address of a broker: it has a path", remedy="such as mqtts://broker.example:8883"
            )
        check_broker(self._egress, place, setup.credentials, secure_scheme="mqtts")
        if setup.options.get(VERSION, _VERSIONS[0]) not in _VERSIONS:
            raise InvalidInput("there is no such version of MQTT", remedy=f"one of: {', '.join(_VERSIONS)}")
        return MqttConnection(self._egress, place, setup)


class MqttConnection(BrokerConnection):
    """A connection to a broker (``node.datasources.brokers.ports``: ``MessageConnection``, ``EventConnection``)."""

    def __init__(self, egress: Egress, place: BrokerPlace, setup: Setup) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials
        self._version = setup.options.get(VERSION, _VERSIONS[0])

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

    def check_destination(self, topic: str) -> None:
        """Raise ``InvalidInput`` unless ``topic`` is the name of a topic (MQTT 5 §4.7)."""
        self.check_topic(topic)
        if set(topic) & set("#+") or topic.startswith("$"):
            raise InvalidInput(
                f"{topic[:80]!r} is no topic to send to", remedy="one topic, such as city/events, without # and +"
            )

    async def publish(self, topic: str, message: OutgoingMessage) -> None:
        client = await self._open("")
        try:
            await client.send(topic, message)
        finally:
            client.close()

    @asynccontextmanager
    async def open_topic(self, topic: str) -> AsyncIterator[MqttTopic]:
        client = await self._open("")
        try:
            yield MqttTopic(client, topic)
        finally:
            client.close()

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[MqttSession]:
        from node.adapters.datasources.brokers.mqtt_session import MqttSession

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
        from node.adapters.datasources.brokers.mqtt_session import ClientSetup, MqttClient

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

        async def connect(address: str) -> MqttClient:
            client = MqttClient(address, setup)
            await client.open()
            return client

        return await dial(self._egress, place.host, place.port, connect)


class MqttTopic:
    """A topic to which messages are sent over one connection (``node.datasources.brokers.ports.EventSession``)."""

    def __init__(self, client: MqttClient, topic: str) -> None:
        self._client = client
        self._topic = topic

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        for message in messages:
            await self._client.send(self._topic, message)
