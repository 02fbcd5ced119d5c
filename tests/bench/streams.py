"""Observations in and out of a stream: how many in a second, the time from a sender to those who follow, and room."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from demo.nodes import Member, until
from node.client import HansaClient, OpenStream
from node.vocab.dsp import LIVE
from tests.bench.measures import FIELDS
from tests.bench.processes import kept_bytes, nodes
from tests.bench.report import Figure, figure, p95

AIM_PER_SECOND = 2000.0
AIM_MS = 200.0
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"station": {"type": "string"}, "at": {"type": "string"}, "bikes": {"type": "integer"}},
    "required": ["station", "at", "bikes"],
}
_SENDERS = 4
_READERS = 500
"""Readers of one transfer: a stream allows 600 reads a minute to each."""
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
        accesses = _open(city, partner, readers)
        began = time.perf_counter()
        count = sum(
            1 for _ in OpenStream(accesses[0]).events(start="2025-01-01T00:00:00Z", end="2026-02-01T00:00:00Z")
        )
        outward = count / (time.perf_counter() - began)
        delays = _follow(city, accesses, readers)
    asked = "the aim on two cores"
    return [
        figure(
            "observations_in_per_s", inward, "1/s", messages * _SENDERS * 100, (asked, AIM_PER_SECOND), lower=False
        ),
        figure("observations_out_per_s", outward, "1/s", count, (asked, AIM_PER_SECOND), lower=False),
        figure(
            "observation_bytes",
            room,
            "B",
            messages * _SENDERS * 100,
            ("its JSON", float(len(str(an_observation(1))))),
        ),
        figure(f"observation_to_{readers}_readers_ms", p95(delays) * 1000, "ms", len(delays), (asked, AIM_MS)),
    ]


def crowd(readers: int = 1000) -> list[Figure]:
    """``observation_to_1000_readers_ms``: p95 over all of so many readers, whose threads share the machine with the
    node. Baseline: the aim on two cores."""
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "city", "partner") as (city, partner),
    ):
        with city.client() as client:
            client.streams.add("counts", SCHEMA, subject="station")
        delays = _follow(city, _open(city, partner, readers), readers)
    baseline = ("the aim on two cores", AIM_MS)
    return [figure(f"observation_to_{readers}_readers_ms", p95(delays) * 1000, "ms", len(delays), baseline)]


def an_observation(number: int) -> dict[str, Any]:
    """The observation of this number."""
    return {"station": f"s{number % 50}", "at": f"2026-01-01T00:00:{number % 60:02}Z", "bikes": number}


def _send(city: Member, messages: int) -> float:
    """Observations in a second, as senders see it: each waits for its receipt."""

    def work(sender: int) -> None:
        with city.client() as client:
            for message in range(messages):
                first = (sender * messages + message) * 100
                client.streams.send("counts", [an_observation(number) for number in range(first, first + 100)])

    began = time.perf_counter()
    with ThreadPoolExecutor(_SENDERS) as pool:
        list(pool.map(work, range(_SENDERS)))
    return messages * _SENDERS * 100 / (time.perf_counter() - began)


def _open(city: Member, partner: Member, readers: int) -> list[dict[str, Any]]:
    """Addresses and tokens of transfers, enough for so many readers."""
    agreement = agree(city, partner)
    with partner.client() as client:
        return [live_access(client, agreement) for _ in range(-(-readers // _READERS))]


def agree(city: Member, partner: Member) -> str:
    """Publish the stream ``counts`` of the city; return the id of the partner's agreement about it."""
    files = [{"data_source": "streams", "item": "counts", "format": "JSON"}]
    with city.client() as client:
        fields = {**FIELDS, "id": "counts", "files": files}
        iri = client.publish({"fields": fields, "files": [], "conditions": "open"})["iri"]
    partner.hansa("get", iri, "--agree-only", "--yes")
    with partner.client() as client:
        return str(next(agreement["id"] for agreement in client.agreements() if agreement["dataset"] == iri))


def live_access(client: HansaClient, agreement: str) -> dict[str, Any]:
    """Open a transfer under an agreement; return its address and token."""
    pid = client.transfer(agreement, format=LIVE)["pid"]
    until("it has started", lambda: client.transfer_state(pid)["state"] == "STARTED")
    return dict(client.live_access(pid))


def _follow(city: Member, accesses: list[dict[str, Any]], readers: int) -> list[float]:
    """The seconds from a sender's call to each reader, for each of some observations."""
    sent: dict[int, float] = {}
    delays: list[float] = []
    lock = threading.Lock()

    def read(access: dict[str, Any]) -> None:
        events = OpenStream(access).events(after="1000000000")
        seen = 0
        for event in events:
            if event["event"] == "observation":
                with lock:
                    delays.append(time.perf_counter() - sent[event["data"]["bikes"]])
                seen += 1
            if seen == _NOTES:
                return

    threads = [
        threading.Thread(target=read, args=(accesses[number // _READERS],), daemon=True) for number in range(readers)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    time.sleep(1 + readers / 50)
    with city.client() as client:
        for number in range(10**9, 10**9 + _NOTES):
            sent[number] = time.perf_counter()
            client.streams.send("counts", [an_observation(number)])
            time.sleep(0.15)
    for thread in threads:
        thread.join(10)
    if len(delays) < readers * _NOTES:
        raise RuntimeError(f"{readers} readers got {len(delays)} of {readers * _NOTES} observations")
    return delays
