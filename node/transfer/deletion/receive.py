"""The provider's side of "delete and confirm": take the consumer's signed confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from node.base.clock import Clock, moment
from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_object
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.identity.model import Caller, DidDocument
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.agreement import VerifyJws
from node.negotiation.ports import AgreementStore
from node.transfer.deletion.model import Deletion, DeletionStore


class ReceiveConfirmation:
    """Verifies confirmations of deletion, and records them."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DeletionStore,
        agreements: AgreementStore,
        verify_jws: VerifyJws,
        append: Append,
        clock: Clock,
        me: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._verify_jws = verify_jws
        self._append = append
        self._clock = clock
        self._me = me

    def __call__(self, caller: Caller, signer: DidDocument, raw: bytes) -> None:
        """Record the confirmation in ``raw``, which ``signer`` signed. A repeated confirmation is accepted again.

        Raises ``NotFound`` if the agreement is not with this caller, ``InvalidInput`` if the confirmation is not the
        caller's own, or is about something else.
        """
        statement = read_object(raw).get("statement")
        if not isinstance(statement, str):
            raise InvalidInput("statement is missing", remedy="send the signed confirmation as a compact JWS")
        claims = read_object(self._verify_jws(statement, signer))
        try:
            at = moment(str(claims.get("deleted")))
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise InvalidInput("deleted is not a date with a time") from error
        self._record(caller, statement, claims, at)

    @taken_in_turn
    def _record(self, caller: Caller, statement: str, claims: Mapping[str, Any], at: datetime) -> None:
        with self._uow.begin() as tx:
            agreement = self._agreements.get(tx, str(claims.get("agreement")), lock=True)
            if agreement is None or agreement.provider != self._me or agreement.consumer != caller.did:
                raise NotFound("you have no such agreement with this node")
            if claims.get("sha256") != agreement.sha256:
                raise InvalidInput("the confirmation is for another agreement")
            known = self._store.get(tx, agreement.id)
            now = self._clock.now()
            if known is not None and (known.statement == statement or at <= known.at):
                return
            # A deletion cannot be in the future: data received before that time would count as deleted.
            deletion = Deletion(
                agreement=agreement.id, at=min(at, now), by=agreement.consumer, statement=statement, told=now
            )
            self._store.put(tx, deletion)
            body = {"event": "deletion-confirmed", "agreement": agreement.id, "statement": statement}
            self._append(tx, EntryKind.AGREEMENT, agreement.id, agreement.consumer, body)
