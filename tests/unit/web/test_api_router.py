"""Operations are analysed at their first use, and answer as those of FastAPI itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from node.web.api_router import DeferredRoute, PlacedApiRouter
from node.web.openapi import answer_head


@pytest.fixture
def app() -> FastAPI:
    routes = PlacedApiRouter(prefix="/api/counters", tags=["counters"])

    @routes.get("/{number}", summary="One counter")
    async def counter(number: int, since: int = 0) -> dict[str, int]:
        return {"number": number, "since": since}

    @routes.post("", status_code=201)
    async def create(body: dict[str, int]) -> dict[str, int]:
        return body

    app = FastAPI()
    app.include_router(routes)
    answer_head(app.router.routes)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def deferred_routes(app: FastAPI) -> list[DeferredRoute]:
    (included,) = [route for route in app.router.routes if hasattr(route, "original_router")]
    return [route for route in included.original_router.routes if isinstance(route, DeferredRoute)]


def is_analysed(route: APIRoute) -> bool:
    return "dependant" in vars(route)


def test_nothing_is_analysed_before_the_first_request(app: FastAPI) -> None:
    routes = deferred_routes(app)
    assert [(route.path, route.methods, route.name) for route in routes] == [
        ("/api/counters/{number}", {"GET"}, "counter"),
        ("/api/counters", {"POST"}, "create"),
        ("/api/counters/{number}", {"HEAD"}, "counter"),
    ]
    assert not any(map(is_analysed, routes))


def test_requests_are_answered_as_by_other_routes(client: TestClient) -> None:
    assert client.get("/api/counters/3", params={"since": 7}).json() == {"number": 3, "since": 7}
    assert client.get("/api/counters/three").status_code == 422
    assert client.post("/api/counters", json={"bicycles": 4}).status_code == 201
    assert client.delete("/api/counters/3").status_code == 405
    head = client.head("/api/counters/3")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")


def test_a_twin_for_head_is_not_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/api/counters/{number}"]) == {"get"}
    parameters = {
        item["name"]: item["schema"]["type"] for item in paths["/api/counters/{number}"]["get"]["parameters"]
    }
    assert parameters == {"number": "integer", "since": "integer"}


def test_a_route_has_no_attributes_beyond_those_of_fastapi(app: FastAPI) -> None:
    route = deferred_routes(app)[0]
    assert not hasattr(route, "original_router")
    assert not is_analysed(route)
    assert not hasattr(copy(route), "other")


def test_many_threads_analyse_a_route_once(app: FastAPI) -> None:
    route = deferred_routes(app)[0]
    with ThreadPoolExecutor(16) as pool:
        dependants = list(pool.map(lambda _: route.dependant, range(64)))
    assert len({id(dependant) for dependant in dependants}) == 1
