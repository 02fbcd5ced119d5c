"""The places of a consumer group in the partitions of a topic, as the cluster keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.offset import OffsetRequest

from node.adapters.datasources.brokers.kafka.cluster import KafkaCluster
from node.adapters.datasources.brokers.kafka.failures import broker_answers, failure_of_code
from node.datasources.errors import DataSourceUnreachable

LATEST: Final = -1
EARLIEST: Final = -2
COMMITTED: Final = 1
"""Of transactions, only what was committed is read."""
_NO_MEMBER: Final = -1
_NO_REPLICA: Final = -1
_KEPT_AS_BROKER_SAYS: Final = -1
_NO_GROUP: Final = 69


async def ends(
    cluster: KafkaCluster, topic: str, leaders: Mapping[int, int], partitions: Iterable[int], which: int
) -> dict[int, int]:
    """Return the first (``EARLIEST``) or the next (``LATEST``) offset of partitions. Raises
    ``DataSourceUnreachable``, ``ForbiddenAddress``."""
    by_leader: dict[int, list[int]] = {}
    for partition in partitions:
        by_leader.setdefault(leaders[partition], []).append(partition)
    # Only what a transaction has committed counts as the end, as in what is read.
    answers = await asyncio.gather(
        *(
            cluster.ask(leader, OffsetRequest(_NO_REPLICA, COMMITTED, [(topic, [(part, which) for part in parts])]))
            for leader, parts in by_leader.items()
        )
    )
    offsets: dict[int, int] = {}
    for answer in answers:
        for partition, code, _, offset, *_ in _partitions(answer, topic):
            if code:
                raise failure_of_code(code)
            offsets[partition] = offset
    return _complete(offsets, [part for parts in by_leader.values() for part in parts])


async def places_of_group(cluster: KafkaCluster, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return the place of a group in each partition in which it has one. Raises the errors of ``ends``."""
    keeper = await cluster.coordinator(group)
    answer = await cluster.ask(keeper, OffsetFetchRequest(group, [(topic, list(partitions))]))
    if getattr(answer, "error_code", 0):
        raise failure_of_code(answer.error_code)
    offsets: dict[int, int] = {}
    for partition, offset, _, code in _partitions(answer, topic):
        if code:
            raise failure_of_code(code)
        if offset >= 0:
            offsets[partition] = offset
    return offsets


async def keep_places(cluster: KafkaCluster, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Set the place of a group in partitions. Raises the errors of ``ends``."""
    keeper = await cluster.coordinator(group)
    places = [(partition, offset, "") for partition, offset in offsets.items()]
    request = OffsetCommitRequest(group, _NO_MEMBER, "", _KEPT_AS_BROKER_SAYS, [(topic, places)])
    for _, code in _partitions(await cluster.ask(keeper, request), topic):
        if code:
            raise failure_of_code(code)


async def forget(cluster: KafkaCluster, group: str) -> None:
    """Remove a group with its places. Raises the errors of ``ends``."""
    keeper = await cluster.coordinator(group)
    for _, code in (await cluster.ask(keeper, DeleteGroupsRequest([group]))).results or ():
        if code and code != _NO_GROUP:
            raise failure_of_code(code)


def _partitions(answer: Any, topic: str) -> Iterable[Any]:
    with broker_answers():
        return [place for name, places in answer.topics if name == topic for place in places]


def _complete(offsets: dict[int, int], partitions: list[int]) -> dict[int, int]:
    if set(offsets) != set(partitions) or min(offsets.values(), default=0) < 0:
        raise DataSourceUnreachable(
            "the broker does not say where a partition ends", remedy="the node connects again by itself"
        )
    return offsets
