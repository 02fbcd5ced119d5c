"""Our own vocabularies: complete, labelled, and good enough for our own catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import OWL, RDF, RDFS

from node.semantics import resources
from node.semantics.codelists.lookup import NOTATIONS, RISKS
from node.semantics.description.fields import fields_of
from node.semantics.description.forms import Field
from node.semantics.kinds import KINDS
from node.semantics.model import Submission
from node.vocab.namespaces import HANSA, HANSA_MODEL, HANSA_POLICY
from tests.unit.semantics.descriptions import described, file, refusals

FILES = {"hansa.ttl": HANSA, "model.ttl": HANSA_MODEL, "policy.ttl": HANSA_POLICY}
ROOT = Path(__file__).resolve().parents[4]


def load(file_name: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=resources.read("ontologies", file_name), format="turtle")


def defined() -> set[str]:
    return {str(term) for name in FILES for term in load(name).subjects(RDFS.isDefinedBy)}


def ours(text: str) -> bool:
    return text.startswith((HANSA, HANSA_MODEL, HANSA_POLICY)) and "#" in text and not text.endswith("#")


def test_the_files_are_these() -> None:
    assert set(resources.names("ontologies")) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_term_has_label_comment_and_type(name: str) -> None:
    graph = load(name)
    terms = set(graph.subjects(RDFS.isDefinedBy))
    assert len(terms) >= 10
    for term in terms:
        assert str(term).startswith(FILES[name])
        labels = {label.language for label in graph.objects(term, RDFS.label) if isinstance(label, rdflib.Literal)}
        assert labels == {"en", "nl", "cs"}, term
        comments = {text.language for text in graph.objects(term, RDFS.comment) if isinstance(text, rdflib.Literal)}
        assert comments == {"en", "nl"}, term
        assert list(graph.objects(term, RDF.type)), term


@pytest.mark.parametrize("name", FILES)
def test_every_vocabulary_says_version_licence_and_title(name: str) -> None:
    graph = load(name)
    (head,) = graph.subjects(RDF.type, OWL.Ontology)
    assert str(graph.value(head, OWL.versionInfo)) == "1.0.0"
    assert graph.value(head, rdflib.DCTERMS.license)
    assert {t.language for t in graph.objects(head, rdflib.DCTERMS.title) if isinstance(t, rdflib.Literal)} >= {
        "en",
        "nl",
    }


@pytest.mark.parametrize("name", FILES)
def test_every_term_of_ours_that_a_vocabulary_uses_is_defined(name: str) -> None:
    used = {str(term) for triple in load(name) for term in triple if isinstance(term, rdflib.URIRef)}
    assert {term for term in used if ours(term)} <= defined()


@pytest.mark.parametrize("file_name", resources.names("shapes"))
def test_every_term_of_ours_that_shapes_use_is_defined(file_name: str) -> None:
    graph = rdflib.Graph().parse(data=resources.read("shapes", file_name), format="turtle")
    used = {str(term) for triple in graph for term in triple if isinstance(term, rdflib.URIRef)}
    assert {term for term in used if ours(term)} <= defined()


def test_every_term_of_ours_that_fields_and_kinds_write_is_defined() -> None:
    def terms(fields: tuple[Field, ...]) -> set[str]:
        return {t for f in fields for t in (f.property, *f.classes)} | {t for f in fields for t in terms(f.fields)}

    used = {term for kind in KINDS for term in terms(fields_of(kind))}
    used |= {term for kind in KINDS.values() for term in kind.written_classes}
    used |= {code.iri for codes in (NOTATIONS, RISKS) for code in codes} | {NOTATIONS.scheme, RISKS.scheme}
    assert {term for term in used if ours(term)} <= defined()


def test_every_term_of_ours_in_the_code_is_defined() -> None:
    names = set()
    for path in (ROOT / "node").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for space, name in re.findall(r"\{(HANSA|HANSA_MODEL|HANSA_POLICY)\}([A-Za-z][A-Za-z0-9]*)", text):
            names.add({"HANSA": HANSA, "HANSA_MODEL": HANSA_MODEL, "HANSA_POLICY": HANSA_POLICY}[space] + name)
        for space, name in re.findall(r'\b(HANSA|HANSA_MODEL|HANSA_POLICY) \+ "([A-Za-z0-9]+)"', text):
            names.add({"HANSA": HANSA, "HANSA_MODEL": HANSA_MODEL, "HANSA_POLICY": HANSA_POLICY}[space] + name)
    assert len(names) > 60
    assert sorted(names - defined()) == []


@pytest.mark.parametrize("name", FILES)
async def test_our_own_gate_lets_them_pass(name: str) -> None:
    description = await described(
        Submission(
            document=resources.read("ontologies", name),
            media_type="text/turtle",
            files=(file(name, "text/turtle", open_=True),),
        )
    )
    assert description.kind == "ontology"
    assert refusals(description) == []
    assert description.extra is not None
    assert description.extra["term_count"] >= 10
