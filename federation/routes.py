"""The HTTP routes of federation: the followed nodes, and the heads that this node has seen of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from federation.members import Members
from federation.region import Region
from federation.witness import PATH, Witness
from node.api import Caller, knowing

Identify = Callable[[Request], Awaitable[Caller]]

LONGEST_WAIT = 60
"""The seconds after which a node that begins to follow another one answers at the latest."""


def members_router(members: Members, region: Region, *, wake: Callable[[], None], identify: Identify) -> APIRouter:
    """``/api/members``: the nodes that are followed, which everybody may read, and following one more."""

    async def operator(request: Request) -> None:
        members.require_operator(await identify(request))

    routes = APIRouter(prefix="/api/members", tags=["federation"], route_class=knowing(operator))

    async def list_members(request: Request) -> Response:
        """The nodes whose records are here, when they were last heard, and how many of their assets you see."""
        caller = await identify(request)
        members = await region.members(caller)
        private = "private, no-store" if not caller.is_anonymous else "no-cache"
        headers = {"Cache-Control": private, "Vary": "Authorization, Cookie"}
        return JSONResponse([member.to_json() for member in members], headers=headers)

    async def follow(
        request: Request,
        url: Annotated[str, Body(embed=True, max_length=500)],
        wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT)] = 0,
    ) -> Response:
        """Follow the node at `url` from now on. With `wait`, the answer comes when its feed was read to the end, or
        after so many seconds; `current` says which. Takes the role operator."""
        caller = await identify(request)
        member = await members.add(url, caller)
        view = await region.until_read(member.url, caller, seconds=wait)
        return JSONResponse(view.to_json(), status_code=201)

    async def unfollow(request: Request, url: str) -> Response:
        """Follow the node at `url` no longer. What came from there stays."""
        caller = await identify(request)
        await members.remove(url, caller)
        return Response(status_code=204)

    async def evidence(request: Request, url: str) -> Response:
        """The contradictions that the followed node `url` (or its DID or name) signed, and what it announced
        as lost. Takes the role operator or auditor."""
        caller = await identify(request)
        found = await region.evidence(url, caller)
        return JSONResponse(found, headers={"Cache-Control": "private, no-store"})

    async def accept(request: Request, url: Annotated[str, Body(embed=True, max_length=500)]) -> Response:
        """Accept the history that a node in quarantine shows now. Takes the role operator."""
        caller = await identify(request)
        member = await members.accept(url, caller)
        return JSONResponse({"url": member.url, "did": member.did, "name": member.name, "state": member.state})

    async def refresh(request: Request) -> Response:
        """Read all feeds now."""
        wake()
        return Response(status_code=202)

    routes.add_api_route("", list_members, methods=["GET"], name="members", route_class_override=APIRoute)
    routes.add_api_route("", follow, methods=["POST"], name="follow a node", status_code=201)
    routes.add_api_route("", unfollow, methods=["DELETE"], name="unfollow a node", status_code=204)
    routes.add_api_route("/refresh", refresh, methods=["POST"], name="read feeds now", status_code=202)
    routes.add_api_route(
        "/evidence", evidence, methods=["GET"], name="evidence about a member", route_class_override=APIRoute
    )
    routes.add_api_route("/accept", accept, methods=["POST"], name="accept a member's history")
    return routes


def witness_router(
    witness: Witness, *, identify: Identify, audiences: Callable[[Caller], Collection[str] | None]
) -> APIRouter:
    """Return the heads that this node has seen of the nodes that it follows, so that others can compare them."""
    routes = APIRouter(tags=["federation"])

    async def heads(request: Request) -> Response:
        """The last signed head of each feed chain that this node has read, of the chains that you may see. Others
        that follow the same nodes can compare: two heads that do not go together are two histories."""
        caller = await identify(request)
        found = await witness.heads(audiences(caller))
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        return JSONResponse({"heads": found}, headers=headers)

    routes.add_api_route(PATH, heads, methods=["GET"], name="heads seen of others")
    return routes
