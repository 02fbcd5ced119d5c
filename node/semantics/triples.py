"""Read a description: short queries to a dataset of one graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.vocab.namespaces import RDF

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal

TYPE: Final = NamedNode(f"{RDF}type")
_FIRST: Final = NamedNode(f"{RDF}first")
_REST: Final = NamedNode(f"{RDF}rest")
_NIL: Final = NamedNode(f"{RDF}nil")


def objects(dataset: Dataset, subject: Node, property_: str) -> list[Term]:
    """Return the objects of ``property_`` of ``subject``, sorted by their texts."""
    predicate = NamedNode(property_)
    matches = [
        quad.object
        for quad in dataset.quads_for_subject(subject)
        if quad.predicate == predicate and isinstance(quad.object, NamedNode | BlankNode | Literal)
    ]
    return sorted(matches, key=str)


def nodes(dataset: Dataset, subject: Node, property_: str) -> list[Node]:
    """Return the objects that are not literals."""
    return [term for term in objects(dataset, subject, property_) if not isinstance(term, Literal)]


def iris(dataset: Dataset, subject: Node, property_: str) -> list[str]:
    """Return the objects that are IRIs."""
    return [term.value for term in objects(dataset, subject, property_) if isinstance(term, NamedNode)]


def literals(dataset: Dataset, subject: Node, property_: str) -> list[Literal]:
    """Return the objects that are literals."""
    return [term for term in objects(dataset, subject, property_) if isinstance(term, Literal)]


def texts(dataset: Dataset, subject: Node, *properties: str) -> dict[str, str]:
    """Return language tag → text, ``und`` for no language; of several texts in one language, the first. Later
    properties add missing languages."""
    by_language: dict[str, str] = {}
    for property_ in properties:
        for literal in literals(dataset, subject, property_):
            by_language.setdefault(literal.language or "und", literal.value)
    return by_language


def first_text(dataset: Dataset, subject: Node, *properties: str) -> str:
    """Return one text, English if there is a choice; empty if there is none."""
    by_language = texts(dataset, subject, *properties)
    return by_language.get("en") or next(iter(by_language.values()), "")


def types(dataset: Dataset, subject: Node) -> frozenset[str]:
    """Return the classes of ``subject``."""
    return frozenset(iris(dataset, subject, TYPE.value))


def subjects_of_type(dataset: Dataset, class_: str) -> list[Node]:
    """Return all nodes of a class, in the order of their texts."""
    subjects = {
        quad.subject
        for quad in dataset.quads_for_object(NamedNode(class_))
        if quad.predicate == TYPE and isinstance(quad.subject, NamedNode | BlankNode)
    }
    return sorted(subjects, key=str)


def items(dataset: Dataset, head: Node, limit: int = 1000) -> Iterator[Term]:
    """Yield the members of an RDF list. A broken list ends where it breaks, a circular one at ``limit``."""
    node: Term = head
    for _ in range(limit):
        if node == _NIL or isinstance(node, Literal):
            return
        first = objects(dataset, node, _FIRST.value)
        rest = objects(dataset, node, _REST.value)
        if not first or not rest:
            return
        yield first[0]
        node = rest[0]


def put(dataset: Dataset, subject: Node, property_: str, *values: Term) -> None:
    """Make ``values`` the only objects of ``property_``."""
    drop(dataset, subject, property_)
    for value in values:
        dataset.add(Quad(subject, NamedNode(property_), value))


def put_if_absent(dataset: Dataset, subject: Node, property_: str, *values: Term) -> None:
    """Add the statement if there is none yet."""
    if not objects(dataset, subject, property_):
        put(dataset, subject, property_, *values)


def drop(dataset: Dataset, subject: Node, property_: str) -> None:
    """Remove all values of ``property_`` from ``subject``."""
    predicate = NamedNode(property_)
    for quad in list(dataset.quads_for_subject(subject)):
        if quad.predicate == predicate:
            dataset.remove(quad)


def rename(dataset: Dataset, old: Node, new: NamedNode) -> Dataset:
    """Return the same statements with ``old`` replaced by ``new``."""
    return Dataset(
        Quad(
            new if quad.subject == old else quad.subject,
            quad.predicate,
            new if quad.object == old else quad.object,
        )
        for quad in dataset
    )


def reachable(dataset: Dataset, roots: Iterable[Node]) -> set[Node]:
    """Return ``roots`` and every node that is reachable from them by statements."""
    nodes: set[Node] = set()
    ahead = list(roots)
    while ahead:
        node = ahead.pop()
        if node in nodes:
            continue
        nodes.add(node)
        ahead.extend(
            quad.object for quad in dataset.quads_for_subject(node) if isinstance(quad.object, NamedNode | BlankNode)
        )
    return nodes
