"""A thin and strict client of OGC API – Processes (1.0, and the answers of 2.0), over the egress client.

A token goes only to the origin that it was issued for; redirects are not followed; sizes are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email import message_from_bytes
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import (
    Gone,
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.base.jsons import read_json, read_object
from node.scenarios.errors import ModelFailed
from node.scenarios.models.remote import PostedJob, Status
from node.scenarios.models.requests import MOST_BYTES
from node.scenarios.run_model import State

_SECONDS: Final = 60.0
_STATUS_BYTES: Final = 1 << 20
_LONG: Final = 500
_LINK: Final = re.compile(r'<([^<>\s]{1,2000})>\s*;[^,<]*?rel="?([^\s",;]{1,200})"?')
_PASSING: Final = frozenset({408, 425, 429})
_TELLING: Final = ("reasons", "transferState", "limit", "line", "error", "input", "inputs", "output", "minimum")
_WORDS: Final = ("detail", "description", "title")
"""Members with the reason: in exceptions of 1.0 and in problems, in those of pygeoapi, in short."""
_RESULTS: Final = ("http://www.opengis.net/def/rel/ogc/1.0/results", "results")


class HttpOgcProcesses:
    """``node.scenarios.models.remote.OgcProcessPlane`` over HTTP."""

    def __init__(self, egress: Egress, *, seconds: float = _SECONDS, most: int = MOST_BYTES) -> None:
        self._egress = egress
        self._seconds = seconds
        self._most = most

    async def execute(self, url: str, body: bytes, *, authorization: str | None, key: str) -> PostedJob:
        """See ``OgcProcessPlane.execute``."""
        headers = {"Content-Type": "application/json", "Prefer": "respond-async", "Idempotency-Key": key}
        answer = await self._ask("POST", url, authorization, headers=headers, body=body)
        # 2.0 and others accept with 202; the body names no more than the job's address.
        if answer.status in (201, 202):
            location = answer.headers.get("location") or _monitor(answer)
            if not location:
                raise PeerUnreachable("the service created a job and does not state its address")
            return PostedJob(job=_same_origin(url, urljoin(url, location), authorization))
        return PostedJob(result=_result(answer))

    async def status(self, url: str, *, authorization: str | None) -> Status:
        """See ``OgcProcessPlane.status``."""
        members = _object(await self._ask("GET", url, authorization, most=_STATUS_BYTES))
        try:
            state = State(str(members.get("status")))
        except ValueError:
            raise PeerUnreachable(f"the job has an unknown state: {members.get('status')}") from None
        percent, message = members.get("progress"), members.get("message")
        results = _results_link(members.get("links")) or f"{url.partition('?')[0]}/results"
        return Status(
            state=state,
            progress=percent if isinstance(percent, int) and 0 <= percent <= 100 else 0,
            message=message[:_LONG] if isinstance(message, str) else "",
            results=_same_origin(url, urljoin(url, results), authorization),
        )

    async def results(self, url: str, *, authorization: str | None) -> bytes:
        """See ``OgcProcessPlane.results``."""
        return _result(await self._ask("GET", url, authorization, ended=True))

    async def dismiss(self, url: str, *, authorization: str | None) -> None:
        """See ``OgcProcessPlane.dismiss``."""
        await self._ask("DELETE", url, authorization, most=_STATUS_BYTES)

    async def renew(self, url: str, *, authorization: str) -> bytes:
        """See ``OgcProcessPlane.renew``."""
        return (await self._ask("POST", url, authorization, most=_STATUS_BYTES)).body

    async def _ask(
        self,
        method: str,
        url: str,
        authorization: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        most: int | None = None,
        ended: bool = False,
    ) -> Answer:
        all_headers = {"Accept": "application/json", **(headers or {})}
        if authorization is not None:
            all_headers["Authorization"] = authorization
        answer = await self._egress.request(
            method,
            url,
            headers=all_headers,
            body=body,
            timeout=self._seconds,
            max_bytes=most or self._most,
            allow_redirects=0,
            lane=Lane.MESSAGES,
        )
        if not answer.ok:
            raise _refusal(answer, ended=ended)
        return answer


def _refusal(answer: Answer, *, ended: bool) -> HansaError:
    """Return the error of an answer. For a job that has ``ended``, a failure is final whatever its status."""
    members: Mapping[str, Any] = {}
    if "json" in answer.headers.get("content-type", ""):
        try:
            members = read_object(answer.body)
        except InvalidInput:
            members = {}
    status, code = answer.status, members.get("code")
    if (status >= 500 and not (ended and members)) or status in _PASSING:
        return PeerUnreachable(f"the service answers with status {status}")
    remedy = members.get("remedy")
    words = (members.get(name) for name in _WORDS)
    text = next(
        (word[:_LONG] for word in words if isinstance(word, str) and word),
        f"the service answers with status {status}",
    )
    advice = remedy[:_LONG] if isinstance(remedy, str) else ""
    facts = {name: members[name] for name in _TELLING if name in members}
    if ended and code == Overloaded.code and facts.get("limit") != "queue":
        return Overloaded(text, remedy=advice, facts=facts)
    kinds: dict[int, type[HansaError]] = {
        401: Unauthenticated,
        403: NotAllowed,
        404: NotFound,
        410: Gone,
        413: TooLarge,
    }
    kind = kinds.get(status, InvalidInput)
    if code == ModelFailed.code or (ended and kind in (InvalidInput, NotFound) and code != InvalidInput.code):
        kind = ModelFailed
    return kind(text, remedy=advice, facts=facts)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return read_object(answer.body)
    except InvalidInput as error:
        raise PeerUnreachable(f"the service's answer has no readable status: {error.detail}") from error


def _result(answer: Answer) -> bytes:
    """Return the results in an answer as one JSON document: several parts, and links in the header, become a map by
    output (OGC 18-062r2 §7.11.4: ``raw`` with several outputs, ``raw`` by reference)."""
    kind = answer.headers.get("content-type", "")
    if kind.casefold().startswith("multipart/"):
        return _join_parts(kind, answer.body)
    if answer.status == HTTPStatus.NO_CONTENT:
        links = _LINK.findall(answer.headers.get("link", ""))
        return json.dumps({rel: {"href": href} for href, rel in links}).encode()
    return answer.body


def _join_parts(kind: str, body: bytes) -> bytes:
    whole = message_from_bytes(b"Content-Type: %s\r\n\r\n%s" % (kind.encode("latin-1", "replace"), body))
    parts: dict[str, Any] = {}
    for part in whole.walk():
        name = unquote(str(part.get("content-id", "")).strip("<> "))
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            try:
                parts[name] = read_json(content)
            except InvalidInput as error:
                raise ModelFailed(f"the service's answer cannot be read as rows: {error.detail}") from error
    return json.dumps(parts).encode()


def _results_link(links: Any) -> str:
    """Return the address of a job's results as JSON. Services link to several forms, and not to JSON first."""
    result_links = [
        link
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, Mapping) and link.get("rel") in _RESULTS and isinstance(link.get("href"), str)
    ]
    as_json = [link for link in result_links if "json" in str(link.get("type", "")).casefold()]
    unsaid = [link for link in result_links if not link.get("type")]
    return str((as_json or unsaid)[0]["href"]) if as_json or unsaid else ""


def _monitor(answer: Answer) -> str:
    """Return the address of the job from the links in the body of the answer; empty without such a link."""
    members = _object(answer)
    for link in members.get("links") or []:
        if isinstance(link, Mapping) and link.get("rel") in ("monitor", "self") and isinstance(link.get("href"), str):
            return str(link["href"])
    return ""


def _same_origin(requested_url: str, url: str, authorization: str | None) -> str:
    """Return ``url``; with a token it must be at the origin of ``requested_url``: no other server gets our tokens."""
    if authorization is not None and urlsplit(url)[:2] != urlsplit(requested_url)[:2]:
        raise PeerUnreachable("the service redirects to another host")
    return url
