"""Every message that this node writes is valid by the official schemas; every official example is read.

DSP 2025-1. The writers are called with what they are called with in operation; ``test_dsp_exchange`` looks at
the same messages as they go over the wire between two nodes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.catalogue.offers import terms_of
from node.dialogue.process import Role
from node.negotiation import machine as negotiating
from node.negotiation import messages as contract
from node.negotiation.model import Negotiation
from node.policy.comparison import same_terms
from node.policy.odrl import parse
from node.policy.templates import templates
from node.transfer import machine as transferring
from node.transfer import messages as transfer
from node.transfer.model import Transfer
from node.vocab.dsp import HTTP_ENDPOINT, PULL, V2025_1
from tests.conformance.dsp import SCHEMA_OF, examples, faults

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DATASET = "https://ghent.example/datasets/counts"
REGION = "did:web:region.example"
PARAMETERS: dict[str, dict[str, Any]] = {
    "mobility-partners": {"until": "2027-12-31", "sealed": True},
    "restricted-to-model": {"models": ["https://ghent.example/models/m"]},
}


def offer_of(conditions: Mapping[str, Any] | str) -> dict[str, Any] | None:
    """The offer that a node of ours makes from what a steward wrote, as it stands in its catalogue."""
    return terms_of(conditions, iri=DATASET, region=REGION).offer


OFFER = offer_of({"template": "mobility-partners", **PARAMETERS["mobility-partners"]}) or {}
AGREEMENT: dict[str, Any] = {
    "@id": "urn:uuid:4c5a6f1e-0000-4000-8000-000000000001",
    "@type": "Agreement",
    "target": "https://ghent.example/datasets/counts",
    "assigner": "did:web:ghent.example",
    "assignee": "did:web:bruges.example",
    "timestamp": "2026-11-20T09:00:00Z",
    "permission": [{"action": "odrl:use"}],
}
ADDRESS = {
    "@type": "DataAddress",
    "endpointType": HTTP_ENDPOINT,
    "endpoint": "https://ghent.example/data/1",
    "endpointProperties": [{"@type": "EndpointProperty", "name": "authorization", "value": "secret"}],
}


def negotiation(role: Role, *, peer_pid: str | None = "urn:uuid:theirs") -> Negotiation:
    return Negotiation(
        pid="urn:uuid:ours",
        role=role,
        peer="did:web:peer.example",
        peer_pid=peer_pid,
        peer_address="https://peer.example/dsp/2025-1",
        version=V2025_1.name,
        state="REQUESTED",
        created=NOW,
        updated=NOW,
        dataset=DATASET,
        offer=OFFER,
        offered_by=Role.CONSUMER,
    )


def process(role: Role, *, address: Mapping[str, Any] | None = None) -> Transfer:
    return Transfer(
        pid="urn:uuid:ours",
        role=role,
        peer="did:web:peer.example",
        peer_pid="urn:uuid:theirs",
        peer_address="https://peer.example/dsp/2025-1",
        version=V2025_1.name,
        state="STARTED",
        created=NOW,
        updated=NOW,
        agreement=AGREEMENT["@id"],
        dataset=DATASET,
        format=PULL,
        data_address=dict(address) if address else None,
    )


_C, _P = Role.CONSUMER, Role.PROVIDER
_REASONS: list[Any] = ["in words", {"rule": "membership", "text": {"en": "members only"}}]
WRITTEN: dict[str, Callable[[], dict[str, Any]]] = {
    "opening request": lambda: contract.request(negotiation(_C, peer_pid=None), OFFER, "https://bruges.example/dsp"),
    "counter-request": lambda: contract.request(negotiation(_C), OFFER, None),
    "offer": lambda: contract.offer(negotiation(_P), OFFER, None),
    "opening offer": lambda: contract.offer(negotiation(_P, peer_pid=None), OFFER, "https://gent.example/dsp"),
    "agreement": lambda: contract.agreement(negotiation(_P), AGREEMENT, "a.b.c"),
    "unsigned agreement": lambda: contract.agreement(negotiation(_P), AGREEMENT, None),
    "verification": lambda: contract.verification(negotiation(_C), "a.b.c"),
    "unsigned verification": lambda: contract.verification(negotiation(_C), None),
    "accepted": lambda: contract.event(negotiation(_C), "ACCEPTED"),
    "finalized": lambda: contract.event(negotiation(_P), "FINALIZED"),
    "provider's termination": lambda: contract.termination(negotiation(_P), "policy-refused", _REASONS),
    "consumer's termination": lambda: contract.termination(negotiation(_C), "ended-by-person", []),
    "negotiation, provider's": lambda: contract.acknowledgement(negotiation(_P)),
    "negotiation, consumer's": lambda: contract.acknowledgement(negotiation(_C)),
    "negotiation, consumer's before the answer": lambda: contract.acknowledgement(negotiation(_C, peer_pid=None)),
    "negotiation error": lambda: contract.error(
        V2025_1, provider_pid="urn:uuid:1", consumer_pid="urn:uuid:2", code="not-found", reason=[]
    ),
    "negotiation error without pids": lambda: contract.error(
        V2025_1, provider_pid="", consumer_pid="", code="invalid-input", reason=["what", {"remedy": "how"}]
    ),
    "transfer request": lambda: transfer.request(process(_C), "https://bruges.example/dsp"),
    "transfer request for a file": lambda: transfer.request(process(_C), "https://bruges.example", file="a.csv"),
    "transfer request to push": lambda: transfer.request(process(_C, address=ADDRESS), "https://bruges.example"),
    "start of a pull": lambda: transfer.start(process(_P), ADDRESS),
    "start without address": lambda: transfer.start(process(_C), None),
    "completion": lambda: transfer.completion(process(_C)),
    "suspension": lambda: transfer.suspension(process(_P), "pause", _REASONS),
    "suspension without reason": lambda: transfer.suspension(process(_C), "pause"),
    "transfer termination": lambda: transfer.termination(process(_C), "not-received", _REASONS),
    "transfer termination without reason": lambda: transfer.termination(process(_P), "policy-refused"),
    "transfer process": lambda: transfer.acknowledgement(process(_P)),
    "transfer error": lambda: transfer.error(
        V2025_1, provider_pid="urn:uuid:1", consumer_pid="urn:uuid:2", code="not-found", reason=[]
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_we_write_is_valid(name: str) -> None:
    message = WRITTEN[name]()
    assert faults(message) == []
    assert json.loads(json.dumps(message)) == message


@pytest.mark.parametrize("name", WRITTEN)
def test_what_we_write_we_also_read(name: str) -> None:
    """What a peer of our own kind says is understood, acknowledgements and errors apart."""
    message = WRITTEN[name]()
    kind = str(message["@type"])
    reader = contract if kind.startswith("Contract") else transfer
    if kind not in reader._REQUIRED:
        assert kind in {"ContractNegotiation", "ContractNegotiationError", "TransferProcess", "TransferError"}
        return
    found = reader.read(json.dumps(message).encode(), kind)
    assert found.id == message["@id"]
    assert dict(found.body) == message


def test_every_type_of_the_protocol_is_written() -> None:
    """Nothing of DSP 2025-1 §7 and §9 is left out by these tests."""
    spoken = {name for name in SCHEMA_OF if not name.startswith("Catalog") and name != "Dataset"}
    assert {str(write()["@type"]) for write in WRITTEN.values()} == spoken


def test_the_schemas_do_find_faults() -> None:
    """The very rules that implementers trip over are in force in the loaded schemas."""
    opening = WRITTEN["opening request"]()
    assert faults({**opening, "providerPid": "urn:uuid:1"}), "callbackAddress and providerPid exclude one another"
    assert faults({**opening, "@context": "https://w3id.org/dspace/2025/1/context.jsonld"})
    assert faults({**opening, "offer": {**OFFER, "obligation": []}})
    assert faults({**WRITTEN["suspension"](), "@context": ["https://example.org/other"]})
    assert faults({**WRITTEN["transfer error"](), "reason": "one"})


# ---- every policy that this node can come to offer ------------------------------------------------------------


@pytest.mark.parametrize("name", [one.id for one in templates()])
def test_the_offer_of_each_template_is_valid(name: str) -> None:
    offer = offer_of({"template": name, **PARAMETERS.get(name, {})})
    if offer is None:
        assert name == "internal", "only what is for nobody outside is not offered"
        return
    assert faults(contract.request(negotiation(_C, peer_pid=None), offer, "https://bruges.example")) == []
    assert faults(dataset_of(offer)) == []


def dataset_of(offer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@context": [V2025_1.context],
        "@id": DATASET,
        "@type": "Dataset",
        "hasPolicy": [dict(offer)],
        "distribution": [{"@type": "Distribution", "format": PULL, "accessService": "urn:uuid:1"}],
    }


_LIMIT = {"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": {"@value": "5", "@type": "xsd:integer"}}
_OWN: dict[str, dict[str, Any]] = {
    "in DSP's form": {"permission": [{"action": "use", "constraint": [_LIMIT]}]},
    "operator with its prefix": {
        "permission": [{"action": "odrl:use", "constraint": [{**_LIMIT, "operator": "odrl:lteq"}]}]
    },
    "operator as an IRI": {
        "permission": [
            {"action": "odrl:use", "constraint": [{**_LIMIT, "operator": "http://www.w3.org/ns/odrl/2/lteq"}]}
        ]
    },
    "one object instead of an array": {"permission": {"action": "odrl:use", "constraint": _LIMIT}},
    "members with prefixes": {
        "odrl:permission": [
            {
                "odrl:action": "odrl:use",
                "odrl:constraint": [
                    {"odrl:leftOperand": "odrl:count", "odrl:operator": "lteq", "odrl:rightOperand": "5"}
                ],
            }
        ]
    },
    "terms as references": {
        "permission": [
            {
                "action": {"@id": "odrl:use"},
                "constraint": [
                    {"leftOperand": {"@id": "odrl:count"}, "operator": {"@id": "odrl:lteq"}, "rightOperand": "5"}
                ],
            }
        ]
    },
    "logic in an object": {
        "permission": [{"action": "odrl:use", "constraint": [{"or": {"@list": [_LIMIT, _LIMIT]}}]}]
    },
    "a duty and a prohibition": {
        "permission": [{"action": "odrl:use", "duty": [{"action": "odrl:delete", "constraint": _LIMIT}]}],
        "prohibition": {"action": "odrl:distribute"},
        "obligation": {"action": "odrl:attribute"},
        "profile": ["https://w3id.org/hansa/policy", "https://example.org/profile"],
    },
}
"""Policies that publishers may write themselves: ODRL has many spellings, DSP's schema has one."""


@pytest.mark.parametrize("spelling", _OWN)
def test_a_publishers_own_policy_goes_out_in_the_schemas_form(spelling: str) -> None:
    offer = offer_of(_OWN[spelling])
    assert offer is not None
    assert faults(dataset_of(offer)) == []
    assert faults(contract.offer(negotiation(_P), offer, None)) == []
    assert faults(contract.agreement(negotiation(_P), {**AGREEMENT, **offer, "@type": "Agreement"}, None)) == []
    written = {"profile": "https://w3id.org/hansa/policy", **_OWN[spelling]}
    assert same_terms(offer, written), "only the spelling may change"


# ---- reading what others send ---------------------------------------------------------------------------------

NOT_READ: dict[str, str] = {
    "contract-negotiation": "an acknowledgement: read by the worker as the answer to a message",
    "contract-negotiation-error": "an error: read by the worker as the answer to a message",
    "transfer-process": "an acknowledgement: read by the worker as the answer to a message",
    "transfer-error": "an error: read by the worker as the answer to a message",
}
"""Official examples that are no messages to our doors, and who reads them."""


def _messages(folder: str) -> list[str]:
    return sorted(name for name in examples(folder) if name not in NOT_READ)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The examples are looked up when tests are collected; where they are absent, one test says so."""
    for folder in ("negotiation", "transfer"):
        if f"{folder}_example" in metafunc.fixturenames:
            try:
                names = _messages(folder)
            except pytest.skip.Exception as absent:
                names = [pytest.param("absent", marks=pytest.mark.skip(reason=str(absent)))]  # type: ignore[list-item]
            metafunc.parametrize(f"{folder}_example", names)


def test_each_example_negotiation_message_is_read(negotiation_example: str) -> None:
    message = examples("negotiation")[negotiation_example]
    found = contract.read(json.dumps(message).encode(), message["@type"])
    assert dict(found.body) == message
    assert found.name.partition(":")[0] == message["@type"]


def test_each_example_transfer_message_is_read(transfer_example: str) -> None:
    message = examples("transfer")[transfer_example]
    found = transfer.read(json.dumps(message).encode(), message["@type"])
    assert dict(found.body) == message
    assert found.name == message["@type"]


def test_the_exceptions_are_exactly_those() -> None:
    """What is listed as not read is there, and is indeed no message of the tables."""
    there = {**examples("negotiation"), **examples("transfer")}
    assert set(NOT_READ) <= set(there)
    readable = {*contract._REQUIRED, *transfer._REQUIRED}
    assert {name for name, message in there.items() if message["@type"] not in readable} == set(NOT_READ)


@pytest.mark.parametrize(
    "name", ["contract-offer-message_initial", "contract-request-message", "contract-request-message_initial"]
)
def test_the_policies_of_the_examples_are_understood(name: str) -> None:
    """An offer of another connector, terms without prefix, becomes a policy."""
    policy = parse(examples("negotiation")[name]["offer"])
    assert policy.permissions


def test_every_constraint_of_the_full_example_is_understood() -> None:
    """All logical operators, nested: DSP 2025-1 §7.2.3, the long example."""
    agreement = examples("negotiation")["contract-agreement-message-full"]["agreement"]
    policy = parse(agreement)
    assert len(policy.permissions) == len(agreement["permission"])


def test_the_example_dataset_is_understood() -> None:
    """A consumer reads the offers of another connector's dataset."""
    dataset = examples("catalog")["dataset"]
    assert faults(dataset) == []
    assert [parse(offer).permissions for offer in dataset["hasPolicy"]]


# ---- other forms of the same ----------------------------------------------------------------------------------

_VERIFICATION = negotiating.VERIFICATION
_EVENT = "ContractNegotiationEventMessage"


@pytest.mark.parametrize(
    "kind",
    [
        _VERIFICATION,
        f"dspace:{_VERIFICATION}",
        f"https://w3id.org/dspace/2025/1/{_VERIFICATION}",
        [_VERIFICATION],
        [f"dspace:{_VERIFICATION}"],
    ],
    ids=str,
)
def test_types_of_peers_that_expand_or_prefix(kind: Any) -> None:
    message = {**examples("negotiation")["contract-agreement-verification-message"], "@type": kind}
    assert contract.read(json.dumps(message).encode(), _VERIFICATION).name == _VERIFICATION


@pytest.mark.parametrize("event", ["ACCEPTED", "dspace:ACCEPTED", "https://w3id.org/dspace/2025/1/ACCEPTED"])
def test_events_of_peers_that_expand_or_prefix(event: str) -> None:
    message = {**examples("negotiation")["contract-negotiation-event-message"], "eventType": event}
    assert contract.read(json.dumps(message).encode(), _EVENT).name == negotiating.ACCEPTED_EVENT


@pytest.mark.parametrize(
    "more", [{"@id": "urn:uuid:1"}, {"x": [1, {"y": None}]}, {"https://example.org/z": "z"}], ids=str
)
def test_members_that_nobody_knows_are_kept_and_passed_over(more: dict[str, Any]) -> None:
    message = {**examples("transfer")["transfer-start-message"], **more}
    assert dict(transfer.read(json.dumps(message).encode(), transferring.START).body) == message


def test_a_further_context_is_no_hindrance() -> None:
    message = copy.deepcopy(examples("negotiation")["contract-request-message_initial"])
    message["@context"].append("https://example.org/more.jsonld")
    assert contract.read(json.dumps(message).encode(), negotiating.REQUEST).name == negotiating.REQUEST


def _without(message: Mapping[str, Any], path: str) -> dict[str, Any]:
    changed = copy.deepcopy(dict(message))
    holder: Any = changed
    *parents, last = path.split("/")
    for parent in parents:
        holder = holder[parent]
    del holder[last]
    return changed


_BROKEN = {
    ("negotiation", "contract-request-message_initial"): (
        "@context",
        "@type",
        "consumerPid",
        "offer",
        "offer/@id",
        "offer/@type",
        "offer/permission",
        "callbackAddress",
    ),
    ("negotiation", "contract-offer-message"): ("providerPid", "consumerPid", "offer", "offer/@id", "offer/target"),
    ("negotiation", "contract-agreement-message"): (
        "providerPid",
        "consumerPid",
        "agreement",
        "agreement/@id",
        "agreement/@type",
        "agreement/target",
        "agreement/assigner",
        "agreement/assignee",
        "agreement/permission",
    ),
    ("negotiation", "contract-agreement-verification-message"): ("providerPid", "consumerPid"),
    ("negotiation", "contract-negotiation-event-message"): ("providerPid", "consumerPid", "eventType"),
    ("negotiation", "contract-negotiation-termination-message"): ("providerPid", "consumerPid"),
    ("transfer", "transfer-request-message"): (
        "consumerPid",
        "agreementId",
        "format",
        "callbackAddress",
        "dataAddress/endpointType",
    ),
    ("transfer", "transfer-start-message"): ("providerPid", "consumerPid", "dataAddress/endpointType"),
    ("transfer", "transfer-completion-message"): ("providerPid", "consumerPid"),
    ("transfer", "transfer-suspension-message"): ("providerPid", "consumerPid"),
    ("transfer", "transfer-termination-message"): ("providerPid", "consumerPid"),
}


@pytest.mark.parametrize(
    ("folder", "name", "path"), [(*key, path) for key, paths in _BROKEN.items() for path in paths]
)
def test_what_the_schema_refuses_is_refused_in_words(folder: str, name: str, path: str) -> None:
    """Our hand-written reader and the official schema agree about every required member."""
    original = examples(folder)[name]
    broken = _without(original, path)
    if path != "@type":
        assert faults(broken), "the schema demands it"
    reader = contract if folder == "negotiation" else transfer
    with pytest.raises(InvalidInput) as told:
        reader.read(json.dumps(broken).encode(), original["@type"])
    assert told.value.detail
