"""Who lets a transfer go on: the consumer only what it has paused, and only while the conditions still admit it."""

from __future__ import annotations

from typing import Any

from tests.fakes.sink import sink
from tests.nodes import Company, Running, agree, publish, revoke, until


def stands(node: Running, pid: str, *, waits: str) -> dict[str, Any]:
    with node.client() as client:
        return until(
            f"it waits for {waits}",
            lambda: one if (one := client.transfer_state(pid))["status"]["waitsFor"] == waits else None,
        )


def test_what_the_conditions_admit_no_more_stays_paused_on_both_sides(region_and_cities: Company) -> None:
    """Paused by the consumer, whose credential is revoked meanwhile: its start is refused with the rule, and from
    then on it is the provider's suspension on both sides."""
    provider, consumer = region_and_cities.cities
    iri = publish(provider, "paused", conditions="members")["iri"]
    agreement = str(agree(consumer, iri)["agreementId"])
    with sink() as door, consumer.client() as client, provider.client() as there:
        door.gate.clear()
        ours = str(client.transfer(agreement, push_to={"url": door.url})["pid"])
        theirs = str(stands(consumer, ours, waits="their-push")["peerPid"])
        client.steer(ours, "suspend", reason="lunch")
        stands(consumer, ours, waits="our-resumption")
        stands(provider, theirs, waits="their-resumption")
        revoke(region_and_cities, consumer)
        client.steer(ours, "resume")
        transfer = stands(consumer, ours, waits="their-resumption")
        assert transfer["state"] == "SUSPENDED"
        assert transfer["code"] == "not-allowed"
        assert "conditions no longer allow" in transfer["reason"][0]
        assert any(isinstance(one, dict) and one.get("rule") for one in transfer["reason"])
        kept = stands(provider, theirs, waits="our-resumption")
        assert kept["reason"] == transfer["reason"]
        last = kept["messages"][-1]
        assert (last["message"], last["fate"], last["status"]) == ("TransferStartMessage", "refused", 403)
        door.gate.set()
        there.steer(theirs, "terminate", reason="no member any more")
        until("it has ended", lambda: client.transfer_state(ours)["state"] == "TERMINATED")
    assert start_by_hand(consumer, provider, ours, theirs) == 400, "whatever policy says, it fits no more"


def start_by_hand(consumer: Running, provider: Running, ours: str, theirs: str) -> int:
    """The status with which the provider answers one more start of the consumer's."""
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "TransferStartMessage",
        "@id": "urn:uuid:1c0f1c0e-0000-4000-8000-000000000007",
        "providerPid": theirs,
        "consumerPid": ours,
    }
    with provider.http(headers=consumer.as_participant(provider)) as http:
        answer = http.post(f"{provider.dsp}/transfers/{theirs}/start", json=message)
    assert answer.json()["@type"] == "TransferError"
    return int(answer.status_code)
