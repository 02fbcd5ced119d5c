"""Views of the ledger: what SPARQL, search and feed answer from.

A view is given sequenced entries in order. It looks at which assets they touch, not at what they say: it then
shows the newest version of each. So applying entries twice, or late, or after a crash in the middle, ends in
the same content as a rebuild, and versions that arrive out of order (replication may do that) do no harm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import Graph, RecordStore, SearchIndex
from node.catalogue.search.entries import indexed
from node.ledger.model import Entry, EntryKind

STRIDE = 5_000
"""After so many entries that say nothing about records a view writes its position down all the same."""


class _Passed:
    """How far a view has looked beyond what it has written down.

    Most entries are no records (messages of a negotiation, accesses), and writing a position costs a view as much
    as writing a record. What was only passed by is looked at once more after a restart.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._since = 0

    def position(self, written: int) -> int:
        """``written``, or what was passed by after it. Where a view falls back, to before what it had when it passed
        by, what it lacks comes first."""
        return max(self._seen, written) if written >= self._since else written

    def may_skip(self, after: int, written: int) -> bool:
        """Entries up to ``after`` touch no record: remember that, and tell whether that is enough."""
        self._seen, self._since = after, written
        return after - written < STRIDE

    def forget(self) -> None:
        self._seen = self._since = 0


class _Engine(Protocol):
    """What an engine keeps of the records, with the position that it reflects."""

    def position(self) -> int: ...

    def clear(self) -> None: ...


class _RecordView(ABC):
    """Shows the newest version of each record by an engine of its own."""

    name: str
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)

    def __init__(self, uow: UnitOfWork, records: RecordStore, stored: _Engine) -> None:
        self._uow = uow
        self._records = records
        self._stored = stored
        self._passed = _Passed()

    def position(self) -> int:
        """The next ``seq`` that the view has not taken."""
        return self._passed.position(self._engine_position())

    def shown(self) -> int:
        """The next ``seq`` that the view does not show."""
        written = self._stored.position()
        return self.position() if self._engine_position() == written else written

    @abstractmethod
    def settle(self) -> None:
        """Show what was taken."""

    @abstractmethod
    def _engine_position(self) -> int:
        """The position of the engine, with what it does not show yet."""

    def apply(self, entries: Sequence[Entry]) -> None:
        """Take in consecutive entries, beginning at ``position`` or before; those of other
        kinds than its own may be left out."""
        if entries:
            heads = _heads(self._uow, self._records, entries)
            if heads or not self._passed.may_skip(_after(entries), self._engine_position()):
                self._write(heads, _after(entries))

    def passed(self, position: int) -> None:
        """No entry before ``position`` that was not applied is of its kinds."""
        if not self._passed.may_skip(position, self._engine_position()):
            self._write([], position)

    def rebuild(self) -> None:
        """Forget everything; the follower then applies the ledger from the beginning."""
        self._passed.forget()
        self._stored.clear()

    @abstractmethod
    def _write(self, heads: Sequence[Record], position: int) -> None:
        """Have the engine show ``heads``, and remember ``position`` with them."""


class GraphView(_RecordView):
    """Keeps the graph store."""

    name = "graph"

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, graph: Graph) -> None:
        super().__init__(uow, records, graph)
        self._graph = graph

    def _write(self, heads: Sequence[Record], position: int) -> None:
        self._graph.apply(heads, position)

    def settle(self) -> None:
        """What was applied is shown already."""

    def _engine_position(self) -> int:
        return self._graph.position()


class SearchView(_RecordView):
    """Keeps the search index."""

    name = "search"

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, index: SearchIndex) -> None:
        super().__init__(uow, records, index)
        self._index = index

    def _write(self, heads: Sequence[Record], position: int) -> None:
        self._index.take([(head.iri, None if head.withdrawn else indexed(head)) for head in heads], position)

    def settle(self) -> None:
        """Have searches show what was taken."""
        self._index.settle()

    def _engine_position(self) -> int:
        return self._index.collected()


def _heads(uow: UnitOfWork, records: RecordStore, entries: Sequence[Entry]) -> list[Record]:
    touched = dict.fromkeys(entry.subject for entry in entries if entry.kind is EntryKind.RECORD)
    with uow.read() as tx:
        heads = [records.get(tx, iri) for iri in touched]
    return [head for head in heads if head is not None]


def _after(entries: Sequence[Entry]) -> int:
    last = entries[-1].seq
    assert last is not None, "views follow numbered entries only"
    return last + 1
