"""Liveness, readiness and metrics, for monitors and load balancers. No personal data, no names.

Anybody may request the first two. The metrics show how much the node does: they are for monitors with its token, and
for people with a role for it.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.base.errors import Unauthenticated
from node.identity.model import Caller
from node.identity.scrapers import Monitor

Person = Callable[..., Awaitable[Caller]]
"""``node.web.callers.Callers.person``: raises if the caller is not a person."""

BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


@dataclass
class Counters:
    """Requests by method and status class, and their duration; in this process, since its start."""

    requests: dict[tuple[str, str], int] = field(default_factory=dict)
    buckets: dict[float, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))
    seconds: float = 0.0
    total: int = 0

    def note(self, method: str, status: int, seconds: float | None) -> None:
        """Count a request; ``seconds`` is None if its answer was to wait: that tells nothing about the node."""
        key = (method, f"{status // 100}xx")
        self.requests[key] = self.requests.get(key, 0) + 1
        if seconds is None:
            return
        self.total += 1
        self.seconds += seconds
        for bound in BUCKETS:
            if seconds <= bound:
                self.buckets[bound] += 1


class RequestCounter:
    """ASGI middleware that counts requests."""

    def __init__(self, app: ASGIApp, counters: Counters, note: Callable[[Scope, int, int, float], None]) -> None:
        """``note`` is told the request, the status, the bytes of the answer, and the seconds until it began."""
        self._app = app
        self._counters = counters
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, has_waited, sent_bytes, wait = 500, False, 0, 0.0

        async def count(message: Message) -> None:
            nonlocal status, has_waited, sent_bytes, wait
            sent_bytes += len(message.get("body", b""))
            if message["type"] == "http.response.start":
                status = message["status"]
                wait = time.perf_counter() - began
                has_waited = any(name.lower() == b"preference-applied" for name, _ in message.get("headers", ()))
            await send(message)

        try:
            await self._app(scope, receive, count)
        finally:
            self._counters.note(scope["method"], status, None if has_waited else time.perf_counter() - began)
            self._note(scope, status, sent_bytes, 0.0 if has_waited else wait)


async def nobody(_: Request) -> Caller | Monitor:
    """Identify no caller of the metrics: for a node that cannot identify callers."""
    raise Unauthenticated("only operators, auditors and monitors with a token may read the metrics")


def monitor_or_person(token: str, person: Person) -> Callable[[Request], Awaitable[Caller | Monitor]]:
    """Return a function that identifies the caller: as the monitor with ``token``, if that is set, or as a person."""
    secret = f"Bearer {token}".encode() if token else b""

    async def identify(request: Request) -> Caller | Monitor:
        brought = request.headers.getlist("authorization")
        if secret and len(brought) == 1 and hmac.compare_digest(brought[0].encode("latin-1"), secret):
            return Monitor()
        return await person(request)

    return identify


def routes(
    *,
    health: Callable[[], Mapping[str, str]],
    ready: Callable[[], Awaitable[tuple[Mapping[str, str], Mapping[str, int]]]],
    gauges: Callable[[Caller | Monitor], Awaitable[Mapping[str, tuple[str, float]]]],
    counters: Counters,
    limitations: Callable[[], Mapping[str, str]] = dict,
    identify: Callable[[Request], Awaitable[Caller | Monitor]] = nobody,
) -> list[Route]:
    """Return the routes ``/health``, ``/ready`` and ``/metrics``.

    ``health`` and ``ready`` return the faults, ``ready`` also the percentage of the ledger that each view shows.
    ``limitations`` names what this machine prevents the node from doing; the node still takes requests. ``gauges``
    maps metric → (help, value), and raises ``NotAllowed`` for people who may not read the metrics. ``identify``
    returns the caller of the metrics, and raises ``Unauthenticated`` for an unidentified one."""

    async def is_healthy(_: Request) -> Response:
        return _state(health(), limitations())

    async def is_ready(_: Request) -> Response:
        faults, (unready, views) = health(), await ready()
        is_behind = bool(unready) and not faults and all(name.startswith("view ") for name in unready)
        return _state({**faults, **unready}, limitations(), views, status="behind" if is_behind else "failing")

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(
            _exposition(await gauges(await identify(request)), counters),
            media_type="text/plain; version=0.0.4",
            headers={"Cache-Control": "no-store"},
        )

    return [
        Route("/health", is_healthy, methods=["GET"]),
        Route("/ready", is_ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _state(
    wrong: Mapping[str, str],
    limitations: Mapping[str, str],
    views: Mapping[str, int] | None = None,
    status: str = "failing",
) -> Response:
    """Return the state of the node. ``status`` is that of a node with something ``wrong``: one whose views are being
    filled is only behind."""
    # Names only: details may reveal addresses and accounts, and anybody may ask here. Signed-in people find them
    # under /api/node, operators in the log.
    body: dict[str, object] = {"status": "ok"} if not wrong else {"status": status, "wrong": sorted(wrong)}
    if limitations:
        body["limited"] = sorted(limitations)
    if views:
        # In percent: the number of entries is private.
        body["views"] = dict(views)
    return JSONResponse(body, status_code=503 if wrong else 200, headers={"Cache-Control": "no-store"})


def _exposition(gauges: Mapping[str, tuple[str, float]], counters: Counters) -> str:
    """Return the metrics in the text format of Prometheus."""
    lines: list[str] = []
    for name, (words, value) in gauges.items():
        lines += [f"# HELP hansa_{name} {words}", f"# TYPE hansa_{name} gauge", f"hansa_{name} {value:g}"]
    lines += ["# HELP hansa_http_requests_total Requests answered.", "# TYPE hansa_http_requests_total counter"]
    for (method, status), count in sorted(counters.requests.items()):
        lines.append(f'hansa_http_requests_total{{method="{method}",status="{status}"}} {count}')
    name = "hansa_http_request_seconds"
    lines += [
        f"# HELP {name} How long answers took, without those that waited for a change.",
        f"# TYPE {name} histogram",
    ]
    lines += [f'{name}_bucket{{le="{bound:g}"}} {count}' for bound, count in counters.buckets.items()]
    lines += [
        f'{name}_bucket{{le="+Inf"}} {counters.total}',
        f"{name}_sum {counters.seconds:.6f}",
        f"{name}_count {counters.total}",
    ]
    return "\n".join(lines) + "\n"
