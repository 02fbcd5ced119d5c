"""Sends messages to a topic of Kafka, and waits until all replicas that have to have them do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from node.adapters.datasources.brokers.kafka.cluster import KafkaCluster
from node.adapters.datasources.brokers.kafka.failures import MESSAGE_TOO_LARGE, broker_answers, failure_of_code
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.errors import DataSourceUnreachable, SinkRefuses

_ALL_REPLICAS: Final = -1
_PATIENCE_MS: Final = 4000
_FORMAT: Final = 2
_ROOM: Final = 1 << 30
"""For the library, which would refuse a message above it: the broker decides."""
_CONTENT_TYPE: Final = "content-type"


class KafkaTopic:
    """A topic to which messages are sent (``node.datasources.brokers.ports.EventSession``)."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._leaders: Mapping[int, int] = {}

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        """Send messages to the partitions of their keys, as other producers choose them. Raises
        ``DataSourceUnreachable``, ``ForbiddenAddress``, and ``SinkRefuses`` if the topic takes none of this size."""
        self._leaders = self._leaders or await self._cluster.leaders(self._topic)
        partitions = sorted(self._leaders)
        batches: dict[int, list[OutgoingMessage]] = {}
        for message in messages:
            partition = partitions[(murmur2(message.key.encode()) & 0x7FFFFFFF) % len(partitions)]
            batches.setdefault(partition, []).append(message)
        for partition, batch in batches.items():
            await self._produce(partition, _records(batch))

    async def _produce(self, partition: int, records: bytes) -> None:
        batch = [(self._topic, [(partition, records)])]
        request = ProduceRequest(None, _ALL_REPLICAS, _PATIENCE_MS, batch)
        answer = await self._cluster.ask(self._leaders[partition], request)
        with broker_answers():
            codes = [entry[1] for name, entries in answer.topics if name == self._topic for entry in entries]
        if not codes:
            raise DataSourceUnreachable(
                "the broker does not say whether it has the message", remedy="look into its log"
            )
        if codes[0] in MESSAGE_TOO_LARGE:
            raise SinkRefuses(
                "the message is larger than the topic takes", remedy="raise max.message.bytes of the topic"
            )
        if codes[0]:
            raise failure_of_code(codes[0])


def _records(messages: Sequence[OutgoingMessage]) -> bytes:
    builder = DefaultRecordBatchBuilder(_FORMAT, 0, 0, -1, -1, 0, _ROOM)
    for place, message in enumerate(messages):
        headers = {_CONTENT_TYPE: message.media_type, **message.properties}
        builder.append(
            place,
            int(message.at.timestamp() * 1000),
            message.key.encode(),
            message.body,
            [(name, value.encode()) for name, value in headers.items()],
        )
    return bytes(builder.build())
