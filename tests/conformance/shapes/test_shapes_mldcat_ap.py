"""Our shape of machine-learning models against the official MLDCAT-AP 3.1.0, on its own examples and on mutants.

Compared are the results about models and their files, other than classes of values: the official file is generated
and demands the class of everything that is merely referred to, which no example satisfies.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import rdflib
from pyoxigraph import Dataset, RdfFormat, serialize
from pyshacl import validate

from node.semantics.documents import parse
from node.semantics.resources import read
from node.semantics.triples import drop, subjects_of_type
from node.semantics.validation.shapes import Shapes
from node.vocab.namespaces import DCAT, DCT, IT6
from tests.artefacts import SHARED, data

SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
EXAMPLES = [
    path.relative_to(SHARED / "data").as_posix()
    for path in sorted((SHARED / "data" / "models" / "mldcat-ap").glob("*/html/examples/*model*.ttl"))
]
MANDATORY = (
    f"{DCT}identifier",
    f"{DCT}title",
    f"{DCT}created",
    f"{DCAT}version",
    f"{IT6}hasFile",
    f"{IT6}trainedOn",
)
"""What MLDCAT-AP 3.1.0 demands of a model."""

Rows = set[tuple[str, str]]


@lru_cache(maxsize=1)
def official() -> rdflib.Graph:
    return rdflib.Graph().parse(data("shapes/mldcat-ap/3.1.0/shacl/mldcat-ap-SHACL.ttl"))


@lru_cache(maxsize=1)
def ours() -> Shapes:
    return Shapes([read("shapes", "model.ttl")])


def load(path: Path) -> Dataset:
    return parse(path.read_bytes(), "text/turtle", base="http://example.org/", named_graphs=True)


def verdicts(dataset: Dataset) -> tuple[Rows, Rows]:
    """(path, component) of official and of our results about models and files."""
    body = serialize([quad.triple for quad in dataset], format=RdfFormat.N_TRIPLES) or b""
    graph = rdflib.Graph().parse(data=body, format="nt")
    focus = {
        node.value for name in ("MachineLearningModel", "File") for node in subjects_of_type(dataset, f"{IT6}{name}")
    }
    _, report, _ = validate(graph, shacl_graph=official(), inference="none", do_owl_imports=False)
    theirs = set()
    for result in report.subjects(rdflib.RDF.type, SH.ValidationResult):
        component = str(report.value(result, SH.sourceConstraintComponent))
        if str(report.value(result, SH.focusNode)) in focus and "Class" not in component:
            theirs.add((str(report.value(result, SH.resultPath)), component))
    mine = {
        (breach.path, breach.component)
        for breach in ours().breaches(body)
        if breach.severity == "violation" and breach.focus.removeprefix("_:") in focus
    }
    return theirs, mine


@pytest.mark.parametrize("example", EXAMPLES)
def test_same_results_on_the_examples(example: str) -> None:
    theirs, mine = verdicts(load(data(example)))
    assert mine == theirs


@pytest.mark.parametrize("property_", MANDATORY)
def test_same_results_where_an_obligation_is_broken(property_: str) -> None:
    dataset = load(data("models/mldcat-ap/3.1.0/html/examples/example-machinelearningmodel-hf-bloom.ttl"))
    for node in subjects_of_type(dataset, f"{IT6}MachineLearningModel"):
        drop(dataset, node, property_)
    theirs, mine = verdicts(dataset)
    assert (property_, f"{SH}MinCountConstraintComponent") in mine
    assert mine == theirs


def test_examples_are_there() -> None:
    assert len(EXAMPLES) >= 10 or not (SHARED / "data" / "models").exists()
