"""Webhooks over the stores of a test, without a node, and with a clock that can jump."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from node.base.clock import Clock, SystemClock
from node.base.delivery import OutboxWriter
from node.ledger.model import Entry, EntryKind
from node.operation.webhooks.dispatch import WebhookDispatch
from node.operation.webhooks.events import EventTexts
from node.operation.webhooks.model import TOPIC
from node.operation.webhooks.queue import QueueEvents, WebhookTasks
from node.operation.webhooks.usecases import Webhooks
from node.worker.loop import Pace, Worker
from node.worker.webhooks import WebhookHandler
from tests.fakes.clock import JumpingClock
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.people import person
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.stores import Stores

ME = "did:web:gent.example"
EVA = person("eva")


class Bench:
    """Webhooks over the stores of a test, without a node."""

    def __init__(
        self, stores: Stores, receivers: MemoryReceivers, *, clock: Clock | None = None, pause: float = 0.01
    ) -> None:
        """``pause``: seconds between attempts. ``notes`` collects what is entered into the ledger."""
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.stores, self.clock = stores, clock or SystemClock()
        self.receivers = receivers
        store, keyring = stores.webhooks, MemoryKeyRing(ME)
        self.tasks = WebhookTasks(OutboxWriter(stores.outbox, lambda: None), self.clock)
        texts = EventTexts(ME, records=stores.records, negotiations=stores.negotiations, transfers=stores.transfers)
        pace: Any = type("Brief", (), {"delay": lambda _, n: pause})()
        self.dispatch = WebhookDispatch(
            stores.uow,
            store,
            ledger=stores.ledger,
            texts=texts,
            tasks=self.tasks,
            keyring=keyring,
            append=self._append,
            clock=self.clock,
            pace=pace,
        )
        self.queue = QueueEvents(stores.uow, store, ledger=stores.ledger, tasks=self.tasks, clock=self.clock, me=ME)
        self.webhooks = Webhooks(
            uow=stores.uow,
            store=store,
            ledger=stores.ledger,
            receivers=receivers,
            dispatch=self.dispatch,
            texts=texts,
            tasks=self.tasks,
            keyring=keyring,
            append=self._append,
            clock=self.clock,
        )

    def _append(self, tx: Any, kind: EntryKind, subject: str, by: str, body: Any, at: Any = None) -> Any:
        self.notes.append((by, dict(body)))

    def worker(self, name: str) -> Worker:
        return Worker(
            uow=self.stores.uow,
            outbox=self.stores.outbox,
            handlers={TOPIC: WebhookHandler(self.dispatch, self.receivers, self.clock)},
            clock=self.clock,
            instance=name,
            pace=Pace(poll=0.05),
            embedded=self.stores.kind == "sqlite",
            lengthy={TOPIC},
            narrow={TOPIC},
        )

    def happen(self, first: int, count: int) -> None:
        """Let runs succeed, numbered from ``first``."""
        for number in range(first, first + count):
            body = {"run": f"urn:r{number}", "state": "successful", "scenario": "urn:s"}
            self.enter(EntryKind.RUN, f"urn:r{number}", body, f"urn:e{number}")

    def enter(self, kind: EntryKind, subject: str, body: dict[str, Any], entry_id: str = "urn:e") -> None:
        """Write an entry into the ledger, and number it."""
        content = json.dumps(body).encode()
        at = datetime.now(UTC)
        with self.stores.uow.begin() as tx:
            entry = Entry(id=entry_id, kind=kind, subject=subject, at=at, by="eva", body=content)
            self.stores.ledger.append(tx, entry)
            size = self.stores.ledger.size(tx, lock=True)
            self.stores.ledger.number(tx, [entry], size)

    def states(self, name: str = "one") -> Counter[str]:
        with self.stores.uow.read() as tx:
            return Counter({str(state): n for state, n in self.stores.webhooks.counts(tx, name).items()})

    def subjects(self) -> list[str]:
        return [json.loads(body)["subject"] for _, _, body in self.receivers.requests]

    def drive(self, most: int = 400) -> int:
        """Carry out tasks one after the other while the clock jumps to each; return how many attempts this took."""
        worker, clock = self.worker("driver"), self.clock
        assert isinstance(clock, JumpingClock)

        async def work() -> int:
            attempts = 0
            while attempts < most:
                tasks = worker.lease(1)
                if tasks:
                    attempts += 1
                    worker.conclude(tasks[0], await worker.handle(tasks[0]))
                    continue
                with self.stores.uow.read() as tx:
                    due = self.stores.outbox.next_due(tx)
                if due is None:
                    break
                clock.by += max(due - clock.now(), timedelta()) + timedelta(seconds=1)
            return attempts

        return asyncio.run(work())
