"""A Kafka cluster: the brokers that it names, each dialled only where this node may, and what is asked of them.

Whoever answers first says where the other brokers are. These addresses are foreign input like any other: each is
checked by the rules of all outgoing requests before it is dialled, so a broker cannot lead the node, or its password,
into a private network or to this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import errors
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest

from node.adapters.datasources.brokers.kafka.failures import broker_answers, failure, failure_of_code
from node.adapters.datasources.brokers.kafka.link import KafkaLink, Login
from node.adapters.datasources.brokers.kafka.place import KafkaPlace
from node.adapters.datasources.brokers.places import dial
from node.adapters.egress.client import Egress
from node.base.errors import ForbiddenAddress, PeerUnreachable
from node.datasources.errors import DataSourceUnreachable

MOST_PARTITIONS: Final = 1000
MOST_LEADERS: Final = 16
"""Brokers that a topic may be spread over: each may send an answer of ``ANSWER_BYTES`` at a time."""
_LISTED: Final = 1000
_HIGHEST_PORT: Final = 0xFFFF
_GROUP: Final = 0
_NONE: Final = -1


class KafkaCluster:
    """Connections to the brokers of a cluster, each made when it is needed."""

    def __init__(self, egress: Egress, place: KafkaPlace, login: Login) -> None:
        self._egress = egress
        self._place = place
        self._login = login
        self._addresses: dict[int, tuple[str, int]] = {}
        self._links: dict[tuple[str, int], KafkaLink] = {}
        self._lock = asyncio.Lock()
        self._first: tuple[str, int] | None = None
        self._coordinators: dict[str, int] = {}

    async def open(self) -> None:
        """Connect to the first broker of the address that answers, and learn of the others. Raises
        ``DataSourceUnreachable``, ``ForbiddenAddress``, ``PeerUnreachable``."""
        problem: DataSourceUnreachable | PeerUnreachable = DataSourceUnreachable("no broker is named")
        for host, port in self._place.brokers:
            try:
                await self._link(host, port)
                self._first = (host, port)
                await self._describe([])
            except (DataSourceUnreachable, PeerUnreachable) as error:
                problem = error
            else:
                return
        raise problem

    async def leaders(self, topic: str) -> Mapping[int, int]:
        """Return the broker that leads each partition of a topic. Raises the errors of ``open``."""
        metadata = await self._describe([topic])
        with broker_answers():
            answers = [(code, partitions) for code, name, *_, partitions in metadata.topics if name == topic]
        for code, partitions in answers:
            if code:
                raise failure_of_code(code)
            with broker_answers():
                leaders = {int(partition[1]): int(partition[2]) for partition in partitions}
            if len(leaders) > MOST_PARTITIONS or len(set(leaders.values())) > MOST_LEADERS:
                raise DataSourceUnreachable(
                    f"the topic has more than {MOST_PARTITIONS} partitions, or is spread over more than "
                    f"{MOST_LEADERS} brokers",
                    remedy="copy what is needed into a smaller topic",
                )
            if leaders and _NONE not in leaders.values():
                return leaders
        raise failure_of_code(int(errors.LeaderNotAvailableError.errno))

    async def coordinator(self, group: str) -> int:
        """Return the broker that keeps the offsets of a group. Raises the errors of ``open``."""
        if group not in self._coordinators:
            answer = await self._ask_any(FindCoordinatorRequest(group, _GROUP))
            if answer.error_code:
                raise failure_of_code(answer.error_code)
            self._learn([(answer.coordinator_id, answer.host, answer.port)])
            self._coordinators[group] = int(answer.coordinator_id)
        return self._coordinators[group]

    async def ask(self, broker: int, request: Any) -> Any:
        """Return the answer of a broker to a request. Raises the errors of ``open``."""
        address = self._addresses.get(broker)
        if address is None:
            raise DataSourceUnreachable(
                "the broker names another one whose address it does not tell",
                remedy="the node connects again by itself",
            )
        return await self._ask(await self._link(*address), request)

    async def close(self) -> None:
        """End all connections."""
        links, self._links = list(self._links.values()), {}
        for link in links:
            await link.end()

    async def _describe(self, topics: list[str]) -> Any:
        metadata = await self._ask_any(MetadataRequest(topics, allow_auto_topic_creation=False))
        with broker_answers():
            self._learn([(broker[0], broker[1], broker[2]) for broker in metadata.brokers])
        return metadata

    async def _ask_any(self, request: Any) -> Any:
        """Ask a broker that there is a connection to."""
        for link in list(self._links.values()):
            if link.connected():
                return await self._ask(link, request)
        if self._first is None:
            raise DataSourceUnreachable("the broker ended the connection", remedy="the node connects again by itself")
        return await self._ask(await self._link(*self._first), request)

    @staticmethod
    async def _ask(link: KafkaLink, request: Any) -> Any:
        try:
            return await link.send(request)
        except Exception as error:
            raise failure(link.fault or error) from error

    def _learn(self, brokers: list[tuple[int, str, int]]) -> None:
        if len(brokers) + len(self._addresses) > 2 * _LISTED:
            raise DataSourceUnreachable("the broker names too many others", remedy="check the address")
        for number, host, port in brokers:
            self._addresses[number] = (str(host), port)

    async def _link(self, host: str, port: int) -> KafkaLink:
        """Return the connection to a broker; a new one if there is none."""
        async with self._lock:
            link = self._links.get((host, port))
            if link is not None and link.connected():
                return link
            if link is not None:
                await link.end()
            if not self._login.is_secure and not self._egress.is_loopback(host):
                raise ForbiddenAddress(
                    "the broker sends the node to an address to which passwords would be sent in the clear",
                    remedy="check advertised.listeners of the broker, and use kafkas://",
                )
            if not 0 < port <= _HIGHEST_PORT:
                raise DataSourceUnreachable("the broker names a port that there is not", remedy="check the broker")
            try:
                link = await dial(self._egress, host, port, lambda address: self._connect(address, host, port))
            except ForbiddenAddress as error:
                if (host, port) in self._place.brokers:
                    raise
                raise ForbiddenAddress(
                    "the broker sends the node to an address to which it does not connect",
                    remedy="check advertised.listeners of the brokers: it has their public addresses",
                ) from error
            self._links[host, port] = link
            return link

    async def _connect(self, address: str, host: str, port: int) -> KafkaLink:
        link = KafkaLink(address, host, port, self._login)
        try:
            await link.connect()
        except Exception as error:
            raise failure(link.fault or error) from error
        return link
