"""Two real nodes that speak DSP 2024/1, or send their messages expanded: what they agree and keep is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base.jsons import canonical
from node.bootstrap.node import HansaNode
from node.dialogue import wire
from node.dialogue.process import IMPLIED, Exchange
from node.dialogue.terms import BY_IRI, TERMS, TYPES, ValueForm
from node.evidence import archive
from node.evidence.findings import Outcome
from node.evidence.verification import check
from node.negotiation import machine
from node.transfer import machine as transferring
from node.vocab.dsp import V2024_1, V2025_1, DspVersion
from tests.nodes import Pair, Running, if_ended, publish, receive, running, until

TERMS_OF_USE = {
    "permission": [
        {
            "action": "use",
            "constraint": [
                {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": "2099-01-01T00:00:00Z"},
                {"leftOperand": "odrl:purpose", "operator": "isAnyOf", "rightOperand": ["odrl:x", "odrl:y"]},
            ],
            "duty": [{"action": "odrl:attribute"}],
        }
    ],
    "prohibition": [{"action": "odrl:sell", "odrl:remedy": [{"action": "odrl:delete"}]}],
}


class Expanding:
    """Whoever sends through this sends expanded JSON-LD (JSON-LD 1.1 §9.1), other people's members as they are."""

    def __init__(self, node: HansaNode) -> None:
        self._ask = node.parts.egress.request
        self.sent: list[bytes] = []
        node.parts.egress.request = self  # type: ignore[method-assign,assignment]

    async def __call__(self, method: str, url: str, **options: Any) -> Any:
        body = options.get("body")
        if body is not None and ("/negotiations/" in url or "/transfers/" in url):
            options["body"] = json.dumps([expanded(json.loads(body))]).encode()
            self.sent.append(options["body"])
        return await self._ask(method, url, **options)


def expanded(body: Mapping[str, Any]) -> dict[str, Any]:
    """The expanded form of a message of ours."""
    iris = {name: iri for iri, name in BY_IRI.items() if V2024_1.namespace not in iri}
    spaces = {"dcat": "http://www.w3.org/ns/dcat#", "odrl": "http://www.w3.org/ns/odrl/2/"}
    document: dict[str, Any] = {}
    for name, value in body.items():
        if name == "@type":
            document[name] = [spaces.get(TYPES.get(value, ""), V2025_1.namespace) + value]
        elif name in TERMS:
            several = value if isinstance(value, list) else [value]
            document[iris[name]] = [_expanded(TERMS[name][1], one, spaces["odrl"]) for one in several]
        elif name != "@context":
            document[name] = value
    return document


def _expanded(kind: ValueForm, value: Any, odrl: str) -> Any:
    match kind:
        case ValueForm.LIST | ValueForm.OBJECT:
            return expanded(value)
        case ValueForm.TERM:
            bare = value.removeprefix("odrl:")
            return {"@id": odrl + bare if ":" not in bare else bare}
        case ValueForm.STATE:
            return {"@id": V2025_1.namespace + value}
        case ValueForm.ID | ValueForm.IDS | ValueForm.WORD:
            return {"@id": value}
        case _:
            return value if isinstance(value, dict) else {"@value": value}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("versions")
    with ExitStack() as stack:
        provider, consumer = (
            stack.enter_context(running(home / name, template=sqlite_template)) for name in ("provider", "consumer")
        )
        yield Pair(provider, consumer)


@pytest.fixture(scope="module")
def expanding(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("expanding")
    with ExitStack() as stack:
        provider, consumer = (
            stack.enter_context(
                running(home / name, template=sqlite_template, prepare=lambda node: _(Expanding(node)))
            )
            for name in ("provider", "consumer")
        )
        yield Pair(provider, consumer)


def _(_: object) -> None:
    """Nothing comes back from preparing."""


def agreed(two: Pair, slug: str, version: DspVersion = V2025_1) -> tuple[str, str, str]:
    """Negotiate to the end in ``version``: the agreement's id, the consumer's process id, the provider's."""
    dataset = publish(two.provider, slug, conditions=TERMS_OF_USE)
    with two.consumer.client() as client:
        begun = two.consumer.node.protocol.negotiation.negotiations.request(
            provider=two.provider.did,
            address=version.at(two.provider.dsp),
            dataset=dataset["iri"],
            offer=client.conditions(dataset["iri"])["offer"],
        )
        two.consumer.node.worker.wake()
        ended = until("it ends", lambda: if_ended(client.negotiation(begun.pid, wait=5)))
    assert ended["state"] == "FINALIZED", ended["reason"]
    until(
        "the provider has read the answer to its last message",
        lambda: len(two.provider.exchanges(ended["peerPid"])) == 4,
    )
    return ended["agreementId"], begun.pid, ended["peerPid"]


def file_of(node: Running, agreement: str) -> dict[str, bytes]:
    """The file of an agreement, which holds without a word; its parts."""
    with node.client() as client:
        raw = client.agreement_file(agreement)
    said = [f"{one.what}: {one.detail}" for one in check(raw).findings if one.outcome is not Outcome.HOLDS]
    assert said == []
    return archive.unpack(raw)


def heard(node: Running) -> list[bytes]:
    """Everything that this node put on the wire below the doors of the protocol."""
    return [raw for _, _, raw in node.traffic.heard]


# ---- 2024/1 ------------------------------------------------------------------------------------------------------


def test_the_file_of_an_agreement_of_2024_1_has_the_messages_as_they_went_over_the_wire(two: Pair) -> None:
    agreement, ours, theirs = agreed(two, "older", V2024_1)
    files = [file_of(node, agreement) for node in (two.consumer, two.provider)]
    both = [two.consumer.exchanges(ours), two.provider.exchanges(theirs)]
    assert [one.message for one in both[0]] == [
        machine.REQUEST,
        machine.AGREEMENT,
        machine.VERIFICATION,
        machine.FINALIZED_EVENT,
    ]
    wires = heard(two.consumer) + heard(two.provider)
    for here, there in zip(*both, strict=True):
        assert here.body == there.body, "both sides have kept the same bytes"
        assert here.body in wires, "and these are what was sent"
        assert here.body_sha256 == hashlib.sha256(here.body).hexdigest()
        assert json.loads(here.body)["@type"] == f"dspace:{here.message.partition(':')[0]}"
        for one in (here, there):
            assert one.answer_status == IMPLIED or one.answer in wires
    for parts in files:
        index = json.loads(parts["messages/index.json"])
        assert [parts[one["file"]] for one in index] == [one.body for one in both[0]]
    assert files[0]["agreement.json"] == files[1]["agreement.json"]


def test_a_transfer_of_2024_1_is_kept_as_it_went_over_the_wire_but_for_its_token(two: Pair) -> None:
    agreement, _, _ = agreed(two, "older-transfer", V2024_1)
    transfer = receive(two.consumer, agreement)
    assert transfer["state"] == "COMPLETED"
    messages = two.consumer.exchanges(transfer["pid"])
    assert [one.message for one in messages] == [transferring.REQUEST, transferring.START, transferring.COMPLETION]
    wires = heard(two.consumer) + heard(two.provider)
    request, start, completion = messages
    assert {request.body, completion.body} <= set(wires)
    (address,) = [one["dspace:dataAddress"] for one in map(json.loads, wires) if "dspace:dataAddress" in one]
    tokens = [one["dspace:value"] for one in address["dspace:endpointProperties"] if len(one["dspace:value"]) == 43]
    assert tokens, "a token went over the wire"
    assert not [one for one in tokens if one.encode() in start.body]
    assert start.body_sha256 in {hashlib.sha256(one).hexdigest() for one in wires}


def earlier(exchange: Exchange) -> Exchange:
    """A message as releases before this one have kept it: with the members of 2025-1, in their canonical form."""
    body = canonical({**wire.read(exchange.body), "@context": [V2024_1.context]})
    return replace(exchange, body=body, body_sha256=hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("side", ["consumer", "provider"])
def test_what_earlier_releases_have_kept_of_2024_1_still_holds(
    two: Pair, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement, _, _ = agreed(two, f"kept-earlier-{side}", V2024_1)
    node: Running = getattr(two, side)
    store = node.node.parts.stores.negotiation.negotiations
    ask = store.exchanges
    monkeypatch.setattr(store, "exchanges", lambda tx, pid: [earlier(one) for one in ask(tx, pid)])
    parts = file_of(node, agreement)
    bodies = [content for name, content in parts.items() if name.startswith("messages/0") and name.endswith(".json")]
    assert bodies
    assert not [one for one in bodies if b"dspace:" in one]


def test_an_earlier_release_s_messages_in_the_outbox_go_out_in_their_version() -> None:
    body = canonical({"@context": [V2024_1.context], "@type": "ContractNegotiationTerminationMessage", "code": "x"})
    out = wire.encode(body)
    assert json.loads(out)["dspace:code"] == "x"
    assert wire.encode(out) == out


# ---- expanded ----------------------------------------------------------------------------------------------------


def test_nodes_that_expand_agree_exchange_and_prove(expanding: Pair) -> None:
    agreement, ours, theirs = agreed(expanding, "expanded")
    for node in (expanding.consumer, expanding.provider):
        file_of(node, agreement)
    got = [one for one in expanding.consumer.exchanges(ours) if not one.outgoing]
    got += [one for one in expanding.provider.exchanges(theirs) if not one.outgoing]
    assert len(got) == 4
    for one in got:
        assert isinstance(json.loads(one.body), list), "what is kept is what came"
        assert one.body_sha256 == hashlib.sha256(one.body).hexdigest()
    with expanding.provider.client() as client:
        held = client.agreement(agreement)
    assert set(held["signatures"]) == {expanding.provider.did, expanding.consumer.did}
    transfer = receive(expanding.consumer, agreement)
    assert transfer["state"] == "COMPLETED"


def test_an_expanded_message_that_is_written_anew_is_known_as_a_repeat(two: Pair) -> None:
    dataset = publish(two.provider, "asked-twice")["iri"]
    with two.consumer.client() as client:
        offer = client.conditions(dataset)["offer"]
    message = {
        "@context": [V2025_1.context],
        "@type": machine.REQUEST,
        "@id": "urn:uuid:1c0f1c0e-0000-4000-8000-00000000000e",
        "consumerPid": "urn:uuid:1c0f1c0e-0000-4000-8000-00000000000f",
        "callbackAddress": two.consumer.dsp,
        "offer": {**offer, "@type": "Offer", "target": dataset},
    }
    expanded_message = expanded(message)
    other = dict(reversed(expanded_message.items()))
    answers = []
    for body in ([expanded_message], other, message):
        with two.consumer.http() as http:
            answers.append(
                http.post(
                    f"{two.provider.dsp}/negotiations/request",
                    json=body,
                    headers=two.consumer.as_participant(two.provider),
                )
            )
    assert [one.status_code for one in answers] == [201, 201, 201], answers[1].text
    assert answers[0].content == answers[1].content
    assert len({one.json()["providerPid"] for one in answers}) == 1
    kept = [one for one in two.provider.exchanges(answers[0].json()["providerPid"]) if not one.outgoing]
    assert [one.message for one in kept if one.message == machine.REQUEST] == [machine.REQUEST]


def test_members_that_nobody_knows_are_kept_where_the_message_is_and_bind_nobody(two: Pair) -> None:
    dataset = publish(two.provider, "with-more")["iri"]
    with two.consumer.client() as client:
        offer = client.conditions(dataset)["offer"]
    strange = {"https://x.example/note": [1.5, {"y": None}], "colour": "blue"}
    message = {
        "@context": [V2025_1.context, "https://x.example/context.jsonld"],
        "@type": machine.REQUEST,
        "@id": "urn:uuid:1c0f1c0e-0000-4000-8000-0000000000aa",
        "consumerPid": "urn:uuid:1c0f1c0e-0000-4000-8000-0000000000ab",
        "callbackAddress": two.consumer.dsp,
        "offer": {**offer, "@type": "Offer", "target": dataset, "https://x.example/note": "mind this"},
        **strange,
    }
    raw = json.dumps(message).encode()
    with two.consumer.http() as http:
        headers = {"Content-Type": "application/json", **two.consumer.as_participant(two.provider)}
        answer = http.post(f"{two.provider.dsp}/negotiations/request", content=raw, headers=headers)
    assert answer.status_code == 201, answer.text
    assert not set(answer.json()) & set(strange), "nothing of it is echoed"
    theirs = answer.json()["providerPid"]
    kept = [one for one in two.provider.exchanges(theirs) if not one.outgoing]
    assert kept[0].body == raw
    stores = two.provider.node.parts.stores

    def drafted() -> Any:
        with stores.uow.read() as tx:
            found = stores.negotiation.negotiations.get(tx, theirs)
        return found if found is not None and found.agreement is not None else None

    negotiation = until("the provider has answered", drafted)
    assert negotiation.offer["https://x.example/note"] == "mind this", "what was on the table is kept as it was"
    assert "https://x.example/note" not in negotiation.agreement, "and nobody signs what the other wrote beside it"
