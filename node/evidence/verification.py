"""Check the file of an agreement: a pure function from bytes to findings, without network, node or clock.

The checks trust the keys in the file. ``compare_published`` checks whether they are the parties' own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.base.errors import HansaError, InvalidInput
from node.base.jsons import canonical, digest, read_json, read_object
from node.evidence import archive, forms, parts
from node.evidence.findings import Key, Report
from node.evidence.messages import check_conversation, check_policy
from node.identity.did import base_url
from node.identity.documents import key_for
from node.identity.jose import read_jws, verify_jws
from node.identity.model import DidDocument
from node.identity.periods import document_at
from node.ledger import merkle
from node.ledger.checkpoints import LogKey, open_checkpoint
from node.ledger.model import Checkpoint, EntryKind
from node.ledger.proofs import check_inclusion, inclusion_from_json
from node.negotiation.agreement import made_at
from node.negotiation.messages import TERMS
from node.negotiation.proposal import foreign
from node.policy.document.rendering import render

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITER: Final = "the signature of the node that wrote the file"


def check(raw: bytes) -> Report:
    """Return all findings about the file ``raw``. Raises ``InvalidInput`` if it is not the file of an agreement."""
    members = archive.unpack(raw)
    if archive.SUMS not in members or parts.AGREEMENT not in members:
        raise InvalidInput(
            "this is not the file of an agreement", remedy="ask for the file that hansa agreement export wrote"
        )
    report = Report()
    checks = _Checks(members, report)
    checks.run()
    if archive.pack(members) != raw:
        report.leave_open(
            "the archive is as it was packed", "the archive was packed again; only its parts are checked"
        )
    return report


class _Checks:
    def __init__(self, members: Mapping[str, bytes], report: Report) -> None:
        self._members = members
        self._report = report
        self._body: dict[str, Any] = {}
        self._about: dict[str, Any] = {}
        self._documents: dict[str, DidDocument] = {}

    def run(self) -> None:
        report = self._report
        report.check("no part was changed, added or left out", _WRITER, self._sums)
        if not report.check("the agreement is readable, and names what the file is about", "", self._read):
            return
        for side in parts.SIDES:
            self._read_document(side)
        report.check(
            "the node that wrote the file has signed its list",
            "the ledger key of this node in the file",
            self._writer,
        )
        for side in parts.SIDES:
            self._check_signature(side)
        report.check("the readable texts are those that were signed", "the parties' signatures", self._texts)
        self._page()
        check_policy(report, self._members, self._body)
        check_conversation(report, self._members, self._body, self._about)
        for side in parts.SIDES:
            self._ledger(side)
        self._rulebook()

    # ---- the file itself -------------------------------------------------------------------------------------

    def _sums(self) -> str:
        sums = archive.read_listing(self._members[archive.SUMS]).sums
        there = set(self._members) - {archive.SUMS, archive.SUMS_SIGNATURE}
        for name in sorted(there ^ set(sums)):
            raise InvalidInput(f"{name} is {'not on the list' if name in there else 'missing'}")
        for name, stated in sums.items():
            if hashlib.sha256(self._members[name]).hexdigest() != stated:
                raise InvalidInput(f"{name} was changed")
        return f"{len(sums)} parts"

    def _read(self) -> str:
        raw = self._members[parts.AGREEMENT]
        self._body = read_object(raw)
        self._report.agreement = str(self._body["@id"])
        self._report.agreed_at = made_at(self._body)
        if canonical(self._body) != raw:
            raise InvalidInput(f"{parts.AGREEMENT} is not in canonical form, so its hash differs")
        self._about = read_object(self._members[parts.ABOUT])
        values = {
            "agreement": self._body["@id"],
            "dataset": self._body["target"],
            "sha256": digest(self._body),
            "parties": {"provider": self._body["assigner"], "consumer": self._body["assignee"]},
        }
        for name, value in values.items():
            if self._about.get(name) != value:
                raise InvalidInput(f"{parts.ABOUT} and the agreement state a different {name}")
        return f"sha256 {values['sha256']}"

    def _did(self, side: str) -> str:
        return str(self._body["assigner" if side == "provider" else "assignee"])

    def _read_document(self, side: str) -> None:
        name = parts.document_name(side)
        if name not in self._members:
            self._report.leave_open(f"the keys of the {side}", "the file has no DID document of this party")
            return

        def look() -> str:
            raw = read_object(self._members[name])
            document = DidDocument(id=self._did(side), raw=raw)
            if raw.get("id") != document.id:
                raise InvalidInput(f"{name} belongs to another party")
            self._documents[side] = document
            return document.id

        self._report.check(f"the keys are those of the {side}'s DID document", "what the file says", look)

    def _writer(self) -> str:
        side = self._about["role"]
        writer = archive.read_listing(self._members[archive.SUMS]).writer
        if side not in parts.SIDES or writer != self._did(side) or self._about["writer"] != writer:
            raise InvalidInput("the file does not state clearly which node wrote it")
        key = self._ledger_key(side)[1]
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(
                self._members[archive.SUMS_SIGNATURE], self._members[archive.SUMS]
            )
        except InvalidSignature as error:
            raise InvalidInput("the signature over the list of parts is not valid") from error
        return writer

    # ---- what was signed -------------------------------------------------------------------------------------

    def _check_signature(self, side: str) -> None:
        name = parts.signature_name(side, "jws")
        if name not in self._members:
            self._report.leave_open(
                f"the {side} has signed",
                "the file has no signature of this party: its connector sends none, or the signature was left out",
            )
            return
        self._report.check(
            f"the {side} has signed the agreement", "the key of this party in the file", lambda: self._signature(side)
        )

    def _signature(self, side: str) -> str:
        text = self._members[parts.signature_name(side, "jws")].decode("ascii")
        if side not in self._documents:
            raise InvalidInput("the file has no key to check the signature")
        key = forms.signing_key(self._documents[side], text, made_at(self._body))
        jws = read_jws(text)
        verify_jws(jws, key)
        payload, left_out = self._signed_by(side)
        signed = parts.signed_text(self._body, left_out)
        if (payload["agreement"], payload["sha256"]) != (self._body["@id"], digest(signed)):
            raise InvalidInput("the signature is for another agreement")
        pem = forms.pem_of(key)
        self._same(parts.key_name(side, "signing"), pem)
        parsed = forms.of_jws(text)
        self._same(parts.signature_name(side, "sig"), parsed.signature)
        self._same(parts.signature_name(side, "signed"), parsed.content)
        kid = jws.kid or ""
        self._key(side, "agreements", kid if kid.startswith("did:") else self._did(side) + kid, pem)
        return f"without {', '.join(left_out)}" if left_out else ""

    def _signed_by(self, side: str) -> tuple[dict[str, Any], list[str]]:
        """Return the payload that a party's signature covers, and the members of others that it leaves out."""
        text = self._members[parts.signature_name(side, "jws")].decode("ascii")
        payload = read_object(read_jws(text).payload)
        left_out = payload.get("unsigned", [])
        if not isinstance(left_out, list) or not set(left_out) <= foreign(self._body):
            raise InvalidInput("the signature leaves out parts that belong to the agreement")
        return payload, left_out

    def _texts(self) -> str:
        """Check that every text in the file was signed, and report signed texts that the file does not have."""
        there = {
            hashlib.sha256(content).hexdigest(): name
            for name, content in self._members.items()
            if name.startswith("documents/")
        }
        languages: dict[str, str] = {}
        for side in parts.SIDES:
            if parts.signature_name(side, "jws") in self._members:
                languages |= {
                    text_hash: language for language, text_hash in self._signed_by(side)[0]["document"].items()
                }
        for text_hash, name in there.items():
            if text_hash not in languages:
                raise InvalidInput(f"neither party signed {name}")
        missing = sorted({language for text_hash, language in languages.items() if text_hash not in there})
        if missing:
            self._report.leave_open(
                f"the text that was signed in {', '.join(missing)}",
                "the file does not have this text: the version of Hansa that wrote the file uses other words",
            )
        return ", ".join(sorted(there.values()))

    def _page(self) -> None:
        """Make agreement.html again from the agreement, and compare it with the one in the file."""
        signatures = {}
        for side in parts.SIDES:
            raw = self._members.get(parts.signature_name(side, "jws"))
            if raw is not None:
                signatures[self._did(side)] = raw.decode("ascii", "replace")
        what = f"{parts.PAGE} says what the agreement says"
        try:
            same = render(self._body, signatures=signatures).encode() == self._members.get(parts.PAGE)
        except (HansaError, ValueError, TypeError, LookupError):
            self._report.check(what, "", lambda: _fail("the agreement cannot be written as a readable text"))
            return
        if same:
            self._report.check(what, "this program, which writes the page again from agreement.json", lambda: "")
        else:
            self._report.leave_open(
                what, "this version of Hansa uses other words; the signed texts are in documents/"
            )

    # ---- ledgers ---------------------------------------------------------------------------------------------

    def _ledger(self, side: str) -> None:
        name = parts.ledger_name(side, "checkpoint.txt")
        if name not in self._members:
            self._report.leave_open(
                f"the agreement is in the ledger of the {side}", "the file has no part of this party's ledger"
            )
            return
        checkpoints: list[Checkpoint] = []

        def look() -> str:
            checkpoints.append(self._checkpoint(side, self._members[name]))
            return f"{checkpoints[0].size} entries"

        who = "the ledger key of this party in the file"
        if self._report.check(f"the {side} has signed the state of its ledger", who, look):
            self._report.check(
                f"the agreement is in the ledger of the {side}",
                "that signature and the proofs",
                lambda: self._entries(side, checkpoints[0]),
            )

    def _ledger_key(self, side: str) -> tuple[str, bytes]:
        document = self._documents.get(side)
        key = forms.ledger_key(document) if document is not None else None
        if key is None:
            raise InvalidInput(f"the file does not have the ledger key of the {side}")
        return key

    def _checkpoint(self, side: str, raw: bytes) -> Checkpoint:
        name, key = self._ledger_key(side)
        origin = base_url(self._did(side), allow_loopback_http=True).split("://", 1)[1]
        note = raw.decode("utf-8")
        checkpoint = open_checkpoint(note, [LogKey(name=origin, public_key=key)], at=_LONG_AGO, origin=origin)
        pem = forms.pem_of_ed25519(key)
        self._same(parts.key_name(side, "ledger"), pem)
        note_parts = forms.of_note(note, origin)
        self._same(parts.ledger_name(side, "checkpoint.sig"), note_parts.signature)
        self._same(parts.ledger_name(side, "checkpoint.signed"), note_parts.content)
        self._key(side, "ledger", name, pem)
        return checkpoint

    def _entries(self, side: str, checkpoint: Checkpoint) -> str:
        prefix, end = parts.ledger_name(side, ""), ".leaf.json"
        names = sorted(
            name.removesuffix(end) for name in self._members if name.startswith(prefix) and name.endswith(end)
        )
        count = 0
        for name in names:
            leaf_raw, body_raw = self._members[f"{name}{end}"], self._members[f"{name}.body.json"]
            leaf = read_object(leaf_raw)
            if leaf["sha256"] != hashlib.sha256(body_raw).hexdigest():
                raise InvalidInput(f"{name}: the body does not match its ledger entry")
            proof = inclusion_from_json(read_object(self._members[f"{name}.proof.json"]))
            if proof.leaf_hash != merkle.leaf_hash(leaf_raw):
                raise InvalidInput(f"{name}: the proof belongs to another ledger entry")
            check_inclusion(proof, checkpoint)
            if leaf["kind"] == EntryKind.AGREEMENT:
                count += 1
                entered = read_object(body_raw).get("agreement")
                if leaf["subject"] != self._body["@id"] or entered != self._body:
                    raise InvalidInput(f"{name} is the ledger entry of another agreement")
        if count != 1:
            raise InvalidInput("the ledger entry of the agreement is missing")
        return "1 entry proved" if len(names) == 1 else f"{len(names)} entries proved"

    # ---- the rulebook ----------------------------------------------------------------------------------------

    def _rulebook(self) -> None:
        terms = self._body.get(TERMS)
        iri = terms.get("rulebook") if isinstance(terms, dict) else None
        content = self._members.get(parts.RULEBOOK)
        if not isinstance(iri, dict):
            if content is not None:
                self._report.check("the rulebook", "", lambda: _fail("the agreement does not name a rulebook"))
            return
        what = "the rulebook is the one that was agreed"
        if content is None:
            self._report.leave_open(what, f"the file does not contain it: see {iri.get('iri')}")
            return

        def look() -> str:
            if hashlib.sha256(content).hexdigest() != iri.get("sha256"):
                raise InvalidInput("it is not the rulebook that the agreement names")
            return f"{iri.get('iri')}, version {iri.get('version')}"

        self._report.check(what, "its hash in the agreement", look)

    # ---- in common -------------------------------------------------------------------------------------------

    def _same(self, name: str, content: bytes) -> None:
        if self._members.get(name) != content:
            raise InvalidInput(f"{name} does not match the part that it was made from")

    def _key(self, side: str, purpose: str, name: str, pem: bytes) -> None:
        self._report.keys.append(Key(id=name, side=side, purpose=purpose, fingerprint=forms.fingerprint(pem)))


def compare_published(report: Report, documents: Mapping[str, DidDocument | str]) -> None:
    """Compare the keys in the file with the keys that the parties publish: ``documents`` has the DID document of each
    party, or the reason why there is none."""
    for key in report.keys:
        did = key.id.partition("#")[0]
        answer = documents.get(did, "the document was not requested")

        def look(key: Key = key, answer: DidDocument | str = answer) -> str:
            if isinstance(answer, str):
                raise InvalidInput(answer)
            name = key.id if "#" in key.id else None
            # A key that was retired later was in force when the agreement was made. A key that was revoked as of an
            # earlier moment was not, and its signature proves nothing.
            now = forms.fingerprint(
                forms.pem_of(key_for(document_at(answer, report.agreed_at), name, "assertionMethod"))
            )
            if now != key.fingerprint:
                raise InvalidInput(
                    f"{answer.id} now publishes another key of this name (sha256 {now})",
                    remedy="ask this party whether it changed its key: if not, the key in the file is not its own",
                )
            return f"sha256 {key.fingerprint}"

        report.check(f"{key.id} is published by the {key.side}", "its DID document, read now", look)


def parties(raw: bytes) -> tuple[str, str]:
    """Return the DIDs of provider and consumer of the agreement in this file. Raises ``InvalidInput``."""
    body = read_json(archive.unpack(raw).get(parts.AGREEMENT, b""))
    if not isinstance(body, dict):
        raise InvalidInput("this is not the file of an agreement")
    return str(body.get("assigner")), str(body.get("assignee"))


def _fail(why: str) -> str:
    raise InvalidInput(why)
