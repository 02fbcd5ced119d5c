"""Carrying out a run: step by step, each step committed, so that a crash costs only the current step.

A step takes rows and gives rows. Its outputs are written in canonical form into the asset store, and the next step
reads them from there. Therefore a result does not depend on the memory of a node, and a run that continues after a
crash gives the same result as an undisturbed one. If a run has change layers, the chain runs twice: ``before``
without them, ``after`` with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import InvalidInput, LocalFault
from node.base.work import UnitOfWork
from node.scenarios.chain.indicators import measure
from node.scenarios.chain.validity import outside
from node.scenarios.chain.wiring import bound_step, branches, input_port, output_port, run_transformation
from node.scenarios.execution import REPORT_SECONDS, ExecutionJournal, Report, Reporter, report_progress
from node.scenarios.layers.stack import apply_layers, of_input
from node.scenarios.model import (
    AFTER,
    BEFORE,
    Binding,
    BoundInput,
    BoundStep,
    Layer,
    Model,
    Rows,
    Step,
    Transformation,
)
from node.scenarios.ports import LayerStore, ModelExecutor, Outcome, Reference
from node.scenarios.records.library import Library
from node.scenarios.run_model import Caveat, IndicatorValue, Run, State, StepRun
from node.scenarios.runs.lifecycle import append_log, finish, with_report, with_step
from node.scenarios.tables.rows import canonical_json, read_canonical, read_rows

Values = dict[str, Rows | Reference]


class RunSteps:
    """Does the work of a run: the ``steps`` of ``node.scenarios.execution.DurableExecution``."""

    def __init__(
        self,
        *,
        journal: ExecutionJournal[Run],
        uow: UnitOfWork,
        layers: LayerStore,
        library: Library,
        executor: ModelExecutor,
        transform: Callable[[Transformation, Rows], Rows],
        clock: Clock,
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        self._journal = journal
        self._uow = uow
        self._layers = layers
        self._library = library
        self._executor = executor
        self._transform = transform
        self._clock = clock
        self._report_seconds = report_seconds

    # ---- the chain -------------------------------------------------------------------------------------------

    async def __call__(self, run: Run) -> None:
        """Carry out the remaining steps, and finish the run. Raises ``Dismissed``, and the errors of models and
        data."""
        layers = await run_sync(self._layers_of, run.binding)
        inputs = await self._inputs(run)
        values_of: dict[str, Values] = {}
        for branch in branches(run.binding):
            values_of[branch] = with_layers(run.binding, inputs, layers) if branch == AFTER else dict(inputs)
        for step in run.steps:
            values = values_of[step.branch]
            result = step if step.state is State.SUCCESSFUL else await self._step(run, step, values)
            for role, sha256 in result.outputs.items():
                body = await self._library.read(sha256)
                values[f"{result.name}.{role}"] = await asyncio.to_thread(read_canonical, body)
        figures = await asyncio.to_thread(measure_indicators, run, values_of)
        await run_sync(self._journal.finish, run.pid, lambda _, known: finish(known, self._clock.now(), figures))

    async def _step(self, run: Run, step_run: StepRun, values: Values) -> StepRun:
        bound = bound_step(run.binding, step_run.name)
        step = next(one for one in run.template.steps if one.name == step_run.name)
        inputs = {
            role: _value(values, source, step) for role, source in step.wiring.items() if source not in left_out(run)
        }
        what = bound.card.titles.get("en") or bound.name
        where = "here" if bound.agreement is None else f"at {bound.origin_name or bound.origin}"
        sentence = f"{step_run.branch}: {step.name} ({what}, version {bound.version}, {where})"
        running_step = replace(step_run, state=State.RUNNING, started=self._clock.now(), agreement=bound.agreement)
        # A step that restarts after an interruption was logged before.
        lines = [sentence] if step_run.state is not State.RUNNING else []
        await run_sync(self._save, run.pid, running_step, lines)
        card = bound.card
        if isinstance(card, Transformation):
            outcome = await asyncio.to_thread(run_transformation, card, step.wiring, inputs, self._transform)
        else:
            outcome = await self._execute(run, bound, card, inputs, running_step)
        outputs, counts = {}, {}
        for role, rows in outcome.outputs.items():
            body = await asyncio.to_thread(canonical_json, rows, output_port(card, step.wiring, role))
            outputs[role], counts[role] = await self._library.keep(body), len(rows)
        result = replace(
            running_step,
            state=State.SUCCESSFUL,
            progress=100,
            finished=self._clock.now(),
            outputs=outputs,
            rows=counts,
            caveats=outcome.caveats,
            job=outcome.job,
            agreement=outcome.agreement or running_step.agreement,
        )
        sentences = [f"{step_run.branch}: {step.name}: {caveat.sentence}" for caveat in outcome.caveats]
        await run_sync(self._save, run.pid, result, sentences)
        return result

    async def _execute(
        self, run: Run, bound: BoundStep, card: Model, inputs: Mapping[str, Rows | Reference], step_run: StepRun
    ) -> Outcome:
        parameters = {
            parameter.name: run.binding.parameters[parameter.name]
            for parameter in card.parameters
            if parameter.name in run.binding.parameters
        }
        caveats: list[Caveat] = []
        for port in card.inputs:
            rows = inputs.get(port.role)
            if rows is not None and not isinstance(rows, Reference):
                found = await asyncio.to_thread(outside, port, rows)
                caveats += [replace(finding, step=bound.name) for finding in found]

        async def work(reporter: Reporter) -> Outcome:
            key = f"{run.pid}/{step_run.branch}/{step_run.name}"
            return await self._executor.execute(card, inputs, parameters, key=key, progress=reporter)

        def write(report: Report) -> None:
            now = self._clock.now()
            self._journal.report(run.pid, lambda known: with_report(known, now, step_run, report))

        outcome = await report_progress(work, write, seconds=self._report_seconds)
        # A model that was written with the SDK checks its range of validity itself.
        topics = {caveat.about for caveat in caveats}
        said = [replace(caveat, step=bound.name) for caveat in outcome.caveats]
        return replace(outcome, caveats=(*caveats, *(finding for finding in said if finding.about not in topics)))

    def _save(self, pid: str, step: StepRun, lines: Sequence[str]) -> None:
        """Write the current state of a step, with its lines for the log. Raises ``Dismissed``."""
        now = self._clock.now()
        self._journal.update(pid, lambda known: append_log(with_step(known, now, step), now, *lines))

    def _layers_of(self, binding: Binding) -> list[Layer]:
        """Return the change layers that a run is bound to, in their order."""
        layers = []
        with self._uow.read() as tx:
            for sha256 in binding.layers:
                layer = self._layers.get(tx, sha256)
                if layer is None:
                    raise LocalFault(f"the change layer {sha256} of a run is no longer stored")
                layers.append(layer)
        return layers

    async def _inputs(self, run: Run) -> Values:
        values: Values = {}
        for bound in run.binding.inputs:
            if bound.in_place:
                values[bound.role] = Reference(iri=bound.iri, version=bound.version, file=bound.file)
                continue
            await self._still_permitted(bound)
            body = await self._library.read(bound.sha256)
            values[bound.role] = await asyncio.to_thread(
                read_rows, body, bound.media_type, input_port(run, bound.role)
            )
        return values

    async def _still_permitted(self, bound: BoundInput) -> None:
        """Require that the agreement under which an input was received still permits its use, at every run."""
        if bound.agreement is None:
            return
        await self._library.find_agreement(bound.iri, bound.origin, bound.titles.get("en") or bound.iri)


def with_layers(binding: Binding, inputs: Values, layers: list[Layer]) -> Values:
    """Return the inputs with the change layers of a run applied. Raises ``InvalidInput`` as ``apply_layers``."""
    values = dict(inputs)
    for bound in binding.inputs:
        mine = of_input(bound, layers)
        if mine:
            rows = values[bound.role]
            values[bound.role] = apply_layers(bound, None if isinstance(rows, Reference) else rows, mine)
    return values


def measure_indicators(run: Run, values_of: Mapping[str, Values]) -> tuple[IndicatorValue, ...]:
    """Return the indicators of the template over the outputs of both branches."""
    figures = []
    for indicator in run.template.indicators:
        of_branch = {
            branch: measure(
                indicator, {name: rows for name, rows in values.items() if not isinstance(rows, Reference)}
            )
            for branch, values in values_of.items()
        }
        figures.append(
            IndicatorValue(
                name=indicator.name,
                before=of_branch.get(BEFORE),
                after=of_branch[AFTER],
                unit=indicator.unit,
            )
        )
    return tuple(figures)


def left_out(run: Run) -> frozenset[str]:
    """Return the optional roles to which nothing is bound."""
    return frozenset({one.role for one in run.template.inputs} - {one.role for one in run.binding.inputs})


def _value(values: Values, source: str, step: Step) -> Rows | Reference:
    if source not in values:
        raise InvalidInput(
            f"step {step.name} uses {source}, which does not exist",
            remedy="correct the wiring of the step in the scenario",
        )
    return values[source]
