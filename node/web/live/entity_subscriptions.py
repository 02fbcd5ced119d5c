"""The routes ``/live/{pid}/ngsi-ld/v1/subscriptions``: subscriptions in the form of NGSI-LD (ETSI GS CIM 009 §6.10).

The token is that of the data. Whoever may read them may be told of them, at an address of its own. Where nobody can
subscribe, the address belongs to the data: an API may have subscriptions of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, InvalidInput, TooLarge, UnsupportedMediaType
from node.base.jsons import read_json
from node.transfer.access import AuthoriseAccess
from node.transfer.notifications.model import MOST
from node.transfer.notifications.usecases import PartnerSubscriptions
from node.transfer.notifications.wishes import JSON, JSON_LD
from node.web.bodies import read_body
from node.web.problems import answer_problem
from node.web.replies import SANDBOXED

_LONGEST: Final = 64 << 10
_DEEPEST: Final = 20
_OTHER_ROOT: Final = "/live/{pid}/v2/subscriptions"
_ROOTS: Final = ("/live/{pid}/ngsi-ld/v1/subscriptions", "/live/{pid}/subscriptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySubscriptionDoor:
    """Takes the subscriptions of partners. ``data`` answers for the path below ``/live/{pid}`` of other data."""

    authorise: AuthoriseAccess
    subscriptions: PartnerSubscriptions
    data: Callable[[Request, str], Awaitable[Response]]

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL before those of the data."""
        routes: list[BaseRoute] = [Route(_OTHER_ROOT, self._answer_other_form, methods=["POST"])]
        for root in _ROOTS:
            routes.append(Route(root, self._answer, methods=["GET", "POST"]))
            single = f"{root}/{{subscription:path}}"
            routes.append(Route(single, self._answer, methods=["GET", "PATCH", "DELETE"]))
        return routes

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._act(request)
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)

    async def _answer_other_form(self, request: Request) -> Response:
        """Say where subscriptions are made, to clients of NGSIv2."""
        try:
            pid, token = request.path_params["pid"], request.headers.get("authorization")
            await self.authorise.require_bearer(pid, token)
            elsewhere = "read the data when you need them, or ask the provider for a stream of them"
            if await self.subscriptions.are_offered(pid, token):
                elsewhere = "subscribe in the form of NGSI-LD: POST …/ngsi-ld/v1/subscriptions"
            raise InvalidInput("there are no subscriptions in the form of NGSIv2 here", remedy=elsewhere)
        except HansaError as error:
            return await answer_problem(request, error, SANDBOXED)

    async def _act(self, request: Request) -> Response:
        pid, token = request.path_params["pid"], request.headers.get("authorization")
        name = request.path_params.get("subscription", "")
        await self.authorise.require_bearer(pid, token)
        if request.method in ("GET", "HEAD") and not await self.subscriptions.are_offered(pid, token):
            return await self.data(request, request.scope["path"].partition(f"/live/{pid}/")[2])
        match request.method, bool(name):
            case "POST", False:
                name = await self.subscriptions.make(pid, token, await _document(request))
                place = f"{request.url.path}/{quote(name, safe=':')}"
                return Response(status_code=201, headers={**SANDBOXED, "Location": place})
            case "PATCH", True:
                await self.subscriptions.change(pid, token, name, await _document(request))
                return Response(status_code=204, headers=SANDBOXED)
            case "DELETE", True:
                await self.subscriptions.remove(pid, token, name)
                return Response(status_code=204, headers=SANDBOXED)
            case _, True:
                return JSONResponse(await self.subscriptions.read(pid, token, name), headers=SANDBOXED)
        limit, offset = _number(request, "limit", MOST), _number(request, "offset", 0)
        page = await self.subscriptions.all(pid, token, limit=limit, offset=offset)
        headers = {**SANDBOXED, "NGSILD-Results-Count": str(page.count)}
        return JSONResponse(page.documents, headers=headers)


async def _document(request: Request) -> Any:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, JSON_LD, "application/merge-patch+json"):
        raise UnsupportedMediaType("a subscription is JSON", remedy=f"send it as {JSON}")
    refusal = TooLarge(f"a subscription has at most {_LONGEST >> 10} kB", remedy="name fewer entities")
    return read_json(await read_body(request, _LONGEST, refusal), max_depth=_DEEPEST)


def _number(request: Request, name: str, usual: int) -> int:
    text = request.query_params.get(name, str(usual))
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise InvalidInput(f"{name} is no number", remedy=f"such as {name}=10")
    return int(text)
