"""Identify the caller of the metrics."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request

from node.identity.model import Caller
from node.identity.scrapers import Monitor

Person = Callable[..., Awaitable[Caller]]
"""``node.web.callers.Callers.person``: raises if the caller is not a person."""


def monitor_or_person(token: str, person: Person) -> Callable[[Request], Awaitable[Caller | Monitor]]:
    """Return a function that identifies the caller: as the monitor with ``token``, if that is set, or as a person."""
    secret = f"Bearer {token}".encode() if token else b""

    async def identify(request: Request) -> Caller | Monitor:
        brought = request.headers.getlist("authorization")
        if secret and len(brought) == 1 and hmac.compare_digest(brought[0].encode("latin-1"), secret):
            return Monitor()
        return await person(request)

    return identify
