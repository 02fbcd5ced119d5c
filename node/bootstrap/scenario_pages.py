"""The pages' view of scenarios (``node.portal.scenario_ports``), over the use cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from node.base.errors import HansaError, InvalidInput, NotAllowed, NotFound
from node.bootstrap.scenarios import Scenarios
from node.catalogue.browse import Browse
from node.catalogue.model import Query, Record
from node.identity.model import Caller, UserRole
from node.policy.phrases import LANGUAGES
from node.portal.scenario_ports import AGAIN, CANCEL, PUBLISH, Bound, Candidate, Clash, Drawn, Watched
from node.scenarios.layers.changes import apply, layer_to_json
from node.scenarios.layers.usecases import Laid
from node.scenarios.model import AFTER, Layer, Port, Rows, Run, State, Template, Texts
from node.scenarios.records.cards import bound_of, template_of
from node.scenarios.tables.rows import key_of
from node.semantics.description.building import slug
from node.semantics.model import File

MOST_CANDIDATES = 60
_READABLE = ("text/csv", "text/tab-separated-values", "application/json", "application/geo+json")
_RUNNERS = frozenset({UserRole.PUBLISHER, UserRole.STEWARD})


class ScenarioPages:
    """``node.portal.scenario_ports.Scenarios``: for people of this node; everybody may see templates."""

    def __init__(
        self, scenarios: Scenarios, browse: Browse, *, me: str, named: Callable[[str], str] = lambda text: text
    ) -> None:
        """``named`` puts the names of nodes that are known here into a sentence, in place of their DIDs."""
        self._scenarios = scenarios
        self._browse = browse
        self._me = me
        self._named = named

    # ---- templates and bindings ------------------------------------------------------------------------------

    async def template(self, iri: str, caller: Caller, *, version: int | None = None) -> Template:
        """The template of a scenario, also where that is a binding of another one. For people of this node also a
        scenario of another city that is not in our catalogue: read from that city, as a run would."""
        try:
            record = await self._browse.record(iri, caller, version=version)
        except NotFound:
            if not caller.is_person:
                raise
            record = await self._scenarios.library.record(iri, caller, version=version)
        bound = bound_of(record)
        if bound is not None:
            record = await self._scenarios.library.record(bound[0], caller)
        return template_of(record)

    async def candidates(self, port: Port, caller: Caller) -> Sequence[Candidate]:
        """Files of datasets that have rows: our own first, then open ones, then those under agreements."""
        _require_person(caller)
        page = await self._browse.search(Query(kinds=("dataset",), limit=MOST_CANDIDATES), caller)
        needed = {variable.name for variable in port.variables}
        found = []
        for record in (hit.record for hit in page.hits):
            for file in record.files:
                if file.media_type.partition(";")[0] in _READABLE:
                    found.append(await self._candidate(record, file, needed))
        return sorted(found, key=lambda one: (bool(one.doubt), _ORDER.index(one.how), one.iri, one.file))

    async def _candidate(self, record: Record, file: File, needed: set[str]) -> Candidate:
        columns = await self._scenarios.library.columns(file)
        lacking = sorted(needed - columns) if columns is not None else []
        return Candidate(
            iri=record.iri,
            version=record.version,
            file=file.name,
            titles=record.titles,
            origin_name=record.publisher_name,
            how=self._how(record, file),
            doubt=f"{file.name} has no column {', '.join(lacking)}" if lacking else "",
        )

    def _how(self, record: Record, file: File) -> str:
        if record.origin == self._me:
            return "own"
        return "open" if file.open else "agreement"

    async def check(self, wanted: Mapping[str, Any], caller: Caller) -> Bound:
        """Pin and check a binding."""
        _require_person(caller)
        return await self._scenarios.runs.check(wanted, caller)

    async def start(self, wanted: Mapping[str, Any], caller: Caller) -> str:
        """Bind and run."""
        _require_runner(caller)
        return (await self._scenarios.runs.start(wanted, caller)).pid

    # ---- runs ------------------------------------------------------------------------------------------------

    async def runs(
        self, caller: Caller, *, template: str | None = None, uses: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Newest first."""
        _require_person(caller)
        found = await self._scenarios.runs.newest(template, limit=500 if uses else limit)
        return [one for one in found if uses is None or _uses(one, uses)][:limit]

    async def run(self, pid: str, caller: Caller) -> Watched:
        """One, with its layers and what this person may do."""
        _require_person(caller)
        run = await self._scenarios.runs.run(pid)
        layers = tuple([await self._scenarios.layers.layer(sha256) for sha256 in run.binding.layers])
        may = frozenset[str]()
        if caller.roles & _RUNNERS:
            may |= {AGAIN} if run.state.ended else {CANCEL}
            if run.state is State.SUCCESSFUL and run.published is None:
                may |= {PUBLISH}
        inherits: tuple[Texts, ...] = ()
        if PUBLISH in may:
            try:
                bound = await self._scenarios.release.inherited(run, caller)
                lines = zip(*(bound.sentences(language) for language in LANGUAGES), strict=True)
                inherits = tuple(dict(zip(LANGUAGES, map(self._named, line), strict=True)) for line in lines)
            except HansaError as error:
                inherits = ({"en": error.detail},)
        return Watched(run=run, layers=layers, may=may, inherits=inherits)

    async def rows(self, pid: str, branch: str, of: str, caller: Caller) -> Rows:
        """Rows of an input or an output."""
        _require_person(caller)
        runs = self._scenarios.runs
        run = await runs.run(pid)
        if "." in of:
            rows, _ = await runs.output(run, branch, of)
            return rows
        bound = next((one for one in run.binding.inputs if one.role == of), None)
        if bound is not None and bound.in_place:
            raise NotAllowed(f"the data of {of} remain with their owner", remedy="ask their owner")
        rows, _ = await runs.input(run, of)
        if branch != AFTER or bound is None:
            return rows
        layers = [await self._scenarios.layers.layer(sha256) for sha256 in run.binding.layers]
        mine = [one for one in layers if one.target == bound.iri and one.file == bound.file]
        return apply(rows, mine[0].key, mine).rows if mine else rows

    async def bundle(self, pid: str, caller: Caller) -> bytes:
        """The run as an RO-Crate."""
        _require_person(caller)
        return await self._scenarios.release.crate(await self._scenarios.runs.run(pid), caller)

    async def cancel(self, pid: str, caller: Caller) -> None:
        """Stop it."""
        _require_runner(caller)
        await self._scenarios.runs.cancel(pid)

    async def again(self, pid: str, caller: Caller) -> str:
        """Run it once more."""
        _require_runner(caller)
        return (await self._scenarios.runs.again(pid, caller)).pid

    async def publish(self, pid: str, titles: Texts, conditions: Mapping[str, Any], caller: Caller) -> str:
        """Publish the result; its address follows from its title."""
        _require_runner(caller)
        run = await self._scenarios.runs.run(pid)
        title = titles.get("en") or next(iter(titles.values()), "") or pid
        body = {"id": slug(title), "titles": dict(titles), **({"conditions": conditions} if conditions else {})}
        return str((await self._scenarios.release.publish(run, body, caller))["iri"])

    # ---- change layers ---------------------------------------------------------------------------------------

    async def layers(self, caller: Caller, *, target: str | None = None) -> Sequence[Layer]:
        """The newest state of each."""
        _require_person(caller)
        return await self._scenarios.layers.of(target)

    async def layer(self, layer_id: str, caller: Caller) -> Drawn:
        """One, on the version that it is for, with what clashes with the newest."""
        _require_person(caller)
        layer = await self._scenarios.layers.layer(layer_id)
        laid = await self._scenarios.layers.laid(layer, caller)
        record = await self._scenarios.library.record(layer.target, caller)
        newest = laid
        if record.version != layer.version:
            newest = await self._scenarios.layers.laid(layer, caller, version=record.version)
        using = [one for one in await self._scenarios.runs.newest(limit=500) if layer.sha256 in one.binding.layers]
        return Drawn(
            layer=layer,
            rows=laid.before,
            titles=record.titles,
            newest=record.version,
            clashes=_clashes(newest),
            runs=tuple(using[:20]),
            may_edit=bool(caller.roles & _RUNNERS),
        )

    async def changeable(self, record: Record, caller: Caller) -> Sequence[str]:
        """Files of ``record`` that this person may change in a layer."""
        if not caller.is_person or not caller.roles & _RUNNERS:
            return ()
        return [file.name for file in record.files if await self._scenarios.library.at_hand(record, file)]

    async def draft(
        self, target: str, caller: Caller, *, version: int | None = None, file: str | None = None
    ) -> Drawn:
        """An empty layer for a dataset."""
        _require_runner(caller)
        layers = self._scenarios.layers
        if file is None:
            there = await self._scenarios.library.record(target, caller, version=version)
            drawable = [one.name for one in there.files if one.media_type.partition(";")[0] == "application/geo+json"]
            # What can be drawn is what somebody wants to change on a map; where there are several, they say which.
            file = drawable[0] if len(drawable) == 1 else None
        rows, port, name, number, sha256 = await layers.target(target, caller, version=version, file=file)
        record = await self._scenarios.library.record(target, caller, version=version)
        key = key_of(rows, port)
        if not key:
            raise InvalidInput(f"the rows of {name} have no ids", remedy="publish it with an id for each row")
        layer = Layer(
            id="",
            title="",
            target=record.iri,
            version=number,
            file=name,
            target_sha256=sha256,
            key=",".join(key),
            author=caller.name,
            reason="",
            operations=(),
            at=record.at,
        )
        return Drawn(layer=layer, rows=rows, titles=record.titles, newest=number, may_edit=True)

    async def save_layer(self, layer: Layer, caller: Caller, *, after: str = "") -> Layer:
        """Keep a layer."""
        _require_runner(caller)
        body = layer_to_json(replace(layer, id=layer.id or "draft"))
        return (await self._scenarios.layers.save({**body, "id": layer.id}, caller, after=after)).layer


_ORDER = ("own", "open", "agreement", "place")


def _clashes(laid: Laid) -> tuple[Clash, ...]:
    return tuple(
        Clash(id=conflict.id, field=conflict.field, seen=conflict.seen, now=conflict.now, wanted=conflict.wanted)
        for conflict in laid.conflicts
    )


def _uses(run: Run, iri: str) -> bool:
    return any(pin.iri == iri for pin in run.binding.pins)


def _require_person(caller: Caller) -> None:
    if not caller.is_person:
        # For others a run does not exist.
        raise NotFound


def _require_runner(caller: Caller) -> None:
    _require_person(caller)
    if not caller.roles & _RUNNERS:
        unready = caller.unready(*_RUNNERS)
        if unready is not None:
            raise unready
        raise NotAllowed("your role may not run scenarios", remedy="ask a publisher or data steward of this node")
