"""Agreements in force and credentials of this node that end within the next weeks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError
from node.base.work import UnitOfWork
from node.dialogue.process import Role
from node.identity.model import Caller, Credential
from node.identity.ports import IdentityStore
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart
from node.policy.odrl import parse
from node.policy.terms_of_time import end_of

SOON: Final = timedelta(days=30)
"""The agenda has things that end within this time."""
_RECENT: Final = 1000
"""The newest agreements that are read."""
_FRESH: Final = timedelta(minutes=1)
"""The time for which a reading is used again: agreements end on days, not in seconds."""


class EndingAgreements:
    """The agreements that end soon by their own terms, the first to end first. All people of the node may know them.

    Of many agreements, the newest ``_RECENT`` are read, and at most once a minute.
    """

    def __init__(self, uow: UnitOfWork, agreements: AgreementStore, clock: Clock) -> None:
        self._uow = uow
        self._agreements = agreements
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, datetime | None] = {}
        self._read_at: datetime | None = None
        self._known: Sequence[AgendaItem] = ()

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if by.is_person else AgendaPart()

    def _part(self) -> AgendaPart:
        with self._lock:
            now = self._clock.now()
            if self._read_at is None or not timedelta() <= now - self._read_at < _FRESH:
                self._known, self._read_at = self._read(now), now
            return AgendaPart(items=tuple(self._known[:SHOWN]), total=len(self._known))

    def _read(self, now: datetime) -> Sequence[AgendaItem]:
        with self._uow.read() as tx:
            agreements = [agreement for agreement in self._agreements.select(tx, limit=_RECENT) if agreement.in_force]
        self._ends = {agreement.id: self._end(agreement) for agreement in agreements}
        ending = [
            (end, agreement)
            for agreement in agreements
            if (end := self._ends[agreement.id]) is not None and now <= end <= now + SOON
        ]
        return [
            _agreement_item(agreement, end)
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


class EndingCredentials:
    """The credentials of this node that end soon, or have ended."""

    def __init__(
        self, uow: UnitOfWork, identity: IdentityStore, clock: Clock, names: Callable[[], Mapping[str, str]]
    ) -> None:
        """``names`` returns the names of known participants, by DID."""
        self._uow = uow
        self._identity = identity
        self._clock = clock
        self._names = names

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if by.is_person else AgendaPart()

    def _part(self) -> AgendaPart:
        now = self._clock.now()
        with self._uow.read() as tx:
            newest = _newest_of_each_type(self._identity.credentials(tx))
        names = self._names()
        items = [
            AgendaItem(
                code="credential-ended" if end <= now else "credential-ends",
                path="/about",
                name=credential.types[0] if credential.types else credential.id,
                facts={"issuer": names.get(credential.issuer, credential.issuer)},
                at=end,
            )
            for credential in newest
            if (end := credential.valid_until) is not None and end <= now + SOON
        ]
        items.sort(key=lambda item: (str(item.at), item.name))
        return AgendaPart(items=tuple(items[:SHOWN]), total=len(items))


def _newest_of_each_type(credentials: Sequence[Credential]) -> Sequence[Credential]:
    """Return the credential of each issuer and type that is valid for longest: an older one may end unnoticed."""
    newest: dict[tuple[str, tuple[str, ...]], Credential] = {}
    for credential in credentials:
        key = credential.issuer, credential.types
        known = newest.get(key)
        if known is None or _end_key(credential) > _end_key(known):
            newest[key] = credential
    return list(newest.values())


def _end_key(credential: Credential) -> tuple[bool, str]:
    return credential.valid_until is None, str(credential.valid_until)


def _agreement_item(agreement: Agreement, end: datetime) -> AgendaItem:
    terms = agreement.body.get(TERMS) or {}
    gives = agreement.role == Role.PROVIDER
    peer = agreement.consumer if gives else agreement.provider
    party = terms.get("consumer" if gives else "provider") or {}
    return AgendaItem(
        code="agreement-ends",
        path=f"/agreements/{agreement.id}",
        titles=dict((terms.get("asset") or {}).get("title") or {}),
        name=agreement.dataset,
        facts={"peer": str(party.get("name") or peer), "agreement": agreement.id},
        at=end,
    )
