"""Use cases of runs: check, start, watch, cancel, run again, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.ids import new_urn
from node.base.work import Transaction, UnitOfWork
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.chain.wiring import bound_step, branches, input_port, output_port
from node.scenarios.execution import ExecutionJournal
from node.scenarios.findings import Bound
from node.scenarios.model import GEOMETRY, Binding, Port, Rows, Template
from node.scenarios.ports import RUN_TOPIC, RunStore
from node.scenarios.records.library import Library
from node.scenarios.run_model import Run, State, StepRun
from node.scenarios.runs.binding import Bind
from node.scenarios.runs.lifecycle import append_log
from node.scenarios.runs.request import binding_request
from node.scenarios.runs.windows import InputWindows
from node.scenarios.tables.rows import named_places, read_canonical, read_rows
from node.semantics.kinds import iri_meant

LANE: Final = "runs"


class Runs:
    """Runs of scenarios at this node, for its own people."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        runs: RunStore,
        bind: Bind,
        library: Library,
        windows: InputWindows,
        outbox_writer: OutboxWriter,
        clock: Clock,
        journal: ExecutionJournal[Run],
        base: str,
    ) -> None:
        """``base`` is the node's public URL: addresses such as ``dataset/road-network`` lie below it."""
        self._base = base
        self._uow = uow
        self._runs = runs
        self._bind = bind
        self._library = library
        self._windows = windows
        self._outbox_writer = outbox_writer
        self._clock = clock
        self._journal = journal

    async def check(self, body: Mapping[str, Any], caller: Caller) -> Bound:
        """Bind without running: return what would be pinned, and all that prevents a run. Raises ``InvalidInput`` for
        a value that is not a binding, ``NotFound`` for an unknown scenario, ``NotAllowed``. Open files of other nodes
        are fetched for it."""
        require(caller, UseCase.RUN_SCENARIOS)
        return await self._bind(binding_request(body, self._base), caller)

    async def start(self, body: Mapping[str, Any], caller: Caller) -> Run:
        """Bind and run. Raises as ``check``, and ``DoesNotFit`` with the findings."""
        bound = await self.check(body, caller)
        return await run_sync(self._start, bound.template, bound.require(), caller.name, None)

    async def again(self, pid: str, caller: Caller) -> Run:
        """Run the same binding once more. The result must be the same; if it differs, the run states it. Its log says
        of each window of a stream whether the stream still gives the same observations.

        Raises ``NotAllowed``, ``NotFound``.
        """
        require(caller, UseCase.RUN_SCENARIOS)
        run = await self.run(pid)
        proofs = await self._windows.prove(run, caller)
        return await run_sync(self._start, run.template, run.binding, caller.name, run.pid, proofs)

    def _start(
        self, template: Template, binding: Binding, by: str, repeats: str | None, lines: Sequence[str] = ()
    ) -> Run:
        now = self._clock.now()
        steps = tuple(
            StepRun(branch=branch, name=step.name)
            for branch in branches(binding)
            for step in sorted(template.steps, key=lambda one: one.position)
        )
        run = Run(
            pid=new_urn(),
            template=template,
            binding=binding,
            state=State.ACCEPTED,
            by=by,
            created=now,
            updated=now,
            steps=steps,
            repeats=repeats,
        )
        run = append_log(run, now, *lines)
        with self._uow.begin() as tx:
            self._journal.put(tx, run)
            self._journal.note(tx, run)
            self._outbox_writer.deliver(
                tx, topic=RUN_TOPIC, lane=LANE, subject=run.pid, body=run.pid.encode(), due=now, task_id=run.pid
            )
        return run

    async def cancel(self, pid: str, by: Caller) -> Run:
        """Dismiss a run that has not ended, and its jobs elsewhere.

        Raises ``NotAllowed``, ``NotFound``, ``Conflict``.
        """
        require(by, UseCase.RUN_SCENARIOS)

        def dismiss() -> Run:
            with self._uow.begin() as tx:
                run = self._get(tx, pid, lock=True)
                if run.state.is_final:
                    raise Conflict(
                        f"the run has ended already ({run.state})",
                        remedy="run it again: hansa run again",
                    )
                return self._journal.dismiss(tx, run)

        return await run_sync(dismiss)

    async def run(self, pid: str) -> Run:
        """Return a run. Raises ``NotFound``."""

        def read() -> Run:
            with self._uow.read() as tx:
                return self._get(tx, pid)

        return await run_sync(read)

    async def newest(self, template: str | None = None, limit: int = 100) -> Sequence[Run]:
        """Return runs, newest first, of one template (``scenario/NAME`` is one of this node) or of all."""
        iri = iri_meant(template, self._base) if template else None

        def read() -> Sequence[Run]:
            with self._uow.read() as tx:
                return self._runs.newest(tx, template=iri, limit=limit)

        return await run_sync(read)

    def _get(self, tx: Transaction, pid: str, *, lock: bool = False) -> Run:
        run = self._runs.get(tx, pid, lock=lock)
        if run is None:
            raise NotFound("this run does not exist", remedy="for all runs, see hansa run list")
        return run

    # ---- what it gave ----------------------------------------------------------------------------------------

    async def read_output(
        self, run: Run | str, branch: str, name: str, by: Caller, *, located: bool = False
    ) -> tuple[Rows, Port]:
        """Return ``output`` of a run, or of the run with this id, for a person, with geometry if ``locate``. Raises
        ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.READ_RESULTS)
        run = run if isinstance(run, Run) else await self.run(run)
        rows, port = await self.output(run, branch, name)
        return (await self.locate(run, rows) if located else rows), port

    async def read_input(self, run: Run, role: str, by: Caller) -> tuple[Rows, Port]:
        """Return ``input`` for a person. Raises ``NotAllowed``, and as ``input``."""
        require(by, UseCase.READ_RESULTS)
        return await self.input(run, role)

    async def output(self, run: Run, branch: str, name: str) -> tuple[Rows, Port]:
        """Return the rows of ``step.output`` in a branch, and the port in the card of the step.

        Raises ``NotFound`` if that step has no output (yet).
        """
        step_name, _, role = name.partition(".")
        step = next(
            (step_run for step_run in run.steps if (step_run.branch, step_run.name) == (branch, step_name)), None
        )
        sha256 = step.outputs.get(role) if step is not None else None
        if sha256 is None:
            there = sorted(
                {f"{step_run.branch}/{step_run.name}.{role}" for step_run in run.steps for role in step_run.outputs}
            )
            raise NotFound(f"the run has no {branch}/{name}", remedy=f"it has: {', '.join(there) or 'nothing yet'}")
        rows = read_canonical(await self._library.read(sha256))
        wiring = next(step_run.wiring for step_run in run.template.steps if step_run.name == step_name)
        return rows, output_port(bound_step(run.binding, step_name).card, wiring, role)

    async def input(self, run: Run, role: str) -> tuple[Rows, Port]:
        """Return the rows that are bound to a role. Raises ``NotFound``, and ``InvalidInput`` if they stayed with
        their owner."""
        bound = next((one for one in run.binding.inputs if one.role == role), None)
        if bound is None:
            raise NotFound(f"the run has no input {role}", remedy="see the run for its inputs")
        if bound.in_place:
            raise InvalidInput(
                f"this node does not have the data of {role}: they stayed with {bound.origin}",
                remedy="see the results instead, or get the dataset under an agreement",
            )
        port = input_port(run, role)
        return read_rows(await self._library.read(bound.sha256), bound.media_type, port), port

    async def locate(self, run: Run, rows: Rows) -> Rows:
        """Return ``rows`` of an output with geometry: from the input whose key column names the same features. Rows
        stay unchanged if they have a geometry, or no input that is here has one."""
        if any(GEOMETRY in row for row in rows):
            return rows
        for bound in run.binding.inputs:
            try:
                features, _ = await self.input(run, bound.role)
            except (InvalidInput, NotFound):
                # Data that stay with their owner give no geometry either.
                continue
            key, places = named_places(features)
            found = [places.get(str(row.get(key))) for row in rows] if key else []
            if any(found):
                return [{**row, GEOMETRY: at} if at else row for row, at in zip(rows, found, strict=True)]
        return rows

    async def outputs(self, run: Run) -> dict[str, bytes]:
        """Return all outputs as stored (canonical JSON), by ``branch/step.output``."""
        return {
            f"{step.branch}/{step.name}.{role}": await self._library.read(sha256)
            for step in run.steps
            for role, sha256 in step.outputs.items()
        }

    async def earlier(self, run: Run) -> Run | None:
        """Return the run that this one repeats, if it is known."""
        return await self.run(run.repeats) if run.repeats else None
