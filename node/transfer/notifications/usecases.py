"""Make, read, change and end subscriptions: by their owners, who have a token, and by the people of this node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.ids import new_uuid
from node.base.jsons import canonical, read_object
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receivers
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.transfer.access import AuthoriseAccess
from node.transfer.notifications.model import (
    KEPT,
    MOST,
    MOST_OF_NODE,
    PartnerSubscription,
    PartnerSubscriptionStore,
    SubscriptionProgress,
    SubscriptionState,
    SubscriptionView,
    key_of,
)
from node.transfer.notifications.wishes import SubscriptionWish, apply_patch, read_wish, without_values
from node.transfer.preconditions import Access

_PARTS = ("receiverInfo", "notifierInfo")


class ReadPlace(Protocol):
    """Reads the data that subscriptions are about (``node.transfer.notifications.changes.ReadChanges``)."""

    async def offers(self, access: Access) -> bool: ...

    async def place(self, access: Access) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPage:
    """Subscriptions of a transfer in the form of NGSI-LD, and how many there are."""

    documents: Sequence[dict[str, Any]]
    count: int


class PartnerSubscriptions:
    """The subscriptions of partners to what is shared with them."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: PartnerSubscriptionStore,
        *,
        authorise: AuthoriseAccess,
        changes: ReadPlace,
        receivers: Receivers,
        keyring: KeyRing,
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._authorise = authorise
        self._changes = changes
        self._receivers = receivers
        self._keyring = keyring
        self._append = append
        self._clock = clock
        self.wake: Callable[[], None] = lambda: None
        """Called after a change, from any thread."""
        self.live: Callable[[str], SubscriptionProgress | None] = lambda _: None
        """Returns the progress of a subscription, if this process works for it."""

    # owners -------------------------------------------------------------------------------------------------

    async def are_offered(self, pid: str, authorization: str | None) -> bool:
        """Return whether there are subscriptions to the data of a token: to streams, and to entities of context
        brokers that speak NGSI-LD. Raises the errors of ``AuthoriseAccess.authorise_read``."""
        return await self._changes.offers(await self._access(pid, authorization))

    async def make(self, pid: str, authorization: str | None, document: Any) -> str:
        """Store a subscription under the transfer of a token; return its id. What comes from now on is sent.

        Raises the errors of ``AuthoriseAccess.authorise_read``, ``InvalidInput``, ``ForbiddenAddress``, and
        ``Conflict`` if there is one of this id, or there are too many."""
        access = await self._access(pid, authorization)
        wish = self._require_wish(document)
        place = await self._changes.place(access)
        return await off_loop(self._add, access, wish, dict(document), place)

    async def all(
        self, pid: str, authorization: str | None, *, limit: int = MOST, offset: int = 0
    ) -> SubscriptionPage:
        """Return the subscriptions of the transfer of a token. Raises the errors of ``authorise_read``."""
        access = await self._access(pid, authorization)
        views = await off_loop(self._of_transfer, access.transfer.pid)
        shown = [self._show(view) for view in views[offset : offset + limit]]
        return SubscriptionPage(documents=shown, count=len(views))

    async def read(self, pid: str, authorization: str | None, subscription_id: str) -> dict[str, Any]:
        """Return a subscription with its status. Raises ``NotFound`` and the errors of ``authorise_read``."""
        access = await self._access(pid, authorization)
        return self._show(await off_loop(self._require, access.transfer.pid, subscription_id))

    async def change(self, pid: str, authorization: str | None, subscription_id: str, patch: Any) -> None:
        """Replace members of a subscription; it goes on where it was. Raises the errors of ``make`` and ``read``."""
        access = await self._access(pid, authorization)
        await off_loop(self._change, access, subscription_id, patch)

    async def remove(self, pid: str, authorization: str | None, subscription_id: str) -> None:
        """End a subscription. Raises the errors of ``read``."""
        access = await self._access(pid, authorization)
        await off_loop(self._remove, access.transfer.pid, subscription_id)

    # people of this node ------------------------------------------------------------------------------------

    def of_node(self, by: Caller) -> Sequence[SubscriptionView]:
        """Return the subscriptions of all partners. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.read() as tx:
            return [self._with_live_progress(view) for view in self._store.all(tx)]

    def failing(self) -> Sequence[SubscriptionView]:
        """Return those that something hinders now."""
        with self._uow.read() as tx:
            views = [self._with_live_progress(view) for view in self._store.all(tx)]
        return [view for view in views if view.progress.is_failing]

    @taken_in_turn
    def end(self, key: str, by: Caller) -> None:
        """End the subscription of a partner, and forget it. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_DATA_SOURCES)
        with self._uow.begin() as tx:
            view = self._store.get(tx, key, lock=True)
            if view is None:
                raise NotFound("there is no such subscription", remedy="for all, see hansa stream subscribers")
            self._drop(tx, view, by.name)

    # ----------------------------------------------------------------------------------------------------------

    def note(self, tx: Transaction, subscription: PartnerSubscription, by: str, event: str, **facts: str) -> None:
        """Enter into the ledger what happened to a subscription."""
        facts = {"source": subscription.id, "place": subscription.receiver, **facts}
        body: Mapping[str, Any] = {"event": event, **facts}
        self._append(tx, EntryKind.AGREEMENT, subscription.agreement, by, dict(body))

    def wish_of(self, subscription: PartnerSubscription) -> SubscriptionWish:
        """Return the wish of a stored subscription, with its secrets."""
        return read_wish(self._whole(subscription))

    async def _access(self, pid: str, authorization: str | None) -> Access:
        return await self._authorise.authorise_read(pid, authorization, part="subscriptions")

    def _require_wish(self, document: Any) -> SubscriptionWish:
        wish = read_wish(document)
        self._receivers.check(wish.uri)
        if wish.expires is not None and wish.expires <= self._clock.now():
            raise InvalidInput("expiresAt lies in the past", remedy="name a later time, or leave it out")
        return wish

    @taken_in_turn
    def _add(self, access: Access, wish: SubscriptionWish, document: dict[str, Any], place: str) -> str:
        now, transfer = self._clock.now(), access.transfer.pid
        document["id"] = wish.id or f"urn:ngsi-ld:Subscription:{new_uuid()}"
        key = key_of(transfer, document["id"])
        with self._uow.begin() as tx:
            self._store.forget(tx, now - KEPT)
            before = self._store.get(tx, key, lock=True)
            if before is not None:
                raise Conflict("there is a subscription with this id", remedy="leave out id, or delete that one")
            if len(self._store.of_transfer(tx, transfer)) >= MOST:
                raise Conflict(f"there are {MOST} subscriptions under this agreement", remedy="delete one of them")
            if self._store.count(tx) >= MOST_OF_NODE:
                raise Conflict("this node has no room for another subscription", remedy="ask its steward")
            subscription = PartnerSubscription(
                key=key,
                id=document["id"],
                transfer=transfer,
                agreement=access.agreement.id,
                partner=access.grant.recipient,
                document=without_values(document),
                secrets=self._seal(document),
                at=now,
            )
            progress = _with_activity(SubscriptionProgress(place=place), wish.is_active, now)
            self._store.put(tx, subscription, progress)
            self.note(tx, subscription, access.grant.recipient, "subscription-made")
            tx.after_commit(self.wake)
        return subscription.id

    @taken_in_turn
    def _change(self, access: Access, subscription_id: str, patch: Any) -> None:
        now = self._clock.now()
        with self._uow.begin() as tx:
            view = self._store.get(tx, key_of(access.transfer.pid, subscription_id), lock=True)
            if view is None:
                raise _unknown()
            # This process may be further than what it has stored.
            progress = self._with_live_progress(view).progress
            if progress.state is SubscriptionState.ENDED:
                raise Conflict("this subscription has ended", remedy="make another one")
            document = apply_patch(self._whole(view.subscription), patch)
            wish = self._require_wish(document)
            subscription = replace(view.subscription, document=without_values(document), secrets=self._seal(document))
            self._store.put(tx, subscription, _with_activity(progress, wish.is_active, now))
            self.note(tx, subscription, access.grant.recipient, "subscription-changed")
            tx.after_commit(self.wake)

    @taken_in_turn
    def _remove(self, transfer: str, subscription_id: str) -> None:
        with self._uow.begin() as tx:
            view = self._store.get(tx, key_of(transfer, subscription_id), lock=True)
            if view is None:
                raise _unknown()
            self._drop(tx, view, view.subscription.partner)

    def _drop(self, tx: Transaction, view: SubscriptionView, by: str) -> None:
        self._store.drop(tx, view.subscription.key)
        self.note(tx, view.subscription, by, "subscription-removed")
        tx.after_commit(self.wake)

    def _of_transfer(self, transfer: str) -> Sequence[SubscriptionView]:
        with self._uow.read() as tx:
            return self._store.of_transfer(tx, transfer)

    def _require(self, transfer: str, subscription_id: str) -> SubscriptionView:
        with self._uow.read() as tx:
            view = self._store.get(tx, key_of(transfer, subscription_id))
        if view is None:
            raise _unknown()
        return view

    def _with_live_progress(self, view: SubscriptionView) -> SubscriptionView:
        progress = self.live(view.subscription.key)
        return view if progress is None else replace(view, progress=progress)

    def _show(self, view: SubscriptionView) -> dict[str, Any]:
        """Return a subscription as its owner reads it (§5.2.12): with its status, without secrets."""
        view = self._with_live_progress(view)
        document, progress = view.subscription.document, view.progress
        notification = {
            **document["notification"],
            "status": "failed" if progress.error else "ok",
            "timesSent": progress.notifications + progress.failures,
            "timesFailed": progress.failures,
            **_moments(progress),
        }
        state = "paused" if progress.state is SubscriptionState.ENDED else str(progress.state)
        reason = {"error": progress.error, "remedy": progress.remedy} if progress.error else {}
        return {
            **document,
            "isActive": progress.state is SubscriptionState.ACTIVE,
            "status": state,
            "notification": {**notification, **reason, "deadLetters": view.dead},
        }

    def _seal(self, document: Mapping[str, Any]) -> bytes | None:
        endpoint = document["notification"]["endpoint"]
        values = {name: endpoint[name] for name in _PARTS if endpoint.get(name)}
        return self._keyring.wrap(canonical(values)) if values else None

    def _whole(self, subscription: PartnerSubscription) -> dict[str, Any]:
        """Return the document with the values of its headers."""
        document = subscription.document
        if subscription.secrets is None:
            return dict(document)
        values = read_object(self._keyring.unwrap(subscription.secrets))
        notification = document["notification"]
        endpoint = {**notification["endpoint"], **values}
        return {**document, "notification": {**notification, "endpoint": endpoint}}


def _with_activity(progress: SubscriptionProgress, is_active: bool, now: datetime) -> SubscriptionProgress:
    """Return the progress of a subscription that its owner wants active, or paused."""
    if not is_active:
        return replace(progress, state=SubscriptionState.PAUSED, ended=now)
    return replace(
        progress,
        state=SubscriptionState.ACTIVE,
        failing_since=None,
        ended=None,
        code="",
        error="",
        remedy="",
        reasons=(),
    )


def _moments(progress: SubscriptionProgress) -> dict[str, str]:
    moments = {
        "lastNotification": progress.last_sent,
        "lastSuccess": progress.last_success,
        "lastFailure": progress.last_failure,
    }
    return {name: stamp(at) for name, at in moments.items() if at is not None}


def _unknown() -> NotFound:
    return NotFound("there is no such subscription", remedy="for all, ask for …/subscriptions")
