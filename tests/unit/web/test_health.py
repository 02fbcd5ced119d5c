"""Health, readiness, metrics: for monitors, which are anybody."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.testclient import TestClient

from node.identity.model import Caller
from node.identity.scrapers import Monitor
from node.web.health import Counters, routes


async def behind() -> tuple[dict[str, str], dict[str, int]]:
    return {"view graph": "1200 entries behind"}, {"graph": 40, "search": 100}


async def gauges(by: Caller | Monitor) -> dict[str, tuple[str, float]]:
    return {}


def test_what_is_wrong_is_named_and_not_told() -> None:
    health_routes = routes(
        health=lambda: {"outbox": "LocalFault: connection to 10.0.0.5 failed for user hansa"},
        ready=behind,
        gauges=gauges,
        counters=Counters(),
    )
    client = TestClient(Starlette(routes=health_routes))
    for path, wrong in (("/health", ["outbox"]), ("/ready", ["outbox", "view graph"])):
        answer = client.get(path)
        assert answer.status_code == 503
        views = {"views": {"graph": 40, "search": 100}} if path == "/ready" else {}
        assert answer.json() == {"status": "failing", "wrong": wrong, **views}


def test_a_node_whose_views_are_being_filled_is_behind_and_does_not_fail() -> None:
    health_routes = routes(health=dict, ready=behind, gauges=gauges, counters=Counters())
    answer = TestClient(Starlette(routes=health_routes)).get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "behind", "wrong": ["view graph"], "views": {"graph": 40, "search": 100}}
