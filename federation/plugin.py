"""Federation as a plug-in: its requirements of the node, its background task, its routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pluggy
from starlette.requests import Request

from federation.members import Members
from federation.region import Region
from federation.replicate.client import Replicate
from federation.replicate.model import Fetch, Limits
from federation.replicate.poll import Poll
from federation.witness import Witness
from node.api import Append, Browse, Caller, Clock, FollowStore, Peers, RecordStore, UnitOfWork, VersionStorage

if TYPE_CHECKING:
    from fastapi import APIRouter

hookimpl = pluggy.HookimplMarker("hansa")


class Host(Protocol):
    """The interface of a node that this plug-in uses. Plug-ins store their per-node objects in ``extensions``."""

    uow: UnitOfWork
    clock: Clock
    records: RecordStore
    follows: FollowStore
    versions: VersionStorage
    append: Append
    peers: Peers
    fetch: Fetch
    browse: Browse
    did: str
    base: str
    polling: float
    followed_records: int
    followed_bytes: int
    extensions: dict[str, Any]

    async def identify(self, request: Request) -> Caller:
        """Return the caller of the request. Raises ``Unauthenticated``."""

    def audiences(self, caller: Caller) -> Collection[str] | None:
        """Return the audiences that ``caller`` belongs to; None for this node's own people, who see all."""

    def region(self) -> tuple[str, str] | None:
        """Return (URL, DID) of the region that the node belongs to; None without one, and for a region itself."""

    def report_change(self) -> None:
        """Report new ledger entries to sequencer and views."""


@dataclass(frozen=True, slots=True)
class Federation:
    """The parts of the federation, for one node."""

    members: Members
    replicate: Replicate
    poll: Poll
    region: Region
    witness: Witness


def federation_of(host: Host) -> Federation:
    """Return the federation of ``host``, made at the first call."""
    known = host.extensions.get("federation")
    if isinstance(known, Federation):
        return known
    members = Members(
        uow=host.uow,
        store=host.follows,
        append=host.append,
        peers=host.peers,
        clock=host.clock,
        me=host.did,
    )
    replicate = Replicate(
        uow=host.uow,
        records=host.records,
        versions=host.versions,
        append=host.append,
        members=members,
        peers=host.peers,
        fetch=host.fetch,
        clock=host.clock,
        me=host.did,
        own_base=host.base,
        limits=Limits(held_records=host.followed_records, held_bytes=host.followed_bytes),
    )
    witness = Witness(members=members, replicate=replicate, fetch=host.fetch)
    poll = Poll(
        members=members,
        replicate=replicate,
        uow=host.uow,
        clock=host.clock,
        interval=host.polling,
        on_change=host.report_change,
        listen=witness.listen,
        region=host.region,
        fetch=host.fetch,
    )
    members.wake = poll.wake
    made = Federation(members, replicate, poll, Region(members=members, poll=poll, browse=host.browse), witness)
    host.extensions["federation"] = made
    return made


@hookimpl
def hansa_routes(host: Host) -> Sequence[APIRouter]:
    """Return the routes of this plug-in."""
    # Imported here so that FastAPI is loaded only with the first request for one of its routes.
    from federation.routes import members_router, witness_router

    federation = federation_of(host)
    return [
        members_router(federation.members, federation.region, wake=federation.poll.wake, identify=host.identify),
        witness_router(federation.witness, identify=host.identify, audiences=host.audiences),
    ]


@hookimpl
def hansa_tasks(host: Host) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
    """Return (name, function) of this plug-in's background work; the function runs until it is cancelled."""
    return [("follow feeds", federation_of(host).poll.forever)]


@hookimpl
def hansa_admitted(host: Host, address: str, by: Caller) -> Awaitable[None]:
    """Follow a newly admitted member."""
    return federation_of(host).members.follow_admitted(address, by)
