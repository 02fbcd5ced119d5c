"""Write the file of an agreement: collect the data of this node, and fetch the other party's part once.

Our own proofs are made for the first checkpoint that has all entries of the agreement, and the other party's answer
is stored unchanged, so that the same agreement gives the same file at any later time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, InvalidInput, NotFound
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.evidence.parts import Facts, LedgerPlace, compose, pretty
from node.evidence.proof import entry_from_json
from node.identity.documents import log_keys
from node.identity.model import DidDocument
from node.identity.ports import KeyRing, Notes
from node.ledger import merkle
from node.ledger.checkpoints import LogKey, open_checkpoint
from node.ledger.model import Checkpoint, Entry, EntryKind, InclusionProof
from node.ledger.ports import LedgerStore
from node.ledger.proofs import inclusion_from_json
from node.ledger.usecases import reader
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore, NegotiationStore

log = logging.getLogger("hansa.negotiation")

PATIENCE: Final = 5.0
"""Seconds to wait for the other party's ledger; after that, the file is written without it."""

SEQUENCED_WITHIN: Final = 5.0

YOUNG: Final = timedelta(minutes=1)
"""The time after an agreement in which the other party may not have entered it into its ledger yet: ask again."""

Evidence = Callable[[str], Awaitable[dict[str, Any]]]
"""Agreement id → the evidence of the other party (``ProveAgreement.evidence``)."""


class ExportAgreement:
    """Writes the file of one agreement."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        agreements: AgreementStore,
        negotiations: NegotiationStore,
        records: RecordStore,
        ledger: LedgerStore,
        notes: Notes,
        keyring: KeyRing,
        own_document: Callable[[], Mapping[str, Any]],
        evidence: Evidence,
        clock: Clock,
        me: str,
    ) -> None:
        self._uow = uow
        self._agreements = agreements
        self._negotiations = negotiations
        self._records = records
        self._ledger = ledger
        self._notes = notes
        self._keyring = keyring
        self._own_document = own_document
        self._evidence = evidence
        self._clock = clock
        self._me = me

    async def export(self, agreement_id: str) -> bytes:
        """Return the file. Raises ``NotFound`` for an unknown or unfinished agreement, ``Conflict`` if it is so new
        that no checkpoint has it yet."""
        evidence = await self._find_evidence(agreement_id)
        ends = asyncio.get_running_loop().time() + SEQUENCED_WITHIN
        while True:
            facts = await run_sync(self._facts, agreement_id, evidence)
            if facts is not None:
                return await run_sync(compose, facts, self._keyring.sign_log)
            if asyncio.get_running_loop().time() > ends:
                raise Conflict(
                    "no checkpoint of this node's ledger includes the agreement yet",
                    remedy="try again in a moment; if this error stays, run hansa doctor",
                )
            await asyncio.sleep(0.1)

    async def _find_evidence(self, agreement_id: str) -> dict[str, Any] | None:
        """Return the evidence of the other party, stored or fetched now; None if it provides none."""
        agreement, key, facts = await run_sync(self._read, agreement_id)
        if facts is not None:
            return read_object(facts)
        try:
            async with asyncio.timeout(PATIENCE):
                evidence = await self._request_evidence(agreement)
        except (HansaError, TimeoutError) as error:
            log.info(
                "the file is written without the other party's evidence",
                extra={"agreement": agreement_id, "why": str(error)},
            )
            return None
        await run_sync(self._keep, key, pretty(evidence).decode())
        return evidence

    async def _request_evidence(self, agreement: Agreement) -> dict[str, Any]:
        while True:
            try:
                return await self._evidence(agreement.id)
            except NotFound:
                if agreement.finalized is None or self._clock.now() - agreement.finalized > YOUNG:
                    raise
            await asyncio.sleep(0.2)

    def _read(self, agreement_id: str) -> tuple[Agreement, str, str | None]:
        with self._uow.read() as tx:
            agreement = self._agreement(tx, agreement_id)
            # By the hash, since the provider chooses the id of an agreement, which may have any length.
            key = f"evidence {agreement.sha256}"
            return agreement, key, self._notes.get(tx, key)

    def _keep(self, key: str, text: str) -> None:
        with self._uow.begin() as tx:
            self._notes.put(tx, key, text)

    def _agreement(self, tx: Transaction, agreement_id: str) -> Agreement:
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is None or agreement.finalized is None:
            raise NotFound("this node has no such agreement")
        return agreement

    def _facts(self, agreement_id: str, presentation: Mapping[str, Any] | None) -> Facts | None:
        """Return everything that goes into the file; None while no checkpoint includes all entries."""
        with self._uow.read() as tx:
            agreement = self._agreement(tx, agreement_id)
            negotiation = self._negotiations.get(tx, agreement.negotiation)
            if negotiation is None:
                raise NotFound("this node no longer stores the negotiation of this agreement")
            ours = self._place(tx, agreement)
            if ours is None:
                return None
            peer = agreement.consumer if agreement.provider == self._me else agreement.provider
            documents = {self._me: self._own_document()}
            ledgers = {self._me: ours}
            if presentation is not None:
                documents[peer] = presentation["document"]
                entry = entry_from_json(presentation["entry"])
                place = LedgerPlace(
                    checkpoint=presentation["checkpoint"],
                    entries=((entry, inclusion_from_json(presentation["inclusion"])),),
                )
                ledgers[peer] = place
            if negotiation.signer is not None and not _has_changed(documents.get(peer), negotiation.signer, peer):
                # The document from the check of the signature comes before the one from the look at the ledger.
                documents[peer] = negotiation.signer
            return Facts(
                me=self._me,
                agreement=agreement,
                negotiation=negotiation,
                exchanges=self._negotiations.exchanges(tx, negotiation.pid),
                documents=documents,
                ledgers=ledgers,
                rulebook=self._rulebook(tx, agreement),
            )

    def _place(self, tx: Transaction, agreement: Agreement) -> LedgerPlace | None:
        entries = [self._ledger.get(tx, agreement.entry)]
        entries += self._ledger.history(tx, agreement.negotiation, EntryKind.PROCESS)
        numbered_entries = [entry for entry in entries if entry is not None and entry.seq is not None]
        if len(numbered_entries) < len(entries):
            return None
        largest = max(entry.seq or 0 for entry in numbered_entries)
        checkpoints = self._ledger.checkpoints(tx, largest + 1, 1)
        if not checkpoints:
            return None
        key = LogKey(name=checkpoints[0].origin, public_key=self._keyring.log_public_key())
        if not _signed_with(checkpoints[0], key):
            # The file is signed with the ledger key in use, and has room for one key: a checkpoint under that key has
            # the entry too. The change of the key is itself an entry, so such a checkpoint exists within a moment.
            newest = self._ledger.checkpoint(tx, None)
            if newest is None or not _signed_with(newest, key):
                return None
            checkpoints = [newest]
        size = checkpoints[0].size
        proofs = tuple((entry, self._proof(tx, entry, size)) for entry in numbered_entries)
        return LedgerPlace(checkpoint=checkpoints[0].note, entries=proofs)

    def _proof(self, tx: Transaction, entry: Entry, size: int) -> InclusionProof:
        assert entry.seq is not None, "only numbered entries get here"
        path = merkle.inclusion_path(entry.seq, size, reader(self._ledger, tx))
        return InclusionProof(index=entry.seq, size=size, leaf_hash=merkle.leaf_hash(entry.leaf), path=path)

    def _rulebook(self, tx: Transaction, agreement: Agreement) -> bytes | None:
        terms = agreement.body.get(TERMS)
        iri = terms.get("rulebook") if isinstance(terms, dict) else None
        if not isinstance(iri, dict) or not isinstance(iri.get("iri"), str):
            return None
        version = iri.get("version")
        if not isinstance(version, int):
            return None
        record = self._records.get(tx, iri["iri"], version=version)
        return record.nquads if record is not None and record.sha256 == iri.get("sha256") else None


def _signed_with(checkpoint: Checkpoint, key: LogKey) -> bool:
    try:
        open_checkpoint(checkpoint.note, [key], at=checkpoint.at)
    except InvalidInput:
        return False
    return True


def _has_changed(now: Mapping[str, Any] | None, then: Mapping[str, Any], did: str) -> bool:
    """Return whether a party has changed its ledger key since it signed.

    Its ledger is then shown under the new key, and the file needs the document that has both keys.
    """
    if now is None:
        return False
    keys = [log_keys(DidDocument(id=did, raw=dict(raw))) for raw in (now, then)]
    return bool(keys[0]) and keys[0] != keys[1]
