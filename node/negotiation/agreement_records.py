"""Storing agreements: each side stores the agreement once, at fixed states of the negotiation."""

from __future__ import annotations

from dataclasses import replace

from node.base.clock import Clock
from node.base.jsons import digest
from node.base.work import Transaction
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation import machine
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.ports import AgreementStore, NegotiationStore


class KeepAgreements:
    """Follows negotiations into AGREED, VERIFIED and FINALIZED."""

    def __init__(
        self,
        *,
        store: NegotiationStore,
        agreements: AgreementStore,
        conversation: Conversation[Negotiation],
        append: Append,
        clock: Clock,
        me: str,
    ) -> None:
        self._store = store
        self._agreements = agreements
        self._conversation = conversation
        self._append = append
        self._clock = clock
        self._me = me

    def follow(self, tx: Transaction, negotiation: Negotiation, states: list[str]) -> None:
        """Store or update the agreement after the negotiation has entered these states."""
        if negotiation.agreement is None:
            return
        if machine.AGREED in states and negotiation.role is Role.CONSUMER:
            # Stored before it is signed: from now on its id stands for this agreement only.
            self._agreements.add(tx, self._agreement(negotiation))
        if machine.VERIFIED in states and negotiation.role is Role.PROVIDER:
            # Stored before it is final: the consumer may use it before we have read its answer to our finalisation.
            self._agreements.add(tx, self._agreement(negotiation))
        if machine.FINALIZED in states:
            self._finalize(tx, negotiation)

    def supersede(self, tx: Transaction, before: Negotiation, after: Negotiation) -> None:
        """Replace the agreement of ``before`` by that of ``after``, a new draft of the provider
        (``node.negotiation.restatement``). Both stay on record; the first one is recorded as never in force."""
        assert before.agreement is not None, "the agreement had to be written again"
        assert after.agreement is not None, "it was written again"
        first = self._agreements.get(tx, str(before.agreement["@id"]))
        if first is not None:
            why = f"written again by the provider as {after.agreement['@id']}"
            self._agreements.save(tx, replace(first, ended=self._clock.now(), ended_why=why))
        facts = {
            "agreement": before.agreement,
            "signatures": before.signatures,
            "negotiation": before.pid,
            "supersededBy": after.agreement["@id"],
        }
        self._append(tx, EntryKind.AGREEMENT, str(before.agreement["@id"]), before.peer, facts)
        self.follow(tx, after, [machine.AGREED])

    def presume_finalized(self, tx: Transaction, agreement: Agreement, peer: str) -> Agreement:
        """Finalize an agreement that the consumer uses: the use acknowledges the finalisation that we have sent."""
        if agreement.finalized is not None or agreement.consumer != peer:
            return agreement
        negotiation = self._store.get(tx, agreement.negotiation, lock=True)
        if (
            negotiation is None
            or negotiation.pending is None
            or negotiation.pending.message != machine.FINALIZED_EVENT
        ):
            return agreement
        self._conversation.presume(tx, negotiation)
        self._finalize(tx, negotiation)
        return self._agreements.get(tx, agreement.id) or agreement

    def _finalize(self, tx: Transaction, negotiation: Negotiation) -> None:
        entry = self._append(
            tx,
            EntryKind.AGREEMENT,
            str((negotiation.agreement or {})["@id"]),
            self._me,
            {
                "agreement": negotiation.agreement,
                "signatures": negotiation.signatures,
                "negotiation": negotiation.pid,
            },
        )
        final = replace(
            self._agreement(negotiation), finalized=self._clock.now(), entry=str(getattr(entry, "id", ""))
        )
        if self._agreements.get(tx, final.id) is None:
            self._agreements.add(tx, final)
        else:
            self._agreements.save(tx, final)

    def _agreement(self, negotiation: Negotiation) -> Agreement:
        body = negotiation.agreement
        assert body is not None, "only a negotiation with an agreement gets here"
        return Agreement(
            id=body["@id"],
            negotiation=negotiation.pid,
            dataset=negotiation.dataset,
            provider=body["assigner"],
            consumer=body["assignee"],
            role=str(negotiation.role),
            body=body,
            sha256=digest(body),
            signatures=negotiation.signatures,
            at=self._clock.now(),
        )
