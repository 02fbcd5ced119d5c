"""The events that the node tells: entries of its ledger as CloudEvents 1.0.

An event names what happened by identifiers, titles and states. Data, terms, tokens and signatures stay in the node:
whoever needs them asks the node with the rights that he has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.jsons import canonical, read_object
from node.base.work import Transaction
from node.catalogue.model import Record
from node.dialogue.process import Process
from node.ledger.model import Entry, EntryKind
from node.negotiation import machine as negotiating
from node.operation.webhooks.lineage import LINEAGE_KINDS, LineageTexts, is_lineage, lineage_kind_of
from node.operation.webhooks.model import Webhook
from node.transfer import machine as transferring

ENTRIES: Final = (
    EntryKind.RECORD,
    EntryKind.PROCESS,
    EntryKind.AGREEMENT,
    EntryKind.DECISION,
    EntryKind.ACCESS,
    EntryKind.RUN,
    EntryKind.MEMBERSHIP,
)
"""The kinds of entries that can be events."""

KINDS: Final[Mapping[str, str]] = {
    "hansa.asset.published": "a version of an asset was published here",
    "hansa.asset.withdrawn": "an asset was withdrawn",
    "hansa.negotiation.requested": "another participant asked for an asset of this node, or changed its request",
    "hansa.negotiation.ended": "a negotiation ended without an agreement",
    "hansa.decision.taken": "a person decided on a request",
    "hansa.agreement.concluded": "an agreement came into force",
    "hansa.agreement.replaced": "an agreement was replaced by another one",
    "hansa.transfer.started": "a transfer started, or went on after a suspension",
    "hansa.transfer.completed": "a transfer was completed",
    "hansa.transfer.ended": "a transfer ended before it was completed",
    "hansa.access.refused": "access under an agreement was refused",
    "hansa.data.received": "data arrived at this node",
    "hansa.shipment.sent": "received data were sent to a data source",
    "hansa.shipment.failed": "received data could not be sent to a data source",
    "hansa.deletion.confirmed": "a recipient, or this node as one, confirmed that it deleted data",
    "hansa.run.started": "a run of a scenario started",
    "hansa.run.succeeded": "a run of a scenario succeeded",
    "hansa.run.failed": "a run of a scenario failed",
    "hansa.run.dismissed": "a run of a scenario was ended by a person",
    "hansa.participant.blocked": "a participant was blocked",
    "hansa.credential.revoked": "a credential that this node issued was revoked",
    "hansa.credential.suspended": "a credential that this node issued was suspended",
    "hansa.credential.reinstated": "a suspended credential that this node issued counts again",
}
"""The kinds of events, with what they tell."""

TEST: Final = "hansa.webhook.test"
"""The kind of the event that a test sends."""

CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"

_OF_RUN: Final = {"running": "started", "successful": "succeeded", "failed": "failed", "dismissed": "dismissed"}
_OF_MEMBERSHIP: Final = {
    "blocked": "hansa.participant.blocked",
    "revoked": "hansa.credential.revoked",
    "suspended": "hansa.credential.suspended",
    "reinstated": "hansa.credential.reinstated",
}
_OF_AGREEMENT: Final = {
    "data-received": "hansa.data.received",
    "shipment-sent": "hansa.shipment.sent",
    "shipment-failed": "hansa.shipment.failed",
    "deletion-confirmed": "hansa.deletion.confirmed",
}
_OF_TRANSFER: Final = {
    transferring.STARTED: "hansa.transfer.started",
    transferring.COMPLETED: "hansa.transfer.completed",
    transferring.TERMINATED: "hansa.transfer.ended",
}
_MEMBERS: Final = {
    "hansa.decision.taken": ("decision", "about", "peer", "approved"),
    "hansa.agreement.replaced": ("supersededBy",),
    "hansa.access.refused": ("transfer", "code"),
    "hansa.data.received": ("transfer", "asset", "sha256", "size", "verified"),
    "hansa.shipment.sent": ("source", "place", "sha256"),
    "hansa.shipment.failed": ("source", "place", "sha256", "reason"),
    "hansa.credential.revoked": ("credential", "type"),
    "hansa.credential.suspended": ("credential", "type"),
    "hansa.credential.reinstated": ("credential", "type"),
    "hansa.run.started": ("scenario", "version", "state"),
    "hansa.run.succeeded": ("scenario", "version", "state", "result"),
    "hansa.run.failed": ("scenario", "version", "state", "error"),
    "hansa.run.dismissed": ("scenario", "version", "state"),
}
"""The members of entries that events of a kind repeat."""


class Records(Protocol):
    """Reads the newest version of an asset (``node.catalogue.ports.RecordStore``)."""

    def get(self, tx: Transaction, iri: str) -> Record | None: ...


class Processes(Protocol):
    """Reads a negotiation or a transfer (``node.dialogue.process.ProcessStore``)."""

    def get(self, tx: Transaction, pid: str) -> Process | None: ...


ALL_KINDS: Final[Mapping[str, str]] = {**KINDS, **LINEAGE_KINDS}
"""All kinds that a webhook may name."""


def kind_for(webhook: Webhook, entry: Entry, me: str) -> str | None:
    """Return the kind of the event that an entry of the node ``me`` tells a webhook; None if it tells it none."""
    kind = lineage_kind_of(entry) if webhook.takes_lineage else kind_of(entry, me)
    return kind if webhook.takes(kind) else None


def kind_of(entry: Entry, me: str) -> str | None:
    """Return the kind of the CloudEvent that an entry of the node ``me`` tells; None if it tells none."""
    body = read_object(entry.body)
    match entry.kind:
        case EntryKind.RECORD:
            return _kind_of_record(body, me)
        case EntryKind.PROCESS:
            return _kind_of_process(entry, body)
        case EntryKind.AGREEMENT if "event" in body:
            return _OF_AGREEMENT.get(str(body["event"]))
        case EntryKind.AGREEMENT:
            return "hansa.agreement.replaced" if "supersededBy" in body else "hansa.agreement.concluded"
        case EntryKind.DECISION:
            return "hansa.decision.taken" if "approved" in body else None
        case EntryKind.ACCESS:
            return "hansa.access.refused" if body.get("outcome") == "refused" else None
        case EntryKind.RUN if "run" in body:
            state = _OF_RUN.get(str(body.get("state")))
            return f"hansa.run.{state}" if state else None
        case EntryKind.MEMBERSHIP:
            return _OF_MEMBERSHIP.get(str(body.get("event")))
        case _:
            return None


def _kind_of_record(body: Mapping[str, Any], me: str) -> str | None:
    envelope = body.get("envelope", {})
    if envelope.get("origin") != me:
        return None
    return "hansa.asset.withdrawn" if envelope.get("withdrawn") else "hansa.asset.published"


def _kind_of_process(entry: Entry, body: Mapping[str, Any]) -> str | None:
    state = str(body["state"])
    if body["process"] == transferring.TABLE.name:
        return _OF_TRANSFER.get(state)
    if state == negotiating.TERMINATED:
        return "hansa.negotiation.ended"
    is_request = state == negotiating.REQUESTED and body["message"] == negotiating.REQUEST and entry.by != "node"
    return "hansa.negotiation.requested" if is_request else None


class EventTexts:
    """Writes events. ``me`` is the DID of this node, the source of all of them."""

    def __init__(self, me: str, *, records: Records, negotiations: Processes, transfers: Processes) -> None:
        self._me = me
        self._records = records
        self._negotiations = negotiations
        self._transfers = transfers
        self._lineage = LineageTexts(me, transfers)

    def text_of(self, tx: Transaction, entry: Entry, kind: str) -> bytes:
        """Return the event that ``entry`` tells, in the JSON format of CloudEvents; of OpenLineage if ``kind`` is one
        of its kinds."""
        if is_lineage(kind):
            return self._lineage.text_of(tx, entry, kind)
        body = read_object(entry.body)
        if entry.kind is EntryKind.RECORD:
            return self._text(entry, kind, _record_data(body))
        data: dict[str, Any] = {name: body[name] for name in _MEMBERS.get(kind, ()) if body.get(name) is not None}
        if entry.kind is EntryKind.PROCESS:
            data |= self._process_data(tx, entry, body)
        elif kind == "hansa.agreement.concluded":
            data |= _agreement_data(body)
        elif kind == "hansa.deletion.confirmed":
            data["by"] = entry.by
        elif entry.kind is EntryKind.DECISION:
            data["asset"] = entry.subject
        elif kind == "hansa.shipment.failed":
            data["state"] = "failed"
        asset = data.get("asset") or data.get("scenario")
        record = self._records.get(tx, str(asset)) if asset else None
        if record is not None:
            data["title"] = record.titles
        return self._text(entry, kind, data)

    def test_text(self, event_id: str, webhook: Webhook, at: str) -> bytes:
        """Return the event that a test of ``webhook`` sends."""
        name = webhook.name
        if webhook.takes_lineage:
            return self._lineage.test_text(event_id, name, at)
        return canonical(self._event(event_id, TEST, name, at, {"webhook": name}))

    def _text(self, entry: Entry, kind: str, data: Mapping[str, Any]) -> bytes:
        return canonical(self._event(entry.id, kind, entry.subject, stamp(entry.at), data))

    def _event(self, event_id: str, kind: str, subject: str, at: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": self._me,
            "type": kind,
            "subject": subject,
            "time": at,
            "datacontenttype": "application/json",
            "data": dict(data),
        }

    def _process_data(self, tx: Transaction, entry: Entry, body: Mapping[str, Any]) -> dict[str, Any]:
        is_transfer = body["process"] == transferring.TABLE.name
        read: Callable[[Transaction, str], Process | None] = (
            self._transfers.get if is_transfer else self._negotiations.get
        )
        process = read(tx, entry.subject)
        facts = {"asset": getattr(process, "dataset", None), "agreement": getattr(process, "agreement", None)}
        data = {name: body[name] for name in ("role", "peer", "state")}
        # The agreement of a negotiation is the document, that of a transfer its id.
        return data | {name: value for name, value in facts.items() if isinstance(value, str)}


def _record_data(body: Mapping[str, Any]) -> dict[str, Any]:
    envelope = body.get("envelope", {})
    names = {"iri": "asset", "version": "version", "kind": "kind", "audience": "audience", "titles": "title"}
    return {member: envelope[name] for name, member in names.items() if name in envelope}


def _agreement_data(body: Mapping[str, Any]) -> dict[str, Any]:
    agreement = body.get("agreement", {})
    names = {"target": "asset", "assigner": "provider", "assignee": "consumer"}
    return {
        "negotiation": body.get("negotiation"),
        **{member: agreement[name] for name, member in names.items() if name in agreement},
    }
