"""Processes of pygeoapi, running: its own example, and one of ours in each form that a process of it may answer."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from node.adapters.egress.client import Egress
from node.adapters.planes.ogc_processes import HttpOgcProcesses
from node.base.errors import InvalidInput
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Parameter, Port, Variable
from node.scenarios.models.remote import OpenServiceModels
from tests.artefacts import SHARED
from tests.conformance.test_ckan import harvested
from tests.nodes import Running, city

__all__ = ["city"]

PEER = SHARED / "kits/peers/peer"
CACHE = Path(os.environ.get("HANSA_PEERS", Path.home() / ".cache/hansa-peers"))
ROWS = [{"id": "a", "minutes": 12}, {"id": "b", "minutes": 5}]
NOT_TO_BE_HAD = 3


@pytest.fixture(scope="module")
def hello() -> Iterator[str]:
    """pygeoapi as it comes."""
    if not PEER.exists():
        pytest.skip(
            "the kit that starts pygeoapi is not at hand: set HANSA_SHARED to the folder of official artefacts"
        )
    name, port = f"features.test{os.getpid()}", _free_port()
    started = subprocess.run([PEER, "up", name, str(port)], capture_output=True, text=True, timeout=600, check=False)
    if started.returncode == NOT_TO_BE_HAD:
        pytest.skip(f"pygeoapi cannot be had here: {started.stdout[-300:]}{started.stderr[-300:]}")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([PEER, "down", name], capture_output=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def forms(hello: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second one, with the process of ours."""
    folder, port = tmp_path_factory.mktemp("pygeoapi"), _free_port()
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump(_config(f"http://127.0.0.1:{port}", port, folder)))
    bin_ = CACHE / "features/bin"
    if not (bin_ / "waitress-serve").exists():
        pytest.skip(f"pygeoapi is not installed in {bin_}")
    known = {
        **os.environ,
        "PYGEOAPI_CONFIG": str(config),
        "PYGEOAPI_OPENAPI": str(folder / "openapi.json"),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command: list[str | Path] = [
        bin_ / "pygeoapi",
        "openapi",
        "generate",
        config,
        "--output-file",
        folder / "openapi.json",
        "-f",
        "json",
    ]
    subprocess.run(command, env=known, check=True, capture_output=True, timeout=120)
    with (folder / "log").open("wb") as log:
        serve: list[str | Path] = [bin_ / "waitress-serve", f"--listen=127.0.0.1:{port}", "pygeoapi.flask_app:APP"]
        process = subprocess.Popen(serve, env=known, stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}/conformance?f=json")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_its_records_are_harvested_page_by_page(hello: str, city: Running) -> None:
    items = f"{hello}/collections/records/items"
    first = harvested(city, f"{items}?limit=2")
    assert (first[0]["total"], first[-1]["new"], first[-1]["refused"]) == (3, 3, 0)
    assert {event["iri"] for event in first if event["event"] == "record"} == {
        f"{items}/{name}" for name in ("berths", "parking", "air")
    }
    assert harvested(city, f"{items}?limit=2")[-1]["unchanged"] == 3


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _config(url: str, port: int, folder: Path) -> dict[str, Any]:
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10},
            "map": {"url": "about:blank", "attribution": "none"},
            "manager": {"name": "TinyDB", "connection": str(folder / "jobs.json"), "output_dir": str(folder)},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Forms", "description": "Forms", "keywords": ["forms"], "keywords_type": "theme",
                "terms_of_service": url, "url": url,
            },
            "license": {"name": "none", "url": url},
            "provider": {"name": "City", "url": url},
            "contact": {"name": "Desk", "email": "desk@city.example"},
        },
        "resources": {
            name.lower(): {"type": "process", "processor": {"name": f"pygeoapi_forms.{name}"}}
            for name in ("Forms", "AtOnce")
        },
    }  # fmt: skip


def _await(url: str) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            if time.monotonic() > ends:
                raise
        time.sleep(0.2)


async def call(endpoint: str, port: Port, **parameters: Any) -> Any:
    model = Model(
        iri="https://node.example/models/there", version=1, origin="did:web:node.example", titles={}, inputs=(),
        outputs=(port,), parameters=tuple(Parameter(name=name) for name in parameters), endpoint=endpoint,
    )  # fmt: skip
    egress = Egress(allow_loopback=True, ports=range(1, 65536))
    try:
        outcome = await OpenServiceModels(plane=HttpOgcProcesses(egress)).execute(model, {}, parameters, key="k")
    finally:
        await egress.close()
    return outcome.outputs[port.role]


TIMES = Port(role="times", variables=(Variable(name="id"), Variable(name="minutes", unit="min")))


async def test_its_own_example(hello: str) -> None:
    port = Port(role="echo", variables=(Variable(name="text"),))
    assert await call(f"{hello}/processes/hello-world", port, name="A") == [{"text": "Hello A!"}]


async def test_its_own_example_without_what_it_needs(hello: str) -> None:
    port = Port(role="echo", variables=(Variable(name="text"),))
    with pytest.raises(ModelFailed, match="Cannot process without a name"):
        await call(f"{hello}/processes/hello-world", port)


@pytest.mark.parametrize("process", ["forms", "atonce"])
@pytest.mark.parametrize(
    ("form", "rows"), [("named", ROWS), ("map", ROWS), ("list", ROWS), ("features", ROWS), ("object", ROWS[:1])]
)
async def test_every_form(forms: str, process: str, form: str, rows: Any) -> None:
    assert await call(f"{forms}/processes/{process}", TIMES, form=form) == rows


@pytest.mark.parametrize(("process", "error"), [("forms", ModelFailed), ("atonce", InvalidInput)])
async def test_a_refusal_says_why(forms: str, process: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="there is no form round"):
        await call(f"{forms}/processes/{process}", TIMES, form="round")
