"""A few bytes of a message that stand for many: names are written out as far as messages need it, and no further."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.dialogue import wire
from node.dialogue.contexts import MAX_GROWTH, MAX_LENGTH, MAX_WHOLE, names_in
from node.vocab.dsp import V2025_1

STANDARD = V2025_1.context
LONG = "https://x.example/" + "a" * (MAX_LENGTH - 19) + "/"
TOO_LONG = LONG + "a"


@pytest.fixture
def counted() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize(
    "context",
    [
        {"p": TOO_LONG},
        {"p": {"@id": TOO_LONG}},
        {"p": {"@id": "x", "@type": "@id"}, "x": TOO_LONG},
        {"@vocab": TOO_LONG},
        {"p": "q:" + "a" * MAX_LENGTH, "q": "https://x.example/"},
        {"p": "q:" + "a" * 1000, "q": "r:" + "a" * 1000, "r": "https://x.example/" + "a" * 1000},
        {"p": "odrl:" + "a" * (MAX_LENGTH - 6)},
        {"@vocab": "https://x.example/", "p": "a" * MAX_LENGTH},
        {"p" * (MAX_LENGTH + 1): {"@type": "@id"}},
    ],
    ids=["text", "object", "over another", "vocab", "sum", "chain", "protocol", "in the vocabulary", "by itself"],
)
def test_what_a_context_defines_has_a_bound(context: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="more than 2048 characters"):
        names_in([STANDARD, context])


def test_up_to_it_names_are_read() -> None:
    names = names_in([STANDARD, {"p": LONG}])
    assert names.iri("p:" + "b" * MAX_LENGTH) == LONG + "b" * MAX_LENGTH
    assert names.reference("p:b") == LONG + "b"
    assert names_in({"@vocab": LONG}).iri("b") == LONG + "b"


@pytest.mark.parametrize("context", [{"p": LONG}, {"@vocab": LONG}], ids=["prefix", "vocab"])
def test_a_name_that_is_written_out_has_a_bound(context: dict[str, Any]) -> None:
    name = ("p:" if "p" in context else "") + "b" * (MAX_WHOLE - MAX_LENGTH + 1)
    with pytest.raises(InvalidInput, match="more than 4096 characters") as refused:
        names_in(context).iri(name)
    assert len(refused.value.detail) < 200


def test_what_is_written_in_full_has_none_here() -> None:
    whole = "https://x.example/" + "b" * (3 * MAX_WHOLE)
    names = names_in([STANDARD, {"p": LONG}])
    assert names.iri(whole) == names.reference(whole) == whole


BOMBS: dict[str, dict[str, Any]] = {
    "a prefix": {"@context": [STANDARD, {"p": LONG}], **{f"p:{n:x}": 0 for n in range(20_000)}},
    "a vocabulary": {"@context": [{"d": V2025_1.namespace, "@vocab": LONG}], **{f"{n:x}": 0 for n in range(20_000)}},
    "a term, in many objects": {"@context": [STANDARD, {"x": LONG}], "permission": [{"x": 0}] * 20_000},
    "identifiers": {"@context": [STANDARD, {"p": LONG}], "permission": [{"target": f"p:{n}"} for n in range(20_000)]},
    "actions": {"@context": [STANDARD, {"x": LONG}], "permission": [{"action": "x"}] * 20_000},
    "an object that is one value": {
        "@context": [STANDARD, {"p": LONG}],
        "offer": {f"p:{n:x}": 0 for n in range(20_000)},
    },
}


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("name", BOMBS)
def test_a_small_message_does_not_grow_into_a_large_one(name: str) -> None:
    raw = wire.text({"@type": "CatalogRequestMessage", **BOMBS[name]})
    with pytest.raises(InvalidInput, match="in total"):
        wire.read(raw)
    _, most = tracemalloc.get_traced_memory()
    assert most < 8 * MAX_GROWTH, "what the bound admits, and the message itself as read"


def test_a_large_catalogue_in_the_form_of_other_connectors_is_read() -> None:
    """Their contexts define the prefixes of the vocabularies and a vocabulary of their own: they may do so."""
    context = {
        "@vocab": "https://w3id.org/edc/v0.0.1/ns/",
        "edc": "https://w3id.org/edc/v0.0.1/ns/",
        "dcat": "http://www.w3.org/ns/dcat#",
        "dct": "http://purl.org/dc/terms/",
        "odrl": "http://www.w3.org/ns/odrl/2/",
        "dspace": V2025_1.namespace,
    }
    dataset = {
        "@id": "urn:uuid:4d526561",
        "@type": "dcat:Dataset",
        "odrl:hasPolicy": {
            "@id": "o",
            "@type": "odrl:Offer",
            "odrl:permission": {"odrl:action": {"@id": "odrl:use"}},
        },
        "name": "counts",
        "contenttype": "text/csv",
        "id": "4d526561",
    }
    body = {"@context": context, "@type": "dcat:Catalog", "@id": "urn:c", "dcat:dataset": [dataset] * 20_000}
    raw = json.dumps(body).encode()
    assert len(raw) > MAX_GROWTH
    read = wire.read(raw)
    assert len(read["dataset"]) == 20_000
    assert read["dataset"][-1]["https://w3id.org/edc/v0.0.1/ns/name"] == "counts"


def test_what_was_said_twice_is_told_in_short() -> None:
    names = {"p": LONG}
    body = {"@context": [STANDARD, names], "p:b": 1, LONG + "b": 2}
    with pytest.raises(InvalidInput, match="given twice") as refused:
        wire.read(wire.text(body))
    assert len(refused.value.detail) < 200
