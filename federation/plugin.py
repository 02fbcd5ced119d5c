"""Federation as a plug-in: what it needs of its node, its background task, its routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
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
from federation.witness import PATH, Witness
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

    def audiences(self, caller: Caller) -> Collection[str] | None:
        """The audiences that ``caller`` belongs to; None for this node's own people, who see all."""

    def region(self) -> tuple[str, str] | None:
        """(URL, DID) of the region that the node belongs to; None for none, and for a region itself."""

    def changed(self) -> None:
        """There are new entries for sequencer and views."""


@dataclass(frozen=True, slots=True)
class Federation:
    """The parts, for one node."""

    members: Members
    replicate: Replicate
    poll: Poll
    region: Region
    witness: Witness


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
    witness = Witness(members=members, replicate=replicate, fetch=host.fetch)
    poll = Poll(
        members=members,
        replicate=replicate,
        uow=host.uow,
        clock=host.clock,
        interval=host.polling,
        changed=host.changed,
        listen=witness.listen,
        region=host.region,
    )
    members.wake = poll.wake
    made = Federation(members, replicate, poll, Region(members=members, poll=poll, browse=host.browse), witness)
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

    async def evidence(request: Request, url: str) -> Response:
        """What the followed node `url` (or its DID or name) signed that does not go together, and what it announced
        as lost. Takes the role operator or auditor."""
        caller = await identify(request)
        found = await federation.region.evidence(url, caller)
        return JSONResponse(found, headers={"Cache-Control": "private, no-store"})

    async def accept(request: Request, url: Annotated[str, Body(embed=True, max_length=500)]) -> Response:
        """Accept the history that a node in quarantine shows now. Takes the role operator."""
        caller = await identify(request)
        member = await federation.members.accept(url, caller)
        return JSONResponse({"url": member.url, "did": member.did, "name": member.name, "state": member.state})

    async def refresh(request: Request) -> Response:
        """Read all feeds now."""
        federation.poll.wake()
        return Response(status_code=202)

    routes.add_api_route("", members, methods=["GET"], name="members", route_class_override=APIRoute)
    routes.add_api_route("", follow, methods=["POST"], name="follow a node", status_code=201)
    routes.add_api_route("", unfollow, methods=["DELETE"], name="unfollow a node", status_code=204)
    routes.add_api_route("/refresh", refresh, methods=["POST"], name="read feeds now", status_code=202)
    routes.add_api_route(
        "/evidence", evidence, methods=["GET"], name="evidence about a member", route_class_override=APIRoute
    )
    routes.add_api_route("/accept", accept, methods=["POST"], name="accept a member's history")
    return routes


def witness_router(host: Host) -> APIRouter:
    """What this node has seen of the nodes that it follows, for those who compare."""
    routes = APIRouter(tags=["federation"])

    async def heads(request: Request) -> Response:
        """The last signed head of each feed chain that this node has read, of the chains that you may see. Whoever
        follows the same nodes can compare: two heads that do not go together are two histories."""
        caller = await host.identify(request)
        found = await federation_of(host).witness.heads(host.audiences(caller))
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        return JSONResponse({"heads": found}, headers=headers)

    routes.add_api_route(PATH, heads, methods=["GET"], name="heads seen of others")
    return routes


@hookimpl
def hansa_routes(host: Host) -> Sequence[APIRouter]:
    """The routes of this plug-in."""
    return [router(federation_of(host), identify=host.identify), witness_router(host)]


@hookimpl
def hansa_tasks(host: Host) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
    """(name, what to run until it is cancelled) of this plug-in's background work."""
    return [("follow feeds", federation_of(host).poll.forever)]


@hookimpl
def hansa_admitted(host: Host, address: str, by: Caller) -> Awaitable[None]:
    """Whoever is admitted is followed from then on."""
    return federation_of(host).members.admitted(address, by)
