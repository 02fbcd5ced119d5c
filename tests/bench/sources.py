"""Data where they are: what the node adds to a read of the source itself, and what a conversion on the way costs."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from demo.nodes import Member, free_ports, until
from node.vocab.dsp import LIVE, PULL
from tests.bench.measures import FIELDS
from tests.bench.processes import await_ready, nodes
from tests.bench.report import Figure, figure, median

_SMALL = 2_000
_SOURCE = "the source itself, same run"


def proxying(reads: int = 200, size: int = 256 << 20) -> list[Figure]:
    """``proxy_p50_ms`` (a file of 2 kB, from the question to the whole answer), ``proxy_overhead_ms`` (how much of it
    the node adds) and ``proxy_mb_per_s`` (a file of ``size`` bytes). The source is a server in a process of its own.

    Baselines: the same reads of the source itself, in turn with those under contract; for the overhead, the aim of
    5 ms. A read under contract is checked and entered into the ledger before its first byte leaves.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        _served(Path(scratch), size) as source,
        nodes(Path(scratch), "city", "partner") as (city, partner),
        httpx2.Client(timeout=120, trust_env=False) as client,
    ):
        with city.client() as steward:
            steward.data_sources.add("files", "http", f"{source}/", options={"reads_per_minute": "0"})
        small, large = (_open(city, partner, name) for name in ("small.csv", "large.csv"))
        proxied, direct = _in_turn(
            lambda: _read(client, small["endpoint"], small["authorization"]),
            lambda: _read(client, f"{source}/small.csv"),
            reads,
        )
        sent, had = _in_turn(
            lambda: _read(client, large["endpoint"], large["authorization"]),
            lambda: _read(client, f"{source}/large.csv"),
            5,
        )
    added = proxied - direct
    return [
        figure("proxy_p50_ms", proxied * 1000, "ms", reads, (_SOURCE, direct * 1000)),
        figure("proxy_overhead_ms", added * 1000, "ms", reads, ("the aim", 5.0)),
        figure("proxy_mb_per_s", size / sent / 1e6, "MB/s", 5, (_SOURCE, size / had / 1e6), lower=False),
    ]


def converting(rows: int = 200_000) -> list[Figure]:
    """``conversion_s`` of a CSV of ``rows`` points to Parquet and to GeoPackage: from the request for the transfer to
    the verified file at the recipient.

    Baseline: the same transfer of the file as it is.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "city", "partner") as (city, partner),
    ):
        path = Path(scratch) / "points.csv"
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["id", "longitude", "latitude", "count"])
            table.writerows((n, 3.6 + n % 1000 / 1e4, 51 + n % 777 / 1e4, n % 50) for n in range(rows))
        with city.client() as client:
            file = {"name": path.name, "formats": ["parquet", "geopackage"]}
            fields = {**FIELDS, "id": "points", "files": [file]}
            iri = client.publish({"fields": fields, "files": [client.upload(path)]})["iri"]
        agreement = _agreement(partner, iri)
        plain = _receive(partner, agreement)
        return [
            figure(
                f"conversion_{form}_s", _receive(partner, agreement, form), "s", rows, ("the file as it is", plain)
            )
            for form in ("parquet", "geopackage")
        ]


def _in_turn(first: Callable[[], None], second: Callable[[], None], times: int) -> tuple[float, float]:
    """The medians of the seconds that both take, each after it was called once."""
    first()
    second()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for call, samples in zip((first, second), seconds, strict=True):
            began = time.perf_counter()
            call()
            samples.append(time.perf_counter() - began)
    return median(seconds[0]), median(seconds[1])


def _read(client: httpx2.Client, url: str, authorization: str = "") -> None:
    headers = {"Authorization": authorization} if authorization else {}
    with client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200
        for _ in answer.iter_raw():
            pass


@contextmanager
def _served(home: Path, size: int) -> Iterator[str]:
    """The address of a server with a small and a large file."""
    folder = home / "files"
    folder.mkdir()
    (folder / "ready").write_text("ok")
    (folder / "small.csv").write_bytes(b"hour,count\n".ljust(_SMALL, b"1"))
    with (folder / "large.csv").open("wb") as file:
        for _ in range(size >> 20):
            file.write(b"1,2\n" * (1 << 18))
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.file_server", str(port), str(folder)])
    try:
        await_ready(f"http://127.0.0.1:{port}", time.perf_counter())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _open(city: Member, partner: Member, item: str) -> dict[str, Any]:
    files = [{"data_source": "files", "item": item, "format": "CSV"}]
    with city.client() as client:
        fields = {**FIELDS, "id": item.removesuffix(".csv"), "files": files}
        iri = client.publish({"fields": fields, "files": [], "conditions": "open"})["iri"]
    agreement = _agreement(partner, iri)
    with partner.client() as client:
        pid = client.transfer(agreement, format=LIVE)["pid"]
        until("it has started", lambda: client.transfer_state(pid)["state"] == "STARTED")
        return dict(client.live_access(pid))


def _agreement(partner: Member, iri: str) -> str:
    partner.hansa("get", iri, "--agree-only", "--yes")
    with partner.client() as client:
        return str(next(agreement["id"] for agreement in client.agreements() if agreement["dataset"] == iri))


def _receive(partner: Member, agreement: str, form: str | None = None) -> float:
    with partner.client() as client:
        began = time.perf_counter()
        pid = client.transfer(agreement, format=PULL, convert_to=form)["pid"]
        until("it has come", lambda: client.transfer_state(pid, wait=5)["state"] == "COMPLETED")
        return time.perf_counter() - began
