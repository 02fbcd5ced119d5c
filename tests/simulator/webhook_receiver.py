"""A program that takes events, verifies their signatures, and can be made to misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


async def _long() -> AsyncIterator[bytes]:
    for _ in range(160):
        yield bytes(65536)


@dataclass
class WebhookReceiver:
    """``faults``: the statuses of the next answers; ``fault``: that of all of them. ``refused_kinds``: events that it
    answers with 422. ``is_lengthy``: the answer has 10 MB. ``is_silent``: no answer until ``release``."""

    secret: str = ""
    fault: int = 0
    faults: list[int] = field(default_factory=list)
    refused_kinds: tuple[str, ...] = ()
    is_lengthy: bool = False
    is_silent: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/events", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        event = json.loads(body)
        self.letters.append((dict(request.headers), body))
        self.headers.append(dict(request.headers))
        self.attempts.append(event)
        if self.is_silent:
            await self.release.wait()
        if self.secret and not self.verify(request, body):
            return Response(status_code=401)
        status = self.faults.pop(0) if self.faults else self.fault
        if event["type"] in self.refused_kinds:
            status = 422
        if status:
            return Response(status_code=status, headers={"Location": "http://10.0.0.1/", "Retry-After": "0"})
        self.events.append(event)
        return StreamingResponse(_long()) if self.is_lengthy else Response(status_code=204)

    def verify(self, request: Request, body: bytes) -> bool:
        """Return whether the signature is right, computed apart from the node's own code."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(f"v1,{expected}", request.headers.get("webhook-signature", ""))

    def ids(self, kind: str = "") -> list[str]:
        """Return the ids of the events taken, of one kind if it is given."""
        return [event["id"] for event in self.events if kind in ("", event["type"])]
