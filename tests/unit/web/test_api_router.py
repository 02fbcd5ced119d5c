"""Operations are analysed at their first use, and answer as those of FastAPI itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from node.web.api_router import DeferredRoute, PlacedApiRouter, PlacingApplication
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

    app = PlacingApplication()
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


def test_a_request_has_its_own_operation_analysed_and_no_other(app: FastAPI, client: TestClient) -> None:
    assert client.get("/api/counters/3").status_code == 200
    assert client.get("/api/counters/3/hours").status_code == 404
    assert client.get("/other").status_code == 404
    assert [route.path for route in deferred_routes(app) if is_analysed(route)] == ["/api/counters/{number}"]


def test_routers_with_options_and_foreign_ones_are_included_as_by_fastapi(app: FastAPI, client: TestClient) -> None:
    foreign, late = APIRouter(), PlacedApiRouter(prefix="/late")
    foreign.add_api_route("/foreign/{name}", lambda name: {"name": name}, name="foreign")
    app.include_router(foreign)
    app.include_router(late, prefix="/under")
    late.add_api_route("/one", lambda: {"is": "late"}, name="late")
    assert client.get("/foreign/a").json() == {"name": "a"}
    assert client.get("/under/late/one").json() == {"is": "late"}
    assert app.url_path_for("counter", number=3) == "/api/counters/3"
    assert app.url_path_for("foreign", name="a") == "/foreign/a"


def test_requests_are_answered_as_by_other_routes(client: TestClient) -> None:
    assert client.get("/api/counters/3", params={"since": 7}).json() == {"number": 3, "since": 7}
    assert client.get("/api/counters/three").status_code == 422
    assert client.post("/api/counters", json={"bicycles": 4}).status_code == 201
    refusal = client.delete("/api/counters/3")
    assert (refusal.status_code, refusal.headers["allow"]) == (405, "GET")
    assert client.get("/api/counters/", follow_redirects=False).headers["location"].endswith("/api/counters")
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
