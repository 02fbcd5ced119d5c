"""Who may read the metrics."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request

from node.identity.model import Caller
from node.identity.roles import UseCase, require

Person = Callable[..., Awaitable[Caller]]
"""``node.web.callers.Callers.person``: raises where no person asks."""


def admit_scraper(token: str, person: Person) -> Callable[[Request], Awaitable[None]]:
    """Admit callers with ``token``, where it is set, and people with a role for it."""
    expected = f"Bearer {token}".encode() if token else b""

    async def admit(request: Request) -> None:
        brought = request.headers.getlist("authorization")
        if expected and len(brought) == 1 and hmac.compare_digest(brought[0].encode("latin-1"), expected):
            return
        require(await person(request), UseCase.READ_METRICS)

    return admit
