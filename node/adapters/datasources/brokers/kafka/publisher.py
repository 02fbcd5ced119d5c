"""Sends one message to a topic of Kafka, and waits until all replicas that have to have it do."""

from __future__ import annotations

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


async def publish(cluster: KafkaCluster, topic: str, message: OutgoingMessage) -> None:
    """Send a message to the partition of its key, as other producers choose it. Raises ``DataSourceUnreachable``,
    ``ForbiddenAddress``, and ``SinkRefuses`` if the topic takes no message of this size."""
    leaders = await cluster.leaders(topic)
    key = message.key.encode()
    partition = sorted(leaders)[(murmur2(key) & 0x7FFFFFFF) % len(leaders)]
    headers = {_CONTENT_TYPE: message.media_type, **message.properties}
    builder = DefaultRecordBatchBuilder(_FORMAT, 0, 0, -1, -1, 0, _ROOM)
    builder.append(
        0,
        int(message.at.timestamp() * 1000),
        key,
        message.body,
        [(name, value.encode()) for name, value in headers.items()],
    )
    batch = [(topic, [(partition, bytes(builder.build()))])]
    answer = await cluster.ask(leaders[partition], ProduceRequest(None, _ALL_REPLICAS, _PATIENCE_MS, batch))
    with broker_answers():
        codes = [entry[1] for name, entries in answer.topics if name == topic for entry in entries]
    if not codes:
        raise DataSourceUnreachable("the broker does not say whether it has the message", remedy="look into its log")
    if codes[0] in MESSAGE_TOO_LARGE:
        raise SinkRefuses("the message is larger than the topic takes", remedy="raise max.message.bytes of the topic")
    if codes[0]:
        raise failure_of_code(codes[0])
