"""A router that is passed over takes, refuses and redirects as one that compares every route."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send

from node.web.routers import PlacedRouter


async def answer(request: Request) -> Response:
    return PlainTextResponse(f"{request.url.path} {request.path_params}")


async def other(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("another", status_code=210)(scope, receive, send)


ROUTES = [
    Route("/health", answer),
    Route("/dsp/negotiations/{pid}", answer, methods=["POST"]),
    Route("/dsp/{name}.json", answer),
    Mount("/files", routes=[Route("/{path:path}", answer)]),
]
PATHS = [
    *(
        "/health",
        "/health/",
        "/health/x",
        "/",
        "",
        "//",
        "/dsp",
        "/dsp/",
        "/dsp/x.json",
        "/dsp/x",
        "/files",
        "/files/a/b",
    ),
    *("/dsp/negotiations/1", "/dsp/negotiations/1/", "/dsp/negotiations", "/api/negotiations/1", "/filesx/a"),
]


def asked(router: Router, path: str, method: str = "GET", root_path: str = "") -> tuple[int, bytes, Any]:
    """The status, the body and the place of a redirect."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", b"node.example")],
        "scheme": "http",
        "server": ("node.example", 80),
    }
    asyncio.run(router(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"]).get(b"location")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("root_path", ["", "/below"])
def test_it_answers_as_starlettes_own(path: str, root_path: str) -> None:
    plain, placed = Router(ROUTES, default=other), PlacedRouter(routes=ROUTES, default=other)
    for method in ("GET", "POST"):
        for inside in {path, f"{root_path}{path}"}:
            assert asked(placed, inside, method, root_path) == asked(plain, inside, method, root_path)


def test_what_begins_like_no_route_is_compared_with_none() -> None:
    class Counted(Route):
        compared = 0

        def matches(self, scope: Scope) -> Any:
            Counted.compared += 1
            return super().matches(scope)

    router = PlacedRouter(routes=[Counted("/dsp/negotiations/{pid}", answer)], default=other)
    assert asked(router, "/api/negotiations/1")[0] == 210
    assert asked(router, "/dsp/transfers/1")[0] == 210
    assert Counted.compared == 0
    assert asked(router, "/dsp/negotiations/1")[0] == 200
    assert Counted.compared == 1


def test_a_route_that_is_added_later_is_found() -> None:
    router = PlacedRouter(routes=[Route("/health", answer)], default=other)
    assert asked(router, "/sts/token")[0] == 210
    router.routes.append(Route("/sts/token", answer))
    assert asked(router, "/sts/token")[0] == 200
