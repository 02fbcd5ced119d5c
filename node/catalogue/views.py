"""Views of the ledger, which SPARQL, search and feed read.

A view receives sequenced entries in order. It takes only the affected assets from them, and then shows the newest
version of each asset. So applying entries twice, or late, or after a crash in the middle, results in the same
content as a rebuild, and versions that arrive out of order (by replication) do no harm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import Graph, RecordStore, SearchIndex
from node.catalogue.search.entries import index_entry
from node.ledger.model import Entry, EntryKind

STRIDE = 5_000
"""After so many entries that are not about records, a view stores its position nevertheless."""


class _SkippedPosition:
    """The position up to which a view has skipped entries beyond its stored position.

    Most entries are not records (messages of a negotiation, accesses), and storing a position costs a view as much
    as storing a record. Skipped entries are read once more after a restart.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._since = 0

    def position(self, stored_position: int) -> int:
        """Return ``stored_position``, or the position after the skipped entries if that is higher. If the view has
        fallen back behind its state at that time, return ``stored_position``: it has to apply the missing entries
        first."""
        return max(self._seen, stored_position) if stored_position >= self._since else stored_position

    def may_skip(self, after: int, stored_position: int) -> bool:
        """Note that entries up to ``after`` concern no record. Return whether the position need not be stored yet."""
        self._seen, self._since = after, stored_position
        return after - stored_position < STRIDE

    def forget(self) -> None:
        self._seen = self._since = 0


class _Engine(Protocol):
    """The store of an engine, with the position that it reflects."""

    def position(self) -> int: ...

    def clear(self) -> None: ...


class _RecordView(ABC):
    """Shows the newest version of each record in an engine of its own."""

    name: str
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)
    gathers = True

    def __init__(self, uow: UnitOfWork, records: RecordStore, engine: _Engine) -> None:
        self._uow = uow
        self._records = records
        self._engine = engine
        self._passed = _SkippedPosition()

    def position(self) -> int:
        """Return the next ``seq`` that the view has not taken."""
        return self._passed.position(self._engine_position())

    def next_seq(self) -> int:
        """Return the next ``seq`` that the view does not show."""
        written = self._engine.position()
        return self.position() if self._engine_position() == written else written

    @abstractmethod
    def settle(self) -> None:
        """Show the applied entries."""

    @abstractmethod
    def _engine_position(self) -> int:
        """Return the position of the engine, including changes that it does not show yet."""

    def apply(self, entries: Sequence[Entry]) -> None:
        """Apply consecutive entries, beginning at ``position`` or before; entries of kinds other than its own may be
        left out."""
        if entries:
            heads = _heads(self._uow, self._records, entries)
            if heads or not self._passed.may_skip(_after(entries), self._engine_position()):
                self._write(heads, _after(entries), entries)

    def skip_to(self, position: int) -> None:
        """Note that no entry before ``position`` that was not applied is of the view's kinds."""
        if not self._passed.may_skip(position, self._engine_position()):
            self._write([], position, ())

    def rebuild(self) -> None:
        """Forget everything; the follower then applies the ledger from the beginning."""
        self._passed.forget()
        self._engine.clear()

    @abstractmethod
    def _write(self, heads: Sequence[Record], position: int, entries: Sequence[Entry]) -> None:
        """Have the engine show ``heads``, which ``entries`` are about, and remember ``position`` with them."""


class GraphView(_RecordView):
    """Keeps the graph store."""

    name = "graph"

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, graph: Graph) -> None:
        super().__init__(uow, records, graph)
        self._graph = graph

    def _write(self, heads: Sequence[Record], position: int, entries: Sequence[Entry]) -> None:
        self._graph.apply(heads, position)

    def settle(self) -> None:
        """Do nothing: applied records are shown at once."""

    def _engine_position(self) -> int:
        return self._graph.position()


class SearchView(_RecordView):
    """Keeps the search index."""

    name = "search"

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, index: SearchIndex, me: str) -> None:
        super().__init__(uow, records, index)
        self._index = index
        self._me = me

    def _write(self, heads: Sequence[Record], position: int, entries: Sequence[Entry]) -> None:
        places = self._places([head for head in heads if not head.withdrawn], entries)
        changes = [
            (head.iri, None if head.withdrawn else index_entry(head, places[head.iri], me=self._me)) for head in heads
        ]
        self._index.take(changes, position)

    def _places(self, heads: Sequence[Record], entries: Sequence[Entry]) -> dict[str, int]:
        """Return the number of the first entry about each record. A first version has only the one at hand."""
        places = {entry.subject: entry.seq or 0 for entry in reversed(entries) if entry.kind is EntryKind.RECORD}
        earlier = [head.iri for head in heads if head.version > 1]
        if earlier:
            with self._uow.read() as tx:
                places |= self._records.places(tx, earlier)
        return places

    def settle(self) -> None:
        """Let searches show the collected changes."""
        self._index.settle()

    def _engine_position(self) -> int:
        return self._index.collected_position()


def _heads(uow: UnitOfWork, records: RecordStore, entries: Sequence[Entry]) -> list[Record]:
    touched = dict.fromkeys(entry.subject for entry in entries if entry.kind is EntryKind.RECORD)
    with uow.read() as tx:
        return list(records.newest(tx, list(touched)))


def _after(entries: Sequence[Entry]) -> int:
    last = entries[-1].seq
    assert last is not None, "views follow numbered entries only"
    return last + 1
