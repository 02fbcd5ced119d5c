"""Contexts that stand in a message are read as far as messages need it; all else is refused in words, and quickly."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.dialogue import wire
from node.dialogue.contexts import MAX_TERMS, names_in
from node.dialogue.message import IncomingMessage
from node.negotiation import messages
from node.vocab.dsp import V2024_1, V2025_1

DSPACE = V2025_1.namespace
STANDARD = V2025_1.context
EVENT = "ContractNegotiationEventMessage"


def event(**more: Any) -> dict[str, Any]:
    """A message in the form of its own that every test here changes."""
    return {
        "@context": {"d": DSPACE},
        "@type": f"d:{EVENT}",
        "d:consumerPid": {"@id": "urn:1"},
        "d:providerPid": {"@id": "urn:2"},
        "d:eventType": {"@id": "d:ACCEPTED"},
        **more,
    }


def read(body: Any) -> IncomingMessage:
    return messages.read(json.dumps(body).encode(), EVENT)


def test_the_message_itself_is_read() -> None:
    incoming = read(event())
    assert incoming.name == f"{EVENT}:ACCEPTED"
    assert incoming.version == V2025_1
    assert incoming.rewritten
    assert incoming.body == {
        "@context": [STANDARD],
        "@type": EVENT,
        "consumerPid": "urn:1",
        "providerPid": "urn:2",
        "eventType": "ACCEPTED",
    }


@pytest.mark.parametrize(
    ("name", "context", "iri"),
    [
        ("d:offer", {"d": DSPACE}, f"{DSPACE}offer"),
        ("asks", {"d": DSPACE, "asks": "d:offer"}, f"{DSPACE}offer"),
        ("asks", {"d": DSPACE, "o": "d:offer", "asks": {"@id": "o"}}, f"{DSPACE}offer"),
        ("offer", {"@vocab": DSPACE}, f"{DSPACE}offer"),
        ("asks", {"@vocab": DSPACE, "asks": "offer"}, f"{DSPACE}offer"),
        ("offer", {"@vocab": DSPACE, "offer": None}, None),
        ("id", {"id": "@id"}, "@id"),
        ("odrl:use", {}, "http://www.w3.org/ns/odrl/2/use"),
        (
            "o:use",
            [{"o": "https://x.example/"}, {"o": "http://www.w3.org/ns/odrl/2/"}],
            "http://www.w3.org/ns/odrl/2/use",
        ),
        ("offer", {"@vocab": "https://x.example/"}, "https://x.example/offer"),
        ("https://x.example/a", {"https": "urn:no:"}, "https://x.example/a"),
        ("x", {}, "x"),
        ("_:b0", {"_": "urn:no:"}, "urn:no:b0"),
    ],
)
def test_what_a_name_stands_for(name: str, context: Any, iri: str | None) -> None:
    assert names_in(context).iri(name) == iri


HOSTILE_CONTEXTS: dict[str, Any] = {
    "imports": {"@import": "https://x.example/c", "d": DSPACE},
    "a base": {"@base": "https://x.example/", "d": DSPACE},
    "another version": {"@version": 1.0, "d": DSPACE},
    "a context within a term": {"d": DSPACE, "d:offer": {"@id": "d:offer", "@context": {"x": "urn:x"}}},
    "reverse": {"d": DSPACE, "x": {"@reverse": "d:offer"}},
    "nest": {"d": DSPACE, "x": {"@id": "d:offer", "@nest": "@nest"}},
    "an index": {"d": DSPACE, "x": {"@id": "d:offer", "@container": "@index"}},
    "a graph container": {"d": DSPACE, "x": {"@id": "d:offer", "@container": ["@graph", "@id"]}},
    "a circle": {"a": "b:x", "b": "c:x", "c": "a:x", "d": DSPACE},
    "a circle of two": {"a": {"@id": "b"}, "b": {"@id": "a"}, "d": DSPACE},
    "itself": {"a": "a:a", "d": DSPACE},
    "a long chain": {**{f"p{n}": f"p{n + 1}:x" for n in range(60)}, "d": DSPACE},
    "many terms": {**{f"p{n}": "urn:x" for n in range(MAX_TERMS + 1)}, "d": DSPACE},
    "an alias of a keyword that is not followed": {"x": "@reverse", "d": DSPACE},
    "a number": 7,
    "a list in a list": [[STANDARD]],
    "a number in a term": {"d": DSPACE, "x": 7},
    "a number in an id": {"d": DSPACE, "x": {"@id": 7}},
    "a vocabulary that is a number": {"@vocab": 7, "d": DSPACE},
    "a protected prefix": [STANDARD, {"odrl": "https://x.example/"}],
    "a term beside the other version's": [V2024_1.context, {"d": DSPACE, "prohibition": "urn:x:p"}],
    "a term beside the other version's, taken away": [V2024_1.context, {"d": DSPACE, "prohibition": None}],
    "an IRI that is another": {"d": DSPACE, "https://x.example/p": "d:offer"},
    "a prefixed name that is another": [STANDARD, {"d": DSPACE, "odrl:sell": "urn:x:p"}],
    "a prefixed name of nothing": {"d": DSPACE, "d:code": None},
    "an unknown address": "https://x.example/c",
    "an address of another scheme": ["file:///etc/passwd"],
    "nothing": None,
    "empty": {},
}


@pytest.mark.parametrize("name", HOSTILE_CONTEXTS)
def test_a_context_that_is_not_followed_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(event(**{"@context": HOSTILE_CONTEXTS[name]}))
    assert refused.value.detail


DEEP: Any = "x"
for _ in range(400):
    DEEP = [DEEP]
HOSTILE_BODIES: dict[str, Any] = {
    "reverse": {"@reverse": {"d:offer": {"@id": "urn:1"}}},
    "nest": {"@nest": {"d:code": "x"}},
    "included": {"@included": [{"@id": "urn:1"}]},
    "index": {"@index": "x"},
    "a keyword of nobody": {"@bomb": 1},
    "the same twice": {f"{DSPACE}consumerPid": "urn:other"},
    "the same in another version": {f"{V2024_1.namespace}consumerPid": "urn:other"},
    "two values": {"d:consumerPid": [{"@id": "urn:1"}, {"@id": "urn:2"}]},
    "deep": {"d:reason": DEEP},
    "a number": {"d:consumerPid": 7},
    "an empty object": {"d:consumerPid": {}},
    "no type": {"@type": []},
    "types": {"@type": [f"d:{EVENT}", "d:ContractOfferMessage"]},
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_a_message_that_is_not_followed_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(event(**HOSTILE_BODIES[name]))
    assert refused.value.detail


@pytest.mark.parametrize(
    "body",
    [
        [],
        [event(), event()],
        [[event()]],
        "x",
        None,
        {"@graph": [event(), event()]},
        {"@graph": 7},
        {"@graph": [7]},
        {},
    ],
    ids=str,
)
def test_what_is_no_message_at_all(body: Any) -> None:
    with pytest.raises(InvalidInput):
        read(body)


def test_a_context_inside_the_message_is_refused_when_it_would_count() -> None:
    """One that is not the first of all would change what the names around it mean."""
    with pytest.raises(InvalidInput, match="@context"):
        wire.read(json.dumps(event(**{"d:offer": {"@context": {"x": "urn:x"}, "@id": "urn:1"}})).encode())


_NAMES = st.sampled_from(
    [
        *("@id", "@type", "@value", "@list", "@set", "@context", "@graph", "@reverse", "@vocab", "@import", "@base"),
        *("d:offer", "offer", f"{DSPACE}offer", "d", "o", "reason", "d:reason", "permission", "odrl:permission", "x"),
    ]
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | _NAMES | st.just(DSPACE) | st.just(STANDARD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(_NAMES, _ANY, max_size=5) | _ANY)
def test_whatever_comes_is_read_or_refused(body: Any) -> None:
    """Never another error, which the door would have to answer with 500."""
    raw = json.dumps(body).encode()
    try:
        message = wire.read(raw)
    except InvalidInput:
        return
    assert (
        wire.read(wire.text(message)) == message
        or wire.UNUSUAL.search(wire.text(message))
        or "@context" not in message
    )
    for kind in (EVENT, "ContractRequestMessage", "ContractAgreementMessage"):
        try:
            messages.read(raw, kind)
        except InvalidInput:
            continue


@pytest.mark.parametrize("unit", [b'{"a":', b"[", b'"code"' + b" " * 50, b'"odrl:permission" ', b"\\u0041"])
def test_nothing_unusual_is_seen_in_noise(unit: bytes) -> None:
    assert wire.UNUSUAL.search(unit * ((1 << 20) // len(unit))) is None


def shape(pattern: str) -> str:
    """A regular expression with white space as S, every other class as C and every escaped character as x."""

    def letter(match: re.Match[str]) -> str:
        return "C" if match[0].startswith("[") else "S" if match[0] == r"\s" else "x"

    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", letter, pattern)


def repeats(pattern: str) -> set[str]:
    """What repeats in it, but for white space before something that is none."""
    return set(re.sub(r"S\*(?=[:Cx]|\(\?:x)|\(\?:", "", shape(pattern))) & set("*+?{")


def test_the_look_at_a_message_takes_work_in_its_length_only() -> None:
    """No backtracking: nothing repeats but white space, and what follows it is none."""
    pattern = wire.UNUSUAL.pattern.decode()
    assert "S*" in shape(pattern), "there is something to look at"
    assert repeats(pattern) == set()
    for slow in (r"(?:\s*)*x", r"\s*\s*:", r"a+", r"(?:ab?)", r'"[^"]*"\s*:', "a{2,9}"):
        assert repeats(slow), slow


# ---- 2024/1 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        {"permission": [{"action": "use"}]},
        {"permission": [{"action": "odrl:use", "constraint": [{"leftOperand": "odrl:count", "operator": "lteq"}]}]},
        {"prohibition": [{"action": "odrl:sell", "odrl:remedy": [{"action": "odrl:delete"}]}]},
        {"permission": [{"action": "use", "duty": [{"action": "use", "odrl:consequence": [{"action": "use"}]}]}]},
        {"profile": ["https://w3id.org/hansa/policy", "https://example.org/p"], "permission": [{"action": "use"}]},
        {"odrl:conflict": {"@id": "odrl:prohibit"}, "https://w3id.org/hansa/ns#sealed": True},
        {"permission": [{"action": "use", "constraint": [{"rightOperand": [{"@value": "5", "@type": "xsd:int"}]}]}]},
        {"https://w3id.org/hansa/ns#terms": {"offer": "x", "rulebook": None, "asset": {"title": {"en": "x"}}}},
    ],
    ids=str,
)
def test_what_is_signed_reads_the_same_at_the_other_end(policy: dict[str, Any]) -> None:
    """In 2024/1 a term has one spelling on the wire: both sides sign that."""
    body = {
        "@id": "urn:1",
        "@type": "Agreement",
        "target": "urn:2",
        "assigner": "did:x",
        "assignee": "did:y",
        **policy,
    }
    settled = wire.settle(body, V2024_1)
    message = {"@context": [V2024_1.context], "@type": "ContractAgreementMessage", "agreement": settled}
    assert wire.read(wire.text(wire.in_version(message)))["agreement"] == settled
    assert wire.settle(settled, V2024_1) == settled
    assert wire.settle(body, V2025_1) == body
    assert wire.same(
        {**body, "permission": settled.get("permission")}, {**settled, "permission": settled.get("permission")}
    )
