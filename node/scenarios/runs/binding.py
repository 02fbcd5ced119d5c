"""Binding a template: names become pinned versions, and everything that would not fit is found before a run.

A binding is checked and reported as a whole: each finding has the place, the problem and the remedy. If two ends do
not fit and the catalogue has a transformation from one to the other, the finding names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.errors import (
    Conflict,
    ForbiddenAddress,
    Gone,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    TooMany,
    UnsupportedMediaType,
)
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.identity.model import Caller
from node.scenarios.chain.interfaces import fits, fitting_transformations
from node.scenarios.chain.parameters import bound_parameters
from node.scenarios.chain.wiring import source_port, step_inputs, step_outputs, taken_on_trust
from node.scenarios.findings import ERROR, WARNING, Bound, Finding
from node.scenarios.layers.stack import apply_layers, of_input, overlapping
from node.scenarios.model import (
    Binding,
    BoundInput,
    BoundStep,
    Layer,
    Model,
    Port,
    Transformation,
)
from node.scenarios.ports import LayerStore
from node.scenarios.records.cards import bound_of, dataset_port, model_of, template_of, transformation_of
from node.scenarios.records.library import Library, file_of
from node.scenarios.runs.binding_draft import BindingDraft, check_chain, finding_of, missing_is_news
from node.scenarios.runs.hashes import binding_key
from node.scenarios.runs.request import BindingRequest, InputRequest
from node.scenarios.runs.windows import InputWindows, require_no_window
from node.scenarios.tables.rows import read_rows
from node.scenarios.transformations.column_matches import missing_mapping
from node.scenarios.transformations.window_drafts import missing_window

Known = Callable[[Caller], Awaitable[Sequence[Transformation]]]
"""The catalogue's transformations for a caller: candidates for repairing a chain that does not fit."""


_REPORTED: Final = (
    NotFound,
    NotAllowed,
    InvalidInput,
    TooLarge,
    UnsupportedMediaType,
    PeerUnreachable,
    Gone,
    Conflict,
    TooMany,
    Overloaded,
    ForbiddenAddress,
)
"""Errors of an input that become findings and do not end the check."""


class Bind:
    """Binds templates."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        library: Library,
        windows: InputWindows,
        layers: LayerStore,
        transformations: Known,
        me: str,
    ) -> None:
        self._uow = uow
        self._library = library
        self._windows = windows
        self._layers = layers
        self._transformations = transformations
        self._me = me

    async def __call__(self, request: BindingRequest, caller: Caller) -> Bound:
        """Pin everything and check it. Raises only if there is no such template (``NotFound``, ``InvalidInput``,
        ``PeerUnreachable``); all other problems are among the findings."""
        record = await self._library.record(request.scenario, caller, version=request.version)
        bound = bound_of(record)
        if bound is not None:
            template, named = bound
            record = await self._library.record(template, caller)
            inputs = {role: InputRequest(dataset=iri) for role, iri in named.items()}
            request = replace(request, inputs={**inputs, **request.inputs})
        work = BindingDraft(template_of(record), record.sha256)
        check_chain(work)
        await self._bind_inputs(work, request, caller)
        await self._bind_steps(work, request, caller)
        parameters = _bind_parameters(work, request.parameters)
        layers = await run_sync(self._bind_layers, work, request.layers)
        await self._check_wiring(work, caller)
        pins = tuple(work.inputs[port.role] for port in work.template.inputs if port.role in work.inputs)
        if any(finding.severity == ERROR for finding in work.findings):
            return Bound(template=work.template, binding=None, findings=tuple(work.findings), inputs=pins)
        binding = Binding(
            template=work.template.iri,
            version=work.template.version,
            template_sha256=work.template_sha256,
            inputs=pins,
            steps=tuple(work.steps[step.name] for step in work.template.steps),
            parameters=parameters,
            layers=tuple(layer.sha256 for layer in layers),
            key="",
        )
        keyed = replace(binding, key=binding_key(binding))
        return Bound(template=work.template, binding=keyed, findings=tuple(work.findings), inputs=pins)

    # ---- inputs ----------------------------------------------------------------------------------------------

    async def _bind_inputs(self, work: BindingDraft, request: BindingRequest, caller: Caller) -> None:
        roles = {one.role: one for one in work.template.inputs}
        for role in request.inputs:
            if role not in roles:
                work.report(
                    f"input {role}",
                    "unknown-role",
                    f"the scenario has no input {role}",
                    f"it has: {', '.join(roles)}",
                    name=role,
                    known=list(roles),
                )
        for role, port in roles.items():
            choice = request.inputs.get(role)
            if choice is None:
                if port.required:
                    title = port.titles.get("en") or role
                    work.report(
                        f"input {role}",
                        "unbound",
                        f"{title} is not bound",
                        f"bind {role} to a dataset",
                        title=dict(port.titles) or role,
                        name=role,
                    )
                continue
            try:
                await self._bind_input(work, port, choice, caller)
            except _REPORTED as error:
                work.add(f"input {role}", error)

    async def _bind_input(self, work: BindingDraft, port: Port, choice: InputRequest, caller: Caller) -> None:
        record = await self._library.record(choice.dataset, caller, version=choice.version)
        port_of_record = dataset_port(record, port.role)
        if choice.window is not None:
            file = file_of(record, choice.file)
            bound = await self._windows.pin(port.role, record, file, choice.window, caller)
            body = await self._library.read(bound.sha256)
            work.rows[port.role] = await asyncio.to_thread(read_rows, body, bound.media_type, port_of_record)
            work.ports[port.role] = port_of_record
            work.inputs[port.role] = bound
            return
        if choice.in_place:
            file, agreement = file_of(record, choice.file), None
            if record.origin != self._me:
                agreement = (await self._library.agreement(record.iri, record.origin)).id
        else:
            require_no_window(record, file_of(record, choice.file))
            obtained = await self._library.obtain(record, choice.file)
            file, agreement = obtained.file, obtained.agreement
            body = await self._library.read(file.sha256)
            work.rows[port.role] = await asyncio.to_thread(read_rows, body, file.media_type, port_of_record)
        work.ports[port.role] = port_of_record
        work.inputs[port.role] = BoundInput(
            role=port.role,
            iri=record.iri,
            version=record.version,
            file=file.name,
            sha256=file.sha256,
            media_type=file.media_type,
            origin=record.origin,
            titles=record.titles,
            in_place=choice.in_place,
            agreement=agreement,
            origin_name=record.publisher_name,
        )

    # ---- steps -----------------------------------------------------------------------------------------------

    async def _bind_steps(self, work: BindingDraft, request: BindingRequest, caller: Caller) -> None:
        names = [one.name for one in work.template.steps]
        for name in request.uses:
            if name not in names:
                work.report(
                    f"step {name}",
                    "unknown-step",
                    f"the scenario has no step {name}",
                    f"it has: {', '.join(names)}",
                    name=name,
                    known=names,
                )
        for step in work.template.steps:
            other = request.uses.get(step.name)
            iri, version = (other.iri, other.version) if other else (step.uses, None)
            try:
                record = await self._library.record(iri, caller, version=version)
                work.steps[step.name] = await self._bind_step(step.name, record)
            except (NotFound, NotAllowed, InvalidInput, PeerUnreachable) as error:
                work.add(f"step {step.name}", error)

    async def _bind_step(self, name: str, record: Record) -> BoundStep:
        card: Model | Transformation
        agreement = None
        if record.kind == "transformation":
            card, sha256 = transformation_of(record), record.sha256
        elif record.kind == "model":
            card = model_of(record)
            sha256 = card.code or record.sha256
            if card.code is None and card.endpoint is None:
                raise InvalidInput(
                    f"{record.title()} has a description, but cannot run: it has neither code nor an end point",
                    remedy="ask its owner to publish it with code: or endpoint:",
                )
            if record.origin != self._me:
                agreement = (await self._library.find_agreement(record.iri, record.origin, record.title())).id
        else:
            raise InvalidInput(
                f"{record.title()} is a {record.kind}: a step uses a model or a transformation",
                remedy="name a model or a transformation",
            )
        return BoundStep(
            name=name,
            iri=record.iri,
            version=record.version,
            sha256=sha256,
            origin=record.origin,
            card=card,
            agreement=agreement,
            origin_name=record.publisher_name,
        )

    # ---- how it fits -----------------------------------------------------------------------------------------

    async def _check_wiring(self, work: BindingDraft, caller: Caller) -> None:
        asked = {input_.role: input_ for input_ in work.template.inputs}
        sources = {role: source_port(port, asked[role], work.rows.get(role)) for role, port in work.ports.items()}
        left_out = {input_.role for input_ in work.template.inputs if not input_.required} - set(work.inputs)
        transformations: Sequence[Transformation] | None = None
        for step in work.template.steps:
            bound = work.steps.get(step.name)
            if bound is None:
                continue
            card = bound.card
            takes = step_inputs(card, step.wiring)
            for role in sorted(set(step.wiring) - {input_.role for input_ in takes}):
                work.report(
                    f"step {step.name}.{role}",
                    "no-such-input",
                    f"{step.name} has no input {role}",
                    f"it has: {', '.join(input_.role for input_ in takes)}",
                    step=step.name,
                    name=role,
                    known=[input_.role for input_ in takes],
                )
            for target in takes:
                place = f"step {step.name}.{target.role}"
                name = step.wiring.get(target.role)
                if name is None or name in left_out:
                    if target.required:
                        why = f": {name} is not bound" if name else ""
                        facts = {"case": "left-out", "source": name} if name else {}
                        sentence = f"nothing feeds {target.role} of {step.name}{why}"
                        work.report(place, "not-wired", sentence, step=step.name, name=target.role, **facts)
                    continue
                source = sources.get(name)
                if source is None:
                    if missing_is_news(work, name):
                        sentence = f"{name} is neither an input nor an output before it"
                        work.report(place, "no-such-source", sentence, name=name)
                    continue
                held = work.inputs.get(name)
                if held is not None and held.in_place:
                    source = taken_on_trust(source, target)
                mismatches = fits(source, target, sample=work.rows.get(name))
                if transformations is None and any(mismatch.severity == ERROR for mismatch in mismatches):
                    transformations = await self._transformations(caller)
                fitting = [input_.iri for input_ in fitting_transformations(source, target, transformations or ())]
                draft = {} if fitting or not mismatches else missing_mapping(source, target)
                if not (fitting or draft) and any(mismatch.code == "time-step" for mismatch in mismatches):
                    draft = missing_window(source, target, work.rows.get(name))
                work.findings += [finding_of(place, mismatch, fitting, draft) for mismatch in mismatches]
                self._check_place(work, place, name, bound)
            for output in step_outputs(card, step.wiring):
                sources[f"{step.name}.{output.role}"] = output

    def _check_place(self, work: BindingDraft, place: str, name: str, bound: BoundStep) -> None:
        """Add a finding if data that stay with their owner are bound to a model that does not run there."""
        bound_input = work.inputs.get(name)
        if bound_input is None or not bound_input.in_place:
            return
        if isinstance(bound.card, Transformation):
            runs_at, facts = f"{self._me}: transformations are carried out here", {"case": "transformation"}
        elif bound.card.code is None:
            runs_at, facts = str(bound.card.endpoint), {"at": str(bound.card.endpoint)}
        elif bound.origin != bound_input.origin:
            runs_at, facts = bound.origin, {"at": bound.origin_name or bound.origin}
        else:
            return
        work.report(
            place,
            "elsewhere",
            f"the data of {name} stay with {bound_input.origin}, and {bound.name} runs at {runs_at}",
            "use a model that runs where the data are",
            input=name,
            owner=bound_input.origin_name or bound_input.origin,
            step=bound.name,
            **facts,
        )

    def _bind_layers(self, work: BindingDraft, layer_ids: tuple[str, ...]) -> list[Layer]:
        layers: list[Layer] = []
        with self._uow.read() as tx:
            for name in layer_ids:
                layer = self._layers.get(tx, name) or self._layers.newest(tx, name)
                if layer is None:
                    work.report(
                        f"layer {name}",
                        "not-found",
                        f"the change layer {name} does not exist",
                        "hansa layer list",
                        case="layer",
                        name=name,
                    )
                    continue
                if not any(of_input(bound, [layer]) for bound in work.inputs.values()):
                    work.report(
                        f"layer {name}",
                        "nothing-to-change",
                        f"{layer.title} changes {layer.file} of {layer.target}, which is not bound here",
                        "remove it, or choose that dataset",
                        layer=layer.title,
                        file=layer.file,
                        dataset=layer.target,
                    )
                layers.append(layer)
        for role, bound in work.inputs.items():
            mine = of_input(bound, layers)
            try:
                if mine:
                    apply_layers(bound, work.rows.get(role), mine)
            except InvalidInput as error:
                work.add(f"layer {mine[0].id}", error, code="does-not-fit")
            for earlier, later, where in overlapping(mine):
                work.findings.append(
                    Finding(
                        place=f"layer {later.id}",
                        code="overlap",
                        sentence=f"{later.title} overrides values of {earlier.title}: {where}",
                        remedy="put them in the other order, or remove one",
                        severity=WARNING,
                        facts={"later": later.title, "earlier": earlier.title, "where": where},
                    )
                )
        return layers


def _bind_parameters(work: BindingDraft, choices: Mapping[str, Any]) -> dict[str, Any]:
    models = [one.card for one in work.steps.values() if isinstance(one.card, Model)]
    complete = len(work.steps) == len(work.template.steps)
    values, findings = bound_parameters(work.template, models, choices, complete=complete)
    work.findings += findings
    return values
