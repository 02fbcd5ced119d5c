"""What is written down of a run while it is carried out: each word of it in a transaction of its own.

Whoever cancels a run ends it here; whatever is still at it hears ``Dismissed`` with its next word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, stamp
from node.base.errors import HansaError, LocalFault
from node.base.work import Transaction, UnitOfWork
from node.scenarios.model import Binding, Layer, Measured, Run, State, StepRun
from node.scenarios.ports import LayerStore, RunStore
from node.scenarios.runs.hashes import result_hash

MOST_LINES: Final = 500
"""Lines of a run's log that are kept."""

WAITING: Final = "waiting: "
"""How a line begins that says what a run waits for."""

Note = Callable[[Transaction, Run], None]
"""Tells the ledger how a run stands."""


class Dismissed(Exception):
    """Somebody cancelled the run."""


class Journal:
    """Reads and writes runs for the engine. ``tell`` is called after every commit: somebody may be watching."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        runs: RunStore,
        layers: LayerStore,
        clock: Clock,
        note: Note,
        tell: Callable[[], None],
    ) -> None:
        self._uow = uow
        self._runs = runs
        self._layers = layers
        self._clock = clock
        self._note = note
        self._tell = tell

    def begin(self, pid: str) -> Run | None:
        """The run, now running; None where it has ended, or is not there."""
        with self._uow.begin() as tx:
            run = self._runs.get(tx, pid, lock=True)
            if run is None or run.state.ended:
                return None
            if run.state is State.ACCEPTED:
                run = replace(run, state=State.RUNNING, updated=self._clock.now())
            elif not _waits(run):
                run = self._logged(run, "going on after an interruption")
            self._put(tx, run)
            return run

    def layers_of(self, binding: Binding) -> list[Layer]:
        """The change layers that a run is bound to, in their order."""
        found = []
        with self._uow.read() as tx:
            for sha256 in binding.layers:
                layer = self._layers.get(tx, sha256)
                if layer is None:
                    raise LocalFault(f"the change layer {sha256} of a run is not kept")
                found.append(layer)
        return found

    def _open(self, tx: Transaction, pid: str) -> Run:
        run = self._runs.get(tx, pid, lock=True)
        if run is None or run.state.ended:
            raise Dismissed
        return run

    def _put(self, tx: Transaction, run: Run) -> None:
        self._runs.put(tx, run)
        tx.after_commit(self._tell)

    def save_step(self, pid: str, step: StepRun, lines: Sequence[str] = ()) -> None:
        """A step as it stands now, with what the log says of it. Raises ``Dismissed``."""
        with self._uow.begin() as tx:
            run = self._with_step(self._open(tx, pid), step)
            for line in lines:
                run = self._logged(run, line)
            self._put(tx, run)

    def progress(self, pid: str, step: StepRun, news: list[str]) -> None:
        """How far a step is, with what the model told since. Raises ``Dismissed``, also where there is no news."""
        if not news:
            with self._uow.read() as tx:
                run = self._runs.get(tx, pid)
            if run is None or run.state.ended:
                raise Dismissed
            return
        with self._uow.begin() as tx:
            run = self._with_step(self._open(tx, pid), step)
            for line in news:
                run = self._logged(run, f"{step.branch}: {step.name}: {line}") if line else run
            self._put(tx, run)

    async def say(self, pid: str, line: str) -> None:
        """A line of the log, unless it is what was said last. Raises ``Dismissed``."""

        def say() -> None:
            with self._uow.begin() as tx:
                run = self._open(tx, pid)
                if not run.log or run.log[-1].partition(" ")[2] != line:
                    self._put(tx, self._logged(run, line))

        await run_sync(say)

    def _logged(self, run: Run, line: str) -> Run:
        now = self._clock.now()
        return replace(run, log=(*run.log, f"{stamp(now)} {line}")[-MOST_LINES:], updated=now)

    def _with_step(self, run: Run, step: StepRun) -> Run:
        steps = tuple(step if (one.branch, one.name) == (step.branch, step.name) else one for one in run.steps)
        return replace(run, steps=steps, updated=self._clock.now())

    def finish(self, pid: str, indicators: tuple[Measured, ...]) -> None:
        """The run has succeeded; its result has a hash now. Raises ``Dismissed``."""
        with self._uow.begin() as tx:
            run = self._open(tx, pid)
            outputs = {
                f"{step.branch}.{step.name}.{role}": sha256
                for step in run.steps
                for role, sha256 in step.outputs.items()
            }
            run = replace(
                self._logged(run, "done"),
                state=State.SUCCESSFUL,
                indicators=indicators,
                result=result_hash(outputs, indicators),
            )
            self._put(tx, run)
            self._note(tx, run)

    def fail(self, pid: str, error: HansaError) -> None:
        """The run has failed, with its reason; one that was dismissed stays so."""
        with suppress(Dismissed), self._uow.begin() as tx:
            run = self._open(tx, pid)
            told: dict[str, Any] = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
            steps = tuple(
                replace(step, state=State.FAILED, finished=self._clock.now()) if step.state is State.RUNNING else step
                for step in run.steps
            )
            run = replace(
                self._logged(run, f"failed: {error.detail}"),
                state=State.FAILED,
                steps=steps,
                error={**told, **({"facts": error.facts} if error.facts else {})},
            )
            self._put(tx, run)
            self._note(tx, run)


def _waits(run: Run) -> bool:
    """Whether the last that was said is that it waits: then it was not interrupted."""
    return bool(run.log) and run.log[-1].partition(" ")[2].startswith(WAITING)
