"""Deletion "and confirm": the consumer deletes what it received under an agreement, and says so under its signature.

The confirmation is a compact JWS (``typ: hansa-deletion+jws``) over the agreement's id and hash and the moment. It
goes to ``/deletions`` of the provider's node through the outbox, and stands in the ledger on both sides. A provider
that is no Hansa node takes none: the consumer keeps its confirmation, and sees that the provider has not accepted it.
Nothing proves that no copy is left; what is proved is who said so, and when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from node.base.clock import Clock, moment, stamp
from node.base.delivery import Courier
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.jsons import canonical, read_object
from node.base.work import Transaction, UnitOfWork
from node.dialogue.process import Role
from node.identity.model import Caller, DidDocument
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append, LedgerStore
from node.negotiation.agreement import VerifyJws
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore, NegotiationStore
from node.policy.odrl import parse
from node.policy.rules import Constraint, Rule
from node.policy.terms import DELETE, ELAPSED_TIME
from node.policy.values import duration
from node.transfer.ports import ReceptionStore, TransferStore
from node.vocab.dsp import VERSIONS

TOPIC: Final = "deletion"
PATH: Final = "/deletions"
_RECENT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A confirmation. ``statement`` is the signed JWS; ``told`` when the provider took it, ``untold`` why not."""

    agreement: str
    at: datetime
    by: str
    statement: str
    told: datetime | None = None
    untold: str = ""


class DeletionStore(Protocol):
    """The newest confirmation of each agreement."""

    def put(self, tx: Transaction, deletion: Deletion) -> None: ...

    def get(self, tx: Transaction, agreement: str) -> Deletion | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """How the deletion under an agreement stands. ``received`` is the first receipt that no confirmation covers."""

    agreement: str
    dataset: str
    peer: str
    role: str
    within: str
    received: datetime | None
    due: datetime | None
    overdue: bool
    confirmed: Deletion | None

    def to_json(self) -> dict[str, Any]:
        done = self.confirmed
        return {
            "agreement": self.agreement,
            "dataset": self.dataset,
            "peer": self.peer,
            "role": self.role,
            "within": self.within or None,
            "received": stamp(self.received) if self.received else None,
            "due": stamp(self.due) if self.due else None,
            "overdue": self.overdue,
            "confirmed": stamp(done.at) if done else None,
            "confirmedBy": done.by if done else None,
            "statement": done.statement if done else None,
            "told": stamp(done.told) if done and done.told else None,
            "untold": (done.untold or None) if done else None,
        }


class Deletions:
    """Confirms, takes confirmations, and tells what is due."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DeletionStore,
        agreements: AgreementStore,
        negotiations: NegotiationStore,
        transfers: TransferStore,
        receptions: ReceptionStore,
        ledger: LedgerStore,
        keyring: KeyRing,
        courier: Courier,
        verify_jws: VerifyJws,
        append: Append,
        clock: Clock,
        received: Path,
        me: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._negotiations = negotiations
        self._transfers = transfers
        self._receptions = receptions
        self._ledger = ledger
        self._keyring = keyring
        self._courier = courier
        self._verify_jws = verify_jws
        self._append = append
        self._clock = clock
        self._received = received
        self._me = me

    # ---- consumer --------------------------------------------------------------------------------------------

    def confirm(self, agreement_id: str, by: Caller) -> Due:
        """Delete the files that this node received under the agreement, and confirm to the provider that they and all
        other copies are deleted. ``by`` is the person who says so.

        Raises ``NotAllowed``, ``NotFound`` for an agreement in which this node is not the consumer, ``InvalidInput``
        for one that does not ask for deletion, ``Conflict`` where a transfer under it still runs.
        """
        require(by, UseCase.CONFIRM_DELETION)
        with self._uow.begin() as tx:
            agreement = self._agreements.get(tx, agreement_id, lock=True)
            if agreement is None or agreement.consumer != self._me or agreement.finalized is None:
                raise NotFound("this node is not the consumer of this agreement")
            if deletion_rule(agreement.body) is None:
                raise InvalidInput("this agreement does not ask for deletion", remedy="there is nothing to confirm")
            paths = self._paths(tx, agreement)
            now = self._clock.now()
            said = {"agreement": agreement.id, "sha256": agreement.sha256, "deleted": stamp(now)}
            statement = self._keyring.sign_jws({"typ": "hansa-deletion+jws"}, canonical(said))
            for path in paths:
                path.unlink(missing_ok=True)
            self._store.put(tx, Deletion(agreement=agreement.id, at=now, by=by.name, statement=statement))
            body = {"event": "deletion-confirmed", "agreement": agreement.id, "statement": statement}
            self._append(tx, EntryKind.AGREEMENT, agreement.id, by.name, body)
            self._send(tx, agreement, statement, now)
            return self._due(tx, agreement)

    def _paths(self, tx: Transaction, agreement: Agreement) -> list[Path]:
        paths = []
        for transfer in self._transfers.select(tx, peer=agreement.provider, limit=_RECENT):
            reception = self._receptions.get(tx, transfer.pid) if transfer.agreement == agreement.id else None
            if reception is None or transfer.role is not Role.CONSUMER:
                continue
            if reception.state not in ("done", "failed"):
                raise Conflict(
                    "a transfer under this agreement is still active", remedy="wait for it, or terminate it"
                )
            if reception.path:
                paths.append(self._received / reception.path)
        return paths

    def _send(self, tx: Transaction, agreement: Agreement, statement: str, now: datetime) -> None:
        negotiation = self._negotiations.get(tx, agreement.negotiation)
        if negotiation is None:
            raise NotFound("this node does not have the negotiation of this agreement")
        root = negotiation.peer_address.removesuffix(VERSIONS[negotiation.version].path)
        self._courier.deliver(
            tx,
            topic=TOPIC,
            lane=agreement.provider,
            subject=agreement.id,
            body=json.dumps({"statement": statement}).encode(),
            due=now,
            headers={"url": root + PATH, "peer": agreement.provider, "message": "confirmation of deletion"},
        )

    def note_report(self, tx: Transaction, agreement_id: str, *, refused: str = "") -> None:
        """The provider has taken the confirmation, or it never will, and why."""
        known = self._store.get(tx, agreement_id)
        if known is not None:
            told_at = None if refused else self._clock.now()
            self._store.put(tx, replace(known, told=told_at, untold=refused))

    # ---- provider --------------------------------------------------------------------------------------------

    def take(self, caller: Caller, signer: DidDocument, raw: bytes) -> None:
        """A consumer confirms. The same again is taken again. Raises ``NotFound`` for an agreement that is not with
        this caller, ``InvalidInput`` for a confirmation that is not its own or says something else."""
        statement = read_object(raw).get("statement")
        if not isinstance(statement, str):
            raise InvalidInput("statement is missing", remedy="send the signed confirmation as a compact JWS")
        claims = read_object(self._verify_jws(statement, signer))
        try:
            at = moment(str(claims.get("deleted")))
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise InvalidInput("deleted is not a date with a time") from error
        with self._uow.begin() as tx:
            agreement = self._agreements.get(tx, str(claims.get("agreement")), lock=True)
            if agreement is None or agreement.provider != self._me or agreement.consumer != caller.did:
                raise NotFound("you have no such agreement with this node")
            if claims.get("sha256") != agreement.sha256:
                raise InvalidInput("the confirmation is for another agreement")
            known = self._store.get(tx, agreement.id)
            if known is not None and known.statement == statement:
                return
            now = self._clock.now()
            if known is not None and at <= known.at:
                return
            # A deletion cannot be in the future: data received until then would count as deleted.
            confirmed = Deletion(
                agreement=agreement.id, at=min(at, now), by=agreement.consumer, statement=statement, told=now
            )
            self._store.put(tx, confirmed)
            body = {"event": "deletion-confirmed", "agreement": agreement.id, "statement": statement}
            self._append(tx, EntryKind.AGREEMENT, agreement.id, agreement.consumer, body)

    # ---- both ------------------------------------------------------------------------------------------------

    def of(self, agreement: Agreement) -> Due | None:
        """How the deletion under ``agreement`` stands; None where it asks for none."""
        if deletion_rule(agreement.body) is None:
            return None
        with self._uow.read() as tx:
            return self._due(tx, agreement)

    def all(self) -> list[Due]:
        """Of all agreements that ask for deletion: overdue ones first, then by when they are due."""
        with self._uow.read() as tx:
            agreements = [
                agreement
                for agreement in self._agreements.select(tx, limit=_RECENT)
                if agreement.finalized is not None
            ]
            duties = [
                self._due(tx, agreement) for agreement in agreements if deletion_rule(agreement.body) is not None
            ]
        return sorted(duties, key=lambda duty: (not duty.overdue, stamp(duty.due) if duty.due else "9"))

    def _due(self, tx: Transaction, agreement: Agreement) -> Due:
        rule = deletion_rule(agreement.body)
        within = _within(rule) if rule is not None else None
        confirmed = self._store.get(tx, agreement.id)
        receipts = self._receipts(tx, agreement)
        since = [at for at in receipts if confirmed is None or at > confirmed.at]
        received = min(since, default=None)
        due = _after(received, within[1]) if received is not None and within is not None else None
        return Due(
            agreement=agreement.id,
            dataset=agreement.dataset,
            peer=agreement.provider if agreement.role == Role.CONSUMER else agreement.consumer,
            role=str(agreement.role),
            within=within[0] if within else "",
            received=received,
            due=due,
            overdue=due is not None and due < self._clock.now(),
            confirmed=confirmed,
        )

    def _receipts(self, tx: Transaction, agreement: Agreement) -> list[datetime]:
        if agreement.provider == self._me:
            entries = self._ledger.history(tx, agreement.id, EntryKind.ACCESS)
            return [
                entry.at for entry in entries if read_object(entry.body).get("outcome") in ("delivered", "completed")
            ]
        receipts = []
        for transfer in self._transfers.select(tx, peer=agreement.provider, limit=_RECENT):
            if transfer.agreement == agreement.id:
                reception = self._receptions.get(tx, transfer.pid)
                if reception is not None and reception.state == "done":
                    receipts.append(reception.at)
        return receipts


def deletion_rule(body: Mapping[str, Any]) -> Rule | None:
    """The duty of a policy to delete, if it has one."""
    policy = parse(body)
    duties = (*policy.obligations, *(duty for rule in policy.permissions for duty in rule.duties))
    return next((rule for rule in duties if rule.action == DELETE), None)


def _within(rule: Rule) -> tuple[str, timedelta] | None:
    """Within what time after receipt, as it is written and at the longest."""
    for constraint in rule.constraints:
        if (
            isinstance(constraint, Constraint)
            and constraint.left_operand == ELAPSED_TIME
            and constraint.right_operand
        ):
            period = duration(constraint.right_operand[0])
            if period is not None:
                return constraint.right_operand[0].text, _longest(period.parts)
    return None


def _after(received: datetime, within: timedelta) -> datetime | None:
    try:
        return received + within
    except OverflowError:
        return None  # After the end of the calendar: the deletion is never due.


def _longest(parts: tuple[tuple[str, int], ...]) -> timedelta:
    days = {"years": 366, "months": 31, "weeks": 7, "days": 1}
    total = timedelta()
    for unit, count in parts:
        total += timedelta(days=days[unit] * min(count, 100_000)) if unit in days else timedelta(**{unit: count})
    return total
