"""Descriptions that are validated together have the results that each has alone, whatever they share."""

from __future__ import annotations

import random

import pytest

from node.semantics.kinds import KINDS
from node.semantics.validation import batch
from node.semantics.validation.batch import breaches_of
from node.semantics.validation.shapes import ShapeBreach, Shapes, shapes_of

DCAT, DCT, FOAF = "http://www.w3.org/ns/dcat#", "http://purl.org/dc/terms/", "http://xmlns.com/foaf/0.1/"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


class CountedShapes:
    """The shapes of datasets; counts the calls of the engine."""

    def __init__(self) -> None:
        self.shapes = shapes_of(KINDS["dataset"])
        self.inverse = self.shapes.inverse
        self.calls = 0

    def breaches(self, document: bytes) -> tuple[ShapeBreach, ...]:
        self.calls += 1
        return self.shapes.breaches(document)


@pytest.fixture
def shapes() -> CountedShapes:
    return CountedShapes()


def document(*statements: str) -> bytes:
    return "".join(f"{statement} .\n" for statement in statements).encode()


def dataset(name: str, *more: str) -> bytes:
    iri = f"<https://a.example/{name}>"
    return document(f"{iri} {TYPE} <{DCAT}Dataset>", f'{iri} <{DCT}title> "{name}"', *more)


def check(shapes: CountedShapes, *documents: bytes) -> int:
    """Compare with each document alone; return the number of calls that it took together."""
    together = breaches_of(shapes, documents)  # type: ignore[arg-type]
    calls = shapes.calls
    assert together == [shapes.breaches(text) for text in documents]
    return calls


def test_descriptions_that_share_nothing_take_one_call(shapes: CountedShapes) -> None:
    assert check(shapes, *(dataset(f"d{number}") for number in range(20))) == 1


def test_a_publisher_who_is_described_alike_is_shared(shapes: CountedShapes) -> None:
    publisher = (f"<urn:p> {TYPE} <{FOAF}Agent>", f'<urn:p> <{FOAF}name> "City"')
    documents = [dataset(f"d{n}", f"<https://a.example/d{n}> <{DCT}publisher> <urn:p>", *publisher) for n in range(5)]
    assert check(shapes, *documents) == 1


def test_what_one_says_about_a_shared_node_does_not_help_another(shapes: CountedShapes) -> None:
    """Without the second description, the publisher of the first has no type and no name."""
    first = dataset("a", f"<https://a.example/a> <{DCT}publisher> <urn:p>")
    second = dataset("b", f"<urn:p> {TYPE} <{FOAF}Agent>", f'<urn:p> <{FOAF}name> "City"')
    assert check(shapes, first, second) == 2
    assert check(CountedShapes(), second, first) == 2


def test_a_second_name_for_a_shared_node_is_no_breach(shapes: CountedShapes) -> None:
    documents = [
        dataset(
            name,
            f"<https://a.example/{name}> <{DCT}publisher> <urn:p>",
            f"<urn:p> {TYPE} <{FOAF}Agent>",
            f'<urn:p> <{FOAF}name> "{name}"@en',
        )
        for name in ("a", "b")
    ]
    assert check(shapes, *documents) == 2


def test_properties_that_shapes_follow_backwards_are_compared(shapes: CountedShapes) -> None:
    assert f"{DCAT}distribution" in (shapes.inverse or ())
    file = (f"<urn:f> {TYPE} <{DCAT}Distribution>", f"<urn:f> <{DCAT}accessURL> <urn:u>")
    first = dataset("a", f"<https://a.example/a> <{DCAT}distribution> <urn:f>", *file)
    second = dataset(
        "b",
        f"<https://a.example/b> <{DCAT}distribution> <urn:f>",
        f"<https://a.example/b> <{DCT}license> <urn:l>",
        *file,
    )
    assert check(shapes, first, second) == 2


def test_blank_nodes_of_one_name_are_different_nodes(shapes: CountedShapes) -> None:
    documents = [
        dataset(name, f"<https://a.example/{name}> <{DCAT}distribution> _:b0", f"_:b0 {TYPE} <{DCAT}Distribution>")
        for name in ("a", "b")
    ]
    assert check(shapes, *documents) == 1
    assert any(breach.focus == "_:b0" for breach in breaches_of(shapes, documents)[1])  # type: ignore[arg-type]


def test_what_is_no_simple_statement_is_validated_alone(shapes: CountedShapes) -> None:
    strange = b"<urn:x> <urn:p> <<( <urn:s> <urn:p> <urn:o> )>> .\n" + dataset("c")
    together = batch._groups([dataset("a"), strange, dataset("b")], frozenset())
    assert sorted(len(group.members) for group in together) == [1, 2]


def test_a_call_has_a_largest_size(shapes: CountedShapes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "TOGETHER", 2 * len(dataset("a")))
    assert check(shapes, dataset("a"), dataset("b"), dataset("c")) == 2


def test_shapes_that_look_far_backwards_take_each_description_alone() -> None:
    path = "[ sh:inversePath [ sh:alternativePath ( <urn:p> <urn:q> ) ] ]"
    shapes = Shapes(
        [
            b"@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:s> a sh:NodeShape ; sh:targetClass <urn:C> ; "
            b"sh:property [ sh:path %s ; sh:minCount 1 ] ." % path.encode()
        ]
    )
    assert shapes.inverse is None
    documents = [document(f"<urn:{name}> {TYPE} <urn:C>") for name in "ab"]
    assert [len(group.members) for group in batch._groups(documents, shapes.inverse)] == [1, 1]
    assert [len(breaches) for breaches in breaches_of(shapes, documents)] == [1, 1]


@pytest.mark.parametrize("seed", range(25))
def test_any_descriptions_have_the_results_that_they_have_alone(shapes: CountedShapes, seed: int) -> None:
    chance = random.Random(seed)
    nodes = ["<urn:n1>", "<urn:n2>", "<urn:n3>", "_:b0", "_:b1"]
    classes = [f"<{DCAT}Distribution>", f"<{DCAT}Dataset>", f"<{FOAF}Agent>", f"<{DCAT}DatasetSeries>"]
    links = [f"<{DCAT}distribution>", f"<{DCT}publisher>", f"<{DCAT}inSeries>", f"<{DCT}license>", f"<{DCAT}theme>"]
    texts = [f"<{DCT}title>", f"<{FOAF}name>", f"<{DCT}issued>", f"<{DCT}description>"]

    def statement(own: str) -> str:
        subject = chance.choice([own, own, *nodes])
        match chance.randrange(3):
            case 0:
                return f"{subject} {TYPE} {chance.choice(classes)}"
            case 1:
                return f"{subject} {chance.choice(links)} {chance.choice([own, *nodes])}"
            case _:
                return f'{subject} {chance.choice(texts)} "{chance.choice(["x", "2020-01-01", "a . b"])}"'

    documents = [
        dataset(f"d{n}", *(statement(f"<https://a.example/d{n}>") for _ in range(chance.randrange(6))))
        for n in range(8)
    ]
    assert check(shapes, *documents) <= len(documents)
