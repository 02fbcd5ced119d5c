"""Errors as RFC 9457 problem documents, in one place for all doors that answer them."""

from __future__ import annotations

import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.base.errors import HansaError, LocalFault

log = logging.getLogger("hansa.web")

MEDIA_TYPE = "application/problem+json"


def problem(error: HansaError, *, instance: str | None = None) -> dict[str, Any]:
    """The members of the problem document. A local fault keeps its particulars to itself and the log."""
    local = isinstance(error, LocalFault)
    members: dict[str, Any] = {
        "type": f"urn:hansa:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": "This node failed; its operator finds the cause in the log." if local else error.detail,
    }
    if error.remedy and not local:
        members["remedy"] = error.remedy
    if instance:
        members["instance"] = instance
    return {**({} if local else error.facts), **members}


async def answer_problem(request: Request, error: Exception) -> Response:
    """Exception handler for ``HansaError``."""
    assert isinstance(error, HansaError)
    if isinstance(error, LocalFault):
        log.error("local fault", exc_info=error, extra={"path": request.url.path})
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.status in (429, 503):
        headers["Retry-After"] = str(error.facts.get("retryAfter", 2))
    return JSONResponse(
        problem(error, instance=request.url.path),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


async def answer_failure(request: Request, error: Exception) -> Response:
    """Exception handler for everything else: a bug of ours, told to the log and to nobody else."""
    log.error("unhandled", exc_info=error, extra={"path": request.url.path})
    fault = LocalFault(str(error))
    return JSONResponse(problem(fault, instance=request.url.path), status_code=500, media_type=MEDIA_TYPE)
