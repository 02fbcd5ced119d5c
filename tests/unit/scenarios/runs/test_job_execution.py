"""Jobs carried out by a worker: waiting, given up, dismissed, resumed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.base.errors import HansaError, LocalFault, Overloaded, PeerUnreachable
from node.base.lazy import Lazy
from node.base.work import Task
from node.scenarios.models.jobs import Asker
from node.scenarios.models.requests import as_json
from node.scenarios.ports import JOB_TOPIC
from node.scenarios.run_model import Job, State
from node.worker.executions import MOST_ATTEMPTS, ExecutionHandler
from node.worker.outcomes import Again, Done, Outcome
from tests.unit.scenarios.test_visits import HOUSES, MODEL_IRI, NOW, PEER, Desk, policy

ASKER = Asker(did=PEER, agreement="urn:m", transfer="urn:t", model=MODEL_IRI)


async def accepted(at: Desk) -> Job:
    inputs = {"houses": {"href": f"{HOUSES}#v1"}, "factor": 1}
    return await at.jobs.accept(at.model, as_json({"inputs": inputs}), ASKER)


def failing(at: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def call(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(at.local, "execute", call)


async def handled(at: Desk, job: Job, attempts: int) -> Outcome:
    task = Task(id="job", topic=JOB_TOPIC, lane="jobs", subject=job.id, body=b"", due=NOW, attempts=attempts)
    return await ExecutionHandler(Lazy(lambda: at.execution))(task)


class TestTheWorker:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (PeerUnreachable("the service does not answer"), "waiting: the service does not answer"),
            (Overloaded("all places are taken", facts={"limit": "queue"}), ""),
            (LocalFault("the disk is full"), ""),
        ],
    )
    async def test_what_may_pass_is_tried_again_and_then_given_up(
        self, monkeypatch: pytest.MonkeyPatch, error: HansaError, message: str
    ) -> None:
        at = Desk(policy(MODEL_IRI))
        job = await accepted(at)
        failing(at, monkeypatch, error)
        assert await handled(at, job, MOST_ATTEMPTS - 1) == Again(error.detail)
        waiting = await at.jobs.get(job.id, ASKER)
        assert (waiting.state, waiting.message) == (State.RUNNING, message)
        assert await handled(at, job, MOST_ATTEMPTS) == Done()
        failed = await at.jobs.get(job.id, ASKER)
        assert (failed.state, failed.message) == (State.FAILED, error.detail)
        assert [body["outcome"] for _, _, _, body in at.entries] == ["failed"]

    async def test_an_internal_error_ends_the_job_at_last(self, monkeypatch: pytest.MonkeyPatch) -> None:
        at = Desk(policy(MODEL_IRI))
        job = await accepted(at)
        failing(at, monkeypatch, KeyError("x"))
        with pytest.raises(KeyError):
            await handled(at, job, 1)
        assert await handled(at, job, MOST_ATTEMPTS) == Done()
        failed = await at.jobs.get(job.id, ASKER)
        assert failed.state is State.FAILED
        assert failed.message == "the node could not do this because of an internal error (KeyError)"

    async def test_a_job_that_waited_succeeds_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        at = Desk(policy(MODEL_IRI))
        job = await accepted(at)
        with monkeypatch.context() as away:
            failing(at, away, PeerUnreachable("the service does not answer"))
            assert await handled(at, job, 1) == Again("the service does not answer")
        assert await handled(at, job, 2) == Done()
        done = await at.jobs.get(job.id, ASKER)
        assert (done.state, done.message, done.progress) == (State.SUCCESSFUL, "", 100)


class TestDismissal:
    async def test_stops_the_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        at = Desk(policy(MODEL_IRI))
        job = await accepted(at)
        begun, stopped = asyncio.Event(), asyncio.Event()

        async def call(*_: Any, **__: Any) -> Any:
            begun.set()
            try:
                await asyncio.sleep(600)
            finally:
                stopped.set()

        monkeypatch.setattr(at.local, "execute", call)
        work = asyncio.create_task(at.execution.complete(job.id))
        await begun.wait()
        dismissed = await at.jobs.dismiss(job.id, ASKER)
        await work
        assert stopped.is_set()
        assert await at.jobs.get(job.id, ASKER) == dismissed
        assert (dismissed.state, dismissed.message) == (State.DISMISSED, "dismissed")
        assert [body["outcome"] for _, _, _, body in at.entries] == ["dismissed"]

    async def test_takes_the_results_of_a_job_that_has_ended(self) -> None:
        at = Desk(policy(MODEL_IRI))
        done = await at.run(1)
        emptied = await at.jobs.dismiss(done.id, ASKER)
        assert (emptied.state, emptied.result, emptied.finished) == (State.DISMISSED, None, done.finished)
        assert len(at.entries) == 1, "the ledger is not told again"
