"""Eligibility: who could get an asset of this node now, by name, and what they would get.

Each known participant is judged by the decision point that decides about requests, from the credentials that it
showed this node last and those that this node issued to it. Participants are those that this node follows, those
that hold a credential of it, and those that made an agreement with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotAllowed
from node.base.work import UnitOfWork
from node.catalogue.access import Access
from node.catalogue.model import INTERNAL, Record
from node.catalogue.ports import FollowStore
from node.catalogue.visibility import Visibility, absent
from node.identity.model import Caller
from node.identity.ports import IdentityStore
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.policy.gallery import Gallery
from node.policy.model import Reason
from node.policy.templates import CompiledConditions, compile_conditions

MOST: Final = 500
"""Participants that are judged; more are counted only."""
PATIENCE: Final = 3.0
"""Seconds in which the status of all credentials is read from their issuers."""
_AT_ONCE: Final = 8


class ReadRecord(Protocol):
    """Returns the newest version of an asset (``node.catalogue.browse.Browse.record``)."""

    async def __call__(self, iri: str, caller: Caller) -> Record: ...


class Recheck(Protocol):
    """Returns the present state of a participant, with further credentials of it (``node.identity.participants``).
    Raises ``NotAllowed`` if it is blocked."""

    async def __call__(self, did: str, texts: Sequence[str] = ()) -> Caller: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A participant and its eligibility. ``outcome``: ``yes``, ``approval`` (a person decides), ``no`` (``missing``
    says what it lacks), ``unseen`` (it does not see the asset), ``blocked``, or ``unknown`` (the status of its
    credentials could not be read). ``shown``: it has shown credentials, or this node issued them."""

    did: str
    name: str
    outcome: str
    shown: bool
    missing: tuple[Reason, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "did": self.did,
            "name": self.name,
            "outcome": self.outcome,
            "credentialsKnown": self.shown,
            "missing": [reason.to_json() for reason in self.missing],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityReport:
    """The prospects, the eligible ones first, and what they would get: ``record`` with the conditions that were
    judged. ``omitted`` counts the participants that were not judged, because there are too many."""

    record: Record
    prospects: tuple[Prospect, ...]
    omitted: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Return outcome → number of prospects."""
        counts: dict[str, int] = {}
        for prospect in self.prospects:
            counts[prospect.outcome] = counts.get(prospect.outcome, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class _Participant:
    did: str
    name: str
    credentials: list[str] = field(default_factory=list)


class Eligibility:
    """Judges all known participants by the conditions of an asset, published or not."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        follows: FollowStore,
        identity: IdentityStore,
        agreements: Callable[[], Sequence[Agreement]],
        recheck: Recheck,
        access: Access,
        visibility: Visibility,
        record: ReadRecord,
        region: Callable[[], str | None],
        gallery: Gallery,
        clock: Clock,
    ) -> None:
        """``region`` is the region of conditions that name none, ``gallery`` has the templates that they may name."""
        self._uow, self._follows, self._identity = uow, follows, identity
        self._agreements, self._recheck, self._access = agreements, recheck, access
        self._visibility, self._record = visibility, record
        self._region, self._gallery, self._clock = region, gallery, clock

    async def of(
        self, iri: str, by: Caller, *, conditions: Mapping[str, Any] | str | None = None
    ) -> EligibilityReport:
        """Return who could get an asset of this node, under ``conditions`` in place of its own if they are given.

        Raises ``NotAllowed``, ``NotFound`` also for assets of others, ``Conflict`` for an imported record, and
        ``InvalidInput`` for conditions that cannot be read.
        """
        require(by, UseCase.PUBLISH)
        record = await self._record(iri, by)
        if not self._visibility.owns(record):
            raise absent()
        if record.harvest_origin is not None:
            raise Conflict(
                f"{iri} was imported: its source decides who gets the data",
                remedy="ask at its source",
                facts={"case": "imported"},
            )
        if conditions is not None:
            return await self.under(conditions, by, record=record)
        return await self.of_record(record, by)

    async def under(
        self, conditions: Mapping[str, Any] | str, by: Caller, *, record: Record | None = None
    ) -> EligibilityReport:
        """Return who could get ``record`` under ``conditions``; None: a dataset that nobody has described yet. Raises
        ``NotAllowed``, and ``InvalidInput`` for conditions that cannot be read."""
        require(by, UseCase.PUBLISH)
        subject = record or self._stand_in(by)
        return await self.of_record(_under(subject, await run_sync(self._compile, subject, conditions)), by)

    def _stand_in(self, by: Caller) -> Record:
        return Record(
            iri="urn:hansa:draft",
            version=1,
            kind="dataset",
            # Of its conditions: they may be for this organisation alone.
            audience=INTERNAL,
            titles={},
            descriptions={},
            publisher=self._visibility.me,
            publisher_name="",
            origin=self._visibility.me,
            nquads=b"",
            sha256="",
            at=self._clock.now(),
            by=by.name,
        )

    async def of_record(self, record: Record, by: Caller) -> EligibilityReport:
        """Return who could get ``record``, which need not be published. Raises ``NotAllowed``."""
        require(by, UseCase.PUBLISH)
        participants = await run_sync(self._participants)
        first = participants[:MOST]
        turns = asyncio.Semaphore(_AT_ONCE)
        ends = asyncio.get_running_loop().time() + PATIENCE

        async def judge(participant: _Participant) -> Prospect:
            async with turns:
                return await self._judge(participant, record, ends)

        prospects = await asyncio.gather(*map(judge, first))
        order = {name: place for place, name in enumerate(("yes", "approval", "no", "unknown", "unseen", "blocked"))}
        return EligibilityReport(
            record=record,
            prospects=tuple(sorted(prospects, key=lambda one: (order[one.outcome], one.name.casefold()))),
            omitted=len(participants) - len(first),
        )

    async def _judge(self, participant: _Participant, record: Record, ends: float) -> Prospect:
        prospect = Prospect(did=participant.did, name=participant.name, outcome="unknown", shown=True)
        try:
            async with asyncio.timeout_at(ends):
                caller = await self._recheck(participant.did, participant.credentials)
        except NotAllowed:
            return replace(prospect, outcome="blocked")
        except TimeoutError:
            return prospect
        prospect = replace(prospect, shown=bool(caller.credentials or caller.rejections))
        if not self._visibility.may_see(record, caller):
            return replace(prospect, outcome="unseen")
        if record.files and all(file.open for file in record.files):
            return replace(prospect, outcome="yes")
        decision = self._access.decision(record, caller)
        if decision is None:
            return replace(prospect, outcome="no")
        if decision.permits:
            return replace(prospect, outcome="yes")
        if any(rejection.transient for rejection in caller.rejections):
            return prospect
        return replace(prospect, outcome="approval" if decision.asks else "no", missing=decision.unmet)

    def _participants(self) -> list[_Participant]:
        """Return all known participants but this node, by name."""
        now, me, names = self._clock.now(), self._visibility.me, self._access.names()
        participants: dict[str, _Participant] = {}
        with self._uow.read() as tx:
            follows = self._follows.all(tx)
            issued_here = self._identity.issued_credentials(tx)
            applications = self._identity.applications(tx)
        legal_names = {
            application.holder: str(application.accession.get("legalName") or "")
            for application in reversed(applications)
        }
        names_of_follows = {str(node.did): node.name for node in follows if node.did}

        def participant_of(did: str) -> _Participant:
            name = legal_names.get(did) or names_of_follows.get(did) or names.get(did) or did
            return participants.setdefault(did, _Participant(did, name))

        for did in names_of_follows:
            participant_of(did)
        for credential in issued_here:
            participant = participant_of(credential.holder)
            if credential.revoked_at is None and credential.valid_until > now:
                participant.credentials.append(credential.jwt)
        for agreement in self._agreements():
            participant_of(agreement.consumer)
            participant_of(agreement.provider)
        participants.pop(me, None)
        return sorted(participants.values(), key=lambda participant: (participant.name.casefold(), participant.did))

    def _compile(self, record: Record, conditions: Mapping[str, Any] | str) -> CompiledConditions:
        return compile_conditions(
            self._gallery.expand(conditions), target=record.iri, offer_id=f"{record.iri}#trial", region=self._region()
        )


def _under(record: Record, conditions: CompiledConditions) -> Record:
    """Return ``record`` as the next version would be under other conditions: files are open no more."""
    if record.kind == "rulebook" and not record.files:
        raise InvalidInput("a rulebook is a text to read", remedy="ask about an asset with data")
    audience = conditions.audience if record.audience == INTERNAL else record.audience
    files = tuple(replace(file, open=False) for file in record.files)
    return replace(record, offer=conditions.offer, sealed=conditions.sealed, audience=audience, files=files)
