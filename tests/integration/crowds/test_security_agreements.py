"""What a dishonest counterpart could slip into an agreement: members of its own, another day, another's id.

Threat 37 of the threat list, and invariant I3. The counterpart is a node of ours that has been tampered with, so
everything else about its messages is as it should be.
"""

from __future__ import annotations

from typing import Any

import pytest

from node.negotiation import agreement, messages
from tests.nodes import Pair, agree, publish, until


def agreements(node: Any) -> dict[str, dict[str, Any]]:
    with node.http() as http:
        return {one["id"]: one for one in http.get("/api/agreements", headers=node.person()).json()}


def agreement_of(node: Any, dataset: str) -> dict[str, Any]:
    with node.node.parts.stores.uow.read() as tx:
        [found] = node.node.parts.stores.negotiation.agreements.select(tx, dataset=dataset)
    body: dict[str, Any] = found.body
    return body


def test_a_consumer_adds_nothing_to_what_the_provider_signs(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    iri = publish(pair.provider, "plain-terms")["iri"]
    honest = messages.request

    def dishonest(*arguments: Any) -> dict[str, Any]:
        message = honest(*arguments)
        message["offer"] |= {
            "timestamp": "1999-01-01T00:00:00Z",
            "dct:description": "The provider grants exclusive rights for ever.",
            "https://w3id.org/hansa/ns#terms": {"rulebook": None},
        }
        return message

    monkeypatch.setattr(messages, "request", dishonest)
    assert agree(pair.consumer, iri)["state"] == "FINALIZED"
    signed = agreement_of(pair.provider, iri)
    assert "dct:description" not in signed
    assert signed["timestamp"] > "2026"
    assert signed["https://w3id.org/hansa/ns#terms"]["consumer"]["did"] == pair.consumer.did


def test_a_provider_puts_no_agreement_in_the_place_of_another(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, dishonest = pair.provider, pair.consumer
    valuable = publish(victim, "valuable")["iri"]
    agree(dishonest, valuable)

    def final() -> dict[str, Any] | None:
        return next((one for one in agreements(victim).values() if one["dataset"] == valuable), None)

    known = until("the provider has read the answer to its last message too", final)
    bait = publish(dishonest, "bait")["iri"]
    draft = agreement.draft

    def forged(negotiation: Any, **particulars: Any) -> dict[str, Any]:
        body: dict[str, Any] = draft(negotiation, **particulars)
        return body | {"@id": known["id"]} if particulars["provider"].did == dishonest.did else body

    monkeypatch.setattr(agreement, "draft", forged)
    # Its own store would notice: it keeps the other agreement too.
    monkeypatch.setattr(dishonest.node.parts.stores.negotiation.agreements, "add", lambda *_: None)
    monkeypatch.setattr(dishonest.node.parts.stores.negotiation.agreements, "save", lambda *_: None)
    store = victim.node.parts.stores.negotiation.agreements
    save, tried = store.save, []

    def noted(tx: Any, agreement: Any) -> None:
        tried.append(agreement)
        save(tx, agreement)

    monkeypatch.setattr(store, "save", noted)
    with victim.client() as client:
        pid = client.negotiate(bait)["pid"]
        until("it has come to a point", lambda: tried or client.negotiation(pid)["state"] == "TERMINATED")
        assert client.negotiation(pid)["state"] != "FINALIZED"
        held = client.agreement(known["id"])
    assert agreements(victim)[known["id"]] == known
    assert held["agreement"]["target"].endswith("valuable")
