"""The offers that we make for results, from the conditions of their inputs, are valid by the official schemas."""

from __future__ import annotations

import pytest

from node.policy.flow.result import Source, inherit, strictest_offer
from node.policy.odrl import parse
from tests.conformance.dsp import faults
from tests.fakes.policy import P3, P4, P5, offer

INPUTS = {
    "open": Source(iri="https://x.example/a", title="A", policy=offer("open"), licence="CC-BY-NC-4.0"),
    "counts": Source(iri="https://x.example/b", title="B", policy={**offer(P3), "assigner": "did:web:b.example"}),
    "noise": Source(iri="https://x.example/c", title="C", policy=offer(P4), licence="CC-BY-4.0"),
    "receptors": Source(iri="https://x.example/d", title="D", policy=offer(P5)),
    "asking": Source(iri="https://x.example/e", title="E", policy=offer("members-ask")),
    "share-alike": Source(iri="https://x.example/f", title="F", licence="ODbL"),
}


@pytest.mark.parametrize(
    "names",
    [
        ("open",),
        ("counts",),
        ("open", "counts", "noise"),
        ("receptors", "noise"),
        ("counts", "asking"),
        ("share-alike",),
    ],
    ids="+".join,
)
def test_the_offer_that_just_fits_can_go_over_the_wire(names: tuple[str, ...]) -> None:
    bound = inherit([INPUTS[name] for name in names])
    offer = strictest_offer(bound, target="https://x.example/result", offer_id="urn:uuid:1")
    assert parse(offer).permissions
    catalogued = {name: value for name, value in offer.items() if name != "target"}
    dataset = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@id": "https://x.example/result",
        "@type": "Dataset",
        "hasPolicy": [catalogued],
        "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "urn:uuid:2"}],
    }
    assert faults(dataset) == []
    asked = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractRequestMessage",
        "consumerPid": "urn:uuid:3",
        "offer": offer,
        "callbackAddress": "https://y.example/dsp",
    }
    assert faults(asked) == []
