"""Writes the story of a run when its result is published, with no more than everybody may know.

- Of an asset that is not public, the story has only its kind; of a scenario that is not public, no goal, and of its
  indicators and parameters no titles.
- Figures, and the map, are there only if everybody may use the result.
- Places on the map, values that a change layer changed, and the rows that a caveat names are values of inputs: they
  are there only if everybody may use these inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.identity.model import ANONYMOUS, Caller
from node.negotiation.origin import provider_of
from node.scenarios.chain import differences
from node.scenarios.chain.differences import Places
from node.scenarios.model import AFTER, BEFORE, BoundInput, BoundStep, Layer, Model, Port, Rows
from node.scenarios.ports import LayerStore
from node.scenarios.records.cards import licences_of
from node.scenarios.records.library import Library
from node.scenarios.run_model import Caveat, Run
from node.scenarios.stories.features import FigureOnMap, features_file, figure_on_map
from node.scenarios.stories.model import (
    NOT_SHOWN,
    MapAbsence,
    Story,
    StoryEdit,
    StoryIndicator,
    StoryLayer,
    StoryMap,
    StoryParameter,
    StoryWords,
    UsedAsset,
)
from node.scenarios.stories.openness import is_open, is_public, offers_to_all
from node.scenarios.stories.remarks import remarks_of

MOST_EDITS: Final = 12
"""The edits of a layer that a story names."""

_ABOUT_ROWS: Final = ("outside-validity", "outside-extent")
"""Codes of caveats whose facts are values and names of rows."""


class RunRows(Protocol):
    """The rows of a run (``node.scenarios.runs.usecases.Runs``)."""

    async def output(self, run: Run, branch: str, name: str) -> tuple[Rows, Port]: ...

    async def input(self, run: Run, role: str) -> tuple[Rows, Port]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryRequest:
    """The publisher's words, the figure that the map is to show, and the offer of the result."""

    words: StoryWords
    figure: str = ""
    offer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenStory:
    """A story, and the file with its map, if it has one. ``public`` are (IRI, version) of the assets that everybody
    may know."""

    story: Story
    public: frozenset[tuple[str, int]]
    map: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Knowledge:
    """The records of all that a run used, by (IRI, version); which of them everybody may know, and which use."""

    records: Mapping[tuple[str, int], Record]
    public: frozenset[tuple[str, int]]
    open: frozenset[tuple[str, int]]

    def shows(self, pin: BoundInput | BoundStep) -> bool:
        return (pin.iri, pin.version) in self.public

    def opens(self, pin: BoundInput) -> bool:
        return not pin.in_place and (pin.iri, pin.version) in self.open


class StoryWriter:
    """Writes stories of runs of this node."""

    def __init__(
        self, *, uow: UnitOfWork, layers: LayerStore, library: Library, rows: RunRows, clock: Clock, me: str
    ) -> None:
        self._uow = uow
        self._layers = layers
        self._library = library
        self._rows = rows
        self._clock = clock
        self._me = me

    def layers_of(self, run: Run) -> list[Layer]:
        """Return the change layers of a run, in the order of the stack, as far as this node has them."""
        with self._uow.read() as tx:
            layers = [self._layers.get(tx, sha256) for sha256 in run.binding.layers]
        return [layer for layer in layers if layer is not None]

    async def write(self, run: Run, request: StoryRequest, caller: Caller) -> WrittenStory:
        """Return the story of ``run``. Raises ``InvalidInput`` if the run has no such figure, and as
        ``Library.record``."""
        layers = await run_sync(self.layers_of, run)
        knowledge = await self._knowledge(run, caller, self._clock.now())
        shows_scenario = (run.binding.template, run.binding.version) in knowledge.public
        shows_figures = offers_to_all(request.offer, self._clock.now(), self._me)
        figure_map, absence = await self._map(run, request.figure, knowledge, shows_figures=shows_figures)
        body = features_file(figure_map.features) if figure_map else None
        if figure_map and body is None:
            figure_map, absence = None, MapAbsence.TOO_LARGE
        story = Story(
            words=request.words,
            scenario=self._scenario(run, knowledge) if shows_scenario else UsedAsset(kind="scenario"),
            goal=run.template.goal if shows_scenario else {},
            assets=(
                *(self._data(run, pin, knowledge, with_role=shows_scenario) for pin in run.binding.inputs),
                *(self._step(run, pin, knowledge, with_title=shows_scenario) for pin in run.binding.steps),
            ),
            layers=tuple(_layer(layer, knowledge) for layer in layers),
            parameters=_parameters(run) if shows_scenario else (),
            indicators=_indicators(run, with_titles=shows_scenario) if shows_figures else (),
            caveats=tuple(_caveat(caveat, run, knowledge) for caveat in run.caveats),
            map=_map(figure_map, knowledge, run) if figure_map else None,
            map_absence=absence,
            has_figures=shows_figures,
            is_repeatable=all(pin.card.deterministic for pin in run.binding.steps),
            begun=run.created,
            ended=run.updated,
            node=self._me,
            run=run.pid,
        )
        return WrittenStory(story=story, public=knowledge.public, map=body)

    # ---- what everybody may know ------------------------------------------------------------------------------

    async def _knowledge(self, run: Run, caller: Caller, at: datetime) -> _Knowledge:
        binding = run.binding
        pins = dict.fromkeys([(binding.template, binding.version), *((pin.iri, pin.version) for pin in binding.pins)])
        records = {pin: await self._library.record(pin[0], caller, version=pin[1]) for pin in pins}
        public = frozenset([pin for pin, record in records.items() if await self._is_public(record, caller)])
        open_pins = frozenset(pin for pin in public if is_open(records[pin], at))
        return _Knowledge(records=records, public=public, open=open_pins)

    async def _is_public(self, record: Record, caller: Caller) -> bool:
        """Return whether everybody may know this version: by our catalogue, if the asset is in it; otherwise both the
        version and the newest one of its node are public."""
        if not is_public(record):
            return False
        try:
            await self._library.catalogue_record(record.iri, ANONYMOUS, version=record.version)
        except NotFound:
            if record.origin == self._me or await self._is_here(record.iri, caller):
                return False
            return is_public(await self._library.record(record.iri, caller))
        return True

    async def _is_here(self, iri: str, caller: Caller) -> bool:
        try:
            await self._library.catalogue_record(iri, caller)
        except NotFound:
            return False
        return True

    # ---- assets -----------------------------------------------------------------------------------------------

    def _scenario(self, run: Run, knowledge: _Knowledge) -> UsedAsset:
        return _asset(knowledge.records[run.binding.template, run.binding.version])

    def _data(self, run: Run, pin: BoundInput, knowledge: _Knowledge, *, with_role: bool) -> UsedAsset:
        if not knowledge.shows(pin):
            return UsedAsset(kind="dataset")
        port = next((port for port in run.template.inputs if port.role == pin.role), None)
        return _asset(
            knowledge.records[pin.iri, pin.version],
            purpose=(port.titles or {"und": pin.role}) if port and with_role else {},
            in_place=pin.in_place,
            window=pin.period,
            count=pin.window.count if pin.window else 0,
        )

    def _step(self, run: Run, pin: BoundStep, knowledge: _Knowledge, *, with_title: bool) -> UsedAsset:
        if not knowledge.shows(pin):
            return UsedAsset(kind=pin.kind)
        step = next((step for step in run.template.steps if step.name == pin.name), None)
        release = pin.card.release if isinstance(pin.card, Model) else ""
        return _asset(
            knowledge.records[pin.iri, pin.version],
            purpose=step.titles if step and with_title else {},
            release=release,
        )

    # ---- the map ----------------------------------------------------------------------------------------------

    async def _map(
        self, run: Run, name: str, knowledge: _Knowledge, *, shows_figures: bool
    ) -> tuple[FigureOnMap | None, MapAbsence]:
        produced = {f"{step.name}.{role}" for step in run.steps for role in step.outputs}
        figures = [figure for figure in differences.figures(run) if figure.of in produced]
        figure = next((choice for choice in figures if name in ("", choice.name)), None)
        if name and figure is None:
            raise InvalidInput(
                f"the run has no figure {name[:80]}",
                remedy=f"choose one of: {', '.join(choice.name for choice in figures) or 'none'}",
                facts={"case": "no-figure", "name": name[:80], "known": [choice.name for choice in figures]},
            )
        if not shows_figures:
            return None, MapAbsence.CONDITIONS
        if figure is None:
            return None, MapAbsence.NO_PLACES
        after, _ = await self._rows.output(run, AFTER, figure.of)
        has_before = any(step.branch == BEFORE for step in run.steps)
        before = (await self._rows.output(run, BEFORE, figure.of))[0] if has_before else None
        places, is_closed = await self._places(run, knowledge)
        figure_map = figure_on_map(figure, before, after, places)
        if figure_map.features:
            return figure_map, MapAbsence.UNKNOWN
        return None, MapAbsence.PLACES_CLOSED if is_closed else MapAbsence.NO_PLACES

    async def _places(self, run: Run, knowledge: _Knowledge) -> tuple[list[Places], bool]:
        """Return the places of inputs that everybody may use, and whether there are others."""
        places_by_input, is_closed = [], False
        for pin in run.binding.inputs:
            if not knowledge.opens(pin):
                is_closed = True
                continue
            try:
                rows, _ = await self._rows.input(run, pin.role)
            except HansaError:
                # Bytes that are no longer here have no places either.
                continue
            if places := differences.places(pin.role, rows):
                places_by_input.append(places)
        return places_by_input, is_closed


def _asset(record: Record, **more: Any) -> UsedAsset:
    return UsedAsset(
        kind=record.kind,
        iri=record.iri,
        version=record.version,
        titles=record.titles,
        node=record.origin or provider_of(record.iri),
        owner=record.publisher_name,
        licences=licences_of(record),
        remarks=remarks_of(record),
        **more,
    )


def _layer(layer: Layer, knowledge: _Knowledge) -> StoryLayer:
    counts: dict[str, int] = {}
    for operation in layer.operations:
        counts[operation.op.value] = counts.get(operation.op.value, 0) + 1
    target = (layer.target, layer.version)
    edits: list[StoryEdit] = []
    for operation in layer.operations if target in knowledge.open else ():
        op = operation.op.value
        for column, value in operation.set.items() if op == "update" else ():
            before = operation.before.get(column)
            after = f"× {value['factor']}" if isinstance(value, Mapping) and "factor" in value else value
            edits.append(StoryEdit(op=op, id=operation.id, column=column, before=_cell(before), after=_cell(after)))
        if op != "update" or not operation.set:
            edits.append(StoryEdit(op=op, id=operation.id))
    return StoryLayer(
        title=layer.title,
        reason=layer.reason,
        target=layer.target if target in knowledge.public else "",
        counts=counts,
        edits=tuple(edits[:MOST_EDITS]),
    )


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) or value is None else str(value)[:200]


def _parameters(run: Run) -> tuple[StoryParameter, ...]:
    return tuple(
        StoryParameter(
            name=parameter.name,
            value=_cell(run.binding.parameters[parameter.name]),
            default=_cell(parameter.default),
            unit=parameter.unit or "",
            descriptions=parameter.description,
        )
        for parameter in run.template.parameters
        if parameter.name in run.binding.parameters and run.binding.parameters[parameter.name] != parameter.default
    )


def _indicators(run: Run, *, with_titles: bool) -> tuple[StoryIndicator, ...]:
    by_name = {indicator.name: indicator for indicator in run.template.indicators} if with_titles else {}
    indicators = []
    for value in run.indicators:
        declaration = by_name.get(value.name)
        indicators.append(
            StoryIndicator(
                name=value.name,
                before=value.before,
                after=value.after,
                unit=value.unit or "",
                titles=declaration.titles if declaration else {},
                better=declaration.better if declaration else "",
                decimals=declaration.decimals if declaration else None,
                target=declaration.target if declaration else None,
            )
        )
    return tuple(indicators)


def _caveat(caveat: Caveat, run: Run, knowledge: _Knowledge) -> Caveat:
    step = next((pin for pin in run.binding.steps if pin.name == caveat.step), None)
    about_values = caveat.code in _ABOUT_ROWS or "examples" in caveat.facts
    if (step is not None and not knowledge.shows(step)) or (
        about_values and not all(knowledge.opens(pin) for pin in run.binding.inputs)
    ):
        return Caveat(code=NOT_SHOWN, sentence=NOT_SHOWN_SENTENCE)
    return caveat


NOT_SHOWN_SENTENCE: Final = "A model warned about data or about itself. Not everybody may know the reason."


def _map(figure_map: FigureOnMap, knowledge: _Knowledge, run: Run) -> StoryMap:
    step = next((pin for pin in run.binding.steps if pin.name == figure_map.figure.of.partition(".")[0]), None)
    variable = figure_map.figure.variable
    return StoryMap(
        column=variable.name,
        descriptions=variable.description if step is not None and knowledge.shows(step) else {},
        unit=variable.unit or "",
        decimals=variable.decimals,
        together=figure_map.together,
    )
