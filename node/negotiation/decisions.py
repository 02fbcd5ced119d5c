"""Decisions that wait for a person: uses that an owner must agree to, and applications for membership."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, NotFound
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.identity.model import ANONYMOUS, Application, Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import PendingDecision
from node.negotiation.ports import DecisionStore
from node.negotiation.usecases import TEXTS, Negotiations
from node.texts.languages import pick


class Admissions(Protocol):
    """The issuer's side of membership, if this node is an issuer."""

    def waiting(self) -> list[Application]:
        """Return the undecided applications."""

    def oldest(self, limit: int) -> list[Application]:
        """Return the undecided applications that have waited longest, at most ``limit``."""

    def count(self) -> int:
        """Return how many applications are undecided."""

    async def decide(self, application_id: str, *, approve: bool, by: str, reason: str | None) -> Application:
        """Admit or refuse the applicant. Raises ``NotFound`` or ``Conflict``."""


class Decisions:
    """Lists pending decisions and carries out what a person decides."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DecisionStore,
        negotiations: Negotiations,
        admissions: Admissions | None,
        recheck: Callable[[str], Awaitable[Caller]],
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._negotiations = negotiations
        self._admissions = admissions
        self._recheck = recheck
        self._append = append
        self._clock = clock

    def waiting(self) -> list[PendingDecision]:
        """Return everything that waits for a person, oldest first."""
        with self._uow.read() as tx:
            waiting = list(self._store.open(tx))
        if self._admissions is not None:
            waiting += [_as_decision(application) for application in self._admissions.waiting()]
        return sorted(waiting, key=lambda decision: decision.at)

    def oldest(self, limit: int) -> list[PendingDecision]:
        """Return what has waited longest for a person, at most ``limit``, oldest first."""
        with self._uow.read() as tx:
            waiting = list(self._store.open(tx, limit))
        if self._admissions is not None:
            waiting += [_as_decision(application) for application in self._admissions.oldest(limit)]
        return sorted(waiting, key=lambda decision: decision.at)[:limit]

    def count(self) -> int:
        """Return how much waits for a person."""
        with self._uow.read() as tx:
            count = self._store.count_open(tx)
        return count + (self._admissions.count() if self._admissions is not None else 0)

    async def decide(
        self, decision_id: str, *, approve: bool, by: Caller, reason: str | None = None
    ) -> PendingDecision:
        """Carry out a person's decision.

        Raises ``NotAllowed``, ``NotFound``, or ``Conflict`` if it was decided already.
        """
        require(by, UseCase.DECIDE)
        return await self._decide(decision_id, approve, by.name, {"und": reason} if reason else {})

    async def _decide(self, decision_id: str, approve: bool, by: str, reason: Mapping[str, str]) -> PendingDecision:
        def look() -> PendingDecision | None:
            with self._uow.read() as tx:
                return self._store.get(tx, decision_id)

        decision = await run_sync(look)
        if decision is None:
            if self._admissions is None:
                raise NotFound("there is no such decision", remedy="hansa decide lists those that wait")
            return _as_decision(
                await self._admissions.decide(decision_id, approve=approve, by=by, reason=_reason_text(reason))
            )
        # The peer's credentials are checked again now: days may lie between the request and the decision.
        caller = await self._recheck(decision.peer) if approve else ANONYMOUS
        return await run_sync(lambda: self._carry_out(decision, approve, by, reason, caller))

    @taken_in_turn
    def _carry_out(
        self, decision: PendingDecision, approve: bool, by: str, reason: Mapping[str, str], caller: Caller
    ) -> PendingDecision:
        with self._uow.begin() as tx:
            self._negotiations.hold(tx, decision.subject)
            now = self._clock.now()
            decision_now = self._store.decide(
                tx, decision.id, approved=approve, by=by, at=now, reason=_reason_text(reason)
            )
            if decision_now is None:
                raise Conflict("somebody has decided this already", remedy="open the decision to see the result")
            body: dict[str, Any] = {
                "decision": decision.id,
                "about": decision.subject,
                "peer": decision.peer,
                "approved": approve,
            }
            if reason:
                body["reason"] = _reason_text(reason)
            self._append(tx, EntryKind.DECISION, str(decision.details.get("dataset", decision.subject)), by, body)
            self._negotiations.continue_after_decision(
                tx, decision.subject, approved=approve, by=by, reason=reason, caller=caller
            )
            return decision_now

    async def expire(self) -> int:
        """Refuse requests that were not decided in time; return how many."""
        now = self._clock.now()
        late = [
            decision for decision in await run_sync(self._open) if decision.due is not None and decision.due < now
        ]
        for decision in late:
            await self._decide(decision.id, False, "node", TEXTS.in_all("lapsed"))
        return len(late)

    def _open(self) -> list[PendingDecision]:
        with self._uow.read() as tx:
            return list(self._store.open(tx))


def _reason_text(reason: Mapping[str, str]) -> str | None:
    return pick(reason, "en")[0] or None


def _as_decision(application: Application) -> PendingDecision:
    name = str(application.accession.get("legalName") or application.holder)
    return PendingDecision(
        id=application.id,
        kind="application",
        subject=application.holder,
        peer=application.holder,
        peer_name=name,
        summary=TEXTS.in_all("application", name=name, type=application.credential_type),
        details={"credentialType": application.credential_type, "accession": application.accession},
        at=application.at,
        decided_at=application.decided_at,
        decided_by=application.decided_by,
        approved=_approval(application),
        reason=application.reason,
    )


def _approval(application: Application) -> bool | None:
    decided: datetime | None = application.decided_at
    return None if decided is None else str(application.state) == "ISSUED"
