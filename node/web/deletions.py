"""The route for confirmations of deletion: ``POST /deletions``, from the consumer of an agreement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, TooLarge
from node.identity.model import Caller, DidDocument
from node.transfer.deletion.model import PATH
from node.transfer.deletion.receive import ReceiveConfirmation
from node.web.bodies import read_body
from node.web.problems import answer_problem

_MOST = 16 * 1024


def routes(
    receive: ReceiveConfirmation,
    *,
    participant: Callable[[Request], Awaitable[Caller]],
    document: Callable[[str], Awaitable[DidDocument]],
) -> list[BaseRoute]:
    """Return the routes, to be mounted at the root of the node's public URL."""

    async def take(request: Request) -> Response:
        try:
            caller = await participant(request)
            body = await read_body(request, _MOST, TooLarge(f"a confirmation has at most {_MOST} bytes"))
            signer = await document(caller.did or "")
            await run_sync(receive, caller, signer, body)
        except HansaError as error:
            return await answer_problem(request, error)
        return Response(status_code=204, headers={"Cache-Control": "no-store"})

    return [Route(PATH, take, methods=["POST"])]
