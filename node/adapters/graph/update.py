"""The effects of new versions of records on the graphs, computed before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Store, Triple

from node.adapters.graph.names import (
    META,
    NODE,
    audience_graph,
    audience_of_record,
    has_copies,
    held_graph,
    in_graph,
    is_record_graph,
    owner_graph,
    record_graph,
)
from node.vocab.namespaces import XSD

_TEXT: Final = NamedNode(f"{XSD}string")


class GraphUpdate:
    """Collects added and removed statements triple by triple; ``settle`` computes the effects on every graph.

    Most triples are about the record that states them, or about a part of it (an IRI with a fragment, a blank node):
    the record *owns* them, and nobody else states them. These are not listed in the record's graph; the store notes
    only which nodes they are about. So a triple of an audience graph that no record of the audience lists is stated
    by its owner alone.

    Afterwards ``added`` holds the quads to add, ``leaving`` the triples to remove by graph, and ``graphs`` the graphs
    that get new triples.
    """

    def __init__(self, store: Store) -> None:
        self.added: list[Quad] = []
        self.leaving: dict[NamedNode, list[Triple]] = {}
        self.graphs: set[NamedNode] = set()
        self._store = store
        self._touched: dict[Triple, dict[NamedNode, bool]] = {}
        self._own_nodes: dict[NamedNode, set[NamedNode | BlankNode | Triple]] = {}
        self._new: dict[NamedNode | BlankNode | Triple, bool] = {}

    def replace(self, iri: str, audience: str, triples: set[Triple]) -> None:
        """Note that the record ``iri`` states just ``triples`` to ``audience`` from now on."""
        store, record = self._store, record_graph(audience, iri)
        nodes = {quad.object for quad in store.quads_for_pattern(record, NODE, None, META)}
        before = {quad.triple for quad in store.quads_for_pattern(None, None, None, record)}
        for node in nodes:
            assert isinstance(node, NamedNode | BlankNode), "a triple is about an IRI or a blank node"
            for quad in store.quads_for_pattern(node, None, None, audience_graph(audience)):
                if quad.triple not in before and not _is_listed(store, quad.triple, audience):
                    before.add(quad.triple)
        for triple in triples - before:
            self._touched.setdefault(triple, {})[record] = True
        for triple in before - triples:
            self._touched.setdefault(triple, {})[record] = False
        nodes_after = {node for node in {triple.subject for triple in triples} if _owns(record, node, audience)}
        self._own_nodes[record] = nodes_after
        self.added += (Quad(record, NODE, node, META) for node in nodes_after - nodes)
        for node in nodes - nodes_after:
            self.leave(Triple(record, NODE, node), META)

    def settle(self, audiences: Collection[str]) -> None:
        """Move each touched triple between the graphs of ``audiences``, by who states it before and after."""
        for triple, records in self._touched.items():
            subject = triple.subject
            if self._is_new(subject):
                if len(records) == 1:
                    (record,) = records
                    self._begin(triple, record, is_own=subject in self._own_nodes[record])
                    continue
                before: set[str] = set()
            else:
                before = {name for name in audiences if in_graph(triple, audience_graph(name)) in self._store}
            after = set(before)
            for audience in {audience_of_record(record) for record in records}:
                changes = {record: says for record, says in records.items() if audience_of_record(record) == audience}
                if self._is_stated(triple, audience, changes, is_known=audience in before):
                    after.add(audience)
                else:
                    after.discard(audience)
            self._move(triple, frozenset(before), frozenset(after))

    def _begin(self, triple: Triple, record: NamedNode, *, is_own: bool) -> None:
        """Add ``triple``, which is in no graph and which only ``record`` states. Most triples are such."""
        after = frozenset((audience_of_record(record),))
        if not is_own:
            self.added.append(in_graph(triple, record))
        self._move(triple, frozenset(), after)

    def _is_new(self, subject: NamedNode | BlankNode | Triple) -> bool:
        """Return whether no graph has a statement about ``subject`` yet: one look-up for many triples."""
        answer = self._new.get(subject)
        if answer is None:
            statements = self._store.quads_for_pattern(subject, None, None, None)
            answer = self._new[subject] = next(iter(statements), None) is None
        return answer

    def leave(self, triple: Triple, graph: NamedNode) -> None:
        """Have ``triple`` removed from ``graph``."""
        self.leaving.setdefault(graph, []).append(triple)

    def _is_stated(self, triple: Triple, audience: str, changes: Mapping[NamedNode, bool], *, is_known: bool) -> bool:
        """List the records that begin to state ``triple``, and no longer those that end; return whether any record of
        ``audience`` states it afterwards. ``is_known``: one has stated it before."""
        beginning = [record for record, says in changes.items() if says]
        ending = [record for record, says in changes.items() if not says]
        if len(beginning) == 1 and not is_known and _owns(beginning[0], triple.subject, audience):
            return True
        self.added += (in_graph(triple, record) for record in beginning)
        for record in ending:
            if in_graph(triple, record) in self._store:
                self.leave(triple, record)
        if not beginning:
            return _is_listed(self._store, triple, audience, but=ending)
        owner = owner_graph(triple.subject, audience)
        if is_known and owner is not None and owner not in changes and self._states_alone(owner, triple, audience):
            self.added.append(in_graph(triple, owner))
        return True

    def _states_alone(self, owner: NamedNode, triple: Triple, audience: str) -> bool:
        """Return whether only ``owner`` has stated ``triple``, which ``audience`` may see, until now."""
        is_about = Quad(owner, NODE, triple.subject, META) in self._store
        return is_about and not _is_listed(self._store, triple, audience)

    def _move(self, triple: Triple, before: frozenset[str], after: frozenset[str]) -> None:
        if before == after:
            return
        if before and has_copies(before):
            self.leave(triple, held_graph(before))
        if after:
            self.graphs.add(held_graph(after))
        if after and has_copies(after):
            self.added.append(in_graph(triple, held_graph(after)))
        for audience in before - after:
            self.leave(triple, audience_graph(audience))
        self.added += (in_graph(triple, audience_graph(audience)) for audience in after - before)


def _owns(record: NamedNode, subject: object, audience: str) -> bool:
    """Return whether triples about ``subject`` belong to ``record``. No two records share a blank node."""
    return isinstance(subject, BlankNode) or owner_graph(subject, audience) == record


def _is_listed(store: Store, triple: Triple, audience: str, but: Collection[NamedNode] = ()) -> bool:
    """Return whether a record of ``audience`` lists ``triple``, apart from the records of the graphs ``but``."""
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
