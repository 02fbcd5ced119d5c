"""Runs of scenarios: the list, one run with its progress and its result, several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, NotAllowed, NotFound
from node.policy.templates import templates
from node.portal.cities import cities
from node.portal.pages.result_parts import page_of
from node.portal.pages.scenario_parts import chain_of
from node.portal.reasons import Why, whys
from node.portal.runs import results
from node.portal.runs.explanation import trace
from node.portal.runs.verdicts import TONES, beside_one_another, differing, legend, verdicts
from node.portal.views.scenarios import ScenarioUseCases
from node.portal.visit import Visit
from node.scenarios.model import AFTER, BEFORE
from node.scenarios.run_model import Run, State, StepRun
from node.scenarios.stories.words import FIGURE, LONGEST_TEXT, LONGEST_TITLE, MEMBERS
from node.texts.languages import LANGUAGES

if TYPE_CHECKING:
    from node.portal.responder import Responder

SECONDS_BETWEEN: Final = 4
"""Seconds after which a page without scripts reloads."""

MAX_TITLE: Final = 200
MOST_COMPARED: Final = 6


async def runs(responder: Responder, visit: Visit) -> Response:
    """``/runs``: all runs, newest first; those of one template with ``?template=``."""
    template = visit.request.query_params.get("template", "")
    newest = await scenarios_of(responder).watches.newest(template=template or None)
    pids = _ticked_pids(visit)
    if len(pids) > 1:
        return responder.go(visit, f"{visit.url('/runs/compare')}?{urlencode([('run', pid) for pid in pids])}")
    return responder.render(
        visit,
        "runs.html",
        runs=newest,
        scenario=template,
        tones=TONES,
        figures={run.pid: verdicts(run) for run in newest},
        chosen=pids,
        one_chosen=len(pids) == 1,
        comparable=sum(run.state is State.SUCCESSFUL for run in newest) > 1,
        with_sign=results.with_sign,
    )


async def run(responder: Responder, visit: Visit) -> Response:
    """``/runs/{pid}``: the state of a run; after its end, the results and their explanation."""
    return await _run_page(responder, visit)


async def _run_page(responder: Responder, visit: Visit, *, trouble: HansaError | None = None) -> Response:
    scenarios = scenarios_of(responder)
    watch = await scenarios.watches.get(visit.request.path_params["pid"], visit.caller)
    run, query = watch.run, dict(visit.parameters())
    city_names = await cities(responder.node, visit.caller, {pin.origin: pin.origin_name for pin in run.binding.pins})
    gathering, is_closed = None, False
    try:
        gathering = await results.gather(scenarios.watches, visit.caller, run, query)
    except NotAllowed:
        is_closed = True
    scale = results.scale_of(gathering) if gathering else None
    row, origin = query.get("row", ""), None
    if gathering and row:
        origin = await trace(
            scenarios.watches, visit.caller, watch, gathering.figure.of, gathering.shape_by_key.key, row
        )
    whole = query.get("rows") == "all"
    return responder.render(
        visit,
        "run.html",
        status=trouble.status if trouble else 200,
        run=run,
        watched=watch,
        quoted=quote(run.pid, safe=""),
        tones=TONES,
        cities=city_names,
        figures=verdicts(run),
        picture=chain_of(run, city_names, visit),
        grid=_grid(run),
        branches=branches(run),
        live=not run.state.is_final,
        paused=query.get("hold", "") == "1",
        seconds=SECONDS_BETWEEN,
        reasons=_reasons(run.error),
        page={pin.iri: (await page_of(responder, visit, pin.iri, pin.version))[0] for pin in run.binding.pins},
        gathered=gathering,
        closed=is_closed,
        scale=scale,
        map=results.picture(gathering, scale, visit, selection=row) if gathering and scale else None,
        legend=legend(visit, scale) if gathering and scale else (),
        table=results.sort_differences(gathering.changes, query.get("sort", "")) if gathering else (),
        most=None if whole else results.MAX_TABLE,
        sort=query.get("sort", ""),
        row=row,
        origin=origin,
        with_sign=results.with_sign,
        others=[other for other in await scenarios.watches.newest(template=run.template.iri) if _beside(other, run)],
        choices=_conditions(),
        longest={"title": LONGEST_TITLE, "introduction": LONGEST_TEXT, "caveat": LONGEST_TEXT},
        trouble=trouble,
        fields=visit.fields,
    )


def _beside(other: Run, run: Run) -> bool:
    return other.pid != run.pid and other.state is State.SUCCESSFUL


async def cancel(responder: Responder, visit: Visit) -> Response:
    """``POST /runs/{pid}/cancel``."""
    pid = visit.request.path_params["pid"]
    await scenarios_of(responder).runs.cancel(pid, visit.caller)
    return responder.go(visit, visit.url(f"/runs/{quote(pid, safe='')}", done="cancelled"))


async def again(responder: Responder, visit: Visit) -> Response:
    """``POST /runs/{pid}/again``: run the same binding once more, then watch it."""
    pid = (await scenarios_of(responder).runs.again(visit.request.path_params["pid"], visit.caller)).pid
    return responder.go(visit, visit.url(f"/runs/{quote(pid, safe='')}", done="started"))


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /runs/{pid}/publish``: publish the result as a dataset; a refusal is shown beside the form."""
    pid, title = visit.request.path_params["pid"], visit.fields.get("title", "").strip()[:MAX_TITLE]
    try:
        if not title:
            raise InvalidInput(
                "the result needs a title", remedy="fill in a title", facts={"case": "untitled-result"}
            )
        template = visit.fields.get("conditions", "")
        conditions = {"template": template} if template else {}
        iri = await scenarios_of(responder).watches.publish(
            pid, {visit.language: title}, conditions, visit.caller, story=_story_words(visit.fields)
        )
    except NotFound:
        raise
    except HansaError as error:
        if error.status >= 500:
            raise
        return await _run_page(responder, visit, trouble=error)
    return responder.go(visit, visit.asset(iri, done="published"))


def _story_words(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the publisher's words for the story, by language, and the figure of its map."""
    words: dict[str, Any] = {
        member: {tag: text for tag in LANGUAGES if (text := fields.get(f"story.{member}.{tag}", "").strip())}
        for member in MEMBERS
    }
    return {**words, FIGURE: fields.get(f"story.{FIGURE}", "")}


async def compare(responder: Responder, visit: Visit) -> Response:
    """``/runs/compare?run=&run=``: two to six runs with the same breaks, the differences of their bindings, and of
    two runs the second less the first. ``left`` and ``right`` name two runs as well."""
    scenarios, query = scenarios_of(responder), dict(visit.parameters())
    pids = _ticked_pids(visit) or [pid for pid in (query.get("left", ""), query.get("right", "")) if pid]
    if len(pids) < 2:
        raise InvalidInput("two runs must be selected", remedy="select them at /runs", facts={"case": "two-runs"})
    sides = [await scenarios.watches.get(pid, visit.caller) for pid in pids]
    run_figures: list[results.RunFigure] = []
    with suppress(NotAllowed):  # A reader who may not see outputs sees the states of the runs.
        figures = [await results.gather(scenarios.watches, visit.caller, side.run, query) for side in sides]
        run_figures = [figure for figure in figures if figure is not None]
    scale = results.scale_of(*run_figures) if len(run_figures) == len(sides) else None
    beyond = results.difference_of(*run_figures) if scale and len(run_figures) == 2 else None
    beyond_scale = results.scale_of(beyond) if beyond and any(c.by is not None for c in beyond.changes) else None
    return responder.render(
        visit,
        "compare.html",
        sides=sides,
        pids=pids,
        names="ABCDEF",
        quoted=[quote(pid, safe="") for pid in pids],
        tones=TONES,
        gathered=run_figures if scale else [],
        maps=[results.picture(one, scale, visit, links=False) for one in run_figures] if scale else [],
        legend=legend(visit, scale) if scale else (),
        scale=scale,
        beyond=results.picture(beyond, beyond_scale, visit, links=False) if beyond and beyond_scale else None,
        beyond_legend=legend(visit, beyond_scale) if beyond and beyond_scale else (),
        indicators=beside_one_another(sides),
        differ=differing(sides, visit),
        with_sign=results.with_sign,
    )


def _ticked_pids(visit: Visit) -> list[str]:
    """Return the runs that the reader ticked, each once, and not more than fit beside one another."""
    return list(dict.fromkeys(pid for name, pid in visit.parameters() if name == "run" and pid))[:MOST_COMPARED]


# what templates are given --------------------------------------------------------------------------------------


def scenarios_of(responder: Responder) -> ScenarioUseCases:
    """Return the use cases of scenarios. Raises ``NotFound`` at a node without them."""
    if responder.node.scenarios is None:
        raise NotFound
    return responder.node.scenarios


def branches(run: Run) -> list[str]:
    """Return the branches of a run, ``before`` first."""
    there = {step.branch for step in run.steps}
    return [branch for branch in (BEFORE, AFTER) if branch in there]


def _grid(run: Run) -> list[tuple[Any, list[StepRun | None]]]:
    """Return (step of the template, its runs by branch) in the order of the chain."""
    by = {(step.branch, step.name): step for step in run.steps}
    steps = sorted(run.template.steps, key=lambda step: step.position)
    return [(step, [by.get((branch, step.name)) for branch in branches(run)]) for step in steps]


def _reasons(error: Mapping[str, Any] | None) -> list[Why]:
    """Return the reasons of a refusal, if the error has them."""
    facts = error.get("facts") if error else None
    found = facts.get("reasons") if isinstance(facts, Mapping) else None
    return whys(found) if isinstance(found, list) else []


def _conditions() -> list[Any]:
    """Return the templates of conditions that need no parameter but the region, which the node fills in itself."""
    return [
        template
        for template in templates()
        if template.policy is not None and all(not p.required or p.name == "region" for p in template.parameters)
    ]
