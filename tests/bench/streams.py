"""Observations in and out of a stream: how many in a second, the time from a sender to those who follow, and room."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from demo.nodes import Member, until
from node.client import OpenStream
from node.vocab.dsp import LIVE
from tests.bench.measures import FIELDS
from tests.bench.processes import kept_bytes, nodes
from tests.bench.report import Figure, p95

AIM_PER_SECOND = 2000.0
AIM_MS = 200.0
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"station": {"type": "string"}, "at": {"type": "string"}, "bikes": {"type": "integer"}},
    "required": ["station", "at", "bikes"],
}
_SENDERS = 4
_NOTES = 30


def streaming(messages: int = 100, readers: int = 300) -> list[Figure]:
    """``observations_in_per_s`` (on disk, messages of 100 by four senders), ``observation_bytes``,
    ``observations_out_per_s`` (a period, to one reader) and ``observation_to_reader_ms`` (p95 over all readers).

    Baselines: what the plan asks for on two cores; for bytes, the JSON of an observation.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "city", "partner") as (city, partner),
    ):
        with city.client() as client:
            client.streams.add("counts", SCHEMA, subject="station")
        before = kept_bytes(city)
        inward = _send(city, messages)
        room = (kept_bytes(city) - before) / (messages * _SENDERS * 100)
        access = _open(city, partner)
        began = time.perf_counter()
        count = sum(1 for _ in OpenStream(access).events(start="2025-01-01T00:00:00Z", end="2026-02-01T00:00:00Z"))
        outward = count / (time.perf_counter() - began)
        delays = _follow(city, access, readers)
    asked = "the aim on two cores"
    return [
        _figure(
            "observations_in_per_s", inward, "1/s", messages * _SENDERS * 100, (asked, AIM_PER_SECOND), lower=False
        ),
        _figure("observations_out_per_s", outward, "1/s", count, (asked, AIM_PER_SECOND), lower=False),
        _figure(
            "observation_bytes", room, "B", messages * _SENDERS * 100, ("its JSON", float(len(str(_observation(1)))))
        ),
        _figure(f"observation_to_{readers}_readers_ms", p95(delays) * 1000, "ms", len(delays), (asked, AIM_MS)),
    ]


def _figure(
    metric: str, value: float, unit: str, n: int, baseline: tuple[str, float], *, lower: bool = True
) -> Figure:
    name, amount = baseline
    return Figure(
        metric=metric,
        value=value,
        unit=unit,
        n=n,
        baseline_name=name,
        baseline_value=amount,
        lower_is_better=lower,
    )


def _observation(number: int) -> dict[str, Any]:
    return {"station": f"s{number % 50}", "at": f"2026-01-01T00:00:{number % 60:02}Z", "bikes": number}


def _send(city: Member, messages: int) -> float:
    """Observations in a second, as senders see it: each waits for its receipt."""

    def work(sender: int) -> None:
        with city.client() as client:
            for message in range(messages):
                first = (sender * messages + message) * 100
                client.streams.send("counts", [_observation(number) for number in range(first, first + 100)])

    began = time.perf_counter()
    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(work, range(_SENDERS)))
    return messages * _SENDERS * 100 / (time.perf_counter() - began)


def _open(city: Member, partner: Member) -> dict[str, Any]:
    files = [{"data_source": "streams", "item": "counts", "format": "JSON"}]
    with city.client() as client:
        fields = {**FIELDS, "id": "counts", "files": files}
        iri = client.publish({"fields": fields, "files": [], "conditions": "open"})["iri"]
    partner.hansa("get", iri, "--agree-only", "--yes")
    with partner.client() as client:
        agreement = next(agreement["id"] for agreement in client.agreements() if agreement["dataset"] == iri)
        pid = client.transfer(agreement, format=LIVE)["pid"]
        until("it has started", lambda: client.transfer_state(pid)["state"] == "STARTED")
        return dict(client.live_access(pid))


def _follow(city: Member, access: dict[str, Any], readers: int) -> list[float]:
    """The seconds from a sender's call to each reader, for each of some observations."""
    sent: dict[int, float] = {}
    delays: list[float] = []
    lock = threading.Lock()

    def read() -> None:
        events = OpenStream(access).events(after="1000000000")
        seen = 0
        for event in events:
            if event["event"] == "observation":
                with lock:
                    delays.append(time.perf_counter() - sent[event["data"]["bikes"]])
                seen += 1
            if seen == _NOTES:
                return

    threads = [threading.Thread(target=read, daemon=True) for _ in range(readers)]
    for thread in threads:
        thread.start()
    time.sleep(1 + readers / 50)
    with city.client() as client:
        for number in range(10**9, 10**9 + _NOTES):
            sent[number] = time.perf_counter()
            client.streams.send("counts", [_observation(number)])
            time.sleep(0.15)
    for thread in threads:
        thread.join(10)
    return delays
