"""The consumer's side of "delete and confirm": delete the received data, and confirm that under the node's signature.

The confirmation goes to ``/deletions`` of the provider's node through the outbox, and is kept in the ledger on both
sides. A provider that is not a Hansa node accepts no confirmations: the consumer keeps its confirmation, and sees
that the provider has not accepted it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from node.base.clock import Clock, stamp
from node.base.delivery import OutboxWriter
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.jsons import canonical
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.catalogue.publication.erase import is_file_in_use
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore, NegotiationStore
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.model import PATH, TOPIC, Deletion, DeletionStore, Due, deletion_rule
from node.transfer.deletion.receipts import Receipts
from node.vocab.dsp import VERSIONS


class ReceivedFiles:
    """The files that this node received, in ``folder``, and the copies of them that runs have used, in ``assets``."""

    def __init__(
        self, receipts: Receipts, folder: Path, *, assets: AssetStore, records: RecordStore, me: str
    ) -> None:
        self._receipts = receipts
        self._folder = folder
        self._assets = assets
        self._records = records
        self._me = me

    def delete(self, tx: Transaction, agreement: Agreement) -> None:
        """Delete what was received under ``agreement``. What this node has published stays; a run under another
        agreement about the same data takes them from what was received there.

        Raises ``Conflict`` if a transfer under it still runs, and ``LocalFault``.
        """
        receptions = self._receipts.under(tx, agreement)
        if any(reception.state not in ("done", "failed") for reception in receptions):
            raise Conflict("a transfer under this agreement is still active", remedy="wait for it, or terminate it")
        for reception in receptions:
            if reception.path:
                (self._folder / reception.path).unlink(missing_ok=True)
        for sha256 in {reception.sha256 for reception in receptions if reception.sha256}:
            if not is_file_in_use(tx, self._records, sha256, origin=self._me):
                self._assets.remove(sha256)


class Copies(Protocol):
    """The copies of received data that this node sent elsewhere (``node.transfer.shipments.removal``)."""

    def settle(self, tx: Transaction, agreement_id: str) -> None:
        """Cancel what is not sent yet. Raises ``Conflict`` if a copy may still be elsewhere."""


class SendConfirmation:
    """Puts confirmations for providers into the outbox."""

    def __init__(self, negotiations: NegotiationStore, outbox_writer: OutboxWriter) -> None:
        self._negotiations = negotiations
        self._outbox_writer = outbox_writer

    def __call__(self, tx: Transaction, agreement: Agreement, statement: str, due: datetime) -> None:
        """Send ``statement`` to the provider of ``agreement``. Raises ``NotFound`` if the provider's address is
        unknown."""
        negotiation = self._negotiations.get(tx, agreement.negotiation)
        if negotiation is None:
            raise NotFound("this node does not have the negotiation of this agreement")
        root = negotiation.peer_address.removesuffix(VERSIONS[negotiation.version].path)
        self._outbox_writer.deliver(
            tx,
            topic=TOPIC,
            lane=agreement.provider,
            subject=agreement.id,
            body=json.dumps({"statement": statement}).encode(),
            due=due,
            headers={"url": root + PATH, "peer": agreement.provider, "message": "confirmation of deletion"},
        )


class ConfirmDeletion:
    """Deletes received files, and confirms to the provider that they and all other copies are deleted."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DeletionStore,
        agreements: AgreementStore,
        duties: DeletionDuties,
        files: ReceivedFiles,
        copies: Copies,
        send: SendConfirmation,
        keyring: KeyRing,
        append: Append,
        clock: Clock,
        me: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._duties = duties
        self._files = files
        self._copies = copies
        self._send = send
        self._keyring = keyring
        self._append = append
        self._clock = clock
        self._me = me

    @taken_in_turn
    def __call__(self, agreement_id: str, by: Caller) -> Due:
        """Delete the files that this node received under the agreement, and confirm it; ``by`` is the person who
        states that all other copies are deleted, too.

        Raises ``NotAllowed``; ``NotFound`` if this node is not the consumer of the agreement; ``InvalidInput`` if the
        agreement does not require deletion; ``Conflict`` if a transfer under it still runs, or a copy that this node
        sent elsewhere may still be there.
        """
        require(by, UseCase.CONFIRM_DELETION)
        with self._uow.begin() as tx:
            agreement = self._require(tx, agreement_id, lock=True)
            self._copies.settle(tx, agreement.id)
            now = self._clock.now()
            claims = {"agreement": agreement.id, "sha256": agreement.sha256, "deleted": stamp(now)}
            statement = self._keyring.sign_jws({"typ": "hansa-deletion+jws"}, canonical(claims))
            # Before the commit, and perhaps again: a confirmation of what is still there is worse.
            self._files.delete(tx, agreement)
            self._store.put(tx, Deletion(agreement=agreement.id, at=now, by=by.name, statement=statement))
            body = {"event": "deletion-confirmed", "agreement": agreement.id, "statement": statement}
            self._append(tx, EntryKind.AGREEMENT, agreement.id, by.name, body)
            self._send(tx, agreement, statement, now)
            return self._duties.read(tx, agreement)

    def require_duty(self, agreement_id: str) -> None:
        """Raise as a confirmation would: ``NotFound``, ``InvalidInput``."""
        with self._uow.read() as tx:
            self._require(tx, agreement_id)

    def _require(self, tx: Transaction, agreement_id: str, *, lock: bool = False) -> Agreement:
        agreement = self._agreements.get(tx, agreement_id, lock=lock)
        if agreement is None or agreement.consumer != self._me or agreement.finalized is None:
            raise NotFound(
                "this node is not the consumer of this agreement",
                remedy="name an agreement under which this node got data: hansa agreement list",
            )
        if deletion_rule(agreement.body) is None:
            raise InvalidInput("this agreement does not ask for deletion", remedy="there is nothing to confirm")
        return agreement

    def note_answer(self, tx: Transaction, subject: str, *, refusal: str = "") -> None:
        """Record that the provider has accepted the confirmation of an agreement, or the reason why it never
        will."""
        answer = self._store.get(tx, subject)
        if answer is not None:
            confirmed_at = None if refusal else self._clock.now()
            self._store.put(tx, replace(answer, told=confirmed_at, untold=refusal))


def refusal_of(status: int, body: bytes) -> str:
    """Return why the provider's node did not take a confirmation."""
    del body
    return f"the provider's node does not accept confirmations: {status}"
