"""Errors as RFC 9457 problem documents, in one module for all routes that return them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.base.errors import HansaError, LocalFault

log = logging.getLogger("hansa.web")

MEDIA_TYPE = "application/problem+json"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def problem(error: HansaError, *, instance: str | None = None) -> dict[str, Any]:
    """Return the members of the problem document. The details of a local fault are only in the log."""
    local = isinstance(error, LocalFault) and not error.is_public
    members: dict[str, Any] = {
        "type": f"urn:hansa:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": "The node could not do this because of an internal error. The cause is in its log."
        if local
        else error.detail,
    }
    if error.remedy and not local:
        members["remedy"] = error.remedy
    if instance:
        members["instance"] = instance
    return {**({} if local else error.facts), **members}


def again_later(error: HansaError) -> dict[str, str]:
    """Return the header with the time to wait (RFC 9110 §10.2.3), for passing errors. People have to make room on a
    disk, which takes longer than the end of a rush."""
    pauses = {429: 2, 503: 2, 507: 60}
    pause = error.facts.get("retryAfter", pauses.get(error.status))
    return {} if pause is None else {"Retry-After": str(pause)}


async def answer_problem(request: Request, error: Exception, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """Answer a ``HansaError``, as exception handler, or with further ``headers``."""
    assert isinstance(error, HansaError)
    if isinstance(error, LocalFault):
        log.error("local fault", exc_info=error, extra={"path": request.url.path})
    challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return JSONResponse(
        problem(error, instance=request.url.path),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**challenge, **again_later(error), **headers},
    )


async def answer_nobody(request: Request, _: Exception) -> Response:
    """Answer a caller that closed the connection before its request was complete: not an error, and nobody reads the
    answer."""
    log.debug("the caller closed the connection", extra={"path": request.url.path})
    return Response(status_code=499)


async def answer_failure(request: Request, error: Exception) -> Response:
    """Answer every other error, as exception handler: a bug of ours, which is only logged."""
    log.error("unhandled", exc_info=error, extra={"path": request.url.path})
    fault = LocalFault(str(error))
    return JSONResponse(problem(fault, instance=request.url.path), status_code=500, media_type=MEDIA_TYPE)
