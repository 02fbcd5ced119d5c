"""The checks that a running node makes of itself: each with its result, and where a fault is mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.work import Outbox, UnitOfWork
from node.catalogue.model import QUARANTINE
from node.catalogue.ports import FollowStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.operation.consumption import Consumption, DailyLoad
from node.operation.live_faults import LiveFaults
from node.operation.storage import newest_backup

LITTLE_SPACE: Final = 2 << 30
"""Bytes that should be free on the disk of the data folder."""
OLD_BACKUP: Final = timedelta(days=7)
WORTH_KEEPING: Final = 20
"""Ledger entries of a node that should have a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """The result of a check. ``code`` names its text, and ``facts`` fill it; ``path`` is a page that helps, and
    ``command`` mends a fault in the terminal."""

    code: str
    well: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        members = {"code": self.code, "well": self.well, **self.facts}
        return members | {name: value for name in ("path", "command") if (value := getattr(self, name))}


class Status(Protocol):
    """The status of a running node."""

    async def facts(self) -> dict[str, Any]: ...

    async def readiness(self) -> tuple[dict[str, str], dict[str, int]]: ...


class Checkup:
    """Checks a running node. ``has_wrapped_keys`` returns whether its keys are encrypted with an external key."""

    def __init__(
        self,
        status: Status,
        *,
        uow: UnitOfWork,
        outbox: Outbox,
        follows: FollowStore,
        clock: Clock,
        folder: Path,
        backups: Path | None,
        has_wrapped_keys: Callable[[], bool],
        consumption: Consumption,
        live_faults: LiveFaults,
    ) -> None:
        """``folder`` is the data folder; ``backups`` is None if the database has tools of its own for them."""
        self._status = status
        self._uow = uow
        self._outbox = outbox
        self._follows = follows
        self._clock = clock
        self._folder = folder
        self._backups = backups
        self._has_wrapped_keys = has_wrapped_keys
        self.consumption = consumption
        self._live_faults = live_faults

    async def facts(self, by: Caller) -> dict[str, Any]:
        """Return the identity and the figures of the node. Raises ``NotAllowed``."""
        require(by, UseCase.READ_OPERATION)
        return await self._status.facts()

    def daily_load(self, by: Caller) -> DailyLoad:
        """Return the work that callers made in the last day. Raises ``NotAllowed``."""
        require(by, UseCase.READ_OPERATION)
        return self.consumption.last_day()

    async def checks(self, by: Caller) -> list[HealthCheck]:
        """Return all checks, faults first. Raises ``NotAllowed``."""
        require(by, UseCase.READ_OPERATION)
        facts = await self._status.facts()
        unready, views = await self._status.readiness()
        wrong = {**facts["wrong"], **unready}
        reasons = "; ".join(f"{name}: {reason}" for name, reason in wrong.items())
        results = [
            HealthCheck(code="running", well=not wrong, facts={"wrong": reasons}),
            HealthCheck(code="views", well=not unready, facts={"percent": min(views.values(), default=100)}),
            *_inference_checks(facts["inferences"]),
            *await run_sync(self._stored_checks, int(facts["ledger"])),
            await run_sync(self._live_check),
            *(
                HealthCheck(
                    code="limited", well=False, facts={"what": name, "reason": reason}, command="hansa doctor"
                )
                for name, reason in facts["limited"].items()
            ),
        ]
        return sorted(results, key=lambda check: check.well)

    def _stored_checks(self, entries: int) -> list[HealthCheck]:
        with self._uow.read() as tx:
            dead, waiting = self._outbox.dead_count(tx), self._outbox.waiting(tx)
            followed = self._follows.all(tx)
        failing = [one.name for one in followed if one.last_error or one.state == QUARANTINE]
        free = shutil.disk_usage(self._folder).free
        return [
            HealthCheck(
                code="deliveries", well=not dead, facts={"count": dead, "waiting": waiting}, path="/deliveries"
            ),
            HealthCheck(
                code="peers",
                well=not failing,
                facts={"count": len(failing), "all": len(followed), "names": ", ".join(failing[:5])},
                path="/members",
            ),
            HealthCheck(code="disk", well=free > LITTLE_SPACE, facts={"free": free}, path="/operate/storage"),
            *self._backup_check(entries),
            HealthCheck(code="keys", well=True, facts={"wrapped": self._has_wrapped_keys()}, path="/keys"),
        ]

    def _live_check(self) -> HealthCheck:
        items = [fault.item() for fault in self._live_faults()]
        reasons = [f"{item.name}, since {item.facts['since']}: {item.facts['error']}" for item in items[:5]]
        return HealthCheck(
            code="live",
            well=not items,
            facts={"count": len(items), "reason": "; ".join(reasons)},
            command="hansa status",
        )

    def _backup_check(self, entries: int) -> list[HealthCheck]:
        if self._backups is None:
            return []
        newest = newest_backup(self._backups)
        old = newest is None or self._clock.now() - newest.at > OLD_BACKUP
        facts = {"at": newest.at} if newest else {}
        well = not old or (newest is None and entries < WORTH_KEEPING)
        return [
            HealthCheck(code="backup", well=well, facts=facts, path="/operate/storage", command="hansa backup FOLDER")
        ]


def _inference_checks(inferences: Mapping[str, Any]) -> list[HealthCheck]:
    """Return the check of inferences in the SPARQL view, once somebody has asked for some."""
    if not any(inferences.get(name) for name in ("kept", "outdated", "refusals")):
        return []
    refusals = inferences["refusals"]
    facts = {**inferences, "reason": "; ".join(refusals)}
    return [HealthCheck(code="inferences", well=not refusals, facts=facts, path="/sparql")]
