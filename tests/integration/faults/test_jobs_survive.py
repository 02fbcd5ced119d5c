"""A node that is killed in the middle of a job, and services that are not ours."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.nodes import Member, free_ports
from tests.integration.scenarios.test_models_under_contract import call, model_at
from tests.models import STREETS, TIMES, WALKING, card, publish_model
from tests.node_processes import node_process
from tests.nodes import Running, agree, running, until

SLOW = {"inputs": {"streets": STREETS, "pause": 3}}


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    with node_process(tmp_path) as process:
        yield process


def publish_at(member: Member, slug: str = "walking") -> str:
    path = member.home / f"{slug}.py"
    path.write_text(WALKING)
    code = {"name": path.name, "sha256": hashlib.sha256(WALKING.encode()).hexdigest()}
    with member.client() as client:
        client.upload(path)
        return str(client.publish({"fields": {**card(slug), "code": code}, "conditions": "open"})["iri"])


@contextmanager
def person(member: Member) -> Iterator[httpx2.Client]:
    token = (member.folder / "token").read_text("ascii").strip()
    with httpx2.Client(
        base_url=member.url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as http:
        yield http


def begun(http: httpx2.Client, job: str) -> bool:
    info = http.get(job).json()
    return bool(info["status"] == "running" and info["progress"] > 0)


def test_a_job_that_was_killed_is_done_again_to_the_same_result(member: Member) -> None:
    publish_at(member)
    headers = {"Prefer": "respond-async", "Idempotency-Key": "once"}
    with person(member) as http:
        job = http.post("/ogc/processes/walking/execution", json=SLOW, headers=headers).headers["location"]
        until("the job runs", lambda: begun(http, job))
        member.kill()
    member.serve()
    member.wait_ready()
    with person(member) as http:
        info = until("the job ends", lambda: ended(http, job))
        assert info["status"] == "successful", info
        assert http.get(f"{job}/results").json() == TIMES
        again = http.post("/ogc/processes/walking/execution", json=SLOW, headers=headers)
        assert again.headers["location"] == job


def test_a_caller_sits_out_the_death_of_the_provider(member: Member, tmp_path: Path, sqlite_template: Path) -> None:
    iri = publish_at(member)
    with running(tmp_path / "plzen", template=sqlite_template) as caller:
        agree(caller, iri)
        model = model_of_record(caller, member, iri)
        killed = threading.Event()

        def restart() -> None:
            member.kill()
            member.serve()

        def progress(percent: int, line: str) -> None:
            if percent > 0 and not killed.is_set():
                killed.set()
                threading.Thread(target=restart).start()

        outcome = call(caller, model, key="through it all", progress=progress, pause=3.0)
        assert killed.is_set()
        assert outcome.outputs == {"times": TIMES}


def model_of_record(caller: Running, member: Member, iri: str) -> Any:
    """The card, as the owner's own node states it."""
    from node.bootstrap.parts import open_stores
    from node.scenarios.records.cards import model_of
    from node.settings import load

    stores = open_stores(load(member.folder))
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, iri)
    stores.uow.close()
    assert record is not None
    return model_of(record)


def ended(http: httpx2.Client, job: str) -> dict[str, Any] | None:
    info: dict[str, Any] = http.get(job).json()
    return info if info["status"] in ("successful", "failed") else None


class Service:
    """Another service of OGC API Processes: 2.0's names, a list in the document, ``sync`` or as a job."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.looked = 0
        self.sync = False
        self.broken = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/processes/walk/execution", self.execute, methods=["POST"]),
                Route("/jobs/7", self.status),
                Route("/jobs/7/results", self.results),
            ]
        )

    async def execute(self, request: Request) -> Response:
        self.asked.append(json.loads(await request.body()))
        assert "authorization" not in request.headers
        if self.sync:
            return JSONResponse({"times": {"value": TIMES}})
        return JSONResponse({"id": "7", "status": "accepted"}, status_code=201, headers={"Location": "/jobs/7"})

    async def status(self, _: Request) -> Response:
        self.looked += 1
        if self.looked == 2:
            return Response(status_code=503)
        state = "running" if self.looked < 4 else "failed" if self.broken else "successful"
        links = [{"rel": "results", "href": "/jobs/7/results"}]
        return JSONResponse({"id": "7", "status": state, "progress": 10 * self.looked, "links": links})

    async def results(self, _: Request) -> Response:
        if self.broken:
            return JSONResponse({"type": "about:blank", "detail": "out of paper"}, status_code=500)
        return JSONResponse({"outputs": [{"id": "times", "value": list(reversed(TIMES))}]})


@contextmanager
def served(service: Service) -> Iterator[str]:
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(service.app(), port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until("the service listens", lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


PORTS: dict[str, Any] = {
    "inputs": [
        {
            "role": "streets",
            "title": {"en": "Streets"},
            "description": {"en": "Streets."},
            "variables": [{"name": "length", "unit": "m", "description": {"en": "Length."}}],
        }
    ],
    "outputs": [
        {
            "role": "times",
            "title": {"en": "Times"},
            "description": {"en": "Times."},
            "variables": [{"name": "minutes", "unit": "min", "decimals": 2, "description": {"en": "Time."}}],
        }
    ],
    "parameters": [],
}


@pytest.mark.parametrize("sync", [False, True])
def test_a_model_at_another_service(running_node: Running, sync: bool) -> None:
    service = Service()
    service.sync = sync
    with served(service) as url:
        publish_model(running_node, code=None, endpoint=f"{url}/processes/walk", **PORTS)
        with running_node.http(headers=running_node.person()) as http:
            answer = http.post("/ogc/processes/walking/execution", json={"inputs": {"streets": STREETS}})
            assert answer.json() == TIMES
        assert call(running_node, model_at(running_node), key="from a run").outputs == {"times": TIMES}
    assert service.asked[0] == {"inputs": {"streets": STREETS}, "response": "document"}


def test_what_fails_at_another_service(running_node: Running) -> None:
    service = Service()
    service.broken = True
    with served(service) as url:
        publish_model(running_node, code=None, endpoint=f"{url}/processes/walk", **PORTS)
        with running_node.http(headers=running_node.person()) as http:
            answer = http.post("/ogc/processes/walking/execution", json={"inputs": {"streets": STREETS}})
            assert answer.json()["code"] == "model-failed"
            assert "out of paper" in answer.json()["detail"]
            iri = publish_model(running_node, "walking", code=None, endpoint=f"{url}/processes/walk", **PORTS)["iri"]
            reference = {"href": f"{iri}#v1"}
            refused = http.post("/ogc/processes/walking/execution", json={"inputs": {"streets": reference}})
            assert refused.json()["detail"].startswith("the data of streets stay here")
