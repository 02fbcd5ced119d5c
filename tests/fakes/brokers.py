"""A broker in memory, with lasting sessions, whose messages are what a test sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from node.base.errors import InvalidInput, NotFound
from node.datasources.brokers.model import Message, OutgoingMessage
from node.datasources.model import Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question


class MemoryBroker:
    """A kind of data source in memory: its sessions keep what was sent to their topics and not acknowledged."""

    options: tuple[str, ...] = ("version",)

    def __init__(self, kind: str = "mqtt") -> None:
        self.kind = kind
        self.waiting: dict[str, list[Message]] = {}
        self.topics: dict[str, str] = {}
        self._news = asyncio.Event()

    def check(self, setup: Setup) -> None:
        if not setup.address:
            raise InvalidInput("this is no address of a broker", remedy="such as memory:here")

    def connect(self, setup: Setup) -> DataConnection:
        self.check(setup)
        return MemoryBrokerConnection(self)

    def send(self, topic: str, payload: bytes) -> None:
        """Keep a message for the sessions of its topic, or of one that ends with # and begins it."""
        for session, wanted in self.topics.items():
            if topic == wanted or (wanted.endswith("#") and topic.startswith(wanted[:-1])):
                self.waiting[session].append(Message(topic=topic, payload=payload))
        self._news.set()

    async def wait(self) -> None:
        """Wait until something is sent."""
        self._news.clear()
        await self._news.wait()


class MemoryBrokerConnection:
    """A connection to a broker in memory."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    @property
    def abilities(self) -> Abilities:
        return Abilities(lists=False, sends_messages=True)

    async def items(self, limit: int) -> Sequence[Item]:
        return ()

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        return False

    def read(self, item: str, question: Question) -> AbstractAsyncContextManager[Extract]:
        check_path(item)
        raise NotFound("a broker has nothing to read", remedy="give its messages to a stream")

    def check_topic(self, topic: str) -> None:
        if not topic or "#" in topic[:-1] or "a+" in topic:
            raise InvalidInput("this is no topic", remedy="such as city/counters/#")

    def check_destination(self, topic: str) -> None:
        if not topic or "#" in topic or "+" in topic:
            raise InvalidInput("this is no topic", remedy="such as city/events")

    async def publish(self, topic: str, message: OutgoingMessage) -> None:
        self._broker.send(topic, message.body)

    @asynccontextmanager
    async def open_topic(self, topic: str) -> AsyncIterator[MemoryTopic]:
        yield MemoryTopic(self._broker, topic)

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[MemoryMessageSession]:
        name = session or "passing"
        if topic:
            self._broker.topics[name] = topic
        self._broker.waiting.setdefault(name, [])
        try:
            yield MemoryMessageSession(self._broker, name)
        finally:
            if not session:
                await self.forget(name)

    async def forget(self, session: str) -> None:
        self._broker.waiting.pop(session, None)
        self._broker.topics.pop(session, None)


class MemoryMessageSession:
    """A session in memory."""

    def __init__(self, broker: MemoryBroker, name: str) -> None:
        self._broker = broker
        self._name = name
        self._count = 0

    @property
    def is_lasting(self) -> bool:
        return True

    async def messages(self) -> Sequence[Message]:
        while len(self._broker.waiting[self._name]) <= self._count:
            await self._broker.wait()
        fresh = self._broker.waiting[self._name][self._count :]
        self._count += len(fresh)
        return fresh

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._broker.waiting[self._name].remove(message)
            self._count -= 1


class MemoryTopic:
    """A topic of a broker in memory, to send to."""

    def __init__(self, broker: MemoryBroker, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        for message in messages:
            self._broker.send(self._topic, message.body)
