"""What models and scenarios cost: over calling the function, over a call in the cage, over a call at home.

Two models: a *small* one whose function takes less than a millisecond, so that all that is measured is overhead; and
the traffic assignment of the demonstration, as a model that computes something.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from demo import data
from demo.nodes import FILES, Member
from node.cage.cage import Cage
from node.client import HansaClient
from node.scenarios.model import Model, Rows
from node.scenarios.models.code import describe_code, run_code
from node.scenarios.models.draft import model_of
from node.scenarios.tables.rows import read_rows
from node.sdk import find_model
from tests.bench.processes import bare_server, nodes, proportional_mb
from tests.bench.report import Figure, median

DIRECT = "the function called directly in this process, same run"
ROWS = 200
AT_ONCE = 2
"""Models that a node runs at a time; the baseline of draining does the same."""

SMALL = '''
from typing import Annotated, TypedDict

from node.sdk import Decimals, Unit, model


class Crossing(TypedDict):
    crossingId: str
    speed: Annotated[float, Unit("km/h")]


class Stop(TypedDict):
    crossingId: str
    distance: Annotated[float, Unit("m"), Decimals(1)]


@model(version="1.0.0", output="stops")
def stopping(crossings: list[Crossing], reaction: Annotated[float, Unit("s")] = 1.0) -> list[Stop]:
    """Distance that a car needs to stop."""
    return [
        {"crossingId": one["crossingId"], "distance": one["speed"] / 3.6 * reaction + (one["speed"] / 3.6) ** 2 / 14}
        for one in crossings
    ]
'''
_COMMON = """
description: Made up for a measurement.
contact: {name: Mobility, email: mobility@example.org}
theme: TRAN
keywords: [measurement]
license: CC-BY-4.0
conditions: open
"""
_CARD = """
kind: model
version: "1.0.0"
deterministic: true
method: As measured.
intended_use: Measuring.
limits: None known.
"""
SMALL_CARD = f"id: small\ntitle: Small\ncode: small.py{_CARD}{_COMMON}"
LARGE_CARD = f"id: assignment\ntitle: Assignment\ncode: assignment.py{_CARD}{_COMMON}"
DATA = f"kind: dataset\nid: crossings\ntitle: Crossings\nfiles: [{{path: crossings.csv}}]{_COMMON}"
NETWORK = (
    "kind: dataset\nid: network\ntitle: Network\ncrs: EPSG:4326\n"
    f"files: [{{path: network.geojson}}, {{path: trips.csv}}]{_COMMON}"
)
_SCENARIO = """
kind: scenario
version: "1.0.0"
goal: To be measured.
"""
SMALL_SCENARIO = """
inputs:
  - role: crossings
    title: Crossings
    description: Rows.
    variables: [{name: speed, unit: km/h, description: Speed.}]
parameters: [{name: reaction, unit: s, default: 1.0, description: Time.}]
indicators:
  - {name: far, title: Sum, unit: m, better: lower, definition: {of: stop.stops, sum: distance}}
chain: [{name: stop, uses: MODEL, inputs: {crossings: crossings}}]
"""
LARGE_SCENARIO = """
inputs:
  - {role: network, title: Network, description: Segments., crs: EPSG:4326}
  - {role: trips, title: Trips, description: Between nodes.}
indicators:
  - {name: hours, title: Hours, unit: h, better: lower, definition: {of: assign.flows, sum: vehicleHours}}
chain: [{name: assign, uses: model/assignment, inputs: {network: network, trips: trips}}]
"""


def overhead(rounds: int = 12) -> list[Figure]:
    """``scenario_run_small_ms`` and ``scenario_run_assignment_ms``: asked over HTTP, bound, checked, run, hashed,
    answered. Baseline: the function alone."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        _files(home)
        with nodes(home, "node") as (member,), member.client() as client:
            _publish(member, "small.yaml", "crossings.yaml", "assignment.yaml", "network.yaml")
            _publish(member, *_scenario(home, "small-run", SMALL_SCENARIO.replace("MODEL", "model/small")))
            _publish(member, *_scenario(home, "assignment-run", LARGE_SCENARIO))
            for name, binding, direct in (
                ("small", {"crossings": "dataset/crossings"}, _direct(SMALL, _small_rows())),
                (
                    "assignment",
                    {
                        "network": {"dataset": "dataset/network", "file": "network.geojson"},
                        "trips": {"dataset": "dataset/network", "file": "trips.csv"},
                    },
                    _direct(_assignment(), _large_rows(home)),
                ),
            ):
                took, bare = [], []
                for _ in range(rounds + 1):
                    took.append(_timed(partial(_run, client, f"scenario/{name}-run", binding)))
                    bare.append(_timed(direct))
                figures.append(_figure(f"scenario_run_{name}_ms", took[1:], bare[1:], DIRECT))
    return figures


def calls(rounds: int = 20) -> list[Figure]:
    """``model_call_small_ms`` and ``model_call_assignment_ms``: in the cage, without any node. Baseline: the function
    alone."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch, Cage() as cage:
        home = Path(scratch)
        _files(home)
        for name, code, rows in (
            ("small", SMALL, _small_rows()),
            ("assignment", _assignment(), _large_rows(home)),
        ):
            direct = _direct(code, rows)
            caged = asyncio.run(_caged(cage, code, rows, rounds + 1))
            bare = [_timed(direct) for _ in range(rounds + 1)]
            figures.append(_figure(f"model_call_{name}_ms", caged[1:], bare[1:], DIRECT))
    return figures


def remote(rounds: int = 20) -> list[Figure]:
    """``remote_call_ms``: the step of a run whose model is called at another node, under contract, rows and all.

    Baseline: the step of a run with the same model at home, in turn with it. Both as the run itself tells them.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        _files(home)
        with nodes(home, "owner", "peer") as (owner, peer), peer.client() as client:
            _publish(owner, "small.yaml")
            _publish(peer, "small.yaml", "crossings.yaml")
            there = f"{owner.url}/models/small"
            agreed = peer.hansa("get", there, "--yes", "--agree-only")
            if agreed.returncode != 0:
                raise RuntimeError(f"no agreement about {there}: {agreed.stdout}{agreed.stderr}")
            _publish(peer, *_scenario(home, "here-run", SMALL_SCENARIO.replace("MODEL", "model/small")))
            _publish(peer, *_scenario(home, "there-run", SMALL_SCENARIO.replace("MODEL", there)))
            away: list[float] = []
            home_steps: list[float] = []
            for _ in range(rounds + 1):
                for name, took in (("there", away), ("here", home_steps)):
                    run = _run(client, f"scenario/{name}-run", {"crossings": "dataset/crossings"})
                    took.append(_step_seconds(run))
    return [
        _figure(
            "remote_call_ms", away[1:], home_steps[1:], "the same model at home (in the cage of this node), same run"
        )
    ]


def draining(count: int = 1000) -> list[Figure]:
    """``runs_queued_drained_…``: so many bindings of the small scenario, each with another parameter, queued by two
    clients, and all of them run.

    Queuing binds and checks. Baselines: durable echoes; as many calls of the model in the cage, as many at once as a
    node runs, with no node around them; and the node's memory before.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        _files(home)
        with nodes(home, "node") as (member,), member.client() as client:
            _publish(member, "small.yaml", "crossings.yaml")
            _publish(member, *_scenario(home, "small-run", SMALL_SCENARIO.replace("MODEL", "model/small")))
            _run(client, "scenario/small-run", {"crossings": "dataset/crossings"})
            assert member.process is not None
            before = proportional_mb(member.process.pid)
            began = time.perf_counter()
            with _peak(member.process.pid) as peak:
                pids = _queued(member, count)
                queued = time.perf_counter() - began
                for pid in pids:
                    state = "accepted"
                    while state in ("accepted", "running"):
                        state = client.scenarios.run(pid, wait=30)["state"]
                    if state != "successful":
                        raise RuntimeError(f"a run ended as {state}")
                took = time.perf_counter() - began
        with bare_server(home) as (url, _, _), httpx2.Client() as bare:
            echoed = _timed(lambda: [bare.post(f"{url}/keep", json={"number": one}) for one in range(count)])
    with Cage(width=AT_ONCE) as cage:
        baseline = _timed(lambda: asyncio.run(_many_caged(cage, count)))
    return [
        Figure(
            metric=f"runs_queued_{count}_s",
            value=queued,
            unit="s",
            n=count,
            baseline_name="as many durable echoes over HTTP, one after the other, same run",
            baseline_value=echoed,
        ),
        Figure(
            metric=f"runs_queued_drained_{count}_s",
            value=took,
            unit="s",
            n=count,
            baseline_name=f"as many calls in the cage, {AT_ONCE} at a time, no node, same run",
            baseline_value=baseline,
        ),
        Figure(
            metric="runs_drained_per_s",
            value=count / took,
            unit="1/s",
            n=count,
            baseline_name=f"calls in the cage, {AT_ONCE} at a time, no node, same run",
            baseline_value=count / baseline,
            lower_is_better=False,
        ),
        Figure(
            metric="runs_drained_peak_mb",
            value=max(peak),
            unit="MB",
            n=len(peak),
            baseline_name="the same node before",
            baseline_value=before,
        ),
    ]


# ---- what is measured ---------------------------------------------------------------------------------------------


def _figure(metric: str, took: Sequence[float], baseline: Sequence[float], name: str) -> Figure:
    return Figure(
        metric=metric,
        value=median(took) * 1000,
        unit="ms",
        n=len(took),
        baseline_name=name,
        baseline_value=median(baseline) * 1000,
    )


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(client: HansaClient, scenario: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    run = client.scenarios.start({"scenario": scenario, "inputs": dict(inputs)})
    while run["state"] in ("accepted", "running"):
        run = client.scenarios.run(run["pid"], wait=30)
    if run["state"] != "successful":
        raise RuntimeError(f"a run ended as {run['state']}: {run.get('error')}")
    return run


def _step_seconds(run: Mapping[str, Any]) -> float:
    step = run["steps"][0]
    started, finished = (datetime.fromisoformat(step[name]) for name in ("started", "finished"))
    return (finished - started).total_seconds()


def _queued(member: Member, count: int) -> list[str]:
    pids: list[str] = []

    def queue(numbers: Sequence[int]) -> None:
        with member.client() as client:
            for number in numbers:
                inputs = {"crossings": "dataset/crossings"}
                parameters = {"reaction": round(0.5 + number / count, 4)}
                run = client.scenarios.start(
                    {"scenario": "scenario/small-run", "inputs": inputs, "parameters": parameters}
                )
                pids.append(run["pid"])

    threads = [threading.Thread(target=queue, args=(range(first, count, 2),)) for first in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(pids) != count:
        raise RuntimeError(f"only {len(pids)} of {count} runs could be queued")
    return pids


@contextmanager
def _peak(pid: int) -> Iterator[list[float]]:
    """Memory of a process and its children, looked at each second meanwhile."""
    seen, over = [proportional_mb(pid)], threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            try:
                seen.append(proportional_mb(pid))
            except Exception:  # a child that ended while it was looked at
                continue

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


# ---- models and their rows ----------------------------------------------------------------------------------------


def _direct(code: str, rows: Mapping[str, Rows]) -> Callable[[], Any]:
    module = types.ModuleType("measured")
    exec(compile(code, "measured.py", "exec"), module.__dict__)
    function = find_model(module)
    return lambda: function(**rows)


async def _described(cage: Cage, code: str) -> Model:
    return model_of(await describe_code(cage, code.encode(), "measured.py"), "models/measured")


async def _caged(cage: Cage, code: str, rows: Mapping[str, Rows], count: int) -> list[float]:
    model, took = await _described(cage, code), []
    for _ in range(count):
        began = time.perf_counter()
        await run_code(cage, code.encode(), model, rows, {})
        took.append(time.perf_counter() - began)
    return took


async def _many_caged(cage: Cage, count: int) -> None:
    model, rows, free = await _described(cage, SMALL), _small_rows(), asyncio.Semaphore(AT_ONCE)

    async def run_one() -> None:
        async with free:
            await run_code(cage, SMALL.encode(), model, rows, {}, patience=60)

    await asyncio.gather(*(run_one() for _ in range(count)))


def _assignment() -> str:
    return (FILES / "gent" / "traffic_assignment.py").read_text("utf-8")


def _small_rows() -> dict[str, Rows]:
    return {"crossings": [{"crossingId": f"c{number}", "speed": 20.0 + number % 50} for number in range(ROWS)]}


def _large_rows(home: Path) -> dict[str, Rows]:
    network = json.loads((home / "network.geojson").read_text("utf-8"))
    return {
        "network": [feature["properties"] for feature in network["features"]],
        "trips": read_rows((home / "trips.csv").read_bytes(), "text/csv", None),
    }


def _files(home: Path) -> None:
    segments = data.network(1)
    lines = [f"{one['crossingId']},{one['speed']}" for one in _small_rows()["crossings"]]
    for name, text in (
        ("small.py", SMALL),
        ("small.yaml", SMALL_CARD),
        ("crossings.csv", "\n".join(["crossingId,speed", *lines, ""])),
        ("crossings.yaml", DATA),
        ("assignment.py", _assignment()),
        ("assignment.yaml", LARGE_CARD),
        ("network.geojson", data.network_geojson(segments)),
        ("trips.csv", data.od_table(1, segments)),
        ("network.yaml", NETWORK),
    ):
        (home / name).write_text(text, "utf-8")


def _scenario(home: Path, name: str, text: str) -> tuple[str]:
    path = home / f"{name}.yaml"
    path.write_text(f"id: {name}\ntitle: {name}{_SCENARIO}{text}{_COMMON}", "utf-8")
    return (path.name,)


def _publish(member: Member, *names: str) -> None:
    ran = member.hansa("publish", *names)
    if ran.returncode != 0:
        raise RuntimeError(f"publishing {', '.join(names)} failed: {ran.stdout}{ran.stderr}")
