"""The answers of the routes for getting and giving: conditions, processes with their time line, agreements,
decisions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from node.base.clock import stamp
from node.base.jsons import read_json
from node.dialogue.process import Exchange, Process
from node.dialogue.timeline import TimelineMessage, time_line
from node.negotiation import machine as negotiating
from node.negotiation.acquire import Conditions
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.policy.summary import summary
from node.policy.words import LANGUAGES, sentences
from node.transfer import machine
from node.transfer.addresses import pushed_to
from node.transfer.messages import without_secrets
from node.transfer.model import Reception, Transfer
from node.transfer.process_status import ProcessStatus, status_of


def conditions_json(conditions: Conditions, with_names: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the conditions of an offer as JSON."""
    return {
        "iri": conditions.iri,
        "title": conditions.dataset.get("dct:title") or conditions.dataset.get("title"),
        "provider": conditions.provider,
        "offer": conditions.offer,
        "summary": {language: with_names(summary(conditions.policy, language)) for language in LANGUAGES},
        "sentences": {
            language: [with_names(text) for text in sentences(conditions.policy, language)] for language in LANGUAGES
        },
        "decision": conditions.decision.to_json(),
        "agreementId": conditions.agreement.id if conditions.agreement else None,
        "otherAgreements": [other.id for other in conditions.others],
        "running": {
            "pid": conditions.running.pid,
            "state": conditions.running.state,
            "asksForThis": conditions.running_asks,
        }
        if conditions.running
        else None,
    }


def process_json(process: Process) -> dict[str, Any]:
    members: dict[str, Any] = {
        "pid": process.pid,
        "role": str(process.role),
        "peer": process.peer,
        "peerPid": process.peer_pid,
        "state": process.state,
        "pending": process.pending.message if process.pending else None,
        "pendingId": process.pending.message_id if process.pending else None,
        "created": stamp(process.created),
        "updated": stamp(process.updated),
        "code": process.code,
        "reason": _brief(process.reason),
    }
    if isinstance(process, Negotiation):
        members["dataset"] = process.dataset
        members["agreementId"] = (process.agreement or {}).get("@id")
        members["decision"] = process.decision
    if isinstance(process, Transfer):
        members["dataset"] = process.dataset
        members["agreementId"] = process.agreement
        members["format"] = process.format
    return members


def _brief(reason: Sequence[Any], room: int = 16_384) -> list[Any]:
    """Return as many reasons as fit: they are the peer's words, and it may have sent a megabyte of them."""
    parts: list[Any] = []
    for part in reason:
        room -= len(json.dumps(part))
        if room < 0:
            break
        parts.append(part)
    return parts


def message_json(message: TimelineMessage) -> dict[str, Any]:
    """Return a message as JSON. Its ``status`` is null if no answer was read: the peer's next message then shows that
    it took the message. ``fate`` is its outcome, ``late`` whether it came after the end; ``code`` and ``reason`` are
    those of a refusal."""
    exchange = message.exchange
    return {
        "at": stamp(exchange.at),
        "direction": "out" if exchange.outgoing else "in",
        "message": exchange.message,
        "id": exchange.message_id,
        "body": without_secrets(read_json(exchange.body)),
        "status": exchange.status,
        "fate": str(message.fate),
        "late": message.late,
        "code": message.code,
        "reason": _brief(message.reason),
    }


def _status_json(now: ProcessStatus) -> dict[str, Any]:
    """Return the status of a process."""
    ended = None if now.ended_by_us is None else "this-node" if now.ended_by_us else "other-side"
    return {"waitsFor": str(now.waits) if now.waits is not None else None, "endedBy": ended, "text": now.text}


def negotiation_json(
    negotiation: Negotiation, exchanges: list[Exchange], decision: PendingDecision | None, *, stuck: bool
) -> dict[str, Any]:
    return {
        **process_json(negotiation),
        "offer": negotiation.offer,
        "waitsFor": decision_json(decision) if decision is not None else None,
        "status": _status_json(status_of(negotiation, exchanges, decision=decision is not None, stuck=stuck)),
        "messages": [message_json(one) for one in time_line(negotiating.TABLE, exchanges)],
    }


def transfer_json(
    transfer: Transfer, exchanges: list[Exchange], reception: Reception | None, *, stuck: bool
) -> dict[str, Any]:
    return {
        **process_json(transfer),
        "file": transfer.file,
        "version": transfer.asset_version,
        "convertedTo": transfer.wish,
        "pushedTo": pushed_to(transfer.format, transfer.data_address),
        "suspendedBy": transfer.suspended_by if transfer.state == machine.SUSPENDED else None,
        "reception": reception_json(reception) if reception is not None else None,
        "status": _status_json(status_of(transfer, exchanges, stuck=stuck)),
        "messages": [message_json(one) for one in time_line(machine.TABLE, exchanges)],
    }


def transfer_under_json(transfer: Transfer, reception: Reception | None) -> dict[str, Any]:
    """Return a transfer for the list of those under an agreement."""
    return {
        "pid": transfer.pid,
        "state": transfer.state,
        "format": transfer.format,
        "created": stamp(transfer.created),
        "reception": reception_json(reception) if reception is not None else None,
    }


def reception_json(reception: Reception) -> dict[str, Any]:
    return {
        "state": reception.state,
        "name": reception.name,
        "mediaType": reception.media_type,
        "sealed": reception.sealed,
        "received": reception.received,
        "expected": reception.expected,
        "sha256": reception.sha256,
        "error": reception.error,
        "facts": {name: value for name, value in (reception.facts or {}).items() if not name.endswith("Path")},
    }


def agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {
        "id": agreement.id,
        "dataset": agreement.dataset,
        "provider": agreement.provider,
        "consumer": agreement.consumer,
        "role": agreement.role,
        "sha256": agreement.sha256,
        "signatures": agreement.signatures,
        "negotiation": agreement.negotiation,
        "finalized": stamp(agreement.finalized) if agreement.finalized else None,
        "ended": stamp(agreement.ended) if agreement.ended else None,
        "entry": agreement.entry,
    }


def decision_json(decision: PendingDecision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "kind": decision.kind,
        "subject": decision.subject,
        "peer": decision.peer,
        "peerName": decision.peer_name,
        "summary": decision.summary,
        "details": decision.details,
        "at": stamp(decision.at),
        "due": stamp(decision.due) if decision.due else None,
        "approved": decision.approved,
        "decidedBy": decision.decided_by,
        "reason": decision.reason,
    }
