"""The short way answers as the long way does, and leaves to it whatever it does not take itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope

from node.base.errors import NotFound
from node.web.applications import answer_errors, errors_as_answers
from node.web.short_way import ShortRoute, ShortWay, short_routes


async def page(request: Request, error: Exception) -> Response:
    return PlainTextResponse("a page")


REFUSE = errors_as_answers(page=page, prefers_page=lambda accept: False)


async def answer(request: Request) -> Response:
    body = (await request.body()).decode()
    return PlainTextResponse(f"{request.method} {request.url.path} {dict(request.path_params)} {body}")


async def fail(request: Request) -> Response:
    raise NotFound("there is no such thing")


ROUTES = [
    Route("/dsp/negotiations/request", answer, methods=["POST"]),
    Route("/dsp/negotiations/{pid}", answer, methods=["GET"]),
    Route("/dsp/negotiations/{pid}/events", fail, methods=["POST"]),
    Route("/dsp/{name}.json", answer),
    Route("/dsp/sets/{id:path}", answer),
]


def asked(app: Any, method: str, path: str, *, root: str = "") -> tuple[int, bytes]:
    sent: list[Message] = []
    pieces = [{"type": "http.request", "body": text, "more_body": text == b"on"} for text in (b"on", b"e")]

    async def receive() -> Message:
        return pieces.pop(0) if pieces else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": root + path,
        "root_path": root,
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def long_way() -> Starlette:
    app = Starlette(routes=ROUTES)
    answer_errors(app, REFUSE)
    return app


@pytest.mark.parametrize("root", ["", "/node"])
def test_both_ways_answer_alike(long_way: Starlette, root: str) -> None:
    short = ShortWay(long_way, short_routes(ROUTES), REFUSE)
    for method in ("GET", "HEAD", "POST", "PUT"):
        for path in (
            *(
                "/dsp/negotiations/request",
                "/dsp/negotiations/a b",
                "/dsp/negotiations/",
                "/dsp/negotiations//events",
            ),
            *("/dsp/negotiations/1/events", "/dsp/negotiations/1/2/3", "/dsp/x.json", "/dsp/sets/a/b", "/", ""),
        ):
            assert asked(short, method, path, root=root) == asked(long_way, method, path, root=root), (method, path)


def test_a_request_that_is_left_to_the_long_way_still_has_its_body(long_way: Starlette) -> None:
    requests: list[str] = []

    async def leave(request: Request) -> None:
        requests.append((await request.body()).decode())

    short = ShortWay(long_way, [ShortRoute("POST", "/dsp/negotiations/request", leave)], REFUSE)
    assert asked(short, "POST", "/dsp/negotiations/request") == (200, b"POST /dsp/negotiations/request {} one")
    assert requests == ["one"]


def test_only_parameters_of_one_segment_have_a_short_way() -> None:
    assert [(route.method, route.path) for route in short_routes(ROUTES)] == [
        ("POST", "/dsp/negotiations/request"),
        ("GET", "/dsp/negotiations/{pid}"),
        ("POST", "/dsp/negotiations/{pid}/events"),
    ]


def test_routes_that_are_made_later_have_a_short_way_from_then_on(long_way: Starlette) -> None:
    short, requests = ShortWay(long_way, [], REFUSE), list[str]()

    async def note(request: Request) -> Response:
        requests.append(request.path_params["pid"])
        return await answer(request)

    before = asked(short, "GET", "/dsp/negotiations/7")
    short.include([ShortRoute("GET", "/dsp/negotiations/{pid}", note)])
    assert asked(short, "GET", "/dsp/negotiations/7") == before
    assert requests == ["7"]
