"""The routes of the feed: the pages of the event stream over HTTP (LDES 1.0 server primer).

Answers have ``Vary`` with the headers that they depend on and an ``ETag``. They are ``immutable`` if a page will
never change and ``private`` if it is not for everybody; 410 stands for a page that has a new address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.base.changes import Watch
from node.base.errors import InvalidInput
from node.catalogue.feed.pages import POLLING, Feed, FeedPage
from node.catalogue.feed.waits import LONGEST
from node.catalogue.representations import FEED_TYPES, WITHOUT_GRAPHS, acceptable, feed_body
from node.identity.model import Caller
from node.ledger.model import ConsistencyProof
from node.ledger.proofs import consistency_to_json
from node.web.api_router import PlacedApiRouter
from node.web.visitors import leave_place

Identify = Callable[[Request], Awaitable[Caller]]

Size = Annotated[int, Query(ge=0, le=2**53)]

_TOGETHER: Final = 0.05
"""Seconds that a waiting answer lets pass after a change: changes that come together are reported together."""

_YEAR: Final = 31_536_000
_VERSIONS: Final = "versions"


def router(feed: Feed, *, identify: Identify) -> APIRouter:
    """Return the routes below ``/feed``; those of audiences other than the public have the audience's name in their
    path."""
    routes = PlacedApiRouter(tags=["feed"])

    async def root(request: Request) -> Response:
        """The event stream of this node's records (LDES): its description, and where its pages are."""
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.root(caller))

    async def heads(request: Request) -> Response:
        """The signed heads of the chains that you may see. With `If-None-Match` and `Prefer: wait=20` the answer
        comes when one of them changes, or after so many seconds (at most 25)."""
        caller = await identify(request)
        seconds = min(_preferred_wait(request), LONGEST)
        with feed.waits.enter(caller) as watch:
            return await _heads(feed, request, caller, watch, 0.0 if watch is None else seconds)

    async def index(request: Request) -> Response:
        """The pages of the public chain, by position and time."""
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.index(caller))

    async def group(request: Request, name: str) -> Response:
        """A hundred full pages."""
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.group(caller, name))

    async def page(request: Request, name: str) -> Response:
        """A page of members: versions of records, each with its signed envelope."""
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.page(caller, name), members=True)

    async def consistency(request: Request, old: Size, new: Size) -> Response:
        """The proof that the public chain of `new` members begins with the `old` members it had (RFC 9162)."""
        caller = await identify(request)
        return _proof(await feed.consistency(caller, old, new))

    async def consistency_for(request: Request, audience: str, old: Size, new: Size) -> Response:
        caller = await identify(request)
        return _proof(await feed.consistency(caller, old, new, audience))

    async def index_for(request: Request, audience: str) -> Response:
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.index(caller, audience))

    async def group_for(request: Request, audience: str, name: str) -> Response:
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.group(caller, name, audience))

    async def page_for(request: Request, audience: str, name: str) -> Response:
        caller = await identify(request)
        return await _answer(feed, request, caller, await feed.page(caller, name, audience), members=True)

    routes.add_api_route("/feed", root, methods=["GET"], name="event stream")
    routes.add_api_route("/feed/heads", heads, methods=["GET"], name="heads of the event stream")
    routes.add_api_route("/feed/index", index, methods=["GET"], name="event stream index")
    routes.add_api_route("/feed/groups/{name}", group, methods=["GET"], name="event stream group")
    routes.add_api_route("/feed/pages/{name}", page, methods=["GET"], name="event stream page")
    routes.add_api_route("/feed/consistency", consistency, methods=["GET"], name="event stream consistency")
    below = "/feed/audiences/{audience}"
    routes.add_api_route(f"{below}/index", index_for, methods=["GET"], include_in_schema=False)
    routes.add_api_route(f"{below}/groups/{{name}}", group_for, methods=["GET"], include_in_schema=False)
    routes.add_api_route(f"{below}/pages/{{name}}", page_for, methods=["GET"], include_in_schema=False)
    routes.add_api_route(f"{below}/consistency", consistency_for, methods=["GET"], include_in_schema=False)
    return routes


def _proof(proof: ConsistencyProof) -> Response:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    return JSONResponse(consistency_to_json(proof), headers=headers)


async def _heads(feed: Feed, request: Request, caller: Caller, watch: Watch | None, seconds: float) -> Response:
    """Return the heads: with ``watch``, once they differ from those that the caller has, or after ``seconds``."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        heads = await feed.heads(caller)
        tag = f'W/"{heads.tag}"'
        rest = until - asyncio.get_running_loop().time()
        if watch is None or rest <= 0 or feed.waits.is_closed or not _has(request, tag):
            break
        leave_place(request.scope)
        await watch.wait(rest)
        await asyncio.sleep(min(_TOGETHER, rest))
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, Prefer"}
    if seconds > 0:
        headers["Preference-Applied"] = f"wait={seconds:.0f}"
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    return JSONResponse({"heads": await asyncio.to_thread(heads.content)}, headers=headers)


def _preferred_wait(request: Request) -> float:
    """Return the seconds of ``Prefer: wait`` (RFC 7240 §4.3); 0 if the caller does not want to wait."""
    for line in request.headers.getlist("prefer"):
        for preference in line.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            seconds = value.strip().strip('"')
            if name.strip().lower() == "wait" and seconds.isascii() and seconds.isdecimal():
                return float(seconds[:6])
    return 0.0


async def _answer(feed: Feed, request: Request, caller: Caller, page: FeedPage, *, members: bool = False) -> Response:
    """Return ``page`` in the requested syntax. A page of ``members`` has two forms: descriptions of assets in named
    graphs, and version objects (``?form=versions``). If the syntax allows only the second form, ``Content-Location``
    names its address (RFC 9110 §8.7)."""
    versions = members and _form(request)
    media_type = acceptable(request.headers.get("accept"), FEED_TYPES)
    tag = f'"{page.tag}.{FEED_TYPES.index(media_type)}{"v" if versions else ""}"'
    # The signature in an index differs between processes of one node, although the content is the same.
    tag = tag if page.immutable else f"W/{tag}"
    headers = {"ETag": tag, "Vary": "Accept, Authorization, Cookie", "Cache-Control": _cache_control(page, caller)}
    if members and (versions or media_type in WITHOUT_GRAPHS):
        headers["Content-Location"] = f"{page.url}?form={_VERSIONS}"
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    nquads = await feed.body(page)
    body = nquads
    if versions or media_type != FEED_TYPES[0]:
        body = await asyncio.to_thread(lambda: feed_body(nquads, media_type, versions=versions))
    return Response(body, media_type=media_type, headers=headers)


def _form(request: Request) -> bool:
    """Return whether version objects are requested. Raises ``InvalidInput`` for another form."""
    form = request.query_params.get("form")
    if form not in (None, _VERSIONS):
        raise InvalidInput(f"the feed has no form {form[:40]!r}", remedy=f"leave it out, or ask for {_VERSIONS}")
    return form == _VERSIONS


def _cache_control(page: FeedPage, caller: Caller) -> str:
    who = "public" if page.public and caller.is_anonymous else "private"
    if page.immutable:
        return f"{who}, max-age={_YEAR}, immutable"
    # Half the polling interval: a cache in between never makes a follower miss more than one round.
    return f"{who}, max-age={POLLING // 2}" if who == "public" else "private, no-cache"


def _has(request: Request, tag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") == tag.removeprefix("W/") for one in given.split(","))
