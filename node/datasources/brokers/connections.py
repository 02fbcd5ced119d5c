"""Keep up the connections to brokers, and store the messages that come.

A message is acknowledged after the commit that stores it: what the broker may forget is on the disk. Each connection
is kept up by one process, which owns it for a while and puts the end of that off; a process that is killed loses it
by time, and another one goes on with the same session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, LocalFault, Overloaded
from node.base.ownership import OWN_SECONDS, Duties, GrowingPause, OwnedTasks
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.datasources.brokers.model import BrokerSubscription, ConnectionState, Message
from node.datasources.brokers.payloads import read_payload
from node.datasources.brokers.ports import BrokerSubscriptionStore, MessageConnection
from node.datasources.errors import DataSourceUnreachable
from node.datasources.register import DataSources
from node.datasources.streams.intake import TakeObservations
from node.datasources.streams.model import Stream
from node.datasources.streams.observations import CheckedMessage
from node.exchange.offloop import off_loop

log = logging.getLogger("hansa.brokers")

LOOK_SECONDS: Final = 3.0
"""Between two looks at the subscriptions."""
_STEADY: Final = timedelta(seconds=30)
"""A connection that stood for so long was no failure, also without messages: the next pause is the first one."""
_FORGET_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Duty:
    """A subscription, and when its data source was registered: registered anew, it has another connection."""

    subscription: BrokerSubscription
    registration: datetime | None


@dataclass(slots=True)
class _Connection:
    """A connection that this process keeps up."""

    subscription: BrokerSubscription
    state: ConnectionState = field(default_factory=ConnectionState)


class ListenToBrokers:
    """Keeps up the connections of all subscriptions that this process owns. ``owner`` names the process."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: BrokerSubscriptionStore,
        *,
        sources: DataSources,
        take: TakeObservations,
        clock: Clock,
        owner: str,
        alone: bool,
    ) -> None:
        """``alone``: no other process uses the database, so whatever is owned at the start was left by a process that
        has ended."""
        self._uow = uow
        self._store = store
        self._sources = sources
        self._take = take
        self._clock = clock
        self._owner = owner
        self._connections: dict[str, _Connection] = {}
        self._tasks: OwnedTasks[_Duty] = OwnedTasks(
            "subscriptions to brokers",
            look=self._look,
            release=self._release,
            keep_up=self._keep_up,
            leave=self._forget,
            owner=owner,
            alone=alone,
            pause=LOOK_SECONDS,
        )

    def wake(self) -> None:
        """Look at the subscriptions soon. From any thread."""
        self._tasks.wake()

    def state(self, session: str) -> ConnectionState | None:
        """Return the state of the connection of a session, if this process keeps it up. From any thread."""
        connection = self._connections.get(session)
        return None if connection is None else replace(connection.state, seen=self._clock.now())

    async def run(self) -> None:
        """Listen until cancelled; then end the connections and leave them to other processes."""
        await self._tasks.run()

    # which connections --------------------------------------------------------------------------------------

    @taken_in_turn
    def _look(self) -> Duties[_Duty]:
        """Put off the end of what this process owns, note the states, and return the duties."""
        with self._uow.read() as tx:
            views = self._store.all(tx)
        if not views and self._tasks.is_idle:
            return Duties(known=frozenset())
        now = self._clock.now()
        with self._uow.begin(synced=False) as tx:
            until = now + timedelta(seconds=OWN_SECONDS)
            own = self._store.claim(tx, owner=self._owner, now=now, until=until)
            for subscription in own:
                connection = self._connections.get(subscription.session)
                if connection is not None:
                    state = replace(connection.state, seen=now)
                    self._store.note(tx, subscription.session, state, owner=self._owner)
        return Duties(
            own={
                subscription.session: _Duty(subscription, self._sources.registration(subscription.source))
                for subscription in own
            },
            known=frozenset(view.subscription.session for view in views),
        )

    async def _forget(self, duty: _Duty) -> None:
        """End the session of a subscription that is no longer there."""
        subscription = duty.subscription
        try:
            async with asyncio.timeout(_FORGET_SECONDS):
                await (await self._open(subscription)).forget(subscription.session)
        except (HansaError, TimeoutError) as error:
            log.info("a broker was not told to forget the session of %s: %s", subscription.stream, error)

    @taken_in_turn
    def _release(self, owner: str | None) -> None:
        with self._uow.read() as tx:
            if not self._store.all(tx):
                return
        with self._uow.begin(synced=False) as tx:
            self._store.release(tx, owner=owner)

    # one connection -----------------------------------------------------------------------------------------

    async def _keep_up(self, duty: _Duty) -> None:
        session = duty.subscription.session
        connection = self._connections[session] = _Connection(duty.subscription)
        try:
            await self._listen_on(connection)
        finally:
            if self._connections.get(session) is connection:
                del self._connections[session]

    async def _listen_on(self, connection: _Connection) -> None:
        """Connect, and again after a pause that grows with each failure, until cancelled."""
        pause = GrowingPause()
        while True:
            try:
                await self._listen(connection)
                problem: HansaError = DataSourceUnreachable("the broker ended the connection")
            except HansaError as error:
                problem = error
            except Exception as error:
                log.exception(
                    "messages of a broker could not be taken", extra={"stream": connection.subscription.stream}
                )
                problem = LocalFault(
                    f"the node could not take the messages: {type(error).__name__}",
                    remedy="the reason is in the log of the node",
                )
            if connection.state.since is not None or not connection.state.error:
                log.warning("no connection to the broker of %s: %s", connection.subscription.stream, problem.detail)
            if self._has_stood(connection.state):
                pause.reset()
            connection.state = replace(
                connection.state,
                since=None,
                error=problem.detail,
                remedy=problem.remedy,
                error_at=connection.state.error_at if connection.state.is_failing else self._clock.now(),
            )
            self._tasks.wake()
            await pause.wait()

    def _has_stood(self, state: ConnectionState) -> bool:
        """Return whether the connection that has ended now was of use, or would have been."""
        if state.since is None:
            return False
        return bool(state.messages) or self._clock.now() - state.since >= _STEADY

    async def _listen(self, connection: _Connection) -> None:
        subscription = connection.subscription
        broker = await self._open(subscription)
        async with broker.listen(subscription.topic, subscription.session) as session:
            connection.state = replace(
                connection.state,
                since=self._clock.now(),
                messages=0,
                is_lasting=session.is_lasting,
            )
            self._tasks.wake()
            while True:
                messages = await session.messages()
                try:
                    await self._take.take_all(subscription.stream, partial(_read, subscription, messages))
                except (LocalFault, Overloaded) as error:
                    raise _storage_fault(error, repeats=session.is_lasting) from error
                session.acknowledge(messages)
                connection.state = replace(
                    connection.state,
                    messages=connection.state.messages + len(messages),
                    is_lasting=session.is_lasting,
                )

    async def _open(self, subscription: BrokerSubscription) -> MessageConnection:
        _, connection = await off_loop(self._sources.connect, subscription.source)
        if not isinstance(connection, MessageConnection):
            raise InvalidInput(
                f"{subscription.source} is no broker any longer", remedy="register it again: hansa source add"
            )
        return connection


def _storage_fault(error: HansaError, *, repeats: bool) -> LocalFault:
    """Return in words that the node itself, not the broker, failed at messages that had come."""
    is_public = not isinstance(error, LocalFault) or error.is_public
    reason = error.detail if is_public else "its database failed"
    remedy = (is_public and error.remedy) or "see the log of the node, and run hansa doctor"
    outlook = "the broker sends them again" if repeats else "the broker does not repeat them"
    return LocalFault(f"the node could not store the messages: {reason}; {outlook}", remedy=remedy)


def _read(
    subscription: BrokerSubscription, messages: Sequence[Message], stream: Stream, at: datetime
) -> Sequence[CheckedMessage]:
    return [read_payload(stream, subscription, message, at=at) for message in messages]
