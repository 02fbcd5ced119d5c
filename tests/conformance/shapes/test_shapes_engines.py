"""The node's engine against the reference engine on all our shapes: descriptions of every kind, good and broken."""

from __future__ import annotations

from functools import lru_cache

import pytest
import rdflib
from pyoxigraph import Dataset, RdfFormat, serialize
from pyshacl import validate

from node.semantics.documents import quads
from node.semantics.kinds import EVERY_KIND_SHAPES, KINDS
from node.semantics.model import Submission
from node.semantics.resources import read
from node.semantics.validation.shapes import Shapes, compile_shapes, vocabulary
from tests.unit.semantics.descriptions import GOOD, described, fields, file
from tests.unit.semantics.texts import BROKEN, KIND_TEXTS, submission

SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
Rows = list[tuple[str, str, str, str]]


@lru_cache(maxsize=16)
def for_reference(files: tuple[str, ...]) -> rdflib.Graph:
    shapes = rdflib.Graph()
    for name in files:
        shapes.parse(data=read("shapes", name), format="turtle")
    return shapes


def by_reference(body: bytes, files: tuple[str, ...]) -> Rows:
    data = rdflib.Graph().parse(data=body, format="nt")
    _, report, _ = validate(data, shacl_graph=for_reference(files), inference="none", do_owl_imports=False)
    results = []
    for result in report.subjects(rdflib.RDF.type, SH.ValidationResult):
        shape = report.value(result, SH.sourceShape)
        results.append(
            (
                str(report.value(result, SH.focusNode)),
                str(report.value(result, SH.sourceConstraintComponent)),
                str(report.value(result, SH.resultSeverity)).removeprefix(SH).casefold(),
                str(shape) if isinstance(shape, rdflib.URIRef) else "",
            )
        )
    return sorted(results)


def by_engine(body: bytes, shapes: Shapes) -> Rows:
    return sorted((b.focus.removeprefix("_:"), b.component, b.severity, b.shape) for b in shapes.breaches(body))


def ntriples(dataset: Dataset) -> bytes:
    written = serialize([quad.triple for quad in dataset], format=RdfFormat.N_TRIPLES)
    return (written or b"") + vocabulary(dataset)


def agree(body: bytes, files: tuple[str, ...]) -> int:
    """Both engines say the same of every node; how much they say."""
    found = by_engine(body, compile_shapes(files))
    assert found == by_reference(body, files)
    return len(found)


@pytest.mark.parametrize("kind", KIND_TEXTS)
async def test_on_good_descriptions(kind: str) -> None:
    found = await described(submission(kind))
    files = (*EVERY_KIND_SHAPES, *KINDS[kind].shapes, "dcat-ap-vl.ttl")
    agree(ntriples(Dataset(quads(found.nquads))), files)


@pytest.mark.parametrize(("kind", "piece", "instead", "broken"), BROKEN)
async def test_on_broken_descriptions(kind: str, piece: str, instead: str, broken: set[str]) -> None:
    found = await described(submission(kind, KIND_TEXTS[kind].replace(piece, instead, 1)))
    said = agree(ntriples(Dataset(quads(found.nquads))), (*EVERY_KIND_SHAPES, *KINDS[kind].shapes))
    assert said >= len({rule for rule in broken if not rule.startswith("field:")})


async def test_on_a_dataset_that_loses_one_statement_after_another() -> None:
    """Whatever is missing, both engines miss the same."""
    found = await described(Submission(fields=fields(GOOD), files=(file("counts.csv"),)))
    files = (*EVERY_KIND_SHAPES, "dcat-ap-vl.ttl")
    whole = list(quads(found.nquads))
    said = [agree(ntriples(Dataset(q for q in whole if q is not left)), files) for left in whole[::3]]
    assert max(said) > min(said)
