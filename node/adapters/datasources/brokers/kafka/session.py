"""A session with a Kafka cluster (``node.datasources.brokers.ports.MessageSession``): reads a topic, and keeps its
places.

The group is the lasting session: the cluster keeps its place in each partition, and a place moves on only after what
is before it was acknowledged. The node reads all partitions of the topic itself and has no members in the group: one
process of the node has the subscription at a time, and a new one goes on at once. Messages that wait are bounded:
with more, nothing is fetched.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka.protocol.fetch import FetchRequest

from node.adapters.datasources.brokers.kafka import offsets
from node.adapters.datasources.brokers.kafka.cluster import KafkaCluster
from node.adapters.datasources.brokers.kafka.failures import broker_answers, failure_of_code
from node.adapters.datasources.brokers.kafka.records import Batch, batches
from node.base.errors import InvalidInput
from node.datasources.brokers.model import MOST_KEY, MOST_PAYLOAD, Message
from node.datasources.errors import DataSourceUnreachable

_WAIT_MS: Final = 500
"""For new messages, at the broker; an answer comes after that in any case."""
_FETCH_BYTES: Final = 4 << 20
_PARTITION_BYTES: Final = 1 << 20
_WAITING_BYTES: Final = 8 << 20
"""With so many bytes that wait, nothing more is fetched."""
_AT_ONCE: Final = 500
_AT_ONCE_BYTES: Final = 8 << 20
_LOOK: Final = 60.0
"""Seconds between two looks at the partitions and their leaders."""
_RENEWAL: Final = 3600.0
"""Seconds after which the places are kept again: a cluster forgets those that nobody has kept for some days, also
while a quiet topic is read."""
_SECONDS: Final = 5.0
_OUT_OF_RANGE: Final = 1


class KafkaSession:
    """Reads the partitions of ``topic`` from their ``places`` on. ``group`` keeps the places; empty: nobody does."""

    def __init__(
        self, cluster: KafkaCluster, topic: str, group: str, leaders: Mapping[int, int], places: Mapping[int, int]
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._leaders = dict(leaders)
        self._places = dict(places)
        self._backlog: deque[_Piece] = deque()
        self._waiting = 0
        self._fetches: dict[int, asyncio.Task[Any]] = {}
        self._done: dict[int, int] = {}
        self._marks = dict(places)
        self._commit: asyncio.Task[None] | None = None
        self._looked = self._renewed = asyncio.get_running_loop().time()

    @property
    def is_lasting(self) -> bool:
        return True  # A topic keeps messages whether or not they were read.

    async def messages(self) -> Sequence[Message]:
        """Return the next messages, those of one partition in their order. Raises ``DataSourceUnreachable``,
        ``ForbiddenAddress``."""
        while True:
            if self._commit is not None and self._commit.done():
                self._commit.result()
            await self._look()
            if self._waiting < _WAITING_BYTES:
                self._fetch()
            messages = self._take()
            if messages:
                return messages
            if not self._fetches:
                await asyncio.sleep(_WAIT_MS / 1000)
                continue
            await asyncio.wait(self._fetches.values(), return_when=asyncio.FIRST_COMPLETED)
            for leader in [leader for leader, fetch in self._fetches.items() if fetch.done()]:
                await self._sort(self._fetches.pop(leader).result())

    def acknowledge(self, messages: Sequence[Message]) -> None:
        if not self._group:
            return
        for message in messages:
            partition, following = message.receipt
            self._done[partition] = self._marks[partition] = following
        self._keep_soon()

    async def settle(self) -> None:
        """Wait until the places of what was acknowledged are kept."""
        if self._commit is not None:
            await asyncio.wait([self._commit], timeout=_SECONDS)

    async def close(self) -> None:
        """End what is under way."""
        tasks = [*self._fetches.values(), *([] if self._commit is None else [self._commit])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_soon(self) -> None:
        if self._done and (self._commit is None or self._commit.done()):
            self._commit = asyncio.ensure_future(self._keep_places())

    async def _keep_places(self) -> None:
        while self._done:
            places, self._done = self._done, {}
            await offsets.keep_places(self._cluster, self._group, self._topic, places)

    async def _look(self) -> None:
        """Take new partitions and leaders into account, once in a while, and keep the places again. Of a new
        partition all is read."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        self._leaders = dict(await self._cluster.leaders(self._topic))
        fresh = [partition for partition in self._leaders if partition not in self._places]
        if fresh:
            beginnings = await offsets.ends(self._cluster, self._topic, self._leaders, fresh, offsets.EARLIEST)
            self._places |= beginnings
            self._marks |= beginnings
        if self._group and now - self._renewed >= _RENEWAL:
            self._renewed = now
            self._done = dict(self._marks)
            self._keep_soon()

    def _fetch(self) -> None:
        """Ask each broker that leads partitions for what comes next in them, unless it is being asked."""
        wishes: dict[int, list[tuple[int, int, int]]] = {}
        for partition, leader in self._leaders.items():
            wishes.setdefault(leader, []).append((partition, self._places[partition], _PARTITION_BYTES))
        for leader, places in wishes.items():
            if leader not in self._fetches:
                # A broker fills its answer in this order: no partition is always the last.
                random.shuffle(places)
                request = FetchRequest(_WAIT_MS, 1, _FETCH_BYTES, offsets.COMMITTED, [(self._topic, places)])
                self._fetches[leader] = asyncio.ensure_future(self._cluster.ask(leader, request))

    async def _sort(self, answer: Any) -> None:
        """Put what a broker has sent into the backlog, and move the places to read from."""
        if getattr(answer, "error_code", 0):
            raise failure_of_code(answer.error_code)
        with broker_answers():
            answers = [entry for topic, entries in answer.topics if topic == self._topic for entry in entries]
        for partition, code, _, *rest in answers:
            if partition in self._places:
                if code == _OUT_OF_RANGE:
                    await self._skip_to_first(partition)
                elif code:
                    raise failure_of_code(code)
                elif rest[-1]:
                    abortions = rest[-3] if answer.API_VERSION >= 11 else rest[-2]
                    self._put(partition, rest[-1], abortions or ())

    async def _skip_to_first(self, partition: int) -> None:
        """Go on with the first message that the broker still has: those before it are lost, which is a fault."""
        first = await offsets.ends(self._cluster, self._topic, self._leaders, [partition], offsets.EARLIEST)
        reason = f"the broker no longer has the messages from {self._places[partition]} to before {first[partition]}"
        self._places[partition] = first[partition]
        self._backlog.append(_Piece(partition, first[partition], 0, fault=reason))

    def _put(self, partition: int, content: bytes, abortions: Sequence[tuple[int, int]]) -> None:
        start = self._places[partition]
        open_transactions = sorted(abortions, key=lambda entry: entry[1])
        void: set[int] = set()
        try:
            for batch in batches(content):
                while open_transactions and open_transactions[0][1] < batch.following:
                    void.add(open_transactions.pop(0)[0])
                if batch.is_abortion:
                    void.discard(batch.producer)
                is_void = batch.is_transactional and batch.producer in void
                if batch.following > self._places[partition] and not (batch.is_control or is_void):
                    self._backlog.append(
                        _Piece(partition, batch.following, len(batch.content), batch=batch, start=start)
                    )
                    self._waiting += len(batch.content)
                self._places[partition] = max(self._places[partition], batch.following)
        except InvalidInput as error:
            raise _unreadable(error) from error

    def _take(self) -> list[Message]:
        """Take messages out of the backlog: so many that they are stored together."""
        messages: list[Message] = []
        size = 0
        while self._backlog and len(messages) < _AT_ONCE and size < _AT_ONCE_BYTES:
            piece = self._backlog[0]
            message = piece.next(self._topic)
            if message is None:
                self._backlog.popleft()
                self._waiting -= piece.size
                continue
            messages.append(message)
            size += len(message.payload)
        return messages


class _Piece:
    """A batch in the backlog, whose records are read one after the other, or a fault in its place."""

    def __init__(
        self,
        partition: int,
        following: int,
        size: int,
        *,
        batch: Batch | None = None,
        start: int = 0,
        fault: str = "",
    ) -> None:
        self.size = size
        self._partition = partition
        self._following = following
        self._start = start
        self._fault = fault
        self._records = iter(()) if batch is None else batch.records()

    def next(self, topic: str) -> Message | None:
        """Return the next message, None after the last. What cannot be read is a message with a fault."""
        if self._fault:
            fault, self._fault = self._fault, ""
            return self._message(topic, self._following, fault=fault)
        try:
            record = next((record for record in self._records if record.offset >= self._start), None)
        except InvalidInput as error:
            return self._message(
                topic, self._following, fault=f"the messages up to {self._following - 1}: {error.detail}"
            )
        if record is None:
            return None
        return self._message(topic, record.offset + 1, record.value, record.key)

    def _message(
        self, topic: str, following: int, value: bytes | None = None, key: bytes | None = None, *, fault: str = ""
    ) -> Message:
        return Message(
            topic=topic.replace(".", "/"),
            payload=(value or b"")[: MOST_PAYLOAD + 1],
            key=None if key is None else key[:MOST_KEY],
            fault=fault,
            receipt=(self._partition, following),
        )


def _unreadable(error: InvalidInput) -> DataSourceUnreachable:
    return DataSourceUnreachable(f"the answer of the broker cannot be read: {error.detail}", remedy=error.remedy)
