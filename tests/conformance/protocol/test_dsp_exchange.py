"""What two nodes say to one another over HTTP is valid by the official schemas of DSP 2025-1.

Everything is taken from where it went over the wire: both nodes keep each message of a process with its answer;
errors, catalogues and versions are asked for as a peer asks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.dialogue.process import IMPLIED, Exchange, Role
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation_strategy
from node.transfer import machine as transferring
from node.transfer import strategy as transfer_strategy
from tests.conformance.dsp import DID_SERVICE, PROTOCOL_VERSION, SCHEMA_OF, faults
from tests.fakes.people import person
from tests.nodes import Pair, Running, agree, publish, receive, running, until

COUNTER = {"permission": [{"action": "odrl:use"}, {"action": "odrl:distribute"}], "@type": "Offer"}
ABSENT = "urn:uuid:00000000-0000-4000-8000-000000000000"


@dataclass
class Consumer:
    """A consumer that haggles once: it answers the first offer with a counter-offer, and accepts the second."""

    countered: set[str] = field(default_factory=set)
    standard: negotiation_strategy.StandardStrategy = field(default_factory=negotiation_strategy.StandardStrategy)

    def next(self, look: negotiation_strategy.Look) -> negotiation_strategy.Action:
        negotiation = look.negotiation
        if negotiation.state != negotiating.OFFERED or negotiation.role is not Role.CONSUMER:
            return self.standard.next(look)
        if negotiation.pid in self.countered:
            return negotiation_strategy.Accept()
        self.countered.add(negotiation.pid)
        return negotiation_strategy.Counter({**COUNTER, "@id": negotiation.offer["@id"]})


class Unhurried:
    """A consumer that fetches nothing by itself, so that a transfer can be suspended and resumed."""

    def next(self, look: transfer_strategy.Look) -> transfer_strategy.Action:
        standard = transfer_strategy.StandardStrategy().next(look)
        held = isinstance(standard, transfer_strategy.Receive) and look.transfer.file == "slowly.csv"
        return transfer_strategy.Hold() if held else standard


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("dsp")
    options = {"strategy": Consumer(), "transfer_strategy": Unhurried()}
    with ExitStack() as stack:
        provider = stack.enter_context(running(home / "provider", template=sqlite_template))
        consumer = stack.enter_context(running(home / "consumer", template=sqlite_template, options=options))
        yield Pair(provider, consumer)


def exchanges_of(node: Running, pid: str) -> list[Exchange]:
    """What ``node`` sent in a process, with the answers that it got."""
    return [one for one in node.exchanges(pid) if one.outgoing]


def check_all(exchanges: list[Exchange]) -> list[str]:
    """Every message and every answer is valid; the messages' names in order."""
    for exchange in exchanges:
        assert faults(json.loads(exchange.body)) == [], exchange.message
        if exchange.answer_status == IMPLIED:
            continue  # The peer's next message came before its answer was read.
        answer = json.loads(exchange.answer)
        assert faults(answer) == [], (exchange.message, answer)
        assert answer["@type"] in ("ContractNegotiation", "TransferProcess")
        assert exchange.answer_status == (201 if "callbackAddress" in json.loads(exchange.body) else 200)
    return [one.message for one in exchanges]


def both(two: Pair, pid: str) -> tuple[list[str], list[str]]:
    """The messages of consumer and provider, all of them valid."""
    stores = two.consumer.node.parts.stores
    with stores.uow.read() as tx:
        ours = stores.negotiation.negotiations.get(tx, pid) or stores.transfer.transfers.get(tx, pid)
    assert ours is not None
    assert ours.peer_pid is not None
    return check_all(exchanges_of(two.consumer, pid)), check_all(exchanges_of(two.provider, str(ours.peer_pid)))


def test_an_agreement_and_a_transfer(two: Pair) -> None:
    dataset = publish(two.provider, "open-data")
    negotiation = agree(two.consumer, dataset["iri"])
    assert negotiation["state"] == "FINALIZED"
    until("the provider knows", lambda: len(both(two, negotiation["pid"])[1]) == 2)
    assert both(two, negotiation["pid"]) == (
        [negotiating.REQUEST, negotiating.VERIFICATION],
        [negotiating.AGREEMENT, negotiating.FINALIZED_EVENT],
    )
    transfer = receive(two.consumer, negotiation["agreementId"])
    assert transfer["state"] == "COMPLETED"
    assert both(two, transfer["pid"]) == ([transferring.REQUEST, transferring.COMPLETION], [transferring.START])


def test_an_offer_a_counter_offer_and_an_acceptance(two: Pair) -> None:
    dataset = publish(two.provider, "haggled-data")
    with two.consumer.client() as client:
        offer = client.conditions(dataset["iri"])["offer"]
        begun = two.consumer.node.protocol.negotiation.negotiations.request(
            provider=two.provider.did,
            address=two.provider.dsp,
            dataset=dataset["iri"],
            offer={**COUNTER, "@id": offer["@id"]},
        )
        two.consumer.node.worker.wake()
        until("it is final", lambda: client.negotiation(begun.pid, wait=5)["state"] == "FINALIZED")
    until("the provider knows", lambda: len(both(two, begun.pid)[1]) == 4)
    consumer, provider = both(two, begun.pid)
    assert consumer == [
        negotiating.REQUEST,
        negotiating.REQUEST,
        negotiating.ACCEPTED_EVENT,
        negotiating.VERIFICATION,
    ]
    assert provider == [
        negotiating.OFFER,
        negotiating.OFFER,
        negotiating.AGREEMENT,
        negotiating.FINALIZED_EVENT,
    ]


@pytest.mark.parametrize(
    "conditions",
    [
        "members",
        {"template": "mobility-partners", "until": "2030-12-31", "sealed": True},
        {
            "permission": {
                "odrl:action": "odrl:use",
                "constraint": {
                    "leftOperand": "hz:membership",
                    "operator": "odrl:eq",
                    "rightOperand": "did:web:nowhere.example",
                },
            }
        },
    ],
    ids=["a template", "a sealed template", "a policy of the publisher's own"],
)
def test_a_refusal_with_reasons(two: Pair, conditions: Any, request: pytest.FixtureRequest) -> None:
    dataset = publish(
        two.provider, f"for-others-{abs(hash(request.node.name)) % 10**6}", conditions=_for(two, conditions)
    )
    negotiation = agree(two.consumer, dataset["iri"])
    assert negotiation["state"] == "TERMINATED"
    assert negotiation["reason"]
    until("the provider knows", lambda: exchanges_of(two.provider, negotiation["peerPid"]))
    assert both(two, negotiation["pid"]) == ([negotiating.REQUEST], [negotiating.TERMINATION])


def _for(two: Pair, conditions: Any) -> Any:
    return {"template": "members", "region": two.provider.did} if conditions == "members" else conditions


def test_a_consumers_termination(two: Pair) -> None:
    ask = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
    dataset = publish(two.provider, "asks-first", conditions=ask)
    with two.consumer.client() as client:
        pid = client.negotiate(dataset["iri"])["pid"]
        until("it waits", lambda: client.negotiation(pid)["peerPid"])
        two.consumer.node.protocol.negotiation.negotiations.terminate(
            pid, "changed-our-mind", ["no budget"], by=person()
        )
        two.consumer.node.worker.wake()
        until("it has ended", lambda: client.negotiation(pid)["pending"] is None)
    assert both(two, pid)[0] == [negotiating.REQUEST, negotiating.TERMINATION]


def test_suspension_and_resumption_by_either_side(two: Pair) -> None:
    dataset = publish(two.provider, "slowly")
    agreement = agree(two.consumer, dataset["iri"])["agreementId"]
    ours, theirs = two.consumer.node.protocol.transfer.transfers, two.provider.node.protocol.transfer.transfers
    with two.consumer.client() as client, two.provider.client() as office:
        pid = client.transfer(agreement, file="slowly.csv")["pid"]

        def stand(state: str) -> str:
            def both_stand() -> str | None:
                here = client.transfer_state(pid)
                there = office.transfer_state(here["peerPid"]) if here["peerPid"] else {}
                settled = (
                    here["state"] == there.get("state") == state and not here["pending"] and not there["pending"]
                )
                return str(here["peerPid"]) if settled else None

            return until(f"both sides say {state}", both_stand)

        peer_pid = stand("STARTED")
        theirs.command(peer_pid, transferring.SUSPENSION, person(), code="maintenance", reason=["until noon"])
        two.provider.node.worker.wake()
        stand("SUSPENDED")
        theirs.command(peer_pid, transferring.START, person())
        two.provider.node.worker.wake()
        stand("STARTED")
        ours.command(pid, transferring.SUSPENSION, person(), code="no-room", reason=[])
        two.consumer.node.worker.wake()
        stand("SUSPENDED")
        ours.command(pid, transferring.TERMINATION, person(), code="given-up", reason=["no room"])
        two.consumer.node.worker.wake()
        stand("TERMINATED")
    assert both(two, pid) == (
        [transferring.REQUEST, transferring.SUSPENSION, transferring.TERMINATION],
        [transferring.START, transferring.SUSPENSION, transferring.START],
    )


# ---- what is answered without a process -----------------------------------------------------------------------


def test_catalogue_dataset_and_versions(two: Pair) -> None:
    mine = {
        "permission": {
            "action": {"@id": "odrl:use"},
            "constraint": {"leftOperand": "odrl:dateTime", "operator": "odrl:lteq", "rightOperand": "2030-01-01"},
        }
    }
    datasets = [
        publish(two.provider, f"listed-{number}", conditions=conditions)["iri"]
        for number, conditions in enumerate(("open", {"template": "members", "region": two.provider.did}, mine))
    ]
    with two.consumer.http() as http:
        asked = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"}
        answer = http.post(f"{two.provider.dsp}/catalog/request", json=asked, headers=_token(two))
        assert answer.status_code == 200
        catalog = answer.json()
        assert faults(catalog) == []
        assert set(datasets) <= {one["@id"] for one in catalog["dataset"]}
        for iri in datasets:
            answer = http.get(f"{two.provider.dsp}/catalog/datasets/{iri}", headers=_token(two))
            assert answer.status_code == 200
            assert faults(answer.json()) == []
            assert answer.json()["@id"] == iri
        empty = http.post(
            f"{two.consumer.dsp}/catalog/request", json=asked, headers=two.provider.as_participant(two.consumer)
        )
        assert faults(empty.json()) == []
        assert "dataset" not in empty.json(), "an empty array would be invalid"
        versions = http.get(f"{two.provider.url}/.well-known/dspace-version").json()
        assert faults(versions, PROTOCOL_VERSION) == []
        assert {"version": "2025-1", "path": "/dsp/2025-1", "binding": "HTTPS"} in versions["protocolVersions"]


def test_the_services_of_the_did_document(two: Pair) -> None:
    with two.provider.http() as http:
        services = http.get("/.well-known/did.json").json()["service"]
    catalogues = [one for one in services if one["type"] == "CatalogService"]
    assert len(catalogues) == 1
    assert faults(catalogues[0], DID_SERVICE) == []
    for service in services:
        if service["type"] == "DataService":
            # The published schema demands that this one end in /catalog too; the text of the standard does not.
            assert service["serviceEndpoint"].endswith("/.well-known/dspace-version")


@dataclass(frozen=True)
class Wrong:
    """A request that must be refused with an error object."""

    path: str
    body: Any = None
    status: int = 400
    kind: str = "ContractNegotiationError"
    anonymous: bool = False

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


_HEAD = {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"]}
_PIDS = {"providerPid": ABSENT, "consumerPid": ABSENT}
_EVENT = {**_HEAD, "@type": "ContractNegotiationEventMessage", **_PIDS, "eventType": "ACCEPTED"}
_START = {**_HEAD, "@type": "TransferStartMessage", **_PIDS}
WRONG = {
    "unknown negotiation": Wrong(f"/negotiations/{ABSENT}", status=404),
    "message to an unknown negotiation": Wrong(f"/negotiations/{ABSENT}/events", _EVENT, status=404),
    "negotiation without token": Wrong(f"/negotiations/{ABSENT}", status=404, anonymous=True),
    "opening without token": Wrong("/negotiations/request", {}, status=401, anonymous=True),
    "no JSON": Wrong("/negotiations/request", b"{"),
    "an array": Wrong("/negotiations/request", []),
    "another type": Wrong("/negotiations/request", _EVENT),
    "no context": Wrong("/negotiations/request", {"@type": "ContractRequestMessage"}),
    "a context of somebody else's": Wrong(
        "/negotiations/request", {"@context": "https://x.example/c", "@type": "ContractRequestMessage"}
    ),
    "a context that imports": Wrong(
        f"/negotiations/{ABSENT}/events",
        {**_EVENT, "@context": {"@import": "https://x.example/c", "@vocab": "https://w3id.org/dspace/2025/1/"}},
    ),
    "a context in a circle": Wrong(
        f"/transfers/{ABSENT}/start", {**_START, "@context": {"a": "b:x", "b": "a:x"}}, kind="TransferError"
    ),
    "reversed": Wrong(f"/negotiations/{ABSENT}/events", {**_EVENT, "@reverse": {"x": {"@id": "urn:1"}}}),
    "several nodes": Wrong("/catalog/request", [_EVENT, _EVENT], kind="CatalogError"),
    "deeply nested": Wrong("/negotiations/request", b"[" * 5000 + b"]" * 5000),
    "deeply nested inside": Wrong(
        "/transfers/request", b'{"@context":[],"x":' + b'{"@graph":' * 400 + b"1" + b"}" * 401, kind="TransferError"
    ),
    "a message of another version": Wrong(
        f"/negotiations/{ABSENT}/events", {**_EVENT, "@context": ["https://w3id.org/dspace/2024/1/context.json"]}
    ),
    "a pid that is a number": Wrong(f"/negotiations/{ABSENT}/events", {**_EVENT, "providerPid": 7}),
    "unknown transfer": Wrong(f"/transfers/{ABSENT}", status=404, kind="TransferError"),
    "message to an unknown transfer": Wrong(f"/transfers/{ABSENT}/start", _START, status=404, kind="TransferError"),
    "transfer without token": Wrong(f"/transfers/{ABSENT}", status=404, kind="TransferError", anonymous=True),
    "transfer, no JSON": Wrong("/transfers/request", b"\xff", kind="TransferError"),
    "unknown dataset": Wrong(f"/catalog/datasets/{ABSENT}", status=404, kind="CatalogError"),
    "catalogue without token": Wrong("/catalog/request", {}, status=401, kind="CatalogError", anonymous=True),
    "filter of another making": Wrong(
        "/catalog/request",
        {**_HEAD, "@type": "CatalogRequestMessage", "filter": [{"sql": "1=1"}]},
        kind="CatalogError",
    ),
    "catalogue, no JSON": Wrong("/catalog/request", b"[", kind="CatalogError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_are_the_protocols_own_objects(two: Pair, name: str) -> None:
    wrong = WRONG[name]
    headers = {} if wrong.anonymous else _token(two)
    body = wrong.body if isinstance(wrong.body, bytes | None) else json.dumps(wrong.body).encode()
    with two.consumer.http() as http:
        answer: httpx2.Response = http.request(
            wrong.method, two.provider.dsp + wrong.path, content=body, headers=headers
        )
    assert answer.status_code == wrong.status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()
    assert error["@type"] == wrong.kind
    assert faults(error) == []
    assert error["code"]
    assert error["reason"]


def test_all_types_were_seen() -> None:
    """This module and its schemas cover the protocol: a new type needs a new line here."""
    assert len(SCHEMA_OF) == 19


def _token(two: Pair) -> dict[str, str]:
    return two.consumer.as_participant(two.provider)
