"""The result of a run as a reader sees it: one figure on a map and in a table, with its scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from node.base.errors import InvalidInput, NotAllowed, NotFound
from node.identity.model import Caller
from node.portal.drawing import maps
from node.portal.drawing.scale import Scale, change_scale, value_scale
from node.portal.languages import Speaker
from node.portal.markup import unit as written
from node.portal.views.scenarios import WatchedRuns
from node.portal.visit import Visit
from node.scenarios.chain import differences
from node.scenarios.chain.differences import ALL, Difference, Figure, Places, Shape
from node.scenarios.model import AFTER, BEFORE, Rows
from node.scenarios.run_model import Run, State
from node.texts.languages import pick

MAX_TABLE: Final = 200
SORTS: Final = ("by", "before", "after", "id")

MINUS: Final = "\u2212"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A column that divides the rows, its values, and the value that the reader chose (empty: all of them)."""

    name: str
    values: tuple[str, ...]
    choice: str = ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigure:
    """A figure of a run. ``together`` is how rows of one feature became one figure: empty (there was one row),
    ``sum``, ``mean`` or ``energy``; ``apart`` are inputs that stay with their owner and cannot be drawn."""

    run: Run
    figure: Figure
    figures: tuple[Figure, ...]
    shape_by_key: Shape
    parts: tuple[Part, ...]
    together: str
    changes: tuple[Difference, ...]
    places: tuple[Places, ...]
    apart: tuple[str, ...]

    @property
    def has_before(self) -> bool:
        """Return whether there is a *before*."""
        return any(change.before is not None for change in self.changes)

    @property
    def unit(self) -> str:
        return written(self.figure.variable.unit) if self.figure.variable.unit not in (None, "1") else ""

    @property
    def decimals(self) -> int | None:
        return self.figure.variable.decimals

    def title(self, language: str) -> str:
        """Return the name of the figure: its description, without the full stop of a sentence."""
        return pick(self.figure.variable.description, language)[0].rstrip(".") or self.figure.column


async def gather(runs: WatchedRuns, caller: Caller, run: Run, query: Mapping[str, str]) -> RunFigure | None:
    """Return the figure that ``query`` asks for (``show=noise.levels:Lden``, ``part.<column>=<value>``), else the
    first.

    None if the run has no figure to show yet. Raises ``InvalidInput`` if it has no such figure.
    """
    if run.state is not State.SUCCESSFUL:
        return None
    given = {f"{step.name}.{role}" for step in run.steps for role in step.outputs}
    figures = tuple(figure for figure in differences.figures(run) if figure.of in given)
    if not figures:
        return None
    wish = query.get("show", "")
    figure = next((choice for choice in figures if choice.name == wish), None) if wish else figures[0]
    if figure is None:
        raise InvalidInput(
            f"the run has no figure {wish[:80]}",
            remedy=f"choose one of: {', '.join(choice.name for choice in figures)}",
            facts={"case": "no-figure", "name": wish[:80], "known": [choice.name for choice in figures]},
        )
    after = await runs.rows(run, AFTER, figure.of, caller)
    compares = any(step.branch == BEFORE for step in run.steps)
    before = await runs.rows(run, BEFORE, figure.of, caller) if compares else None
    places, apart = await _places(runs, caller, run)
    shape_by_key = differences.shape([*after, *(before or ())], places)
    parts = tuple(
        Part(name=name, values=values, choice=_choice(query.get(f"part.{name}", ""), values))
        for name, values in shape_by_key.parts.items()
    )
    choices = {part.name: part.choice for part in parts}
    return RunFigure(
        run=run,
        figure=figure,
        figures=figures,
        shape_by_key=shape_by_key,
        parts=parts,
        together=_together(figure, parts),
        changes=tuple(
            differences.changes(
                differences.figures_by_feature(before, figure, shape_by_key, choices) if before is not None else None,
                differences.figures_by_feature(after, figure, shape_by_key, choices),
            )
        ),
        places=tuple(places),
        apart=tuple(apart),
    )


async def _places(runs: WatchedRuns, caller: Caller, run: Run) -> tuple[list[Places], list[str]]:
    places, apart = [], []
    for bound in run.binding.inputs:
        rows: Rows = ()
        if not bound.in_place:
            with suppress(NotAllowed, NotFound, InvalidInput):
                rows = await runs.rows(run, AFTER, bound.role, caller)
        if not rows:
            apart.append(bound.role)
        elif one := differences.places(bound.role, rows):
            places.append(one)
    return places, apart


def _choice(wish: str, values: Sequence[str]) -> str:
    return wish if wish in values else ALL


def _together(figure: Figure, parts: Sequence[Part]) -> str:
    if all(part.choice != ALL for part in parts):
        return ""
    return differences.way_together(figure.variable.unit)


def scale_of(*figures: RunFigure) -> Scale:
    """Return one scale for all compared figures."""
    decimals = figures[0].decimals
    if all(one.has_before for one in figures):
        return change_scale([c.by for one in figures for c in one.changes if c.by is not None], decimals)
    return value_scale([c.after for one in figures for c in one.changes if c.after is not None])


def difference_of(left: RunFigure, right: RunFigure) -> RunFigure:
    """Return ``right`` less ``left``, feature by feature: what the second run gives beyond the first."""
    first = {change.id: change.after for change in left.changes}
    second = {change.id: change.after for change in right.changes}
    return replace(
        right,
        changes=tuple(
            Difference(id=name, before=first.get(name), after=second.get(name)) for name in sorted({*first, *second})
        ),
    )


def picture(
    run_figure: RunFigure, scale: Scale, visit: Visit, *, selection: str = "", links: bool = True
) -> maps.Picture | None:
    """Return the map: the features of the figure in colour, other features of the inputs as base map."""
    own = next((place for place in run_figure.places if place.key == run_figure.shape_by_key.key), None)
    if own is None:
        return None
    by_id = {change.id: change for change in run_figure.changes}
    marks = [
        maps.Mark(id=name, geometry=geometry, words=name)
        for place in run_figure.places
        if place is not own
        for name, geometry in place.geometries.items()
    ]
    for name, geometry in own.geometries.items():
        change = by_id.get(name)
        figure = None if change is None else (change.by if scale.changes else change.after)
        marks.append(
            maps.Mark(
                id=name,
                geometry=geometry,
                words=words(run_figure, change, visit) if change else f"{name}: {visit.t('map.nodata')}",
                colour=scale.colour(figure) if figure is not None else "",
                width=scale.width(figure) if figure is not None else 2.0,
                weight=abs(figure) if figure is not None else 0.0,
                dashed=figure is None,
                chosen=name == selection,
                link=f"{visit.here(row=name)}#why" if links and change else "",
            )
        )
    return maps.draw(marks)


def words(run_figure: RunFigure, change: Difference, visit: Visit) -> str:
    """Return a feature in words: ``gent-seg-017: 1 800 → 0 vehicles/h (−1 800)``."""
    return feature_words(change, visit, decimals=run_figure.decimals, unit=run_figure.unit)


def feature_words(change: Difference, visit: Visit, *, decimals: int | None, unit: str) -> str:
    """Return a feature with its figures, of ``decimals`` places in ``unit``, in words."""
    speaker = visit.speaker
    tail = f"\u00a0{unit}" if unit else ""
    after = visit.t("map.nodata") if change.after is None else f"{speaker.number(change.after, decimals)}{tail}"
    if change.before is None:
        return f"{change.id}: {after}"
    said = f"{change.id}: {speaker.number(change.before, decimals)} → {after}"
    return said if change.by is None else f"{said} ({with_sign(speaker, change.by, decimals)})"


def with_sign(speaker: Speaker, value: float, decimals: int | None = None) -> str:
    """Return a change with its sign; a change that rounds to zero is ``±0``."""
    text = speaker.number(abs(value), decimals)
    if not any(digit in text for digit in "123456789"):
        return f"±{text}"
    return f"{MINUS if value < 0 else '+'}{text}"


def sort_differences(changes: Sequence[Difference], sort: str) -> list[Difference]:
    """Sort for the table: ``sort`` names a column, a leading ``-`` reverses it; without it, by size of change."""
    name, backwards = sort.removeprefix("-"), sort.startswith("-")
    if name not in SORTS:
        size = {change.id: abs(change.by if change.by is not None else change.after or 0.0) for change in changes}
        return sorted(changes, key=lambda one: -size[one.id])
    if name == "id":
        return sorted(changes, key=lambda one: one.id, reverse=backwards)
    known = [change for change in changes if getattr(change, name) is not None]
    blank = [change for change in changes if getattr(change, name) is None]
    return [*sorted(known, key=lambda one: float(getattr(one, name)), reverse=backwards), *blank]
