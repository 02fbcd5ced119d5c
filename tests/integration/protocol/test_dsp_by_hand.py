"""What people of either side do to negotiations and transfers, between two real nodes.

Offers that a provider makes unasked, transfers that are suspended in the middle of their bytes and go on, and
commands that come too late.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.base.clock import moment
from node.base.errors import HansaError
from node.cli.main import run
from node.dialogue.process import Role
from node.web import data
from tests.nodes import Pair, Running, agree, publish, running, until

SEALED = {"permission": [{"action": "odrl:use"}], "https://w3id.org/hansa/ns#sealed": True}
BIG = b"hour,count\n" + b"2026-01-01T00,12\n" * 60_000


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("hand")
    with ExitStack() as stack:
        # A running read is looked at again soon, so that the tests need not wait for it.
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(data, "Pace", partial(data.Pace, recheck_seconds=0.1))
        provider = stack.enter_context(
            running(home / "provider", template=sqlite_template, send_bytes_per_second=384 << 10)
        )
        consumer = stack.enter_context(running(home / "consumer", template=sqlite_template))
        yield Pair(provider, consumer)


def say(node: Running, path: str, reason: str = "", status: int = 200) -> dict[str, Any]:
    """A person of ``node`` posts to the management API."""
    with node.http(headers=node.person()) as http:
        answer = http.post(path, json={"reason": reason})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def look(node: Running, kind: str, pid: str) -> dict[str, Any]:
    with node.http(headers=node.person()) as http:
        found: dict[str, Any] = http.get(f"/api/{kind}/{pid}").json()
        return found


def offered(two: Pair, slug: str) -> tuple[str, str]:
    """The provider offers unasked: (its process id, the consumer's)."""
    dataset = publish(two.provider, slug)["iri"]
    begun = two.provider.node.protocol.negotiation.negotiations.offer(
        consumer=two.consumer.did, address=two.consumer.dsp, dataset=dataset
    )
    there = until("the consumer has the offer", lambda: look(two.provider, "negotiations", begun.pid)["peerPid"])
    return begun.pid, there


def test_an_offer_that_nobody_asked_for_waits_for_a_person(two: Pair) -> None:
    theirs, ours = offered(two, "unasked")
    waiting = look(two.consumer, "negotiations", ours)
    assert (waiting["state"], waiting["role"], waiting["pending"]) == ("OFFERED", "consumer", None)
    assert look(two.provider, "negotiations", theirs)["state"] == "OFFERED"
    say(two.consumer, f"/api/negotiations/{ours}/accept")
    until("both are done", lambda: look(two.provider, "negotiations", theirs)["state"] == "FINALIZED")
    final = until(
        "the consumer is done",
        lambda: (found := look(two.consumer, "negotiations", ours))["state"] == "FINALIZED" and found,
    )
    assert [one["message"].rpartition(":")[2] for one in final["messages"]] == [
        "ContractOfferMessage",
        "ACCEPTED",
        "ContractAgreementMessage",
        "ContractAgreementVerificationMessage",
        "FINALIZED",
    ]
    assert final["agreementId"]


def asked(node: Running, pid: str) -> dict[str, Any]:
    """Decisions that wait for a person of ``node`` about this negotiation."""
    with node.client() as client:
        return until("it waits", lambda: next((one for one in client.decisions() if one["subject"] == pid), {}))


@pytest.mark.parametrize(("approve", "end"), [(True, "FINALIZED"), (False, "TERMINATED")])
def test_a_person_decides_about_an_offer_that_nobody_asked_for(two: Pair, approve: bool, end: str) -> None:
    theirs, ours = offered(two, f"unasked-{end.lower()}")
    waiting = asked(two.consumer, ours)
    assert (waiting["kind"], waiting["peer"], waiting["details"]["dataset"]) == (
        "offer",
        two.provider.did,
        look(two.consumer, "negotiations", ours)["dataset"],
    )
    assert waiting["due"] > waiting["at"]
    assert waiting["summary"]["en"]
    session = two.consumer.node.people.users.accounts.issue_token("admin", "", timedelta(minutes=5), kind="session")
    with two.consumer.http(headers={"Cookie": f"hansa_session={session}", "Accept-Language": "en"}) as http:
        page = http.get("/decisions").text
    assert "Offer to this node" in page
    assert f"-{end.lower()}</code>" in page, "an asset without a description here goes by its address"
    with two.consumer.client() as client:
        client.decide(waiting["id"], approve=approve, reason=None if approve else "no use for it")
    for node, pid in ((two.provider, theirs), (two.consumer, ours)):
        ended = until("it ended", lambda: (found := look(node, "negotiations", pid))["state"] == end and found)  # noqa: B023
        assert approve or ended["reason"] == ["no use for it"]


def test_an_offer_that_nobody_decides_about_is_declined_in_time(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = offered(two, "unasked-and-late")
    waiting = asked(two.consumer, ours)
    decisions = two.consumer.node.protocol.negotiation.decisions

    class Later:
        def now(self) -> datetime:
            return moment(waiting["due"]) + timedelta(seconds=1)

    monkeypatch.setattr(decisions, "_clock", Later())
    assert asyncio.run(decisions.expire()) >= 1
    until("it ended", lambda: look(two.provider, "negotiations", theirs)["state"] == "TERMINATED")


@pytest.mark.parametrize("who", ["the consumer", "the provider"])
def test_what_settles_an_offer_otherwise_takes_the_question_away(two: Pair, who: str) -> None:
    theirs, ours = offered(two, f"unasked-settled-by-{who.split()[1]}")
    asked(two.consumer, ours)
    if who == "the consumer":
        say(two.consumer, f"/api/negotiations/{ours}/accept")
    else:
        say(two.provider, f"/api/negotiations/{theirs}/terminate", "a mistake")
    with two.consumer.client() as client:
        until("it is gone", lambda: ours not in [one["subject"] for one in client.decisions()])


def test_a_person_reads_what_an_offer_says_beside_its_terms(two: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """In the terminal and on the page: whoever accepts it signs that too."""
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractOfferMessage",
        "providerPid": "urn:uuid:1c0f1c0e-0000-4000-8000-000000000004",
        "callbackAddress": two.provider.dsp,
        "offer": {
            "@id": "urn:offer:penalty",
            "@type": "Offer",
            "target": f"{two.provider.url}/datasets/costly",
            "permission": [{"action": "odrl:use"}],
            "https://example.org/penalty": "the assignee pays <b>1,000,000 EUR</b>",
        },
    }
    with two.consumer.http() as http:
        answer = http.post(
            f"{two.consumer.dsp}/negotiations/offers", json=message, headers=two.provider.as_participant(two.consumer)
        )
    assert answer.status_code == 201, answer.text
    ours = answer.json()["consumerPid"]
    assert asked(two.consumer, ours)["details"]["beside"] == [
        {"name": "https://example.org/penalty", "value": "the assignee pays <b>1,000,000 EUR</b>"}
    ]
    assert run(["decide", "--node", str(two.consumer.folder)]) == 0
    assert "1,000,000 EUR" in capsys.readouterr().out
    assert run(["negotiation", ours, "--node", str(two.consumer.folder)]) == 0
    shown = capsys.readouterr().out.strip()
    assert "1,000,000 EUR" in shown
    assert "Next: hansa decide" in shown.splitlines()[-1], "what to do stands last"
    session = two.consumer.node.people.users.accounts.issue_token("admin", "", timedelta(minutes=5), kind="session")
    with two.consumer.http(headers={"Cookie": f"hansa_session={session}", "Accept-Language": "en"}) as http:
        page = http.get("/decisions").text
    assert "the assignee pays &lt;b&gt;1,000,000 EUR" in page
    say(two.consumer, f"/api/negotiations/{ours}/terminate", "no")


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/datasets/d", "urn:data", "https://[/datasets/d", "own"]
)
def test_nobody_offers_what_is_not_its_own(two: Pair, target: str) -> None:
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractOfferMessage",
        "providerPid": "urn:uuid:1c0f1c0e-0000-4000-8000-000000000003",
        "callbackAddress": two.provider.dsp,
        "offer": {
            "@id": "urn:offer",
            "@type": "Offer",
            "target": publish(two.consumer, "own")["iri"] if target == "own" else target,
            "permission": [{"action": "odrl:use"}],
        },
    }
    with two.consumer.http() as http:
        answer = http.post(
            f"{two.consumer.dsp}/negotiations/offers", json=message, headers=two.provider.as_participant(two.consumer)
        )
    assert answer.status_code == 400
    assert answer.json()["@type"] == "ContractNegotiationError"
    assert "asset of yours" in answer.json()["reason"][0]


def test_the_same_unasked_offer_again_is_the_same_negotiation(two: Pair) -> None:
    theirs, ours = offered(two, "unasked-twice")
    (sent,) = [one for one in two.provider.exchanges(theirs) if one.outgoing]
    headers = {"Content-Type": "application/json", **two.provider.as_participant(two.consumer)}
    with two.consumer.http() as http:
        again = http.post(f"{two.consumer.dsp}/negotiations/offers", content=sent.body, headers=headers)
    assert again.status_code == 201
    assert again.json()["consumerPid"] == ours
    stores = two.consumer.node.parts.stores
    with stores.uow.read() as tx:
        held = stores.negotiation.negotiations.by_peer(tx, two.provider.did, theirs, Role.CONSUMER)
        assert held is not None
        assert len(stores.negotiation.negotiations.exchanges(tx, ours)) == 1


@pytest.mark.parametrize("missing", ["callbackAddress", "target"])
def test_an_unasked_offer_needs_its_parts(two: Pair, missing: str) -> None:
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "ContractOfferMessage",
        "providerPid": "urn:uuid:1c0f1c0e-0000-4000-8000-000000000001",
        "callbackAddress": two.provider.dsp,
        "offer": {"@id": "urn:offer", "@type": "Offer", "target": "urn:data", "permission": [{"action": "odrl:use"}]},
    }
    if missing == "target":
        del message["offer"]["target"]  # type: ignore[attr-defined]
    else:
        del message[missing]
        message["consumerPid"] = "urn:uuid:1c0f1c0e-0000-4000-8000-000000000002"
    with two.consumer.http() as http:
        answer = http.post(
            f"{two.consumer.dsp}/negotiations/offers", json=message, headers=two.provider.as_participant(two.consumer)
        )
    assert answer.status_code == 400
    assert answer.json()["@type"] == "ContractNegotiationError"


def started(two: Pair, slug: str, *, sealed: bool = False) -> tuple[str, str]:
    """A transfer in the middle of its bytes: (the consumer's process id, the provider's)."""
    published = publish(two.provider, slug, data=BIG, conditions=SEALED if sealed else "open")
    agreement = agree(two.consumer, published["iri"])["agreementId"]
    with two.consumer.client() as client:
        pid = client.transfer(agreement)["pid"]
    until(
        "some bytes are here",
        lambda: ((look(two.consumer, "transfers", pid)["reception"] or {}).get("expected") or 0) > 0,
    )
    return pid, look(two.consumer, "transfers", pid)["peerPid"]


def stand(two: Pair, ours: str, theirs: str, state: str) -> None:
    def both() -> bool:
        here, there = look(two.consumer, "transfers", ours), look(two.provider, "transfers", theirs)
        return here["state"] == there["state"] == state and not here["pending"] and not there["pending"]

    until(f"both sides say {state}", both)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pauser", "resumer"), [("provider", "provider"), ("consumer", "provider"), ("consumer", "consumer")]
)
def test_a_suspended_transfer_goes_on_and_all_bytes_arrive(two: Pair, pauser: str, resumer: str) -> None:
    ours, theirs = started(two, f"long-{pauser}-{resumer}", sealed=pauser == resumer)
    pids = {"provider": theirs, "consumer": ours}
    told = say(getattr(two, pauser), f"/api/transfers/{pids[pauser]}/suspend", "until noon")
    assert told["pending"] == "TransferSuspensionMessage"
    stand(two, ours, theirs, "SUSPENDED")
    assert look(two.consumer, "transfers", ours)["reason"] == ["until noon"]
    until("nothing is read", lambda: two.consumer.node.worker.busy == 0)
    reception = look(two.consumer, "transfers", ours)["reception"]
    assert (reception["state"], reception["sealed"]) == ("receiving", pauser == resumer)
    say(getattr(two, resumer), f"/api/transfers/{pids[resumer]}/resume")
    until(
        "the bytes are here",
        lambda: (look(two.consumer, "transfers", ours)["reception"] or {}).get("state") == "done",
    )
    stand(two, ours, theirs, "COMPLETED")
    with two.consumer.http(headers=two.consumer.person()) as http:
        content = http.get(f"/api/transfers/{ours}/content").content
    assert hashlib.sha256(content).digest() == hashlib.sha256(BIG).digest()


def test_a_consumer_does_not_resume_what_the_provider_has_suspended(two: Pair) -> None:
    ours, theirs = started(two, "not-yours")
    say(two.provider, f"/api/transfers/{theirs}/suspend", "until noon")
    stand(two, ours, theirs, "SUSPENDED")
    assert "the provider has suspended" in say(two.consumer, f"/api/transfers/{ours}/resume", status=409)["detail"]
    message = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "TransferStartMessage",
        "@id": "urn:uuid:1c0f1c0e-0000-4000-8000-000000000009",
        "providerPid": theirs,
        "consumerPid": ours,
    }
    with two.provider.http() as http:
        answer = http.post(
            f"{two.provider.dsp}/transfers/{theirs}/start",
            json=message,
            headers=two.consumer.as_participant(two.provider),
        )
    assert answer.status_code == 403
    assert answer.json()["@type"] == "TransferError"
    stand(two, ours, theirs, "SUSPENDED")
    say(two.provider, f"/api/transfers/{theirs}/terminate")
    stand(two, ours, theirs, "TERMINATED")


def test_a_terminated_transfer_is_over_for_good(two: Pair) -> None:
    ours, theirs = started(two, "cut-short")
    say(two.provider, f"/api/transfers/{theirs}/terminate", "enough")
    stand(two, ours, theirs, "TERMINATED")
    for verb in ("suspend", "resume", "complete", "terminate"):
        problem = say(two.provider, f"/api/transfers/{theirs}/{verb}", status=409)
        assert "TERMINATED" in problem["detail"]


def test_a_peer_that_does_not_answer_keeps_no_access(two: Pair) -> None:
    """The access is closed when the suspension is decided, not when the consumer takes note of it."""
    ours, theirs = started(two, "closed-at-once")
    stores = two.provider.node.parts.stores
    told = say(two.provider, f"/api/transfers/{theirs}/suspend")
    assert told["state"] == "STARTED"
    with stores.uow.read() as tx:
        grant = stores.transfer.grants.by_transfer(tx, theirs)
    assert grant is not None
    assert grant.closed
    stand(two, ours, theirs, "SUSPENDED")
    say(two.consumer, f"/api/transfers/{ours}/terminate")
    stand(two, ours, theirs, "TERMINATED")


def test_commands_are_for_those_who_may(two: Pair) -> None:
    with two.consumer.http() as http:
        for path in ("/api/transfers/urn:x/resume", "/api/negotiations/urn:x/accept"):
            assert http.post(path, json={"reason": ""}).status_code == 401
    for path in ("/api/transfers/urn:x/resume", "/api/negotiations/urn:x/accept"):
        say(two.consumer, path, status=404)


def test_nothing_is_offered_that_is_not_there(two: Pair) -> None:
    with pytest.raises(HansaError):
        two.provider.node.protocol.negotiation.negotiations.offer(
            consumer=two.consumer.did, address=two.consumer.dsp, dataset=f"{two.provider.url}/datasets/nothing"
        )
