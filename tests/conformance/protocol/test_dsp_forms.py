"""A message in any form of JSON-LD reads as it does in the compact form of the schemas.

The forms are made by a processor of JSON-LD from the official examples, with the official contexts; our reader has
neither, and never loads a context.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from node.base.errors import InvalidInput
from node.dialogue import wire
from node.dialogue.contexts import names_in
from node.dialogue.terms import BY_IRI, NAMESPACES, TERMS, TYPES, WORDS, local
from node.negotiation import messages as contract
from node.transfer import messages as transfer
from node.vocab.dsp import CONTEXTS, V2024_1, V2025_1
from tests.artefacts import data
from tests.conformance import jsonld
from tests.conformance.dsp import SCHEMA_OF, examples, faults
from tests.conformance.protocol.test_dsp_schemas import WRITTEN

_DSPACE = V2025_1.namespace
_STANDARD = V2025_1.context
_OTHERS = {"odrl": NAMESPACES["odrl"], "dcat": NAMESPACES["dcat"], "dct": NAMESPACES["dct"]}

FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "expanded": jsonld.expanded,
    "one node without array": lambda m: jsonld.expanded(m)[0],
    "in a graph": lambda m: {"@graph": jsonld.expanded(m)},
    "whole IRIs": lambda m: jsonld.compacted(m, {}),
    "prefixes": lambda m: jsonld.compacted(m, {"dspace": _DSPACE, **_OTHERS}),
    "prefixes of their own": lambda m: jsonld.compacted(
        m, {"d": _DSPACE, "o": _OTHERS["odrl"], "c": _OTHERS["dcat"], "t": _OTHERS["dct"]}
    ),
    "a vocabulary": lambda m: jsonld.compacted(
        m, {"@vocab": _DSPACE, "o": {"@id": _OTHERS["odrl"], "@prefix": True}}
    ),
    "ODRL as the vocabulary": lambda m: jsonld.compacted(
        m, {"@version": 1.1, "@vocab": _OTHERS["odrl"], "d": _DSPACE}
    ),
    "terms of their own": lambda m: jsonld.compacted(
        m,
        {
            "id": "@id",
            "type": "@type",
            "value": "@value",
            "d": _DSPACE,
            "consumer": {"@id": "d:consumerPid", "@type": "@id"},
            "provider": {"@id": f"{_DSPACE}providerPid", "@type": "@id"},
            "asked": {"@id": "d:offer", "@type": "@id"},
            "may": {"@id": f"{_OTHERS['odrl']}permission", "@container": "@set"},
            "happened": {"@id": "d:eventType", "@type": "@vocab"},
            "agreed": "d:ACCEPTED",
            "final": "d:FINALIZED",
        },
    ),
    "the standard's and one more": lambda m: jsonld.compacted(m, [_STANDARD, {"ex": "https://example.org/"}]),
    "the standard's, as a text": lambda m: {**m, "@context": _STANDARD},
    "a type with others": lambda m: {**m, "@type": [m["@type"]]},
}

_NOT_IN_USE = {"dataset-request-message": "the HTTPS binding asks for a dataset by GET (DSP 2025-1 §6.3)"}
_FOLDERS = ("catalog", "negotiation", "transfer")


def _examples() -> dict[str, dict[str, Any]]:
    found = {name: one for folder in _FOLDERS for name, one in examples(folder).items() if name not in _NOT_IN_USE}
    return found | {f"ours: {name}": write() for name, write in WRITTEN.items()}


def _read_as(message: Any, member: str = "") -> Any:
    """What is left of an expanded message: ``use`` and ``odrl:use`` are one IRI, an array of one value is that value,
    and what no context defines is gone."""
    match message:
        case dict() if member == "reason":
            return {}
        case dict():
            return {name: _read_as(value, name) for name, value in message.items() if name != "@context"}
        case [one] if member == "rightOperand":
            return _read_as(one)
        case list():
            return [_read_as(one, member) for one in message]
        case "odrl:use" if member == "action":
            return "use"
        case str() if member == "@type":
            return message.replace("xsd:", "http://www.w3.org/2001/XMLSchema#")
        case _:
            return message


@pytest.mark.parametrize("form", FORMS)
def test_every_message_reads_the_same_in_each_form(form: str) -> None:
    for name, message in _examples().items():
        other = FORMS[form](message)
        reading = wire.read(json.dumps(other).encode())
        # Types of a catalogue are DCAT's, and say nothing about a version.
        assert _read_as(reading) == _read_as(message), (form, name, other)
        assert faults({**reading, "@context": [_STANDARD]}) == [], (form, name)


@pytest.mark.parametrize("form", FORMS)
def test_the_doors_take_each_form(form: str) -> None:
    for name, message in _examples().items():
        kind = str(message["@type"])
        reader = contract if kind in contract._REQUIRED else transfer if kind in transfer._REQUIRED else None
        if reader is None:
            continue
        raw = json.dumps(FORMS[form](message)).encode()
        incoming = reader.read(raw, kind)
        plain = reader.read(json.dumps(message).encode(), kind)
        assert (incoming.name, incoming.id, incoming.version) == (plain.name, plain.id, V2025_1), (form, name)
        assert incoming.raw == raw, "what was sent is the evidence"


def test_what_is_in_the_compact_form_is_taken_as_it_is() -> None:
    """The usual form costs no rewriting: nothing in it looks like another."""
    for name, message in _examples().items():
        raw = json.dumps(message).encode()
        assert wire.UNUSUAL.search(raw) is None, name
        assert wire.read(raw) == message


def test_the_usual_form_and_the_others_are_one_value() -> None:
    """Reading again what was read changes nothing, so that hashes of it are well defined."""
    for name, message in _examples().items():
        for form, make in FORMS.items():
            once = wire.read(json.dumps(make(message)).encode())
            assert wire.read(json.dumps(once).encode()) == once, (form, name)
            assert wire.same(_read_as(once), _read_as(message)), (form, name)


BESIDE_THE_STANDARDS: dict[str, dict[str, Any]] = {
    "a rule": {"prohibition": "urn:x:p"},
    "a rule, taken away": {"prohibition": None},
    "a rule as another": {"prohibition": f"{_OTHERS['odrl']}permission"},
    "an operand": {"rightOperand": {"@id": "urn:x:r"}},
    "an id": {"providerPid": "urn:x:pid"},
    "an action": {"use": "urn:x:use"},
    "an operator": {"eq": "urn:x:eq"},
    "a type": {"Offer": "urn:x:Offer"},
    "a vocabulary": {"@vocab": "urn:x:"},
    "a name of theirs over ours": {"may": "prohibition", "prohibition": "urn:x:p"},
}


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("theirs", BESIDE_THE_STANDARDS)
def test_beside_the_standards_context_its_terms_mean_what_they_mean(theirs: str, first: bool) -> None:
    """They are scoped to the types of messages, and win (JSON-LD 1.1 §4.1.8): no context takes a rule away."""
    beside = BESIDE_THE_STANDARDS[theirs]
    message = {
        "@context": [beside, _STANDARD] if first else [_STANDARD, beside],
        "@type": "ContractRequestMessage",
        "@id": "urn:1",
        "consumerPid": "urn:c",
        "providerPid": "urn:p",
        "offer": {
            "@id": "urn:o",
            "@type": "Offer",
            "target": "urn:t",
            "permission": [
                {
                    "action": "use",
                    "constraint": [{"leftOperand": "odrl:count", "operator": "eq", "rightOperand": "5"}],
                }
            ],
            "prohibition": [{"action": "odrl:sell"}],
        },
    }
    plain = {**message, "@context": [_STANDARD]}
    assert jsonld.expanded(message) == jsonld.expanded(plain)
    read = contract.read(json.dumps(message).encode(), "ContractRequestMessage").body
    assert {**read, "@context": [_STANDARD]} == plain


# ---- the facts that are typed in are the official ones -----------------------------------------------------------


def _official_terms() -> Iterator[tuple[str, str, str]]:
    """(type to which it is scoped, term, IRI) of everything that the official contexts define."""
    context = json.loads(jsonld.official(_STANDARD))["@context"]
    prefixes = {
        name: value for name, value in context.items() if isinstance(value, str) and value.endswith(("/", "#"))
    }

    def iri(value: Any) -> str:
        text = value["@id"] if isinstance(value, dict) else value
        prefix, _, rest = text.partition(":")
        return prefixes[prefix] + rest if prefix in prefixes else text

    for name, value in context.items():
        if name.startswith("@") or name in prefixes:
            continue
        yield "", name, iri(value)
        if isinstance(value, dict):
            for term, meant in value.get("@context", {}).items():
                if not term.startswith("@") and term not in prefixes and term not in ("id", "type"):
                    yield name, term, iri(meant)


def test_every_term_of_the_official_contexts_means_the_same_here() -> None:
    seen = set()
    for scope, name, iri in _official_terms():
        if scope in ("DatasetRequestMessage", "CatalogService"):
            continue  # Not in use in the HTTPS binding; and no message.
        if name in TERMS:
            assert BY_IRI[iri] == name, (scope, name)
            seen.add(name)
        else:
            assert local(iri) == name, (scope, name, "a word, a type or a state")
    own = {name for name, (prefix, _) in TERMS.items() if prefix and ":" not in name}
    assert own - seen == set(), "nothing is made up"
    types = {name for _, name, iri in _official_terms() if not iri.startswith(_DSPACE)}
    assert {name for name in TYPES if name not in ("Set", "Duty")} <= types
    assert {name for _, name, _ in _official_terms()} <= WORDS


def test_prefixes_are_the_official_ones() -> None:
    for address in (_STANDARD, jsonld.PROFILE):
        context = json.loads(jsonld.official(address))["@context"]
        for prefix, namespace in CONTEXTS[address].items():
            assert context[prefix] == namespace
    assert set(SCHEMA_OF), "and there are schemas"


# ---- no context is ever loaded -----------------------------------------------------------------------------------


class Dialled(BaseException):
    """Somebody opened a connection, or looked up a name. No handler may swallow it."""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise Dialled

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)


def _contexts() -> list[Any]:
    far = "https://contexts.example/context.jsonld"
    return [
        far,
        [far],
        [_STANDARD, far],
        [far, {"dspace": _DSPACE}],
        {"@import": far, "dspace": _DSPACE},
        [_STANDARD, {"@import": far}],
        {"dspace": _DSPACE, "offer": {"@id": "dspace:offer", "@context": far}},
        {"dspace": _DSPACE, "offer": {"@id": "dspace:offer", "@context": {"@import": far}}},
        {"@context": far},
        "http://127.0.0.1:1/context.jsonld",
        "file:///etc/passwd",
    ]


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("context", _contexts(), ids=lambda one: json.dumps(one)[:60])
def test_no_context_is_loaded_whatever_the_message_names(context: Any) -> None:
    for message in WRITTEN.values():
        for body in ({**message(), "@context": context}, {**message(), "offer": {"@id": "x", "@context": context}}):
            kind = str(body["@type"])
            reader = contract if kind in contract._REQUIRED else transfer
            try:
                reader.read(json.dumps(body).encode(), kind)
            except InvalidInput:
                continue
            except KeyError:
                assert kind not in {**contract._REQUIRED, **transfer._REQUIRED}


@pytest.mark.usefixtures("no_network")
def test_a_processor_that_loads_contexts_would_be_noticed() -> None:
    """The check itself bites: a reader that asks the network for a context runs into it."""
    with pytest.raises(Dialled):
        socket.create_connection(("contexts.example", 443))
    from pyld import jsonld as processor  # type: ignore[import-untyped]

    body = {"@context": "https://contexts.example/context.jsonld", "@type": "x"}
    with pytest.raises((Dialled, processor.JsonLdError)):
        processor.expand(body)


def test_an_unknown_context_is_named_with_what_to_do() -> None:
    message = {**WRITTEN["finalized"](), "@context": "https://contexts.example/context.jsonld"}
    with pytest.raises(InvalidInput) as refused:
        contract.read(json.dumps(message).encode(), "ContractNegotiationEventMessage")
    assert "https://contexts.example/context.jsonld" in refused.value.detail
    assert _STANDARD in refused.value.remedy


def test_known_contexts_are_those_of_the_protocol() -> None:
    assert set(CONTEXTS) == {_STANDARD, jsonld.PROFILE, V2024_1.context}
    assert names_in([_STANDARD]).version == V2025_1
    assert data("dsp/context/dspace.jsonld").exists()
