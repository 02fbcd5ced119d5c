"""The imports that an ontology states, the addresses that it is known by, and several ontologies as one document.

Works on canonical N-Quads, line by line: the ontologies of a whole catalogue are looked through for one address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from node.vocab.namespaces import ADMS, OWL, SKOS

_VANN: Final = "http://purl.org/vocab/vann/"
_IMPORTS: Final = f"<{OWL}imports>".encode()
_NOTATION: Final = f"<{SKOS}notation>".encode()
_IDENTIFIER: Final = f"<{ADMS}identifier>".encode()
_ADDRESSES: Final = frozenset(f"<{name}>".encode() for name in (f"{OWL}versionIRI", f"{_VANN}preferredNamespaceUri"))

STATEMENTS: Final = 1000
"""Imports of one ontology that are read."""
NAMES: Final = 16
"""Addresses of one ontology that are read."""
_LONGEST: Final = 2048


def stated_imports(nquads: bytes, subject: str) -> tuple[str, ...]:
    """Return the values of ``owl:imports`` (OWL 2 §3.4) of the ontology ``subject``, in their order, without those
    that are no IRI; ``STATEMENTS`` at most."""
    if _IMPORTS not in nquads:
        return ()
    own = f"<{subject}>".encode()
    iris: dict[str, None] = {}
    for node, predicate, value in _triples(nquads):
        if node == own and predicate == _IMPORTS and value.startswith(b"<") and len(iris) < STATEMENTS:
            iris[_text(value)] = None
    return tuple(iris)


def addresses(nquads: bytes, subject: str) -> tuple[str, ...]:
    """Return the addresses by which others may import this ontology, besides that of its record, in the form of
    ``comparable``: its identifiers at home (``adms:identifier``), its ``owl:versionIRI`` and its namespace."""
    own, names, identifiers = f"<{subject}>".encode(), dict[str, None](), set[bytes]()
    notations: list[tuple[bytes, str]] = []
    for node, predicate, value in _triples(nquads):
        if node == own and predicate == _IDENTIFIER:
            identifiers.add(value)
        elif node == own and predicate in _ADDRESSES:
            names[comparable(_text(value))] = None
        elif predicate == _NOTATION:
            notations.append((node, _text(value)))
    for node, text in notations:
        if node in identifiers:
            names[comparable(text)] = None
    bounded = [name for name in names if ":" in name and len(name) <= _LONGEST and name != comparable(subject)]
    return tuple(bounded[:NAMES])


def comparable(iri: str) -> str:
    """Return an address without the ``#`` or ``/`` at its end: ontologies are imported with and without it."""
    return iri.rstrip("#/")


def as_one(documents: Iterable[bytes]) -> bytes:
    """Return canonical N-Quads of several ontologies as one document; blank nodes of two documents stay apart."""
    lines: set[bytes] = set()
    for number, nquads in enumerate(documents):
        mark = b"_:d%d" % number
        for line in nquads.splitlines():
            subject, predicate, value = line.split(b" ", 2)
            if subject.startswith(b"_:"):
                subject = mark + subject[2:]
            if value.startswith(b"_:"):
                value = mark + value[2:]
            lines.add(b" ".join((subject, predicate, value)))
    return b"".join(line + b"\n" for line in sorted(lines))


def _triples(nquads: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    for line in nquads.splitlines():
        subject, predicate, rest = line.split(b" ", 2)
        yield subject, predicate, rest.removesuffix(b" .")


def _text(value: bytes) -> str:
    """Return the IRI of a term, or the text of a literal without escapes; others do not look like addresses."""
    if value.startswith(b"<"):
        return value[1:-1].decode()
    return value[1:].partition(b'"')[0].decode()
