"""Make the parts of an agreement's file from what a node has stored, without input or output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import HansaError
from node.base.jsons import canonical, read_object
from node.dialogue.process import Exchange
from node.dialogue.timeline import time_line
from node.evidence import archive, forms, guide
from node.identity.model import DidDocument
from node.ledger.model import Entry, InclusionProof
from node.ledger.proofs import inclusion_to_json
from node.negotiation import machine
from node.negotiation.agreement import made_at
from node.negotiation.model import Agreement, Negotiation
from node.policy.document.rendering import render
from node.texts.languages import LANGUAGES

README: Final = "README.txt"
ABOUT: Final = "about.json"
AGREEMENT: Final = "agreement.json"
PAGE: Final = "agreement.html"
OFFER: Final = "offer.json"
RULEBOOK: Final = "rulebook.nq"
MESSAGES: Final = "messages/index.json"
SIDES: Final = ("provider", "consumer")
FORMAT: Final = "Hansa agreement file 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPlace:
    """Entries of one ledger, each with the proof that one signed checkpoint includes it."""

    checkpoint: str
    entries: tuple[tuple[Entry, InclusionProof], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The stored data of an agreement. ``documents`` and ``ledgers`` are by DID; ``rulebook`` is the description of
    the rulebook in the agreed version, as canonical N-Quads, if this node has it."""

    me: str
    agreement: Agreement
    negotiation: Negotiation
    exchanges: Sequence[Exchange]
    documents: Mapping[str, Mapping[str, Any]]
    ledgers: Mapping[str, LedgerPlace]
    rulebook: bytes | None = None

    def did(self, side: str) -> str:
        """Return the party on this side."""
        return self.agreement.provider if side == "provider" else self.agreement.consumer


def compose(facts: Facts, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the file; the same facts give the same bytes. ``sign`` signs with this node's ledger key (Ed25519)."""
    agreement = facts.agreement
    parts: dict[str, bytes] = {
        ABOUT: pretty(_about(facts)),
        AGREEMENT: canonical(agreement.body),
        PAGE: render(agreement.body, signatures=agreement.signatures).encode(),
        OFFER: pretty(facts.negotiation.offer),
    }
    if facts.rulebook is not None:
        parts[RULEBOOK] = facts.rulebook
    commands: list[guide.Command] = []
    for side in SIDES:
        keys = _keys(side, facts)
        parts |= keys
        parts |= _signature(side, facts, keys, commands)
        parts |= _ledger(side, facts, commands)
    parts |= dict(_documents(facts))
    parts |= _messages(facts)
    writer = agreement.role
    commands.insert(
        0,
        guide.Command(
            "The list of all parts is that of the node that wrote this file",
            f"openssl pkeyutl -verify -pubin -inkey {key_name(writer, 'ledger')} -rawin "
            f"-in {archive.SUMS} -sigfile {archive.SUMS_SIGNATURE}",
        ),
    )
    parts[README] = guide.text(facts.me, agreement, sorted(parts), commands).encode()
    parts[archive.SUMS] = archive.listing(parts, writer=facts.me)
    parts[archive.SUMS_SIGNATURE] = sign(parts[archive.SUMS])
    return archive.pack(parts)


def pretty(value: Any) -> bytes:
    """Return JSON for people, on many lines, with the same bytes for the same value. Signatures are over these bytes
    as stored."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def key_name(side: str, purpose: str) -> str:
    """Return the name of the part with a key as PEM; ``purpose``: ``signing`` or ``ledger``."""
    return f"keys/{side}.{purpose}.pem"


def document_name(side: str) -> str:
    """Return the name of the part with a party's DID document."""
    return f"keys/{side}.did.json"


def signature_name(side: str, form: str) -> str:
    """Return the name of a part of a signature; ``form``: ``jws``, or ``signed`` and ``sig`` for openssl."""
    return f"signatures/{side}.{form}"


def ledger_name(side: str, name: str) -> str:
    """Return the name of a part of a party's ledger."""
    return f"ledger/{side}/{name}"


def signed_text(body: Mapping[str, Any], omissions: Sequence[str]) -> dict[str, Any]:
    """Return the text that a signature covers: the agreement without the members that it names as left out."""
    return {name: value for name, value in body.items() if name not in omissions}


def _about(facts: Facts) -> dict[str, Any]:
    agreement, negotiation = facts.agreement, facts.negotiation
    return {
        "format": FORMAT,
        "agreement": agreement.id,
        "dataset": agreement.dataset,
        "sha256": agreement.sha256,
        "writer": facts.me,
        "role": agreement.role,
        "parties": {side: facts.did(side) for side in SIDES},
        "negotiation": {
            "pid": negotiation.pid,
            "peerPid": negotiation.peer_pid,
            "version": negotiation.version,
            "created": stamp(negotiation.created),
        },
        "finalized": stamp(agreement.finalized) if agreement.finalized else None,
        "ended": stamp(agreement.ended) if agreement.ended else None,
        "endedWhy": agreement.ended_why,
        "entry": agreement.entry,
    }


def _keys(side: str, facts: Facts) -> dict[str, bytes]:
    did = facts.did(side)
    raw = facts.documents.get(did)
    if raw is None:
        return {}
    document = DidDocument(id=did, raw=dict(raw))
    parts = {document_name(side): pretty(raw)}
    jws = facts.agreement.signatures.get(did)
    if jws is not None:
        parts[key_name(side, "signing")] = forms.pem_of(
            forms.signing_key(document, jws, made_at(facts.agreement.body))
        )
    ledger = forms.ledger_key(document)
    if ledger is not None:
        parts[key_name(side, "ledger")] = forms.pem_of_ed25519(ledger[1])
    return parts


def _signature(side: str, facts: Facts, keys: Mapping[str, bytes], commands: list[guide.Command]) -> dict[str, bytes]:
    jws = facts.agreement.signatures.get(facts.did(side))
    if jws is None:
        return {}
    signature = forms.of_jws(jws)
    names = [signature_name(side, form) for form in ("sig", "signed")]
    if key_name(side, "signing") in keys:
        commands.append(
            guide.Command(f"The {side} has signed", signature.command(key_name(side, "signing"), names[0], names[1]))
        )
    return {
        signature_name(side, "jws"): jws.encode("ascii"),
        names[0]: signature.signature,
        names[1]: signature.content,
    }


def _ledger(side: str, facts: Facts, commands: list[guide.Command]) -> dict[str, bytes]:
    place = facts.ledgers.get(facts.did(side))
    if place is None:
        return {}
    note = forms.of_note(place.checkpoint, place.checkpoint.partition("\n")[0])
    names = [ledger_name(side, name) for name in ("checkpoint.sig", "checkpoint.signed")]
    commands.append(
        guide.Command(
            f"The {side} has signed the state of its ledger", note.command(key_name(side, "ledger"), *names)
        )
    )
    parts = {
        ledger_name(side, "checkpoint.txt"): place.checkpoint.encode(),
        names[0]: note.signature,
        names[1]: note.content,
    }
    for number, (entry, proof) in enumerate(place.entries, 1):
        name = ledger_name(side, f"{number:02}-{entry.kind}")
        parts[f"{name}.leaf.json"] = entry.leaf
        parts[f"{name}.body.json"] = entry.body
        parts[f"{name}.proof.json"] = pretty(inclusion_to_json(proof))
    return parts


def _documents(facts: Facts) -> Iterator[tuple[str, bytes]]:
    """Yield the signed texts, each once: both sides have signed the same texts, unless one left something out.

    Each text is rendered anew from the agreement. It is left out if this version of the program renders it
    differently, because it would not match the hash in the signature.
    """
    files: dict[str, bytes] = {}
    for side in SIDES:
        jws = facts.agreement.signatures.get(facts.did(side))
        for language, hashed, body in _signed_documents(jws, facts.agreement.body):
            text = render(body, language=language).encode()
            if hashlib.sha256(text).hexdigest() != hashed:
                continue
            name = f"documents/{language}.html"
            if files.get(name, text) != text:
                name = f"documents/{side}.{language}.html"
            files[name] = text
    yield from files.items()


def _signed_documents(jws: str | None, body: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (language, SHA-256, content of the text) for each text that a signature covers."""
    if jws is None:
        return
    try:
        payload = read_object(forms.read_payload(jws))
    except HansaError:
        return
    documents = payload.get("document")
    for language, hashed in documents.items() if isinstance(documents, dict) else ():
        if language in LANGUAGES:
            yield language, hashed, signed_text(body, payload.get("unsigned", []))


def _messages(facts: Facts) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    index = []
    for number, message in enumerate(time_line(machine.TABLE, facts.exchanges), 1):
        exchange = message.exchange
        way = "sent" if exchange.outgoing else "received"
        name = f"messages/{number:02}-{way}-{exchange.message.replace(':', '-')}"
        whole = hashlib.sha256(exchange.body).hexdigest() == exchange.body_sha256
        if whole:
            parts[f"{name}.json"] = exchange.body
        if exchange.answer:
            parts[f"{name}.answer"] = exchange.answer
        index.append(
            {
                "direction": way,
                "at": stamp(exchange.at),
                "message": exchange.message,
                "id": exchange.message_id,
                "sha256": exchange.body_sha256,
                "file": f"{name}.json" if whole else None,
                "status": exchange.status,
                "fate": str(message.fate),
                "late": message.late,
                "answer": f"{name}.answer" if exchange.answer else None,
                "answerSha256": hashlib.sha256(exchange.answer).hexdigest() if exchange.answer else None,
            }
        )
    parts[MESSAGES] = pretty(index)
    return parts
