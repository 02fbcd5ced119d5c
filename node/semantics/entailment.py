"""Entailment: what follows from statements by RDFS and by the part of OWL 2 RL about hierarchies and properties.

The rules are those for classes and properties below, equal to and inverse of others, for domains and ranges,
symmetric and transitive properties, unions and intersections of classes, and for different names of the same thing
(``owl:sameAs``). Restrictions and keys give no inferences. Nothing is read but the statements at hand: whoever may
see these may see what follows from them. They may come from anybody, so that all numbers are bounded.

Most statements of a catalogue have no consequences. ``infer`` looks for those that have, in statements that are kept
by their terms, and says which later statements can change the outcome (``Reach``).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Triple

from node.base.errors import TooLarge
from node.vocab.namespaces import OWL, RDF, RDFS

MOST_STATEMENTS: Final = 300_000
"""Statements from which inferences are drawn."""
MOST_INFERENCES: Final = 200_000
MOST_NAMES: Final = 100
"""Names of one thing."""
_MOST_MEMBERS: Final = 1000
"""Members of a union or an intersection."""

_TYPE: Final = NamedNode(f"{RDF}type")
_SUB_CLASS: Final = NamedNode(f"{RDFS}subClassOf")
_SUB_PROPERTY: Final = NamedNode(f"{RDFS}subPropertyOf")
_EQUAL_CLASS: Final = NamedNode(f"{OWL}equivalentClass")
_EQUAL_PROPERTY: Final = NamedNode(f"{OWL}equivalentProperty")
_DOMAIN: Final = NamedNode(f"{RDFS}domain")
_RANGE: Final = NamedNode(f"{RDFS}range")
_INVERSE: Final = NamedNode(f"{OWL}inverseOf")
_SAME: Final = NamedNode(f"{OWL}sameAs")
_UNION: Final = NamedNode(f"{OWL}unionOf")
_INTERSECTION: Final = NamedNode(f"{OWL}intersectionOf")
_FIRST: Final = NamedNode(f"{RDF}first")
_REST: Final = NamedNode(f"{RDF}rest")
_SYMMETRIC: Final = NamedNode(f"{OWL}SymmetricProperty")
_TRANSITIVE: Final = NamedNode(f"{OWL}TransitiveProperty")

_VOCABULARY: Final = frozenset(
    {
        _TYPE,
        _SUB_CLASS,
        _SUB_PROPERTY,
        _EQUAL_CLASS,
        _EQUAL_PROPERTY,
        _DOMAIN,
        _RANGE,
        _INVERSE,
        _SAME,
        _UNION,
        _INTERSECTION,
        _FIRST,
        _REST,
    }
)
"""Properties that the rules are written with: no statement changes their meaning."""
_RULES: Final = _VOCABULARY - {_TYPE}
_TYPE_TEXT: Final = str(_TYPE)

_Links = Mapping[Any, Collection[Any]]

Find = Callable[[Any, Any, Any], Iterable[Triple]]
"""(subject, property, value) → the statements with these terms; None stands for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The statements that can change what follows: with one of ``properties``, about one of ``names``, or that
    something is of one of ``classes``; of any class, if ``any_class``. Terms are written as in N-Triples."""

    properties: frozenset[str]
    classes: frozenset[str]
    names: frozenset[str]
    any_class: bool

    def has(self, statement: Triple) -> bool:
        """Return whether adding or removing ``statement`` can change what follows."""
        property_ = str(statement.predicate)
        if property_ in self.properties:
            return True
        if property_ == _TYPE_TEXT and (self.any_class or str(statement.object) in self.classes):
            return True
        return bool(self.names) and (str(statement.subject) in self.names or str(statement.object) in self.names)


def infer(find: Find, *, limit: int = MOST_STATEMENTS) -> tuple[set[Triple], Reach]:
    """Return what follows from the statements that ``find`` finds, without these; and the reach of the inferences.

    Only statements with consequences are read. Raises ``TooLarge`` if there are more than ``limit`` of them, or too
    many inferences.
    """
    rules = _read((find(None, property_, None) for property_ in _RULES), limit)
    rules |= _read((find(None, _TYPE, kind) for kind in (_SYMMETRIC, _TRANSITIVE)), limit)
    closure = _Closure(rules)
    statements = rules | _read(closure.sources(find), limit - len(rules))
    inferences = {
        statement
        for statement in _Closure(statements).run()
        if next(iter(find(statement.subject, statement.predicate, statement.object)), None) is None
    }
    return inferences, closure.reach()


def _read(parts: Iterable[Iterable[Triple]], limit: int) -> set[Triple]:
    statements: set[Triple] = set()
    for part in parts:
        statements.update(islice(part, limit + 1 - len(statements)))
        if len(statements) > limit:
            raise TooLarge(
                f"what you may see has more than {limit} statements with consequences",
                remedy="ask without entailment, or use property paths such as rdfs:subClassOf*",
            )
    return statements


def entail(statements: Collection[Triple]) -> set[Triple]:
    """Return what follows from ``statements``, without these.

    Raises ``TooLarge`` if there are more than ``MOST_STATEMENTS``, or more inferences than ``MOST_INFERENCES``.
    """
    if len(statements) > MOST_STATEMENTS:
        raise TooLarge(
            f"what you may see has {len(statements)} statements; inferences are drawn from at most {MOST_STATEMENTS}",
            remedy="ask without entailment, or use property paths such as rdfs:subClassOf*",
        )
    return _Closure(statements).run()


class _Closure:
    """The state of one closure: statements that are known, and those whose consequences are to be drawn."""

    def __init__(self, statements: Collection[Triple]) -> None:
        by_property: dict[Any, list[Triple]] = defaultdict(list)
        for statement in statements:
            if statement.predicate in _VOCABULARY:
                by_property[statement.predicate].append(statement)
        self._known = set(statements)
        self._inferences: set[Triple] = set()
        self._ahead: deque[Triple] = deque()
        self._classes = _above(by_property, _SUB_CLASS, _EQUAL_CLASS)
        _add_combinations(self._classes, by_property)
        self._properties = _above(by_property, _SUB_PROPERTY, _EQUAL_PROPERTY)
        self._domains, self._ranges = _links(by_property[_DOMAIN]), _links(by_property[_RANGE])
        self._inverses = _both_ways(by_property[_INVERSE])
        of_type = _links_back(by_property[_TYPE])
        self._symmetric = of_type.get(_SYMMETRIC, frozenset()) - _VOCABULARY
        self._transitive = of_type.get(_TRANSITIVE, frozenset()) - _VOCABULARY
        self._names = _names(by_property[_SAME])
        self._after: dict[tuple[Any, Any], set[Any]] = defaultdict(set)
        self._before: dict[tuple[Any, Any], set[Any]] = defaultdict(set)
        self._higher: dict[tuple[int, Any], frozenset[Any]] = {}

    def sources(self, find: Find) -> Iterator[Iterable[Triple]]:
        """Yield the statements that have consequences by the rules."""
        for property_ in self._active() - {_TYPE}:
            yield find(None, property_, None)
        for class_ in self._classes:
            yield find(None, _TYPE, class_)
        for name in self._names:
            yield find(None, None, name)
            if not isinstance(name, Literal):
                yield find(name, None, None)

    def reach(self) -> Reach:
        """Return which statements can have consequences, or be some."""
        higher = {
            value for links in (self._properties, self._inverses) for values in links.values() for value in values
        }
        classes = {*self._classes, _SYMMETRIC, _TRANSITIVE}
        for links in (self._classes, self._domains, self._ranges):
            classes |= {value for values in links.values() for value in values}
        return Reach(
            properties=frozenset(str(property_) for property_ in (self._active() | higher | set(_RULES)) - {_TYPE}),
            classes=frozenset(str(class_) for class_ in classes),
            names=frozenset(str(name) for name in self._names),
            any_class=_TYPE in higher,
        )

    def _active(self) -> set[Any]:
        """Return the properties whose statements have consequences."""
        active = {*self._properties, *self._domains, *self._ranges, *self._inverses}
        return ((active | self._symmetric | self._transitive) - _VOCABULARY) | {_TYPE}

    def run(self) -> set[Triple]:
        self._add_hierarchy(self._classes, _SUB_CLASS)
        self._add_hierarchy(self._properties, _SUB_PROPERTY)
        for names in {id(names): names for names in self._names.values()}.values():
            for name in names:
                self._add(name, _SAME, (other for other in names if other != name))
        active = self._active()
        for statement in list(self._known):
            if statement.predicate in active or (
                self._names and (statement.subject in self._names or statement.object in self._names)
            ):
                self._conclude(statement)
        while self._ahead:
            self._conclude(self._ahead.popleft())
        return self._inferences

    def _add_hierarchy(self, links: _Links, property_: NamedNode) -> None:
        for node in list(links):
            if isinstance(node, NamedNode):
                self._add(node, property_, (one for one in self._above(links, node) if isinstance(one, NamedNode)))

    def _conclude(self, statement: Triple) -> None:
        subject, property_, value = statement.subject, statement.predicate, statement.object
        if property_ == _TYPE:
            self._add(subject, _TYPE, self._above(self._classes, value))
        elif property_ not in _VOCABULARY:
            self._conclude_by_property(subject, property_, value)
        if self._names and property_ != _SAME:
            for other in self._names.get(subject, ()):
                self._add(other, property_, (value,))
            for other in self._names.get(value, ()):
                self._add(subject, property_, (other,))

    def _conclude_by_property(self, subject: Any, property_: Any, value: Any) -> None:
        for higher in self._above(self._properties, property_):
            if isinstance(higher, NamedNode):
                self._add(subject, higher, (value,))
        self._add(subject, _TYPE, self._domains.get(property_, ()))
        if isinstance(value, Literal):
            return
        self._add(value, _TYPE, self._ranges.get(property_, ()))
        for inverse in self._inverses.get(property_, ()):
            if isinstance(inverse, NamedNode):
                self._add(value, inverse, (subject,))
        if property_ in self._symmetric:
            self._add(value, property_, (subject,))
        if property_ in self._transitive:
            self._after[property_, subject].add(value)
            self._before[property_, value].add(subject)
            self._add(subject, property_, tuple(self._after.get((property_, value), ())))
            for earlier in tuple(self._before.get((property_, subject), ())):
                self._add(earlier, property_, (value,))

    def _add(self, subject: Any, property_: Any, values: Iterable[Any]) -> None:
        for value in values:
            statement = Triple(subject, property_, value)
            if statement in self._known:
                continue
            if len(self._inferences) >= MOST_INFERENCES:
                raise TooLarge(
                    f"more than {MOST_INFERENCES} statements follow from what you may see",
                    remedy="ask without entailment, or use property paths such as rdfs:subClassOf*",
                )
            self._known.add(statement)
            self._inferences.add(statement)
            self._ahead.append(statement)

    def _above(self, links: _Links, node: Any) -> frozenset[Any]:
        """Return all that is above ``node``, also over several steps."""
        if node not in links:
            return frozenset()
        higher = self._higher.get((id(links), node))
        if higher is None:
            nodes: set[Any] = set()
            ahead = list(links[node])
            while ahead:
                other = ahead.pop()
                if other not in nodes:
                    nodes.add(other)
                    ahead.extend(links.get(other, ()))
            higher = self._higher[id(links), node] = frozenset(nodes - {node})
        return higher


def _links(statements: Iterable[Triple]) -> dict[Any, set[Any]]:
    links: dict[Any, set[Any]] = defaultdict(set)
    for statement in statements:
        if not isinstance(statement.object, Literal):
            links[statement.subject].add(statement.object)
    return dict(links)


def _links_back(statements: Iterable[Triple]) -> dict[Any, frozenset[Any]]:
    links: dict[Any, set[Any]] = defaultdict(set)
    for statement in statements:
        if statement.object in (_SYMMETRIC, _TRANSITIVE):
            links[statement.object].add(statement.subject)
    return {node: frozenset(subjects) for node, subjects in links.items()}


def _both_ways(statements: Iterable[Triple]) -> dict[Any, set[Any]]:
    links: dict[Any, set[Any]] = defaultdict(set)
    for statement in statements:
        if not isinstance(statement.object, Literal):
            links[statement.subject].add(statement.object)
            links[statement.object].add(statement.subject)
    return dict(links)


def _above(by_property: Mapping[Any, Iterable[Triple]], below: NamedNode, equal: NamedNode) -> dict[Any, set[Any]]:
    links: dict[Any, set[Any]] = defaultdict(set)
    for part in (_links(by_property.get(below, ())), _both_ways(by_property.get(equal, ()))):
        for node, others in part.items():
            links[node] |= others - (_VOCABULARY - {_TYPE}) if below == _SUB_PROPERTY else others
    return links


def _add_combinations(links: dict[Any, set[Any]], by_property: Mapping[Any, Iterable[Triple]]) -> None:
    """Add that a class is below each class of its intersection, and above each class of its union."""
    first = {statement.subject: statement.object for statement in by_property.get(_FIRST, ())}
    rest = {statement.subject: statement.object for statement in by_property.get(_REST, ())}
    for statement in by_property.get(_INTERSECTION, ()):
        for member in _members(statement.object, first, rest):
            links.setdefault(statement.subject, set()).add(member)
    for statement in by_property.get(_UNION, ()):
        for member in _members(statement.object, first, rest):
            links.setdefault(member, set()).add(statement.subject)


def _members(head: Any, first: Mapping[Any, Any], rest: Mapping[Any, Any]) -> Iterator[Any]:
    node = head
    for _ in range(_MOST_MEMBERS):
        if node not in first or isinstance(first[node], Literal):
            return
        yield first[node]
        node = rest.get(node)


def _names(statements: Iterable[Triple]) -> dict[Any, frozenset[Any]]:
    """Return for each name the names of the same thing. A thing with more than ``MOST_NAMES`` has no others."""
    links = _both_ways(statement for statement in statements if isinstance(statement.object, NamedNode | BlankNode))
    names: dict[Any, frozenset[Any]] = {}
    for start in links:
        if start in names:
            continue
        group = {start}
        ahead = [start]
        while ahead:
            for other in links[ahead.pop()]:
                if other not in group:
                    group.add(other)
                    ahead.append(other)
        shared = frozenset(group) if len(group) <= MOST_NAMES else frozenset()
        for name in group:
            names[name] = shared
    return {name: group for name, group in names.items() if group}
