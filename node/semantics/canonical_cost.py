"""The cost of the canonical form of a dataset (RDFC-1.0), known before it is paid.

RDFC-1.0 numbers blank nodes by the statements about them. Where these are the same for several nodes, it walks from
each of them through the others that are like another, and tries every order of those that it cannot tell apart: that
is factorial, and the threat. Ontologies have thousands of blank nodes, but they differ by their statements, or stand
in short chains. Therefore the work is bounded, and not the number of nodes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Quad

MOST_STEPS: Final = 20_000_000
"""A second or two of work: a twentieth to a tenth of a microsecond for each step."""

_Node = BlankNode
_About = Mapping[_Node, Collection[Quad]]


def nodes_alike(quads: Iterable[Quad]) -> int:
    """Return the number of blank nodes that no statement of their own tells apart, if they would cost more than
    ``MOST_STEPS``; otherwise 0."""
    about: dict[_Node, list[Quad]] = defaultdict(list)
    for quad in quads:
        for term in {quad.subject, quad.object, quad.graph_name}:
            if isinstance(term, BlankNode):
                about[term].append(quad)
    groups = _alike(about)
    steps = 0
    nodes: set[_Node] = set()
    for node in groups:
        if node not in nodes:
            steps += _steps_from(node, about, groups, nodes)
            if steps > MOST_STEPS:
                return len(groups)
    return 0


def _alike(about: _About) -> dict[_Node, int]:
    """Return the nodes that have the same statements as another, each with the number of its group: statements are
    the same if they differ in blank nodes only (the first-degree hash of RDFC-1.0)."""
    members: dict[frozenset[tuple[Any, int]], list[_Node]] = defaultdict(list)
    for node, quads in about.items():
        members[frozenset(Counter(_pattern(quad, node) for quad in quads).items())].append(node)
    groups = (nodes for nodes in members.values() if len(nodes) > 1)
    return {node: number for number, nodes in enumerate(groups) for node in nodes}


def _pattern(quad: Quad, node: _Node) -> tuple[Any, ...]:
    def anonymous(term: Any) -> Any:
        return (term == node) if isinstance(term, BlankNode) else term

    return anonymous(quad.subject), quad.predicate, anonymous(quad.object), anonymous(quad.graph_name)


def _steps_from(start: _Node, about: _About, groups: Mapping[_Node, int], nodes: set[_Node]) -> int:
    """Return the steps for the alike nodes that are connected with ``start``; add them to ``nodes``."""
    component = [start]
    nodes.add(start)
    choices: list[int] = []
    for node in component:
        neighbours: dict[tuple[Any, ...], set[_Node]] = defaultdict(set)
        for quad in about[node]:
            for place, term in (("s", quad.subject), ("o", quad.object), ("g", quad.graph_name)):
                if isinstance(term, BlankNode) and term in groups and term != node:
                    neighbours[place, quad.predicate, groups[term]].add(term)
                    if term not in nodes:
                        nodes.add(term)
                        component.append(term)
        choices.extend(len(others) for others in neighbours.values())
    size = len(component)
    starts = max(Counter(groups[node] for node in component).values())
    orders = 1
    for choice in choices:
        # All orders of all nodes are the most that there can be, which is less than the product in small knots.
        orders = min(orders * math.factorial(min(choice, 20)), math.factorial(min(size, 20)))
    return starts * orders * (size + sum(choice + size for choice in choices))
