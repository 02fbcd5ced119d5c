"""Bodies of requests are read whole up to a limit, whether their length is stated or not."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from node.base.errors import TooLarge
from node.web.bodies import read_body

_REFUSAL = TooLarge("at most 10 bytes", remedy="send less")


def _request(*pieces: bytes, stated: str | None = None) -> tuple[Request, list[Message]]:
    """Return a request, and the messages of its body that nobody has read yet."""
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    headers = [] if stated is None else [(b"content-length", stated.encode("latin-1"))]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive), messages


@pytest.mark.parametrize("pieces", [(b"",), (b"0123456789",), (b"01234", b"", b"56789")])
@pytest.mark.parametrize("stated", [None, "10", "\N{SUPERSCRIPT TWO}", "many"])
def test_a_body_up_to_the_limit_is_read_whole(pieces: tuple[bytes, ...], stated: str | None) -> None:
    request, rest = _request(*pieces, stated=stated)
    assert asyncio.run(read_body(request, 10, _REFUSAL)) == b"".join(pieces)
    assert not rest


def test_a_body_beyond_the_limit_is_refused_where_it_passes_it() -> None:
    request, rest = _request(b"01234", b"567890", b"more")
    with pytest.raises(TooLarge) as refusal:
        asyncio.run(read_body(request, 10, _REFUSAL))
    assert refusal.value is _REFUSAL
    assert [message["body"] for message in rest] == [b"more"]


@pytest.mark.parametrize("stated", ["11", "9" * 5000])
def test_a_body_that_states_too_much_is_refused_unread(stated: str) -> None:
    request, rest = _request(b"0", stated=stated)
    with pytest.raises(TooLarge):
        asyncio.run(read_body(request, 10, _REFUSAL))
    assert len(rest) == 1
