"""Our DCAT-AP shapes against the official ones, and our engine against the reference engine, on real catalogues.

The official, hand-made ``shapes.ttl`` of DCAT-AP 3.0.1 runs in pyshacl; ours run in the engine of the node and in
pyshacl. A case is one file. The verdict is "no violation"; warnings and information are ours alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import rdflib
from pyoxigraph import RdfFormat, serialize
from pyshacl import validate

from node.base.errors import HansaError
from node.semantics.documents import parse
from node.semantics.resources import read
from node.semantics.validation.shapes import Shapes
from tests.artefacts import SHARED, data

SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
MEDIA = {
    ".ttl": "text/turtle",
    ".rdf": "application/rdf+xml",
    ".xml": "application/rdf+xml",
    ".jsonld": "application/ld+json",
    ".nq": "application/n-quads",
}
FOLDERS = (
    "dcat-ap-examples",
    "semic-dcat-ap-validator-rules",
    "ckanext-dcat-examples",
    "dcat-ap-es-examples",
    "no-validator-fixtures",
    "no-dcat-ap-no-examples",
    "se-dcat-ap-examples",
    "flanders-oslo-testdata",
    "geodcat-ap-examples",
    "it-municipal",
    "it-ckanext-dcatapit",
    "sk-local-catalog",
    "cz-linkedpipes",
    "es-univ-alicante",
)
LARGEST = 300_000

# Where our verdict differs from the official one, and why. Each must differ: a case that agrees again fails.
EXCEPTIONS = {
    "semic-dcat-ap-validator-rules/tests-data/test-rule-68.rdf": (
        "the official file says sh:shape where SHACL says sh:node, so that dates of datasets are never looked at; "
        "here dct:issued of a dataset is plain text, which DCAT-AP 3.0.1 does not admit"
    ),
    "semic-dcat-ap-validator-rules/tests-data/test-rule-73.rdf": (
        "the same slip: dct:modified of a dataset is plain text"
    ),
    "dcat-ap-es-examples/rdf/A02_Nombre_Catálogo_ampliado.rdf": (
        "an xsd:date carries a time; SHACL §4.1.2 refuses ill-typed literals, the reference engine reads it leniently"
    ),
    "dcat-ap-es-examples/ttl/A02_Nombre_Catálogo_ampliado.ttl": "the same catalogue in Turtle",
}
# Where the two engines disagree on our own shapes: files whose literals are ill-typed, as above.
ENGINES_DIFFER = frozenset(
    {
        "dcat-ap-es-examples/rdf/A02_Nombre_Catálogo_ampliado.rdf",
        "dcat-ap-es-examples/ttl/A02_Nombre_Catálogo_ampliado.ttl",
        "ckanext-dcat-examples/dcat/dataset.rdf",
    }
)


def cases() -> Iterator[str]:
    root = SHARED / "data" / "catalogues"
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in MEDIA and path.is_file() and path.stat().st_size <= LARGEST:
                yield path.relative_to(root).as_posix()


def ntriples(path: Path) -> bytes | None:
    """The file as N-Triples, or None where it cannot be read (broken, or in need of the web)."""
    try:
        dataset = parse(path.read_bytes(), MEDIA[path.suffix], base="http://example.org/base/", named_graphs=True)
    except HansaError:
        return None
    return serialize([quad.triple for quad in dataset], format=RdfFormat.N_TRIPLES) or None


@lru_cache(maxsize=1)
def official() -> rdflib.Graph:
    return rdflib.Graph().parse(data("shapes/dcat-ap/3.0.1/html/shacl/shapes.ttl"))


@lru_cache(maxsize=1)
def ours_for_pyshacl() -> rdflib.Graph:
    return rdflib.Graph().parse(data=read("shapes", "dcat-ap.ttl"), format="turtle")


@lru_cache(maxsize=1)
def ours() -> Shapes:
    return Shapes([read("shapes", "dcat-ap.ttl")])


def by_reference(graph: rdflib.Graph, shapes: rdflib.Graph) -> list[tuple[str, ...]]:
    """Path, component, severity of each result of pyshacl; blank paths (inverse ones) as empty text."""
    _, report, _ = validate(graph, shacl_graph=shapes, inference="none", do_owl_imports=False)
    results = []
    for result in report.subjects(rdflib.RDF.type, SH.ValidationResult):
        path = report.value(result, SH.resultPath)
        row: list[Any] = [path, report.value(result, SH.sourceConstraintComponent)]
        severity = str(report.value(result, SH.resultSeverity)).removeprefix(SH).casefold()
        results.append(("" if isinstance(path, rdflib.BNode) or path is None else str(path), str(row[1]), severity))
    return sorted(results)


@pytest.mark.parametrize("name", list(cases()))
def test_verdict_and_engines_agree(name: str) -> None:
    body = ntriples(data(f"catalogues/{name}"))
    if body is None:
        return  # A file that no parser reads has no verdict; broken files are the subject of other tests.
    graph = rdflib.Graph().parse(data=body, format="nt")
    breaches = ours().breaches(body)
    refused = any(breach.severity == "violation" for breach in breaches)
    officially = any(row[2] == "violation" for row in by_reference(graph, official()))
    assert (refused != officially) == (name in EXCEPTIONS), EXCEPTIONS.get(name, breaches[:3])

    by_engine = sorted((breach.path, breach.component, breach.severity) for breach in breaches)
    agree = by_engine == by_reference(graph, ours_for_pyshacl())
    assert agree == (name not in ENGINES_DIFFER)


def test_most_files_were_read() -> None:
    readable = sum(ntriples(data(f"catalogues/{name}")) is not None for name in cases())
    assert readable >= 400


def test_the_baseline_of_real_catalogues() -> None:
    """The counts of violations that were found with the official shapes, from the shared table."""
    rows = [row.split("\t") for row in data("catalogues/baseline-pyshacl.tsv").read_text().splitlines()[1:]]
    wanted = {row[1]: int(row[5]) for row in rows if row[3] == "dcatap301-hand-shapes"}
    assert len(wanted) >= 4
    for name, count in wanted.items():
        body = ntriples(data(f"catalogues/{name}"))
        assert body is not None, name
        found = [breach for breach in ours().breaches(body) if breach.severity == "violation"]
        assert len(found) == count, name
