"""The labels by which a search is widened: read from ontologies, bounded, and the same on all pages of a walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.adapters.search.stems import stem_phrase
from node.base.errors import InvalidInput
from node.catalogue.search import vocabulary_labels
from node.catalogue.search.cursors import Cursors
from node.catalogue.search.label_table import MOST, label_table, spans
from node.catalogue.search.vocabulary_labels import VocabularyLabels, marks
from node.catalogue.searches import Cursor, Order, Query
from node.identity.model import ANONYMOUS
from node.vocab.namespaces import OWL, RDF, SKOS
from tests.fakes.catalogue import CatalogueNode
from tests.fakes.stores.records import MemoryRecordStore

Name = tuple[str, str, str]
"""Property, label and language."""


def concept(name: str, *names: Name, type_: str = f"{SKOS}Concept") -> str:
    lines = [f"<http://v.example/{name}> <{RDF}type> <{type_}> ."]
    lines += [f'<http://v.example/{name}> <{SKOS}{property_}> "{label}"@{tag} .' for property_, label, tag in names]
    return "\n".join(lines) + "\n"


def preferred(label: str, language: str = "en") -> Name:
    return "prefLabel", label, language


def alternative(label: str, language: str = "en") -> Name:
    return "altLabel", label, language


def labels_for(nquads: str, text: str) -> list[str]:
    table = label_table(nquads.encode())
    return [label for number in table.numbers(text) for label, _ in table.labels(number)]


def test_preferred_labels_come_first_and_hidden_ones_only_lead_to_them() -> None:
    path = concept(
        "p",
        alternative("cycle lane"),
        preferred("fietspad", "nl"),
        preferred("Bike  path"),
        ("hiddenLabel", "byke", "en"),
    )
    assert labels_for(path, "byke") == ["Bike path", "fietspad", "cycle lane"]
    assert labels_for(path, "bike path") == ["Bike path", "fietspad", "cycle lane"]
    assert labels_for(path, "path") == []


def test_case_accents_and_letters_without_case_do_not_matter() -> None:
    labels = labels_for(concept("p", preferred('Größe \\"Ø\\"'), preferred("velikost", "cs")), "grosse o")
    assert labels == ["velikost", 'Größe "Ø"']


@pytest.mark.parametrize("label", ["a", "ab", "*", "!!!", "", "x" * 81, " ".join(["word"] * 13)])
def test_labels_that_match_everything_or_nothing_do_not_count(label: str) -> None:
    assert labels_for(concept("p", preferred("path"), alternative(label)), "path") == ["path"]


def test_properties_and_the_ontology_itself_do_not_count() -> None:
    for type_ in (f"{OWL}DatatypeProperty", f"{OWL}Ontology", f"{SKOS}ConceptScheme"):
        assert labels_for(concept("p", preferred("path"), preferred("pad", "nl"), type_=type_), "path") == []


def test_an_ontology_has_a_limited_number_of_labels() -> None:
    table = label_table("".join(concept(f"c{n:06}", preferred(f"label {n}")) for n in range(MOST + 10)).encode())
    assert len(table.keys) == MOST
    crowd = label_table("".join(concept(f"c{n}", preferred("same")) for n in range(99)).encode())
    assert len(crowd.numbers("same")) == 8
    (row,) = label_table(concept("c", *(alternative(f"label {n}") for n in range(500))).encode()).rows
    assert row.count("\n") < 30


def test_runs_of_words_are_compared_longest_first() -> None:
    assert [words for *_, words, _ in spans("Bike path, ’t Gent")] == [
        "Bike path t Gent",
        "Bike path t",
        "path t Gent",
        "Bike path",
        "path t",
        "t Gent",
        "Bike",
        "path",
        "Gent",
    ]
    assert len(list(spans("word " * 1000))) == 12 * 13 // 2


class Ontologies:
    """A store with ontologies, and what a stranger's search is widened by."""

    def __init__(self) -> None:
        self.node = CatalogueNode(base="https://gent.example", records=MemoryRecordStore())
        self.position = 1
        self.labels = VocabularyLabels(
            uow=self.node.uow,
            records=self.node.records,
            visibility=self.node.visibility,
            position=lambda: self.position,
            stem=stem_phrase,
        )

    async def put(self, name: str, nquads: str, *, version: int = 1, **more: Any) -> None:
        record = await self.node.publish(f"{name}-{version}-seed")
        record = replace(
            record,
            iri=f"https://gent.example/ontologies/{name}",
            kind="ontology",
            nquads=nquads.encode(),
            version=version,
            **more,
        )
        with self.node.uow.begin() as tx:
            self.node.records.add(tx, record)
        self.position += 1

    def labels_for(self, text: str = "path", **more: Any) -> list[str]:
        return [label.label for ontology in self.labels.find(text, ANONYMOUS, **more) for label in ontology.labels]


async def test_at_most_eight_labels_in_turn() -> None:
    ontologies = Ontologies()
    await ontologies.put("a", concept("p", preferred("path"), *(alternative(f"aa{n}") for n in range(20))))
    await ontologies.put("b", concept("p", preferred("path"), alternative("bbb"), alternative("Aa1")))
    labels = ontologies.labels_for()
    assert len(labels) == 8
    assert "bbb" in labels, "one ontology does not displace the other"
    assert [label.casefold() for label in labels].count("aa1") == 1
    assert ontologies.labels_for("bike path in the city") == labels


RIVER_BRIDGE = concept(
    "b",
    preferred("pont fluvial", "fr"),
    alternative("Ponts sur fleuve", "fr"),
    preferred("river bridge"),
    preferred("riviermost", "cs"),
)


@pytest.mark.parametrize("text", ["pont fluviaux", "Ponts fluviaux de Lyon", "pont fluvial", "river bridges"])
async def test_words_are_labels_in_every_form(text: str) -> None:
    ontologies = Ontologies()
    await ontologies.put("a", RIVER_BRIDGE)
    labels = ontologies.labels_for(text)
    assert "riviermost" in labels
    assert ("river bridge" in labels) == ("pont" in text.lower()), "not the form of the words themselves"
    assert ("pont fluvial" in labels) == ("river" in text)
    first = marks(label for ontology in ontologies.labels.find(text, ANONYMOUS) for label in ontology.labels)
    assert ontologies.labels_for(text, among=first) == labels


@pytest.mark.parametrize(
    "text", ["fluvial ponts", "fluviaux", "pont", "pontons fluviaux", "a b c d e ponts fluviaux"]
)
async def test_other_words_are_no_form_of_a_label(text: str) -> None:
    ontologies = Ontologies()
    await ontologies.put("a", RIVER_BRIDGE)
    assert bool(ontologies.labels_for(text)) == ("ponts fluviaux" in text)


async def test_a_label_that_is_written_so_comes_before_other_forms() -> None:
    ontologies = Ontologies()
    await ontologies.put("a", concept("p", preferred("parking"), preferred("parkeerplaats", "nl")))
    await ontologies.put("b", concept("p", preferred("park"), preferred("stadspark", "nl")))
    assert ontologies.labels_for("parking") == ["parkeerplaats"]
    assert "stadspark" in ontologies.labels_for("parks")


async def test_a_large_ontology_displaces_no_small_one_nor_a_hidden_one_a_visible_one(monkeypatch: Any) -> None:
    monkeypatch.setattr(vocabulary_labels, "LABELS", 10)
    ontologies = Ontologies()
    await ontologies.put("a", "".join(concept(f"c{n}", preferred("path"), alternative(f"aa{n}")) for n in range(20)))
    await ontologies.put("b", concept("p", preferred("path"), alternative("bbb")))
    assert ontologies.labels_for() == ["bbb"]
    for name in ("0", "c", "d", "e", "f", "g"):
        await ontologies.put(name, concept("p", preferred("path"), alternative("secret")), audience="internal")
    assert ontologies.labels_for() == ["bbb"]
    await ontologies.put("b", concept("p", preferred("path")), version=2, withdrawn=True)
    await ontologies.put("h", concept("p", preferred("path"), alternative("hhh")))
    assert ontologies.labels_for() == ["hhh"]


async def test_what_was_withdrawn_or_hidden_a_moment_ago_widens_nothing() -> None:
    for change in ({"withdrawn": True}, {"audience": "internal"}, {}):
        ontologies = Ontologies()
        await ontologies.put("a", concept("p", preferred("path"), alternative("aaa")))
        assert ontologies.labels_for() == ["aaa"]
        await ontologies.put("a", concept("p", preferred("path"), alternative("new")), version=2, **change)
        ontologies.position -= 1
        assert ontologies.labels_for() == [], "the search view has not followed yet"
        ontologies.position += 1
        assert ontologies.labels_for() == ([] if change else ["new"])


async def test_many_ontologies_are_read_by_and_by(monkeypatch: Any) -> None:
    monkeypatch.setattr(vocabulary_labels, "_READ_AT_ONCE", 1)
    ontologies = Ontologies()
    for name in "abc":
        await ontologies.put(name, concept("p", preferred("path"), alternative(name * 3)))
    assert [ontologies.labels_for() for _ in range(4)][2:] == [["aaa", "bbb", "ccc"]] * 2


async def test_a_cursor_keeps_to_the_labels_of_its_first_page() -> None:
    ontologies = Ontologies()
    await ontologies.put("b", concept("p", preferred("path"), alternative("bbb"), alternative("bb2")))
    first = marks(label for ontology in ontologies.labels.find("path", ANONYMOUS) for label in ontology.labels)
    await ontologies.put("a", concept("p", preferred("path"), *(alternative(f"aa{n}") for n in range(9))))
    assert sorted(ontologies.labels_for(among=first)) == ["bb2", "bbb"]
    assert "aa0" in ontologies.labels_for()
    assert ontologies.labels_for(among=frozenset()) == []


class Box:
    """Seals nothing."""

    wrap: Callable[..., bytes] = staticmethod(bytes)
    unwrap: Callable[..., bytes] = staticmethod(bytes)


@pytest.mark.parametrize("labels", [None, frozenset(), frozenset(bytes([n]) * 8 for n in range(8))])
def test_cursors_carry_the_marks_of_labels(labels: frozenset[bytes] | None) -> None:
    cursors, query = Cursors(Box()), Query(text="path", order=Order.PUBLISHED)
    text = cursors.write(Cursor(place=7, stage=1, labels=labels), query)
    assert cursors.read(text, query) == Cursor(place=7, stage=1, labels=labels)
    assert len(text) < 200
    with pytest.raises(InvalidInput, match="another search"):
        cursors.read(text, replace(query, widens=False))
