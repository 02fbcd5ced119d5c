"""Differences between two descriptions, statement by statement.

Both are canonical N-Quads. IRIs and literals are compared as written. A blank node has no name of its own: its label
in the canonical form may change with any other statement. So blank nodes are compared by their statements, and a
changed blank node is matched with the one at the same place that has most statements in common with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from node.catalogue.nquads import iri_of, is_blank, is_iri, statements
from node.vocab.namespaces import shorten_iri

_DEEPEST: Final = 20
"""Blank nodes nested deeper than this are shown as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The values of one property that only one of two descriptions has, as terms of N-Triples.

    ``subject`` is the IRI that the statements are about. ``path`` lists the IRIs of the properties that lead from it
    to the value; all but the last lead to things without a name, such as a distribution. If such a thing was added or
    removed as a whole, it is written between brackets. Both are empty for things that no statement leads to.
    """

    subject: str
    path: tuple[str, ...]
    removals: tuple[str, ...] = ()
    additions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The path for people: ``dcat:distribution › dct:title``."""
        return " › ".join(shorten_iri(iri) or iri for iri in self.path)


def differences(before: bytes, after: bytes) -> list[Difference]:
    """Return the differences between the descriptions ``before`` and ``after``, by subject and path."""
    old, new = _Description(before), _Description(after)
    result: list[Difference] = []
    if before == after:
        return result
    for subject in sorted(old.named | new.named):
        result.extend(_compare(old, subject, new, subject, iri_of(subject), (), _DEEPEST))
    old_things, new_things = _unmatched_nodes(old, old.loose, new, new.loose)
    if old_things or new_things:
        removed, added = sorted(map(old.write_term, old_things)), sorted(map(new.write_term, new_things))
        result.append(Difference(subject="", path=(), removals=tuple(removed), additions=tuple(added)))
    return result


class _Description:
    """A description by subject and property."""

    def __init__(self, nquads: bytes) -> None:
        self.of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for statement in statements(nquads):
            self.of[statement.subject][statement.predicate].append(statement.object)
        self.named = {subject for subject in self.of if is_iri(subject)}
        values = {value for properties in self.of.values() for objects in properties.values() for value in objects}
        self.loose = [subject for subject in self.of if is_blank(subject) and subject not in values]
        self._written: dict[str, str] = {}

    def properties(self, subject: str) -> dict[str, list[str]]:
        return self.of.get(subject, {})

    def write_term(self, term: str) -> str:
        """Return ``term``; for a blank node, all its statements in an order that depends only on them."""
        if not is_blank(term):
            return term
        text = self._written.get(term)
        if text is None:
            self._written[term] = "[]"  # For a circle that leads back here.
            pairs = sorted(self.pairs(term))
            text = self._written[term] = f"[ {' ; '.join(pairs)} ]" if pairs else "[]"
        return text

    def pairs(self, subject: str) -> list[str]:
        """Return property and value of each statement about ``subject``."""
        return [
            f"{predicate} {self.write_term(value)}"
            for predicate, values in self.properties(subject).items()
            for value in values
        ]


def _compare(
    old: _Description,
    was: str,
    new: _Description,
    now: str,
    subject: str,
    path: tuple[str, ...],
    depth: int,
) -> Iterable[Difference]:
    before, after = old.properties(was), new.properties(now)
    for predicate in sorted({*before, *after}):
        here = (*path, iri_of(predicate))
        old_terms, come = before.get(predicate, []), after.get(predicate, [])
        removals = sorted({term for term in old_terms if not is_blank(term)} - set(come))
        additions = sorted({term for term in come if not is_blank(term)} - set(old_terms))
        old_things, new_things = _unmatched_nodes(old, old_terms, new, come)
        pairs = _match_nodes(old, old_things, new, new_things) if depth else []
        for left, right in pairs:
            yield from _compare(old, left, new, right, subject, here, depth - 1)
        removals += sorted(old.write_term(term) for term in old_things if term not in {left for left, _ in pairs})
        additions += sorted(new.write_term(term) for term in new_things if term not in {right for _, right in pairs})
        if removals or additions:
            yield Difference(subject=subject, path=here, removals=tuple(removals), additions=tuple(additions))


def _unmatched_nodes(
    old: _Description, removals: Sequence[str], new: _Description, come: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the blank nodes of each side that have no equal on the other side."""
    rest = [term for term in removals if is_blank(term)]
    right = [term for term in come if is_blank(term)]
    both = Counter(map(old.write_term, rest)) & Counter(map(new.write_term, right))

    def remaining(terms: Sequence[str], description: _Description) -> list[str]:
        same = both.copy()
        rest = []
        for term in terms:
            written = description.write_term(term)
            if same[written] > 0:
                same[written] -= 1
            else:
                rest.append(term)
        return rest

    return remaining(rest, old), remaining(right, new)


def _match_nodes(
    old: _Description, removals: Sequence[str], new: _Description, come: Sequence[str]
) -> list[tuple[str, str]]:
    """Return pairs of blank nodes that are versions of the same thing: the only two, or those that share most."""
    if len(removals) == len(come) == 1:
        return [(removals[0], come[0])]
    statements = {term: Counter(old.pairs(term)) for term in removals}
    right = {term: Counter(new.pairs(term)) for term in come}
    shared_statements = sorted(
        ((-(statements[a] & right[b]).total(), a, b) for a in removals for b in come),
        key=lambda item: (item[0], old.write_term(item[1]), new.write_term(item[2])),
    )
    pairs: list[tuple[str, str]] = []
    for common, a, b in shared_statements:
        # All share their class, so one common statement does not show that two nodes are the same thing.
        if common <= -2 and a in statements and b in right:
            del statements[a], right[b]
            pairs.append((a, b))
    return pairs
