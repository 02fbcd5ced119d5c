"""Carrying jobs out, in a worker: watched, written down now and then, and stopped where somebody dismisses them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError, NotAllowed, NotConfined, NotFound, Overloaded, PeerUnreachable, RemoteFault
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.dialogue.conversation import Note
from node.exchange.ports import AssetStore
from node.ledger.model import EntryKind
from node.policy.flow.output_rule import allowance
from node.scenarios.model import Job, Model, State
from node.scenarios.models.jobs import entry_of
from node.scenarios.models.local import Perform, Performed
from node.scenarios.models.requests import Request, read_request
from node.scenarios.models.result_files import keep
from node.scenarios.models.visits import Visitor
from node.scenarios.ports import JobStore
from node.scenarios.records.cards import model_of

REPORT_SECONDS: Final = 0.5
"""How often the progress of a job is written down, and a dismissal looked for."""


_ANSWERED: Final = 5000
"""How many of an owner's jobs are looked at for what was asked before."""


class _Dismissed(Exception):
    """Somebody dismissed the job."""


class CarryOut:
    """Carries out jobs. Safe to be called again with the same job after any interruption."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        jobs: JobStore,
        records: RecordStore,
        assets: AssetStore,
        perform: Perform,
        clock: Clock,
        note: Note,
        tell: Callable[[], None],
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        """``tell`` is called after every commit: somebody may be waiting."""
        self._uow = uow
        self._jobs = jobs
        self._records = records
        self._assets = assets
        self._perform = perform
        self._clock = clock
        self._note = note
        self._tell = tell
        self._report_seconds = report_seconds

    async def __call__(self, job_id: str) -> None:
        """Bring the job to its end. Raises ``PeerUnreachable``, ``LocalFault`` or ``Overloaded`` (the queue): call
        again later. Everything else ends the job, with its reason."""
        job = await run_sync(self._begin, job_id)
        if job is None:
            return
        try:
            model = await run_sync(self._model, job)
            request = await asyncio.to_thread(read_request, model, await self._read(job.request))
            performed = await self._watched(job, model, request)
            result = await self._keep(performed)
        except _Dismissed:
            return
        except (RemoteFault, NotConfined) as error:
            if _passes(error):
                raise
            await run_sync(self._conclude, job_id, error)
            return
        await run_sync(self._succeed, job_id, performed, result)

    async def give_up(self, job_id: str, error: HansaError) -> None:
        """End a job that was tried often enough, as failed."""
        await run_sync(self._conclude, job_id, error)

    async def _watched(self, job: Job, model: Model, request: Request) -> Performed:
        reporter = _Reporter()
        visitor = Visitor(did=job.caller, account=job.account)
        work = asyncio.ensure_future(
            self._perform(model, request.inputs, request.parameters, visitor, key=f"job/{job.id}", progress=reporter)
        )
        try:
            while not work.done():
                await asyncio.wait([work], timeout=self._report_seconds)
                if not work.done():
                    await run_sync(self._progress, job.id, reporter)
        finally:
            if not work.done():
                work.cancel()
                with suppress(asyncio.CancelledError, HansaError):
                    await work
        return work.result()

    def _begin(self, job_id: str) -> Job | None:
        with self._uow.begin() as tx:
            job = self._jobs.get(tx, job_id, lock=True)
            if job is None or job.state.ended:
                return None
            now = self._clock.now()
            job = replace(job, state=State.RUNNING, started=job.started or now, updated=now)
            self._put(tx, job)
            return job

    def _progress(self, job_id: str, reporter: _Reporter) -> None:
        percent, message = reporter.percent, reporter.message
        with self._uow.read() as tx:
            job = self._jobs.get(tx, job_id)
        if job is None or job.state.ended:
            raise _Dismissed
        if (job.progress, job.message) == (percent, message):
            return
        with self._uow.begin() as tx:
            job = self._jobs.get(tx, job_id, lock=True)
            if job is None or job.state.ended:
                raise _Dismissed
            self._put(tx, replace(job, progress=percent, message=message, updated=self._clock.now()))

    async def _keep(self, performed: Performed) -> str:
        return await keep(self._assets, performed.outcome)

    def _succeed(self, job_id: str, performed: Performed, result: str) -> None:
        with self._uow.begin() as tx:
            job = self._jobs.get(tx, job_id, lock=True)
            if job is None or job.state.ended:
                return
            visited = tuple(
                (visit.agreement, visit.record.version_iri)
                for visit in performed.visits
                if visit.agreement is not None
            )
            refusal = self._too_many_questions(tx, job, visited)
            if refusal is not None:
                self._fail(tx, job, refusal)
                return
            now = self._clock.now()
            job = replace(
                job,
                state=State.SUCCESSFUL,
                progress=100,
                message="",
                updated=now,
                finished=now,
                result=result,
                caveats=performed.outcome.caveats,
                visited=visited,
            )
            self._put(tx, job)
            self._note(tx, EntryKind.RUN, job.model, job.owner, entry_of(job, performed.visits))

    def _too_many_questions(
        self, tx: Transaction, job: Job, visited: tuple[tuple[str, str], ...]
    ) -> NotAllowed | None:
        """Why the answer stays here, where it is one question too many about data that were visited."""
        answered = [one for one in self._jobs.of(tx, job.owner, limit=_ANSWERED) if one.visited] if visited else []
        for place in visited:
            asked = {question_of(one) for one in answered if place in one.visited}
            verdict = allowance(asked, question_of(job))
            if not verdict.allowed:
                return NotAllowed(verdict.reason, remedy=verdict.remedy, facts={"dataset": place[1]})
        return None

    def _conclude(self, job_id: str, error: HansaError) -> None:
        with self._uow.begin() as tx:
            job = self._jobs.get(tx, job_id, lock=True)
            if job is not None and not job.state.ended:
                self._fail(tx, job, error)

    def _fail(self, tx: Transaction, job: Job, error: HansaError) -> None:
        now = self._clock.now()
        told: dict[str, Any] = {"code": error.code, "title": error.title, "detail": error.detail}
        told |= {"status": error.status, **({"remedy": error.remedy} if error.remedy else {})}
        told |= {"facts": error.facts} if error.facts else {}
        failed = replace(job, state=State.FAILED, message=error.detail, updated=now, finished=now, error=told)
        self._put(tx, failed)
        self._note(tx, EntryKind.RUN, job.model, job.owner, entry_of(failed))

    def _put(self, tx: Transaction, job: Job) -> None:
        self._jobs.put(tx, job)
        tx.after_commit(self._tell)

    def _model(self, job: Job) -> Model:
        with self._uow.read() as tx:
            record = self._records.get(tx, job.model, version=job.version)
        if record is None:
            raise NotFound("the version of the model is not here any more")
        return model_of(record)

    async def _read(self, sha256: str) -> bytes:
        return b"".join([chunk async for chunk in await self._assets.open(sha256)])


def question_of(job: Job) -> str:
    """All that determines the answer of a job, as one name: the model's version and the request."""
    return f"{job.model}#v{job.version} {job.request}"


class _Reporter:
    """Keeps what a model tells until it is written down."""

    def __init__(self) -> None:
        self.percent = 0
        self.message = ""

    def __call__(self, percent: int, line: str) -> None:
        self.percent = max(0, min(99, percent))
        self.message = line or self.message


def _passes(error: HansaError) -> bool:
    """Whether trying again later may help."""
    queued = isinstance(error, Overloaded) and error.facts.get("limit") == "queue"
    return queued or isinstance(error, PeerUnreachable)
