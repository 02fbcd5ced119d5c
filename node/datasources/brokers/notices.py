"""Notifications that a context broker sends to the address of a session of ours."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from node.base.errors import NotFound
from node.base.work import UnitOfWork
from node.datasources.brokers.model import BrokerSubscription, Message
from node.datasources.brokers.payloads import read_payload
from node.datasources.brokers.ports import BrokerSubscriptionStore
from node.datasources.streams.intake import TakeObservations
from node.datasources.streams.model import Stream
from node.datasources.streams.observations import CheckedMessage
from node.exchange.offloop import off_loop


class TakeNotices:
    """Stores the notifications of a session in the stream that has it."""

    def __init__(self, uow: UnitOfWork, store: BrokerSubscriptionStore, take: TakeObservations) -> None:
        self._uow = uow
        self._store = store
        self._take = take

    async def require(self, session: str) -> BrokerSubscription:
        """Return the subscription with this session, before anything is read. Raises ``NotFound``."""
        return await off_loop(self._find, session)

    async def __call__(self, subscription: BrokerSubscription, body: bytes) -> None:
        """Store a notification; it is on the disk then. What is wrong with it is kept with the faults of the stream.
        Raises ``NotFound`` if the stream is gone, and ``Overloaded``."""
        message = Message(topic=subscription.topic, payload=body)
        await self._take.take_all(subscription.stream, partial(_read, subscription, message))

    def _find(self, session: str) -> BrokerSubscription:
        with self._uow.read() as tx:
            subscription = self._store.by_session(tx, session)
        if subscription is None or not hmac.compare_digest(subscription.session.encode(), session.encode()):
            raise NotFound
        return subscription


def _read(
    subscription: BrokerSubscription, message: Message, stream: Stream, at: datetime
) -> Sequence[CheckedMessage]:
    return [read_payload(stream, subscription, message, at=at)]
