"""Check the messages in the file of an agreement: their bytes, their order, and that they contain what was agreed.

The bytes are those of the messages' own protocol version and form of JSON-LD; their content is compared in the
compact form of DSP 2025-1 (docs/decisions/0014-json-ld-without-a-processor.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.dialogue import wire
from node.dialogue.process import Role
from node.dialogue.timeline import Fate
from node.evidence import parts
from node.evidence.findings import Report
from node.negotiation import machine, messages
from node.policy.comparison import asks_for, same_terms

_ALL = (
    "ContractRequestMessage",
    "ContractOfferMessage",
    "ContractAgreementMessage",
    "ContractAgreementVerificationMessage",
    "ContractNegotiationEventMessage",
    "ContractNegotiationTerminationMessage",
)
_WRITER = "the statement of the node that wrote the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """An accepted message: its name, its sender and its body."""

    name: str
    sender: Role
    body: Mapping[str, Any]


def check_policy(report: Report, members: Mapping[str, bytes], body: Mapping[str, Any]) -> None:
    """Check that the agreement has the terms of the accepted offer."""

    def look() -> str:
        offer = read_json(members[parts.OFFER])
        if not asks_for(offer, body):
            raise InvalidInput("the agreement and the accepted offer have different terms")
        return str(offer["@id"])

    report.check("the policy that was agreed is that of the offer", _WRITER, look)


def check_conversation(
    report: Report, members: Mapping[str, bytes], body: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Check that the messages are complete, in an order that the protocol allows, and about this agreement."""
    messages_taken: list[_Message] = []

    def look_at_bytes() -> str:
        index = read_json(members[parts.MESSAGES])
        names = {parts.MESSAGES}
        for entry in index:
            names |= {name for name in (entry["file"], entry["answer"]) if name}
            # Only the hash is kept of a long message that was refused; every accepted message is there.
            counts = entry["fate"] == Fate.TAKEN
            if entry["file"] or counts:
                _same_hash(members, entry["file"], entry["sha256"])
            if entry["answer"]:
                _same_hash(members, entry["answer"], entry["answerSha256"])
            if counts:
                messages_taken.append(_read(entry, members[entry["file"]], Role(about["role"])))
        for name in members:
            if name.startswith("messages/") and name not in names:
                raise InvalidInput(f"{name} is not a message of this negotiation")
        return f"{len(index)} messages"

    if not report.check("the messages are byte for byte those that were sent", _WRITER, look_at_bytes):
        return
    report.check("the protocol allows their order", _WRITER, lambda: _order(messages_taken))
    report.check("they belong to one negotiation", _WRITER, lambda: _one_process(messages_taken, about))
    report.check(
        "the offer on the table led to this agreement", _WRITER, lambda: _check_content(messages_taken, members, body)
    )
    report.check(
        "the ledger of the node that wrote the file lists the same messages",
        "its checkpoint",
        lambda: _check_ledger(messages_taken, members, str(about["role"])),
    )


def _read(entry: Mapping[str, Any], raw: bytes, ours: Role) -> _Message:
    message = messages.read(raw, *_ALL)
    if message.name != entry["message"] or message.id != entry["id"]:
        raise InvalidInput(f"{entry['file']} is not the message that the index lists")
    sender = {"sent": ours, "received": ours.other}[entry["direction"]]
    return _Message(name=message.name, sender=sender, body=message.body)


def _order(messages_taken: Sequence[_Message]) -> str:
    """Follow the table of states as both nodes did (DSP 2025-1 §7.1)."""
    state = ""
    way = []
    for message in messages_taken:
        move = machine.TABLE.move(state, message.name) if state else machine.TABLE.openings.get(message.name)
        if move is None or not move.accepts(message.sender):
            raise InvalidInput(
                f"the {message.sender} may not send {message.name} " + (f"in {state}" if state else "first")
            )
        state = move.to
        way.append(state)
    if state != machine.FINALIZED:
        raise InvalidInput(f"the messages end in {state or 'nothing'}, not in {machine.FINALIZED}")
    return " → ".join(way)


def _one_process(messages_taken: Sequence[_Message], about: Mapping[str, Any]) -> str:
    negotiation, role = about["negotiation"], Role(about["role"])
    own, other = negotiation["pid"], negotiation["peerPid"]
    expected = {f"{role}Pid": own, f"{role.other}Pid": other}
    for message in messages_taken:
        for name, value in expected.items():
            if message.body.get(name, value) != value:
                raise InvalidInput(
                    f"{message.name} belongs to another negotiation: its {name} is {message.body[name]}"
                )
    return str(own)


def _check_content(messages_taken: Sequence[_Message], members: Mapping[str, bytes], body: Mapping[str, Any]) -> str:
    """Check that the last offer, the agreement and the signatures in the messages are those in the file."""
    offers = [message for message in messages_taken if message.name in (machine.REQUEST, machine.OFFER)]
    last = offers[-1]
    offer = last.body["offer"]
    # A consumer may leave out the profile of the offer that it has read; the provider may not.
    same = asks_for(offer, body) if last.name == machine.REQUEST else same_terms(offer, body)
    if not same:
        raise InvalidInput(f"the agreement and the last offer of the {last.sender} have different terms")
    if (
        offer["@id"] != read_json(members[parts.OFFER])["@id"]
        or offer.get("target", body["target"]) != body["target"]
    ):
        raise InvalidInput("the last offer in the messages is not the one in the file")
    for message in messages_taken:
        if message.name == machine.AGREEMENT and not wire.same(message.body["agreement"], body):
            raise InvalidInput("the agreement in the message that proposed it is a different one")
        signature = message.body.get(messages.SIGNATURE)
        if message.name in (machine.AGREEMENT, machine.VERIFICATION):
            name = parts.signature_name(str(message.sender), "jws")
            stored = members.get(name)
            if (stored.decode("ascii", "replace") if stored is not None else None) != signature:
                raise InvalidInput(f"the signature in the message of the {message.sender} differs from {name}")
    return f"{len(offers)} offer" + ("s" if len(offers) > 1 else "") + f", {offer['@id']}"


def _check_ledger(messages_taken: Sequence[_Message], members: Mapping[str, bytes], side: str) -> str:
    """Check that the writer's ledger has these messages in this order: it cannot add others later."""
    entries: list[str] = []
    for name in sorted(members):
        if name.startswith(parts.ledger_name(side, "")) and name.endswith("-process.body.json"):
            message = read_json(members[name])["message"]
            # An opening message of our own is entered when it is decided and again when the peer has taken it.
            if entries[-1:] != [message]:
                entries.append(message)
    if entries != [message.name for message in messages_taken]:
        raise InvalidInput("the ledger lists other messages, or another order")
    return f"{len(entries)} messages"


def _same_hash(members: Mapping[str, bytes], name: str, sha256: str) -> None:
    if name not in members or hashlib.sha256(members[name]).hexdigest() != sha256:
        raise InvalidInput(f"{name} is missing, or is not what was sent")
