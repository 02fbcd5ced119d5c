"""The time line of a process has each message that was answered, with its fate, whatever crossed what."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from node.dialogue.timeline import KEPT
from node.evidence.verification import check
from node.transfer import machine
from node.vocab.dsp import PUSH
from tests.nodes import Pair, agree, publish, until

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]


def started(two: Pair, slug: str) -> tuple[str, str, str]:
    """A push that has nowhere to go: agreement, the consumer's process, the provider's."""
    agreement = str(agree(two.consumer, publish(two.provider, slug)["iri"])["agreementId"])
    with two.consumer.client() as client:
        asked = {"agreementId": agreement, "format": PUSH}
        pid = str(client.call("POST", "/api/transfers", json=asked)["pid"])
        ended = until(
            "it ends",
            lambda: one if (one := client.transfer_state(pid, wait=2))["state"] == "COMPLETED" else None,
        )
    return agreement, pid, str(ended["peerPid"])


def say(two: Pair, kind: str, ours: str, theirs: str, **members: Any) -> httpx2.Response:
    """The provider says something to the consumer, by hand."""
    message = {"@context": CONTEXT, "@type": kind, "@id": uuid4().urn, "consumerPid": ours, "providerPid": theirs}
    path = {machine.SUSPENSION: "suspension", machine.START: "start"}.get(kind, "termination")
    place = "negotiations" if kind.startswith("Contract") else "transfers"
    with two.provider.http() as http:
        return http.post(
            f"{two.consumer.dsp}/{place}/{ours}/{path}",
            json={**message, **members},
            headers=two.provider.as_participant(two.consumer),
        )


def test_what_comes_after_the_end_of_a_transfer_is_in_its_time_line(pair: Pair) -> None:
    _, ours, theirs = started(pair, f"late-{uuid4().hex}")
    answer = say(pair, machine.SUSPENSION, ours, theirs, code="too-late", reason=["a little rest"])
    assert answer.status_code == 400
    with pair.consumer.client() as client:
        transfer = client.transfer_state(ours)
    assert transfer["state"] == "COMPLETED"
    with pair.provider.client() as client:
        there = client.transfer_state(theirs)
    assert {one["status"]["endedBy"] for one in (transfer, there)} == {"this-node", "other-side"}
    assert transfer["status"]["waitsFor"] is None
    assert "standing" not in transfer, "one thing has one name"
    last = transfer["messages"][-1]
    assert (last["message"], last["direction"], last["status"]) == (machine.SUSPENSION, "in", 400)
    assert (last["fate"], last["late"], last["code"]) == ("refused", True, answer.json()["code"])
    assert last["reason"] == answer.json()["reason"]
    assert last["body"]["reason"] == ["a little rest"]
    assert [one["fate"] for one in transfer["messages"][:-1]] == ["taken"] * (len(transfer["messages"]) - 1)


def test_the_same_refused_message_is_kept_once_and_a_flood_is_not(pair: Pair) -> None:
    _, ours, theirs = started(pair, f"flood-{uuid4().hex}")
    for _ in range(3):
        say(pair, machine.START, ours, theirs, **{"@id": "urn:uuid:the-same"})
    with pair.consumer.client() as client:
        messages = client.transfer_state(ours)["messages"]
    assert [one["fate"] for one in messages].count("refused") == 1
    for _ in range(KEPT + 5):
        say(pair, machine.START, ours, theirs, reason=["x" * 100_000])
    with pair.consumer.client() as client:
        messages = client.transfer_state(ours)["messages"]
    refused = [one for one in messages if one["fate"] == "refused"]
    assert len(refused) == KEPT
    assert "reason" not in refused[-1]["body"]


@pytest.mark.parametrize("padding", ["", "x" * 100_000])
def test_the_evidence_of_an_agreement_has_what_came_after_its_end(pair: Pair, padding: str) -> None:
    agreement, _, _ = started(pair, f"evidence-{uuid4().hex}")
    with pair.consumer.client() as client:
        negotiation = str(client.agreement(agreement)["negotiation"])
        theirs = str(client.negotiation(negotiation)["peerPid"])
        answer = say(pair, "ContractNegotiationTerminationMessage", negotiation, theirs, code="x", reason=[padding])
        assert answer.status_code == 400
        content = client.agreement_file(agreement)
    index = json.loads(zipfile.ZipFile(io.BytesIO(content)).read(f"{_folder(content)}messages/index.json"))
    last = index[-1]
    assert (last["message"], last["fate"], last["late"], last["status"]) == (
        "ContractNegotiationTerminationMessage",
        "refused",
        True,
        400,
    )
    assert (last["file"] is None) is bool(padding)
    report = check(content)
    assert report.sound, [one.to_json() for one in report.findings]


def _folder(content: bytes) -> str:
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    return next(name for name in names if name.endswith("messages/index.json")).removesuffix("messages/index.json")
