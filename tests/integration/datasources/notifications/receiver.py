"""A partner's program that takes notifications, in memory."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.integration.datasources.servers import standing


@dataclass
class Post:
    """A request that came, and when."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def entities(self) -> list[dict[str, Any]]:
        return list(self.document["data"])


@dataclass
class Receiver:
    """Takes notifications. ``status`` answers all but those that name the text ``refuses``. Posts to the path
    ``holds`` are taken, and get no answer as long as it is set."""

    status: int = 204
    refuses: str = ""
    holds: str = ""
    posts: list[Post] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        post = Post(request.url.path, dict(request.headers), body, time.monotonic())
        refused = bool(self.refuses) and self.refuses.encode() in body
        with self._lock:
            self.posts.append(post)
        while self.holds == post.path:
            await asyncio.sleep(0.01)
        return Response(status_code=422 if refused else self.status)

    def values(self, name: str = "bikes", path: str = "") -> list[Any]:
        """The values of an attribute in what was taken, in the order of arrival."""
        return [
            entity[name]["value"] if isinstance(entity[name], dict) else entity[name]
            for post in list(self.posts)
            if not path or post.path == path
            for entity in post.entities
        ]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with standing(receiver.app()) as url:
        receiver.url = url
        yield receiver
