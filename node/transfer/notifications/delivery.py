"""Send notifications to subscribers: one task for each subscription, in the process that owns it.

The place is stored after what is before it was taken, or refused for good, so each observation arrives at least once.
What the receiver does not take now is tried again, in order, with growing pauses. What it refuses for its content
becomes a dead letter after some attempts, and the next ones go on. The end of the permission ends the subscription.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, NoReturn, Protocol

from node.base.clock import Clock
from node.base.delivery import wait_of
from node.base.errors import Conflict, ForbiddenAddress, Gone, HansaError, LocalFault, PeerUnreachable
from node.base.ids import new_urn
from node.base.ownership import OWN_SECONDS, Duties, GrowingPause, OwnedTasks
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receipt, Receivers, answer_of, concerns_event, is_gone
from node.negotiation.uses import limits_uses
from node.transfer.access import AuthoriseAccess
from node.transfer.live.glances import Glances
from node.transfer.notifications.batches import ChangeQueue, context_of, portions
from node.transfer.notifications.changes import DataChange
from node.transfer.notifications.documents import (
    Notification,
    farewell,
    headers_of,
    notification,
    values_of,
    write_entity,
)
from node.transfer.notifications.model import (
    MOST_DEAD,
    DeadLetter,
    PartnerSubscription,
    PartnerSubscriptionStore,
    SubscriptionProgress,
    SubscriptionState,
    SubscriptionView,
)
from node.transfer.notifications.problems import NO_WORDS, is_final, words_of
from node.transfer.notifications.usecases import PartnerSubscriptions
from node.transfer.notifications.wishes import SubscriptionWish
from node.transfer.preconditions import Access

log = logging.getLogger("hansa.notifications")

GIVE_UP: Final = timedelta(days=3)
"""After so long without a success, a subscription is paused."""
TRIES: Final = 4
"""Attempts at a notification that is refused for its content."""
LOOK_SECONDS: Final = 1.0
_SAVE_SECONDS: Final = 0.5


class OpenChanges(Protocol):
    """Opens the changes of the data of a transfer (``node.transfer.notifications.changes.ReadChanges``)."""

    def open(
        self, access: Access, wish: SubscriptionWish, place: str
    ) -> AbstractAsyncContextManager[AsyncIterator[DataChange]]: ...


@dataclass(slots=True)
class _Delivery:
    """A subscription that this process works for. ``is_saved``: the store has its progress."""

    subscription: PartnerSubscription
    wish: SubscriptionWish
    progress: SubscriptionProgress
    is_saved: bool = True
    saved_at: float = 0.0


class DeliverNotifications:
    """Sends what partners have subscribed to. ``owner`` names the process."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: PartnerSubscriptionStore,
        subscriptions: PartnerSubscriptions,
        *,
        authorise: AuthoriseAccess,
        changes: OpenChanges,
        glances: Glances,
        receivers: Receivers,
        clock: Clock,
        owner: str,
        alone: bool,
    ) -> None:
        self._uow = uow
        self._store = store
        self._subscriptions = subscriptions
        self._authorise = authorise
        self._changes = changes
        self._glances = glances
        self._receivers = receivers
        self._clock = clock
        self._owner = owner
        self._deliveries: dict[str, _Delivery] = {}
        self._tasks: OwnedTasks[SubscriptionView] = OwnedTasks(
            "subscriptions of partners",
            look=self._look,
            release=self._release,
            keep_up=self._keep_up,
            is_same=lambda view, other: view.subscription == other.subscription,
            owner=owner,
            alone=alone,
            pause=LOOK_SECONDS,
        )

    def wake(self) -> None:
        """Look at the subscriptions soon. From any thread."""
        self._tasks.wake()

    def progress(self, key: str) -> SubscriptionProgress | None:
        """Return the progress of a subscription, if this process works for it. From any thread."""
        delivery = self._deliveries.get(key)
        return None if delivery is None else delivery.progress

    async def run(self) -> None:
        """Send until cancelled; then leave the subscriptions to other processes."""
        await self._tasks.run()

    @taken_in_turn
    def _look(self) -> Duties[SubscriptionView]:
        with self._uow.read() as tx:
            is_idle = self._tasks.is_idle and not self._store.count(tx)
        if is_idle:
            return Duties()
        now = self._clock.now()
        with self._uow.begin(synced=False) as tx:
            until = now + timedelta(seconds=OWN_SECONDS)
            views = self._store.claim(tx, owner=self._owner, now=now, until=until)
        return Duties(own={view.subscription.key: view for view in views})

    @taken_in_turn
    def _release(self, owner: str | None) -> None:
        with self._uow.read() as tx:
            if not self._store.count(tx):
                return
        with self._uow.begin(synced=False) as tx:
            self._store.release(tx, owner=owner)

    # one subscription ---------------------------------------------------------------------------------------

    async def _keep_up(self, view: SubscriptionView) -> None:
        subscription = view.subscription
        delivery = _Delivery(subscription, self._subscriptions.wish_of(subscription), view.progress)
        self._deliveries[subscription.key] = delivery
        try:
            expires = delivery.wish.expires
            rest = None if expires is None else (expires - self._clock.now()).total_seconds()
            try:
                async with asyncio.timeout(rest):
                    await self._work(delivery)
            except TimeoutError:
                reason = Gone("the subscription has expired", remedy="make another one")
                await self._conclude(delivery, SubscriptionState.EXPIRED, reason)
        finally:
            if self._deliveries.get(subscription.key) is delivery:
                del self._deliveries[subscription.key]

    async def _work(self, delivery: _Delivery) -> None:
        """Follow the data, and again after a pause that grows with each failure, until the subscription ends."""
        pause = GrowingPause()
        while True:
            before = delivery.progress.notifications
            try:
                reason = await self._follow(delivery)
                await self._conclude(delivery, SubscriptionState.PAUSED, reason)
                return
            except HansaError as error:
                problem = error
            except Exception as error:
                log.exception("notifications could not be sent", extra={"subscription": delivery.subscription.key})
                problem = LocalFault(
                    f"the node could not send notifications: {type(error).__name__}",
                    remedy="the reason is in the log of the node",
                )
            if is_final(problem):
                await self._conclude(delivery, SubscriptionState.ENDED, problem)
                await self._say_farewell(delivery)
                return
            if delivery.progress.notifications > before:
                pause.reset()
            delivery.progress = replace(delivery.progress, **words_of(problem))
            if not await off_loop(self._note, delivery.subscription.key, delivery.progress):
                return  # It was changed or deleted, or another process works for it.
            await pause.wait()

    async def _follow(self, delivery: _Delivery) -> HansaError:
        """Send what comes, as long as the permission stands. Return why the subscription is to be paused."""
        part = f"subscription {delivery.subscription.id}"
        access = await self._authorise.authorise_notifications(delivery.subscription.transfer, part=part)
        async with self._changes.open(access, delivery.wish, delivery.progress.place) as changes:
            if not limits_uses(access.agreement.body):
                await self._authorise.begin_read(access, part)
            sending = asyncio.create_task(self._pass_on(delivery, access, changes))
            return await _first_of(sending, self._glances.watch(access))

    async def _pass_on(self, delivery: _Delivery, access: Access, changes: AsyncIterator[DataChange]) -> HansaError:
        queue, loop = ChangeQueue(), asyncio.get_running_loop()
        async with queue.reading(changes):
            while True:
                try:
                    due = delivery.saved_at + _SAVE_SECONDS
                    batch = await queue.wait(None if delivery.is_saved else max(0.0, due - loop.time()))
                except TimeoutError:
                    await self._save(delivery)
                    continue
                if batch and (pause := self._throttling(delivery)) > 0:
                    batch = await queue.gather(batch, pause)
                reason = await self._send_batch(delivery, access, batch)
                if reason is not None:
                    return reason
                if queue.is_over:
                    await self._save(delivery)
                    await queue.require_end()
                    raise PeerUnreachable("the reading ended without a reason", remedy="this node tries again")
                if not delivery.is_saved and loop.time() >= delivery.saved_at + _SAVE_SECONDS:
                    await self._save(delivery)

    def _throttling(self, delivery: _Delivery) -> float:
        """Return the seconds until the subscriber wants to hear again."""
        last = delivery.progress.last_success
        if not delivery.wish.throttling or last is None:
            return 0.0
        return delivery.wish.throttling - (self._clock.now() - last).total_seconds()

    async def _send_batch(
        self, delivery: _Delivery, access: Access, batch: Sequence[DataChange]
    ) -> HansaError | None:
        """Send what the partner wants of some changes, and note the place after them. Return why the subscription is
        to be paused, if it is."""
        wish = delivery.wish
        selection = [
            entity
            for entity in (change.entity for change in batch)
            if entity is not None and wish.takes(entity, values_of(entity))
        ]
        place = next((change.place for change in reversed(batch) if change.place), "")
        for entities in portions([write_entity(entity, wish) for entity in selection]):
            message = notification(wish, entities, self._clock.now(), context=context_of(batch))
            reason = await self._send(delivery, access, message, len(batch))
            if reason is not None:
                return reason
        delivery.progress = replace(
            delivery.progress,
            place=place or delivery.progress.place,
            omissions=delivery.progress.omissions
            + sum(change.entity is None and not change.is_gap for change in batch),
            gaps=delivery.progress.gaps + sum(change.is_gap for change in batch),
        )
        if delivery.is_saved:
            delivery.is_saved, delivery.saved_at = False, asyncio.get_running_loop().time()
        return None

    async def _send(
        self, delivery: _Delivery, access: Access, message: Notification, count: int
    ) -> HansaError | None:
        """Send one notification until it is taken, or becomes a dead letter. Return as ``_send_batch``."""
        if limits_uses(access.agreement.body):
            await self._authorise.begin_read(access, f"notification {message.id}")
        pause, refusals = GrowingPause(), 0
        while True:
            await self._glances.check(access)
            if not await off_loop(self._stands, delivery.subscription):
                raise LocalFault("the subscription was changed or deleted")
            receipt = await self._attempt(delivery.wish, message)
            now, progress = self._clock.now(), delivery.progress
            if 200 <= receipt.status < 300:
                delivery.progress = replace(
                    progress,
                    notifications=progress.notifications + 1,
                    entities=progress.entities + message.count,
                    last_sent=now,
                    last_success=now,
                    failing_since=None,
                    **NO_WORDS,
                )
                return None
            problem = PeerUnreachable(answer_of(receipt), remedy="this node tries again")
            since = progress.failing_since or now
            delivery.progress = replace(
                progress,
                failures=progress.failures + 1,
                last_sent=now,
                last_failure=now,
                failing_since=since,
                **words_of(problem),
            )
            if is_gone(receipt.status):
                return Gone(answer_of(receipt), remedy='set "isActive": true to go on')
            refusals += concerns_event(receipt.status)
            if refusals >= TRIES:
                return await self._set_aside(delivery, count, answer_of(receipt))
            if now - since >= GIVE_UP:
                return Gone(
                    f"nothing could be delivered for three days: {answer_of(receipt)}",
                    remedy='set "isActive": true to go on',
                )
            await self._save(delivery)
            await asyncio.sleep(wait_of(receipt.retry_after, now))
            await pause.wait()

    async def _attempt(self, wish: SubscriptionWish, message: Notification) -> Receipt:
        headers = headers_of(wish, message, self._clock.now())
        try:
            return await self._receivers.post(wish.uri, headers, message.body)
        except (PeerUnreachable, ForbiddenAddress) as error:
            return Receipt(0, words=error.detail)

    async def _set_aside(self, delivery: _Delivery, count: int, answer: str) -> HansaError | None:
        letter = DeadLetter(
            id=new_urn(),
            subscription=delivery.subscription.key,
            place=delivery.progress.place,
            count=count,
            answer=answer,
            at=self._clock.now(),
        )
        dead = await off_loop(self._add_dead, letter)
        delivery.progress = replace(delivery.progress, failing_since=None)
        if dead >= MOST_DEAD:
            return Conflict(f"it has {MOST_DEAD} dead letters", remedy="see why the receiver refuses them")
        return None

    async def _say_farewell(self, delivery: _Delivery) -> None:
        """Tell the subscriber once why nothing more comes."""
        progress = delivery.progress
        ending = {"code": progress.code, "reason": progress.error, "remedy": progress.remedy}
        message = farewell(delivery.wish, {**ending, "reasons": list(progress.reasons)}, self._clock.now())
        with suppress(HansaError):
            await self._attempt(delivery.wish, message)

    # the store ----------------------------------------------------------------------------------------------

    async def _save(self, delivery: _Delivery) -> None:
        if not await off_loop(self._note, delivery.subscription.key, delivery.progress):
            raise LocalFault("another process works for this subscription now")
        delivery.is_saved = True

    def _stands(self, subscription: PartnerSubscription) -> bool:
        """Return whether a subscription is active and as it was: its owner may change it in another process."""
        with self._uow.read() as tx:
            view = self._store.get(tx, subscription.key)
        return (
            view is not None and view.progress.state is SubscriptionState.ACTIVE and view.subscription == subscription
        )

    @taken_in_turn
    def _note(self, key: str, progress: SubscriptionProgress) -> bool:
        with self._uow.begin(synced=False) as tx:
            return self._store.note(tx, key, progress, owner=self._owner)

    @taken_in_turn
    def _add_dead(self, letter: DeadLetter) -> int:
        with self._uow.begin() as tx:
            if self._store.get(tx, letter.subscription, lock=True) is None:
                return 0
            self._store.add_dead(tx, letter)
            return len(self._store.dead(tx, letter.subscription))

    async def _conclude(self, delivery: _Delivery, state: SubscriptionState, reason: HansaError) -> None:
        """Store that a subscription is paused or has ended, and why."""
        delivery.progress = replace(delivery.progress, state=state, ended=self._clock.now(), **words_of(reason))
        log.info("a subscription of a partner ended: %s", reason.detail, extra={"key": delivery.subscription.key})
        await off_loop(self._write_end, delivery.subscription, delivery.progress)

    @taken_in_turn
    def _write_end(self, subscription: PartnerSubscription, progress: SubscriptionProgress) -> None:
        with self._uow.begin() as tx:
            if self._store.note(tx, subscription.key, progress, owner=self._owner):
                self._subscriptions.note(tx, subscription, "node", "subscription-ended", reason=progress.error)


async def _first_of(sending: asyncio.Task[HansaError], watching: Coroutine[Any, Any, NoReturn]) -> HansaError:
    """Return the result of ``sending``, or raise the error of ``watching`` if that is earlier."""
    watch = asyncio.create_task(watching)
    try:
        await asyncio.wait({sending, watch}, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            watch.result()
        return sending.result()
    finally:
        for task in (sending, watch):
            task.cancel()
        await asyncio.gather(sending, watch, return_exceptions=True)
