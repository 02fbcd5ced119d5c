"""Bytes over HTTP from peers of every character, played by a server that says exactly what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from node.adapters.egress import bodies
from node.adapters.egress.client import Answer, Egress
from node.adapters.planes.http import HttpPlane
from node.base.errors import (
    ForbiddenAddress,
    Gone,
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)

DATA = bytes(range(256)) * 40


@dataclass
class Script:
    """What the server answers: raw bytes in steps, with a pause (seconds) before each further step."""

    answer: list[bytes] = field(default_factory=list)
    pause: float = 0.0
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The address of a server that talks so with whoever comes, until one of the two hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/data/1"


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        for step in script.answer:
            writer.write(step)
            await writer.drain()
            await asyncio.sleep(script.pause)

    async with listening(talk) as url:
        yield url


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow_loopback=True) as egress:
        yield egress


def answer(status: str, body: bytes = b"", **headers: str) -> list[bytes]:
    lines = {"content-length": str(len(body)), "connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return [f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body]


async def whole(
    plane: HttpPlane, url: str, *, start: int = 0, etag: str | None = None
) -> tuple[bytes, int, int | None]:
    async with plane.read(url, authorization="Bearer t", start=start, etag=etag) as body:
        return b"".join([chunk async for chunk in body.chunks]), body.start, body.total


async def test_the_whole(egress: Egress) -> None:
    script = Script(answer("200 OK", DATA, etag='"abc"'))
    async with served(script) as url, HttpPlane(egress).read(url, authorization="Bearer t") as body:
        assert (body.start, body.total, body.etag) == (0, len(DATA), "abc")
        assert b"".join([chunk async for chunk in body.chunks]) == DATA
    (request,) = script.requests
    assert "Authorization: Bearer t" in request
    assert "Range" not in request
    assert "Accept-Encoding: identity" in request


async def test_the_first_byte_of_much_may_take_its_time(egress: Egress) -> None:
    """A provider that has just been started hashes a file before it sends it: thirty seconds are six gigabytes."""
    plane = HttpPlane(egress, pause=0.3)
    script = Script([b"", *answer("200 OK", DATA)], pause=1.0)
    async with served(script) as url:
        with pytest.raises(PeerUnreachable):
            await whole(plane, url)
        async with plane.read(url, authorization=None, size=600_000_000) as body:
            assert b"".join([chunk async for chunk in body.chunks]) == DATA


async def test_the_rest(egress: Egress) -> None:
    script = Script(answer("206 Partial Content", DATA[100:], content_range=f"bytes 100-{len(DATA) - 1}/{len(DATA)}"))
    async with served(script) as url:
        assert await whole(HttpPlane(egress), url, start=100, etag="abc") == (DATA[100:], 100, len(DATA))
    assert "Range: bytes=100-" in script.requests[0]
    assert 'If-Range: "abc"' in script.requests[0]


async def test_a_changed_source_begins_at_its_beginning(egress: Egress) -> None:
    async with served(Script(answer("200 OK", DATA))) as url:
        assert await whole(HttpPlane(egress), url, start=100, etag="abc") == (DATA, 0, len(DATA))


async def test_a_source_that_became_shorter(egress: Egress) -> None:
    async with served(Script(answer("416 Range Not Satisfiable", content_range="bytes */5"))) as url:
        assert await whole(HttpPlane(egress), url, start=100, etag="abc") == (b"", 0, None)


async def test_fetch_takes_the_rest_or_nothing(egress: Egress) -> None:
    plane = HttpPlane(egress)
    async with served(Script(answer("200 OK", DATA))) as url:
        assert b"".join([chunk async for chunk in plane.fetch(url, authorization=None)]) == DATA
    async with served(Script(answer("200 OK", DATA))) as url:
        with pytest.raises(PeerUnreachable, match="ranges"):
            [chunk async for chunk in plane.fetch(url, authorization=None, start=5)]


@pytest.mark.parametrize(
    "content_range",
    [
        "",
        "bytes 99-10239/10240",
        "bytes 101-10239/10240",
        "bytes 100-10238/10240",
        "bytes 100-10239/500",
        "bytes 100-/10240",
        "items 100-10239/10240",
        "bytes 100-99999999999999999999/*",
    ],
)
async def test_parts_that_contradict_themselves(egress: Egress, content_range: str) -> None:
    async with served(Script(answer("206 Partial Content", DATA[100:], content_range=content_range))) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress), url, start=100)


@pytest.mark.parametrize("cut", [0, 1, 5000, len(DATA) - 1])
async def test_an_answer_that_breaks_off(egress: Egress, cut: int) -> None:
    head = answer("200 OK", content_length=str(len(DATA)))[0]
    async with served(Script([head + DATA[:cut]])) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress), url)


async def test_a_part_without_length_that_breaks_off(egress: Egress) -> None:
    head = b"HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-range: bytes 100-10239/10240\r\n\r\n"
    async with served(Script([head + DATA[100:9000]])) as url:
        with pytest.raises(PeerUnreachable, match="ended too early"):
            await whole(HttpPlane(egress), url, start=100)


async def test_what_came_before_the_break_is_not_lost(egress: Egress) -> None:
    head = answer("200 OK", content_length=str(len(DATA)))[0]
    got = bytearray()

    async def collect(url: str) -> None:
        async with HttpPlane(egress).read(url, authorization=None) as body:
            async for chunk in body.chunks:
                got.extend(chunk)

    async with served(Script([head + DATA[:3000], DATA[3000:5000]], pause=0.05)) as url:
        with pytest.raises(PeerUnreachable):
            await collect(url)
    assert bytes(got) == DATA[:5000]


async def test_a_long_pause(egress: Egress) -> None:
    head = answer("200 OK", content_length=str(len(DATA)))[0]
    async with served(Script([head, DATA[:10], DATA[10:]], pause=5)) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress, pause=0.1), url)


async def test_no_answer_at_all(egress: Egress) -> None:
    async with served(Script([], pause=5)) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress, pause=0.1), url)
    with pytest.raises(PeerUnreachable):
        await whole(HttpPlane(egress), url)


async def test_a_trickle(egress: Egress) -> None:
    head = answer("200 OK", content_length="1000")[0]
    async with served(Script([head, *([b"x"] * 100)], pause=0.02)) as url:
        with pytest.raises(PeerUnreachable, match="sends too slowly"):
            await whole(HttpPlane(egress, window=0.1, slowest=1000), url)


async def test_an_endless_answer(egress: Egress) -> None:
    endless = [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", *([bytes(10_000)] * 1000)]
    async with served(Script(endless)) as url:
        with pytest.raises(TooLarge):
            await whole(HttpPlane(egress, limit=100_000), url)


async def test_compression_that_nobody_asked_for(egress: Egress) -> None:
    async with served(Script(answer("200 OK", DATA, content_encoding="gzip"))) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress), url)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", Unauthenticated),
        ("403 Forbidden", NotAllowed),
        ("404 Not Found", NotFound),
        ("410 Gone", Gone),
        ("400 Bad Request", InvalidInput),
        ("408 Request Timeout", PeerUnreachable),
        ("429 Too Many Requests", PeerUnreachable),
        ("500 Internal Server Error", PeerUnreachable),
        ("503 Service Unavailable", PeerUnreachable),
        ("204 No Content", InvalidInput),
        ("416 Range Not Satisfiable", InvalidInput),
    ],
)
async def test_refusals(egress: Egress, status: str, error: type[HansaError]) -> None:
    script = Script(answer(status))
    async with served(script) as url:
        with pytest.raises(error):
            await whole(HttpPlane(egress), url)
        with pytest.raises(error):
            await HttpPlane(egress).document(url, authorization=None)


async def test_the_reasons_of_a_refusal_arrive(egress: Egress) -> None:
    reasons = [{"rule": "permission[0]", "since": "2026-11-20T12:00:00Z"}]
    problem = json.dumps({"detail": "not now", "reasons": reasons, "transferState": "SUSPENDED", "other": 1}).encode()
    async with served(Script(answer("403 Forbidden", problem, content_type="application/problem+json"))) as url:
        with pytest.raises(NotAllowed, match="not now") as refusal:
            await whole(HttpPlane(egress), url)
    assert refusal.value.facts == {"reasons": reasons, "transferState": "SUSPENDED"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"detail": 5}', b"{" * 100_000])
async def test_refusals_that_are_nonsense(egress: Egress, body: bytes) -> None:
    async with served(Script(answer("403 Forbidden", body, content_type="application/problem+json"))) as url:
        with pytest.raises(NotAllowed):
            await whole(HttpPlane(egress), url)


async def test_redirects_do_not_take_the_token_along(egress: Egress) -> None:
    elsewhere = Script(answer("200 OK", DATA))
    async with served(elsewhere) as target, served(Script(answer("302 Found", location=target))) as url:
        with pytest.raises(PeerUnreachable):
            await whole(HttpPlane(egress), url)
        with pytest.raises(PeerUnreachable):
            await HttpPlane(egress).document(url, authorization="Bearer t", method="POST")
    assert elsewhere.requests == []


async def test_documents(egress: Egress) -> None:
    script = Script(answer("200 OK", b"a.b.c"))
    async with served(script) as url:
        assert await HttpPlane(egress).document(url, authorization="Bearer t", method="POST") == b"a.b.c"
        with pytest.raises(TooLarge):
            await HttpPlane(egress).document(url, authorization=None, limit=4)
    assert script.requests[0].startswith("POST /data/1 HTTP/1.1")


async def test_addresses_inside_are_not_dialled() -> None:
    async with Egress() as egress:
        with pytest.raises(ForbiddenAddress):
            await whole(HttpPlane(egress), "http://127.0.0.1:1/data/1")


# ---- pushes ---------------------------------------------------------------------------------------------------


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(256 * 1024)


@asynccontextmanager
async def taking(pause: float) -> AsyncIterator[str]:
    """An address that takes 64 KiB, pauses, and goes on."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        left = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        while left:
            piece = await reader.read(64 * 1024)
            if not piece:
                return
            left -= len(piece)
            await asyncio.sleep(pause)
        writer.write(answer("200 OK")[0])
        await writer.drain()

    async with listening(talk) as url:
        yield url


async def test_a_push_to_an_address_that_trickles_is_ended(egress: Egress) -> None:
    plane = HttpPlane(egress, window=0.2, slowest_taker=1 << 40)
    async with taking(0.005) as url:
        with pytest.raises(PeerUnreachable, match="receives too slowly"):
            await plane.push("POST", url, headers={}, chunks=pieces(64), size=64 * 256 * 1024)


async def test_a_push_that_is_fast_enough_in_each_window_is_taken(egress: Egress) -> None:
    plane = HttpPlane(egress, window=0.01, slowest_taker=1)
    async with taking(0.001) as url:
        await plane.push("POST", url, headers={}, chunks=pieces(64), size=64 * 256 * 1024)


@dataclass
class Asked:
    """Stands for the way out, and remembers how long it was to wait."""

    answering: list[float] = field(default_factory=list)

    async def upload(self, *_: object, answering: float, **__: object) -> Answer:
        self.answering.append(answering)
        return Answer(status=200, headers={}, body=b"", url="")


@pytest.mark.parametrize(("size", "seconds"), [(0, 0.0), (2_000_000_000, 100.0), (1 << 40, 900.0)])
async def test_how_long_whoever_took_much_may_look_at_it(size: int, seconds: float) -> None:
    asked = Asked()
    await HttpPlane(cast("Egress", asked)).push("POST", "https://x", headers={}, chunks=pieces(0), size=size)
    assert asked.answering == [seconds]


async def test_only_the_time_in_which_the_peer_is_waited_for_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: SimpleNamespace(time=lambda: now))

    async def ours() -> AsyncIterator[bytes]:
        nonlocal now
        for _ in range(5):
            now += 100.0
            yield b"x" * 100

    async def took(seconds: float) -> None:
        nonlocal now
        speed = bodies.Speed(60.0, 10)
        deadline = cast("asyncio.Timeout", SimpleNamespace(expired=lambda: False, reschedule=lambda _: None))
        async for _ in bodies.timed_upload(ours(), deadline, 30.0, 0.0, speed, []):
            now += seconds

    await took(9.0)
    with pytest.raises(PeerUnreachable):
        await took(21.0)
