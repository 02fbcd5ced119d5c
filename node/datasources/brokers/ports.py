"""The ports of brokers: their sessions, and the store of subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, runtime_checkable

from node.base.work import Transaction
from node.datasources.brokers.model import (
    BrokerSubscription,
    BrokerSubscriptionView,
    ConnectionState,
    Message,
    OutgoingMessage,
)


class MessageSession(Protocol):
    """A session with a broker, subscribed to one topic filter."""

    @property
    def is_lasting(self) -> bool:
        """Return whether the broker repeats what is not acknowledged."""

    async def messages(self) -> Sequence[Message]:
        """Wait for messages, and return those that are there: at least one, and a bounded number. Raises
        ``DataSourceUnreachable`` when the connection ends."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that it may forget them."""


@runtime_checkable
class MessageConnection(Protocol):
    """A data source with messages, opened with its credentials."""

    def check_topic(self, topic: str) -> None:
        """Raise ``InvalidInput`` unless ``topic`` is a topic filter of this kind of broker."""

    def listen(self, topic: str, session: str) -> AbstractAsyncContextManager[MessageSession]:
        """Connect, and subscribe to ``topic``. The broker keeps what comes for ``session`` while there is no
        connection; without a name, it keeps nothing. Raises ``DataSourceUnreachable`` (``DataSourceRefuses``),
        ``ForbiddenAddress``. Leaving the context ends the connection."""

    async def forget(self, session: str) -> None:
        """End a session, so that the broker keeps nothing more for it. Raises the errors of ``listen``."""


class EventSession(Protocol):
    """A connection to a broker, to send messages to one topic."""

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        """Send messages in their order, and wait until the broker has them all. Raises ``DataSourceUnreachable``, and
        ``SinkRefuses`` if it does not take one of them; then it may have others."""


@runtime_checkable
class EventConnection(Protocol):
    """A data source to whose topics this node sends messages, opened with its credentials."""

    def check_destination(self, topic: str) -> None:
        """Raise ``InvalidInput`` unless ``topic`` is one to which a message can be sent."""

    def open_topic(self, topic: str) -> AbstractAsyncContextManager[EventSession]:
        """Connect, to send many messages to a topic. Leaving the context ends the connection. Raises the errors of
        ``publish``."""

    async def publish(self, topic: str, message: OutgoingMessage) -> None:
        """Send a message, and wait until the broker has it. Raises ``DataSourceUnreachable`` (``DataSourceRefuses``),
        ``ForbiddenAddress``, and ``SinkRefuses`` if the broker does not take this message."""


class BrokerSubscriptionStore(Protocol):
    """Subscriptions by stream, with the state of their connections, and who keeps these up.

    One process keeps up the connection of a subscription: its *owner*, until a time that it puts off.
    """

    def put(self, tx: Transaction, subscription: BrokerSubscription) -> None:
        """Store it, without an owner and with an empty state; that of the same stream is replaced."""

    def get(self, tx: Transaction, stream: str) -> BrokerSubscriptionView | None: ...

    def by_session(self, tx: Transaction, session: str) -> BrokerSubscription | None:
        """Return the subscription with this session. It uses an index."""

    def all(self, tx: Transaction) -> Sequence[BrokerSubscriptionView]:
        """Return all, by stream."""

    def drop(self, tx: Transaction, stream: str) -> None: ...

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BrokerSubscription]:
        """Make ``owner`` the owner until ``until`` of the subscriptions that are its own, or nobody's at ``now``.
        Return those that it owns."""

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        """Give up what ``owner`` owns; without it, what anybody owns."""

    def note(self, tx: Transaction, session: str, state: ConnectionState, *, owner: str) -> None:
        """Store the state of the connection of ``session``, if ``owner`` owns it."""
