"""Each message that is valid by the official schemas is accepted, or refused for a reason that the documents list."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.catalogue.filters import Filter
from node.dialogue import wire
from node.negotiation import messages as contract
from node.policy.odrl import parse
from node.transfer import messages as transfer
from node.vocab.dsp import V2025_1
from tests.conformance.dsp import examples, faults
from tests.conformance.generator import as_text, messages
from tests.messages import schemas_at_hand

pytestmark = pytest.mark.skipif(
    not schemas_at_hand(), reason="the official schemas are not at hand: set HANSA_SHARED"
)

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/reference/interoperability.md"
REFUSALS = {
    r" is missing or is not a text$": "an empty text",
    r" is longer than 2048 characters$": "longer than 2048 characters",
    r"nested deeper than \d+ levels": "nested deeper than",
    r"an integer|out of range": "a number beyond what a double holds",
    r"^policy, at .*: a right operand is ": "a right operand",
    r"^policy, at .*: a logical constraint needs operands": "a logical constraint without operands",
    r"^policy, at .*: a logical constraint has \w+ and no other member": "beside a logical operator",
    r"^policy, at .*: \S.* is not a member that this node understands": "a bare member that the protocol lacks",
    r"^policy, at .*: the action is empty": "an empty action",
    r"^policy, at .*: the rule states another ": "a rule about another asset or other parties",
    r"^policy, at .*: .* is not a conflict strategy": "a conflict strategy",
    r"^this filter is not understood": "a filter of another making",
    r"^filter: kind is one of": "a filter of another making",
}
"""What a refusal says → what the documents say of it."""

KINDS = [*contract._REQUIRED, *transfer._REQUIRED]
LEAST_TAKEN = 0.3


def _reason(error: InvalidInput) -> str:
    for pattern, documented in REFUSALS.items():
        if re.search(pattern, error.detail):
            return documented
    raise AssertionError(f"a reason that no document lists: {error.detail}") from error


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_schema_allows_is_read(kind: str) -> None:
    reader = contract if kind in contract._REQUIRED else transfer
    tally: Counter[str] = Counter()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(message=messages(kind))
    def check(message: dict[str, Any]) -> None:
        raw = as_text(message)
        try:
            incoming = reader.read(raw, kind)
        except InvalidInput as error:
            tally[_reason(error)] += 1
            return
        tally["taken"] += 1
        assert incoming.raw == raw
        assert json.dumps(incoming.body, sort_keys=True) == json.dumps(message, sort_keys=True), (
            "unknown members stay"
        )
        policy = message.get("offer") or message.get("agreement")
        if policy:
            try:
                parse(policy)
            except InvalidInput as error:
                event(_reason(error))

    check()
    assert tally["taken"] >= LEAST_TAKEN * tally.total(), tally


@pytest.mark.parametrize("kind", ["Catalog", "Dataset", "ContractNegotiation", "TransferProcess", "TransferError"])
def test_what_the_schema_allows_as_an_answer_is_read(kind: str) -> None:
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(message=messages(kind))
    def check(message: dict[str, Any]) -> None:
        assert wire.read(as_text(message)) == message

    check()


def test_what_the_schema_allows_of_a_catalogue_request_is_read() -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(message=messages("CatalogRequestMessage"))
    def check(message: dict[str, Any]) -> None:
        body = wire.read(as_text(message))
        contract.require_type(body, "CatalogRequestMessage")
        try:
            Filter.read(body.get("filter") or ())
        except InvalidInput as error:
            _reason(error)

    check()


@pytest.mark.parametrize("kind", ["ContractRequestMessage", "ContractAgreementMessage", "TransferRequestMessage"])
def test_the_other_forms_of_a_generated_message_read_alike(kind: str) -> None:
    """What looks like another form, because of a member that nobody knows, comes to no harm by being rewritten."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(message=messages(kind), version=st.sampled_from(["text", "object"]))
    def check(message: dict[str, Any], version: str) -> None:
        context = V2025_1.context if version == "text" else {"dspace": V2025_1.namespace, "@version": 1.1}
        found = wire.read(as_text({**message, "@context": context}))
        found["@context"] = message["@context"]
        assert json.dumps(found, sort_keys=True) == json.dumps(message, sort_keys=True)

    check()


def test_the_generator_makes_what_the_schemas_allow_and_varies() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(message=messages("ContractRequestMessage"))
    def look(message: dict[str, Any]) -> None:
        assert faults(message) == []
        seen["all"] += 1
        for mark in ("providerPid", "callbackAddress", '"constraint"', '"prohibition"', '"and"', "ns#z"):
            seen[mark] += mark in json.dumps(message)

    look()
    assert all(0 < seen[mark] < seen["all"] for mark in seen if mark != "all"), seen


def test_the_reasons_are_documented() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [documented for documented in REFUSALS.values() if documented not in text] == []


@pytest.mark.parametrize("folder", ["catalog", "negotiation", "transfer"])
def test_every_official_example_is_read(folder: str) -> None:
    for name, message in examples(folder).items():
        if name != "dataset-request-message":  # Not in use in the HTTPS binding (DSP 2025-1 §6.3).
            assert wire.read(as_text(message)) == message, name
