"""The meaning of an entry of the ledger, as a code with facts: pages and terminal say it in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.jsons import read_object
from node.ledger.model import Entry, EntryKind
from node.negotiation import machine as negotiating
from node.policy.model import Outcome
from node.transfer import machine as transferring

OTHER: Final = "other"
"""The code of what this version of Hansa has no words for, such as an entry of a plug-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """``code`` names a sentence, ``facts`` are what its blanks are filled with: identifiers, names, numbers."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, **({"facts": dict(self.facts)} if self.facts else {})}


def event_of(entry: Entry, me: str) -> AuditEvent:
    """Return what ``entry`` of the node ``me`` tells. Whatever its content is, there is an answer."""
    if entry.erased_sha256 is not None:
        return AuditEvent(code="content-erased")
    body = read_object(entry.body)
    code, *names = _READERS[entry.kind](entry, body, me)
    return AuditEvent(code=code, facts={name.rpartition(".")[2]: _text(body, name) for name in names})


Read = Callable[[Entry, Mapping[str, Any], str], tuple[str, ...]]
"""Entry, its content and the node → the code, and the members of the content that are its facts."""


def _of_record(_: Entry, body: Mapping[str, Any], me: str) -> tuple[str, ...]:
    envelope = body.get("envelope")
    if not isinstance(envelope, dict):
        return (OTHER,)
    what = "withdrawn" if envelope.get("withdrawn") else "published"
    if envelope.get("origin") == me:
        if what == "published" and _text(body, "envelope.extra.harvested.source"):
            return "asset-imported", "envelope.version", "envelope.extra.harvested.source"
        return f"asset-{what}", "envelope.version"
    return f"foreign-asset-{what}", "envelope.version", "envelope.origin"


def _of_process(entry: Entry, body: Mapping[str, Any], _: str) -> tuple[str, ...]:
    name = _PROCESSES.get(str(body.get("process", "")))
    if name is None:
        return (OTHER,)
    way = "sent" if entry.by == "node" else "received"
    return f"{name}-message-{way}", "message", "peer", "state"


_PROCESSES: Final = {negotiating.TABLE.name: "negotiation", transferring.TABLE.name: "transfer"}


def _of_agreement(_: Entry, body: Mapping[str, Any], __: str) -> tuple[str, ...]:
    event = str(body.get("event", ""))
    if event == "data-received":
        return "data-received" if body.get("verified") else "data-received-unverified", "asset"
    if event in _OF_SHIPMENTS:
        return event, "source", "place"
    if event == "deletion-confirmed":
        return (event,)
    if "supersededBy" in body:
        return "agreement-replaced", "supersededBy"
    if "agreement" in body:
        return "agreement-concluded", "agreement.assigner", "agreement.assignee"
    return (OTHER,)


_OF_SHIPMENTS: Final = frozenset(
    {
        "shipment-order",
        "shipment-order-stopped",
        "shipment-queued",
        "shipment-sent",
        "shipment-failed",
        "shipment-removed",
        "shipment-removed-by-hand",
        "bridge-begun",
        "bridge-ended",
        "bridge-removed",
        "subscription-made",
        "subscription-changed",
        "subscription-ended",
        "subscription-removed",
    }
)


def _of_decision(_: Entry, body: Mapping[str, Any], __: str) -> tuple[str, ...]:
    if "limits" in body:
        return ("limits-set" if body["limits"] else "limits-removed",)
    if "approved" in body:
        return "request-approved" if body["approved"] else "request-refused", "peer"
    code = _OF_OUTCOMES.get(_text(body, "decision.outcome"))
    return (code, "peer") if code else (OTHER,)


_OF_OUTCOMES: Final[Mapping[str, str]] = {
    Outcome.PERMIT: "policy-permits",
    Outcome.ASK: "policy-asks",
    Outcome.REFUSE: "policy-refuses",
}


def _of_access(_: Entry, body: Mapping[str, Any], __: str) -> tuple[str, ...]:
    outcome = body.get("outcome")
    known = outcome in ("started", "used", "delivered", "refused", "completed")
    return (f"access-{outcome}" if known else OTHER,)


def _of_run(_: Entry, body: Mapping[str, Any], __: str) -> tuple[str, ...]:
    if "job" in body:
        return "job-ended", "outcome"
    if body.get("state") in ("accepted", "running"):
        return "run-requested" if body["state"] == "accepted" else "run-started", "scenario"
    return ("run-ended", "scenario", "state") if "state" in body else (OTHER,)


def _of_membership(_: Entry, body: Mapping[str, Any], __: str) -> tuple[str, ...]:
    event = body.get("event")
    if event in ("revoked", "suspended", "reinstated"):
        return f"credential-{event}", "type"
    if event in ("applied", "issued", "rejected"):
        return f"application-{event}", "types"
    if event in ("credential-received", "request-rejected"):
        return str(event), "types", "issuer"
    if event == "requested":
        return "credential-requested", "type", "issuer"
    if event in ("template-published", "template-withdrawn"):
        return event, "template.name"
    if event == "left":
        return "membership-left", "issuer"
    return (f"participant-{event}",) if event in ("blocked", "unblocked") else (OTHER,)


def _of_node(entry: Entry, body: Mapping[str, Any], _: str) -> tuple[str, ...]:
    event, change = str(body.get("event", "")), body.get("change")
    if event in ("place-stated", "place-withdrawn"):
        return (event, "name") if "name" in body else (event,)
    if event == "key":
        return ("key-changed",)
    if event == "files-removed":
        return event, "version"
    if body.get("type") in ("follow", "unfollow", "fork", "fork-accepted"):
        return f"peer-{body['type']}", "url"
    if event.startswith("question-"):
        return "question-asked" if event == "question-asked" else "question-settled", "asset"
    if event in _OF_ACCOUNTS:
        return (event,)
    for member, code in (("webhook", "webhook"), ("stream", "stream"), ("dataSource", "data-source")):
        if member in body and isinstance(change, str):
            return (f"{code}-{change}", member) if f"{code}-{change}" in _OF_PARTS else (OTHER,)
    return (OTHER,)


_OF_ACCOUNTS: Final = frozenset(
    {
        "account-added",
        "account-disabled",
        "account-enabled",
        "account-removed",
        "link-made",
        "password-changed",
        "password-chosen",
        "recovery-code-used",
        "roles-changed",
        "second-factor-added",
        "second-factor-removed",
        "sessions-ended",
        "token-made",
        "token-revoked",
    }
)
_OF_PARTS: Final = frozenset(
    {
        "webhook-registered",
        "webhook-paused",
        "webhook-resumed",
        "webhook-removed",
        "stream-described",
        "stream-changed",
        "stream-removed",
        "stream-subscribed",
        "stream-unsubscribed",
        "data-source-registered",
        "data-source-replaced",
        "data-source-removed",
    }
)
_READERS: Final[Mapping[EntryKind, Read]] = {
    EntryKind.RECORD: _of_record,
    EntryKind.PROCESS: _of_process,
    EntryKind.AGREEMENT: _of_agreement,
    EntryKind.DECISION: _of_decision,
    EntryKind.ACCESS: _of_access,
    EntryKind.RUN: _of_run,
    EntryKind.MEMBERSHIP: _of_membership,
    EntryKind.NODE: _of_node,
}


def _text(body: Mapping[str, Any], name: str) -> str:
    """Return the member with this name, of an object in the content if there is a point in it."""
    value: Any = body
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
