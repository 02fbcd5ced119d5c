"""What a rule is: it finds statements that say the right thing in the wrong form, and puts others in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.semantics.triples import TYPE, Node, Term, objects


@dataclass(frozen=True, slots=True)
class Change:
    """Statements that leave, and those that take their place. Turned around, it undoes itself."""

    removed: tuple[Quad, ...] = ()
    added: tuple[Quad, ...] = ()


@dataclass(slots=True)
class Record:
    """A record that is repaired: its statements, its resource, and what its catalogue says of its licence."""

    dataset: Dataset
    subject: Node
    inherited: Dataset = field(default_factory=Dataset)

    def of(self, *properties: str) -> Iterator[Quad]:
        """The statements with one of these properties, of any thing in the record, in a fixed order."""
        predicates = {NamedNode(property_) for property_ in properties}
        yield from sorted((quad for quad in self.dataset if quad.predicate in predicates), key=str)

    def texts(self, *properties: str) -> Iterator[tuple[Quad, Literal]]:
        """The statements of these properties whose value is text."""
        for quad in self.of(*properties):
            if isinstance(quad.object, Literal):
                yield quad, quad.object

    def things(self, class_: str) -> list[Node]:
        """What is of this class, in a fixed order."""
        typed = self.dataset.quads_for_object(NamedNode(class_))
        subjects = {quad.subject for quad in typed if quad.predicate == TYPE}
        return sorted((node for node in subjects if isinstance(node, NamedNode | BlankNode)), key=str)

    def has(self, node: Node, property_: str) -> bool:
        return bool(objects(self.dataset, node, property_))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One repair. ``what`` says what it does, ``example`` shows it. A rule that is not ``safe`` loses or guesses
    something, and is applied only where it is asked for by name."""

    name: str
    what: str
    example: str
    apply: Callable[[Record], Iterator[Change]]
    safe: bool = True


def revalued(quad: Quad, value: Term) -> Change:
    """The same statement with another value."""
    return Change((quad,), (Quad(quad.subject, quad.predicate, value),))


def removed(*quads: Quad) -> Change:
    return Change(quads)


def stated(subject: Any, property_: str, value: Term) -> Change:
    return Change((), (Quad(subject, NamedNode(property_), value),))
