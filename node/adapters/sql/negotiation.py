"""Negotiations, agreements and decisions (``node.negotiation.ports``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, select, update

from node.adapters.sql.processes import SqlProcessStore
from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.negotiation import agreement_uses, agreements, decisions, limits
from node.adapters.sql.schema.processes import negotiation_messages, negotiations
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict, LocalFault
from node.base.work import Transaction
from node.negotiation.model import Agreement, Limits, Negotiation, PendingDecision
from node.negotiation.uses import Use

_AGREEMENT = select(agreements).where(agreements.c.id == bindparam("id"))
_LOCKED_AGREEMENT = _AGREEMENT.with_for_update()
_AROUND_AGREEMENT = ("signatures", "finalized", "ended", "ended_why", "entry")
_SAVE_AGREEMENT = update(agreements).where(
    agreements.c.id == bindparam("agreement"),
    agreements.c.negotiation == bindparam("settled_in"),
    agreements.c.sha256 == bindparam("content"),
)
_PAGE: Final = 200
"""Agreements that are read at a time when all are read."""
_DECISION = select(decisions).where(decisions.c.id == bindparam("id"))
_OPEN = select(decisions).where(decisions.c.decided_at.is_(None)).order_by(decisions.c.at, decisions.c.ordinal)
_COUNT_OPEN = select(func.count()).select_from(decisions).where(decisions.c.decided_at.is_(None))
_BY_SUBJECT = (
    select(decisions).where(decisions.c.subject == bindparam("subject")).order_by(decisions.c.ordinal.desc()).limit(1)
)
_DECIDE = (
    update(decisions)
    .where(decisions.c.id == bindparam("decision"), decisions.c.decided_at.is_(None))
    .values(
        approved=bindparam("verdict"),
        decided_by=bindparam("who"),
        decided_at=bindparam("moment"),
        reason=bindparam("why"),
    )
)


class SqlNegotiationStore(SqlProcessStore[Negotiation]):
    """Negotiations and their messages."""

    def __init__(self) -> None:
        super().__init__(Negotiation, negotiations, negotiation_messages)


class SqlAgreementStore:
    """Agreements by id, dataset and party."""

    def add(self, tx: Transaction, agreement: Agreement) -> None:
        if add(connection_of(tx), agreements, values(agreement)):
            return
        known = self.get(tx, agreement.id)
        if known is None or known.sha256 != agreement.sha256:
            raise Conflict(f"the agreement {agreement.id} already exists, with different content")

    def save(self, tx: Transaction, agreement: Agreement) -> None:
        same = {"agreement": agreement.id, "settled_in": agreement.negotiation, "content": agreement.sha256}
        around = {name: getattr(agreement, name) for name in _AROUND_AGREEMENT}
        saved = connection_of(tx).execute(_SAVE_AGREEMENT, around | same)
        if saved.rowcount == 1:
            return
        if self.get(tx, agreement.id) is None:
            raise LocalFault(f"the agreement {agreement.id} does not exist")
        raise Conflict(
            f"the agreement {agreement.id} already exists, from another negotiation or with different content"
        )

    def get(self, tx: Transaction, agreement_id: str, *, lock: bool = False) -> Agreement | None:
        statement = _LOCKED_AGREEMENT if lock else _AGREEMENT
        row = connection_of(tx).execute(statement, {"id": agreement_id}).one_or_none()
        return None if row is None else build(Agreement, row)

    def select(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
        limit: int = 200,
    ) -> Sequence[Agreement]:
        statement = (
            _agreements_of(dataset, provider, consumer)
            .order_by(agreements.c.at.desc(), agreements.c.ordinal.desc())
            .limit(limit)
        )
        return [build(Agreement, row) for row in connection_of(tx).execute(statement)]

    def walk(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
    ) -> Iterator[Agreement]:
        newest = _agreements_of(dataset, provider, consumer).order_by(agreements.c.ordinal.desc()).limit(_PAGE)
        page = newest
        while rows := connection_of(tx).execute(page).all():
            for row in rows:
                yield build(Agreement, row)
            page = newest.where(agreements.c.ordinal < rows[-1].ordinal)


def _agreements_of(dataset: str | None, provider: str | None, consumer: str | None) -> Select[Any]:
    filters = {"dataset": dataset, "provider": provider, "consumer": consumer}
    return select(agreements).where(
        *(agreements.c[name] == value for name, value in filters.items() if value is not None)
    )


class SqlDecisionStore:
    """Decisions that wait for a person, and decisions that a person has made."""

    def add(self, tx: Transaction, decision: PendingDecision) -> None:
        if not add(connection_of(tx), decisions, values(decision)):
            raise Conflict(f"the decision {decision.id} already exists")

    def get(self, tx: Transaction, decision_id: str) -> PendingDecision | None:
        row = connection_of(tx).execute(_DECISION, {"id": decision_id}).one_or_none()
        return None if row is None else build(PendingDecision, row)

    def open(self, tx: Transaction, limit: int | None = None) -> Sequence[PendingDecision]:
        statement = _OPEN if limit is None else _OPEN.limit(limit)
        return [build(PendingDecision, row) for row in connection_of(tx).execute(statement)]

    def count_open(self, tx: Transaction) -> int:
        return int(connection_of(tx).execute(_COUNT_OPEN).scalar_one())

    def by_subject(self, tx: Transaction, subject: str) -> PendingDecision | None:
        row = connection_of(tx).execute(_BY_SUBJECT, {"subject": subject}).one_or_none()
        return None if row is None else build(PendingDecision, row)

    def decide(
        self, tx: Transaction, decision_id: str, *, approved: bool, by: str, at: datetime, reason: str | None
    ) -> PendingDecision | None:
        decision = {"decision": decision_id, "verdict": approved, "who": by, "moment": at, "why": reason}
        if connection_of(tx).execute(_DECIDE, decision).rowcount != 1:
            return None
        return self.get(tx, decision_id)


_LIMITS = select(limits).where(limits.c.dataset == bindparam("of"))


class SqlLimitStore:
    """Limits by asset."""

    def get(self, tx: Transaction, dataset: str) -> Limits | None:
        row = connection_of(tx).execute(_LIMITS, {"of": dataset}).one_or_none()
        return None if row is None else build(Limits, row)

    def put(self, tx: Transaction, terms: Limits) -> None:
        put(connection_of(tx), limits, values(terms))

    def drop(self, tx: Transaction, dataset: str) -> None:
        connection_of(tx).execute(delete(limits).where(limits.c.dataset == dataset))


_USE = select(agreement_uses.c.at).where(
    agreement_uses.c.agreement == bindparam("of"), agreement_uses.c.use == bindparam("by")
)
_USES = select(func.count()).select_from(agreement_uses).where(agreement_uses.c.agreement == bindparam("of"))


class SqlUseStore:
    """Uses by agreement."""

    def add(self, tx: Transaction, use: Use) -> None:
        add(connection_of(tx), agreement_uses, values(use))

    def is_known(self, tx: Transaction, agreement: str, use: str) -> bool:
        return connection_of(tx).execute(_USE, {"of": agreement, "by": use}).one_or_none() is not None

    def count(self, tx: Transaction, agreement: str) -> int:
        return int(connection_of(tx).execute(_USES, {"of": agreement}).scalar_one())
