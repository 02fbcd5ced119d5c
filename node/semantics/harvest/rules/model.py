"""The model of a rule: it finds statements with the right meaning in the wrong form, and replaces them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.semantics.harvest.rules.value_fields import ValueMap
from node.semantics.triples import TYPE, Node, Term, objects


@dataclass(frozen=True, slots=True)
class Change:
    """Statements that are removed, and their replacements. Reversed, a change undoes itself."""

    removals: tuple[Quad, ...] = ()
    additions: tuple[Quad, ...] = ()


@dataclass(slots=True)
class Record:
    """A record that is repaired: its statements, its resource, its catalogue's statements about the licence, and the
    value table of its source."""

    dataset: Dataset
    subject: Node
    catalogue_facts: Dataset = field(default_factory=Dataset)
    value_map: ValueMap = field(default_factory=dict)

    def of(self, *properties: str) -> Iterator[Quad]:
        """Yield the statements with one of these properties, of any thing in the record, in a fixed order."""
        predicates = {NamedNode(property_) for property_ in properties}
        yield from sorted((quad for quad in self.dataset if quad.predicate in predicates), key=str)

    def texts(self, *properties: str) -> Iterator[tuple[Quad, Literal]]:
        """Yield the statements of these properties that have a text as value."""
        for quad in self.of(*properties):
            if isinstance(quad.object, Literal):
                yield quad, quad.object

    def things(self, class_: str) -> list[Node]:
        """Return the things of this class, in a fixed order."""
        typed = self.dataset.quads_for_object(NamedNode(class_))
        subjects = {quad.subject for quad in typed if quad.predicate == TYPE}
        return sorted((node for node in subjects if isinstance(node, NamedNode | BlankNode)), key=str)

    def has(self, node: Node, property_: str) -> bool:
        return bool(objects(self.dataset, node, property_))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One repair. ``what`` describes it, ``example`` shows it. A rule that is not ``safe`` loses or guesses
    something, and is applied only if it is asked for by name."""

    name: str
    what: str
    example: str
    apply: Callable[[Record], Iterator[Change]]
    safe: bool = True


def change_value(quad: Quad, value: Term) -> Change:
    """Return the change of a statement to another value."""
    return Change((quad,), (Quad(quad.subject, quad.predicate, value),))


def removal(*quads: Quad) -> Change:
    return Change(quads)


def addition(subject: Any, property_: str, value: Term) -> Change:
    return Change((), (Quad(subject, NamedNode(property_), value),))
