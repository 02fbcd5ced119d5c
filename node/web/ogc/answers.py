"""Requests and answers of OGC API Processes: preferences, results raw and as documents, exceptions."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.base.errors import HansaError, InvalidInput, LocalFault, NotFound, TooLarge
from node.scenarios.models.ogc_processes import NoSuchOgcProcess
from node.scenarios.models.requests import MOST_BYTES
from node.scenarios.run_model import Job
from node.web.bodies import read_body
from node.web.ogc.results import PRIVATE
from node.web.problems import again_later, problem

log = logging.getLogger("hansa.processes")

_EXCEPTIONS: Final = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
_PROBLEM: Final = "application/problem+json"
_WAIT: Final = re.compile(r"wait\s*=\s*(\d{1,4})")


class NoSuchJob(NotFound):
    """The job does not exist, or it belongs to another caller."""


class ResultNotReady(NotFound):
    """The job has not ended successfully (yet)."""

    title = "No results yet"


_TYPES: Final[tuple[tuple[type[HansaError], str], ...]] = (
    (NoSuchOgcProcess, f"{_EXCEPTIONS}no-such-process"),
    (NoSuchJob, f"{_EXCEPTIONS}no-such-job"),
    (ResultNotReady, f"{_EXCEPTIONS}result-not-ready"),
)


class _JobFailure(HansaError):
    """The error with which a job ended, raised again."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(
            str(error.get("detail", "")), remedy=str(error.get("remedy", "")), facts=dict(error.get("facts", {}))
        )
        self.error = error


def failure(job: Job) -> _JobFailure:
    return _JobFailure(job.error or {"detail": "the job failed", "code": "error", "status": 500})


async def body_of(request: Request) -> bytes:
    """Return the body, read in pieces after the caller was admitted."""
    refusal = TooLarge(
        f"a request has at most {MOST_BYTES >> 20} MB here",
        remedy="give a smaller area, or name a dataset of this node by reference",
    )
    return await read_body(request, MOST_BYTES, refusal)


def preference(headers: list[str], most: float) -> tuple[bool, float]:
    """Return whether an asynchronous answer is preferred, and how many seconds to wait for the end (RFC 7240 §4.1,
    §4.3)."""
    said = ",".join(headers).casefold()
    asynchronous = "respond-async" in {one.strip().partition(";")[0].strip() for one in said.split(",")}
    wait = _WAIT.search(said)
    if wait:
        return asynchronous, min(float(wait[1]), most)
    return asynchronous, 0.0 if asynchronous else most


def limit_of(request: Request, most: int) -> int:
    text = request.query_params.get("limit", str(most))
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1:
        raise InvalidInput("limit is not a number from 1", remedy=f"set limit to a number from 1 to {most}")
    return min(int(text[:9]), most)


def version_of(request: Request) -> int | None:
    """Return the version of the model in ``?version=``; None for the newest."""
    text = request.query_params.get("version")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput("version must be the number of a version", remedy="versions are numbered from 1")
    return int(text)


def link(href: str, rel: str, type_: str, title: str = "") -> dict[str, str]:
    members = {"href": href, "rel": rel, "type": type_}
    return {**members, "title": title} if title else members


def _exception(request: Request, error: HansaError) -> Response:
    members = problem(error, instance=request.url.path)
    if isinstance(error, _JobFailure):
        told = error.error
        members |= {name: told[name] for name in ("code", "title", "status") if name in told}
        members["type"] = f"urn:hansa:problem:{told.get('code', 'error')}"
    for kind, iri in _TYPES:
        if isinstance(error, kind):
            members["type"] = iri
    header = request.headers.get("accept", "")
    headers = dict(PRIVATE)
    if members["status"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    headers |= again_later(error)
    return JSONResponse(
        members,
        status_code=int(members["status"]),
        media_type=_PROBLEM if _PROBLEM in header else "application/json",
        headers=headers,
    )


def answering(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except HansaError as error:
            if isinstance(error, LocalFault):
                log.exception("local fault", extra={"path": request.url.path})
            return _exception(request, error)

    return answer
