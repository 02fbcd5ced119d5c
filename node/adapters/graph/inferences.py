"""Graphs of what follows from the statements that a group of callers sees, written into the store beside them.

Each group, known by the graphs that its default graph is put together from, has one graph of its own, and no other
query reads that graph. It counts only as long as no statement changed that could change it (``entailment.Reach``): a
query never meets what followed from statements that are gone or hidden since. The graphs of an earlier process do
not count either, and are removed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from pyoxigraph import NamedNode, Quad, Store, Triple

from node.adapters.graph.names import INFERS, META, in_graph, inference_graph
from node.base.errors import HansaError, Overloaded, TooLarge
from node.cage.model import Limits, has_full_queue
from node.semantics.documents import quads
from node.semantics.entailment import Reach

log = logging.getLogger("hansa.views")

ALONE: Final = Limits(memory=2 << 30, cpu=15, wall=15.0, answer=16 << 20)
"""For a query that draws inferences for itself: it reads all statements first."""

LIMITS: Final = Limits(memory=2 << 30, cpu=30, wall=30.0, answer=64 << 20)
"""For drawing inferences that many queries use."""

MOST: Final = 8
"""Groups whose inferences are kept; the one that asked the longest time ago makes room."""
REMEMBERED: Final = 3600.0
"""Seconds for which a refusal is part of the status, unless inferences of its group are drawn again."""
_LARGEST_CHANGE: Final = 50_000
"""Statements of a change that are noted while inferences are being drawn; with more, they are drawn again."""
Key = tuple[str, ...]
"""The graphs that a default graph is put together from, in order."""


@dataclass(frozen=True, slots=True)
class Inferences:
    """The graph with the inferences of a group, their number, and the statements that could change them."""

    graph: NamedNode
    reach: Reach
    count: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error of a drawing for a group that was begun at ``begin``."""

    error: HansaError
    begin: float


@dataclass(slots=True, eq=False)
class Drawing:
    """Inferences that are being drawn from a copy of the store, and the statements that changed since that copy."""

    changes: list[Triple] = field(default_factory=list)
    is_late: bool = False

    def note(self, triples: Iterable[Triple]) -> None:
        room = _LARGEST_CHANGE - len(self.changes)
        self.changes += itertools.islice(triples, room)
        self.is_late = self.is_late or len(self.changes) >= _LARGEST_CHANGE


class InferenceGraphs:
    """Knows which inferences count. Every method is called by the holder of the store's lock."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: dict[Key, Inferences] = {}
        self._drawings: list[Drawing] = []
        self._stale: list[NamedNode] = []
        self._asked: dict[Key, None] = {}
        self._refusals: dict[Key, Refusal] = {}
        self._guard = threading.Lock()

    @property
    def current(self) -> Mapping[Key, Inferences]:
        """Return the inferences that count now."""
        return dict(self._known)

    def status(self) -> dict[str, Any]:
        """Return the numbers of groups whose inferences are kept, of those whose are out of date, and of statements
        that were inferred; whether some are being drawn; and why some cannot be. May be called without the lock."""
        current = self.current
        with self._guard:
            groups, refusals = list(self._asked), list(self._refusals.values())
        late = time.monotonic() - REMEMBERED
        return {
            "kept": len(current),
            "outdated": sum(key not in current for key in groups),
            "statements": sum(inferences.count for inferences in current.values()),
            "drawing": bool(self._drawings),
            "refusals": sorted({refusal.error.detail for refusal in refusals if refusal.begin > late}),
        }

    def refusal(self, key: Key, since: float) -> HansaError | None:
        """Return the error of a drawing for this group, if one failed that was begun after ``since``."""
        with self._guard:
            refusal = self._refusals.get(key)
        return refusal.error if refusal is not None and refusal.begin > since else None

    def refuse(self, key: Key, error: HansaError, begin: float) -> None:
        """Note that a drawing for this group failed; may be called without the lock."""
        with self._guard:
            self._refusals.pop(key, None)
            self._refusals[key] = Refusal(error, begin)
            while len(self._refusals) > MOST:
                self._refusals.pop(next(iter(self._refusals)))

    @property
    def missing(self) -> list[Key]:
        """Return the groups that have asked, and whose inferences have to be drawn again."""
        with self._guard:
            return [key for key in self._asked if key not in self._known]

    def ask(self, key: Key) -> None:
        """Note that this group asks; may be called without the lock."""
        with self._guard:
            self._asked.pop(key, None)
            self._asked[key] = None
            while len(self._asked) > MOST:
                self._asked.pop(next(iter(self._asked)))

    def forget_asking(self, key: Key) -> None:
        """Let the inferences of this group be drawn only when it asks again; may be called without the lock."""
        with self._guard:
            self._asked.pop(key, None)

    def begin(self) -> Drawing:
        """Return a note of what changes from now on."""
        drawing = Drawing()
        self._drawings = [*self._drawings, drawing]
        return drawing

    def end(self, drawing: Drawing) -> None:
        """Forget a note; may be called without the lock."""
        self._drawings = [other for other in self._drawings if other is not drawing]

    def note(self, additions: Collection[Quad], leaving: Mapping[NamedNode, Collection[Triple]]) -> None:
        """Take note of a change that is about to be written: what it could change does not count any more."""
        if not (self._known or self._drawings):
            return
        triples = {quad.triple for quad in additions if quad.graph_name != META}
        triples |= {triple for graph, triples in leaving.items() if graph != META for triple in triples}
        for drawing in self._drawings:
            drawing.note(triples)
        for key, inferences in list(self._known.items()):
            if any(inferences.reach.has(triple) for triple in triples):
                self._stale.append(self._known.pop(key).graph)

    def clear(self) -> None:
        """Forget everything: the store is empty, or another one."""
        self._known.clear()
        self._stale.clear()
        for drawing in self._drawings:
            drawing.is_late = True

    def keep(self, store: Store, key: Key, ntriples: bytes, reach: Reach, drawing: Drawing) -> bool:
        """Write inferences into the store; return False if something changed meanwhile that could change them."""
        if drawing.is_late or any(reach.has(triple) for triple in drawing.changes):
            return False
        with self._guard:
            asked = list(self._asked)
        for other in [other for other in self._known if other not in asked and other != key]:
            self._stale.append(self._known.pop(other).graph)
        if key in self._known:
            self._stale.append(self._known.pop(key).graph)
        graph = inference_graph(next(self._numbers))
        self.remove_stale(store)
        store.add(Quad(META, INFERS, graph, META))
        store.bulk_extend(in_graph(quad.triple, graph) for quad in quads(ntriples))
        self._known[key] = Inferences(graph, reach, ntriples.count(b"\n"))
        with self._guard:
            self._refusals.pop(key, None)
        return True

    def remove_stale(self, store: Store) -> None:
        """Remove the graphs that do not count any more."""
        for graph in self._stale:
            store.remove_graph(graph)
            store.remove(Quad(META, INFERS, graph, META))
        self._stale.clear()

    def clean(self, store: Store) -> None:
        """Remove the graphs of an earlier process from a store that was just opened."""
        own = {inferences.graph for inferences in self._known.values()} | set(self._stale)
        for quad in list(store.quads_for_pattern(META, INFERS, None, META)):
            graph: Any = quad.object
            if graph not in own:
                store.remove_graph(graph)
                store.remove(quad)


class InferenceDrawer:
    """Draws inferences in the cage, one group at a time, and has them written into the store."""

    def __init__(
        self,
        graphs: InferenceGraphs,
        checkpoint: Callable[[], AbstractAsyncContextManager[Any]],
        call: Callable[..., Awaitable[tuple[dict[str, Any], bytes]]],
        *,
        begin: Callable[[], Drawing],
        keep: Callable[[Key, bytes, Reach, Drawing], None],
    ) -> None:
        """``checkpoint`` opens a copy of the store, and ``call`` asks the cage about it; ``begin`` and ``keep`` hold
        the lock of the store, and block."""
        self._graphs = graphs
        self._checkpoint = checkpoint
        self._call = call
        self._begin = begin
        self._keep = keep
        self._turn = asyncio.Lock()

    async def draw_missing(self) -> None:
        """Draw the inferences of the groups that asked last, where they do not count any more."""
        for key in self._graphs.missing:
            try:
                await self.draw(key)
            except (TooLarge, Overloaded) as error:
                log.info("inferences are not drawn: %s", error.detail)
                if not has_full_queue(error):
                    self._graphs.forget_asking(key)

    async def draw(self, key: Key) -> None:
        """Have what follows from the graphs ``key`` in a graph of its own; without effect if what it follows from
        changes meanwhile. Raises ``TooLarge`` and ``Overloaded``: where many wait, for all of them at once."""
        since = time.monotonic()
        async with self._turn:
            if (refusal := self._graphs.refusal(key, since)) is not None:
                raise type(refusal)(refusal.detail, remedy=refusal.remedy, facts=refusal.facts)
            begin = time.monotonic()
            drawing = await asyncio.to_thread(self._begin)
            try:
                async with self._checkpoint() as checkpoint:
                    if key in checkpoint.inferences:
                        return
                    answer, body = await self._call(
                        "graph.infer", checkpoint, {"default": list(key)}, limits=LIMITS, shared_by=None
                    )
                reach = Reach(
                    properties=frozenset(answer["properties"]),
                    classes=frozenset(answer["classes"]),
                    names=frozenset(answer["names"]),
                    any_class=answer["anyClass"],
                )
                await asyncio.to_thread(self._keep, key, body, reach, drawing)
            except (TooLarge, Overloaded) as error:
                if not has_full_queue(error):
                    self._graphs.refuse(key, error, begin)
                raise
            finally:
                self._graphs.end(drawing)
