"""What is measured. Each measure runs its baseline in turn with the thing itself, and takes medians."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx2

from demo.nodes import Member
from node.client import HansaClient
from tests.bench.processes import DiskCalls, bare_server, cpu_seconds, nodes
from tests.bench.report import Figure, median, p95

BARE = "bare FastAPI on uvicorn, same run"
FIELDS = {
    "kind": "dataset",
    "title": "Bicycle counters, hourly",
    "description": "Bicycles that pass each counter, every hour.",
    "contact": {"name": "Mobility", "email": "mobility@example.org"},
    "theme": "TRAN",
    "keywords": ["bicycle", "counting"],
    "license": "CC-BY-4.0",
    "conditions": "open",
}
AT_ONCE = (1, 8, 64)

C = TypeVar("C", HansaClient, httpx2.Client)


def negotiating(count: int = 64) -> list[Figure]:
    """Negotiations, asked to FINALIZED, 1, 8 and 64 at once: ``negotiation_p50_ms``, ``negotiation_p95_ms``,
    ``negotiations_per_s``, ``negotiation_cpu_ms``, ``negotiation_fsyncs`` and ``negotiation_page_writes``, the last
    three of both nodes together, and ``negotiation_client_ms``, the processor time of the client. Pages and fsyncs
    are those of SQLite: on PostgreSQL, the server has them.

    Baseline: four durable echoes in a row, the messages of a negotiation and nothing else.
    """
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        with nodes(home, "provider", "consumer") as (provider, consumer), bare_server(home) as (url, bare, _):
            with provider.client() as client:
                data = home / "counts.csv"
                data.write_text("hour,bicycles\n0,12\n", "utf-8")
                fields = {**FIELDS, "id": "counted"}
                iri = client.publish({"fields": fields, "files": [client.upload(data)]})["iri"]
            pids = [member.process.pid for member in (provider, consumer) if member.process is not None]
            _negotiations(consumer, iri, 8, 2)
            for at_once in AT_ONCE:
                number = max(count, 3 * at_once)
                told = _measured(pids, partial(_negotiations, consumer, iri), number, at_once)
                floor = _measured([bare.pid], partial(_echoes, url), number, at_once)
                figures += _compared(at_once, number, told, floor)
    return figures


@dataclass(frozen=True, slots=True)
class Run:
    """What ``took`` seconds each, ``seconds`` in all, and the processor seconds of those who asked."""

    took: list[float]
    seconds: float
    asking: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and per one: processor milliseconds of the processes, fsyncs, written pages."""

    run: Run
    cpu_ms: float
    fsyncs: float
    pages: float


def _measured(pids: list[int], work: Callable[[int, int], Run], count: int, at_once: int) -> Measured:
    cpu = cpu_seconds(pids)
    run = work(count, at_once)
    cpu = cpu_seconds(pids) - cpu
    # Tracing slows down what is traced, so it has a smaller turn of its own.
    with DiskCalls(pids) as calls:
        traced = len(work(max(8, at_once), at_once).took) if DiskCalls.available() else 1
    return Measured(run, cpu * 1000 / len(run.took), calls.fsyncs / traced, calls.pages / traced)


def _compared(at_once: int, number: int, nodes: Measured, floor: Measured) -> list[Figure]:
    def figure(metric: str, unit: str, value: float, baseline: float, *, lower_is_better: bool = True) -> Figure:
        return Figure(
            metric=f"{metric}_{at_once}",
            value=value,
            unit=unit,
            n=number,
            baseline_name=f"four durable echoes over HTTP, {at_once} at once, same run",
            baseline_value=baseline,
            lower_is_better=lower_is_better,
        )

    ours, theirs = nodes.run, floor.run
    figures = [
        figure("negotiation_p50_ms", "ms", median(ours.took) * 1000, median(theirs.took) * 1000),
        figure("negotiation_p95_ms", "ms", p95(ours.took) * 1000, p95(theirs.took) * 1000),
        figure(
            "negotiations_per_s", "1/s", number / nodes.run.seconds, number / floor.run.seconds, lower_is_better=False
        ),
        figure("negotiation_cpu_ms", "ms", nodes.cpu_ms, floor.cpu_ms),
        figure("negotiation_client_ms", "ms", ours.asking * 1000 / number, theirs.asking * 1000 / number),
    ]
    if nodes.fsyncs:
        figures.append(figure("negotiation_fsyncs", "", nodes.fsyncs, floor.fsyncs))
    if nodes.pages:
        figures.append(figure("negotiation_page_writes", "", nodes.pages, floor.pages))
    return figures


def _negotiations(consumer: Member, iri: str, count: int, at_once: int) -> Run:
    def negotiate(client: HansaClient) -> None:
        _negotiate(client, iri)

    return _together(consumer.client, negotiate, count, at_once)


def _negotiate(client: HansaClient, iri: str) -> None:
    pid = client.negotiate(iri)["pid"]
    state = "REQUESTED"
    while state not in ("FINALIZED", "TERMINATED"):
        state = client.negotiation(pid, wait=30)["state"]
    if state != "FINALIZED":
        raise RuntimeError(f"a negotiation ended as {state}")


def _echoes(url: str, count: int, at_once: int) -> Run:
    def echo(client: httpx2.Client) -> None:
        for _ in range(4):
            client.post(f"{url}/keep", json=FIELDS).raise_for_status()

    return _together(httpx2.Client, echo, count, at_once)


def _together(new: Callable[[], C], work: Callable[[C], None], count: int, at_once: int) -> Run:
    """Do ``work`` ``count`` times, in ``at_once`` threads with a client each. Raises where one of them lost a part.

    The clients are made before the clock starts: making one takes more processor time than a negotiation."""
    with ExitStack() as stack:
        clients = [stack.enter_context(new()) for _ in range(at_once)]

        def part(client: C) -> list[float]:
            took = []
            for _ in range(count // at_once):
                began = time.perf_counter()
                work(client)
                took.append(time.perf_counter() - began)
            return took

        with ThreadPoolExecutor(at_once) as pool:
            own, began = time.process_time(), time.perf_counter()
            took = [seconds for each in pool.map(part, clients) for seconds in each]
            return Run(took, time.perf_counter() - began, time.process_time() - own)


def transferring(megabytes: int = 200, rounds: int = 3) -> list[Figure]:
    """``sealed_transfer_mb_per_s``: asked, sealed, sent, opened, verified, saved by the consumer's node.

    Baseline: the same file from the same server over plain HTTP, hashed by the reader.
    """
    sealed, plain = [], []
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        data = home / "big.bin"
        data.write_bytes(os.urandom(1 << 20) * megabytes)
        # The provider admits the consumer itself: sealing is a condition for members.
        with nodes(home, "provider", "consumer", options=("--issuer",)) as (provider, consumer):
            _admit(provider, consumer)
            with provider.client() as client:
                fact = client.upload(data)
                shared = {**FIELDS, "id": "plain", "conditions": "open"}
                open_iri = client.publish({"fields": shared, "files": [{**fact, "open": True}]})["iri"]
                closed = {**FIELDS, "id": "closed", "conditions": {"template": "members", "sealed": True}}
                iri = client.publish({"fields": closed, "files": [fact]})["iri"]
            with consumer.client() as client:
                _negotiate(client, iri)
                agreement = next(one for one in client.agreements() if one["dataset"] == iri)
                for _ in range(rounds):
                    began = time.perf_counter()
                    pid = client.transfer(agreement["id"])["pid"]
                    while True:
                        state = client.transfer_state(pid, wait=5)
                        reception = state.get("reception")
                        if reception and reception["state"] in ("done", "failed"):
                            break
                    if reception["state"] != "done":
                        raise RuntimeError(f"a transfer failed: {reception['error']}")
                    sealed.append(megabytes * 1.048576 / (time.perf_counter() - began))
                    plain.append(megabytes * 1.048576 / _plain(f"{open_iri}/files/{data.name}"))
    return [
        Figure(
            metric="sealed_transfer_mb_per_s",
            value=median(sealed),
            unit="MB/s",
            n=rounds,
            baseline_name="plain HTTP from the same server, same run",
            baseline_value=median(plain),
            lower_is_better=False,
        )
    ]


def _admit(provider: Member, consumer: Member) -> None:
    with provider.client() as office, consumer.client() as client:
        client.join(provider.url, "MembershipCredential")
        office.decide(office.decisions()[0]["id"], approve=True)
        while not client.memberships()["credentials"]:
            time.sleep(0.05)


def _plain(url: str) -> float:
    digest = hashlib.sha256()
    began = time.perf_counter()
    with httpx2.stream("GET", url, timeout=60) as answer:
        answer.raise_for_status()
        for piece in answer.iter_bytes(1 << 20):
            digest.update(piece)
    return time.perf_counter() - began
