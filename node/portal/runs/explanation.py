"""Explanation of a figure: from a row of a result back through the chain to the rows that it was made from.

Rows belong together if they have the same value in a text column of the same name: a level at a receptor, the
receptor, the street in front of it, the flows of that street. If they share no column, all rows count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, NotAllowed, NotFound
from node.identity.model import Caller
from node.portal.views.scenarios import RunView, WatchedRuns
from node.scenarios.model import AFTER, GEOMETRY, BoundInput, BoundStep, Layer, Operation, Row, Rows, Texts

MAX_ROWS: Final = 6
MAX_COLUMNS: Final = 9
_MANY: Final = 24
"""A value that stands in more rows than that is too general to follow."""

Known = dict[str, frozenset[str]]
"""Column → its values that belong to the traced row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A node of the trace. ``kind``: ``model``, ``transformation`` or ``dataset``; ``match``: ``rows`` (those shown,
    of ``total``), ``all`` (nothing is shared with the rows made from them) or ``apart`` (they are not here).
    ``edits`` are operations of change layers on exactly these rows, with the layer's id and title; ``elsewhere`` are
    the layers, by id and title, that change none of these rows but others of the same data: a closed bridge makes
    another street loud."""

    of: str
    kind: str
    titles: Texts
    iri: str
    version: int
    sha256: str
    origin: str
    match: str
    agreement: str | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    total: int = 0
    match_count: int = 0
    edits: tuple[tuple[str, str, Operation], ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    sources: tuple[Origin, ...] = ()


async def trace(runs: WatchedRuns, caller: Caller, view: RunView, of: str, key: str, name: str) -> Origin | None:
    """Return the trace back from the row ``name`` of ``of``; None if there is no such row."""
    walk = _Walk(runs, caller, view)
    origins: Known = {key: frozenset((name,))}
    rows = await walk.rows(of)
    if rows is None or not any(str(row.get(key, "")) == name for row in rows):
        return None
    return await walk.back(of, origins)


class _Walk:
    def __init__(self, runs: WatchedRuns, caller: Caller, view: RunView) -> None:
        self._runs = runs
        self._caller = caller
        self._view = view
        self._read: dict[str, Rows | None] = {}
        self._steps = {step.name: step for step in view.run.template.steps}
        self._bound = {step.name: step for step in view.run.binding.steps}
        self._inputs = {one.role: one for one in view.run.binding.inputs}

    async def rows(self, of: str) -> Rows | None:
        """Return rows of the branch with the changes; None if they cannot be read here."""
        if of not in self._read:
            try:
                self._read[of] = await self._runs.rows(self._view.run, AFTER, of, self._caller)
            except (NotAllowed, NotFound, InvalidInput):
                self._read[of] = None
        return self._read[of]

    async def back(self, of: str, names: Known) -> Origin:
        step, _, _ = of.partition(".")
        rows = await self.rows(of)
        rows_about = _about(rows, names) if rows is not None else None
        sources: tuple[Origin, ...] = ()
        if step in self._steps and "." in of:
            wider = _wider(names, rows_about or ())
            steps = tuple(dict.fromkeys(self._steps[step].wiring.values()))
            for source in steps:
                # A receptor names its street: a value of one input leads to the next input.
                wider = _wider(wider, _about(await self.rows(source) or (), wider) or ())
            sources = tuple([await self.back(source, wider) for source in steps])
        thing = self._bound.get(step) if "." in of else self._inputs.get(of)
        return self._origin(of, thing, rows, rows_about, names, sources)

    def _origin(
        self,
        of: str,
        thing: BoundStep | BoundInput | None,
        rows: Rows | None,
        matches: Rows | None,
        names: Known,
        sources: tuple[Origin, ...],
    ) -> Origin:
        rows_to_show = tuple((matches if matches is not None else rows or ())[:MAX_ROWS])
        step = isinstance(thing, BoundStep)
        edits = self._edits(thing, names) if isinstance(thing, BoundInput) else ()
        here = {layer for layer, _, _ in edits}
        return Origin(
            of=of,
            kind=thing.kind if isinstance(thing, BoundStep) else "dataset",
            titles=(thing.card.titles if isinstance(thing, BoundStep) else thing.titles) if thing else {},
            iri=thing.iri if thing else "",
            version=thing.version if thing else 0,
            sha256=self._output_hash(of) if step else thing.sha256 if thing else "",
            origin=thing.origin if thing else "",
            agreement=thing.agreement if thing else None,
            match="apart" if rows is None else "all" if matches is None else "rows",
            columns=tuple(dict.fromkeys(name for row in rows_to_show for name in row if name != GEOMETRY))[
                :MAX_COLUMNS
            ],
            rows=rows_to_show,
            total=len(rows or ()),
            match_count=len(matches) if matches is not None else len(rows or ()),
            edits=edits,
            elsewhere=tuple(
                (layer.id, layer.title)
                for layer in self._view.layers
                if isinstance(thing, BoundInput) and _on(layer, thing) and layer.id not in here
            ),
            sources=sources,
        )

    def _output_hash(self, of: str) -> str:
        step, _, role = of.partition(".")
        run = next((one for one in self._view.run.steps if (one.branch, one.name) == (AFTER, step)), None)
        return run.outputs.get(role, "") if run else ""

    def _edits(self, thing: BoundInput, names: Known) -> tuple[tuple[str, str, Operation], ...]:
        return tuple(
            (layer.id, layer.title, operation)
            for layer in self._view.layers
            if _on(layer, thing)
            for operation in layer.operations
            if operation.id in names.get(layer.key, frozenset())
        )


def _on(layer: Layer, thing: BoundInput) -> bool:
    return (layer.target, layer.file) == (thing.iri, thing.file)


def _about(rows: Rows, names: Known) -> list[Row] | None:
    """Return the rows that agree with ``names`` in every column that both have; None if they share no column."""
    if not rows:
        return None
    columns = [name for name in names if any(isinstance(row.get(name), str) for row in rows)]
    if not columns:
        return None
    return [row for row in rows if all(row.get(name) in names[name] for name in columns)]


def _wider(names: Known, rows: Sequence[Mapping[str, Any]]) -> Known:
    """Return ``names`` with further text columns of ``rows``, as long as they stay specific."""
    values_of: dict[str, set[str]] = {}
    for row in rows[:500]:
        for name, value in row.items():
            if isinstance(value, str) and name not in names:
                values_of.setdefault(name, set()).add(value)
    return names | {name: frozenset(values) for name, values in values_of.items() if len(values) <= _MANY}
