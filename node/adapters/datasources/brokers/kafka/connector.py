"""Kafka as a data source: streams take the messages of its topics, and the cluster keeps the place of each stream.

Each broker is dialled by an address that the rules of all outgoing requests allow, and over TLS unless it is this
machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from node.adapters.datasources.brokers.connection import BrokerConnection
from node.adapters.datasources.brokers.kafka.place import EXAMPLE, KafkaPlace, check_topic, read_cluster
from node.adapters.datasources.brokers.places import BrokerPlace, check_broker
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.model import Setup
from node.datasources.ports import DataConnection

if TYPE_CHECKING:
    # Loaded with the first connection.
    from node.adapters.datasources.brokers.kafka.cluster import KafkaCluster
    from node.adapters.datasources.brokers.kafka.publisher import KafkaTopic
    from node.adapters.datasources.brokers.kafka.session import KafkaSession

START: Final = "start"
"""The option that says where a new subscription begins."""
SASL: Final = "sasl"
"""The option for the way to sign in."""
_MECHANISMS: Final = ("plain", "scram-sha-256", "scram-sha-512")
_STARTS: Final = ("new", "oldest")
_TRIES: Final = 10
_PAUSE: Final = 0.5


class KafkaConnector:
    """``node.datasources.ports.Connector`` for Kafka."""

    kind = "kafka"
    options: tuple[str, ...] = (START, SASL)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        place = read_cluster(setup.address)
        if place.path:
            raise InvalidInput("the address of Kafka has no path", remedy=f"such as {EXAMPLE}")
        for host, port in place.brokers:
            broker = BrokerPlace(host, port, place.is_secure, "")
            check_broker(self._egress, broker, setup.credentials, secure_scheme="kafkas")
        if setup.options.get(START, _STARTS[0]) not in _STARTS:
            raise InvalidInput("a subscription does not begin there", remedy=f"one of: {', '.join(_STARTS)}")
        if setup.options.get(SASL, _MECHANISMS[0]) not in _MECHANISMS:
            raise InvalidInput("this is no way to sign in", remedy=f"one of: {', '.join(_MECHANISMS)}")
        return KafkaConnection(self._egress, place, setup)


class KafkaConnection(BrokerConnection):
    """A connection to a cluster (``node.datasources.brokers.ports``: ``MessageConnection``, ``EventConnection``)."""

    def __init__(self, egress: Egress, place: KafkaPlace, setup: Setup) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials
        self._mechanism = setup.options.get(SASL, _MECHANISMS[0])
        self._is_from_oldest = setup.options.get(START) == _STARTS[1]

    def check_topic(self, topic: str) -> None:
        check_topic(topic)

    def check_destination(self, topic: str) -> None:
        check_topic(topic)

    async def publish(self, topic: str, message: OutgoingMessage) -> None:
        async with self.open_topic(topic) as session:
            await session.send([message])

    @asynccontextmanager
    async def open_topic(self, topic: str) -> AsyncIterator[KafkaTopic]:
        from node.adapters.datasources.brokers.kafka.publisher import KafkaTopic

        cluster = self._cluster()
        try:
            await cluster.open()
            yield KafkaTopic(cluster, topic)
        finally:
            await cluster.close()

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[KafkaSession]:
        from node.adapters.datasources.brokers.kafka.session import KafkaSession

        cluster = self._cluster()
        try:
            await cluster.open()
            group = f"hansa.{session}" if session else ""
            leaders, places = await self._begin(cluster, group, topic) if topic else ({}, {})
            reader = KafkaSession(cluster, topic, group, leaders, places)
            try:
                yield reader
                await reader.settle()
            finally:
                await reader.close()
        finally:
            await cluster.close()

    async def forget(self, session: str) -> None:
        from node.adapters.datasources.brokers.kafka import offsets

        cluster = self._cluster()
        try:
            await cluster.open()
            await offsets.forget(cluster, f"hansa.{session}")
        finally:
            await cluster.close()

    async def _begin(
        self, cluster: KafkaCluster, group: str, topic: str
    ) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """Return the leaders of partitions, and the places to read from. A cluster makes the topic of all groups when
        it is asked for the first one, and has no answer meanwhile."""
        from node.adapters.datasources.brokers.kafka.failures import BrokersChangeRoles

        tries = 0
        while True:
            try:
                leaders = await cluster.leaders(topic)
                return leaders, await self._places(cluster, group, topic, leaders)
            except BrokersChangeRoles:
                tries += 1
                if tries == _TRIES:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _places(
        self, cluster: KafkaCluster, group: str, topic: str, leaders: Mapping[int, int]
    ) -> Mapping[int, int]:
        """Return the places to read from. Those of a new group are kept at once: what comes before the first
        acknowledgement is not lost either."""
        from node.adapters.datasources.brokers.kafka import offsets

        if not group:
            return await offsets.ends(cluster, topic, leaders, leaders, offsets.LATEST)
        places = await offsets.places_of_group(cluster, group, topic, leaders)
        fresh = [partition for partition in leaders if partition not in places]
        if not fresh:
            return places
        # Of a partition that was added meanwhile, all messages are new.
        which = offsets.EARLIEST if places or self._is_from_oldest else offsets.LATEST
        beginnings = await offsets.ends(cluster, topic, leaders, fresh, which)
        await offsets.keep_places(cluster, group, topic, beginnings)
        return {**places, **beginnings}

    def _cluster(self) -> KafkaCluster:
        from node.adapters.datasources.brokers.kafka.cluster import KafkaCluster
        from node.adapters.datasources.brokers.kafka.link import MECHANISMS, Login

        login = Login(
            is_secure=self._place.is_secure,
            user=self._credentials.name,
            password=self._credentials.secret,
            mechanism=MECHANISMS[self._mechanism],
        )
        return KafkaCluster(self._egress, self._place, login)
