"""The routes by which files arrive in pieces: tus 1.0.0 with creation, checksum, expiration and termination.

A complete upload becomes a file of the node with ``POST /api/files?upload={id}``, or a draft of a description with
``POST /api/drafts?upload={id}``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from node.base.clock import stamp
from node.base.errors import HansaError, InvalidInput, RemoteFault, UnsupportedMediaType
from node.exchange.resumable import ALGORITHMS, Checksum, ResumableUpload, ResumableUploads
from node.web.api_router import DeferredRoute, PlacedApiRouter
from node.web.bodies import chunks
from node.web.management.person import Person
from node.web.problems import answer_problem

VERSION: Final = "1.0.0"
MEDIA_TYPE: Final = "application/offset+octet-stream"
_TUS: Final = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
_MARK: Final = "fingerprint"
"""The key of the sender's own mark in ``Upload-Metadata``."""


class UnknownVersion(RemoteFault):
    """The request is of another version of tus than this node speaks."""

    code = "unknown-version"
    status = 412
    title = "The version of the protocol is not known here"


def router(*, person: Person, uploads: ResumableUploads, address: str) -> APIRouter:
    """Return the routes. ``address`` is that of ``/api/uploads``, as callers see it."""
    api = PlacedApiRouter(prefix="/api/uploads", tags=["publishing"], route_class=_route_class(person, uploads))
    piece = {"requestBody": {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}

    @api.get("", summary="Your files that have not arrived whole, or are not used yet")
    async def list_uploads(request: Request) -> Any:
        return {"uploads": [_json(upload, address) for upload in await uploads.mine(await person(request))]}

    @api.options("", summary="What this node has of tus 1.0.0")
    async def describe() -> Response:
        return Response(
            status_code=204,
            headers={
                **_TUS,
                "Tus-Version": VERSION,
                "Tus-Extension": "creation,checksum,expiration,termination",
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
                "Tus-Max-Size": str(uploads.limit),
            },
        )

    @api.post("", status_code=201, summary="Announce a file that will arrive in pieces", response_class=Response)
    async def begin(request: Request) -> Response:
        metadata = _metadata(request)
        upload = await uploads.begin(
            metadata.get("filename") or metadata.get("name", ""),
            _number(request, "upload-length"),
            await person(request),
            mark=metadata.get(_MARK, ""),
        )
        return Response(status_code=201, headers={**_state(upload), "Location": f"{address}/{upload.id}"})

    @api.head("/{upload_id}", summary="How much of a file has arrived", response_class=Response)
    async def state(request: Request, upload_id: str) -> Response:
        return Response(headers=_state(await uploads.find(upload_id, await person(request))))

    @api.patch("/{upload_id}", status_code=204, summary="Send the next piece of a file", openapi_extra=piece)
    async def append(request: Request, upload_id: str) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            raise UnsupportedMediaType(f"a piece of a file is sent as {MEDIA_TYPE}", remedy="set the content type")
        checksum = request.headers.get("upload-checksum")
        upload = await uploads.append(
            upload_id,
            _number(request, "upload-offset"),
            chunks(request),
            await person(request),
            checksum=None if checksum is None else Checksum.parse(checksum),
        )
        return Response(status_code=204, headers=_state(upload))

    @api.delete("/{upload_id}", status_code=204, summary="Remove a file that has not been used")
    async def remove(request: Request, upload_id: str) -> Response:
        await uploads.remove(upload_id, await person(request))
        return Response(status_code=204, headers=_TUS)

    return api


def _route_class(person: Person, uploads: ResumableUploads) -> type[APIRoute]:
    """Return the class of routes that know the caller before they read a body, demand the version, and answer errors
    with it, as tus asks of each answer."""

    async def admit(request: Request) -> None:
        uploads.require_role(await person(request))
        if request.method not in ("GET", "OPTIONS") and request.headers.get("tus-resumable") != VERSION:
            raise UnknownVersion(f"this node speaks tus {VERSION}", remedy=f"send Tus-Resumable: {VERSION}")

    class TusRoute(DeferredRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_known(request: Request) -> Response:
                try:
                    await admit(request)
                    return await handle(request)
                except HansaError as error:
                    versions = {"Tus-Version": VERSION} if isinstance(error, UnknownVersion) else {}
                    return await answer_problem(request, error, {**_TUS, **versions})

            return handle_known

    return TusRoute


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isdecimal() or len(text) > 19:
        raise InvalidInput(f"{name.title()} is not a number of bytes", remedy=f"send {name.title()}")
    return int(text)


def _metadata(request: Request) -> dict[str, str]:
    """Return what ``Upload-Metadata`` says: keys, each with a text in base64."""
    texts: dict[str, str] = {}
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            continue
        try:
            texts[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except ValueError as error:
            raise InvalidInput(
                f"{key[:40]} in Upload-Metadata is not UTF-8 in base64", remedy="encode each value in base64"
            ) from error
    return texts


def _state(upload: ResumableUpload) -> dict[str, str]:
    return {
        **_TUS,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": _http_date(upload.until),
    }


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def _json(upload: ResumableUpload, address: str) -> dict[str, Any]:
    return {
        "id": upload.id,
        "url": f"{address}/{upload.id}",
        "name": upload.name,
        "size": upload.size,
        "received": upload.received,
        "expires": stamp(upload.until),
        "fingerprint": upload.mark,
    }
