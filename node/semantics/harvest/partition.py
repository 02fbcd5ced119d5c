"""Cut a catalogue file into its records: one piece for each dataset, series and service, and a count of all the rest.

A piece is everything reachable by statements from its resource. It stops at other resources of the catalogue, which
have pieces of their own, and at catalogues; the source's catalogue record about the resource belongs to it. Data that
two pieces share, such as a publisher, are in both: each record is complete. Statements are kept as lines of
N-Triples, a tenth of the size of the engine's objects, so that a file of 25,000 records fits the memory of one caged
call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple
from pyoxigraph import parse as read_quads

from node.base.errors import TooLarge
from node.semantics.documents import (
    MAX_IRI,
    MAX_LITERAL,
)
from node.semantics.harvest.refusals import source_fault
from node.semantics.triples import TYPE
from node.vocab.namespaces import DCAT, DCT, FOAF, HYDRA

MAX_STATEMENTS: Final = 4_000_000
MAX_TITLE: Final = 300
MAX_TITLES: Final = 10
"""Characters and languages of the title of a catalogue at most."""
MAX_PIECE: Final = 20_000
"""Statements of one record at most."""

_DATASETS: Final = frozenset({f"<{DCAT}Dataset>", f"<{DCAT}DatasetSeries>"})
_SERVICES: Final = frozenset({f"<{DCAT}DataService>"})
_CATALOGUES: Final = frozenset({f"<{DCAT}Catalog>"})
_ENTRIES: Final = frozenset({f"<{DCAT}CatalogRecord>"})
_LISTS: Final = frozenset({f"<{DCAT}dataset>", f"<{DCAT}service>", f"<{DCAT}record>", f"<{DCAT}catalog>"})
_TOPIC: Final = f"<{FOAF}primaryTopic>"
_INHERITED: Final = (f"<{DCT}license>", f"<{DCT}publisher>")
_TYPE: Final = str(TYPE)
_NEXT: Final = frozenset({f"<{HYDRA}next>", f"<{HYDRA}nextPage>"})
_TOTAL: Final = f"<{HYDRA}totalItems>"


Fault = Mapping[str, str | int]
"""The reason why a record cannot be kept: the case of a refusal and its values; empty if it can be kept."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as it came: its resource (a term of N-Triples), kind, statements, and fault.

    ``catalogue_facts`` are the licence and publisher of its catalogue, as N-Triples about the catalogue.
    """

    subject: str
    kind: str
    lines: tuple[str, ...]
    catalogue_facts: tuple[str, ...] = ()
    fault: Fault = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"subject": self.subject, "kind": self.kind, "lines": "".join(self.lines)}
        if self.catalogue_facts:
            members["inherited"] = "".join(self.catalogue_facts)
        if self.fault:
            members["fault"] = dict(self.fault)
        return members


@dataclass(slots=True)
class Catalogue:
    """The statements of a file by subject, as text.

    For a page of a longer catalogue ``next`` is the address of the next page, ``expected`` the number of records in
    all. For a page of an event stream ``relations`` are the addresses of the pages that it leads to, ``versions`` the
    time of each record's version, and ``deletions`` the time of each deletion (``node.semantics.harvest.ldes``).
    ``listed`` is the number of packages in an answer of CKAN, which lists them by number and names no next page.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    types: dict[str, set[str]] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    statements: int = 0
    notes: list[str] = field(default_factory=list)
    graphs: bool = False
    next: str = ""
    expected: int | None = None
    listed: int | None = None
    relations: list[str] = field(default_factory=list)
    versions: dict[str, str] | None = None
    deletions: dict[str, str] = field(default_factory=dict)

    def add(self, quad: Quad) -> None:
        subject, predicate, object_ = str(quad.subject), str(quad.predicate), quad.object
        self.statements += 1
        if self.statements > MAX_STATEMENTS:
            raise source_fault(TooLarge, "statements", count=MAX_STATEMENTS)
        fault = _fault(quad)
        if fault:
            self.faults.setdefault(subject, fault)
            if predicate == _TYPE:
                # A resource whose own address is the fault is still a record, to be refused.
                self.types.setdefault(subject, set()).add(str(object_))
                self.lines.setdefault(subject, [])
            return
        term = str(object_)
        self.lines.setdefault(subject, []).append(f"{subject} {predicate} {term} .\n")
        if predicate == _TYPE:
            self.types.setdefault(subject, set()).add(term)
        if predicate in _NEXT and isinstance(object_, NamedNode | Literal):
            self.next = self.next or object_.value
        elif predicate == _TOTAL and isinstance(object_, Literal) and object_.value.isdecimal():
            self.expected = int(object_.value[:9])
        elif isinstance(object_, NamedNode | BlankNode) and predicate != _TYPE:
            self.links.setdefault(subject, []).append(term)
            if predicate == _TOPIC:
                self.entries.setdefault(term, []).append(subject)

    def kind(self, node: str) -> str | None:
        """Return ``dataset`` or ``service`` if ``node`` is a resource of a catalogue, ``catalogue`` if it is a
        catalogue."""
        types = self.types.get(node, set())
        if types & _CATALOGUES:
            return "catalogue"
        if types & _DATASETS:
            return "dataset"
        return "service" if types & _SERVICES else None


def cut(catalogue: Catalogue) -> Iterator[Piece]:
    """Yield the pieces of ``catalogue``, in the order of the file."""
    statements = _statements_to_inherit(catalogue)
    for node in catalogue.lines:
        kind = catalogue.kind(node)
        if kind in ("dataset", "service"):
            reached, fault = _closure(catalogue, node)
            lines = tuple(line for one in reached for line in catalogue.lines.get(one, ()))
            if len(lines) > MAX_PIECE:
                lines, fault = (), {"case": "many-statements", "count": MAX_PIECE}
            yield Piece(node, str(kind), lines, statements.get(node, ()), fault)


def left_out(catalogue: Catalogue) -> dict[str, int]:
    """Count the things that belong to no record: class or ``other`` → number of things, and ``statements`` in all of
    them."""
    members: set[str] = set()
    for node in catalogue.lines:
        if catalogue.kind(node) in ("dataset", "service"):
            members.update(_closure(catalogue, node)[0])
    counts: Counter[str] = Counter()
    for node, lines in catalogue.lines.items():
        if node not in members:
            types = sorted(catalogue.types.get(node, ()))
            counts[types[0][1:-1] if types else "other"] += 1
            counts["statements"] += len(lines)
    names = {
        line.split(" ", 2)[2].rstrip(" .\n")
        for node in catalogue.lines
        if catalogue.kind(node) == "catalogue"
        for line in catalogue.lines[node]
        if line.split(" ", 2)[1] == f"<{DCAT}dataset>"
    }
    dangling = sum(1 for node in names if node not in catalogue.lines)
    if dangling:
        counts["onlyNamed"] = dangling
    return dict(counts)


def title(catalogue: Catalogue) -> dict[str, str]:
    """Return the title of the first catalogue of the file that has one: language tag → text."""
    mark = f" <{DCT}title> "
    for node, lines in catalogue.lines.items():
        if catalogue.kind(node) != "catalogue":
            continue
        texts: dict[str, str] = {}
        text = "".join(line for line in lines if mark in line)
        # Lenient, as the file was read: a catalogue's own address may have a space in it.
        for quad in read_quads(text, format=RdfFormat.N_TRIPLES, lenient=True):
            if isinstance(quad.object, Literal) and quad.object.value.strip() and len(quad.object.value) <= MAX_TITLE:
                texts.setdefault(quad.object.language or "", quad.object.value.strip())
        if texts:
            return dict(sorted(texts.items())[:MAX_TITLES])
    return {}


def _closure(catalogue: Catalogue, root: str) -> tuple[dict[str, None], Fault]:
    """Return the nodes reachable from ``root``, itself first, and a fault of any of them."""
    nodes: dict[str, None] = {}
    fault: Fault = {}
    ahead = [root, *reversed(catalogue.entries.get(root, ()))]
    while ahead:
        node = ahead.pop()
        if node in nodes or (node != root and catalogue.kind(node) is not None):
            continue
        about = catalogue.types.get(node, set()) & _ENTRIES
        if about and node not in catalogue.entries.get(root, ()) and _is_about_another(catalogue, node, root):
            continue
        nodes[node] = None
        fault = fault or catalogue.faults.get(node, {})
        if len(nodes) > MAX_PIECE:
            break
        ahead.extend(reversed(catalogue.links.get(node, ())))
    return nodes, fault


def _is_about_another(catalogue: Catalogue, entry: str, root: str) -> bool:
    prefix = f"{entry} {_TOPIC} "
    topics = [line[len(prefix) : -3] for line in catalogue.lines.get(entry, ()) if line.startswith(prefix)]
    return bool(topics) and root not in topics


def _statements_to_inherit(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Return resource → the statements of its catalogue about licence and publisher."""
    statements_by_record: dict[str, tuple[str, ...]] = {}
    for node in catalogue.lines:
        if catalogue.kind(node) != "catalogue":
            continue
        lines = catalogue.lines[node]
        own = tuple(line for line in lines if line.split(" ", 2)[1] in _INHERITED)
        agents = [line.split(" ", 2)[2][:-3] for line in own]
        statements = own + tuple(line for agent in agents for line in catalogue.lines.get(agent, ()))
        if not statements:
            continue
        for line in lines:
            _, predicate, rest = line.split(" ", 2)
            if predicate in _LISTS:
                statements_by_record.setdefault(rest[:-3], statements)
    return statements_by_record


def _fault(quad: Quad) -> Fault:
    """Return why a statement cannot be kept, empty if it can."""
    for term in (quad.subject, quad.object):
        if isinstance(term, Triple):
            return {"case": "rdf-triples"}
        if isinstance(term, NamedNode) and len(term.value) > MAX_IRI:
            return {"case": "long-address", "characters": MAX_IRI}
        if isinstance(term, Literal):
            if len(term.value) > MAX_LITERAL:
                return {"case": "long-text", "megabytes": MAX_LITERAL >> 20}
            if "\x00" in term.value:
                # No database stores it as text.
                return {"case": "nul-character"}
            if term.direction is not None:
                return {"case": "rdf-direction"}
    return {}
