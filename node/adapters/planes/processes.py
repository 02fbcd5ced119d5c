"""A client of OGC API – Processes (1.0, and the answers of 2.0) through the one way out: thin, and strict.

A token goes to the origin that it was given for and to no other; redirects are not followed; sizes are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import (
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.base.jsons import read_object
from node.scenarios.calling import Posted, Status
from node.scenarios.errors import ModelFailed
from node.scenarios.model import State
from node.scenarios.requests import MOST_BYTES

_SECONDS: Final = 60.0
_STATUS_BYTES: Final = 1 << 20
_LONG: Final = 500
_PASSING: Final = frozenset({408, 425, 429})
_TELLING: Final = ("reasons", "transferState", "limit", "line", "error", "input", "inputs", "output", "minimum")
_RESULTS: Final = ("http://www.opengis.net/def/rel/ogc/1.0/results", "results")


class HttpProcesses:
    """``node.scenarios.calling.ProcessPlane`` over HTTP."""

    def __init__(self, egress: Egress, *, seconds: float = _SECONDS, most: int = MOST_BYTES) -> None:
        self._egress = egress
        self._seconds = seconds
        self._most = most

    async def execute(self, url: str, body: bytes, *, authorization: str | None, key: str) -> Posted:
        """See ``ProcessPlane.execute``."""
        headers = {"Content-Type": "application/json", "Prefer": "respond-async", "Idempotency-Key": key}
        answer = await self._ask("POST", url, authorization, headers=headers, body=body)
        if answer.status == 201:
            location = answer.headers.get("location") or _monitor(answer)
            if not location:
                raise PeerUnreachable("the service made a job and does not say where it is")
            return Posted(job=_same_origin(url, urljoin(url, location), authorization))
        return Posted(result=answer.body)

    async def status(self, url: str, *, authorization: str | None) -> Status:
        """See ``ProcessPlane.status``."""
        members = _object(await self._ask("GET", url, authorization, most=_STATUS_BYTES))
        try:
            state = State(str(members.get("status")))
        except ValueError:
            raise PeerUnreachable(f"the job is in a state that is not known: {members.get('status')}") from None
        percent, message = members.get("progress"), members.get("message")
        results = next(
            (
                link["href"]
                for link in members.get("links") or []
                if isinstance(link, Mapping) and link.get("rel") in _RESULTS and isinstance(link.get("href"), str)
            ),
            f"{url}/results",
        )
        return Status(
            state=state,
            progress=percent if isinstance(percent, int) and 0 <= percent <= 100 else 0,
            message=message[:_LONG] if isinstance(message, str) else "",
            results=_same_origin(url, urljoin(url, results), authorization),
        )

    async def results(self, url: str, *, authorization: str | None) -> bytes:
        """See ``ProcessPlane.results``."""
        return (await self._ask("GET", url, authorization, ended=True)).body

    async def dismiss(self, url: str, *, authorization: str | None) -> None:
        """See ``ProcessPlane.dismiss``."""
        await self._ask("DELETE", url, authorization, most=_STATUS_BYTES)

    async def renew(self, url: str, *, authorization: str) -> bytes:
        """See ``ProcessPlane.renew``."""
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
        sent = {"Accept": "application/json", **(headers or {})}
        if authorization is not None:
            sent["Authorization"] = authorization
        answer = await self._egress.request(
            method,
            url,
            headers=sent,
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
    """The error that an answer stands for. Of a job that has ``ended``, a failure is final whatever its status."""
    members: Mapping[str, Any] = {}
    if "json" in answer.headers.get("content-type", ""):
        try:
            members = read_object(answer.body)
        except InvalidInput:
            members = {}
    status, code = answer.status, members.get("code")
    if (status >= 500 and not (ended and members)) or status in _PASSING:
        return PeerUnreachable(f"the service answers {status}")
    detail, remedy = (members.get(name) for name in ("detail", "remedy"))
    said = detail[:_LONG] if isinstance(detail, str) and detail else f"the service answers {status}"
    mends = remedy[:_LONG] if isinstance(remedy, str) else ""
    facts = {name: members[name] for name in _TELLING if name in members}
    if ended and code == Overloaded.code and facts.get("limit") != "queue":
        return Overloaded(said, remedy=mends, facts=facts)
    kinds: dict[int, type[HansaError]] = {
        401: Unauthenticated,
        403: NotAllowed,
        404: NotFound,
        410: NotFound,
        413: TooLarge,
    }
    kind = kinds.get(status, InvalidInput)
    if code == ModelFailed.code or (ended and kind in (InvalidInput, NotFound) and code != InvalidInput.code):
        kind = ModelFailed
    return kind(said, remedy=mends, facts=facts)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return read_object(answer.body)
    except InvalidInput as error:
        raise PeerUnreachable(f"the service does not answer with a status: {error.detail}") from error


def _monitor(answer: Answer) -> str:
    """Where the job is, as the body of the answer says it: 2.0 names it ``id``."""
    members = _object(answer)
    for link in members.get("links") or []:
        if isinstance(link, Mapping) and link.get("rel") in ("monitor", "self") and isinstance(link.get("href"), str):
            return str(link["href"])
    return ""


def _same_origin(asked: str, url: str, authorization: str | None) -> str:
    """``url``, which must be at the origin of ``asked`` where a token goes with it: nobody else gets our tokens."""
    if authorization is not None and urlsplit(url)[:2] != urlsplit(asked)[:2]:
        raise PeerUnreachable("the service sends us on to another host")
    return url
