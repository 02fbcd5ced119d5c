"""Compare two versions of an ontology by the meaning of their terms: which changes break data or queries that use
them.

A change is breaking if data that used a term correctly would be wrong by the new version, or if a query would no
longer find them: a term removed, renamed or of another kind, a domain or range that admits less, a class that has
left its place in the hierarchy, a new demand on the members of a class. New terms, further labels, a wider domain or
range and deprecation break nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from node.semantics.findings.words import FINDINGS
from node.semantics.ontologies.restrictions import Restriction
from node.semantics.ontologies.terms import Term, Vocabulary
from node.texts.languages import LANGUAGES
from node.vocab.namespaces import OWL, RDFS, local_name

_BREAKING: Final = frozenset(
    {
        "removed",
        "renamed",
        "kind",
        "meaning",
        "domain",
        "domain-narrowed",
        "range",
        "range-narrowed",
        "moved",
        "rule-added",
    }
)
_SAME_WORDS: Final = 0.6
"""The likeness of two definitions that are one in other words."""
_COMPARED: Final = 400
"""Characters of a definition that are compared."""
_TOP: Final = frozenset({f"{OWL}Thing", f"{RDFS}Resource"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TermChange:
    """A change of one term. ``breaking``: data or queries that use the term may have another meaning now. ``new`` is
    the new IRI of a renamed term."""

    iri: str
    what: str
    text: Mapping[str, str]
    new: str = ""

    @property
    def breaking(self) -> bool:
        return self.what in _BREAKING

    def to_json(self) -> dict[str, Any]:
        members = {"term": self.iri, "what": self.what, "breaking": self.breaking, "text": dict(self.text)}
        return {**members, "new": self.new} if self.new else members


def compare(old: Vocabulary, new: Vocabulary) -> tuple[TermChange, ...]:
    """Return the changes in ``new``, breaking ones first. Further languages and matches of terms are not counted."""
    removals = {iri: term for iri, term in old.terms.items() if iri not in new.terms}
    come = {iri: term for iri, term in new.terms.items() if iri not in old.terms}
    renames = _find_renames(removals, come)
    hierarchy = _Hierarchy(new, old)
    terms = {**old.terms, **new.terms}
    changes = [
        _change("renamed", term, first=local_name(renames[iri]), new=renames[iri])
        if iri in renames
        else _change("removed", term)
        for iri, term in removals.items()
    ]
    changes += [_change("added", term) for iri, term in come.items() if iri not in renames.values()]
    for iri, before in old.terms.items():
        after = new.terms.get(iri)
        if after is not None:
            changes.extend(_differences(before, after, hierarchy, renames, terms))
    return tuple(sorted(changes, key=lambda change: (not change.breaking, change.iri, change.what)))


class _Hierarchy:
    """The places of terms in a version, completed by the version before; classes of others are in neither."""

    def __init__(self, new: Vocabulary, old: Vocabulary) -> None:
        self._wider = {
            **{iri: term.wider for iri, term in old.terms.items()},
            **{iri: term.wider for iri, term in new.terms.items()},
        }
        self._known: dict[str, frozenset[str]] = {}

    def above(self, iri: str) -> frozenset[str]:
        """Return all terms above ``iri``, at any height. Circles end where they close."""
        if iri not in self._known:
            above: set[str] = set()
            ahead = list(self._wider.get(iri, ()))
            while ahead:
                term = ahead.pop()
                if term not in above:
                    above.add(term)
                    ahead.extend(self._wider.get(term, ()))
            self._known[iri] = frozenset(above - {iri})
        return self._known[iri]

    def compare(self, before: Sequence[str], after: Sequence[str]) -> str:
        """Return ``narrowed`` if each of ``after`` is within ``before``, which all have to hold; ``widened`` for the
        reverse, else ``other``."""
        had, has = set(before) - _TOP, set(after) - _TOP
        if not had or all(self._admits(has, iri) for iri in had):
            return "narrowed"
        return "widened" if not has or all(self._admits(had, iri) for iri in has) else "other"

    def _admits(self, narrow: set[str], iri: str) -> bool:
        return any(term == iri or iri in self.above(term) for term in narrow)


def _find_renames(old: Mapping[str, Term], new: Mapping[str, Term]) -> dict[str, str]:
    """Return terms with a new IRI: old → new. Either says so, or they have the same kind and label or definition."""
    former: dict[str, str] = {}
    words: dict[tuple[str, str, str], str] = {}
    for iri, term in new.items():
        for match in term.matches:
            if match in old:
                former.setdefault(match, iri)
        for tag, text in (*term.definitions.items(), *term.labels.items()):
            words.setdefault((term.kind, tag, text), iri)
    for iri, term in old.items():
        named = next((successor for successor in (*term.replaced_by, *term.matches) if successor in new), None)
        alike = (words.get((term.kind, tag, text)) for tag, text in (*term.definitions.items(), *term.labels.items()))
        successor = former.get(iri) or named or next(filter(None, alike), None)
        if successor is not None:
            former[iri] = successor
    # No two terms become one.
    by_successor = {successor: iri for iri, successor in sorted(former.items())}
    return {iri: successor for successor, iri in by_successor.items()}


def _differences(
    before: Term, after: Term, hierarchy: _Hierarchy, renames: Mapping[str, str], terms: Mapping[str, Term]
) -> Iterator[TermChange]:
    if before.kind != after.kind:
        yield _change("kind", after, first=before.kind, second=after.kind)
    if _differs(before.definitions, after.definitions):
        yield _change("reworded" if _is_rewording(before, after) else "meaning", after)
    if _differs(before.labels, after.labels):
        yield _change("label", after)
    for what, former, has in (("domain", before.domain, after.domain), ("range", before.range, after.range)):
        had = tuple(renames.get(iri, iri) for iri in former)
        if set(had) != set(has):
            how = hierarchy.compare(had, has)
            first, second = _Names(had, terms), _Names(has, terms)
            yield _change(what if how == "other" else f"{what}-{how}", after, first=first, second=second)
    yield from _places(before, after, hierarchy, renames, terms)
    for rule in before.restrictions:
        if rule not in after.restrictions:
            yield _rule_change("rule-removed", after, rule, terms)
    for rule in after.restrictions:
        if rule not in before.restrictions:
            yield _rule_change("rule-added", after, rule, terms)
    if after.deprecated and not before.deprecated:
        yield _change("deprecated", after)


def _places(
    before: Term, after: Term, hierarchy: _Hierarchy, renames: Mapping[str, str], terms: Mapping[str, Term]
) -> Iterator[TermChange]:
    had, has = {renames.get(iri, iri) for iri in before.wider}, set(after.wider)
    lost = sorted(iri for iri in had - has - _TOP if iri not in hierarchy.above(after.iri))
    if lost:
        yield _change("moved", after, first=_Names(lost, terms))
    elif had != has:
        yield _change("wider", after)


def _is_rewording(before: Term, after: Term) -> bool:
    return all(
        SequenceMatcher(None, text[:_COMPARED], after.definitions[tag][:_COMPARED]).ratio() >= _SAME_WORDS
        for tag, text in before.definitions.items()
        if tag in after.definitions
    )


def _differs(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Return whether an existing text was changed or removed; texts in further languages do not count."""
    return any(after.get(tag) != text for tag, text in before.items())


@dataclass(frozen=True, slots=True)
class _Names:
    """Terms that a sentence names: by their labels in its language, or by their local names."""

    iris: Sequence[str]
    terms: Mapping[str, Term]

    def words(self, language: str) -> str:
        names = (self.terms[iri].label(language) if iri in self.terms else local_name(iri) for iri in self.iris)
        return ", ".join(names) or "–"


def _rule_change(what: str, term: Term, rule: Restriction, terms: Mapping[str, Term]) -> TermChange:
    names = {iri: terms[iri].labels for iri in rule.iris if iri in terms}
    text = {
        language: FINDINGS.say(
            language, f"ontology.{what}", name=term.label(language), first=rule.words(language, names)
        )
        for language in LANGUAGES
    }
    return TermChange(iri=term.iri, what=what, text=text)


def _change(what: str, term: Term, *, new: str = "", **facts: str | _Names) -> TermChange:
    text: dict[str, str] = {}
    for language in LANGUAGES:
        words = {name: fact if isinstance(fact, str) else fact.words(language) for name, fact in facts.items()}
        text[language] = FINDINGS.say(language, f"ontology.{what}", name=term.label(language), **words)
    return TermChange(iri=term.iri, what=what, text=text, new=new)
