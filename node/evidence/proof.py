"""Prove an agreement: both sides have the same agreement, both signed it, neither ledger was rewritten.

The other party serves the ledger entry of an agreement to its counterpart. This node computes the leaf hash from the
entry, and an inclusion proof leads from the leaf to the root that the other party has signed. The checkpoint is kept,
so that the next check can demand a consistency proof from it (RFC 9162 §2.1.4): a ledger that lost or changed an
entry cannot give such a proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from anyio.to_thread import run_sync

from node.base.clock import Clock, moment, stamp
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.jsons import canonical, digest, read_object
from node.base.work import UnitOfWork
from node.identity import documents
from node.identity.did import base_url
from node.identity.model import DidDocument
from node.identity.ports import Notes, Peers
from node.ledger import merkle
from node.ledger.checkpoints import LogKey, open_checkpoint
from node.ledger.model import Checkpoint, Entry, EntryKind, InclusionProof
from node.ledger.ports import LedgerStore
from node.ledger.proofs import (
    check_consistency,
    check_inclusion,
    consistency_from_json,
    inclusion_from_json,
    inclusion_to_json,
)
from node.ledger.verification import TEXTS, Check
from node.negotiation import agreement as agreements
from node.negotiation.agreement import VerifyJws
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore

Get = Callable[[str, str], Awaitable[bytes]]
"""(URL, DID of the participant) → body. Raises ``PeerUnreachable`` or ``NotFound``."""


_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the requests for a checkpoint that has a new entry."""

_LOOKED_AT = 50
"""The number of a participant's newest agreements that are searched for one in the ledger."""


class ServeEntry:
    """Shows the ledger entry of an agreement to the parties of this agreement only."""

    def __init__(self, *, uow: UnitOfWork, agreements: AgreementStore, ledger: LedgerStore) -> None:
        self._uow = uow
        self._agreements = agreements
        self._ledger = ledger

    def entry(self, agreement_id: str, party: str | None) -> dict[str, Any]:
        """Return the entry as JSON. Raises ``NotFound`` if ``party`` is not a party of the agreement."""
        with self._uow.read() as tx:
            agreement = self._agreements.get(tx, agreement_id)
            if agreement is None or party not in (agreement.provider, agreement.consumer) or not agreement.entry:
                raise NotFound("you have no such agreement with this node")
            entry = self._ledger.get(tx, agreement.entry)
        if entry is None:
            raise NotFound("the ledger does not have an entry for this agreement yet")
        return entry_to_json(entry)

    def party(self, did: str) -> bool:
        """Return whether the ledger has an entry of an agreement between ``did`` and this node, so that the party has
        something to check there. Ended agreements count too."""
        with self._uow.read() as tx:
            agreements_between = (
                *self._agreements.select(tx, provider=did, limit=_LOOKED_AT),
                *self._agreements.select(tx, consumer=did, limit=_LOOKED_AT),
            )
        return any(agreement.entry for agreement in agreements_between)


class ProveAgreement:
    """Checks one agreement at this node and at the other party."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        agreements: AgreementStore,
        notes: Notes,
        peers: Peers,
        get: Get,
        verify_jws: VerifyJws,
        clock: Clock,
        me: str,
        allow_loopback: bool,
    ) -> None:
        self._uow = uow
        self._agreements = agreements
        self._notes = notes
        self._peers = peers
        self._get = get
        self._verify_jws = verify_jws
        self._clock = clock
        self._me = me
        self._allow_loopback = allow_loopback

    async def prove(self, agreement_id: str) -> list[Check]:
        """Return all checks in order; the first that fails may make later ones impossible. Raises ``NotFound``."""
        agreement = await run_sync(self._agreement, agreement_id)
        peer = agreement.consumer if agreement.provider == self._me else agreement.provider
        checks = [
            Check(TEXTS.in_all("agreement.copy"), digest(agreement.body) == agreement.sha256, {"": agreement.sha256})
        ]
        checks += [await self._signed_by(agreement, did) for did in (agreement.provider, agreement.consumer)]
        try:
            document = await self._peers.did_document(peer)
            base = base_url(peer, allow_loopback_http=self._allow_loopback)
            entry = await self._peer_entry(base, peer, agreement_id)
            same = digest(entry_agreement(entry)) == agreement.sha256
            checks.append(Check(TEXTS.in_all("agreement.peer-copy"), same, {"": peer}))
            checkpoint, _ = await self._place(base, peer, document, entry)
            size = TEXTS.in_all("entries", count=checkpoint.size)
            checks.append(Check(TEXTS.in_all("agreement.peer-state"), True, size))
            checks.append(Check(TEXTS.in_all("agreement.peer-entry"), True, {"": entry.id}))
            checks.append(await self._consistent(base, peer, checkpoint))
        except HansaError as error:
            checks.append(Check(TEXTS.in_all("agreement.peer-proof"), False, {"en": error.detail}))
        return checks

    async def evidence(self, agreement_id: str) -> dict[str, Any]:
        """Fetch and check the other party's evidence of this agreement: ``{document, entry, checkpoint, inclusion}``.

        The members are as in the other party's answer. Raises ``HansaError`` if they are missing or wrong."""
        agreement = await run_sync(self._agreement, agreement_id)
        peer = agreement.consumer if agreement.provider == self._me else agreement.provider
        document = await self._peers.did_document(peer)
        base = base_url(peer, allow_loopback_http=self._allow_loopback)
        entry = await self._peer_entry(base, peer, agreement_id)
        if digest(entry_agreement(entry)) != agreement.sha256:
            raise InvalidInput("the other party's ledger contains a different agreement")
        checkpoint, proof = await self._place(base, peer, document, entry)
        document = await self._peers.did_document(peer)  # The same that the checkpoint was opened with.
        return {
            "document": document.raw,
            "entry": entry_to_json(entry),
            "checkpoint": checkpoint.note,
            "inclusion": inclusion_to_json(proof),
        }

    def _agreement(self, agreement_id: str) -> Agreement:
        with self._uow.read() as tx:
            agreement = self._agreements.get(tx, agreement_id)
        if agreement is None or agreement.finalized is None:
            raise NotFound("this node has no such agreement")
        return agreement

    async def _signed_by(self, agreement: Agreement, did: str) -> Check:
        what = TEXTS.in_all("agreement.signed", party=did)
        signature = agreement.signatures.get(did)
        if signature is None:
            return Check(what, False, TEXTS.in_all("agreement.unsigned"))
        try:
            document = await self._peers.did_document(did)
            # Our own ledger proves when this signature was received.
            agreements.verify(signature, agreement.body, document, self._verify_jws, first_seen=agreement.finalized)
        except HansaError as error:
            return Check(what, False, {"en": error.detail})
        return Check(what, True)

    async def _peer_entry(self, base: str, peer: str, agreement_id: str) -> Entry:
        members = read_object(await self._get(f"{base}/ledger/agreements/{quote(agreement_id, safe='')}", peer))
        return entry_from_json(members)

    async def _place(
        self, base: str, peer: str, document: DidDocument, entry: Entry
    ) -> tuple[Checkpoint, InclusionProof]:
        """Return a checkpoint of the other party and the proof that its tree has ``entry``.

        A node numbers its entries a moment after it has saved them: if the tree does not have the entry yet, the next
        checkpoint is requested. Raises ``NotFound`` if the entry does not appear, and ``InvalidInput``.
        """
        for pause in _PAUSES:
            try:
                checkpoint = await self._checkpoint(base, peer, document)
                return checkpoint, await self._prove_inclusion(base, peer, entry, checkpoint)
            except NotFound:
                await asyncio.sleep(pause)
        checkpoint = await self._checkpoint(base, peer, document)
        return checkpoint, await self._prove_inclusion(base, peer, entry, checkpoint)

    async def _checkpoint(self, base: str, peer: str, document: DidDocument) -> Checkpoint:
        note = (await self._get(f"{base}/ledger/checkpoint", peer)).decode("utf-8", "replace")
        try:
            return open_checkpoint(note, log_keys(base, document), at=self._clock.now(), origin=_origin(base))
        except InvalidInput:
            # The other party may have changed its ledger key since we last looked.
            document = await self._peers.did_document(peer, fresh=True)
            return open_checkpoint(note, log_keys(base, document), at=self._clock.now(), origin=_origin(base))

    async def _prove_inclusion(self, base: str, peer: str, entry: Entry, checkpoint: Checkpoint) -> InclusionProof:
        query = urlencode({"entry": entry.id, "size": checkpoint.size})
        proof = inclusion_from_json(read_object(await self._get(f"{base}/ledger/inclusion?{query}", peer)))
        # We compute the leaf hash from the entry that the other party showed; the leaf hash in its proof is ignored.
        proof = replace(proof, leaf_hash=merkle.leaf_hash(entry.leaf))
        check_inclusion(proof, checkpoint)
        return proof

    async def _consistent(self, base: str, peer: str, now: Checkpoint) -> Check:
        what = TEXTS.in_all("agreement.consistent")
        key = f"checkpoint {peer}"

        def read() -> str | None:
            with self._uow.read() as tx:
                return self._notes.get(tx, key)

        def keep() -> None:
            with self._uow.begin() as tx:
                self._notes.put(tx, key, now.note)

        note = await run_sync(read)
        if note is None:
            await run_sync(keep)
            return Check(what, True, TEXTS.in_all("agreement.first"))
        # The checkpoint was verified when it was stored, so a former key may open it.
        keys = log_keys(base, await self._peers.did_document(peer), formerly=True)
        before = open_checkpoint(note, keys, at=self._clock.now(), origin=_origin(base))
        growth = TEXTS.in_all("agreement.grown", then=before.size, now=now.size)
        if before.size > now.size:
            return Check(what, False, growth)
        query = urlencode({"old": before.size, "new": now.size})
        proof = consistency_from_json(read_object(await self._get(f"{base}/ledger/consistency?{query}", peer)))
        check_consistency(proof, before, now)
        await run_sync(keep)
        return Check(what, True, growth)


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """Return an entry with its body as the parties of an agreement see it."""
    return {
        "id": entry.id,
        "kind": str(entry.kind),
        "subject": entry.subject,
        "at": stamp(entry.at),
        "by": entry.by,
        "body": read_object(entry.body),
    }


def entry_from_json(members: Mapping[str, Any]) -> Entry:
    """Read what ``entry_to_json`` wrote. Raises ``InvalidInput``."""
    try:
        return Entry(
            id=members["id"],
            kind=EntryKind(members["kind"]),
            subject=members["subject"],
            at=moment(members["at"]),
            by=members["by"],
            body=canonical(members["body"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput("the ledger entry cannot be read") from error


def entry_agreement(entry: Entry) -> Mapping[str, Any]:
    """Return the agreement in the body of its ledger entry. Raises ``InvalidInput``."""
    agreement = read_object(entry.body).get("agreement")
    if not isinstance(agreement, dict):
        raise InvalidInput("the ledger entry does not contain an agreement")
    return agreement


def log_keys(base: str, document: DidDocument, *, formerly: bool = False) -> list[LogKey]:
    """Return the ledger keys in a DID document (``#log-N``, Ed25519, under assertionMethod); with ``formerly`` also
    retired keys."""
    keys = documents.log_keys(document, formerly=formerly)
    return [LogKey(name=_origin(base), public_key=raw) for _, raw in keys]


def _origin(base: str) -> str:
    return base.split("://", 1)[1]
