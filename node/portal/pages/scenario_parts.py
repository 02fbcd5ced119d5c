"""Information about scenarios on pages of assets: the chain as a picture, the runs, how to call a model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from node.base.errors import HansaError, NotFound
from node.catalogue.model import Record
from node.portal.cities import Cities, cities
from node.portal.description.triples import Description
from node.portal.drawing.chain import Drawing, Link, chain
from node.portal.markup import last_segment, web_address
from node.portal.visit import Visit
from node.scenarios.model import Step, Template
from node.scenarios.run_model import Run, State
from node.transfer.addresses import process_url
from node.vocab.namespaces import HANSA, HANSA_MODEL

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_RUNS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedStep:
    """A step with the catalogue's record of the thing that it uses."""

    step: Step
    record: Record | None
    where: str
    remote: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView:
    """A template as the page of its record shows it."""

    template: Template
    steps: tuple[UsedStep, ...]
    picture: Drawing


async def scenario_of(responder: Responder, visit: Visit, record: Record) -> TemplateView | None:
    """Return the template that ``record`` describes; None if it is not one, or this node has no scenarios."""
    if responder.node.scenarios is None or record.kind != "scenario":
        return None
    try:
        template = await responder.node.scenarios.templates.get(record.iri, visit.caller, version=record.version)
    except HansaError:
        # The page shows the record in any case, also if its description is not a template.
        return None
    known = await cities(responder.node, visit.caller)
    used = await _used_steps(responder, visit, template, known)
    return TemplateView(template=template, steps=tuple(used), picture=_picture(visit, template, used, ()))


async def runs_of(
    responder: Responder, visit: Visit, record: Record, view: TemplateView | None = None
) -> Sequence[Run] | None:
    """Return runs of a scenario, or those that use a model or transformation; None if this page shows no runs.

    Runs of a scenario that binds the template of another one are stored under that template (``view``).
    """
    if responder.node.scenarios is None or not visit.signed_in:
        return None
    if record.kind == "scenario":
        return await responder.node.scenarios.watches.newest(
            template=view.template.iri if view else record.iri, limit=MAX_RUNS
        )
    if record.kind in ("model", "transformation"):
        return await responder.node.scenarios.watches.newest(uses=record.iri, limit=MAX_RUNS)
    return None


def calls(visit: Visit, record: Record, description: Description) -> dict[str, str]:
    """Return the commands to call a model (OGC API - Processes, Part 1: Core 1.0, 7.11): ``describe`` and
    ``execute``.

    A model of another node is called at the address that its agreement opens, so the address is a variable.
    """
    if record.kind != "model":
        return {}
    own = visit.owns(record.iri)
    if own:
        process = process_url(visit.settings.public_url, record.iri)
        address, token = shlex.quote(process), "$HANSA_TOKEN"
        execute = shlex.quote(f"{process}/execution")
    else:
        address, token, execute = '"$PROCESS"', "$TOKEN", '"$PROCESS/execution"'
    roles = [
        description.value(t.value, f"{HANSA}role") for t in description.terms(record.iri, f"{HANSA_MODEL}hasInput")
    ]
    body = {"inputs": {role: {"href": "https://…/datasets/…#v1"} for role in roles if role}}
    return {
        "describe": f'curl -H "Authorization: Bearer {token}" \\\n  {address}',
        "execute": (
            f"curl -X POST {execute} \\\n"
            f'  -H "Authorization: Bearer {token}" -H "Content-Type: application/json" \\\n'
            f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
        ),
    }


async def template_chain(
    responder: Responder, visit: Visit, template: Template, city_names: Cities, *, missing: Sequence[str] = ()
) -> Drawing:
    """Return the picture of a template's chain, with the catalogue's records of the things that it uses."""
    return _picture(visit, template, await _used_steps(responder, visit, template, city_names), missing)


async def _used_steps(responder: Responder, visit: Visit, template: Template, city_names: Cities) -> list[UsedStep]:
    inputs = []
    for step in sorted(template.steps, key=lambda step: step.position):
        try:
            record = await responder.node.catalogue.browse.record(step.uses, visit.caller)
        except NotFound:
            record = None
        inputs.append(
            UsedStep(
                step=step,
                record=record,
                where=city_names.name(record.origin) if record else _host(step.uses),
                remote=city_names.elsewhere(record.origin) if record else not visit.owns(step.uses),
            )
        )
    return inputs


def _host(iri: str) -> str:
    return urlsplit(iri).netloc if web_address(iri) else ""


def _picture(visit: Visit, template: Template, parts: Sequence[UsedStep], missing: Sequence[str]) -> Drawing:
    unknown = visit.t("chain.unknown")
    links = [
        Link(
            name=part.step.name,
            title=visit.translate(part.record.titles if part.record else part.step.titles).text
            or last_segment(part.step.uses),
            # If our catalogue lacks the asset, a box can only name the city that has it.
            word=visit.speaker.word("kind", part.record.kind) if part.record else "" if part.where else unknown,
            where=part.where,
            remote=part.remote,
            wires=tuple(part.step.wiring.items()),
        )
        for part in parts
    ]
    roles = {role.role: visit.translate(role.titles).text for role in template.inputs}
    return chain(links, roles, missing=frozenset(missing))


def chain_of(run: Run, city_names: Cities, visit: Visit) -> Drawing:
    """Return the picture of a run's chain, with the pinned versions."""
    bound = {step.name: step for step in run.binding.steps}
    inputs = {role.role: role for role in run.binding.inputs}
    failures = {step.name for step in run.steps if step.state is State.FAILED}
    links = []
    for step in sorted(run.template.steps, key=lambda step: step.position):
        step_binding = bound.get(step.name)
        links.append(
            Link(
                name=step.name,
                title=visit.translate(step_binding.card.titles).text if step_binding else step.name,
                word=visit.speaker.word("kind", step_binding.kind) if step_binding else "",
                where=city_names.name(step_binding.origin) if step_binding else "",
                remote=bool(step_binding) and city_names.elsewhere(step_binding.origin) if step_binding else False,
                wires=tuple(step.wiring.items()),
                tone="failed" if step.name in failures else "",
            )
        )
    roles = {
        role.role: visit.translate(inputs[role.role].titles).text if role.role in inputs else ""
        for role in run.template.inputs
    }
    return chain(links, roles, missing=frozenset(roles) - inputs.keys())
