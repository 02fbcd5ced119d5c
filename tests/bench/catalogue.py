"""What publishing costs one by one, by many clients and in bulk, and what the catalogue of many records answers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import yaml

from demo.cast import Member
from node.catalogue.dsp import PAGE
from tests.bench.measures import FIELDS
from tests.bench.processes import Fsyncs, bare_server, cpu_seconds, nodes
from tests.bench.report import Figure, median

CLIENTS = 16
FEW = 50
"""Records of the smaller catalogue: what the first page of the large one is compared with."""
ECHO = "durable echo over HTTP, same run"


def publishing(count: int = 40, bulk: int = 160) -> list[Figure]:
    """Descriptions, checked and signed: ``publish_p50_ms`` (saved), ``publish_visible_p50_ms`` (in every view),
    ``publish_cpu_ms`` and ``publish_fsyncs`` (one at a time, in every view), ``publish_per_s_16`` and
    ``publish_bulk_per_s`` (``hansa publish`` of many files).

    Baseline: a durable echo at the bare server, the least that any publication costs.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        with nodes(home, "publisher") as (member,), bare_server(home) as (url, _, _), httpx2.Client() as bare:
            with member.client() as client:
                publish(client, "warm", 8)
                assert member.process is not None
                pids = [member.process.pid]
                saved = _each(count, lambda number: publish_one(client, f"saved-{number}", wait=False))
                cpu = cpu_seconds(pids)
                visible = _each(count, lambda number: publish_one(client, f"visible-{number}"))
                cpu = cpu_seconds(pids) - cpu
                with Fsyncs(pids) as fsyncs:
                    publish(client, "traced", 10)
            many = _by_many(member, bulk)
            in_bulk = _in_bulk(member, home, bulk)
            echoes = _each(count, lambda number: bare.post(f"{url}/keep", json={**FIELDS, "id": f"set-{number}"}))
            echo_rate = len(echoes) / sum(echoes)
    figures = [
        _ms("publish_p50_ms", saved, echoes),
        _ms("publish_visible_p50_ms", visible, echoes),
        _figure("publish_cpu_ms", cpu * 1000 / count, "ms", count, ECHO, median(echoes) * 1000),
        _rate(f"publish_per_s_{CLIENTS}", many, bulk, echo_rate),
        _rate("publish_bulk_per_s", in_bulk, bulk, echo_rate),
    ]
    if Fsyncs.available():
        figures.append(_figure("publish_fsyncs", fsyncs.count / 10, "", 10, ECHO, 1.0))
    return figures


def answering(records: int = 1000, rounds: int = 30) -> list[Figure]:
    """A catalogue of so many records: ``search_facets_p95_ms``, and its first page as the protocol asks for it,
    ``dsp_catalogue_p50_ms``. Set ``records`` to 25,000 to see how they grow.

    Baselines: the same of a catalogue of fifty records, same run.
    """
    took: dict[str, dict[str, list[float]]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "few", "many") as members,
    ):
        data = Path(scratch) / "counts.csv"
        data.write_text("hour,bicycles\n0,12\n", "utf-8")
        for member, number in zip(members, (FEW, records), strict=True):
            with member.client() as client, httpx2.Client() as anybody:
                # What nothing delivers is in no catalogue of the protocol.
                _by_many(member, number, files=[client.upload(data)])
                took[member.key] = {
                    "search": _each(rounds, lambda turn, client=client: client.search(_WORDS[turn % len(_WORDS)])),
                    "dsp": _each(rounds, lambda _, url=member.url, http=anybody: _first_page(http, url)),
                }
    small, large = took["few"], took["many"]
    return [
        _figure(
            "search_facets_p95_ms",
            _p95(large["search"]) * 1000,
            "ms",
            rounds,
            f"{FEW} records, same run",
            _p95(small["search"]) * 1000,
        ),
        _figure(
            "dsp_catalogue_p50_ms",
            median(large["dsp"]) * 1000,
            "ms",
            rounds,
            f"{FEW} records, same run",
            median(small["dsp"]) * 1000,
        ),
    ]


_WORDS = ("", "bicycle", "counters hourly", "bicycl", "every hour")


def _first_page(http: httpx2.Client, url: str) -> None:
    catalogue = http.get(f"{url}/dsp/catalog").raise_for_status().json()
    if len(catalogue["dataset"]) < min(FEW, PAGE):
        raise RuntimeError("the first page of the catalogue is not full")


def publish_one(client: Any, name: str, *, wait: bool = True, files: Sequence[Any] = ()) -> None:
    client.publish({"fields": {**FIELDS, "id": name}, "wait": wait, "files": list(files)})


def publish(client: Any, name: str, count: int) -> None:
    for number in range(count):
        publish_one(client, f"{name}-{number}")


def _by_many(member: Member, count: int, files: Sequence[Any] = ()) -> float:
    """Seconds that so many clients took for ``count`` descriptions, each in every view."""

    def work(client_number: int) -> None:
        with member.client() as client:
            for number in range(client_number, count, CLIENTS):
                publish_one(client, f"many-{number}", files=files)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(work, number) for number in range(CLIENTS)]:
            done.result()
    return time.perf_counter() - began


def _in_bulk(member: Member, home: Path, count: int) -> float:
    """Seconds that ``hansa publish`` takes for so many files, its own start included."""
    names = [f"bulk-{number}.yaml" for number in range(count)]
    for number, name in enumerate(names):
        (home / name).write_text(yaml.safe_dump({**FIELDS, "id": f"bulk-{number}"}), "utf-8")
    began = time.perf_counter()
    ran = member.hansa("publish", *names)
    if ran.returncode != 0:
        raise RuntimeError(f"publishing in bulk failed: {ran.stdout[-500:]}{ran.stderr[-500:]}")
    return time.perf_counter() - began


def _each(count: int, work: Callable[[int], Any]) -> list[float]:
    took = []
    for number in range(count):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    return took


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[int(len(took) * 0.95)]


def _ms(metric: str, took: Sequence[float], floor: Sequence[float]) -> Figure:
    return _figure(metric, median(took) * 1000, "ms", len(took), ECHO, median(floor) * 1000)


def _figure(metric: str, value: float, unit: str, count: int, baseline_name: str, baseline: float) -> Figure:
    return Figure(
        metric=metric, value=value, unit=unit, n=count, baseline_name=baseline_name, baseline_value=baseline
    )


def _rate(metric: str, seconds: float, count: int, baseline: float) -> Figure:
    return Figure(
        metric=metric,
        value=count / seconds,
        unit="1/s",
        n=count,
        baseline_name=f"{ECHO}, one at a time",
        baseline_value=baseline,
        lower_is_better=False,
    )
