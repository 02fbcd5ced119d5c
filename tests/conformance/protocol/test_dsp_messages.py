"""What nodes say in tests is compared with the official schemas, and a node that says anything else is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.catalogue.dsp import DspCatalogue
from node.dialogue import wire
from node.negotiation import messages as contract
from node.vocab.dsp import V2024_1, V2025_1
from tests.messages import Traffic, schemas_at_hand
from tests.nodes import Running, agree, publish, running

pytestmark = pytest.mark.skipif(
    not schemas_at_hand(), reason="the official schemas are not at hand, so nothing is compared: set HANSA_SHARED"
)


def _wrong_message(patch: pytest.MonkeyPatch) -> None:
    write = contract.verification
    patch.setattr(contract, "verification", lambda *given: {**write(*given), "providerPid": 7})


def _wrong_answer(patch: pytest.MonkeyPatch) -> None:
    write = contract.acknowledgement
    patch.setattr(contract, "acknowledgement", lambda one: {**write(one), "state": "BUSY"})


def _wrong_error(patch: pytest.MonkeyPatch) -> None:
    write = contract.error
    patch.setattr(contract, "error", lambda *given, **named: {**write(*given, **named), "reason": "one"})


def _wrong_catalogue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DspCatalogue, "_service", lambda *_: {"@type": "DataService"})


def _exchange(provider: Running, consumer: Running) -> None:
    agree(consumer, publish(provider)["iri"])


def _ask_for_nothing(provider: Running, consumer: Running) -> None:
    with provider.http() as http:
        http.get(f"{provider.dsp}/negotiations/urn:none", headers=consumer.as_participant(provider))


def _list(provider: Running, consumer: Running) -> None:
    publish(provider)
    body = {"@context": [V2025_1.context], "@type": "CatalogRequestMessage"}
    with provider.http() as http:
        http.post(f"{provider.dsp}/catalog/request", json=body, headers=consumer.as_participant(provider))


@pytest.mark.parametrize(
    ("plant", "speak", "fault"),
    [
        (_wrong_message, _exchange, "/agreement/verification (sent): $.providerPid"),
        (_wrong_answer, _exchange, "/negotiations/request (201): $.state"),
        (_wrong_error, _ask_for_nothing, "/negotiations/urn:none (404): $.reason"),
        (_wrong_catalogue, _list, "/catalog/request (200): $"),
    ],
    ids=["a message", "an answer", "an error", "a catalogue"],
)
def test_a_planted_fault_is_found(
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    speak: Callable[[Running, Running], None],
    fault: str,
) -> None:
    plant(monkeypatch)
    faults = []
    with (
        running(tmp_path / "provider", template=sqlite_template, judged=False) as provider,
        running(tmp_path / "consumer", template=sqlite_template, judged=False) as consumer,
    ):
        speak(provider, consumer)
        faults = provider.traffic.faults() + consumer.traffic.faults()
    assert [one for one in faults if fault in one], faults


def test_a_node_that_says_something_wrong_fails_its_test(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        pytest.raises(AssertionError, match="the official schemas find fault"),
        running(tmp_path / "node", template=sqlite_template) as node,
    ):
        node.traffic.heard.append(("POST /dsp/2025-1/negotiations/request", 201, b'{"@type":"ContractNegotiation"}'))


@pytest.mark.parametrize(
    ("raw", "status", "fault"),
    [
        (b"", 200, "it is no JSON"),
        (b"[]", 200, "it is no object"),
        (b"{}", 200, "it has no @type"),
        (b"{}", 404, ""),
        (b'{"@context":["https://w3id.org/dspace/2025/1/context.jsonld"],"@type":"Contract"}', 200, "no message"),
    ],
)
def test_what_is_no_message_is_told(raw: bytes, status: int, fault: str) -> None:
    faults = Traffic([("GET /dsp/2025-1/negotiations/urn:1", status, raw)]).faults()
    assert bool(faults) == bool(fault)
    assert fault in "".join(faults)


def test_2024_1_is_compared_by_its_members(tmp_path: Path) -> None:
    message: dict[str, Any] = {"@context": [V2024_1.context], "@type": "ContractNegotiation", "state": "REQUESTED"}
    pids = {"providerPid": "urn:1", "consumerPid": "urn:2"}
    where = "GET /dsp/2024-1/negotiations/urn:1"
    well = wire.text(wire.in_version({**message, **pids, "@id": "urn:1"}))
    assert Traffic([(where, 200, well)]).faults() == []
    assert Traffic([(where, 200, wire.text(wire.in_version({**message, **pids, "state": "BUSY"})))]).faults()
