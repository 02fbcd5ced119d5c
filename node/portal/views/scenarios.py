"""Scenarios as their pages show them: candidates for an input, a run with its layers.

*Of* names the source of rows, as wires do (``node.scenarios.model.Step``): ``network`` for an input of the template
by its role, ``noise.levels`` for an output of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import HansaError, NotAllowed, NotFound
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.catalogue.searches import Query
from node.datasources.streams.connection import NAME as STREAMS
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.portal.views.drawn_layers import MOST_RUNS, DrawnLayers
from node.scenarios.layers.changes import apply
from node.scenarios.layers.usecases import Layers
from node.scenarios.model import AFTER, Layer, Port, Rows, Template, Texts
from node.scenarios.records.cards import bound_of, template_of
from node.scenarios.records.library import Library
from node.scenarios.run_model import Run, State
from node.scenarios.runs.publication import Release
from node.scenarios.runs.usecases import Runs
from node.scenarios.stories.reader import ReadStories
from node.semantics.description.builder import slug
from node.semantics.model import File
from node.texts.languages import LANGUAGES

CANCEL, AGAIN, PUBLISH = "cancel", "again", "publish"
"""The actions that a person may take on a run."""

MOST_CANDIDATES: Final = 60
_READABLE: Final = ("text/csv", "text/tab-separated-values", "application/json", "application/geo+json")
_NEAREST: Final = ("own", "open", "agreement", "place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file of a version of a dataset that an input may be bound to.

    ``how`` it can be used: ``own``, ``open``, ``agreement`` (received under one), ``place`` (the bytes stay with
    their owner, who runs the model on them). ``doubt`` is a sentence about a known obstacle, if there is one.
    """

    iri: str
    version: int
    file: str
    titles: Texts
    origin_name: str
    how: str = "own"
    newest: bool = True
    doubt: str = ""
    is_live: bool = False
    """It is read where it is, and a run takes a window of it."""

    @property
    def in_place(self) -> bool:
        return self.how == "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as its page shows it: with its layers in the order of the stack, the actions that this person may take
    (``CANCEL``, ``AGAIN``, ``PUBLISH``), and the conditions, one sentence each, that a result inherits. ``withheld``
    are the titles of its data that are offered to nobody: the conditions of the result must then be chosen."""

    run: Run
    layers: tuple[Layer, ...] = ()
    may: frozenset[str] = frozenset()
    inherits: tuple[Texts, ...] = ()
    withheld: tuple[str, ...] = ()


class Templates:
    """Templates of scenarios, and candidates for their inputs."""

    def __init__(self, catalogue: Browse, library: Library, *, me: str) -> None:
        self._catalogue = catalogue
        self._library = library
        self._me = me

    async def get(self, iri: str, caller: Caller, *, version: int | None = None) -> Template:
        """Return the template of a scenario, also if the scenario is a binding of another one.

        For people of this node, a scenario of another city that is not in our catalogue is read from that city, as a
        run would read it. Raises ``NotFound``, ``InvalidInput``.
        """
        record = await self._record(iri, caller, version)
        bound = bound_of(record)
        if bound is not None:
            record = await self._record(bound[0], caller)
        return template_of(record)

    async def _record(self, iri: str, caller: Caller, version: int | None = None) -> Record:
        try:
            return await self._catalogue.record(iri, caller, version=version)
        except NotFound:
            # This node asks another city as itself: a stranger would be shown what only this node may see.
            if not caller.is_person:
                raise
        return await self._library.record(iri, caller, version=version)

    async def candidates(self, ports: Sequence[Port], caller: Caller) -> Mapping[str, Sequence[Candidate]]:
        """Return by role of each port the files of datasets that have rows: our own first, then open ones, then those
        under agreements."""
        # One search for all of them: they are the same files, and only what these lack differs.
        page = await self._catalogue.search(Query(kinds=("dataset",), limit=MOST_CANDIDATES), caller)
        files = []
        for record in (hit.record for hit in page.hits):
            for file in record.files:
                is_other_source = file.is_live and record.origin == self._me and file.place[0] != STREAMS
                if file.media_type.partition(";")[0] in _READABLE and not is_other_source:
                    files.append((record, file, None if file.is_live else await self._library.columns(file)))
        by_role = {}
        for port in ports:
            names = {variable.name for variable in port.variables}
            by_role[port.role] = sorted(
                (self._candidate(record, file, columns, names) for record, file, columns in files),
                key=lambda one: (bool(one.doubt), one.is_live, _NEAREST.index(one.how), one.iri, one.file),
            )
        return by_role

    def _candidate(
        self, record: Record, file: File, columns: frozenset[str] | None, column_names: set[str]
    ) -> Candidate:
        lacking = sorted(column_names - columns) if columns is not None else []
        return Candidate(
            iri=record.iri,
            version=record.version,
            file=file.name,
            titles=record.titles,
            origin_name=record.publisher_name,
            how=self._how(record, file),
            doubt=f"{file.name} has no column {', '.join(lacking)}" if lacking else "",
            is_live=file.is_live,
        )

    def _how(self, record: Record, file: File) -> str:
        if record.origin == self._me:
            return "own"
        return "open" if file.open else "agreement"


class WatchedRuns:
    """Runs as people of this node watch them and read their results."""

    def __init__(self, runs: Runs, layers: Layers, release: Release, *, with_names: Callable[[str], str]) -> None:
        """``with_names`` puts the names of nodes that are known here into a sentence, in place of their DIDs."""
        self._runs = runs
        self._layers = layers
        self._release = release
        self._with_names = with_names

    async def newest(
        self, *, template: str | None = None, uses: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Return runs, newest first: all, those of a template, or those that use a model, dataset or
        transformation."""
        runs = await self._runs.newest(template, limit=MOST_RUNS if uses else limit)
        return [run for run in runs if uses is None or any(pin.iri == uses for pin in run.binding.pins)][:limit]

    async def get(self, pid: str, caller: Caller) -> RunView:
        """Return a run with its layers and the actions that this person may take. Raises ``NotFound``."""
        run = await self._runs.run(pid)
        may = set()
        if allowed(caller, UseCase.RUN_SCENARIOS):
            may.add(AGAIN if run.state.is_final else CANCEL)
        if allowed(caller, UseCase.PUBLISH) and run.state is State.SUCCESSFUL and run.published is None:
            may.add(PUBLISH)
        inherits, withheld = await self._inherited_conditions(run, caller) if PUBLISH in may else ((), ())
        return RunView(
            run=run,
            layers=tuple(await self._layers_of(run)),
            may=frozenset(may),
            inherits=inherits,
            withheld=withheld,
        )

    async def _layers_of(self, run: Run) -> list[Layer]:
        return [await self._layers.layer(sha256) for sha256 in run.binding.layers]

    async def _inherited_conditions(self, run: Run, caller: Caller) -> tuple[tuple[Texts, ...], tuple[str, ...]]:
        """Return the conditions that a result inherits, and the titles of data that are offered to nobody."""
        try:
            bound = await self._release.inheritance(run, caller)
        except HansaError as error:
            return ({"en": error.detail},), ()
        lines = zip(*(bound.sentences(language) for language in LANGUAGES), strict=True)
        sentences = tuple(dict(zip(LANGUAGES, map(self._with_names, line), strict=True)) for line in lines)
        return sentences, tuple(self._release.withheld(run, bound))

    async def rows(self, run: Run, branch: str, of: str, caller: Caller) -> Rows:
        """Return rows of a run: of an input (in the branch ``after`` with its layers), or of an existing output.

        Raises ``NotFound`` for rows that do not exist yet, ``NotAllowed`` if this person may not see them or they
        stay with their owner.
        """
        if "." in of:
            rows, _ = await self._runs.read_output(run, branch, of, caller)
            return rows
        bound = next((pin for pin in run.binding.inputs if pin.role == of), None)
        if bound is not None and bound.in_place:
            raise NotAllowed(f"the data of {of} stay with their owner", remedy="ask their owner")
        rows, _ = await self._runs.read_input(run, of, caller)
        if branch != AFTER or bound is None:
            return rows
        layers = [
            layer for layer in await self._layers_of(run) if layer.target == bound.iri and layer.file == bound.file
        ]
        return apply(rows, layers[0].key, layers).rows if layers else rows

    async def publish(
        self, pid: str, titles: Texts, conditions: Mapping[str, Any], caller: Caller, *, story: Mapping[str, Any]
    ) -> str:
        """Publish the result as a dataset under ``conditions`` (``{"template": …}``), with the publisher's words for
        its ``story``; return its IRI, which follows from its title.

        Raises ``NotAllowed``, which names the input, if its conditions are stricter, ``Conflict`` if the result is
        published already.
        """
        title = titles.get("en") or next(iter(titles.values()), "") or pid
        body = {
            "id": slug(title),
            "titles": dict(titles),
            "story": dict(story),
            **({"conditions": conditions} if conditions else {}),
        }
        return str((await self._release.publish(pid, body, caller))["iri"])


@dataclass(frozen=True, kw_only=True)
class ScenarioUseCases:
    """The use cases that pages of scenarios need."""

    runs: Runs
    release: Release
    layers: Layers
    templates: Templates
    watches: WatchedRuns
    drawn_layers: DrawnLayers
    stories: ReadStories
