"""The contract of ``BytePlane``, kept by the plane over HTTP (to a provider on loopback) and by the scripted one.

What peers of every character do to the plane over HTTP is in ``tests/unit/exchange/test_http_plane.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from node.adapters.egress import Egress
from node.adapters.planes.http import HttpPlane
from node.base.errors import (
    HansaError,
    InvalidInput,
    LocalFault,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.exchange.ports import Body, BytePlane
from tests.fakes.planes import ScriptedPlane, Served
from tests.simulator.http_servers import Address, served

DATA = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(250)) * 40
STATUSES = {Unauthenticated: 401, NotAllowed: 403, NotFound: 404, InvalidInput: 400, PeerUnreachable: 503}
REASONS = [{"rule": "permission[0]", "since": "2026-11-20T12:00:00Z"}]


@dataclass
class Scene:
    """A plane, and what the provider at the other end has. Each once and in order, ``faults`` are played in answer to
    reads, and ``refusals`` in answer to documents and pushes."""

    plane: BytePlane
    url: str
    served: Served = field(default_factory=lambda: Served(DATA, manifest=b"a.b.c"))
    faults: list[HansaError | int] = field(default_factory=list)
    refusals: list[HansaError] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    pushed: list[tuple[str, bytes]] = field(default_factory=list)

    async def read(self, *, start: int = 0, etag: str | None = None) -> tuple[Body, bytes]:
        async with self.plane.read(self.url, authorization="Bearer t", start=start, etag=etag) as body:
            return body, b"".join([chunk async for chunk in body.chunks])


class Provider:
    """The other end over HTTP (RFC 9110 §13.1.5, §14)."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.scene: Scene | None = None
        methods = ["GET", "POST", "PUT"]
        self.app = Starlette(routes=[Route("/data/{name}", self.answer, methods=methods)])

    async def answer(self, request: Request) -> Response:
        assert self.scene is not None
        scene = self.scene
        scene.tokens.append(request.headers.get("authorization"))
        body = await request.body()
        script: list[Any] = scene.faults if request.path_params["name"] == "1" else scene.refusals
        fault = script.pop(0) if script else None
        if isinstance(fault, HansaError):
            problem = {"detail": fault.detail, **fault.facts}
            return JSONResponse(problem, STATUSES[type(fault)], media_type="application/problem+json")
        match request.path_params["name"], request.method:
            case "sink", method:
                scene.pushed.append((method, body))
                return Response(status_code=201)
            case "manifest", "GET":
                return Response(scene.served.manifest)
            case "token", "POST":
                assert scene.served.renewed is not None
                return Response(await scene.served.renewed())
            case _:
                return self._bytes(request, scene.served, fault)

    def _bytes(self, request: Request, source: Served, stop: int | None) -> Response:
        headers = {} if source.etag is None else {"etag": f'"{source.etag}"'}
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        start, status, size = int(asked.group(1)) if asked else 0, 200, len(source.data)
        if request.headers.get("if-range", headers.get("etag")) != headers.get("etag"):
            start = 0
        elif start >= size and asked:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        elif asked:
            status, headers["content-range"] = 206, f"bytes {start}-{size - 1}/{size}"
        headers["content-length"] = str(size - start)

        async def pieces() -> AsyncIterator[bytes]:
            end = size if stop is None else start + stop
            for at in range(start, end, 65_536):
                yield source.data[at : min(at + 65_536, end)]
            if stop is not None:
                raise ConnectionError("as a provider that is killed")

        return StreamingResponse(pieces(), status, headers)


@pytest.fixture(params=["http", "scripted"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    if request.param == "scripted":
        plane = ScriptedPlane(Served(DATA, manifest=b"a.b.c"))
        yield ScriptedScene(
            plane,
            "https://provider.example/data/1",
            served=plane.served,
            faults=plane.faults,
            refusals=plane.refusals,
        )
        return

    def make(address: Address) -> tuple[Any, Provider]:
        provider = Provider(address)
        return provider.app, provider

    async with served(make) as (_, provider), Egress(allow_loopback=True) as egress:
        provider.scene = Scene(HttpPlane(egress), f"{provider.address.url}/data/1")
        yield provider.scene


@dataclass
class ScriptedScene(Scene):
    """The scene of the fake: it keeps itself what it was asked and sent."""

    def __getattribute__(self, name: str) -> Any:
        plane = super().__getattribute__("plane")
        if name == "tokens":
            return [token for _, _, token in plane.requests]
        return plane.pushed if name == "pushed" else super().__getattribute__(name)


def beside(scene: Scene, name: str) -> str:
    """Another address of the same provider."""
    return f"{scene.url.rpartition('/')[0]}/{name}"


async def stream(*pieces: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


async def test_the_whole(scene: Scene) -> None:
    body, data = await scene.read()
    assert (body.start, body.total, body.etag, data) == (0, len(DATA), "one", DATA)
    assert scene.tokens == ["Bearer t"]


async def test_the_rest_of_the_same_source(scene: Scene) -> None:
    body, data = await scene.read(start=100_000, etag="one")
    assert (body.start, body.total, data) == (100_000, len(DATA), DATA[100_000:])


async def test_another_source_from_its_beginning(scene: Scene) -> None:
    scene.served.data, scene.served.etag = DATA[::-1], "two"
    body, data = await scene.read(start=100_000, etag="one")
    assert (body.start, body.etag, data) == (0, "two", DATA[::-1])


async def test_a_source_that_is_shorter_now(scene: Scene) -> None:
    """There is nothing to go on with: the reader begins again, from 0."""
    scene.served.data = DATA[:10]
    body, _ = await scene.read(start=100_000, etag=scene.served.etag)
    assert body.start == 0


async def test_fetch_gives_the_rest(scene: Scene) -> None:
    chunks = scene.plane.fetch(scene.url, authorization=None, start=5)
    assert b"".join([chunk async for chunk in chunks]) == DATA[5:]
    assert scene.tokens == [None]


async def test_what_came_before_a_break_is_not_lost(scene: Scene) -> None:
    scene.faults.append(100_000)
    got = bytearray()

    async def collect() -> None:
        async with scene.plane.read(scene.url, authorization="Bearer t") as body:
            async for chunk in body.chunks:
                got.extend(chunk)

    with pytest.raises(PeerUnreachable):
        await collect()
    assert 0 < len(got) <= 100_000
    assert bytes(got) == DATA[: len(got)]
    body, rest = await scene.read(start=len(got), etag="one")
    assert (body.start, bytes(got) + rest) == (len(got), DATA)


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
async def test_refusals_are_told_by_their_kind(scene: Scene, kind: type[HansaError]) -> None:
    scene.faults.append(kind("not now"))
    scene.refusals += [kind("not now")] * 2
    with pytest.raises(kind):
        await scene.read()
    with pytest.raises(kind):
        await scene.plane.document(beside(scene, "manifest"), authorization=None)
    with pytest.raises(kind):
        await scene.plane.push("POST", beside(scene, "sink"), headers={}, chunks=stream(b"abc"), size=3)


async def test_reasons_of_a_refusal_arrive(scene: Scene) -> None:
    scene.faults.append(NotAllowed("not now", facts={"reasons": REASONS}))
    with pytest.raises(NotAllowed, match="not now") as refusal:
        await scene.read()
    assert refusal.value.facts == {"reasons": REASONS}


async def test_documents(scene: Scene) -> None:
    async def renewed() -> bytes:
        return b'{"token": "new"}'

    scene.served.renewed = renewed
    manifest, token = beside(scene, "manifest"), beside(scene, "token")
    assert await scene.plane.document(manifest, authorization="Bearer t") == b"a.b.c"
    assert await scene.plane.document(token, authorization="Bearer me", method="POST") == b'{"token": "new"}'
    assert scene.tokens == ["Bearer t", "Bearer me"]
    with pytest.raises(TooLarge):
        await scene.plane.document(manifest, authorization=None, limit=4)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_push(scene: Scene, method: str) -> None:
    headers = {"Authorization": "Bearer s"}
    pieces = stream(DATA[:70_000], DATA[70_000:])
    await scene.plane.push(method, beside(scene, "sink"), headers=headers, chunks=pieces, size=len(DATA))
    assert scene.pushed == [(method, DATA)]
    assert scene.tokens == ["Bearer s"]


async def test_a_push_whose_source_fails(scene: Scene) -> None:
    """What the source raises is raised, and the peer has not taken the half of it."""
    failing = stream(DATA[:70_000], then=LocalFault("the disk is gone"))
    with pytest.raises(LocalFault, match="the disk is gone"):
        await scene.plane.push("POST", beside(scene, "sink"), headers={}, chunks=failing, size=len(DATA))
    assert scene.pushed == []
