"""Canonical N-Quads as text: what is written is read back, and equals what an RDF engine writes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Dataset, Literal, NamedNode, Quad

from node.base.errors import InvalidInput
from node.catalogue.names import MAX_DESCRIPTION, check_statements
from node.catalogue.nquads import (
    iri_term,
    language_of,
    line,
    literal_term,
    merge,
    readable_statements,
    statement,
    statements,
    text_of,
)
from node.semantics.documents import canonical

P = "http://purl.org/dc/terms/title"
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(ANY)
@settings(max_examples=300, deadline=None)
def test_literals_are_escaped_as_the_canonical_form_demands(text: str) -> None:
    ours = line("<http://s/>", f"<{P}>", literal_term(text, language="nl-BE")) + "\n"
    theirs, _ = canonical(Dataset([Quad(NamedNode("http://s/"), NamedNode(P), Literal(text, language="nl-BE"))]))
    assert ours.encode() == theirs
    (read,) = statements(theirs)
    assert (text_of(read.object), language_of(read.object)) == (text, "nl-be")


@given(st.lists(ANY, max_size=6), st.lists(ANY, max_size=6))
@settings(max_examples=100, deadline=None)
def test_merging_keeps_the_canonical_form(notes: list[str], added: list[str]) -> None:
    """Statements without blank nodes leave the names of blank nodes as they are."""
    dataset = Dataset()
    for number, note in enumerate(notes):
        dataset.add(Quad(NamedNode("http://s/"), NamedNode(P), BlankNode(f"x{number}")))
        dataset.add(Quad(BlankNode(f"x{number}"), NamedNode(P), Literal(note)))
        dataset.add(Quad(BlankNode(f"x{number}"), NamedNode("http://n/"), Literal(str(number))))
    before, _ = canonical(dataset)
    merged = merge(before, [line("<http://s/>", f"<{P}>", literal_term(text)) for text in added])
    for text in added:
        dataset.add(Quad(NamedNode("http://s/"), NamedNode(P), Literal(text)))
    assert merged == canonical(dataset)[0]


@pytest.mark.parametrize(
    "iri",
    [
        "",
        "x",
        "//x",
        "http://a b",
        "http://a>",
        "http://a\n",
        'http://a"',
        "http://a{",
        "http://a\\u0041",
        "1:x",
        "http://a/" + "x" * 3000,
    ],
)
def test_nothing_but_an_iri_becomes_a_term(iri: str) -> None:
    with pytest.raises(InvalidInput):
        iri_term(iri)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a> <http://p> <http://o> .",
        "<http://s> <http://p> <http://o>",
        "<http://s>  <http://p> <http://o> .",
        "<http://s> <http://p> <http://o> . ",
        '<http://s> <http://p> "a"b" .',
        '<http://s> <http://p> "a\\x" .',
        '<http://s> <http://p> "a"@ .',
        '<http://s> <http://p> "a"^^<x> .',
        '"s" <http://p> <http://o> .',
        "<http://s> _:p <http://o> .",
        "<http://s> <http://p> << <http://a> <http://b> <http://c> >> .",
        "<http://s> <http://p> <http://o> # comment",
    ],
)
def test_other_lines_are_no_statements(text: str) -> None:
    assert statement(text) is None


def test_reading_stays_linear() -> None:
    """A pattern with two ways to match would hang here."""
    hostile = '<http://s> <http://p> "' + '\\"' * 200_000 + "\\"
    assert statement(hostile) is None
    assert statement("<http://s> <http://p> <http://" + "a:" * 200_000) is None


def test_a_line_separator_inside_a_literal_does_not_end_a_line() -> None:
    nquads = f'<http://s/> <{P}> "a\u2028b\x85c" .\n'.encode()
    assert [text_of(one.object) for one in statements(nquads)] == ["a\u2028b\x85c"]


def check(nquads: bytes) -> None:
    check_statements(
        nquads,
        iri="https://a.example/x/datasets/d",
        base="https://a.example/x",
        others=["https://a.example", "https://b.example"],
    )


@pytest.mark.parametrize(
    "subject",
    ["https://b.example/datasets/d", "https://a.example/datasets/d", "https://b.example/"],
)
def test_other_nodes_answer_for_their_own(subject: str) -> None:
    with pytest.raises(InvalidInput, match="another node"):
        check(f'<{subject}> <{P}> "x" .\n'.encode())


@pytest.mark.parametrize(
    "subject",
    [
        "https://a.example/x/datasets/d",
        "https://a.example/x/models/m",
        "https://b.example.org/x",
        "https://c.example/y",
    ],
)
def test_everybody_speaks_of_the_world(subject: str) -> None:
    check(f'<{subject}> <{P}> "x" .\n'.encode())


@pytest.mark.parametrize(
    "nquads",
    [
        b'<http://s/> <http://p/> "x" <http://g/> .\n',
        b"x" * (MAX_DESCRIPTION + 1),
        b'<http://s/> <http://p/> "x"@toolonglanguagetag .\n',
        b"<http://[bad/> <http://p/> <http://o/> .\n",
        b'<http://s/> <http://p/> "\xff" .\n',
    ],
    ids=["graph", "large", "tag", "host", "bytes"],
)
def test_descriptions_that_no_engine_would_take(nquads: bytes) -> None:
    with pytest.raises(InvalidInput):
        check(nquads)


def test_the_hash_is_of_the_bytes() -> None:
    assert merge(b"", []) == b""
    assert hashlib.sha256(merge(b"b\na\n", ["c"])).hexdigest() == hashlib.sha256(b"a\nb\nc\n").hexdigest()


LINES = st.lists(
    st.sampled_from(
        [
            f'<http://s/> <{P}> "x" .',
            f'<http://s/> <{P}> "a\\nb"@nl <http://g/> .',
            f"_:b0 <{P}> _:b1 .",
            f'<http://s/> <{P}> "x" . ',
            f' <http://s/> <{P}> "x" .',
            f'<http://s/> <{P}> "x" .\r',
            f'<http://s/> <{P}> "x\u2028y" .',
            f'<http://s/> <{P}> "x',
            "",
            "nonsense",
        ]
    ),
    max_size=8,
)


@given(LINES, st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_text_that_is_read_at_once_has_the_statements_of_its_lines(lines: list[str], ended: bool) -> None:
    text = "\n".join(lines) + ("\n" if ended else "")
    one_by_one = [statement(each) for each in text.split("\n")]
    assert readable_statements(text) == [each for each in one_by_one if each is not None]
    if all(statement(each) is not None for each in text.split("\n") if each):
        assert list(statements(text.encode())) == [each for each in one_by_one if each is not None]
    else:
        with pytest.raises(InvalidInput, match=r"line [0-9]+ is not a statement"):
            list(statements(text.encode()))


def test_a_long_text_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f'<http://s/> <{P}> "x" .\n_:b0 <{P}> _:b1 .\n'.encode()
    at_once = list(statements(text))
    monkeypatch.setattr("node.catalogue.nquads._AT_ONCE", 10)
    assert list(statements(text)) == at_once
