"""The route for pushes of providers to this node: ``POST|PUT /pushed/{pid}``."""

from __future__ import annotations

from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, InvalidInput
from node.transfer.inbox import TakePush
from node.web.bodies import chunks
from node.web.problems import answer_problem

PATH: Final = "/pushed/"
MANIFEST: Final = "hansa-manifest"


def routes(push: TakePush) -> list[BaseRoute]:
    """Return the routes, to be mounted at the root of the node's public URL."""

    async def take(request: Request) -> Response:
        try:
            reception = await push.take(
                request.path_params["pid"],
                request.headers.get("authorization"),
                chunks=chunks(request),
                media_type=request.headers.get("content-type", ""),
                manifest=request.headers.get(MANIFEST),
            )
        except ClientDisconnect:
            # This answer is not read.
            return await answer_problem(request, InvalidInput("the connection ended before all bytes arrived"))
        except HansaError as error:
            return await answer_problem(request, error)
        return JSONResponse({"received": reception.received}, headers={"Cache-Control": "no-store"})

    return [Route(f"{PATH}{{pid}}", take, methods=["POST", "PUT"])]
