"""Carrying out jobs: the model runs here, its result is stored, and questions about visited data are counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import NotAllowed, NotFound
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.exchange.contents import contents
from node.exchange.ports import AssetStore
from node.ledger.ports import Append
from node.policy.flow.output_rule import allowance
from node.scenarios.execution import REPORT_SECONDS, ExecutionJournal, Report, Reporter, report_progress
from node.scenarios.model import Model
from node.scenarios.models.job_lifecycle import job_entry, with_report
from node.scenarios.models.local import LocalModels, LocalOutcome
from node.scenarios.models.requests import Request, read_request
from node.scenarios.models.result_files import keep
from node.scenarios.models.visits import Visitor
from node.scenarios.ports import JobStore
from node.scenarios.records.cards import model_of
from node.scenarios.run_model import Job, State

_ANSWERED: Final = 5000
"""The number of an owner's jobs that are searched for earlier questions."""


class JobExecution:
    """Does the work of a job: the ``steps`` of ``node.scenarios.execution.DurableExecution``."""

    def __init__(
        self,
        *,
        journal: ExecutionJournal[Job],
        uow: UnitOfWork,
        jobs: JobStore,
        records: RecordStore,
        assets: AssetStore,
        local: LocalModels,
        clock: Clock,
        append: Append,
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        self._journal = journal
        self._uow = uow
        self._jobs = jobs
        self._records = records
        self._assets = assets
        self._local = local
        self._clock = clock
        self._append = append
        self._report_seconds = report_seconds

    async def __call__(self, job: Job) -> None:
        """Run the model and store its result. Raises ``Dismissed``, and the errors of the model and its data."""
        model = await run_sync(self._model, job)
        request = await asyncio.to_thread(read_request, model, await contents(self._assets, job.request))
        local = await self._run(job, model, request)
        result = await keep(self._assets, local.outcome)
        await run_sync(
            self._journal.finish,
            job.id,
            partial(self._record_success, local=local, result=result),
            job_entry(self._append, local.visits),
        )

    async def _run(self, job: Job, model: Model, request: Request) -> LocalOutcome:
        visitor = Visitor(did=job.caller, account=job.account)

        async def work(reporter: Reporter) -> LocalOutcome:
            return await self._local.execute(
                model, request.inputs, request.parameters, visitor, key=f"job/{job.id}", progress=reporter
            )

        def write(report: Report) -> None:
            now = self._clock.now()
            self._journal.report(job.id, lambda known: with_report(known, now, report))

        return await report_progress(work, write, seconds=self._report_seconds)

    def _record_success(self, tx: Transaction, job: Job, *, local: LocalOutcome, result: str) -> Job:
        visits = tuple(
            (visit.agreement, visit.record.version_iri) for visit in local.visits if visit.agreement is not None
        )
        self._require_questions_left(tx, job, visits)
        now = self._clock.now()
        return replace(
            job,
            state=State.SUCCESSFUL,
            progress=100,
            message="",
            updated=now,
            finished=now,
            result=result,
            caveats=local.outcome.caveats,
            visited=visits,
        )

    def _require_questions_left(self, tx: Transaction, job: Job, places: tuple[tuple[str, str], ...]) -> None:
        """Raises ``NotAllowed`` if the answer exceeds the number of questions allowed about visited data."""
        answered = [one for one in self._jobs.of(tx, job.owner, limit=_ANSWERED) if one.visited] if places else []
        for place in places:
            asked = {question_of(one) for one in answered if place in one.visited}
            verdict = allowance(asked, question_of(job))
            if not verdict.allowed:
                raise NotAllowed(verdict.reason, remedy=verdict.remedy, facts={"dataset": place[1]})

    def _model(self, job: Job) -> Model:
        with self._uow.read() as tx:
            record = self._records.get(tx, job.model, version=job.version)
        if record is None:
            raise NotFound(
                "this node no longer has this version of the model",
                remedy="send the request again for the current version",
            )
        return model_of(record)


def question_of(job: Job) -> str:
    """Return a name for all that determines the answer of a job: the model's version and the request."""
    return f"{job.model}#v{job.version} {job.request}"
