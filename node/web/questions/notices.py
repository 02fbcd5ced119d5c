"""The routes on which other participants send questions on our assets, and outcomes of our questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, TooLarge
from node.catalogue.questions.arrivals import ReceiveQuestions
from node.catalogue.questions.delivery import OUTCOMES_PATH, QUESTIONS_PATH
from node.identity.model import Caller
from node.web.bodies import read_body
from node.web.problems import answer_problem

_MOST: Final = 64 * 1024
"""Bytes: the longest answer in escapes of JSON, and the rest."""

Take = Callable[[Caller, bytes], Awaitable[None]]


def routes(receive: ReceiveQuestions, *, participant: Callable[[Request], Awaitable[Caller]]) -> list[BaseRoute]:
    """Return the routes, to be mounted at the root of the node's public URL."""

    def endpoint(take: Take) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                caller = await participant(request)
                refusal = TooLarge(f"a message about a question has at most {_MOST} bytes")
                await take(caller, await read_body(request, _MOST, refusal))
            except HansaError as error:
                return await answer_problem(request, error)
            return Response(status_code=204, headers={"Cache-Control": "no-store"})

        return answer

    return [
        Route(QUESTIONS_PATH, endpoint(receive.take_question), methods=["POST"]),
        Route(OUTCOMES_PATH, endpoint(receive.take_outcome), methods=["POST"]),
    ]
