"""The states of a run as they are written into it, with its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import HansaError
from node.base.work import Transaction
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.scenarios.execution import MOST_LINES, Report
from node.scenarios.run_model import IndicatorValue, Run, State, StepRun
from node.scenarios.runs.hashes import result_hash

WAITING: Final = "waiting: "
"""The beginning of a log line that states what a run waits for."""


class RunLifecycle:
    """``node.scenarios.execution.Lifecycle`` of runs."""

    def begin(self, run: Run, now: datetime) -> Run:
        """See ``Lifecycle.begin``. A run that waited was not interrupted, and its log does not say so."""
        if run.state is State.ACCEPTED:
            return replace(run, state=State.RUNNING, updated=now)
        return run if _last_line(run).startswith(WAITING) else append_log(run, now, "continues after an interruption")

    def wait(self, run: Run, reason: str, now: datetime) -> Run:
        """See ``Lifecycle.wait``."""
        line = f"{WAITING}{reason}"
        return run if _last_line(run) == line else append_log(run, now, line)

    def fail(self, run: Run, error: HansaError, now: datetime) -> Run:
        """See ``Lifecycle.fail``."""
        members: dict[str, Any] = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
        steps = tuple(
            replace(step, state=State.FAILED, finished=now) if step.state is State.RUNNING else step
            for step in run.steps
        )
        return replace(
            append_log(run, now, f"failed: {error.detail}"),
            state=State.FAILED,
            steps=steps,
            error={**members, **({"facts": error.facts} if error.facts else {})},
        )

    def dismiss(self, run: Run, now: datetime) -> Run:
        """See ``Lifecycle.dismiss``."""
        steps = tuple(
            step if step.state.is_final else replace(step, state=State.DISMISSED, finished=now) for step in run.steps
        )
        return replace(run, state=State.DISMISSED, updated=now, steps=steps)


def append_log(run: Run, now: datetime, *lines: str) -> Run:
    """Return the run with ``lines`` in its log."""
    return replace(run, log=(*run.log, *(f"{stamp(now)} {line}" for line in lines))[-MOST_LINES:], updated=now)


def with_step(run: Run, now: datetime, step: StepRun) -> Run:
    """Return the run with the current state of one of its steps."""
    steps = tuple(step if (one.branch, one.name) == (step.branch, step.name) else one for one in run.steps)
    return replace(run, steps=steps, updated=now)


def with_report(run: Run, now: datetime, step: StepRun, report: Report) -> Run:
    """Return the run with the new progress of the model of ``step``; the same object if there is none."""
    known = next(one for one in run.steps if (one.branch, one.name) == (step.branch, step.name))
    if known.progress == report.percent and not report.lines:
        return run
    told = [f"{step.branch}: {step.name}: {line}" for line in report.lines]
    return append_log(with_step(run, now, replace(step, progress=report.percent)), now, *told)


def finish(run: Run, now: datetime, indicators: tuple[IndicatorValue, ...]) -> Run:
    """Return the run after its last step: successful, with the hash of its result."""
    outputs = {
        f"{step.branch}.{step.name}.{role}": sha256 for step in run.steps for role, sha256 in step.outputs.items()
    }
    return replace(
        append_log(run, now, "done"),
        state=State.SUCCESSFUL,
        indicators=indicators,
        result=result_hash(outputs, indicators),
    )


def _last_line(run: Run) -> str:
    return run.log[-1].partition(" ")[2] if run.log else ""


def run_entry(append: Append) -> Callable[[Transaction, Run], None]:
    """Return a function that writes the ledger entry of a run as it starts or has ended: what is run, on what, its
    agreements and its result."""

    def write(tx: Transaction, run: Run) -> None:
        body = {
            "run": run.pid,
            "scenario": run.binding.template,
            "version": run.binding.version,
            "state": str(run.state),
            "key": run.binding.key,
            "inputs": [{"asset": pin.iri, "version": pin.version} for pin in run.binding.pins],
            "agreements": sorted({pin.agreement for pin in run.binding.pins if pin.agreement}),
            **({"result": run.result} if run.result else {}),
            **({"error": str(run.error["code"])} if run.error else {}),
        }
        append(tx, EntryKind.RUN, run.pid, run.by, body)

    return write
