"""Connections to brokers: how long the node pauses before the next one, and whose fault an end is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import DatabaseAway, HansaError, LocalFault, NoRoom, Overloaded
from node.datasources.brokers.connections import ListenToBrokers, _Connection
from node.datasources.brokers.model import BrokerSubscription, Message
from node.datasources.errors import DataSourceUnreachable
from tests.fakes.brokers import MemoryBroker, MemoryBrokerConnection
from tests.fakes.clock import FixedClock

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SUBSCRIPTION = BrokerSubscription(stream="counters", source="sensors", topic="city/#", session="s", by="els", at=NOW)


class Session:
    """A session that ends after a time; ``messages`` come before."""

    is_lasting = True

    def __init__(self, clock: FixedClock, stands: timedelta, messages: Sequence[Message]) -> None:
        self._clock = clock
        self._stands = stands
        self._messages = messages

    async def messages(self) -> Sequence[Message]:
        if self._messages:
            messages, self._messages = self._messages, ()
            return messages
        self._clock.time += self._stands
        raise DataSourceUnreachable("the broker broke off")

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Take it as it is."""


class Broker(MemoryBrokerConnection):
    """A broker whose sessions end after a time."""

    def __init__(self, clock: FixedClock, stands: timedelta, messages: Sequence[Message] = ()) -> None:
        super().__init__(MemoryBroker())
        self._session = clock, stands, messages

    @asynccontextmanager
    async def listen(self, topic: str, session: str) -> AsyncIterator[Any]:
        yield Session(*self._session)


async def keep_up(
    monkeypatch: pytest.MonkeyPatch,
    *,
    stands: timedelta,
    messages: Sequence[Message] = (),
    fault: BaseException | None = None,
) -> tuple[list[float], _Connection]:
    """Keep up a connection until it has ended five times; return the pauses, and the connection."""
    clock = FixedClock(NOW)

    class Sources:
        def connect(self, source: str) -> tuple[None, Broker]:
            return None, Broker(clock, stands, messages)

    class Take:
        async def take_all(self, name: str, read: Any) -> None:
            if fault is not None:
                raise fault

    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise asyncio.CancelledError

    monkeypatch.setattr("node.base.ownership.random.uniform", lambda *_: 1.0)
    monkeypatch.setattr("node.base.ownership.asyncio.sleep", sleep)
    unused: Any = None
    fakes: tuple[Any, Any] = (Sources(), Take())
    listening = ListenToBrokers(unused, unused, sources=fakes[0], take=fakes[1], clock=clock, owner="a", alone=True)
    connection = _Connection(SUBSCRIPTION)
    with pytest.raises(asyncio.CancelledError):
        await listening._listen_on(connection)
    return pauses, connection


async def test_a_broker_that_breaks_off_at_once_is_left_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, _ = await keep_up(monkeypatch, stands=timedelta(seconds=1))
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


async def test_a_quiet_broker_whose_connection_stood_is_called_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, connection = await keep_up(monkeypatch, stands=timedelta(minutes=2))
    assert pauses == [1.0, 1.0, 1.0, 1.0, 1.0]
    assert connection.state.error == "the broker broke off"


@pytest.mark.parametrize(
    ("fault", "reason", "remedy"),
    [
        (NoRoom("the disk of the database is full, or fails", remedy="free disk space"), "the disk", "free disk"),
        (DatabaseAway("the connection to the database was lost", remedy="try again"), "the connection to", "try"),
        (LocalFault("the database failed: SQL: SELECT secret"), "its database failed", "hansa doctor"),
        (Overloaded("observations arrive faster than they can be stored", remedy="send fewer"), "faster", "fewer"),
    ],
)
async def test_a_fault_of_the_own_database_is_not_the_brokers(
    fault: HansaError, reason: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [Message(topic="city/1", payload=b"{}")]
    _, connection = await keep_up(monkeypatch, stands=timedelta(), messages=messages, fault=fault)
    state = connection.state
    assert state.error.startswith("the node could not store the messages: ")
    assert reason in state.error
    assert "the broker sends them again" in state.error
    assert "secret" not in state.error
    assert remedy in state.remedy
    assert state.messages == 0
