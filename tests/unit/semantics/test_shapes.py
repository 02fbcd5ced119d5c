"""The shapes files as data, and findings in words."""

from __future__ import annotations

import re

import pytest
import rdflib
from rdflib.namespace import RDF

from node.base.errors import LocalFault
from node.semantics import resources
from node.semantics.findings import words
from node.semantics.kinds import EVERY_KIND_SHAPES, KINDS
from node.semantics.model import Finding
from node.semantics.validation.profiles import PROFILES
from node.semantics.validation.shapes import Shapes, shapes_of, vocabulary
from node.vocab.namespaces import SH as SHACL
from tests.unit.semantics.descriptions import GOOD, graph, of_fields

SH = rdflib.Namespace(SHACL)
HANSA = rdflib.Namespace("https://w3id.org/hansa/ns#")
FILES = resources.names("shapes")
CONSTRAINTS = [
    "minCount",
    "maxCount",
    "datatype",
    "nodeKind",
    "class",
    "pattern",
    "in",
    "hasValue",
    "or",
    "uniqueLang",
    "lessThanOrEquals",
    "minLength",
]


def load(file: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=resources.read("shapes", file), format="turtle")


def test_every_file_belongs_to_a_kind_or_a_profile() -> None:
    used = {
        *EVERY_KIND_SHAPES,
        *(profile.file for profile in PROFILES.values()),
        *(file for kind in KINDS.values() for file in kind.shapes),
    }
    assert set(FILES) == used


@pytest.mark.parametrize("file", FILES)
def test_every_constraint_speaks_five_languages_and_knows_a_remedy(file: str) -> None:
    shapes = load(file)
    named = [
        s
        for s in set(shapes.subjects())
        if isinstance(s, rdflib.URIRef) and str(s).startswith("https://w3id.org/hansa/shapes")
    ]
    stating = [s for s in named if any((s, SH[name], None) in shapes for name in CONSTRAINTS)]
    assert stating
    for shape in stating:
        for property_ in (SH.message, HANSA.remedy):
            tags = {text.language for text in shapes.objects(shape, property_) if isinstance(text, rdflib.Literal)}
            assert tags == {"en", "nl", "fr", "de", "cs"}, (shape, property_)
        for message in shapes.objects(shape, SH.message):
            assert re.search(r"[.!?]$", str(message)), message
    # Constraints of blank property shapes would have no words of their own: they stand inside sh:or only.
    for node in set(shapes.subjects(SH.path)):
        if isinstance(node, rdflib.BNode):
            assert (None, SH.property, node) not in shapes


@pytest.mark.parametrize("file", FILES)
def test_every_property_shape_names_the_stewards_field(file: str) -> None:
    shapes = load(file)
    for shape in shapes.subjects(RDF.type, SH.PropertyShape):
        assert list(shapes.objects(shape, HANSA.field)), shape
        assert len(list(shapes.objects(shape, SH.severity))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_shapes_of_every_kind_compile_without_complaint(kind: str) -> None:
    assert shapes_of(KINDS[kind]) is shapes_of(KINDS[kind])
    assert shapes_of(KINDS[kind])._engine.diagnostics == []


def test_a_broken_shape_is_an_error_of_ours() -> None:
    with pytest.raises(LocalFault):
        Shapes([(ASK % "sh:property [ sh:minCount 1 ]").encode()])
    with pytest.raises(LocalFault):
        Shapes([b"this is no Turtle"])


ASK = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix x: <http://x/> .
x:Shape a sh:NodeShape ; sh:targetNode x:it ; %s .
"""
# constraint, data about x:it, component, what the English sentence must contain
COMPONENTS = [
    ("sh:property [ sh:path x:p ; sh:minCount 2 ]", "x:p 1", "MinCount", "p: at least 2 needed"),
    ("sh:property [ sh:path x:p ; sh:maxCount 1 ]", "x:p 1, 2", "MaxCount", "p: at most 1 allowed"),
    ("sh:property [ sh:path x:p ; sh:datatype xsd:date ]", "x:p 1", "Datatype", "p must be of type date"),
    ("sh:property [ sh:path x:p ; sh:nodeKind sh:IRI ]", "x:p 1", "NodeKind", "p must be a web address"),
    ("sh:property [ sh:path x:p ; sh:class x:C ]", "x:p x:o", "Class", "p must be of the class C"),
    ("sh:property [ sh:path x:p ; sh:in ( 1 2 ) ]", "x:p 3", "In", "p must be one of: 1, 2"),
    ("sh:property [ sh:path x:p ; sh:hasValue 7 ]", "x:p 3", "HasValue", "p must include 7"),
    ("sh:property [ sh:path x:p ; sh:pattern 'a+' ]", "x:p 'b'", "Pattern", "pattern a+"),
    ("sh:property [ sh:path x:p ; sh:minLength 3 ]", "x:p 'b'", "MinLength", "at least 3 characters"),
    ("sh:property [ sh:path x:p ; sh:maxLength 1 ]", "x:p 'bcd'", "MaxLength", "at most 1 characters"),
    ("sh:property [ sh:path x:p ; sh:minInclusive 3 ]", "x:p 2", "MinInclusive", "p must be at least 3"),
    ("sh:property [ sh:path x:p ; sh:maxInclusive 3 ]", "x:p 4", "MaxInclusive", "p must be at most 3"),
    ("sh:property [ sh:path x:p ; sh:minExclusive 3 ]", "x:p 3", "MinExclusive", "p must be more than 3"),
    ("sh:property [ sh:path x:p ; sh:maxExclusive 3 ]", "x:p 3", "MaxExclusive", "p must be less than 3"),
    (
        "sh:property [ sh:path x:p ; sh:languageIn ( 'nl' ) ]",
        "x:p 'a'@cs",
        "LanguageIn",
        "one of these languages: nl",
    ),
    (
        "sh:property [ sh:path x:p ; sh:uniqueLang true ]",
        "x:p 'a'@nl, 'b'@nl",
        "UniqueLang",
        "twice in the same language",
    ),
    ("sh:property [ sh:path x:p ; sh:equals x:q ]", "x:p 1 ; x:q 2", "Equals", "p must be the same as q"),
    ("sh:property [ sh:path x:p ; sh:disjoint x:q ]", "x:p 1 ; x:q 1", "Disjoint", "p must differ from q"),
    ("sh:property [ sh:path x:p ; sh:lessThan x:q ]", "x:p 2 ; x:q 1", "LessThan", "p must come before q"),
    (
        "sh:property [ sh:path x:p ; sh:lessThanOrEquals x:q ]",
        "x:p 2 ; x:q 1",
        "LessThanOrEquals",
        "p must not come after q",
    ),
    (
        "sh:property [ sh:path x:p ; sh:not [ sh:nodeKind sh:IRI ] ]",
        "x:p x:o",
        "Not",
        "p is not allowed in this form",
    ),
    (
        "sh:property [ sh:path x:p ; sh:and ( [ sh:nodeKind sh:IRI ] ) ]",
        "x:p 1",
        "And",
        "p does not meet all rules",
    ),
    (
        "sh:property [ sh:path x:p ; sh:or ( [ sh:nodeKind sh:IRI ] ) ]",
        "x:p 1",
        "Or",
        "p has none of the allowed forms",
    ),
    (
        "sh:property [ sh:path x:p ; sh:xone ( [ sh:nodeKind sh:IRI ] ) ]",
        "x:p 1",
        "Xone",
        "exactly one of the allowed forms",
    ),
    (
        "sh:property [ sh:path x:p ; sh:node [ sh:nodeKind sh:IRI ] ]",
        "x:p 1",
        "Node",
        "p is not described correctly",
    ),
    (
        "sh:property [ sh:path x:p ; sh:qualifiedValueShape [ sh:nodeKind sh:IRI ] ; sh:qualifiedMinCount 1 ]",
        "x:p 1",
        "QualifiedMinCount",
        "at least 1 of the right kind",
    ),
    (
        "sh:property [ sh:path x:p ; sh:qualifiedValueShape [ sh:nodeKind sh:Literal ] ; sh:qualifiedMaxCount 0 ]",
        "x:p 1",
        "QualifiedMaxCount",
        "at most 0 of this kind",
    ),
    ("sh:closed true ; sh:property [ sh:path x:q ]", "x:p 1", "Closed", "p is not allowed here"),
]


@pytest.mark.parametrize(("constraint", "about", "component", "sentence"), COMPONENTS, ids=[c[2] for c in COMPONENTS])
def test_shapes_without_words_get_words(constraint: str, about: str, component: str, sentence: str) -> None:
    shapes = Shapes([(ASK % constraint).encode()])
    body = rdflib.Graph().parse(data=f"@prefix x: <http://x/> . x:it {about} .", format="turtle")
    breaches = shapes.breaches(body.serialize(format="nt", encoding="utf-8"))
    found = next(b for b in breaches if b.component == f"{SHACL}{component}ConstraintComponent")
    finding = shapes.finding(found)
    assert sentence in finding.message
    assert finding.severity == "violation"
    assert finding.translations["nl"]["message"] != finding.message
    assert finding.translations["cs"]["message"] != finding.message


def test_every_component_has_words() -> None:
    tested = {component for _, _, component, _ in COMPONENTS}
    worded = {key.removeprefix("component.") for key in words.FINDINGS.keys("component.")}
    assert tested == worded - {"Property", "other"}


def test_halves_of_a_message() -> None:
    assert words.halves("Title is missing. People look for it.") == ("title is missing", "People look for it.")
    assert words.halves("EU theme is missing.") == ("EU theme is missing", "")
    assert words.halves("Titel: Angabe fehlt. Er ist wichtig.", "de") == ("Titel: Angabe fehlt", "Er ist wichtig.")
    assert words.halves("A term has no label. Why.") == ("a term has no label", "Why.")


def test_findings_travel() -> None:
    finding = words.about_field("unknown-field", field="titel", kind="dataset", guess=words.guess(["title"]), line=3)
    assert finding.remedy == "did you mean title?"
    assert Finding.from_json(finding.to_json()) == finding


async def test_only_the_vocabulary_that_is_referred_to_is_sent() -> None:
    found = await of_fields(GOOD, "counts.csv")
    lines = vocabulary(graph(found)).decode()
    assert "data-theme/TRAN" in lines
    assert "data-theme/ENVI" not in lines
    assert "licence/CC_BY_4_0" in lines
    assert "licence/CC0" not in lines


def test_missing_folders_and_files_are_told() -> None:
    with pytest.raises(LocalFault, match="folder 'nowhere' is missing"):
        resources.folder("nowhere")
    with pytest.raises(LocalFault, match="cannot be read"):
        resources.read("shapes", "nothing.ttl")


def test_a_wheel_carries_its_own_data(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    package = tmp_path / "site-packages" / "node"
    (package / "_data" / "shapes").mkdir(parents=True)
    (package / "_data" / "shapes" / "x.ttl").write_bytes(b"")
    (tmp_path / "site-packages" / "shapes").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.names("shapes") == ("x.ttl",)
