"""Applications for credentials, issued credentials, followed nodes, and facts about this node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from anyio.to_thread import run_sync

from node.base.plaintext import word
from node.base.work import UnitOfWork
from node.catalogue.browse import Browse
from node.catalogue.model import QUARANTINE, Followed
from node.catalogue.ports import FollowStore
from node.catalogue.region.place import NodePlace, OwnPlace
from node.identity.blocks import Blocks
from node.identity.model import Application, ApplicationState, Caller, IssuedCredential
from node.identity.roles import UseCase, allowed
from node.ledger.ports import LedgerStore
from node.portal.views.member_places import MemberPlace, MemberPlaces

Texts = dict[str, str]
"""Language tag → text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationView:
    """An application for a credential. ``decision`` is the id for deciding it; empty once decided."""

    application: Application
    name: str
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTo:
    """A credential that this node issued, with the name of its holder."""

    credential: IssuedCredential
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that this node follows or has admitted. ``behind`` counts entries not yet read of its feed.

    ``quarantined``: it signed two different histories, and this node accepts nothing more from it; ``evidence`` is
    the command that shows them, for people who may run it.
    """

    id: str
    name: str
    url: str
    role: str = "member"
    since: datetime | None = None
    seen: datetime | None = None
    behind: int | None = None
    assets: int | None = None
    block: str = ""
    trouble: str = ""
    quarantined: bool = False
    evidence: str = ""
    place: NodePlace | None = None
    """The place that the node states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """The organisation that runs this node, and facts about the node. ``rulebook`` is the IRI of the rulebook in
    force; ``refuses_models`` is the reason why no code of models runs at this node, if none does."""

    name: str
    did: str
    url: str
    version: str
    contact: str = ""
    operator: str = ""
    rulebook: str = ""
    rulebook_titles: Texts = field(default_factory=dict)
    issuer: bool = False
    entries: int = 0
    checkpoint_at: datetime | None = None
    refuses_models: str = ""
    protocol: str = "2025-1"


Facts = Callable[[], Awaitable[NodeFacts]]
"""Returns the facts about this node."""


class AboutNode:
    """Facts about this node. ``facts`` are those that do not change while it runs."""

    def __init__(
        self,
        facts: NodeFacts,
        uow: UnitOfWork,
        ledger: LedgerStore,
        rulebook: Callable[[], Mapping[str, Any] | None],
        lacking: Callable[[], str],
    ) -> None:
        """``rulebook`` is the one in force; ``lacking`` is why no code of models runs here, if none does."""
        self._facts = facts
        self._uow = uow
        self._ledger = ledger
        self._rulebook = rulebook
        self._lacking = lacking

    async def facts(self) -> NodeFacts:
        """Return the facts as they are now."""
        return await run_sync(self._read)

    def _read(self) -> NodeFacts:
        rulebook = self._rulebook()
        with self._uow.read() as tx:
            checkpoint = self._ledger.checkpoint(tx)
            return replace(
                self._facts,
                rulebook=str(rulebook["iri"]) if rulebook else "",
                entries=self._ledger.size(tx),
                checkpoint_at=checkpoint.at if checkpoint else None,
                refuses_models=self._lacking(),
            )


class Issuer(Protocol):
    """Applications to an issuer node, and credentials that it issued."""

    def issued_credentials(self) -> list[IssuedCredential]: ...

    def applications(self) -> list[Application]: ...


class Admissions:
    """Applications for credentials of this node, and the credentials that it issued."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def applications(self) -> Sequence[ApplicationView]:
        """Return all applications, open ones first."""
        applications_of_members = sorted(
            await run_sync(self._issuer.applications), key=lambda one: one.decided_at is not None
        )
        return [
            ApplicationView(
                application=application,
                name=_name(application),
                decision=application.id if application.state is ApplicationState.RECEIVED else "",
            )
            for application in applications_of_members
        ]

    async def issued_credentials(self) -> Sequence[IssuedTo]:
        """Return all credentials, newest first."""
        names = {one.holder: _name(one) for one in await run_sync(self._issuer.applications)}
        newest = sorted(await run_sync(self._issuer.issued_credentials), key=lambda one: one.at, reverse=True)
        return [IssuedTo(credential=one, name=names.get(one.holder, one.holder)) for one in newest]


class Members:
    """The nodes that this node follows, and ``own_place``, which it states to those that follow it."""

    def __init__(
        self, catalogue: Browse, blocks: Blocks, uow: UnitOfWork, follows: FollowStore, *, own_place: OwnPlace
    ) -> None:
        self.own_place = own_place
        self._catalogue = catalogue
        self._blocks = blocks
        self._uow = uow
        self._follows = follows
        self._places = MemberPlaces(catalogue)

    async def places(self, members: Sequence[Member]) -> Sequence[MemberPlace]:
        """Return the places of ``members`` that are known."""
        return await self._places.places(members)

    async def all(self, caller: Caller) -> Sequence[Member]:
        """Return all of them, each with the number of its assets that the caller may see."""
        assets = await self._catalogue.origins(caller)
        blocked = {one.did: one.reason for one in await run_sync(self._blocks.all)}
        may_decide = allowed(caller, UseCase.FOLLOW)
        return [_member(one, assets, blocked, may_decide=may_decide) for one in await run_sync(self._list_follows)]

    def _list_follows(self) -> Sequence[Followed]:
        with self._uow.read() as tx:
            return list(self._follows.all(tx))


def _member(member: Followed, assets: Mapping[str, int], blocks: Mapping[Any, str], *, may_decide: bool) -> Member:
    return Member(
        id=str(member.did or member.url),
        name=member.name,
        url=member.url,
        since=member.at,
        assets=assets.get(str(member.did)),
        block=blocks.get(str(member.did), ""),
        trouble=member.last_error or "",
        seen=member.seen,
        behind=0 if member.current else None,
        quarantined=member.state == QUARANTINE,
        place=NodePlace.read(member.place),
        evidence=f"hansa members evidence {word(member.url)}" if may_decide else "",
    )


def _name(application: Application) -> str:
    return str(application.accession.get("legalName") or application.holder)
