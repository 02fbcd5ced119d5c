"""The manifests of the W3C's test suites: which tests there are, and the result of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pyoxigraph import Dataset, NamedNode, RdfFormat, parse

from node.vocab.namespaces import RDF

MF: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
_FORMATS: Final = {".ttl": RdfFormat.TURTLE, ".nt": RdfFormat.N_TRIPLES, ".rdf": RdfFormat.RDF_XML}


class Verdict(StrEnum):
    """How a test ended. ``NOT_APPLICABLE``: it is about something that Hansa does not offer."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one test. ``name`` is folder/test; ``reason`` says why it did not pass."""

    name: str
    verdict: Verdict
    reason: str = ""


def statements(file: Path) -> Dataset:
    """Return the statements of an RDF file; relative IRIs are resolved against its address on the disk."""
    return Dataset(parse(file.read_bytes(), format=_FORMATS[file.suffix], base_iri=file.as_uri()))


def objects(graph: Dataset, subject: object, predicate: str) -> list:
    """Return the objects of the statements about ``subject`` with this property."""
    return [quad.object for quad in graph.quads_for_subject(subject) if quad.predicate.value == predicate]


def value(graph: Dataset, subject: object, predicate: str) -> object | None:
    """Return the only object of the statements about ``subject`` with this property, or None."""
    return next(iter(objects(graph, subject, predicate)), None)


def items(graph: Dataset, head: object) -> Iterator:
    """Yield the items of an RDF list."""
    while head is not None and head != NamedNode(f"{RDF}nil"):
        yield value(graph, head, f"{RDF}first")
        head = value(graph, head, f"{RDF}rest")


def path(iri: NamedNode) -> Path:
    """Return the file of an address on the disk."""
    return Path(iri.value.removeprefix("file://"))


def manifests(file: Path) -> Iterator[Path]:
    """Yield ``file`` and every manifest that it includes, directly or not."""
    graph = statements(file)
    yield file
    for node in objects(graph, NamedNode(file.as_uri()), f"{MF}include"):
        included = list(items(graph, node)) if value(graph, node, f"{RDF}first") is not None else [node]
        for manifest in included:
            yield from manifests(path(manifest))


def entries(file: Path) -> list[tuple[Dataset, NamedNode]]:
    """Return the tests of a manifest, each with the statements about it."""
    graph = statements(file)
    head = value(graph, NamedNode(file.as_uri()), f"{MF}entries")
    return [(graph, entry) for entry in items(graph, head)]
