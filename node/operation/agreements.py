"""Agreements that end soon, and deletions that they demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError
from node.base.work import UnitOfWork
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.operation.agenda import SHOWN, SOON, AgendaItem, AgendaPart
from node.policy.odrl import parse
from node.policy.terms_of_time import end_of
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.model import Due

_FRESH: Final = timedelta(minutes=1)
"""The time for which a reading of all agreements is used again: they end on days, not in seconds."""
_DELETION_SOON: Final = timedelta(days=7)
"""The agenda has deletions that are due within this time."""

T = TypeVar("T")


class _FreshValue(Generic[T]):
    """The value that ``read`` returned within the last minute."""

    def __init__(self, read: Callable[[datetime], T], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: tuple[datetime, T] | None = None

    def __call__(self) -> T:
        with self._lock:
            now = self._clock.now()
            if self._newest is None or not timedelta() <= now - self._newest[0] < _FRESH:
                self._newest = now, self._read(now)
            return self._newest[1]


class EndingAgreements:
    """The agreements that end soon by their own terms, the first to end first. All people of the node may know them.

    All agreements are read, at most once a minute.
    """

    def __init__(self, uow: UnitOfWork, agreements: AgreementStore, clock: Clock) -> None:
        self._uow = uow
        self._agreements = agreements
        self._ends: dict[str, datetime | None] = {}
        self._items = _FreshValue(self._read, clock)

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if by.is_person else AgendaPart()

    def _part(self) -> AgendaPart:
        items = self._items()
        return AgendaPart(items=tuple(items[:SHOWN]), total=len(items))

    def _read(self, now: datetime) -> Sequence[AgendaItem]:
        with self._uow.read() as tx:
            ends: dict[str, datetime | None] = {}
            ending: list[tuple[datetime, Agreement]] = []
            for agreement in self._agreements.walk(tx):
                if agreement.in_force:
                    end = ends[agreement.id] = self._end(agreement)
                    if end is not None and now <= end <= now + SOON:
                        ending.append((end, agreement))
        self._ends = ends
        return [
            _item("agreement-ends", agreement, end)
            for end, agreement in sorted(ending, key=lambda pair: (pair[0], pair[1].id))
        ]

    def _end(self, agreement: Agreement) -> datetime | None:
        if agreement.id in self._ends:
            return self._ends[agreement.id]
        try:
            return end_of(parse(agreement.body))
        except HansaError:
            # What this version cannot read is on the agreement's own page.
            return None


class DueDeletions:
    """The deletions that this node has to make and confirm soon, and those that others did not confirm in time, for
    people who confirm deletions. Overdue ones come first.

    All duties are read at most once a minute; those that are shown are read again, so that none is shown that was
    confirmed since.
    """

    def __init__(self, uow: UnitOfWork, agreements: AgreementStore, duties: DeletionDuties, clock: Clock) -> None:
        self._uow = uow
        self._agreements = agreements
        self._duties = duties
        self._clock = clock
        self._due = _FreshValue(self._read, clock)

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if allowed(by, UseCase.CONFIRM_DELETION) else AgendaPart()

    def _read(self, now: datetime) -> Sequence[str]:
        return [duty.agreement for duty in self._duties.all() if _is_pressing(duty, now)]

    def _part(self) -> AgendaPart:
        now, identifiers = self._clock.now(), self._due()
        items: list[AgendaItem] = []
        total = len(identifiers)
        with self._uow.read() as tx:
            for identifier in identifiers:
                agreement = self._agreements.get(tx, identifier)
                duty = self._duties.read(tx, agreement) if agreement is not None else None
                if agreement is None or duty is None or not _is_pressing(duty, now):
                    total -= 1
                    continue
                items.append(_item(_code(duty), agreement, duty.due))
                if len(items) == SHOWN:
                    break
        return AgendaPart(items=tuple(items), total=total)


def _is_pressing(duty: Due, now: datetime) -> bool:
    return duty.overdue or (duty.role == Role.CONSUMER and duty.due is not None and duty.due <= now + _DELETION_SOON)


def _code(duty: Due) -> str:
    if duty.role != Role.CONSUMER:
        return "deletion-unconfirmed"
    return "deletion-overdue" if duty.overdue else "deletion-due"


def _item(code: str, agreement: Agreement, at: datetime | None) -> AgendaItem:
    terms = agreement.body.get(TERMS) or {}
    gives = agreement.role == Role.PROVIDER
    peer = agreement.consumer if gives else agreement.provider
    party = terms.get("consumer" if gives else "provider") or {}
    return AgendaItem(
        code=code,
        path=f"/agreements/{agreement.id}",
        titles=dict((terms.get("asset") or {}).get("title") or {}),
        name=agreement.dataset,
        facts={"peer": str(party.get("name") or peer), "agreement": agreement.id},
        at=at,
    )
