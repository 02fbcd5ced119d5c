"""The status of a node: facts for its people, readiness for a service manager, figures for a monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.base.errors import HansaError
from node.base.work import Outbox, UnitOfWork
from node.catalogue.ports import RecordStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.identity.scrapers import Monitor
from node.ledger.ports import LedgerStore
from node.worker.follower import MOST_BEHIND
from node.worker.loop import Worker
from node.worker.views import FollowLedger

READY_SECONDS = 2
"""Seconds that the database of a ready node may take to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """Facts that change while a node runs, read anew each time: its region, its rulebook, its faults and limits."""

    region: Callable[[], str | None]
    rulebook: Callable[[], Mapping[str, Any] | None]
    wrong: Callable[[], dict[str, str]]
    limits: Callable[[], dict[str, str]]
    followers: Callable[[], int] = lambda: 0
    """Returns how many followers wait for a change of the feed."""
    inferences: Callable[[], Mapping[str, Any]] = dict
    """Returns which inferences of the graph view are kept, out of date, being drawn or refused."""


class NodeStatus:
    """Reads queue, ledger and views. ``about`` holds the constant facts: DID, name, address, version."""

    def __init__(
        self,
        about: Mapping[str, Any],
        live: LiveFacts,
        *,
        uow: UnitOfWork,
        ledger: LedgerStore,
        records: RecordStore,
        outbox: Outbox,
        worker: Worker,
        following: FollowLedger,
    ) -> None:
        self._about = about
        self._live = live
        self._uow = uow
        self._ledger = ledger
        self._records = records
        self._outbox = outbox
        self._worker = worker
        self._following = following

    async def facts(self) -> dict[str, Any]:
        """Return the identity and the status of this node."""

        def read() -> tuple[int, dict[str, int], int]:
            with self._uow.read() as tx:
                return self._ledger.size(tx), self._records.count(tx), self._outbox.waiting(tx)

        size, kinds, waiting = await run_sync(read)
        return {
            **self._about,
            "ledger": size,
            "records": kinds,
            "waiting": waiting,
            "views": self._following.positions,
            "inferences": self._live.inferences(),
            "region": self._live.region() or None,
            "rulebook": await run_sync(self._live.rulebook),
            "wrong": self._live.wrong(),
            "limited": self._live.limits(),
        }

    async def readiness(self) -> tuple[dict[str, str], dict[str, int]]:
        """Return the reasons why the node is not ready, by name; and the percentage of the ledger that each view
        shows."""

        def counts() -> tuple[int, int]:
            with self._uow.read() as tx:
                return self._ledger.size(tx), self._ledger.count_unnumbered(tx)

        try:
            async with asyncio.timeout(READY_SECONDS):
                total, waiting = await run_sync(counts)
        except (TimeoutError, HansaError) as error:
            return {"database": f"{type(error).__name__}"}, {}
        positions = self._following.positions
        behind = {name: total - at for name, at in positions.items()}
        wrong = {f"view {name}": f"{count} entries behind" for name, count in behind.items() if count > MOST_BEHIND}
        if waiting > MOST_BEHIND:
            wrong["numbering"] = f"{waiting} entries wait for their number, and views cannot show them"
        # A view in memory is filled at each start: until that begins, it shows nothing.
        wrong |= {f"view {name}": "has not begun" for name in self._following.unknown}
        return wrong, {name: min(100, at * 100 // max(total, 1)) if total else 100 for name, at in positions.items()}

    async def gauges(self, by: Caller | Monitor) -> dict[str, tuple[str, float]]:
        """Return the metrics: the state of queue, ledger and views. Raises ``NotAllowed``."""
        if not isinstance(by, Monitor):
            require(by, UseCase.READ_METRICS)

        def read() -> tuple[int, int, int, int]:
            with self._uow.read() as tx:
                waiting_entries = self._ledger.count_unnumbered(tx)
                return self._ledger.size(tx), waiting_entries, self._outbox.waiting(tx), self._outbox.dead_count(tx)

        size, waiting_entries, waiting, dead = await run_sync(read)
        figures = {
            "ledger_entries": ("Numbered entries of the ledger.", float(size)),
            "ledger_unnumbered": ("Committed entries that wait for their number.", float(waiting_entries)),
            "outbox_waiting": ("Tasks that wait or run.", float(waiting)),
            "outbox_dead": ("Dead letters.", float(dead)),
            "outbox_running": ("Tasks that run.", float(self._worker.busy)),
            "feed_followers": ("Followers that wait for a change of the feed.", float(self._live.followers())),
            "healthy": ("1 if there is no problem.", 0.0 if self._live.wrong() else 1.0),
        }
        inferences = self._live.inferences()
        if inferences:
            outdated, statements = inferences["outdated"], inferences["statements"]
            figures["inferences_outdated"] = ("Groups of callers whose inferences are out of date.", float(outdated))
            figures["inferences_statements"] = ("Statements that were inferred and are kept.", float(statements))
        for name, at in self._following.positions.items():
            figures[f"view_{name}_behind"] = (
                f"Entries that the {name} view has not processed.",
                float(max(size - at, 0)),
            )
        return figures
