"""One peer cannot use up a node: what it may keep open is counted, and beyond it is told when to come again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.ids import new_urn
from node.dialogue.message import AFTER
from node.negotiation import machine
from node.negotiation import strategy as strategies
from node.transfer import strategy as transfers
from tests.nodes import Pair, agree, offer_of, publish, running, until

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}


class Stubborn:
    """Counters for ever, whichever side it is on."""

    def next(self, look: strategies.Look) -> strategies.Action:
        negotiation = look.negotiation
        if not negotiation.dataset.endswith("haggled"):
            return strategies.StandardStrategy().next(look)
        terms = {"@id": "urn:x", "@type": "Offer", "permission": [{"action": "odrl:use"}, {"action": "odrl:read"}]}
        match negotiation.role, negotiation.state:
            case "consumer", machine.OFFERED:
                return strategies.Counter(terms)
            case "provider", machine.REQUESTED:
                return strategies.Offer(look.own_offer or terms)
            case _:
                return strategies.Hold()


class Unhurried:
    """Fetches nothing by itself, so that a transfer can be paused and started for ever."""

    def next(self, look: transfers.Look) -> transfers.Action:
        action = transfers.StandardStrategy().next(look)
        return transfers.Hold() if isinstance(action, transfers.Receive) else action


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("caps")
    small: dict[str, Any] = {
        "open_negotiations_per_peer": 2,
        "waiting_offers_per_peer": 2,
        "open_transfers_per_peer": 2,
        "messages_per_negotiation": 8,
    }
    options = {"strategy": Stubborn(), "transfer_strategy": Unhurried()}
    with ExitStack() as stack:
        provider = stack.enter_context(running(home / "provider", template=sqlite_template, options=options, **small))
        consumer = stack.enter_context(running(home / "consumer", template=sqlite_template, options=options))
        yield Pair(provider, consumer)


def post(two: Pair, path: str, message: dict[str, Any]) -> httpx2.Response:
    """The consumer's node says something to the provider's."""
    body = {"@context": CONTEXT, "@id": new_urn(), **message}
    with two.provider.http() as http:
        return http.post(f"{two.provider.dsp}{path}", json=body, headers=two.consumer.as_participant(two.provider))


def ask(two: Pair, dataset: dict[str, Any]) -> httpx2.Response:
    message = {
        "@type": "ContractRequestMessage",
        "consumerPid": new_urn(),
        "callbackAddress": two.consumer.dsp,
        "offer": {**offer_of(two.provider, dataset["iri"]), "target": dataset["iri"]},
    }
    return post(two, "/negotiations/request", message)


def refused(answer: httpx2.Response, what: str, kind: str) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["Retry-After"] == "5"
    body = answer.json()
    assert (body["@type"], body["code"]) == (kind, "too-many-requests")
    assert f"2 {what} open here" in body["reason"][0]


def test_negotiations_that_a_peer_asked_for_are_capped(two: Pair) -> None:
    dataset = publish(two.provider, "asks", conditions=ASKS)
    first, second, third = (ask(two, dataset) for _ in range(3))
    assert (first.status_code, second.status_code) == (201, 201)
    refused(third, "negotiations", "ContractNegotiationError")
    for one in (first, second):
        ids = {name: one.json()[name] for name in ("providerPid", "consumerPid")}
        ended = post(
            two,
            f"/negotiations/{ids['providerPid']}/termination",
            {"@type": "ContractNegotiationTerminationMessage", **ids},
        )
        assert ended.status_code == 200
    assert agree(two.consumer, publish(two.provider, "after")["iri"])["state"] == "FINALIZED"


def test_offers_that_nobody_asked_for_are_capped(two: Pair) -> None:
    iri = publish(two.consumer, "own")["iri"]

    def offer() -> httpx2.Response:
        message = {
            "@type": "ContractOfferMessage",
            "providerPid": new_urn(),
            "callbackAddress": two.consumer.dsp,
            "offer": {"@id": "urn:o", "@type": "Offer", "target": iri, "permission": [{"action": "odrl:use"}]},
        }
        return post(two, "/negotiations/offers", message)

    assert [offer().status_code for _ in range(2)] == [201, 201]
    refused(offer(), "offers", "ContractNegotiationError")
    with two.provider.client() as client:
        waiting = [one for one in client.decisions() if one["kind"] == "offer"]
        client.decide(waiting[0]["id"], approve=False)
    assert until("there is room again", lambda: offer().status_code == 201)


def test_transfers_that_a_peer_asked_for_are_capped(two: Pair) -> None:
    agreement = agree(two.consumer, publish(two.provider, "fetched")["iri"])["agreementId"]

    def fetch() -> httpx2.Response:
        message = {
            "@type": "TransferRequestMessage",
            "consumerPid": new_urn(),
            "agreementId": agreement,
            "format": "HttpData-PULL",
            "callbackAddress": two.consumer.dsp,
        }
        return post(two, "/transfers/request", message)

    open_here = [fetch(), fetch()]
    assert [one.status_code for one in open_here] == [201, 201]
    refused(fetch(), "transfers", "TransferError")
    for one in open_here:
        pids = {name: one.json()[name] for name in ("providerPid", "consumerPid")}
        post(two, f"/transfers/{pids['providerPid']}/termination", {"@type": "TransferTerminationMessage", **pids})
    assert until("there is room again", lambda: fetch().status_code == 201)


def test_counter_offers_end(two: Pair) -> None:
    iri = publish(two.provider, "haggled")["iri"]
    with two.consumer.client() as client:
        pid = client.negotiate(iri)["pid"]
        ended = until("it ended", lambda: (one := client.negotiation(pid))["state"] == "TERMINATED" and one)
    refusal = next(one for one in two.consumer.exchanges(pid) if one.answer_status == 400)
    assert "has had 8 messages" in json.loads(refusal.answer)["reason"][0]
    assert len(ended["messages"]) == 10


@pytest.mark.parametrize("end", ["completion", "termination"])
def test_a_transfer_is_not_paused_and_started_for_ever(two: Pair, end: str) -> None:
    agreement = agree(two.consumer, publish(two.provider, f"paused-until-{end}")["iri"])["agreementId"]
    with two.consumer.client() as client:
        pid = client.transfer(agreement)["pid"]
        here = until("it runs", lambda: (one := client.transfer_state(pid))["state"] == "STARTED" and one)
    there = here["peerPid"]
    start = next(one for one in two.consumer.exchanges(pid) if one.message == "TransferStartMessage")
    ids = {"providerPid": there, "consumerPid": pid, AFTER: start.message_id}

    def say(verb: str) -> httpx2.Response:
        return post(two, f"/transfers/{there}/{verb}", {"@type": f"Transfer{verb.capitalize()}Message", **ids})

    # Before these there are the request and the provider's start.
    for verb in ("suspension", "start") * 3:
        answer = say(verb)
        assert answer.status_code == 200, answer.text
    for _ in range(2):
        answer = say("suspension")
        assert (answer.status_code, answer.json()["code"]) == (400, "protocol-error")
        assert "has had 8 messages" in answer.json()["reason"][0]
    assert say(end).status_code == 200
    with two.provider.client() as client:
        assert client.transfer_state(there)["state"] == {"completion": "COMPLETED"}.get(end, "TERMINATED")
