"""Who may not: every route by who asks, and another's process does not exist.

The matrix is made from the application's own table of routes, so that a new route is in it by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.dialogue.wire import in_version
from node.identity.model import UserRole
from node.transfer import machine as transferring
from node.transfer import strategy as transfer_strategy
from node.vocab.dsp import V2024_1
from tests.conformance.dsp import faults
from tests.integration.hostile import footprint, read_problem, routes, who
from tests.nodes import Running, agree, publish, running, until

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]


class Unhurried:
    """Fetches nothing by itself, so that a transfer stays where it can be meddled with."""

    def next(self, look: transfer_strategy.Look) -> transfer_strategy.Action:
        action = transfer_strategy.StandardStrategy().next(look)
        return transfer_strategy.Hold() if isinstance(action, transfer_strategy.Receive) else action


@dataclass
class Three:
    """A provider and a consumer with something between them, and a third who has nothing to do with it."""

    provider: Running
    consumer: Running
    stranger: Running
    finalized: str
    waiting: str
    started: str
    agreement: str

    def pids(self, node: Running) -> Iterator[str]:
        """The ids of the processes as ``node`` knows them, without those that the stranger has itself: another test
        may have run before."""
        stores = node.node.parts.stores
        with stores.uow.read() as tx:
            for store in (stores.negotiation.negotiations, stores.transfer.transfers):
                yield from (one.pid for one in store.select(tx, limit=100) if one.peer != self.stranger.did)

    def peer_pid(self, pid: str) -> str:
        stores = self.consumer.node.parts.stores
        with stores.uow.read() as tx:
            found = stores.negotiation.negotiations.get(tx, pid) or stores.transfer.transfers.get(tx, pid)
        assert found is not None
        return str(found.peer_pid)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Three]:
    home = tmp_path_factory.mktemp("three")
    with ExitStack() as stack:
        provider, consumer, stranger = (
            stack.enter_context(
                running(
                    home / name,
                    template=sqlite_template,
                    issuer=name == "provider",
                    options={"transfer_strategy": Unhurried()},
                )
            )
            for name in ("provider", "consumer", "stranger")
        )
        counts = publish(provider, "counts")
        ask = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
        asked = publish(provider, "asks-first", conditions=ask)
        final = agree(consumer, counts["iri"])
        with consumer.client() as client, provider.client() as office:
            waiting = client.negotiate(asked["iri"])["pid"]
            until("a person is asked", office.decisions)
            started = client.transfer(final["agreementId"])["pid"]
            until("it has started", lambda: client.transfer_state(started)["state"] == "STARTED")
        yield Three(provider, consumer, stranger, final["pid"], waiting, started, final["agreementId"])


def filled(path: str, value: str = "urn:uuid:1") -> str:
    return re.sub(r"\{[^}]+\}", quote(value, safe=":"), path)


GOOD_BODIES: dict[str, Any] = {
    "/api/accounts": {"login": "eve", "roles": ["operator"], "password": "a long password for eve"},
    "/api/accounts/{login}": {"disabled": True},
    "/api/accounts/{login}/password": {"password": "a long password for eve"},
    "/api/blocks": {"did": "did:web:x.example", "reason": "x"},
    "/api/place": {"name": "Gent"},
    "/api/decisions/{decision_id}": {"approve": True},
    "/api/negotiations": {"dataset": "http://127.0.0.1:1/datasets/x"},
    "/api/transfers": {"agreementId": "urn:uuid:1"},
    "/api/agreements/{agreement_id}/query": {"sql": "SELECT 1"},
    "/api/negotiations/{pid}/counter": {"ask": "open"},
    "/api/conditions/check": {"conditions": "open"},
    "/api/eligibility": {"dataset": "urn:x", "conditions": "open"},
    "/api/limits": {"dataset": "urn:x", "conditions": "open"},
    "/api/values/table": {"choices": [{"field": "theme", "text": "x", "value": "TRAN"}]},
    "/api/harvests/{name}": {"url": "http://127.0.0.1:1"},
    "/query/{pid}": {"sql": "SELECT * FROM data LIMIT 10"},
    "/api/sources/{name}": {"kind": "http", "address": "http://127.0.0.1:1/"},
    "/api/webhooks": {"name": "night-job", "address": "http://127.0.0.1:1/events"},
    "/live/{pid}/ngsi-ld/v1/subscriptions": {
        "type": "Subscription",
        "entities": [{"type": "Counter"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:1/x"}},
    },
    "/api/bridges": {"agreement": "urn:uuid:1", "to": "broker:bus/city/counters"},
    "/api/shipments": {"transfer": "urn:uuid:1", "source": "gis"},
    "/api/shipments/orders": {"agreement": "urn:uuid:1", "source": "gis"},
    "/api/streams/{name}/broker": {"source": "sensors", "topic": "city/counters/+"},
    "/api/streams/{name}": {"schema": {"properties": {"at": {"type": "string"}}}},
    "/api/join": {"region": "http://127.0.0.1:1"},
    "/api/region/leave": {"reason": "x"},
    "/api/region/templates/{name}": {"label": {"en": "x"}, "conditions": "members"},
    "/api/rulebook": {"fields": {"text": "x", "changes": "x"}, "follows": 1},
    "/api/records": {"fields": {"kind": "dataset"}},
    "/api/subscriptions": {"iri": "urn:x"},
    "/api/subscriptions/seen": {"mark": "x"},
    "/api/subscriptions/mail": {"address": "eve@x.example"},
    "/api/questions": {"iri": "urn:x", "text": "Why so?"},
    "/api/questions/{question_id}/answer": {"text": "So.", "public": True},
    "/api/questions/{question_id}/refuse": {"reason": "So."},
    "/api/questions/{question_id}/hide": {"reason": "So."},
    "/api/erasures": {"iri": "urn:x", "reason": "x"},
    "/api/records/changes": {"assets": [{"iri": "urn:x"}], "license": "CC0-1.0"},
    "/api/members": {"url": "http://127.0.0.1:1"},
    "/api/second-factor": {"password": "x"},
    "/api/second-factor/confirm": {"code": "123456"},
    "/api/second-factor/remove": {"password": "x", "code": "123456"},
    "/api/tokens": {"label": "x", "password": "x"},
    "/api/keys/revoke": {"key": "x", "as_of": "2026-01-01T00:00:00Z", "reason": "x"},
}
"""What these addresses take, so that it is the caller who is found wanting and not the body."""


def _body(method: str, path: str) -> dict[str, Any]:
    params = {"iri": "urn:x", "url": "urn:x", "query": "ASK{}", "dataset": "urn:x", "region": "http://127.0.0.1:1"}
    return {"params": params} if method == "GET" else {"params": params, "json": GOOD_BODIES.get(path, {})}


def test_every_route_is_for_somebody(three: Three) -> None:
    found = {(method, path): who(method, path) for method, path in routes(three.provider)}
    assert len(found) > 90
    assert set(found.values()) == {
        "everybody",
        "participants",
        "callers of models",
        "people",
        "pages of people",
    }


def test_nobody_passes_as_somebody(three: Three) -> None:
    """Anonymous requests, at every route that is not for everybody, with real ids where there are any."""
    before = footprint(three.provider)
    ids = ["urn:uuid:1", *three.pids(three.provider), three.agreement]
    with three.provider.http(follow_redirects=False) as http:
        for method, path in routes(three.provider):
            for value in ids if "{" in path else ids[:1]:
                answer = http.request(method, filled(path, value), **_body(method, path))
                match who(method, path):
                    case "participants" if path.startswith(("/ledger", "/pushed", "/notices/{session}")):
                        read_problem(answer, 404)
                    case "participants" if re.match(r"/dsp/[^/]+/(negotiations|transfers)/\{", path):
                        assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
                        assert "not-found" in answer.text
                    case "participants":
                        assert answer.status_code == 401, (method, path, answer.status_code, answer.text)
                    case "callers of models":
                        # Whether there is such a model is told to nobody who may not see it.
                        expected = 404 if path.endswith("/execution") else 401
                        assert answer.status_code == expected, (method, path, answer.status_code, answer.text)
                    case "people":
                        # Following other nodes is refused to nobody in the words in which it is to somebody.
                        expected = 403 if path == "/api/members" or path.startswith("/api/members/") else 401
                        assert answer.status_code == expected, (method, path, answer.status_code, answer.text)
                    case "pages of people":
                        assert answer.status_code in (303, 401, 403, 415), (method, path, answer.status_code)
                        assert "urn:uuid:0" not in answer.text
                assert answer.status_code < 500, (method, path, answer.text)
    assert footprint(three.provider) == before


def test_people_of_other_nodes_are_nobody_here(three: Three) -> None:
    with three.provider.http(headers=three.consumer.person()) as http:
        for method, path in routes(three.provider):
            if who(method, path) == "people":
                answer = http.request(method, filled(path), **_body(method, path))
                assert answer.status_code == 401, (method, path, answer.status_code)


_FOR_ANY_PERSON = {
    *("/api/tokens", "/api/tokens/{sha256}", "/api/sessions/{sha256}", "/api/verify", "/api/region/sparql"),
    *("/api/second-factor", "/api/second-factor/confirm", "/api/second-factor/remove"),
    *("/api/subscriptions", "/api/subscriptions/seen", "/api/subscriptions/feed"),
    "/api/subscriptions/mail",
    "/api/subscriptions/{subscription_id}",
    *("/api/questions", "/api/questions/seen"),
}
"""What somebody who may only look does for themselves, or what changes nothing."""


def test_auditors_change_nothing(three: Three) -> None:
    accounts = three.provider.node.people.users.accounts
    accounts.add_locally("auditor", "Auditor", [UserRole.AUDITOR], "a long password for looking")
    token = accounts.issue_token("auditor", "x", timedelta(hours=1))
    before = footprint(three.provider)
    with three.provider.client() as office, three.provider.http(headers={"Authorization": f"Bearer {token}"}) as http:
        decision = office.decisions()[0]["id"]
        for method, path in routes(three.provider):
            if who(method, path) != "people" or method == "GET" or path in _FOR_ANY_PERSON:
                continue
            value = decision if "decision" in path else three.waiting
            answer = http.request(method, filled(path, value), **_body(method, path))
            assert answer.status_code == 403, (method, path, answer.status_code, answer.text)
        assert office.decisions()[0]["approved"] is None
    assert footprint(three.provider) == before


# ---- other people's processes ---------------------------------------------------------------------------------


def message_for(path: str, provider_pid: str, consumer_pid: str, dataset: str) -> dict[str, Any]:
    """A message that would be taken at this address, from the right sender at the right moment."""
    offer = {"@id": "urn:uuid:2", "@type": "Offer", "target": dataset, "permission": [{"action": "odrl:use"}]}
    kinds: dict[str, dict[str, Any]] = {
        "request": {"@type": "ContractRequestMessage", "offer": offer},
        "events": {"@type": "ContractNegotiationEventMessage", "eventType": "ACCEPTED"},
        "verification": {"@type": "ContractAgreementVerificationMessage"},
        "offers": {"@type": "ContractOfferMessage", "offer": offer},
        "agreement": {
            "@type": "ContractAgreementMessage",
            "agreement": {
                **offer,
                "@type": "Agreement",
                "assigner": "did:web:a.example",
                "assignee": "did:web:b.example",
            },
        },
        "start": {"@type": "TransferStartMessage"},
        "completion": {"@type": "TransferCompletionMessage"},
        "suspension": {"@type": "TransferSuspensionMessage"},
        "termination": {
            "@type": "TransferTerminationMessage" if "transfers" in path else "ContractNegotiationTerminationMessage"
        },
    }
    pids = {"providerPid": provider_pid, "consumerPid": consumer_pid}
    message = {"@context": CONTEXT, **pids, **kinds[path.rpartition("/")[2]]}
    return in_version({**message, "@context": V2024_1.context}) if path.startswith(V2024_1.path) else message


def process_routes(node: Running) -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes(node) if path.startswith("/dsp/") and "{pid}" in path]


@pytest.mark.parametrize("side", ["provider", "consumer"])
def test_the_processes_of_others_do_not_exist(three: Three, side: str) -> None:
    """Threats 29 to 31: each address of each process, each message, on both sides, for a third participant."""
    node: Running = getattr(three, side)
    before, seen = footprint(node), 0
    with node.http() as http:
        for pid in three.pids(node):
            absent = pid[:-4] + "0000"
            for method, path in process_routes(node):
                answers = []
                for name in (pid, absent):
                    body = (
                        message_for(path, name, name, f"{three.provider.url}/datasets/counts")
                        if method == "POST"
                        else None
                    )
                    answer = http.request(
                        method, filled(path, name), json=body, headers=three.stranger.as_participant(node)
                    )
                    assert answer.status_code == 404, (method, path, answer.status_code, answer.text)
                    # The older version of the protocol has no JSON Schemas.
                    assert "/2024-1/" in path or faults(answer.json()) == []
                    answers.append(answer.text.replace(name, "PID"))
                    seen += 1
                assert answers[0] == answers[1], "another's process and none at all are told alike"
    assert seen >= 2 * 3 * 12
    assert footprint(node) == before


def test_agreements_of_others_do_not_exist(three: Three) -> None:
    """Threat 32: no transfer, no data, no new token, no ledger entry under another's agreement."""
    pid = three.peer_pid(three.started)
    request = {
        "@context": CONTEXT,
        "@type": "TransferRequestMessage",
        "consumerPid": "urn:uuid:of-the-stranger",
        "format": "HttpData-PULL",
        "callbackAddress": three.stranger.dsp,
    }
    before = footprint(three.provider)
    with three.provider.http() as http:

        def alike(call: Callable[[str], httpx2.Response], real: str, made_up: str) -> None:
            answers = [call(real), call(made_up)]
            assert [one.status_code for one in answers] == [404, 404], [one.text for one in answers]
            assert answers[0].text.replace(real, "ID") == answers[1].text.replace(made_up, "ID")

        def stranger() -> dict[str, str]:
            return three.stranger.as_participant(three.provider)

        alike(
            lambda agreement: http.post(
                f"{three.provider.dsp}/transfers/request",
                json={**request, "agreementId": agreement},
                headers=stranger(),
            ),
            three.agreement,
            "urn:uuid:none",
        )
        alike(lambda one: http.post(f"/data/{one}/token", headers=stranger()), pid, "urn:uuid:none")
        alike(lambda one: http.get(f"/ledger/agreements/{one}", headers=stranger()), three.agreement, "urn:uuid:none")
        for path in (f"/data/{pid}", f"/data/{pid}/manifest"):
            assert http.get(path, headers=stranger()).status_code == 401
    assert footprint(three.provider) == before


def test_the_token_of_one_transfer_opens_no_other(three: Three) -> None:
    with three.consumer.client() as client:
        first, second = three.started, client.transfer(three.agreement)["pid"]
        until("it has started", lambda: client.transfer_state(second)["state"] == "STARTED")
        stores = three.consumer.node.parts.stores
        with stores.uow.read() as tx:
            transfer = stores.transfer.transfers.get(tx, second)
    assert transfer is not None
    assert transfer.data_address is not None
    properties = {one["name"]: one["value"] for one in transfer.data_address["endpointProperties"]}
    headers = {"Authorization": f"Bearer {properties['authorization']}"}
    with three.provider.http(headers=headers) as http:
        assert http.get(transfer.data_address["endpoint"]).status_code == 200
        for other in (three.peer_pid(first), "urn:uuid:none"):
            read_problem(http.get(f"/data/{other}"), 401, 404)
            read_problem(http.get(f"/data/{other}/manifest"), 401, 404)
        read_problem(http.get("/api/node"), 401)
        assert http.post(f"{three.provider.dsp}/catalog/request", json={}).status_code == 401


def test_a_party_in_the_other_role_is_refused(three: Three) -> None:
    """The consumer itself may not say the provider's words (threat 38), and no refusal moves anything: what was
    refused stands in the time line, and nothing else has changed."""
    pid = three.peer_pid(three.waiting)
    before, length = footprint(three.provider), len(three.provider.exchanges(pid))
    with three.provider.http() as http:
        for path in ("offers", "agreement", "agreement/verification", "request"):
            body = message_for(
                f"negotiations/x/{path}", pid, three.waiting, f"{three.provider.url}/datasets/asks-first"
            )
            answer = http.post(
                f"{three.provider.dsp}/negotiations/{quote(pid, safe=':')}/{path}",
                json=body,
                headers=three.consumer.as_participant(three.provider),
            )
            assert answer.status_code in (400, 404), (path, answer.status_code, answer.text)
            assert faults(answer.json()) == []
        finalize = {**message_for("events", pid, three.waiting, ""), "eventType": "FINALIZED"}
        answer = http.post(
            f"{three.provider.dsp}/negotiations/{quote(pid, safe=':')}/events",
            json=finalize,
            headers=three.consumer.as_participant(three.provider),
        )
        assert answer.status_code in (400, 404), answer.text
    new = three.provider.exchanges(pid)[length:]
    assert {one.answer_status for one in new} == {400}
    assert footprint(three.provider) == {**before, "negotiation_messages": before["negotiation_messages"] + len(new)}


def test_ids_that_collide_stay_apart(three: Three) -> None:
    """Threat 30: a third participant opens with the very consumerPid of another's negotiation."""
    with three.consumer.client() as client:
        offer = client.conditions(f"{three.provider.url}/datasets/counts")["offer"]
    body = {
        "@context": CONTEXT,
        "@type": "ContractRequestMessage",
        "consumerPid": three.finalized,
        "callbackAddress": three.stranger.dsp,
        "offer": {**offer, "target": f"{three.provider.url}/datasets/counts"},
    }
    with three.provider.http(headers=three.stranger.as_participant(three.provider)) as http:
        answer = http.post(f"{three.provider.dsp}/negotiations/request", json=body)
    assert answer.status_code == 201
    assert answer.json()["providerPid"] != three.peer_pid(three.finalized)


def test_a_transfer_is_not_moved_by_words_that_do_not_fit(three: Three) -> None:
    """Threat 38: each message of the transfer protocol at the wrong moment is 400, and the state stays."""
    pid = three.peer_pid(three.started)
    with three.provider.http() as http:

        def send(word: str) -> httpx2.Response:
            return http.post(
                f"{three.provider.dsp}/transfers/{quote(pid, safe=':')}/{word}",
                json=message_for(f"transfers/x/{word}", pid, three.started, ""),
                headers=three.consumer.as_participant(three.provider),
            )

        assert send("start").status_code == 400, "it has started already"
        wrong = {**message_for("transfers/x/completion", "urn:uuid:other", three.started, "")}
        answer = http.post(
            f"{three.provider.dsp}/transfers/{quote(pid, safe=':')}/completion",
            json=wrong,
            headers=three.consumer.as_participant(three.provider),
        )
        assert answer.status_code == 400, "another process id in the body than in the address"
    with three.provider.client() as office:
        assert office.transfer_state(pid)["state"] == transferring.STARTED
