"""Drafts of alignments: pairs of terms by labels, names and the terms above them."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from pyoxigraph import Dataset, NamedNode, RdfFormat, parse

from node.base.errors import InvalidInput
from node.semantics.ontologies import alignments
from node.semantics.ontologies.alignments import MOST, draft_alignments, read_sssom, write_sssom
from node.semantics.ontologies.terms import Vocabulary, vocabulary

PREFIXES = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix : <https://{name}.example/terms#> . <https://{name}.example/terms> a owl:Ontology .
"""


def ontology(name: str, body: str) -> Vocabulary:
    turtle = PREFIXES.format(name=name) + body
    return vocabulary(Dataset(parse(turtle.encode(), RdfFormat.TURTLE)), NamedNode(f"https://{name}.example/terms"))


def pairs(first: Vocabulary, second: Vocabulary) -> list[tuple[str, str, str, float]]:
    return [
        (pair.subject.rpartition("#")[2], pair.predicate, pair.object.rpartition("#")[2], pair.confidence)
        for pair in draft_alignments(first, second, "en")
    ]


def test_same_labels_names_and_the_terms_above() -> None:
    city = ontology(
        "city",
        ':Way a owl:Class ; rdfs:label "way"@en . :Lane a owl:Class ; rdfs:subClassOf :Way .'
        ':Lane rdfs:label "Cycle-lane"@en .'
        ':Bank a owl:Class ; rdfs:label "bench"@en . :weight a owl:DatatypeProperty ; rdfs:label "way"@en .',
    )
    other = ontology(
        "other",
        ':W a owl:Class ; rdfs:label "Way"@en . :L a owl:Class ; rdfs:subClassOf :W ; rdfs:label "cycle lane"@en .'
        ':bank a owl:Class ; rdfs:label "shop"@en .',
    )
    assert pairs(city, other) == [
        ("Lane", "exactMatch", "L", 1.0),
        ("Way", "exactMatch", "W", 0.95),
        ("Bank", "closeMatch", "bank", 0.65),
    ]


def test_of_several_partners_none_is_exact_on_either_side() -> None:
    many = ontology("city", ':A a owl:Class ; rdfs:label "way"@en . :B a owl:Class ; rdfs:label "way"@en .')
    few = ontology("other", ':W a owl:Class ; rdfs:label "way"@en .')
    assert pairs(many, few) == [("A", "closeMatch", "W", 0.85), ("B", "closeMatch", "W", 0.85)]
    assert pairs(few, many) == [("W", "closeMatch", "A", 0.85), ("W", "closeMatch", "B", 0.85)]


def test_a_name_that_all_terms_have_makes_no_pairs_of_all_with_all() -> None:
    """A stranger's ontology may give thousands of terms one label."""

    def of_one_label(name: str, count: int) -> Vocabulary:
        return ontology(name, "".join(f':T{name}{n} a owl:Class ; rdfs:label "x"@en .' for n in range(count)))

    assert len(pairs(of_one_label("city", 2000), of_one_label("other", 20))) == MOST
    assert pairs(of_one_label("city", 2000), of_one_label("other", 2000)) == []


def test_a_table_comes_back_as_it_was_written() -> None:
    drafts = draft_alignments(
        ontology("city", ':A a owl:Class ; rdfs:label "a\\tb"@en .'), ontology("other", ":A a owl:Class ."), "en"
    )
    (back,) = read_sssom(write_sssom(drafts, "https://city.example/set"))
    assert (back.subject, back.object) == ("https://city.example/terms#A", "https://other.example/terms#A")
    assert (back.predicate, back.subject_label) == ("closeMatch", "a b")
    with pytest.raises(InvalidInput, match="row 1"):
        read_sssom("subject_id\tpredicate_id\tobject_id\nhttps://a.example/\tskos:broader\thttps://b.example/\n")


@pytest.mark.parametrize(
    "table",
    ["", "#only: comments\n", "a\tb\n", "subject_id\tpredicate_id\tobject_id\n", "subject_id\0\n",
     f"subject_id\tpredicate_id\tobject_id\n{'x' * 200_000}\tskos:exactMatch\thttps://b.example/\n",
     "subject_id\tpredicate_id\tobject_id\nhttps://a.example/\n"],
)  # fmt: skip
def test_what_is_no_table_is_told_so(table: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_sssom(table)
    assert refusal.value.remedy


def test_labels_with_a_typo_a_plural_or_another_spelling_are_proposed_and_never_as_exact() -> None:
    ours = ontology(
        "city",
        ':Centre a owl:Class ; rdfs:label "Traffic centre"@en . :Pad a owl:Class ; rdfs:label "fietspadd"@nl .'
        ':Way a owl:Class ; rdfs:label "way"@en .',
    )
    others = ontology(
        "other",
        ':Centers a owl:Class ; rdfs:label "traffic centers"@en . :Path a owl:Class ; rdfs:label "fietspad"@nl .'
        ':Bay a owl:Class ; rdfs:label "bay"@en . :property a owl:DatatypeProperty ; rdfs:label "fietspadd"@nl .',
    )
    assert [(subject, predicate, name) for subject, predicate, name, _ in pairs(ours, others)] == [
        ("Pad", "closeMatch", "Path"),
        ("Centre", "closeMatch", "Centers"),
    ]
    assert all(0.3 < confidence < 0.75 for *_, confidence in pairs(ours, others))


def test_each_of_thousands_of_terms_is_compared_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_many(name: str, word: str) -> Vocabulary:
        terms = (f':T{name}{n} a owl:Class ; rdfs:label "{word} {n:05d} {name}"@en .' for n in range(1500))
        return ontology(name, "".join(terms))

    comparisons = 0

    class Counted(SequenceMatcher[str]):
        def ratio(self) -> float:
            nonlocal comparisons
            comparisons += 1
            return super().ratio()

    monkeypatch.setattr(alignments, "SequenceMatcher", Counted)
    draft_alignments(of_many("city", "traffic flow"), of_many("other", "traffic count"), "en")
    assert 0 < comparisons <= 1500 * 2 * 8
