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

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class _Upload:
    key: str
    described: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class BucketSink:
    """A bucket ``city``. ``fault``: the status of every answer. ``rival``: what another writer puts there just before
    the next object is written. ``deaf_end``: the next end of an upload is done and answered with 500; ``deaf_put``:
    the next object. ``is_versioned``: it keeps ``versions`` of each key, None for a delete marker, the newest last;
    ``is_guarded``: nobody may delete one; ``is_silent``: only the answer to DELETE tells of them. ``heeds``: it heeds
    ``If-Match``. ``held_part`` is not answered before ``release``; ``parts`` are the numbers of those stored.
    """

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)
    fault: int = 0
    rival: bytes = b""
    deaf_end: bool = False
    methods: list[str] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    versions: dict[str, list[tuple[str, Stored | None]]] = field(default_factory=dict)
    is_versioned: bool = False
    is_guarded: bool = False
    is_silent: bool = False
    heeds: bool = True
    deaf_put: bool = False
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
                return self._delete(key, request.query_params.get("versionId"))
        stored = self.objects.get(key)
        if stored is None:
            marked = {"x-amz-delete-marker": "true"} if self.versions.get(key) else {}
            return Response(None, 404, headers=marked)
        return Response(stored.body, headers={**stored.described, "ETag": stored.etag, **self._version_headers(key)})

    def put(self, key: str, stored: Stored | None) -> None:
        """Make an object, or a delete marker, the current version of a key."""
        if self.is_versioned:
            versions = self.versions.setdefault(key, [])
            if not versions and key in self.objects:
                versions.append(("null", self.objects[key]))
            versions.append((f"v&{len(versions) + 1}", stored))
        self._show(key, stored)

    def _show(self, key: str, stored: Stored | None) -> None:
        if stored is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = stored

    def _version_headers(self, key: str) -> dict[str, str]:
        if not self.is_versioned or self.is_silent:
            return {}
        versions = self.versions.get(key)
        return {"x-amz-version-id": versions[-1][0] if versions else "null"}

    def _delete(self, key: str, version: str | None) -> Response:
        if not self.is_versioned:
            self.put(key, None)
            return Response(None, 204)
        if version is None:
            self.put(key, None)
            return Response(None, 204, headers={"x-amz-delete-marker": "true", "x-amz-version-id": "marker"})
        if self.is_guarded:
            return _error("AccessDenied", 403)
        if not self.versions.get(key) and key in self.objects:
            self.versions[key] = [("null", self.objects[key])]
        self.versions[key] = [known for known in self.versions.get(key, []) if known[0] != version]
        self._show(key, self.versions[key][-1][1] if self.versions[key] else None)
        return Response(None, 204, headers={"x-amz-version-id": version})

    def _store(self, request: Request, key: str, stored: Stored) -> Response:
        if self.rival:
            self.objects[key], self.rival = Stored(self.rival, {}), b""
        if request.headers.get("if-none-match") == "*" and key in self.objects:
            return _error("PreconditionFailed", 412)
        match = request.headers.get("if-match")
        if self.heeds and match is not None:
            if key not in self.objects:
                return _error("NoSuchKey", 404)
            if self.objects[key].etag != match:
                return _error("PreconditionFailed", 412)
        self.put(key, stored)
        if self.deaf_put:
            self.deaf_put = False
            return _error("InternalError", 500)
        return Response(None, headers={"ETag": stored.etag, **self._version_headers(key)})

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
