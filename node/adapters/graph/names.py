"""The IRIs of graphs in the store. Callers may name audience graphs; all others are hidden from every query.

A record has dozens of triples, and each is moved between graphs of the same few audiences: names are remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from pyoxigraph import NamedNode, Quad, Triple

from node.catalogue.model import PUBLIC

_AUDIENCE: Final = "urn:hansa:audience:"
_HELD: Final = "urn:hansa:held:"
_RECORD: Final = "urn:hansa:record:"
_LEAVING: Final = "urn:hansa:leaving:"
_INFERRED: Final = "urn:hansa:inferred:"

META: Final = NamedNode("urn:hansa:meta")
POSITION: Final = NamedNode("urn:hansa:position")
NODE: Final = NamedNode("urn:hansa:node")
HOLDS: Final = NamedNode("urn:hansa:holds")
LEAVES: Final = NamedNode("urn:hansa:leaves")
INFERS: Final = NamedNode("urn:hansa:infers")

ALL: Final = NamedNode("urn:hansa:all")
"""In a disposable store: the graph with the statements of all records."""

NOBODY: Final = NamedNode("urn:hansa:nobody")
"""A graph that never exists, for callers without audiences. An empty list could mean "all"."""


@lru_cache(maxsize=256)
def audience_graph(audience: str) -> NamedNode:
    """Return the graph with all triples that ``audience`` may see: a named graph of the caller's dataset."""
    return NamedNode(_AUDIENCE + quote(audience, safe=""))


@lru_cache(maxsize=256)
def held_graph(audiences: frozenset[str]) -> NamedNode:
    """Return the hidden graph of the triples that are stated by records of exactly these audiences.

    Each triple is in one such graph, so that a caller's default graph, put together from them, has it once: the
    engine does not merge (SPARQL 1.1 §13.1 does), and a triple in two audience graphs would give two rows.
    """
    return NamedNode(_HELD + "+".join(sorted(quote(audience, safe="") for audience in audiences)))


def holders_of(graph: NamedNode) -> frozenset[str]:
    """Return the audiences in the name of a ``held_graph``."""
    return frozenset(unquote(name) for name in graph.value.removeprefix(_HELD).split("+"))


def has_copies(audiences: Collection[str]) -> bool:
    """Return whether the ``held_graph`` of these audiences has triples: those of the public alone are in its audience
    graph only, which has most of all triples."""
    return set(audiences) != {PUBLIC}


def default_graphs(graphs: Iterable[NamedNode], audiences: Collection[str]) -> list[NamedNode]:
    """Return the graphs that together are the default graph of a caller with ``audiences``; ``graphs`` are the names
    of all ``held_graph``s.

    Each triple is in one of them: the engine does not merge (SPARQL 1.1 §13.1 does), and a triple in two audience
    graphs would give two rows.
    """
    visible = [graph for graph in graphs if not holders_of(graph).isdisjoint(audiences)]
    if PUBLIC not in audiences:
        return [graph for graph in visible if has_copies(holders_of(graph))]
    return [audience_graph(PUBLIC), *(graph for graph in visible if PUBLIC not in holders_of(graph))]


def audiences_of(graphs: Iterable[NamedNode]) -> frozenset[str]:
    """Return all audiences in the names of ``held_graph``s."""
    return frozenset(audience for graph in graphs for audience in holders_of(graph))


@lru_cache(maxsize=1024)
def record_graph(audience: str, iri: str) -> NamedNode:
    """Return the hidden graph that lists triples of a record of ``audience``."""
    return NamedNode(f"{_RECORD}{quote(audience, safe='')}:{hashlib.sha256(iri.encode()).hexdigest()}")


def owner_graph(subject: object, audience: str) -> NamedNode | None:
    """Return the ``record_graph`` of the asset that ``subject`` is a part of; None for what is no IRI."""
    return record_graph(audience, subject.value.partition("#")[0]) if isinstance(subject, NamedNode) else None


def is_record_graph(graph: NamedNode, audience: str) -> bool:
    return graph.value.startswith(f"{_RECORD}{quote(audience, safe='')}:")


@lru_cache(maxsize=256)
def audience_of_record(graph: NamedNode) -> str:
    """Return the audience in the name of a ``record_graph``."""
    return unquote(graph.value.removeprefix(_RECORD).partition(":")[0])


def leaving_graph(graph: NamedNode) -> NamedNode:
    """Return the hidden graph of triples that are about to be removed from ``graph``."""
    return NamedNode(_LEAVING + quote(graph.value, safe=""))


def left_graph(leaving: NamedNode) -> NamedNode:
    """Return the graph from which the triples in ``leaving`` are about to be removed."""
    return NamedNode(unquote(leaving.value.removeprefix(_LEAVING)))


def inference_graph(number: int) -> NamedNode:
    """Return the hidden graph of the inferences with this number. No number is used twice in a process."""
    return NamedNode(f"{_INFERRED}{number}")


def dataset_name(default: Iterable[str], names: Iterable[str]) -> str:
    """Return a name for the dataset of these graphs: two callers have the same one only if they see the same."""
    return f"{' '.join(default)}\n{' '.join(names)}"  # no IRI has a space in it


def in_graph(triple: Triple, graph: NamedNode) -> Quad:
    return Quad(triple.subject, triple.predicate, triple.object, graph)
