"""Sixty names of one host are one host: what participants may keep open here for whom nobody vouches is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import TooMany
from node.base.ids import new_urn
from node.base.jsons import canonical
from node.dialogue.stranger_limits import OVERHEAD, host_of
from node.identity.model import Caller, Credential
from node.negotiation import messages
from tests.nodes import Running, agree, offer_of, publish, running

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
CALLERS = 64
REGION = "did:web:region.example"
BYTES = 256 << 10
SMALL: dict[str, Any] = {
    "strangers_open_per_host": 5,
    "strangers_open": 12,
    "strangers_bytes_per_host": BYTES,
    "strangers_bytes": 2 * BYTES,
}


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "provider", template=sqlite_template, **SMALL) as started:
        yield started


def stranger(number: int, host: str = "strangers.example", address: str = "198.51.100.7") -> Caller:
    return Caller(did=f"did:web:{host}:{number}", address=address)


def vouched(did: str) -> Credential:
    now = datetime.now(UTC)
    return Credential(
        id="urn:c", types=("MembershipCredential",), issuer=REGION, subject=did, valid_from=now, valid_until=None
    )


def ask(node: Running, dataset: dict[str, Any], caller: Caller, padding: int = 0) -> dict[str, Any]:
    rule = {"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}
    message = {
        "@context": CONTEXT,
        "@type": "ContractRequestMessage",
        "@id": new_urn(),
        "consumerPid": new_urn(),
        "callbackAddress": "https://strangers.example/dsp",
        "offer": {
            **offer_of(node, dataset["iri"]),
            "target": dataset["iri"],
            "permission": [rule, *([{"action": "odrl:" + "x" * padding}] if padding else [])],
        },
    }
    incoming = messages.read(canonical(message), "ContractRequestMessage")
    return dict(node.node.protocol.negotiation.negotiations.receive_request(caller, incoming).body)


def outcomes(node: Running, dataset: dict[str, Any], callers: list[Caller]) -> Counter[str]:
    def outcome(caller: Caller) -> str:
        try:
            ask(node, dataset, caller)
        except TooMany as refusal:
            return "refused" if refusal.remedy and refusal.facts["retryAfter"] else "not told how"
        return "taken"

    with ThreadPoolExecutor(8) as crowd:
        return Counter(crowd.map(outcome, callers))


def test_many_names_of_one_host_have_what_one_host_has(node: Running) -> None:
    dataset = publish(node, "asks", conditions=ASKS)
    callers = [stranger(number, address=f"203.0.113.{number}") for number in range(CALLERS)]
    assert outcomes(node, dataset, callers) == {"taken": 5, "refused": CALLERS - 5}


def test_many_hosts_at_one_address_have_what_one_address_has(node: Running) -> None:
    dataset = publish(node, "asks", conditions=ASKS)
    callers = [stranger(1, host=f"n{number}.strangers.example") for number in range(CALLERS)]
    assert outcomes(node, dataset, callers) == {"taken": 5, "refused": CALLERS - 5}


def test_all_strangers_have_a_bound_and_members_have_not(node: Running) -> None:
    dataset = publish(node, "asks", conditions=ASKS)
    callers = [stranger(1, f"n{number}.example", f"203.0.113.{number}") for number in range(CALLERS)]
    assert outcomes(node, dataset, callers) == {"taken": 12, "refused": CALLERS - 12}
    members = [replace(one, did=f"{one.did}x", credentials=(vouched(f"{one.did}x"),)) for one in callers[:20]]
    assert outcomes(node, dataset, members) == {"taken": 20}


def test_what_has_ended_makes_room(node: Running) -> None:
    dataset = publish(node, "asks", conditions=ASKS)
    pids = [ask(node, dataset, stranger(number)) for number in range(5)]
    with pytest.raises(TooMany, match="5 negotiations and transfers open"):
        ask(node, dataset, stranger(9))
    ids = {name: pids[0][name] for name in ("providerPid", "consumerPid")}
    body = {"@context": CONTEXT, "@type": "ContractNegotiationTerminationMessage", "@id": new_urn(), **ids}
    ended = messages.read(canonical(body), "ContractNegotiationTerminationMessage")
    assert node.node.protocol.negotiation.negotiations.receive(ids["providerPid"], stranger(0), ended).status == 200
    assert ask(node, dataset, stranger(9))["state"] == "REQUESTED"


def test_bytes_are_counted_over_a_restart(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "provider", template=sqlite_template, **SMALL) as node:
        dataset = publish(node, "asks", conditions=ASKS)
        ask(node, dataset, stranger(1), padding=BYTES - 8 * OVERHEAD)
    with running(tmp_path / "provider", template=sqlite_template) as node:
        with pytest.raises(TooMany, match="bytes of messages stored today") as refusal:
            ask(node, dataset, stranger(2), padding=8 * OVERHEAD)
        assert 0 < refusal.value.facts["retryAfter"] <= 86400
        assert ask(node, dataset, stranger(2, "other.example", "203.0.113.1"))["state"] == "REQUESTED"


def test_over_the_wire_it_is_the_protocols_error(tmp_path: Path, sqlite_template: Path) -> None:
    small = {**SMALL, "strangers_open_per_host": 1}
    with (
        running(tmp_path / "provider", template=sqlite_template, **small) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
        provider.http() as http,
    ):
        dataset = publish(provider, "asks", conditions=ASKS)
        answers = []
        for _ in range(2):
            body = {
                "@context": CONTEXT,
                "@type": "ContractRequestMessage",
                "@id": new_urn(),
                "consumerPid": new_urn(),
                "callbackAddress": consumer.dsp,
                "offer": {**offer_of(provider, dataset["iri"]), "target": dataset["iri"]},
            }
            header = consumer.as_participant(provider)
            answers.append(http.post(f"{provider.dsp}/negotiations/request", json=body, headers=header))
        assert [one.status_code for one in answers] == [201, 429]
        assert answers[1].headers["Retry-After"] == "5"
        told = answers[1].json()
        assert (told["@type"], told["code"]) == ("ContractNegotiationError", "too-many-requests")
        assert "without a credential that counts here" in told["reason"][0]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(("size", "status"), [(900_000, 413), (4_000, 201)])
def test_members_that_nobody_knows_are_modest(
    tmp_path: Path, sqlite_template: Path, size: int, status: int, inside: bool
) -> None:
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
        provider.http() as http,
    ):
        dataset = publish(provider, "asks", conditions=ASKS)
        more = {"https://strangers.example/more": {"said": "x" * size}}
        body = {
            "@context": CONTEXT,
            "@type": "ContractRequestMessage",
            "@id": new_urn(),
            "consumerPid": new_urn(),
            "callbackAddress": consumer.dsp,
            "offer": {**offer_of(provider, dataset["iri"]), "target": dataset["iri"], **(more if inside else {})},
            **({} if inside else more),
        }
        header = consumer.as_participant(provider)
        answer = http.post(f"{provider.dsp}/negotiations/request", json=body, headers=header)
        assert answer.status_code == status, answer.text
        if status == 413:
            assert "the limit is 16384" in answer.json()["reason"][0]
        with provider.node.parts.stores.uow.read() as tx:
            held = provider.node.parts.stores.negotiation.negotiations.select(tx)
        assert len(held) == (status == 201)


def test_ordinary_use_does_not_meet_the_bounds(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        iri = publish(provider, "open")["iri"]
        assert {agree(consumer, iri)["state"] for _ in range(3)} == {"FINALIZED"}


def test_hosts() -> None:
    assert host_of("did:web:data.ghent.example%3A8443:a:b") == "data.ghent.example"
    assert host_of("did:web:127.0.0.1%3A4000:a") == "127.0.0.1%3A4000"
