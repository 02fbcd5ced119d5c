"""Sources that are harvested on a schedule: their stored data, their runs, and the time of the next run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput
from node.base.work import Transaction

TOPIC: Final = "harvest"
SHORTEST: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(days=366)
FIRST_PAUSE: Final = timedelta(minutes=5)
"""The pause after a run that failed; each further failure doubles it."""
LONGEST_PAUSE: Final = timedelta(days=1)
MOST_JITTER: Final = timedelta(minutes=5)
MISSED: Final = timedelta(minutes=10)
"""A run that has been due for longer was missed, because the node was off."""

_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_EVERY: Final = re.compile(r"([1-9][0-9]{0,5})([mhdw])", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class RunState(StrEnum):
    """The state of a run. ``REFUSED``: the person who registered the source may no longer harvest."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledSource:
    """A source that is harvested at regular intervals.

    ``options`` are the members of ``HarvestOrder`` other than the address. Runs act in the name of ``by``, the login
    of the person who registered the source. ``due`` is when the next run begins; None while the source is paused.
    ``run`` is the id of the run that waits or is in progress. ``failures`` counts the failed runs since the last
    successful one.
    """

    name: str
    url: str
    every: str
    options: Mapping[str, Any] = field(default_factory=dict)
    by: str
    at: datetime
    due: datetime | None
    run: str | None = None
    failures: int = 0

    @property
    def is_paused(self) -> bool:
        return self.due is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a source.

    ``attempt`` is above 1 if the run was interrupted and resumed. ``opened`` and ``counts`` are those of the report;
    ``problem`` has the reason of a failure in English, with the remedy and its case for other languages (``facts``).
    """

    id: str
    source: str
    by: str
    queued: datetime
    state: RunState
    attempt: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    opened: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Some lines of the report of a run: the number of lines of each outcome, and the lines, packed."""

    number: int
    outcomes: Mapping[str, int]
    body: bytes


class ScheduleStore(Protocol):
    """Scheduled sources, their runs, and the reports of the runs."""

    def source(self, tx: Transaction, name: str, *, lock: bool = False) -> ScheduledSource | None:
        """Return the source of this name; with ``lock`` nobody else changes it until the transaction ends."""

    def sources(self, tx: Transaction) -> Sequence[ScheduledSource]:
        """All sources, by name."""

    def due(self, tx: Transaction, now: datetime) -> Sequence[str]:
        """The names of sources that have a run, or whose next run is due by ``now``."""

    def save_source(self, tx: Transaction, source: ScheduledSource) -> None:
        """Set or replace."""

    def drop_source(self, tx: Transaction, name: str) -> None:
        """Forget a source, its runs and their reports."""

    def run(self, tx: Transaction, run_id: str, *, lock: bool = False) -> Run | None:
        """A run by its id."""

    def runs(self, tx: Transaction, source: str, limit: int) -> Sequence[Run]:
        """The newest runs of a source, newest first."""

    def save_run(self, tx: Transaction, run: Run) -> None:
        """Set or replace."""

    def keep_runs(self, tx: Transaction, source: str, keep: int) -> None:
        """Forget all but the newest ``keep`` runs of a source, with their reports."""

    def outcomes(self, tx: Transaction, run_id: str) -> Sequence[tuple[int, Mapping[str, int]]]:
        """The number and the outcomes of each sheet of a report, in order."""

    def sheet(self, tx: Transaction, run_id: str, number: int) -> Sheet | None:
        """One sheet of a report."""

    def save_sheet(self, tx: Transaction, run_id: str, sheet: Sheet) -> None:
        """Set or replace."""

    def drop_sheets(self, tx: Transaction, run_id: str, start: int) -> None:
        """Forget the sheets of a report from number ``start`` on."""


def interval(every: str) -> timedelta:
    """Return the time that ``every`` states: ``30m``, ``12h``, ``1d``, ``2w``. Raises ``InvalidInput``."""
    match = _EVERY.fullmatch(every)
    length = int(match[1]) * _UNITS[match[2]] if match else timedelta()
    if not SHORTEST <= length <= LONGEST:
        raise InvalidInput(
            f"{every!r} is not a time between two runs",
            remedy="write a number and m, h, d or w, from 15m to 366d: 1d",
        )
    return length


def check_name(name: str) -> str:
    """Return ``name``. Raises ``InvalidInput`` if it cannot be the name of a source."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a source",
            remedy="use up to 63 of a-z, 0-9 and hyphens, such as ghent-open-data",
        )
    return name


def pause_after(failures: int, every: timedelta) -> timedelta:
    """Return the pause after so many failures in a row; the usual interval if there are none.

    The first retry comes soon, and each further pause is twice as long, up to a day, or ``every`` if that is longer.
    """
    if not failures:
        return every
    growing: timedelta = FIRST_PAUSE * 2 ** min(failures - 1, 16)
    return min(max(every, LONGEST_PAUSE), growing)


def jitter(pause: timedelta, share: float) -> timedelta:
    """Return a part of ``pause``, a twentieth at most, so that many sources of one portal do not run in step.
    ``share`` is random, from 0 to 1."""
    return min(pause / 20, MOST_JITTER) * share
