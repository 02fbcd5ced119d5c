"""A Kafka of one broker for tests: topics, and messages in them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from tests.live_peers import live

WRITER = "writer"
WRITER_PASSWORD = "writer-secret"
Sent = tuple[str | None, bytes | None]
"""The key and the value of a message."""


class Kafka:
    """A running broker. ``address`` asks for a login, of ``WRITER`` for one."""

    def __init__(self, peer: Mapping[str, str]) -> None:
        self.bootstrap = peer["KAFKA_BOOTSTRAP"]
        self.address = f"kafka://{peer['KAFKA_SASL_BOOTSTRAP']}"

    def make(self, topic: str, partitions: int = 1, **settings: str) -> None:
        """Make a topic."""
        asyncio.run(self._make(topic, partitions, settings))

    def send(self, topic: str, *messages: Sent, compression: str | None = None, partition: int | None = None) -> None:
        """Publish messages, and wait until they are kept."""
        asyncio.run(self._send(topic, messages, compression, partition))

    def places(self, group: str, topic: str, partitions: int = 1) -> list[int | None]:
        """Return the places that a group has committed."""
        return asyncio.run(self._places(group, topic, partitions))

    def read(self, topic: str) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
        """Return key, value and headers of all messages in the first partition of a topic."""
        return asyncio.run(self._read(topic))

    async def _make(self, topic: str, partitions: int, settings: Mapping[str, str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=dict(settings))])
        while topic not in await admin.list_topics():
            await asyncio.sleep(0.1)
        await admin.close()

    async def _send(
        self, topic: str, messages: Sequence[Sent], compression: str | None, partition: int | None
    ) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, compression_type=compression, max_request_size=64 << 20, linger_ms=5
        )
        await producer.start()
        answers = [
            await producer.send(topic, value, key=None if key is None else key.encode(), partition=partition)
            for key, value in messages
        ]
        await asyncio.gather(*answers)
        await producer.stop()

    async def _places(self, group: str, topic: str, partitions: int) -> list[int | None]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        places = await admin.list_consumer_group_offsets(group)
        await admin.close()
        entries = [places.get(TopicPartition(topic, partition)) for partition in range(partitions)]
        return [None if entry is None else entry.offset for entry in entries]

    async def _read(self, topic: str) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        messages = []
        while len(messages) < end:
            message = await consumer.getone()
            messages.append((message.key, message.value, dict(message.headers)))
        await consumer.stop()
        return messages


@contextmanager
def kafka() -> Iterator[Kafka]:
    """Start a broker; the test is skipped where there is none."""
    with live("kafka") as peer:
        yield Kafka(peer)
