"""The route to which context brokers send notifications: ``POST /notices/{session}``.

The address is the secret: this node makes it for one subscription, and names it to one broker. The answer comes when
the notification is on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.base.errors import HansaError, TooLarge
from node.datasources.brokers.model import MOST_PAYLOAD
from node.datasources.brokers.notices import TakeNotices
from node.vocab.notices import NOTICES_PATH
from node.web.bodies import read_body
from node.web.problems import answer_problem
from node.web.replies import PRIVATE


@dataclass(frozen=True, slots=True)
class NoticeDoor:
    """Takes notifications."""

    take: TakeNotices

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL."""
        return [Route(f"{NOTICES_PATH}/{{session}}", self._take, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        try:
            subscription = await self.take.require(request.path_params["session"])
            refusal = TooLarge(
                f"a notification has at most {MOST_PAYLOAD >> 20} MB here", remedy="send fewer entities at once"
            )
            await self.take(subscription, await read_body(request, MOST_PAYLOAD, refusal))
        except HansaError as error:
            return await answer_problem(request, error, PRIVATE)
        return Response(status_code=204, headers=PRIVATE)
