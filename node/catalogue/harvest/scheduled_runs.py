"""One run of a scheduled source: it acts in the name of the person who registered the source, and reports its
progress.

A run that was interrupted goes on where it stopped: pages that were stored as read are not read again, and the
records that the run had entered by then stay in its report.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.errors import HansaError, LocalFault, NotAllowed
from node.base.plaintext import word
from node.base.turns import in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.harvest.harvest_order import HarvestOrder
from node.catalogue.harvest.harvest_run import HarvestRun
from node.catalogue.harvest.harvests import Harvest
from node.catalogue.harvest.kept_report import LINES, ReportWriter
from node.catalogue.harvest.schedule import (
    Run,
    RunState,
    ScheduledSource,
    ScheduleStore,
    interval,
    jitter,
    pause_after,
)
from node.catalogue.harvest.schedules import KEPT
from node.identity.model import Caller as Person
from node.identity.roles import ROLES, UseCase, allowed
from node.semantics.harvest.refusals import cause_of, source_fault

log = logging.getLogger(__name__)

Conclusion = Callable[[Transaction], None]


class _Overtaken(Exception):
    """Another process has begun this run anew, or a person removed the source."""


@dataclass(slots=True)
class _Work:
    """A run in progress."""

    source: ScheduledSource
    run: Run
    report: ReportWriter
    harvest: HarvestRun | None = None


class ScheduledRuns:
    """Carries out runs. ``acting`` returns the person with a login, with the present roles."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: ScheduleStore,
        harvest: Harvest,
        clock: Clock,
        acting: Callable[[str], Person],
        share: Callable[[], float] = random.random,
    ) -> None:
        self._uow = uow
        self._store = store
        self._harvest = harvest
        self._clock = clock
        self._acting = acting
        self._share = share

    async def carry_out(self, name: str, run_id: str) -> Conclusion | None:
        """Harvest the source, and return a function that writes the result; None if nothing is left to do.

        Raises ``Conflict`` while the source is harvested by hand.
        """
        work = await asyncio.to_thread(in_turn, partial(self._begin, name, run_id))
        if work is None:
            return None
        try:
            problem = await self._run_harvest(work)
            await self._keep(work)
        except _Overtaken:
            return None
        return partial(self._conclude, work, problem)

    def lock(self, name: str, tx: Transaction) -> None:
        """Lock the source before its task is changed, in the same order as pausing and removing it."""
        self._store.source(tx, name, lock=True)

    def _begin(self, name: str, run_id: str) -> _Work | None:
        with self._uow.begin() as tx:
            source = self._store.source(tx, name, lock=True)
            run = self._store.run(tx, run_id, lock=True)
            if source is None or run is None or source.run != run_id:
                return None
            self._harvest.require_idle(source.url)
            started = run.started or self._clock.now()
            run = replace(run, by=source.by, state=RunState.RUNNING, attempt=run.attempt + 1, started=started)
            self._store.save_run(tx, run)
            report = ReportWriter(self._store, run_id)
            if run.attempt > 1:
                report.resume(tx)
                report.flush(tx)
        return _Work(source, run, report)

    async def _run_harvest(self, work: _Work) -> tuple[RunState, dict[str, Any]]:
        """Harvest. Return the final state, and the problem if it failed."""
        source, run = work.source, work.run
        try:
            person = await asyncio.to_thread(self._acting, source.by)
            _require_role(person, source)
            order = HarvestOrder(url=source.url, since=run.started if run.attempt > 1 else None, **_options(source))
            work.harvest = await self._harvest.begin(order, person)
            work.harvest.before_note = partial(self._keep, work)
            async with aclosing(work.harvest.__aiter__()) as records:
                async for record in records:
                    work.report.add(record)
                    if work.report.waiting >= LINES:
                        await self._keep(work)
        except NotAllowed as error:
            return RunState.REFUSED, _problem(error, error.detail)
        except LocalFault as error:
            log.warning("a scheduled harvest failed", exc_info=error, extra={"source": source.name})
            # Details of internal errors are for the log: people who read a run may not operate the node.
            return RunState.FAILED, _problem(error, error.detail if error.is_public else error.title)
        except HansaError as error:
            return RunState.FAILED, _problem(error, error.detail)
        except _Overtaken:
            raise
        except Exception as error:
            log.exception("a scheduled harvest failed", extra={"source": source.name})
            fault = source_fault(LocalFault, "internal", error=type(error).__name__)
            return RunState.FAILED, _problem(fault, fault.detail)
        return RunState.DONE, {}

    async def _keep(self, work: _Work) -> None:
        """Save the report so far. Raises ``_Overtaken``."""
        await asyncio.to_thread(in_turn, partial(self._save, work))
        crashpoint("harvest.kept")

    def _save(self, work: _Work) -> None:
        with self._uow.begin() as tx:
            stored = self._store.run(tx, work.run.id, lock=True)
            if stored is None or stored.attempt != work.run.attempt:
                raise _Overtaken
            work.report.flush(tx)
            if work.harvest is not None:
                work.run = replace(
                    work.run,
                    opened=work.harvest.opened.to_json(),
                    counts=work.report.counts(work.harvest.tally),
                )
            self._store.save_run(tx, work.run)

    def _conclude(self, work: _Work, result: tuple[RunState, dict[str, Any]], tx: Transaction) -> None:
        state, problem = result
        source = self._store.source(tx, work.source.name, lock=True)
        stored = self._store.run(tx, work.run.id, lock=True)
        if source is None or stored is None or stored.attempt != work.run.attempt:
            return
        now = self._clock.now()
        self._store.save_run(tx, replace(work.run, state=state, problem=problem, ended=now))
        self._store.keep_runs(tx, source.name, KEPT)
        failures = 0 if state is RunState.DONE else source.failures + 1
        pause = pause_after(failures, interval(source.every))
        due = None if source.due is None else now + pause + jitter(pause, self._share())
        self._store.save_source(tx, replace(source, run=None, failures=failures, due=due))


def _options(source: ScheduledSource) -> dict[str, Any]:
    return {**source.options, "rules": tuple(source.options["rules"])}


def _require_role(person: Person, source: ScheduledSource) -> None:
    if allowed(person, UseCase.SCHEDULE_HARVESTS):
        return
    roles = ROLES[UseCase.SCHEDULE_HARVESTS]
    command = f"hansa harvest add {word(source.name)} {word(source.url)} --every {word(source.every)}"
    fault = source_fault(NotAllowed, "role", login=source.by, roles=" or ".join(map(str, roles)), command=command)
    if (unready := person.unready(*roles)) is not None:
        # Why a role does not work has no text of its own: the sentence stays in English as a whole.
        raise NotAllowed(f"{fault.detail}: {unready.detail}", remedy=fault.remedy)
    raise fault


def _problem(error: HansaError, detail: str) -> dict[str, Any]:
    remedy = error.remedy or _NEXT.get(error.code, "")
    facts = cause_of(error) if detail == error.detail else {}
    return {"code": error.code, "detail": detail, "remedy": remedy, **({"facts": facts} if facts else {})}


_NEXT = {
    "peer-unreachable": "look whether the address still answers; the node asks again by itself",
    "too-large": "register a part of the catalogue",
}
