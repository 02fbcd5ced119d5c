"""Descriptions that are validated in one call of the engine, which costs as much as several descriptions.

A shape must see of a description what it would see if this were alone. Descriptions are therefore validated together
only if every node that two of them mention has the same statements in both. Then no path leads from one description
to a statement that is only in another. Paths that are followed backwards are rare: only the properties that the
shapes use in this way are compared for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from node.semantics.validation.shapes import ShapeBreach, Shapes, in_order

TOGETHER: Final = 512 << 10
"""Bytes of the descriptions that are validated in one call, unless one alone has more."""

_STATEMENT: Final = re.compile(rb'(<[^<>"\s]*>|_:\S+) (<[^<>"\s]*>) (<[^<>"\s]*>|_:\S+|".*) \.')
_BLANK: Final = b"_:"

_About = dict[bytes, frozenset[bytes]]


class _Statement(NamedTuple):
    subject: bytes
    predicate: bytes
    object: bytes

    @property
    def line(self) -> bytes:
        return b"%s %s %s .\n" % self


@dataclass(slots=True)
class _Group:
    """Descriptions that are validated together: their statements, and what they say about each node."""

    statements: dict[bytes, None] = field(default_factory=dict)
    about: _About = field(default_factory=dict)
    members: list[tuple[int, _About]] = field(default_factory=list)
    size: int = 0

    def may_take(self, about: _About, size: int) -> bool:
        """Return whether a description that says this about its nodes can be told apart in this group."""
        if self.members and self.size + size > TOGETHER:
            return False
        ours = self.about
        return all(ours.get(node, lines) == lines for node, lines in about.items())

    def take(self, place: int, statements: Iterable[_Statement], about: _About, size: int) -> None:
        """Add the description with the index ``place``."""
        self.statements.update(dict.fromkeys(statement.line for statement in statements))
        self.about.update(about)
        self.members.append((place, about))
        self.size += size


def breaches_of(shapes: Shapes, documents: Sequence[bytes]) -> list[tuple[ShapeBreach, ...]]:
    """Return ``shapes.breaches`` of each of ``documents``, which are N-Triples as the engine of RDF writes them."""
    if len(documents) == 1:
        return [shapes.breaches(documents[0])]
    results: list[tuple[ShapeBreach, ...]] = [()] * len(documents)
    for group in _groups(documents, shapes.inverse):
        together = _by_member(group, shapes.breaches(b"".join(group.statements))) if len(group.members) > 1 else None
        for number, (place, _) in enumerate(group.members):
            results[place] = shapes.breaches(documents[place]) if together is None else together[number]
    return results


def _by_member(group: _Group, breaches: Sequence[ShapeBreach]) -> list[tuple[ShapeBreach, ...]] | None:
    """Return the breaches of each description of ``group``, those of a node for each that mentions it.

    Returns None if a breach is about no node that any of them mentions: a literal, for example.
    """
    by_focus: dict[str, list[ShapeBreach]] = {}
    for breach in breaches:
        by_focus.setdefault(breach.focus, []).append(breach)
    by_member = []
    members: set[str] = set()
    for place, about in group.members:
        focuses = by_focus.keys() & {_name(node) for node in about}
        members |= focuses
        own = [_as_alone(breach, place) for focus in focuses for breach in by_focus[focus]]
        by_member.append(tuple(sorted(own, key=in_order)))
    return by_member if len(members) == len(by_focus) else None


def _groups(documents: Sequence[bytes], inverse: frozenset[str] | None) -> Iterator[_Group]:
    """Yield the descriptions in groups. With ``inverse`` None, or where one cannot be read here, each is alone."""
    group = _Group()
    for place, document in enumerate(documents):
        statements = None if inverse is None else _statements(document, place)
        about = None if statements is None or inverse is None else _about(statements, inverse)
        if statements is None or about is None:
            yield _Group(members=[(place, {})])
            continue
        if not group.may_take(about, len(document)):
            yield group
            group = _Group()
        group.take(place, statements, about, len(document))
    if group.members:
        yield group


def _statements(document: bytes, place: int) -> list[_Statement] | None:
    """Return the statements; the names of blank nodes are those of this document only. None if there are others than
    subject, property and a simple object."""
    own = b"_:d%d_" % place
    statements = []
    for line in document.splitlines():
        match = _STATEMENT.fullmatch(line)
        if match is None:
            return None
        subject, predicate, object_ = match.groups()
        if subject.startswith(_BLANK):
            subject = own + subject[2:]
        if object_.startswith(_BLANK):
            object_ = own + object_[2:]
        statements.append(_Statement(subject, predicate, object_))
    return statements


def _about(statements: Iterable[_Statement], inverse: frozenset[str]) -> _About:
    """Return for each node what a shape may see from it: its statements, and those that name it as the object of a
    property in ``inverse``."""
    about: dict[bytes, set[bytes]] = {}
    for statement in statements:
        line = statement.line
        about.setdefault(statement.subject, set()).add(line)
        if not statement.object.startswith(b'"'):
            lines = about.setdefault(statement.object, set())
            if _name(statement.predicate) in inverse:
                lines.add(line)
    return {node: frozenset(lines) for node, lines in about.items()}


def _name(node: bytes) -> str:
    text = node.decode()
    return text[1:-1] if text.startswith("<") else text


def _as_alone(breach: ShapeBreach, place: int) -> ShapeBreach:
    """Return ``breach`` with the names that blank nodes have in the document."""
    return replace(breach, focus=_as_named(breach.focus, place), value=_as_named(breach.value, place))


def _as_named(node: str, place: int) -> str:
    own = f"_:d{place}_"
    return f"_:{node.removeprefix(own)}" if node.startswith(own) else node
