"""The description of a record by subject and predicate, for display on pages.

A record's ``nquads`` were parsed, checked and canonicalised before it was published; reading them again line by line
needs no RDF engine. If a text is not canonical after all, the page shows the statements before the error: a page that
shows less is better than a page that fails.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.nquads import is_iri, is_literal, language_of, statements, text_of
from node.vocab.namespaces import RDF

RDF_TYPE: Final = f"{RDF}type"
_FIRST: Final = f"{RDF}first"
_REST: Final = f"{RDF}rest"
_NIL: Final = f"{RDF}nil"

MAX_STATEMENTS: Final = 200_000

_DATATYPE: Final = re.compile(r'"\^\^<([^<>]*)>\Z')

log = logging.getLogger("hansa.portal")


@dataclass(frozen=True, slots=True)
class Term:
    """An object of a statement: an IRI, a blank node (``_:…``), or a literal."""

    value: str
    is_literal: bool = False
    language: str = ""
    datatype: str = ""

    @property
    def is_iri(self) -> bool:
        return not self.is_literal and not self.value.startswith("_:")

    @property
    def is_blank(self) -> bool:
        return not self.is_literal and self.value.startswith("_:")


class Description:
    """The statements of one record, by subject and predicate, in the order of the document."""

    def __init__(self, triples: Iterable[tuple[str, str, Term]]) -> None:
        self._index: dict[str, dict[str, list[Term]]] = {}
        for subject, predicate, value in triples:
            self._index.setdefault(subject, {}).setdefault(predicate, []).append(value)

    @classmethod
    def read(cls, nquads: bytes) -> Description:
        """Read the canonical form of a record; graph names are left out."""
        return cls(_read(nquads))

    def subjects(self, *types: str) -> list[str]:
        """Return all subjects, or those that have one of these types."""
        if not types:
            return list(self._index)
        return [s for s, p in self._index.items() if any(t.value in types for t in p.get(RDF_TYPE, ()))]

    def predicates(self, subject: str) -> list[str]:
        return list(self._index.get(subject, {}))

    def terms(self, subject: str, *predicates: str) -> list[Term]:
        """Return the objects of all these predicates; RDF lists are expanded."""
        terms: list[Term] = []
        for predicate in predicates:
            for term in self._index.get(subject, {}).get(predicate, ()):
                terms += self._list_items(term) if term.is_blank else [term]
        return terms

    def first(self, subject: str, *predicates: str) -> Term | None:
        found = self.terms(subject, *predicates)
        return found[0] if found else None

    def value(self, subject: str, *predicates: str) -> str:
        """Return the first object as text; empty if there is none."""
        found = self.first(subject, *predicates)
        return found.value if found else ""

    def texts(self, subject: str, *predicates: str) -> dict[str, str]:
        """Return language tag → text of the literals; several texts of one language are joined by line ends."""
        texts: dict[str, str] = {}
        for term in self.terms(subject, *predicates):
            if term.is_literal:
                before = texts.get(term.language)
                texts[term.language] = f"{before}\n{term.value}" if before else term.value
        return texts

    def has(self, subject: str) -> bool:
        return subject in self._index

    def _list_items(self, head: Term) -> list[Term]:
        if _FIRST not in self._index.get(head.value, {}):
            return [head]
        items: list[Term] = []
        node, seen = head.value, set[str]()
        while node != _NIL and node not in seen and node in self._index:
            seen.add(node)
            items += self._index[node].get(_FIRST, [])
            rest = self._index[node].get(_REST, [])
            node = rest[0].value if rest else _NIL
        return items


def _read(nquads: bytes) -> Iterator[tuple[str, str, Term]]:
    try:
        for number, triple in enumerate(statements(nquads)):
            if number >= MAX_STATEMENTS:
                return
            yield _bare(triple.subject), _bare(triple.predicate), _term(triple.object)
    except InvalidInput:
        log.warning("a description ends in what is no canonical N-Quads; the page shows what precedes it")


def _term(text: str) -> Term:
    if not is_literal(text):
        return Term(_bare(text))
    datatype = _DATATYPE.search(text)
    return Term(text_of(text), True, language_of(text), datatype[1] if datatype else "")


def _bare(term: str) -> str:
    return term[1:-1] if is_iri(term) else term
