"""The contract of ``OgcProcessPlane``, kept by the client over HTTP (to a loopback service) and by the scripted one.

Which forms of answers the client over HTTP understands is in
``tests/unit/scenarios/runs/test_answers_of_services.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.adapters.egress import Egress
from node.adapters.planes.ogc_processes import HttpOgcProcesses
from node.base.errors import (
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.scenarios.errors import ModelFailed
from node.scenarios.models.remote import OgcProcessPlane
from node.scenarios.run_model import State
from tests.fakes.ogc_processes import ScriptedOgcProcesses, results, status
from tests.simulator.http_servers import Address, served

KINDS = (Unauthenticated, NotAllowed, NotFound, InvalidInput, TooLarge, PeerUnreachable)
STATUSES = dict(zip(KINDS, (401, 403, 404, 400, 413, 503), strict=True)) | {ModelFailed: 422, Overloaded: 503}
TOKEN = "Bearer first"


class Service:
    """What the scripted service does, over HTTP as OGC API Processes has it (OGC 18-062r2 §7)."""

    def __init__(self, address: Address) -> None:
        self.script = ScriptedOgcProcesses(base=address.url, valid="first")
        self.app = Starlette(
            routes=[
                Route("/processes/walking/execution", self.execute, methods=["POST"]),
                Route("/jobs/{job}", self.job, methods=["GET", "DELETE"]),
                Route("/jobs/{job}/results", self.results),
                Route("/data/token", self.renew, methods=["POST"]),
            ],
            exception_handlers={HansaError: self.refuse},
        )

    async def execute(self, request: Request) -> Response:
        assert request.headers["prefer"] == "respond-async"
        key, body = request.headers["idempotency-key"], await request.body()
        posted = await self.script.execute(str(request.url), body, authorization=_token(request), key=key)
        if posted.job is None:
            return Response(posted.result, media_type="application/json")
        return JSONResponse({"status": "accepted"}, 201, {"location": posted.job})

    async def job(self, request: Request) -> Response:
        url, authorization = str(request.url), _token(request)
        if request.method == "DELETE":
            await self.script.dismiss(url, authorization=authorization)
            return JSONResponse({"status": "dismissed"})
        at = await self.script.status(url, authorization=authorization)
        link = {"rel": "http://www.opengis.net/def/rel/ogc/1.0/results", "href": at.results}
        told = {"status": at.state.value, "progress": at.progress, "message": at.message, "links": [link]}
        return JSONResponse(told)

    async def results(self, request: Request) -> Response:
        found = await self.script.results(str(request.url), authorization=_token(request))
        return Response(found, media_type="application/json")

    async def renew(self, request: Request) -> Response:
        return Response(await self.script.renew(str(request.url), authorization=str(_token(request))))

    async def refuse(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, HansaError)
        problem = {"code": error.code, "detail": error.detail, **error.facts}
        return JSONResponse(problem, STATUSES[type(error)], media_type="application/problem+json")


def _token(request: Request) -> str | None:
    return request.headers.get("authorization")


@dataclass
class Scene:
    """A client, and the service behind it."""

    plane: OgcProcessPlane
    service: ScriptedOgcProcesses

    @property
    def url(self) -> str:
        return f"{self.service.base}/processes/walking/execution"

    @property
    def job(self) -> str:
        return f"{self.service.base}/jobs/1"


@pytest.fixture(params=["http", "scripted"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    if request.param == "scripted":
        script = ScriptedOgcProcesses(base="https://service.example", valid="first")
        yield Scene(script, script)
        return

    def make(address: Address) -> tuple[Any, Service]:
        service = Service(address)
        return service.app, service

    async with served(make) as (_, service), Egress(allow_loopback=True) as egress:
        yield Scene(HttpOgcProcesses(egress), service.script)


async def test_a_request_becomes_a_job_and_the_same_request_the_same_job(scene: Scene) -> None:
    jobs = [
        (await scene.plane.execute(scene.url, b'{"inputs": {}}', authorization=TOKEN, key=key)).job
        for key in ("one", "one", "two")
    ]
    assert jobs == [scene.job, scene.job, f"{scene.service.base}/jobs/2"]
    assert scene.service.executed[0] == (scene.url, "one", b'{"inputs": {}}')


async def test_a_service_may_answer_at_once(scene: Scene) -> None:
    scene.service.at_once, scene.service.outcome = True, results(times=[1])
    posted = await scene.plane.execute(scene.url, b"{}", authorization=TOKEN, key="k")
    assert (posted.job, posted.result) == (None, results(times=[1]))


@pytest.mark.parametrize("state", State)
async def test_a_job_is_looked_at(scene: Scene, state: State) -> None:
    look = status(state, scene.job, progress=40, message="Halfway, nearly.")
    scene.service.looks.append(look)
    assert await scene.plane.status(scene.job, authorization=TOKEN) == look


async def test_results(scene: Scene) -> None:
    scene.service.outcome = results(times=[{"id": "a", "minutes": 12}])
    assert await scene.plane.results(f"{scene.job}/results", authorization=TOKEN) == scene.service.outcome


@pytest.mark.parametrize(
    "error",
    [
        ModelFailed("division by zero", facts={"line": 12, "error": "ZeroDivisionError"}),
        Overloaded("the model took more memory than it may", facts={"limit": "memory"}),
    ],
    ids=["failed", "overloaded"],
)
async def test_the_error_of_a_job_that_failed(scene: Scene, error: HansaError) -> None:
    scene.service.outcome = error
    with pytest.raises(type(error), match=error.detail) as raised:
        await scene.plane.results(f"{scene.job}/results", authorization=TOKEN)
    assert raised.value.facts == error.facts


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_refusals_are_told_by_their_kind(scene: Scene, kind: type[HansaError]) -> None:
    calls: list[Any] = [
        lambda: scene.plane.execute(scene.url, b"{}", authorization=TOKEN, key="k"),
        lambda: scene.plane.status(scene.job, authorization=TOKEN),
        lambda: scene.plane.dismiss(scene.job, authorization=TOKEN),
        lambda: scene.plane.renew(f"{scene.service.base}/data/token", authorization="Bearer me"),
    ]
    # Of a job that has ended, every other problem is the model's own failure.
    if kind in (Unauthenticated, NotAllowed, TooLarge):
        calls.append(lambda: scene.plane.results(f"{scene.job}/results", authorization=TOKEN))
    for call in calls:
        scene.service.refusals.append(kind("not now"))
        await _raises(kind, call())
    assert scene.service.executed == []
    assert scene.service.dismissed == []


async def _raises(kind: type[HansaError], call: Awaitable[object]) -> None:
    with pytest.raises(kind):
        await call


async def test_reasons_of_a_refusal_arrive(scene: Scene) -> None:
    reasons = [{"rule": "permission[0]", "since": "2026-11-20T12:00:00Z"}]
    scene.service.refusals.append(NotAllowed("revoked", facts={"reasons": reasons}))
    with pytest.raises(NotAllowed, match="revoked") as refusal:
        await scene.plane.execute(scene.url, b"{}", authorization=TOKEN, key="k")
    assert refusal.value.facts == {"reasons": reasons}


@pytest.mark.parametrize("token", [None, "Bearer another"])
async def test_another_token_is_refused(scene: Scene, token: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await scene.plane.status(scene.job, authorization=token)


async def test_an_open_service_is_sent_no_token(scene: Scene) -> None:
    scene.service.valid = None
    assert (await scene.plane.status(scene.job, authorization=None)).state is State.SUCCESSFUL


async def test_a_job_is_dismissed(scene: Scene) -> None:
    await scene.plane.dismiss(scene.job, authorization=TOKEN)
    assert scene.service.dismissed == [scene.job]


async def test_an_address_is_renewed(scene: Scene) -> None:
    scene.service.address = b'{"endpoint": "https://new.example"}'
    url = f"{scene.service.base}/data/token"
    assert await scene.plane.renew(url, authorization="Bearer me") == scene.service.address
    assert scene.service.renewals == [(url, "Bearer me")]
