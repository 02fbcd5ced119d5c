"""The states of a job as they are written into it, and the ledger entry of one that has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.errors import HansaError
from node.base.work import Transaction
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.scenarios.execution import Report
from node.scenarios.models.visits import Visit
from node.scenarios.run_model import Job, State


class JobLifecycle:
    """``node.scenarios.execution.Lifecycle`` of jobs."""

    def begin(self, job: Job, now: datetime) -> Job:
        """See ``Lifecycle.begin``."""
        return replace(job, state=State.RUNNING, started=job.started or now, updated=now)

    def wait(self, job: Job, reason: str, now: datetime) -> Job:
        """See ``Lifecycle.wait``."""
        message = f"waiting: {reason}"
        return job if job.message == message else replace(job, message=message, updated=now)

    def fail(self, job: Job, error: HansaError, now: datetime) -> Job:
        """See ``Lifecycle.fail``."""
        members: dict[str, Any] = {"code": error.code, "title": error.title, "detail": error.detail}
        members |= {"status": error.status, **({"remedy": error.remedy} if error.remedy else {})}
        members |= {"facts": error.facts} if error.facts else {}
        return replace(job, state=State.FAILED, message=error.detail, updated=now, finished=now, error=members)

    def dismiss(self, job: Job, now: datetime) -> Job:
        """See ``Lifecycle.dismiss``."""
        return replace(job, state=State.DISMISSED, updated=now, finished=now, message="dismissed")


def with_report(job: Job, now: datetime, report: Report) -> Job:
    """Return the job with the progress of its model; the same object where the progress is unchanged."""
    if (job.progress, job.message) == (report.percent, report.message):
        return job
    return replace(job, progress=report.percent, message=report.message, updated=now)


def job_entry(append: Append, visits: Sequence[Visit] = ()) -> Callable[[Transaction, Job], None]:
    """Return a function that writes the ledger entry of a job that has ended, with the data that were visited for
    it."""

    def write(tx: Transaction, job: Job) -> None:
        append(tx, EntryKind.RUN, job.model, job.owner, entry_of(job, visits))

    return write


def entry_of(job: Job, visits: Sequence[Visit] = ()) -> dict[str, Any]:
    """Return the body of the ledger entry of a job: model, request, outcome, and the data that were read."""
    body: dict[str, Any] = {
        "job": job.id,
        "model": job.model,
        "version": job.version,
        "outcome": str(job.state),
        "request": job.request,
    }
    for name in ("code", "transfer", "agreement", "result"):
        if getattr(job, name) is not None:
            body[name] = getattr(job, name)
    if job.error is not None:
        body["error"] = job.error["code"]
    if visits:
        body["visited"] = [
            {"dataset": visit.record.iri, "version": visit.record.version, "sha256": visit.file.sha256}
            | ({"agreement": visit.agreement} if visit.agreement else {})
            for visit in visits
        ]
    return body
