"""Limit the size of each request's body by its route, however it is sent.

Frameworks read a JSON body or a form whole before the handler sees the request, so before the caller is identified.
Routes that read their bodies in pieces have limits of their own and are named in ``OWN_LIMITS``.

A caller that is still sending when it is refused gets its answer, and then the connection ends (RFC 9110 §15.5.14):
further bytes are read for a short time only, so that the answer is not lost on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.web.problems import answer_problem

LIMIT: Final = 1 << 20
MAX_QUERY: Final = 64 * 1024
"""Bytes of a query in SPARQL that is posted."""
_QUERY: Final = "application/sparql-query"
_FORM: Final = "application/x-www-form-urlencoded"
OWN_LIMITS: Final = (
    "/api/files",
    "/api/drafts",
    "/api/uploads/",
    "/api/records",
    "/api/imports",
    "/api/schemas/check",
    "/api/schemas/read",
    "/api/transformations/try",
    "/ontology/publish",  # the portal's form with an ontology
    "/record/foresee",  # the portal's form with the next version of an ontology or schema
    "/schema/convert",  # the portal's form with a schema to convert
    "/schema/check",  # the portal's form with a file to check
    "/transformation/try",  # the portal's form with a sample of rows
    "/publish/file",  # the portal's form with a data file
    "/sparql",
    "/dsp/",
    "/dcp/",
    "/issuer/",
    "/ogc/processes/",
    "/pushed/",
)

_LINGER_BYTES: Final = 1 << 20
_LINGER_SECONDS: Final = 2.0


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the bytes of a request's body as they arrive. Raises ``ClientDisconnect`` if the caller goes away."""
    async for chunk in request.stream():
        if chunk:
            yield chunk


async def read_body(request: Request, most: int, refusal: TooLarge) -> bytes:
    """Return the whole body of a request that is read after its caller was admitted.

    Raises ``refusal`` as soon as the body states, or turns out, to be longer than ``most`` bytes;
    ``ClientDisconnect`` if the caller goes away.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and (len(stated) > 19 or int(stated) > most):
        raise refusal
    body = bytearray()
    async for chunk in chunks(request):
        body += chunk
        if len(body) > most:
            raise refusal
    return bytes(body)


class BodyLimits:
    """ASGI middleware. ``path`` is the path of the public URL, which precedes the paths of the routes."""

    def __init__(self, app: ASGIApp, *, path: str = "", limit: int = LIMIT) -> None:
        self._app = app
        self._path = path
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        inside = str(scope["path"]).removeprefix(self._path)
        limit = None if inside.startswith(OWN_LIMITS) else self._limit
        body = _Body(scope, receive, limit)
        answering = _Answer(scope, body, send)
        if limit is not None and body.stated is not None and body.stated > limit:
            body.over = True
            await answering.refuse()
            return
        await self._app(scope, body.receive, answering.send)


class _Body:
    """The incoming body: counted, and cut off at the limit."""

    def __init__(self, scope: Scope, receive: Receive, limit: int | None) -> None:
        headers = Headers(scope=scope)
        stated = headers.get("content-length", "")
        self.stated = int(stated) if stated.isdigit() and len(stated) < 20 else None
        self.over = False
        self._receive = receive
        self._limit = limit
        self._received = 0
        self._ended = not self.stated and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """Return the next piece. Raises ``TooLarge`` if it goes beyond the limit."""
        message = await self._next()
        if self._limit is not None and self._received > self._limit:
            self.over = True
            raise too_large(self._limit)
        return message

    @property
    def much_to_come(self) -> bool:
        """Return whether the caller is still sending more than is worth waiting for."""
        if self._ended:
            return False
        return self.stated is None or self.stated - self._received > _LINGER_BYTES

    async def drain(self) -> None:
        """Read and discard incoming bytes for a short time."""
        enough = self._received + _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._ended and self._received < enough:
                    await self._next()
        except TimeoutError:
            return

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True
        return message


class _Answer:
    """The outgoing answer: that of the application, or 413 if the application answered otherwise after its body was
    cut off."""

    def __init__(self, scope: Scope, body: _Body, send: Send) -> None:
        self._scope = scope
        self._body = body
        self._send = send
        self._replaced = False
        self._closing = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            if self._body.over and message["status"] != TooLarge.status:
                self._replaced = True
                await self.refuse()
                return
            if self._body.much_to_come:
                self._closing = True
                MutableHeaders(raw=message["headers"])["Connection"] = "close"
        elif self._closing and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def refuse(self) -> None:
        """Answer 413 ourselves."""
        answer = await answer_problem(Request(self._scope), too_large(LIMIT))
        inner = _Answer(self._scope, self._body, self._send)
        await answer(self._scope, self._body.receive, inner.send)


def too_large(limit: int) -> TooLarge:
    """Return the error about a body beyond ``limit``."""
    return TooLarge(
        f"a request has at most {limit} bytes here", remedy="send less; files go to /api/files, one by one"
    )


async def posted_parameters(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of a query that was posted, with those in its address (SPARQL 1.1 Protocol §2.1). Raises
    ``InvalidInput``, ``TooLarge`` and ``UnsupportedMediaType``."""
    refusal = TooLarge(
        f"a posted query may have at most {MAX_QUERY} bytes", remedy="split the query, or ask for less"
    )
    body = await read_body(request, MAX_QUERY, refusal)
    parameters = list(request.query_params.multi_items())
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode("utf-8")
        if media_type == _QUERY:
            parameters.append(("query", text))
        elif media_type == _FORM:
            parameters += parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=20)
        else:
            raise UnsupportedMediaType(
                "queries must be posted as application/sparql-query or as a form",
                remedy=f"set Content-Type to {_QUERY}",
            )
    except ValueError as error:
        raise InvalidInput("the body is not valid UTF-8", remedy="send the query in UTF-8") from error
    return parameters
