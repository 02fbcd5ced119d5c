"""A web server that takes files by PUT and POST, and can be made to refuse."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1000)


@dataclass
class WebSink:
    """``fault``: the status of every answer, of the ``methods`` that it is about. ``rival``: what another writer puts
    there just before the next file. ``is_endless``: each place has endless content. ``deaf_end``: the next file is
    stored and answered with 500."""

    files: dict[str, bytes] = field(default_factory=dict)
    posts: dict[str, bytes] = field(default_factory=dict)
    fault: int = 0
    methods: tuple[str, ...] = ("HEAD", "GET", "PUT", "POST", "DELETE")
    rival: bytes = b""
    is_endless: bool = False
    deaf_end: bool = False
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        return Starlette(routes=[Route("/intake/{path:path}", self.answer, methods=methods)])

    async def answer(self, request: Request) -> Response:
        path, method = request.path_params["path"], request.method
        self.requests.append((method, dict(request.headers)))
        if self.fault and method in self.methods:
            headers = {"Retry-After": "120"} if self.fault in (429, 503) else {"Location": "http://10.0.0.1/"}
            return Response(status_code=self.fault, headers=headers)
        if method in ("PUT", "POST"):
            return await self._take(request, path)
        if self.is_endless:
            return StreamingResponse(_endless()) if method == "GET" else Response()
        if path not in self.files:
            return Response(status_code=404)
        etag = f'"{hashlib.md5(self.files[path], usedforsecurity=False).hexdigest()}"'
        if method == "DELETE":
            if request.headers.get("If-Match", etag) != etag:
                return Response(status_code=412)
            del self.files[path]
            return Response(status_code=204)
        return Response(self.files[path], headers={"ETag": etag})

    async def _take(self, request: Request, path: str) -> Response:
        body = await request.body()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if request.headers["Content-Digest"] != f"sha-256=:{digest}:":
            return Response(status_code=400)
        if request.method == "POST":
            self.posts.setdefault(request.headers["Idempotency-Key"], body)
        else:
            if self.rival:
                self.files[path], self.rival = self.rival, b""
            if request.headers.get("If-None-Match") == "*" and path in self.files:
                return Response(status_code=412)
            self.files[path] = body
        if self.deaf_end:
            self.deaf_end = False
            return Response(status_code=500)
        return Response(status_code=201)
