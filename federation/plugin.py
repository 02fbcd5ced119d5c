"""Federation as a plug-in: what it needs of its node, its background task, its routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import pluggy
from fastapi import APIRouter, Body
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from federation.members import Members
from federation.region import Region
from federation.replicate.client import Replicate
from federation.replicate.model import Fetch, Limits
from federation.replicate.poll import Poll
from node.api import Append, Browse, Caller, Clock, FollowStore, Peers, RecordStore, UnitOfWork, knowing

hookimpl = pluggy.HookimplMarker("hansa")


class Host(Protocol):
    """What a node gives to this plug-in. ``extensions`` is where plug-ins keep what belongs to this one node."""

    uow: UnitOfWork
    clock: Clock
    records: RecordStore
    follows: FollowStore
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
        """Who asks. Raises ``Unauthenticated``."""

    def changed(self) -> None:
        """There are new entries for sequencer and views."""


@dataclass(frozen=True, slots=True)
class Federation:
    """The parts, for one node."""

    members: Members
    replicate: Replicate
    poll: Poll
    region: Region


def federation_of(host: Host) -> Federation:
    """The federation of ``host``, made at the first call."""
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
        append=host.append,
        members=members,
        peers=host.peers,
        fetch=host.fetch,
        clock=host.clock,
        me=host.did,
        own_base=host.base,
        limits=Limits(held_records=host.followed_records, held_bytes=host.followed_bytes),
    )
    poll = Poll(
        members=members,
        replicate=replicate,
        uow=host.uow,
        clock=host.clock,
        interval=host.polling,
        changed=host.changed,
    )
    members.wake = poll.wake
    made = Federation(members, replicate, poll, Region(members=members, poll=poll, browse=host.browse))
    host.extensions["federation"] = made
    return made


def router(federation: Federation, *, identify: Callable[[Request], Awaitable[Caller]]) -> APIRouter:
    """``/api/members``: the nodes that are followed, which everybody may read, and following one more."""

    async def operator(request: Request) -> None:
        federation.members.require_operator(await identify(request))

    routes = APIRouter(prefix="/api/members", tags=["federation"], route_class=knowing(operator))

    async def members(request: Request) -> Response:
        """The nodes whose records are here, when they were last heard, and how many of their assets you see."""
        caller = await identify(request)
        found = await federation.region.members(caller)
        private = "private, no-store" if not caller.is_anonymous else "no-cache"
        headers = {"Cache-Control": private, "Vary": "Authorization, Cookie"}
        return JSONResponse([member.to_json() for member in found], headers=headers)

    async def follow(request: Request, url: Annotated[str, Body(embed=True, max_length=500)]) -> Response:
        """Follow the node at `url` from now on. Takes the role operator."""
        caller = await identify(request)
        member = await federation.members.add(url, caller)
        body = {"url": member.url, "did": member.did, "name": member.name, "state": member.state}
        return JSONResponse(body, status_code=201)

    async def unfollow(request: Request, url: str) -> Response:
        """Follow the node at `url` no longer. What came from there stays."""
        caller = await identify(request)
        await federation.members.remove(url, caller)
        return Response(status_code=204)

    async def refresh(request: Request) -> Response:
        """Read all feeds now."""
        federation.poll.wake()
        return Response(status_code=202)

    routes.add_api_route("", members, methods=["GET"], name="members", route_class_override=APIRoute)
    routes.add_api_route("", follow, methods=["POST"], name="follow a node", status_code=201)
    routes.add_api_route("", unfollow, methods=["DELETE"], name="unfollow a node", status_code=204)
    routes.add_api_route("/refresh", refresh, methods=["POST"], name="read feeds now", status_code=202)
    return routes


@hookimpl
def hansa_routes(host: Host) -> Sequence[APIRouter]:
    """The routes of this plug-in."""
    return [router(federation_of(host), identify=host.identify)]


@hookimpl
def hansa_tasks(host: Host) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
    """(name, what to run until it is cancelled) of this plug-in's background work."""
    return [("follow feeds", federation_of(host).poll.forever)]


@hookimpl
def hansa_admitted(host: Host, address: str, by: Caller) -> Awaitable[None]:
    """Whoever is admitted is followed from then on."""
    return federation_of(host).members.admitted(address, by)
