"""Send notifications again that their receiver refused, when a person asks for it.

They are made anew out of what the data source still has, under the agreement as it is now.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from node.base.clock import Clock
from node.base.errors import Gone, NotFound, PeerUnreachable
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receivers, answer_of
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.uses import limits_uses
from node.transfer.access import AuthoriseAccess
from node.transfer.notifications.batches import context_of, portions
from node.transfer.notifications.changes import DataChange, ReadChanges
from node.transfer.notifications.documents import headers_of, notification, values_of, write_entity
from node.transfer.notifications.model import (
    DeadLetter,
    PartnerSubscription,
    PartnerSubscriptionStore,
    SubscriptionView,
)
from node.transfer.notifications.usecases import PartnerSubscriptions
from node.transfer.notifications.wishes import SubscriptionWish

AT_ONCE: Final = 50
"""Dead letters that are sent again by one request."""
_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendReport:
    """The result: ``deliveries`` dead letters were sent, ``remainder`` are still there, and ``reason`` says why."""

    deliveries: int
    remainder: int
    reason: str


class ResendDeadLetters:
    """Sends dead letters again, the oldest first, until one is refused."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: PartnerSubscriptionStore,
        subscriptions: PartnerSubscriptions,
        *,
        authorise: AuthoriseAccess,
        changes: ReadChanges,
        receivers: Receivers,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._subscriptions = subscriptions
        self._authorise = authorise
        self._changes = changes
        self._receivers = receivers
        self._clock = clock

    async def __call__(self, key: str, by: Caller) -> ResendReport:
        """Send dead letters of a subscription again. Raises ``NotAllowed``, ``NotFound``, and the errors of
        ``AuthoriseAccess.authorise_notifications``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        view, letters = await off_loop(self._letters, key)
        wish, count, reason = self._subscriptions.wish_of(view.subscription), 0, ""
        for letter in letters[:AT_ONCE]:
            try:
                await self._send(view.subscription, wish, letter)
            except (PeerUnreachable, Gone) as error:
                reason = error.detail
                break
            await off_loop(self._drop, letter)
            count += 1
        return ResendReport(deliveries=count, remainder=len(letters) - count, reason=reason)

    async def _send(self, subscription: PartnerSubscription, wish: SubscriptionWish, letter: DeadLetter) -> None:
        part = f"subscription {subscription.id}, again"
        access = await self._authorise.authorise_notifications(subscription.transfer, part=part)
        changes: list[DataChange] = []
        async with self._changes.open(access, wish, letter.place) as coming:
            if not limits_uses(access.agreement.body):
                await self._authorise.begin_read(access, part)
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    async for change in coming:
                        if change.is_gap:
                            raise Gone("the data of this notification are no longer kept")
                        changes.append(change)
                        if len(changes) >= letter.count:
                            break
        entities = [change.entity for change in changes if change.entity is not None]
        selection = [write_entity(each, wish) for each in entities if wish.takes(each, values_of(each))]
        for portion in portions(selection):
            message = notification(wish, portion, self._clock.now(), context=context_of(changes))
            if limits_uses(access.agreement.body):
                await self._authorise.begin_read(access, f"notification {message.id}")
            headers = headers_of(wish, message, self._clock.now())
            receipt = await self._receivers.post(wish.uri, headers, message.body)
            if not 200 <= receipt.status < 300:
                raise PeerUnreachable(answer_of(receipt))

    def _letters(self, key: str) -> tuple[SubscriptionView, list[DeadLetter]]:
        with self._uow.read() as tx:
            view = self._store.get(tx, key)
            if view is None:
                raise NotFound("there is no such subscription", remedy="for all, see hansa stream subscribers")
            return view, list(self._store.dead(tx, key))

    @taken_in_turn
    def _drop(self, letter: DeadLetter) -> None:
        with self._uow.begin() as tx:
            self._store.drop_dead(tx, letter.id)
