"""Entries of the ledger in words: each has a sentence in the pages' catalogue, whatever its content is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.jsons import canonical
from node.ledger.model import Entry, EntryKind
from node.operation.audit_events import OTHER, AuditEvent, event_of
from node.portal.languages import PORTAL
from node.texts.languages import LANGUAGES

ME = "did:web:gent.example"
PEER = "did:web:brno.example"

CASES: list[tuple[EntryKind, dict[str, Any], str, dict[str, str]]] = [
    (EntryKind.RECORD, {"envelope": {"origin": ME, "version": 2}}, "asset-published", {"version": "2"}),
    (
        EntryKind.RECORD,
        {"envelope": {"origin": ME, "version": 1, "extra": {"harvested": {"source": "ghent"}}}},
        "asset-imported",
        {"version": "1", "source": "ghent"},
    ),
    (
        EntryKind.RECORD,
        {"envelope": {"origin": ME, "version": 3, "withdrawn": True}},
        "asset-withdrawn",
        {"version": "3"},
    ),
    (
        EntryKind.RECORD,
        {"envelope": {"origin": PEER, "version": 1}},
        "foreign-asset-published",
        {"version": "1", "origin": PEER},
    ),
    (
        EntryKind.PROCESS,
        {"process": "contract negotiation", "message": "offer", "peer": PEER, "state": "OFFERED"},
        "negotiation-message-sent",
        {"message": "offer", "peer": PEER, "state": "OFFERED"},
    ),
    (
        EntryKind.AGREEMENT,
        {"event": "data-received", "asset": "x", "verified": False},
        "data-received-unverified",
        {"asset": "x"},
    ),
    (
        EntryKind.AGREEMENT,
        {"agreement": {"assigner": ME, "assignee": PEER}},
        "agreement-concluded",
        {"assigner": ME, "assignee": PEER},
    ),
    (
        EntryKind.AGREEMENT,
        {"agreement": {}, "supersededBy": "urn:2"},
        "agreement-replaced",
        {"supersededBy": "urn:2"},
    ),
    (
        EntryKind.AGREEMENT,
        {"event": "shipment-sent", "source": "gis", "place": "a.csv"},
        "shipment-sent",
        {"source": "gis", "place": "a.csv"},
    ),
    (EntryKind.DECISION, {"limits": None}, "limits-removed", {}),
    (EntryKind.DECISION, {"approved": False, "peer": PEER}, "request-refused", {"peer": PEER}),
    (EntryKind.DECISION, {"decision": {"outcome": "permit"}, "peer": PEER}, "policy-permits", {"peer": PEER}),
    (EntryKind.DECISION, {"decision": {"outcome": "ask"}, "peer": PEER}, "policy-asks", {"peer": PEER}),
    (EntryKind.DECISION, {"decision": {"outcome": "refuse"}, "peer": PEER}, "policy-refuses", {"peer": PEER}),
    (EntryKind.DECISION, {"decision": {}, "peer": PEER}, "other", {}),
    (EntryKind.ACCESS, {"outcome": "refused"}, "access-refused", {}),
    (
        EntryKind.RUN,
        {"run": "urn:1", "scenario": "s", "state": "failed"},
        "run-ended",
        {"scenario": "s", "state": "failed"},
    ),
    (EntryKind.RUN, {"run": "urn:1", "scenario": "s", "state": "running"}, "run-started", {"scenario": "s"}),
    (EntryKind.RUN, {"run": "urn:1", "scenario": "s", "state": "accepted"}, "run-requested", {"scenario": "s"}),
    (EntryKind.RUN, {"job": "1", "outcome": "successful"}, "job-ended", {"outcome": "successful"}),
    (EntryKind.MEMBERSHIP, {"event": "issued", "types": ["A", "B"]}, "application-issued", {"types": "A, B"}),
    (EntryKind.MEMBERSHIP, {"event": "blocked"}, "participant-blocked", {}),
    (
        EntryKind.NODE,
        {"type": "unfollow", "did": PEER, "url": "https://brno.example"},
        "peer-unfollow",
        {"url": "https://brno.example"},
    ),
    (EntryKind.NODE, {"event": "files-removed", "version": 1}, "files-removed", {"version": "1"}),
    (
        EntryKind.PROCESS,
        {"process": "transfer process", "message": "m", "peer": PEER, "state": "STARTED"},
        "transfer-message-sent",
        {"message": "m", "peer": PEER, "state": "STARTED"},
    ),
    (EntryKind.NODE, {"event": "password-changed"}, "password-changed", {}),
    (EntryKind.NODE, {"event": "question-public", "asset": "x"}, "question-settled", {"asset": "x"}),
    (
        EntryKind.NODE,
        {"stream": "air", "dataSource": "hub", "change": "subscribed"},
        "stream-subscribed",
        {"stream": "air"},
    ),
    (EntryKind.NODE, {"dataSource": "gis", "change": "removed"}, "data-source-removed", {"dataSource": "gis"}),
]


def entry(kind: EntryKind, body: Any) -> Entry:
    return Entry(
        id="urn:1", kind=kind, subject="s", at=datetime(2026, 11, 25, tzinfo=UTC), by="node", body=canonical(body)
    )


@pytest.mark.parametrize(("kind", "body", "code", "facts"), CASES)
def test_an_entry_has_a_code_with_facts_and_a_sentence(
    kind: EntryKind, body: dict[str, Any], code: str, facts: dict[str, str]
) -> None:
    event = event_of(entry(kind, body), ME)
    assert event == AuditEvent(code=code, facts=facts)
    for language in LANGUAGES:
        key = f"act.{code}" if PORTAL.knows(f"act.{code}") else f"audit.said.{code}"
        assert PORTAL.names(key, language) <= set(facts)


@pytest.mark.parametrize("kind", EntryKind)
@pytest.mark.parametrize("body", [{}, {"event": ["x"]}, {"envelope": 1, "process": {}, "outcome": [], "change": 1}])
def test_content_of_a_plug_in_does_no_harm(kind: EntryKind, body: dict[str, Any]) -> None:
    assert event_of(entry(kind, body), ME).code == OTHER
