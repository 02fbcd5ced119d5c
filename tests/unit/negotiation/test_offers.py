"""Offers within a negotiation: 2025-1 has them without an address for the answer, 2024/1 with one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.dialogue.process import Role
from node.negotiation import machine, messages
from node.negotiation.strategy import Offer
from node.vocab.dsp import V2024_1, V2025_1, DspVersion
from tests.unit.negotiation.test_reactions import Rig, negotiation

TERMS = {"@id": "urn:offer", "permission": [{"action": "odrl:use"}]}


@pytest.mark.parametrize(
    ("version", "callback"),
    [(V2025_1, None), (V2024_1, "https://ghent.example/dsp/2024-1")],
    ids=["2025-1", "2024/1"],
)
def test_what_an_offer_within_a_negotiation_says(version: DspVersion, callback: str | None) -> None:
    rig = Rig(Offer(TERMS))
    rig.react(negotiation(machine.REQUESTED, version=version.name, role=Role.PROVIDER, offered_by=Role.CONSUMER))
    [task] = rig.tasks()
    said = messages.read(task.body, "ContractOfferMessage").body
    assert said["consumerPid"] == "urn:uuid:theirs"
    assert said.get("callbackAddress") == callback


def offer(version: DspVersion, **changes: Any) -> bytes:
    message = {
        "@context": [version.context] if version is V2025_1 else {"dspace": version.namespace},
        "@id": "urn:uuid:message",
        "@type": "ContractOfferMessage" if version is V2025_1 else "dspace:ContractOfferMessage",
        "offer": {**TERMS, "@type": "Offer", "target": "https://ghent.example/datasets/d"},
        "providerPid": "urn:uuid:p",
        **changes,
    }
    if version is V2025_1:
        return json.dumps(message).encode()
    return json.dumps(
        {name if name[0] == "@" else f"dspace:{name}": value for name, value in message.items()}
    ).encode()


BOTH = {"consumerPid": "urn:uuid:c", "callbackAddress": "https://bruges.example/dsp"}


def test_in_2024_1_an_offer_may_bear_both() -> None:
    read = messages.read(offer(V2024_1, **BOTH), "ContractOfferMessage")
    assert {name: read.body[name] for name in BOTH} == BOTH


@pytest.mark.parametrize(
    ("version", "members"), [(V2025_1, BOTH), (V2025_1, {}), (V2024_1, {})], ids=["both", "none", "none in 2024/1"]
)
def test_what_is_no_offer(version: DspVersion, members: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="exactly one of"):
        messages.read(offer(version, **members), "ContractOfferMessage")
