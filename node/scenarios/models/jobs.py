"""Jobs: executions of this node's models, for its own people and for participants under contract.

A job is a durable execution (``node.scenarios.execution``). The request lies in the asset store before the job is
accepted; the job and the task that carries it out are written in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import Conflict, InvalidInput, NotFound, TooMany
from node.base.ids import new_uuid
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.exchange.contents import contents
from node.exchange.offloop import once
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.execution import ExecutionJournal
from node.scenarios.model import Model
from node.scenarios.models.local import LocalModels
from node.scenarios.models.requests import MOST_BYTES, read_request, write_request
from node.scenarios.models.result_files import StoredResult, find
from node.scenarios.models.visits import Visitor
from node.scenarios.ports import JOB_TOPIC, JobStore
from node.scenarios.records.cards import model_of
from node.scenarios.run_model import Job, State

MOST_WAITING: Final = 100
"""The most jobs that one owner may have waiting or running."""

_KEY_LENGTH: Final = 200

# Two lanes for all callers: jobs take long, and must leave workers free for messages.
_OWN_LANE: Final = "jobs of our own"
_LANE: Final = "jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The participant or person for whom a job runs, and the contract. Exactly one of ``did`` and ``account`` is
    set."""

    did: str | None = None
    account: str | None = None
    transfer: str | None = None
    agreement: str | None = None
    model: str | None = None
    """The only model for which a participant's token is valid."""

    @classmethod
    def of_person(cls, caller: Caller) -> Asker:
        """Return the asker for a person who calls a model directly. Raises ``NotAllowed``."""
        require(caller, UseCase.CALL_MODELS)
        return cls(account=caller.account)

    @property
    def owner(self) -> str:
        return self.did or self.account or ""

    @property
    def visitor(self) -> Visitor:
        return Visitor(did=self.did, account=self.account)


class Jobs:
    """Accepts, shows and dismisses jobs."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        jobs: JobStore,
        assets: AssetStore,
        local: LocalModels,
        journal: ExecutionJournal[Job],
        outbox_writer: OutboxWriter,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._jobs = jobs
        self._assets = assets
        self._local = local
        self._journal = journal
        self._outbox_writer = outbox_writer
        self._clock = clock

    # ---- accepting -------------------------------------------------------------------------------------------

    async def accept(
        self,
        record: Record,
        body: bytes,
        asker: Asker,
        *,
        key: str | None = None,
        take: Callable[[Transaction, str], None] | None = None,
    ) -> Job:
        """Make a job from an execute request for the model in ``record``, which ``asker`` may run. ``take`` counts a
        new job as a use of the agreement, in the transaction that makes it.

        A repeated ``key`` of the same owner returns the same job. Raises ``InvalidInput`` and ``TooLarge`` for a
        request that does not fit the model's card, ``Conflict`` for a key that was used for another request,
        ``NotFound`` and ``NotAllowed`` for data that may not be visited, ``TooMany``.
        """
        model = model_of(record)
        request = await asyncio.to_thread(read_request, model, body)
        if key is not None and not 0 < len(key) <= _KEY_LENGTH:
            raise InvalidInput(f"a key has 1 to {_KEY_LENGTH} characters", remedy="use a UUID")
        await self._local.admit(model, request.inputs, asker.visitor)
        kept = await asyncio.to_thread(write_request, request)
        sha256 = (await self._assets.take_in(once(kept), limit=MOST_BYTES * 2)).sha256
        return await run_sync(self._accept, model, sha256, asker, key, take)

    def _accept(
        self,
        model: Model,
        request: str,
        asker: Asker,
        key: str | None,
        take: Callable[[Transaction, str], None] | None,
    ) -> Job:
        now = self._clock.now()
        with self._uow.begin() as tx:
            earlier_job = self._jobs.by_key(tx, asker.owner, key) if key is not None else None
            if earlier_job is not None:
                if (earlier_job.model, earlier_job.request) != (model.iri, request) or not _is_of(earlier_job, asker):
                    raise Conflict(
                        "this key was used for another request", remedy="make a new key for each new request"
                    )
                if earlier_job.state is not State.DISMISSED:
                    return earlier_job
                # A dismissed request that is sent again makes a new job.
                self._journal.put(tx, replace(earlier_job, key=None))
            waiting = [job for job in self._jobs.of(tx, asker.owner, limit=500) if not job.state.is_final]
            if len(waiting) >= MOST_WAITING:
                raise TooMany(
                    f"{len(waiting)} of your jobs are waiting or running here",
                    remedy="wait until some have ended, or dismiss some",
                )
            job = Job(
                id=str(new_uuid()),
                model=model.iri,
                version=model.version,
                code=model.code,
                state=State.ACCEPTED,
                created=now,
                updated=now,
                request=request,
                caller=asker.did,
                account=asker.account,
                transfer=asker.transfer,
                agreement=asker.agreement,
                key=key,
            )
            if take is not None:
                take(tx, job.id)
            self._journal.put(tx, job)
            self._outbox_writer.deliver(
                tx,
                topic=JOB_TOPIC,
                lane=_OWN_LANE if asker.did is None else _LANE,
                subject=job.id,
                body=b"",
                due=now,
                task_id=f"job {job.id}",
            )
            return job

    # ---- looking ---------------------------------------------------------------------------------------------

    async def of(self, asker: Asker, *, limit: int = 100) -> Sequence[Job]:
        """Return the jobs of ``asker``, newest first; a participant's under this transfer's model only."""

        def read() -> Sequence[Job]:
            with self._uow.read() as tx:
                return self._jobs.of(tx, asker.owner, limit=limit)

        return [job for job in await run_sync(read) if _is_of(job, asker)]

    async def get(self, job_id: str, asker: Asker) -> Job:
        """Return a job. Raises ``NotFound``, also for a job of another caller."""

        def read() -> Job:
            with self._uow.read() as tx:
                return self._get(tx, job_id, asker)

        return await run_sync(read)

    async def requested_outputs(self, job: Job) -> tuple[tuple[str, ...] | None, str]:
        """Return the requested outputs (None: all of them), and whether raw or as a document."""
        asked = read_object(await contents(self._assets, job.request))
        outputs = asked.get("outputs")
        return (tuple(outputs) if outputs is not None else None), str(asked["response"])

    async def result(self, job: Job) -> StoredResult:
        """Return where the answer lies: the rows of each output, and the caveats. Raises ``NotFound``."""
        if job.result is None:
            raise NotFound(
                f"the job is {job.state}: it has no results", remedy="see the job for its state and its error"
            )
        return await find(self._assets, job.result)

    async def dismiss(self, job_id: str, asker: Asker) -> Job:
        """Stop a job that has not ended; delete the results of one that has. Raises ``NotFound``."""

        def dismiss() -> Job:
            with self._uow.begin() as tx:
                job = self._get(tx, job_id, asker, lock=True)
                if job.state is State.DISMISSED:
                    return job
                if not job.state.is_final:
                    return self._journal.dismiss(tx, job)
                now = self._clock.now()
                empty_execution = replace(
                    job,
                    state=State.DISMISSED,
                    updated=now,
                    finished=job.finished or now,
                    message="its results were removed",
                    result=None,
                )
                self._journal.put(tx, empty_execution)
                return empty_execution

        return await run_sync(dismiss)

    # ---- what is kept ----------------------------------------------------------------------------------------

    def _get(self, tx: Transaction, job_id: str, asker: Asker, *, lock: bool = False) -> Job:
        job = self._jobs.get(tx, job_id, lock=lock)
        if job is None or not _is_of(job, asker):
            raise NotFound("this job does not exist", remedy="for your jobs, see /ogc/jobs")
        return job


def _is_of(job: Job, asker: Asker) -> bool:
    """Return whether the job belongs to ``asker``: the same participant or person, and the asker's model."""
    same = (job.caller, job.account) == (asker.did, asker.account)
    return bool(asker.owner) and same and asker.model in (None, job.model)
