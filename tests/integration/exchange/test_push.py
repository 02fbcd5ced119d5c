"""Pushes between two nodes: the bytes go to the consumer's own address, with the provider's signed manifest."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from node.bootstrap.node import HansaNode
from node.transfer import machine
from node.vocab.dsp import PULL, PUSH, QUERY
from tests.nodes import CSV, Pair, Running, agree, publish, until


def pushed(consumer: Running, agreement: str) -> str:
    with consumer.client() as client:
        asked = {"agreementId": agreement, "format": PUSH}
        return str(client.call("POST", "/api/transfers", json=asked)["pid"])


def ended(node: Running, pid: str) -> dict[str, Any]:
    with node.client() as client:
        return until(
            "the transfer ends",
            lambda: found if (found := client.transfer_state(pid, wait=2))["state"] in ENDS else None,
        )


ENDS = ("COMPLETED", "TERMINATED")


def agreed(two: Pair, slug: str, **more: Any) -> tuple[str, str]:
    dataset = publish(two.provider, slug, **more)["iri"]
    return dataset, str(agree(two.consumer, dataset)["agreementId"])


def test_a_push_brings_the_bytes_and_the_manifest(pair: Pair) -> None:
    dataset, agreement = agreed(pair, "pushed")
    pid = pushed(pair.consumer, agreement)
    assert ended(pair.consumer, pid)["state"] == "COMPLETED"
    with pair.consumer.client() as client:
        assert client.raw(f"/api/transfers/{pid}/content") == CSV
        assert client.raw(f"/api/transfers/{pid}/manifest").count(b".") == 2
        told = client.transfer_state(pid)
    assert told["dataset"] == dataset
    assert told["reception"]["state"] == "done"
    # The two parties note the end one after the other.
    expected = {"started", "delivered", "completed"}
    with pair.provider.client() as client:
        until(
            "the provider has noted all",
            lambda: expected <= {one["outcome"] for one in client.agreement(agreement)["accesses"]},
        )


def test_the_catalogue_offers_both_ways(pair: Pair) -> None:
    dataset, _ = agreed(pair, "both-ways")
    with pair.consumer.client() as client:
        assert client.conditions(dataset)["iri"] == dataset
    path = f"{pair.provider.dsp}/catalog/datasets/{dataset}"
    with pair.consumer.http() as http:
        found = http.get(path, headers=pair.consumer.as_participant(pair.provider)).json()
    assert [one["format"] for one in found["distribution"]] == [PULL, PUSH, QUERY]


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic eDp5", ""])
def test_whoever_has_not_the_token_pushes_nothing(pair: Pair, header: str | None) -> None:
    _, agreement = agreed(pair, f"guarded-{uuid4().hex}")
    pid = pushed(pair.consumer, agreement)
    ended(pair.consumer, pid)
    with pair.provider.http() as http:
        headers = {"Authorization": header} if header is not None else {}
        answer = http.post(f"{pair.consumer.url}/pushed/{pid}", content=b"evil", headers=headers)
    assert answer.status_code == 404
    with pair.consumer.client() as client:
        assert client.raw(f"/api/transfers/{pid}/content") == CSV


def test_no_token_of_a_push_is_kept(pair: Pair) -> None:
    _, agreement = agreed(pair, "tokens")
    pid = pushed(pair.consumer, agreement)
    ended(pair.consumer, pid)
    node: HansaNode = pair.consumer.node
    with node.parts.stores.uow.read() as tx:
        transfer = node.parts.stores.transfer.transfers.get(tx, pid)
    assert transfer is not None
    assert transfer.push_token is not None
    sent = [one.body for one in pair.consumer.exchanges(pid) if one.message == machine.REQUEST]
    assert sent
    assert all(b"Bearer" not in body for body in sent)
    ended(pair.provider, str(transfer.peer_pid))
    with pair.provider.node.parts.stores.uow.read() as tx:
        theirs = pair.provider.node.parts.stores.transfer.transfers.get(tx, str(transfer.peer_pid))
    assert theirs is not None
    assert "Bearer" not in str(theirs.data_address)


@pytest.mark.parametrize(
    "address",
    [
        None,
        {"@type": "DataAddress", "endpointType": "HttpData"},
        {"@type": "DataAddress", "endpointType": "AmazonS3", "endpoint": "https://bucket.example/x"},
        {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": "http://10.0.0.1/x"},
        {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": "http://169.254.169.254/latest"},
        {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": "file:///etc/passwd"},
        {
            "@type": "DataAddress",
            "endpointType": "HttpData",
            "endpoint": "https://sink.example/x",
            "endpointProperties": [
                {"@type": "EndpointProperty", "name": "authKey", "value": "Host"},
                {"@type": "EndpointProperty", "name": "authCode", "value": "elsewhere.example"},
            ],
        },
    ],
)
def test_addresses_that_nothing_is_pushed_to(pair: Pair, address: dict[str, Any] | None) -> None:
    _, agreement = agreed(pair, f"refused-{uuid4().hex}")
    message: dict[str, Any] = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "TransferRequestMessage",
        "consumerPid": uuid4().urn,
        "agreementId": agreement,
        "format": PUSH,
        "callbackAddress": pair.consumer.dsp,
    }
    if address is not None:
        message["dataAddress"] = address
    with pair.consumer.http() as http:
        answer = http.post(
            f"{pair.provider.dsp}/transfers/request",
            json=message,
            headers=pair.consumer.as_participant(pair.provider),
        )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["@type"] == "TransferError"
