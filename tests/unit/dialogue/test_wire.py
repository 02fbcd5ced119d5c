"""One message, several spellings: what 2024/1 writes is read as what 2025-1 says, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.dialogue import wire
from node.vocab.dsp import V2024_1, V2025_1, VERSIONS, version_of

OFFER = {
    "@id": "urn:offer",
    "@type": "Offer",
    "target": "urn:dataset",
    "permission": [
        {
            "action": "odrl:use",
            "constraint": [{"leftOperand": "odrl:dateTime", "operator": "lt", "rightOperand": "2027-01-01"}],
        }
    ],
}
REQUEST = {
    "@context": [V2024_1.context],
    "@type": "ContractRequestMessage",
    "@id": "urn:message",
    "consumerPid": "urn:uuid:1",
    "callbackAddress": "https://bruges.example/dsp/2024-1",
    "offer": OFFER,
    "https://w3id.org/hansa/ns#purpose": "urn:purpose",
}
ADDRESS = {
    "@type": "DataAddress",
    "endpointType": "HttpData",
    "endpoint": "https://sink.example/x",
    "endpointProperties": [{"@type": "EndpointProperty", "name": "authType", "value": "bearer"}],
}
MESSAGES: list[dict[str, Any]] = [
    REQUEST,
    {
        "@context": [V2024_1.context],
        "@type": "ContractNegotiation",
        "providerPid": "urn:uuid:2",
        "consumerPid": "urn:uuid:1",
        "state": "REQUESTED",
    },
    {
        "@context": [V2024_1.context],
        "@type": "ContractNegotiationEventMessage",
        "providerPid": "urn:uuid:2",
        "consumerPid": "urn:uuid:1",
        "eventType": "FINALIZED",
    },
    {
        "@context": [V2024_1.context],
        "@type": "TransferRequestMessage",
        "consumerPid": "urn:uuid:1",
        "agreementId": "urn:uuid:3",
        "format": "HttpData-PUSH",
        "callbackAddress": "https://bruges.example/dsp/2024-1",
        "dataAddress": ADDRESS,
    },
    {
        "@context": [V2024_1.context],
        "@type": "TransferError",
        "providerPid": "urn:uuid:2",
        "consumerPid": "urn:uuid:1",
        "code": "not-found",
        "reason": ["there is none", {"remedy": "look again"}],
    },
    {
        "@context": [V2024_1.context],
        "@type": "Catalog",
        "@id": "urn:catalog",
        "participantId": "did:web:ghent.example",
        "service": [{"@id": "urn:service", "@type": "DataService", "endpointURL": "https://ghent.example/dsp"}],
        "dataset": [
            {
                "@id": "urn:dataset",
                "@type": "Dataset",
                "hasPolicy": [{name: value for name, value in OFFER.items() if name != "target"}],
                "distribution": [{"@type": "Distribution", "format": "HttpData-PULL"}],
                "dct:title": [{"@value": "Counts", "@language": "en"}],
            }
        ],
    },
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one["@type"])
def test_what_is_written_is_read_as_it_was(message: dict[str, Any]) -> None:
    sent = wire.in_version(message)
    assert sent["@context"]["dspace"] == V2024_1.namespace
    assert not [name for name in sent if not name.startswith("@") and ":" not in name]
    assert wire.read(json.dumps(sent).encode()) == message
    assert json.loads(wire.encode(json.dumps(message).encode())) == sent


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one["@type"])
def test_2025_1_goes_as_it_is(message: dict[str, Any]) -> None:
    newer = {**message, "@context": [V2025_1.context]}
    raw = json.dumps(newer).encode()
    assert wire.in_version(newer) == newer
    assert wire.encode(raw) == raw
    assert wire.read(raw) == newer


@pytest.mark.parametrize("reason", [V2024_1.context, f"your @context must be {V2024_1.context}"])
def test_what_quotes_the_address_of_a_context_is_written_once(reason: str) -> None:
    """The form decides, not the text: what was written for the wire is sent as it is, whatever its reasons quote."""
    members = {
        "@type": "ContractNegotiationTerminationMessage",
        "@id": "urn:message",
        "providerPid": "urn:uuid:2",
        "consumerPid": "urn:uuid:1",
        "code": "x",
        "reason": [reason],
    }
    for version in VERSIONS.values():
        raw = canonical(wire.in_version({"@context": [version.context], **members}))
        assert wire.encode(raw) == raw
        assert wire.read(raw)["reason"] == [reason]


def test_a_message_as_edc_writes_it() -> None:
    message = {
        "@context": {
            "dspace": V2024_1.namespace,
            "odrl": "http://www.w3.org/ns/odrl/2/",
            "@vocab": "https://x.example/",
        },
        "@type": "dspace:ContractRequestMessage",
        "@id": "urn:message",
        "dspace:consumerPid": {"@id": "urn:uuid:1"},
        "dspace:callbackAddress": "https://edc.example/2024/1",
        "dspace:offer": {
            "@id": "urn:offer",
            "@type": "odrl:Offer",
            "odrl:permission": {"odrl:action": {"@id": "odrl:use"}},
            "odrl:prohibition": [],
            "odrl:target": {"@id": "urn:dataset"},
        },
    }
    assert wire.read(json.dumps(message).encode()) == {
        "@context": [V2024_1.context],
        "@type": "ContractRequestMessage",
        "@id": "urn:message",
        "consumerPid": "urn:uuid:1",
        "callbackAddress": "https://edc.example/2024/1",
        "offer": {
            "@id": "urn:offer",
            "@type": "Offer",
            "permission": [{"action": "odrl:use"}],
            "target": "urn:dataset",
        },
    }


@pytest.mark.parametrize(
    "message",
    [
        {"@context": [V2024_1.context], "consumerPid": "urn:1", "dspace:consumerPid": "urn:2"},
        {"@context": [V2024_1.context], "dspace:code": "1", f"{V2024_1.namespace}code": "2"},
    ],
)
def test_what_is_said_twice(message: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        wire.read(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("address", "version"),
    [
        ("https://edc.example/protocol/2024/1", V2024_1),
        ("https://ghent.example/dsp/2024-1/", V2024_1),
        ("https://ghent.example/dsp/2025-1", V2025_1),
        ("https://other.example/dsp", V2025_1),
    ],
)
def test_the_version_of_an_address(address: str, version: Any) -> None:
    assert version_of(address) == version


def test_where_each_version_hangs() -> None:
    places = [version.at("https://ghent.example/x/dsp/2025-1") for version in VERSIONS.values()]
    assert places == ["https://ghent.example/x/dsp/2025-1", "https://ghent.example/x/dsp/2024-1"]
    assert V2024_1.at("https://ghent.example/elsewhere") == "https://ghent.example/elsewhere"


def escaped(raw: bytes, name: str) -> bytes:
    """``raw`` with the first letter of ``name`` by its number: the same JSON."""
    assert f'"{name}"'.encode() in raw
    return raw.replace(f'"{name}"'.encode(), f'"\\u{ord(name[0]):04x}{name[1:]}"'.encode())


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("odrl:prohibition", {"odrl:prohibition": [{"action": "odrl:sell"}]}),
        ("prohibition", {"prohibition": {"action": "odrl:sell"}}),
        ("@type", {"prohibition": [{"action": "odrl:sell", "@type": ["odrl:Prohibition"]}]}),
    ],
)
def test_a_name_with_an_escaped_letter_is_that_name(name: str, more: dict[str, Any]) -> None:
    """The first look is at the bytes: a rule that nothing there looks like would be one that nobody reads."""
    raw = json.dumps({**REQUEST, "@context": [V2025_1.context], "offer": {**OFFER, **more}}).encode()
    read = wire.read(escaped(raw, name))
    assert read == wire.read(raw)
    assert read["offer"]["prohibition"][0]["action"] == "odrl:sell"


def test_a_graph_with_an_escaped_letter_is_a_graph() -> None:
    raw = json.dumps({"@context": [V2025_1.context], "@graph": [REQUEST | {"@context": None}]}).encode()
    with pytest.raises(InvalidInput):
        wire.read(raw)
    with pytest.raises(InvalidInput):
        wire.read(escaped(raw, "@graph"))


@pytest.mark.parametrize("text", ["R&D <1>", 'so "called"', "it's", "Gentse café", "a\\b", "1+1=2"])
def test_texts_that_many_writers_escape_are_usual(text: str) -> None:
    """Writers that mean HTML escape these everywhere: their messages are in the compact form all the same."""
    message = {**REQUEST, "@context": [V2025_1.context], "offer": {**OFFER, "dct:title": text}}
    raw = json.dumps(message).encode()
    for letter in "&<>'=+":
        raw = raw.replace(letter.encode(), f"\\u{ord(letter):04x}".encode())
    raw = raw.replace(b'\\"', b"\\u0022")
    assert wire.look(raw) == (message, False)
