"""Webhooks as stewards manage them: register, test, pause, resume, remove, and send dead letters again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, ForbiddenAddress, InvalidInput, NotFound, PeerUnreachable
from node.base.ids import new_urn
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receivers, answer_of
from node.exchange.signatures import new_secret, text_of_secret
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append, LedgerStore
from node.operation.webhooks.dispatch import WebhookDispatch
from node.operation.webhooks.events import ALL_KINDS, EventTexts
from node.operation.webhooks.lineage import is_lineage
from node.operation.webhooks.model import (
    Course,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookStore,
    check_webhook_name,
)
from node.operation.webhooks.queue import MOST_WAITING, WebhookTasks

MOST: Final = 50
"""The most webhooks of a node."""
MOST_LISTED: Final = 200
"""The most deliveries in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook, and how many events wait for it or are dead letters."""

    webhook: Webhook
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTrial:
    """The end of a test. ``status`` is that of the answer, None if there was none or a broker has the event;
    ``answer`` says it in words."""

    passed: bool
    status: int | None
    answer: str
    remedy: str = ""


class Webhooks:
    """The webhooks of the node. Synchronous but for ``test``: call it in a thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: WebhookStore,
        ledger: LedgerStore,
        receivers: Receivers,
        dispatch: WebhookDispatch,
        texts: EventTexts,
        tasks: WebhookTasks,
        keyring: KeyRing,
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._ledger = ledger
        self._receivers = receivers
        self._dispatch = dispatch
        self._texts = texts
        self._tasks = tasks
        self._keyring = keyring
        self._append = append
        self._clock = clock

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of events, with what they tell."""
        return ALL_KINDS

    @taken_in_turn
    def add(
        self, name: str, address: str, by: Caller, *, kinds: Iterable[str] = (), is_signed: bool = True
    ) -> tuple[WebhookView, str]:
        """Register a webhook for events of these ``kinds``, of all without any, from now on. Return it with the
        secret of its signatures, which is never shown again; empty if nothing is signed.

        Raises ``NotAllowed``, ``InvalidInput``, ``ForbiddenAddress``, and ``Conflict`` if there is one of this name.
        """
        require(by, UseCase.MANAGE_WEBHOOKS)
        check_webhook_name(name)
        address = address.strip()
        self._receivers.check(address)
        selection = _check_kinds(kinds)
        secret = new_secret() if is_signed else None
        with self._uow.begin() as tx:
            if len(self._store.all(tx)) >= MOST:
                raise Conflict(f"this node has {MOST} webhooks already", remedy="remove one that is not needed")
            webhook = Webhook(
                name=name,
                address=address,
                kinds=selection,
                secret=None if secret is None else self._keyring.wrap(secret),
                position=self._ledger.size(tx),
                by=by.name,
                at=self._clock.now(),
            )
            if not self._store.add(tx, webhook):
                raise Conflict(
                    f"there is a webhook {name} already",
                    remedy=f"choose another name, or remove it first: hansa webhook remove {word(name)}",
                )
            self._note(tx, webhook, by, "registered")
        return WebhookView(webhook=webhook, waiting=0, dead=0), "" if secret is None else text_of_secret(secret)

    def all(self, by: Caller) -> Sequence[WebhookView]:
        """Return all webhooks, by name. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.read() as tx:
            return [self._view(tx, webhook) for webhook in self._store.all(tx)]

    def webhook(self, name: str, by: Caller) -> WebhookView:
        """Return one. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.read() as tx:
            return self._view(tx, self._require(tx, name))

    def deliveries(
        self, name: str, by: Caller, *, state: DeliveryState | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        """Return the events for a webhook, the newest first; those in one state if it is given. Raises
        ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.read() as tx:
            self._require(tx, name)
            return self._store.deliveries(tx, name, state=state, limit=min(limit, MOST_LISTED), offset=offset)

    async def test(self, name: str, by: Caller) -> WebhookTrial:
        """Send an event of the kind ``hansa.webhook.test`` at once, and return what came of it. A paused webhook can
        be tested too. Raises ``NotAllowed``, ``NotFound``."""
        webhook = (await off_loop(self.webhook, name, by)).webhook
        event_id = new_urn()
        body = self._texts.test_text(event_id, webhook, stamp(self._clock.now()))
        try:
            headers = await off_loop(self._dispatch.headers, webhook, event_id, body)
            receipt = await self._receivers.post(webhook.address, headers, body)
        except (PeerUnreachable, ForbiddenAddress) as error:
            return WebhookTrial(passed=False, status=None, answer=error.detail, remedy=error.remedy)
        is_success = 200 <= receipt.status < 300
        remedy = "" if is_success else "look into the log of the receiver, and test again"
        status = None if receipt.words else receipt.status
        return WebhookTrial(passed=is_success, status=status, answer=answer_of(receipt), remedy=remedy)

    @taken_in_turn
    def pause(self, name: str, by: Caller) -> WebhookView:
        """Send nothing until the webhook is resumed; what happens meanwhile waits. Raises ``NotAllowed``,
        ``NotFound``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.begin() as tx:
            webhook = self._require(tx, name, lock=True)
            if not webhook.paused:
                webhook = replace(webhook, paused=True, reason=f"{by.name} paused it")
                self._store.put(tx, webhook)
                self._tasks.withdraw(tx, self._store, name)
                self._note(tx, webhook, by, "paused")
            return self._view(tx, webhook)

    @taken_in_turn
    def resume(self, name: str, by: Caller) -> WebhookView:
        """Go on where it was paused: what happened meanwhile is sent in its order. Raises ``NotAllowed``,
        ``NotFound``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.begin() as tx:
            webhook = self._require(tx, name, lock=True)
            if webhook.paused:
                # What it could not do before the pause does not count against it. What it refused stays aside.
                webhook = replace(webhook, paused=False, reason="")
                self._store.put(tx, webhook)
                waiting = self._store.deliveries(tx, name, state=DeliveryState.WAITING, limit=MOST_WAITING)
                for delivery in sorted(waiting, key=lambda waiting: waiting.seq):
                    fresh = replace(delivery, attempts=0, course=replace(delivery.course, since=None))
                    self._store.put_delivery(tx, self._tasks.assign(tx, webhook, fresh))
                self._note(tx, webhook, by, "resumed")
            return self._view(tx, webhook)

    @taken_in_turn
    def remove(self, name: str, by: Caller) -> None:
        """Forget a webhook, its secret and what waits for it. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.begin() as tx:
            webhook = self._require(tx, name, lock=True)
            self._tasks.withdraw(tx, self._store, name)
            self._store.drop(tx, name)
            self._note(tx, webhook, by, "removed")

    @taken_in_turn
    def retry(self, name: str, by: Caller, *, delivery_id: str = "") -> int:
        """Send a dead letter of a webhook again, or all of them, aside from new events; return how many.

        Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` if the webhook is paused.
        """
        require(by, UseCase.MANAGE_WEBHOOKS)
        with self._uow.begin() as tx:
            webhook = self._require(tx, name, lock=True)
            dead = list(self._store.deliveries(tx, name, state=DeliveryState.DEAD, limit=MOST_WAITING))
            letters = [letter for letter in dead if delivery_id in ("", letter.id)]
            if delivery_id and not letters:
                raise NotFound(
                    "there is no such dead letter of this webhook", remedy=f"see hansa webhook show {word(name)}"
                )
            if webhook.paused and letters:
                raise Conflict("the webhook is paused", remedy=f"first: hansa webhook resume {word(name)}")
            now = self._clock.now()
            for letter in sorted(letters, key=lambda letter: letter.seq):
                course = Course(task="", aside=True)
                fresh = replace(letter, state=DeliveryState.WAITING, attempts=0, changed=now, course=course)
                self._store.put_delivery(tx, self._tasks.assign(tx, webhook, fresh))
            return len(letters)

    def _require(self, tx: Transaction, name: str, *, lock: bool = False) -> Webhook:
        webhook = self._store.get(tx, name, lock=lock)
        if webhook is None:
            raise NotFound(f"there is no webhook {name[:80]}", remedy="for all webhooks, see hansa webhook list")
        return webhook

    def _view(self, tx: Transaction, webhook: Webhook) -> WebhookView:
        counts = self._store.counts(tx, webhook.name)
        return WebhookView(
            webhook=webhook,
            waiting=counts.get(DeliveryState.WAITING, 0),
            dead=counts.get(DeliveryState.DEAD, 0),
        )

    def _note(self, tx: Transaction, webhook: Webhook, by: Caller, change: str) -> None:
        body: dict[str, Any] = {"webhook": webhook.name, "change": change}
        self._append(tx, EntryKind.NODE, f"webhook {webhook.name}", by.name, body)


def _check_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of events in the order of the list; none: all CloudEvents. Raises ``InvalidInput``."""
    selection = set(kinds)
    unknown = sorted(selection - set(ALL_KINDS))
    if unknown:
        raise InvalidInput(
            f"there are no events of the kind {unknown[0][:80]}", remedy=f"one of: {', '.join(ALL_KINDS)}"
        )
    if len({is_lineage(kind) for kind in selection}) > 1:
        raise InvalidInput(
            "a receiver takes CloudEvents or events of OpenLineage, which have another form",
            remedy="register two webhooks, with the same address if it takes both",
        )
    return tuple(kind for kind in ALL_KINDS if kind in selection)
