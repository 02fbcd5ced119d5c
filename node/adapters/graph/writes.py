"""Batches of the graph store: after a crash, the next opening shows all of a batch or none of it.

A small batch is one transaction of the engine. A large one is loaded without a transaction, which takes up to a
third less time: a mark is on the disk before, and is removed when the new position is. A store with the mark is
incomplete, and must not be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pyoxigraph import Literal, NamedNode, Quad, Store, Triple

from node.adapters.graph.names import HOLDS, LEAVES, META, POSITION, in_graph, leaving_graph, left_graph
from node.catalogue.model import Record

LARGE: Final = 8_000
"""Statements from which a batch is loaded without a transaction. From 5,000 on that takes less time, from 15,000 a
third less. Smaller batches are written faster in a transaction, with fewer bytes for the disk."""

BATCH: Final = 2 << 20
"""Bytes of descriptions that are written together: a query waits for that long at most, and each byte takes some
thirty bytes of memory meanwhile."""

_LOADS: Final = NamedNode("urn:hansa:loads")
_MARK: Final = Quad(META, _LOADS, META, META)


def batches(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    """Return ``records`` in batches that fit into memory; none is empty."""
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and size + len(record.nquads) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.nquads)
    if batch:
        yield batch


def write(
    store: Store, additions: Sequence[Quad], leaving: Mapping[NamedNode, Sequence[Triple]], facts: Sequence[Quad]
) -> bool:
    """Add ``additions`` and ``facts``, and note that the triples ``leaving`` are to be removed from their graphs (see
    ``finish``). Return whether the batch is on the disk already.

    ``facts`` are about the store itself, as the position that it reflects.
    """
    batch = list(facts)
    for graph, triples in leaving.items():
        aside = leaving_graph(graph)
        batch += (in_graph(triple, aside) for triple in triples)
        batch.append(Quad(META, LEAVES, aside, META))
    if len(additions) < LARGE:
        store.extend([*additions, *batch])
        return False
    store.add(_MARK)
    store.flush()
    store.bulk_extend(additions)
    store.extend(batch)
    store.remove(_MARK)
    store.flush()
    return True


def is_incomplete(store: Store) -> bool:
    """Return whether a large batch was begun and not finished."""
    return _MARK in store


def finish(store: Store) -> None:
    """Remove the triples that were put aside as leaving. Doing it twice does no harm."""
    for note in list(store.quads_for_pattern(META, LEAVES, None, META)):
        aside = note.object
        assert isinstance(aside, NamedNode)
        graph = left_graph(aside)
        for quad in list(store.quads_for_pattern(None, None, None, aside)):
            store.remove(in_graph(quad.triple, graph))
        if next(iter(store.quads_for_pattern(None, None, None, graph)), None) is None:
            store.remove_graph(graph)
        store.remove_graph(aside)
        store.remove(note)


def facts_of(store: Store) -> tuple[int, frozenset[NamedNode]]:
    """Return the position that the store reflects, and the graphs in it."""
    positions, graphs = [0], set()
    for quad in store.quads_for_pattern(META, None, None, META):
        if quad.predicate == POSITION and isinstance(quad.object, Literal):
            positions.append(int(quad.object.value))
        elif quad.predicate == HOLDS and isinstance(quad.object, NamedNode):
            graphs.add(quad.object)
    return max(positions), frozenset(graphs)
