"""A scripted bucket that takes objects, whole and in parts, and can be made to fail."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Stored:
    """An object: its bytes, and the headers that describe it."""

    body: bytes
    described: dict[str, str]


@dataclass
class _Upload:
    key: str
    described: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class BucketSink:
    """A bucket ``city``. ``fault``: the status of every answer. ``rival``: what another writer puts there just before
    the next object is written. ``deaf_end``: the next end of an upload is done and answered with 500.
    ``held_part`` is not answered before ``release``; ``parts`` are the numbers of those that were stored."""

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)
    fault: int = 0
    rival: bytes = b""
    deaf_end: bool = False
    methods: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    held_part: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        return Starlette(routes=[Route("/city/{key:path}", self.answer, methods=methods)])

    async def answer(self, request: Request) -> Response:
        self.methods.append(request.method)
        if self.fault:
            headers = {"Location": "http://10.0.0.1/"} if 300 <= self.fault < 400 else {}
            return Response("<Error><Code>Fault</Code></Error>", self.fault, headers=headers)
        body = await request.body()
        if hashlib.sha256(body).hexdigest() != request.headers["x-amz-content-sha256"]:
            return _error("XAmzContentSHA256Mismatch", 400)
        key, upload = request.path_params["key"], request.query_params.get("uploadId")
        match request.method:
            case "PUT" if upload is None:
                return self._store(request, key, Stored(body, _described(request)))
            case "PUT":
                while self.held_part == int(request.query_params["partNumber"]) and not self.release.is_set():
                    await asyncio.sleep(0.02)
                return self._part(upload, int(request.query_params["partNumber"]), body)
            case "POST" if upload is None:
                name = f"u&{len(self.uploads) + 1}"
                self.uploads[name] = _Upload(key, _described(request))
                return Response(f"<X><UploadId>{name.replace('&', '&amp;')}</UploadId></X>")
            case "POST":
                return self._complete(request, upload)
            case "DELETE" if upload is not None:
                return Response(None, 204) if self.uploads.pop(upload, None) else _error("NoSuchUpload", 404)
            case "DELETE":
                self.objects.pop(key, None)
                return Response(None, 204)
        stored = self.objects.get(key)
        if stored is None:
            return _error("NoSuchKey", 404)
        return Response(stored.body, headers=stored.described)

    def _store(self, request: Request, key: str, stored: Stored) -> Response:
        if self.rival:
            self.objects[key], self.rival = Stored(self.rival, {}), b""
        if request.headers.get("if-none-match") == "*" and key in self.objects:
            return _error("PreconditionFailed", 412)
        self.objects[key] = stored
        return Response(None, headers={"ETag": '"etag"'})

    def _part(self, upload: str, number: int, body: bytes) -> Response:
        if upload not in self.uploads:
            return _error("NoSuchUpload", 404)
        self.uploads[upload].parts[number] = body
        self.parts.append(number)
        return Response(None, headers={"ETag": f'"part{number}"'})

    def _complete(self, request: Request, upload: str) -> Response:
        if upload not in self.uploads:
            return _error("NoSuchUpload", 404)
        known = self.uploads[upload]
        body = b"".join(part for _, part in sorted(known.parts.items()))
        answer = self._store(request, known.key, Stored(body, known.described))
        if answer.status_code == 200:
            del self.uploads[upload]
        if self.deaf_end:
            self.deaf_end = False
            return _error("InternalError", 500)
        return answer


def _described(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}


def _error(code: str, status: int) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status, media_type="application/xml")
