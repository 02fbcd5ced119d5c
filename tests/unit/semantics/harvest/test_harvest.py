"""Catalogue files of others: mended, cut into records, named."""

from __future__ import annotations

import json
import zlib

import pytest
from pyoxigraph import RdfFormat, parse

from node.base.errors import InvalidInput
from node.semantics.description.subjects import DOCUMENT
from node.semantics.harvest import syntax_repairs as repairs
from node.semantics.harvest.in_cage import cut_file, examine_batch
from node.semantics.harvest.naming import harvested_address
from node.semantics.harvest.partition import Piece, cut
from node.semantics.harvest.readers import read

BASE = "https://data.gent.example"
HEAD = "@prefix dcat: <http://www.w3.org/ns/dcat#> .\n@prefix dct: <http://purl.org/dc/terms/> .\n"


def pieces(text: str, media_type: str = "text/turtle") -> list[Piece]:
    return list(cut(read(text.encode(), media_type, base=DOCUMENT)))


@pytest.mark.parametrize(
    "members",
    [
        {"landingPage": "http://[bad"},
        {"distribution": 5},
        {"distribution": {"accessURL": "http://%%%/x"}},
        {"distribution": [{"accessURL": "https://a b/"}]},
        {"theme": {"name": 1}, "publisher": "nobody", "contactPoint": []},
    ],
)
def test_odd_values_in_a_data_json_stay_text_and_lose_nothing(members: dict[str, object]) -> None:
    document = {"conformsTo": "https://project-open-data.cio.gov/v1.1/schema"}
    listed = [{"identifier": "1", "title": "T", **members}]
    body = json.dumps({**document, "dataset": listed}).encode()
    answer, blobs = cut_file({"mediaType": "application/ld+json", "base": "", "rules": []}, [body])
    message = {"base": BASE, "source": "s", "rules": [], "advised": [], "only": None}
    facts, _ = examine_batch(message, blobs)
    assert (answer["batches"], facts["records"][0]["titles"]) == ([1], {"und": "T"})


def test_a_text_that_no_database_keeps_spoils_its_own_record_only() -> None:
    records = pieces(
        HEAD + '<https://a.example/1> a dcat:Dataset ; dct:title "a\\u0000b" .\n'
        '<https://a.example/2> a dcat:Dataset ; dct:title "c" .'
    )
    assert [piece.fault for piece in records] == [{"case": "nul-character"}, {}]


def test_the_title_of_the_catalogue_is_told_by_language() -> None:
    text = HEAD + (
        '<https://a.example/> a dcat:Catalog ; dct:title "Stad"@nl, "City"@en ; dcat:dataset <https://a.example/1> .'
        '<https://a.example/1> a dcat:Dataset ; dct:title "c" .'
    )
    answer, _ = cut_file({"mediaType": "text/turtle", "base": "", "rules": []}, [text.encode()])
    assert answer["title"] == {"en": "City", "nl": "Stad"}


@pytest.mark.parametrize(
    ("repair", "text", "repaired"),
    [
        (repairs.prefix_dots, "@prefix a: <http://a/>\n", "@prefix a: <http://a/> .\n"),
        (repairs.prefix_dots, "@prefix a: <http://a/> .\n", ""),
        (
            repairs.turtle_prefixes,
            "<x> dct:title 'T' .",
            "@prefix dct: <http://purl.org/dc/terms/> .\n<x> dct:title 'T' .",
        ),
        (repairs.turtle_prefixes, "<x> <http://y/> \"see dct:title\" .", ""),
        (repairs.turtle_prefixes, "<x> odd:title 'T' .", ""),
        (repairs.turtle_prefixes, "@prefix a: <http://a/> . @prefix dct: <http://d/> .\n<x> dct:title 'T' .", ""),
        (
            repairs.xml_prefixes,
            "<rdf:RDF><rdf:x/></rdf:RDF>",
            f'<rdf:RDF xmlns:rdf="{repairs.WELL_KNOWN["rdf"]}"><rdf:x/></rdf:RDF>',
        ),
        (repairs.text_beside_links, '<a:b rdf:resource="http://x/">text</a:b>', '<a:b rdf:resource="http://x/"/>'),
        (repairs.text_beside_links, '<a:b rdf:resource="http://x/"/>', ""),
        (repairs.bare_doctype, "<!DOCTYPE rdf:RDF><rdf:RDF/>", "<rdf:RDF/>"),
        (repairs.bare_doctype, '<!DOCTYPE rdf:RDF [<!ENTITY a "b">]><rdf:RDF/>', ""),
        (repairs.unwrap, '<?xml version="1.0"?><rdf:RDF>x</rdf:RDF>', ""),
        (
            repairs.unwrap,
            '<c:Answer xmlns:c="http://c/" xmlns:d="http://d/"><rdf:RDF xmlns:c="http://e/">x</rdf:RDF></c:Answer>',
            '<rdf:RDF xmlns:d="http://d/" xmlns:c="http://e/">x</rdf:RDF>',
        ),
    ],
)  # fmt: skip
def test_a_repair_changes_what_it_says_only(repair: repairs.SyntaxRepair, text: str, repaired: str) -> None:
    after, note = repair(text)
    assert (after, bool(note)) == (repaired or text, bool(repaired))
    assert repair(after) == (after, ""), "a second time there is nothing to mend"


def test_a_record_stops_at_other_resources_and_shares_what_both_need() -> None:
    first, second = pieces(
        HEAD + "<http://a/1> a dcat:Dataset ; dct:publisher <http://p/> ; dct:relation <http://a/2> .\n"
        "<http://a/2> a dcat:Dataset ; dct:publisher <http://p/> ; dct:relation <http://a/1> .\n"
        "<http://p/> dct:title 'P' ."
    )
    assert (first.subject, second.subject) == ("<http://a/1>", "<http://a/2>")
    for piece in (first, second):
        subjects = {quad.subject for quad in parse("".join(piece.lines), format=RdfFormat.N_TRIPLES)}
        assert {str(subject) for subject in subjects} == {piece.subject, "<http://p/>"}


def test_one_bad_record_leaves_the_others() -> None:
    long = "http://x/" + "y" * 3000
    text = HEAD + f"<http://a/1> a dcat:Dataset ; dct:title 'A' ; dct:relation <{long}> .\n"
    text += "<http://a/2> a dcat:Dataset ; dct:title 'B' ; dct:relation <http://x/{y}> .\n"
    text += "<http://a/3> a dcat:Dataset ; dct:title 'C' ."
    answer, batches = cut_file({"mediaType": "text/turtle", "base": "", "rules": []}, [text.encode()])
    assert answer["batches"] == [3]
    assert len(json.loads(zlib.decompress(batches[0]))) == 3
    message = {"base": BASE, "source": "s", "rules": [], "advised": [], "only": None}
    records = examine_batch(message, batches)[0]["records"]
    assert [record.get("error", "") for record in records] == [
        "an address in it is longer than 2048 characters",
        "it cannot be read: Invalid IRI code point '{'",
        "",
    ]
    alone = examine_batch({**message, "only": [2]}, batches)[0]["records"]
    assert alone == records[2:]


def test_relative_addresses_belong_to_the_record() -> None:
    text = HEAD + "<#d> a dcat:Dataset ; dct:title 'D' ; dcat:distribution <#f> . <#f> a dcat:Distribution ."
    _, batches = cut_file({"mediaType": "text/turtle", "base": "", "rules": []}, [text.encode()])
    message = {"base": BASE, "source": "s", "rules": [], "advised": [], "only": None}
    answer, statements = examine_batch(message, batches)
    record = answer["records"][0]
    assert record["iri"] == ""
    assert f"<{record['address']}#f>".encode() in statements[0]
    assert b"document.invalid" not in statements[0]
    _, batches = cut_file({"mediaType": "text/turtle", "base": "https://s.example/c", "rules": []}, [text.encode()])
    assert examine_batch(message, batches)[0]["records"][0]["iri"] == "https://s.example/c#d"


def test_addresses_of_two_identities_differ_and_stay() -> None:
    first, second = (harvested_address(BASE, "dataset", f"https://{name}.example/set/1", ["T"], "s") for name in "ab")
    assert first != second
    assert first.startswith(f"{BASE}/datasets/1-")
    assert harvested_address(BASE, "dataset", "https://a.example/set/1", ["Other"], "s") == first
    assert harvested_address(BASE, "dataset", "https://a.example/set/1", ["T"], "another source") != first


def test_an_address_with_a_space_spoils_no_file() -> None:
    text = HEAD + '<https://two words.example/> a dcat:Catalog ; dct:title "C"@en .'
    text += '<https://a.example/1> a dcat:Dataset ; dct:title "D"@en .'
    answer, _ = cut_file({"mediaType": "text/turtle", "base": "", "rules": []}, [text.encode()])
    assert answer["title"] == {"en": "C"}
    assert [piece.subject for piece in pieces(text)] == ["<https://a.example/1>"]


def test_a_file_without_records_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no dataset"):
        cut_file({"mediaType": "text/turtle", "base": "", "rules": []}, [HEAD.encode()])


@pytest.mark.parametrize("newest_first", [False, True])
def test_of_activities_about_one_dataset_the_newest_counts_whole(newest_first: bool) -> None:
    activities = [
        '<#1> a as:Create ; as:object <https://a.example/1> ; as:published "2026-01-01T00:00:00Z"^^xsd:dateTime .'
        '<#1> { <https://a.example/1> a dcat:Dataset ; dct:title "old" ; dct:type <https://a.example/gone> }',
        '<#2> a as:Update ; as:object <https://a.example/1> ; as:published "2026-01-01T02:00+01:00"^^xsd:dateTime .'
        '<#2> { <https://a.example/1> a dcat:Dataset ; dct:title "new" }',
        '<#3> a as:Create ; as:object <https://a.example/2> ; as:published "2025-01-01T00:00:00Z"^^xsd:dateTime .'
        '<#3> { <https://a.example/2> a dcat:Dataset ; dct:title "other" }',
    ]
    text = (
        HEAD + "@prefix as: <https://www.w3.org/ns/activitystreams#> . @prefix tree: <https://w3id.org/tree#> .\n"
        "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n<#s> tree:member <#1>, <#2>, <#3> .\n"
        + "\n".join(activities[::-1] if newest_first else activities)
    )
    records = {piece.lines[0].split()[0]: "".join(piece.lines) for piece in pieces(text, "application/trig")}
    assert sorted(records) == ["<https://a.example/1>", "<https://a.example/2>"]
    assert '"new"' in records["<https://a.example/1>"]
    assert "old" not in records["<https://a.example/1>"]
    assert "gone" not in records["<https://a.example/1>"]
