"""Harvest on a schedule: register a source, run it now, pause it, read the reports of its runs.

When a source is due, its run becomes a task of the outbox: it survives a restart, and one process carries it out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.ids import new_urn
from node.base.plaintext import word
from node.base.turns import in_turn, taken_in_turn
from node.base.work import Outbox, Transaction, UnitOfWork
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import Import, check_source_name
from node.catalogue.harvest.kept_report import ReportReader
from node.catalogue.harvest.schedule import (
    MISSED,
    MOST_JITTER,
    TOPIC,
    Run,
    RunState,
    ScheduledSource,
    ScheduleStore,
    check_name,
    interval,
)
from node.identity.model import Caller as Person
from node.identity.roles import UseCase, require

KEPT: Final = 10
"""The number of newest runs of a source that are kept, with their reports."""
MOST: Final = 500
"""The most sources of a node."""
LATEST: Final = "latest"
_MAX_URL: Final = 2048
_OPTIONS: Final[Mapping[str, Any]] = {"source": "", "audience": None, "rules": [], "agreed": False, "fewer": False}


class Schedules:
    """Sources that are harvested automatically. Synchronous: call it in a thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: ScheduleStore,
        outbox: Outbox,
        outbox_writer: OutboxWriter,
        clock: Clock,
        imports: Import,
        share: Callable[[], float] = random.random,
    ) -> None:
        """``share`` returns random numbers from 0 to 1, so that missed runs begin at different times."""
        self._uow = uow
        self._store = store
        self._outbox = outbox
        self._outbox_writer = outbox_writer
        self._clock = clock
        self._imports = imports
        self._share = share
        self.reports = ReportReader(uow, store)

    @taken_in_turn
    def register(self, name: str, url: str, every: str, options: Mapping[str, Any], by: Person) -> ScheduledSource:
        """Harvest ``url`` at regular intervals from now on, in the name of ``by``; the first run begins at once.

        ``options`` are members of ``HarvestOrder``. A source of this name is replaced, and keeps its reports. Raises
        ``NotAllowed``, ``InvalidInput``, and ``Conflict`` if another source has this address.
        """
        require(by, UseCase.SCHEDULE_HARVESTS)
        check_name(name)
        interval(every)
        url = _checked_url(url)
        options = {member: options.get(member, usual) for member, usual in _OPTIONS.items()}
        check_source_name(options["source"])
        self._imports.check_order(ImportOrder(body=b"", media_type="", audience=options["audience"]), by)
        _check_rules(options["rules"])
        now = self._clock.now()
        with self._uow.begin() as tx:
            before = self._store.source(tx, name, lock=True)
            others = [source for source in self._store.sources(tx) if source.name != name]
            twin = next((source.name for source in others if source.url == url), None)
            if twin is not None:
                raise Conflict(f"{url} is harvested as {twin} already", remedy=f"hansa harvest remove {word(twin)}")
            if before is None and len(others) >= MOST:
                raise Conflict(f"this node has {MOST} sources already", remedy="remove one that is not needed")
            if before is not None and before.run is not None and before.url != url:
                raise Conflict(f"{name} is being harvested", remedy="wait until that run has ended")
            source = ScheduledSource(
                name=name,
                url=url,
                every=every,
                options=options,
                by=by.name,
                at=now,
                due=now,
                run=before.run if before else None,
            )
            if source.run is None:
                source = self._queue(tx, source, now)
            self._store.save_source(tx, source)
        return source

    def all(self) -> list[tuple[ScheduledSource, Run | None]]:
        """Every source with its newest run."""
        with self._uow.read() as tx:
            return [
                (source, next(iter(self._store.runs(tx, source.name, 1)), None)) for source in self._store.sources(tx)
            ]

    def source(self, name: str) -> tuple[ScheduledSource, Sequence[Run]]:
        """A source, and its runs, newest first. Raises ``NotFound``."""
        with self._uow.read() as tx:
            return self._require(tx, name), self._store.runs(tx, name, KEPT)

    def run(self, name: str, run_id: str) -> Run:
        """A run of a source by its id, or the ``latest``. Raises ``NotFound``."""
        with self._uow.read() as tx:
            self._require(tx, name)
            if run_id == LATEST:
                run = next(iter(self._store.runs(tx, name, 1)), None)
            else:
                run = self._store.run(tx, run_id)
        if run is None or run.source != name:
            raise NotFound("there is no such run", remedy=f"hansa harvest list {word(name)}")
        return run

    @taken_in_turn
    def run_now(self, name: str, by: Person) -> Run:
        """Begin a run at once. Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` while one is not over."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.begin() as tx:
            source = self._require(tx, name, lock=True)
            if source.run is not None:
                raise Conflict(f"{name} is being harvested already", remedy="wait until that run has ended")
            source = self._queue(tx, source, self._clock.now())
            self._store.save_source(tx, source)
            run = self._store.run(tx, source.run or "")
        assert run is not None
        return run

    @taken_in_turn
    def pause(self, name: str, by: Person) -> ScheduledSource:
        """Pause the source: begin no further runs. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.begin() as tx:
            source = replace(self._require(tx, name, lock=True), due=None)
            self._store.save_source(tx, source)
        return source

    @taken_in_turn
    def resume(self, name: str, by: Person) -> ScheduledSource:
        """Begin the next run now, and go on by the schedule. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.begin() as tx:
            source = self._require(tx, name, lock=True)
            if source.is_paused:
                source = replace(source, due=self._clock.now())
                if source.run is None:
                    source = self._queue(tx, source, self._clock.now())
                self._store.save_source(tx, source)
        return source

    @taken_in_turn
    def remove(self, name: str, by: Person) -> ScheduledSource:
        """Forget a source and its reports; a run in progress ends. Its records stay. Raises the errors of
        ``pause``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.begin() as tx:
            source = self._require(tx, name, lock=True)
            if source.run is not None:
                self._outbox_writer.cancel(tx, source.run)
            self._store.drop_source(tx, name)
        return source

    def require_idle(self, url: str) -> None:
        """Raise ``Conflict`` while a run of the source with this address is carried out, in whatever process."""
        with self._uow.read() as tx:
            source = next((source for source in self._store.sources(tx) if source.url == url), None)
            run = self._store.run(tx, source.run) if source is not None and source.run is not None else None
        if source is not None and run is not None and run.state is RunState.RUNNING:
            raise Conflict(f"{url} is being harvested as {source.name}", remedy="wait until that run has ended")

    def queue_due(self) -> int:
        """Make tasks for the runs that are due, and return how many. Call it regularly, in any process."""
        now = self._clock.now()
        with self._uow.read() as tx:
            names = self._store.due(tx, now)
        return sum(in_turn(partial(self._queue_if_due, name)) for name in names)

    def _queue_if_due(self, name: str) -> bool:
        now = self._clock.now()
        with self._uow.read() as tx:
            source = self._store.source(tx, name)
            task = self._outbox.find(tx, source.run) if source is not None and source.run is not None else None
        if task is not None and not task.dead:
            return False
        with self._uow.begin() as tx:
            source = self._store.source(tx, name, lock=True)
            if source is None:
                return False
            if source.run is None:
                if source.due is None or source.due > now:
                    return False
                # The node was off: missed runs are made up for by one run, at different times for different sources.
                late = now - source.due > MISSED
                self._store.save_source(tx, self._queue(tx, source, now, spread=late))
                return True
            task = self._outbox.find(tx, source.run)
            if task is not None and not task.dead:
                return False
            # A backup that was restored, or a person, took the task away: the run goes on.
            self._outbox_writer.cancel(tx, source.run)
            self._deliver(tx, source, source.run, now)
        return True

    def _queue(
        self, tx: Transaction, source: ScheduledSource, now: datetime, *, spread: bool = False
    ) -> ScheduledSource:
        run = Run(id=new_urn(), source=source.name, by=source.by, queued=now, state=RunState.QUEUED)
        self._store.save_run(tx, run)
        self._deliver(tx, source, run.id, now + MOST_JITTER * self._share() if spread else now)
        return replace(source, run=run.id)

    def _deliver(self, tx: Transaction, source: ScheduledSource, run_id: str, due: datetime) -> None:
        self._outbox_writer.deliver(
            tx, topic=TOPIC, lane=TOPIC, subject=source.name, body=b"", due=due, headers={}, task_id=run_id
        )

    def _require(self, tx: Transaction, name: str, *, lock: bool = False) -> ScheduledSource:
        source = self._store.source(tx, name, lock=lock)
        if source is None:
            raise NotFound("there is no source of this name", remedy="hansa harvest list")
        return source


def _checked_url(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or len(url) > _MAX_URL:
        raise InvalidInput("this is no web address of a catalogue", remedy="such as https://data.example/catalog.ttl")
    return url


def _check_rules(names: Sequence[str]) -> None:
    if set(names) <= {"safe"}:
        return
    # Here, since it loads the RDF engine, and most sources ask for the safe rules.
    from node.semantics.harvest.rules.table import rules_named

    rules_named(names)
