"""The effects of new versions of records on the graphs, computed before anything is written."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pyoxigraph import Literal, NamedNode, Quad, Store, Triple

from node.adapters.graph.names import META, audience_graph, audience_of_record, has_copies, held_graph, in_graph, is_record_graph
from node.vocab.namespaces import XSD

_TEXT: Final = NamedNode(f"{XSD}string")


class GraphUpdate:
    """Collects added and removed statements triple by triple; ``settle`` computes the effects on every graph.

    Afterwards ``added`` holds the quads to add, ``leaving`` the triples to remove by graph, and ``graphs`` the graphs
    that get new triples.
    """

    def __init__(self) -> None:
        self.added: list[Quad] = []
        self.leaving: dict[NamedNode, list[Triple]] = {}
        self.graphs: set[NamedNode] = set()
        self._touched: dict[Triple, dict[NamedNode, bool]] = {}

    def comes(self, triple: Triple, record: NamedNode) -> None:
        """Note that the record with this graph states ``triple`` from now on."""
        self.added.append(in_graph(triple, record))
        self._touched.setdefault(triple, {})[record] = True

    def goes(self, triple: Triple, record: NamedNode) -> None:
        """Note that the record with this graph no longer states ``triple``."""
        self._leave(triple, record)
        self._touched.setdefault(triple, {})[record] = False

    def settle(self, store: Store, audiences: Collection[str]) -> None:
        """Move each touched triple between the graphs of ``audiences``, by who states it before and after."""
        for triple, records in self._touched.items():
            before = {name for name in audiences if in_graph(triple, audience_graph(name)) in store}
            after = set(before)
            for record, says in records.items():
                audience = audience_of_record(record)
                if not says and not _is_stated_elsewhere(store, triple, audience, records):
                    after.discard(audience)
            # One record may begin to state what another one of the same audience states no longer.
            after |= {audience_of_record(record) for record, says in records.items() if says}
            self._move(triple, frozenset(before), frozenset(after))

    def _move(self, triple: Triple, before: frozenset[str], after: frozenset[str]) -> None:
        if before == after:
            return
        if before and has_copies(before):
            self._leave(triple, held_graph(before))
        if after:
            self.graphs.add(held_graph(after))
        if after and has_copies(after):
            self.added.append(in_graph(triple, held_graph(after)))
        for audience in before - after:
            self._leave(triple, audience_graph(audience))
        self.added += (in_graph(triple, audience_graph(audience)) for audience in after - before)

    def _leave(self, triple: Triple, graph: NamedNode) -> None:
        self.leaving.setdefault(graph, []).append(triple)


def _is_stated_elsewhere(store: Store, triple: Triple, audience: str, but: Collection[NamedNode]) -> bool:
    """Return whether a record of ``audience`` states ``triple``, apart from the records of the graphs ``but``."""
    for quad in store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None):
        graph = quad.graph_name
        if isinstance(graph, NamedNode) and graph not in but and is_record_graph(graph, audience):
            return True
    return False


def as_stored(triples: list[Triple]) -> set[Triple]:
    """Return ``triples`` as the engine returns them: it rewrites some literals ("05" becomes "5")."""
    plain = {triple for triple in triples if not _is_rewritten(triple)}
    if len(plain) == len(triples):
        return plain
    store = Store()
    store.extend(in_graph(triple, META) for triple in triples if triple not in plain)
    return plain | {quad.triple for quad in store}


def _is_rewritten(triple: Triple) -> bool:
    """Return whether the engine may return another text: only for numbers, dates and the like."""
    term = triple.object
    return isinstance(term, Literal) and not term.language and term.datatype != _TEXT
