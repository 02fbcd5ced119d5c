"""Requests with an ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header): carried out once.

Routes made with ``repeatable`` keep the answer to a POST that has this header, and send it again to whoever sends the
same request with the same key. A refusal is not kept: nothing was done, and the request may be sent again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from node.base.errors import HansaError, TooLarge
from node.identity.model import Caller
from node.operation.repetitions.model import KeyedAnswer
from node.operation.repetitions.usecases import Repetitions, refusal_without_answer
from node.web.bodies import LIMIT, read_body
from node.web.caller_checks import knowing

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
MOST_IN_LINES: Final = 16 << 20
"""Bytes of a file of an import with a key: it is kept in memory until it was compared."""
_MOST_KEPT: Final = 1 << 20
"""Bytes of an answer in lines that are kept; of a longer one, the first line and the last."""
_PATIENCE: Final = 10.0
"""Seconds for which a repetition waits for the answer to the first request."""
_PAUSE: Final = 0.1


def repeatable(
    person: Callable[[Request], Awaitable[Caller]], repetitions: Repetitions, *, most: int = LIMIT
) -> type[APIRoute]:
    """Return the class of a router's routes (``route_class``) that identify ``person`` first, and carry out a POST
    with a key once. ``most``: the bytes of a body."""

    class RepeatableRoute(knowing(person)):  # type: ignore[misc]
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle: Callable[[Request], Coroutine[Any, Any, Response]] = super().get_route_handler()

            async def handle_once(request: Request) -> Response:
                key = request.headers.get(HEADER)
                if key is None or request.method != "POST":
                    return await handle(request)
                caller = await person(request)
                key = key.strip().removeprefix('"').removesuffix('"')
                refusal = TooLarge(
                    f"a body may have at most {most} bytes", remedy="send it in parts, or without a key"
                )
                # The route finds the body where the request keeps one that was read.
                request._body = await read_body(request, most, refusal)
                return await _once(_RequestKey(repetitions, str(caller.account), key), request, handle)

            return handle_once

    return RepeatableRoute


class _RequestKey:
    """One request with a key."""

    def __init__(self, repetitions: Repetitions, owner: str, key: str) -> None:
        self._repetitions = repetitions
        self._owner = owner
        self._key = key

    async def begin(self, fingerprint: str) -> bool:
        return await run_sync(self._repetitions.begin, self._owner, self._key, fingerprint)

    async def answer(self) -> KeyedAnswer | None:
        return await run_sync(self._repetitions.answer, self._owner, self._key)

    async def keep(self, answer: KeyedAnswer) -> None:
        await run_sync(self._repetitions.keep, self._owner, self._key, answer)

    async def release(self) -> None:
        await run_sync(self._repetitions.release, self._owner, self._key)


async def _once(
    request_key: _RequestKey, request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    if not await request_key.begin(_fingerprint(request)):
        return await _answer_again(request_key)
    try:
        response = await handle(request)
    except HansaError:
        await request_key.release()
        raise
    if response.status_code >= 400:
        await request_key.release()
        return response
    if isinstance(response, StreamingResponse):
        response.body_iterator = _keep_lines(request_key, response, response.body_iterator)
        return response
    await request_key.keep(_answer_of(response, bytes(response.body)))
    return response


async def _answer_again(request_key: _RequestKey) -> Response:
    ends = asyncio.get_running_loop().time() + _PATIENCE
    while (answer := await request_key.answer()) is None:
        if asyncio.get_running_loop().time() > ends:
            raise refusal_without_answer()
        await asyncio.sleep(_PAUSE)
    return Response(answer.body, status_code=answer.status, media_type=answer.media_type, headers={REPLAYED: "true"})


async def _keep_lines(request_key: _RequestKey, response: Response, pieces: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """Yield the lines of an answer, and keep it at its end. If it does not come to its end, the request may be sent
    again."""
    lines: list[bytes] = []
    size, is_complete = 0, False
    try:
        async for piece in pieces:
            line = piece.encode() if isinstance(piece, str) else bytes(piece)
            size += len(line)
            if size > _MOST_KEPT and len(lines) > 1:
                lines = [lines[0], line]
            else:
                lines.append(line)
            yield piece
        is_complete = True
    finally:
        if is_complete:
            await request_key.keep(_answer_of(response, b"".join(lines)))
        else:
            await request_key.release()


def _answer_of(response: Response, body: bytes) -> KeyedAnswer:
    media_type = response.headers.get("content-type", "application/octet-stream")
    return KeyedAnswer(status=response.status_code, media_type=media_type, body=body)


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(request.headers.get("content-type", "").encode() + b"\n")
    digest.update(request._body)
    return digest.hexdigest()
