"""What publishing costs one by one, by many clients and in bulk, and what the catalogue of many records answers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import yaml

from demo.nodes import Member
from node.catalogue.dsp import PAGE
from tests.bench.measures import FIELDS
from tests.bench.processes import DiskCalls, bare_server, children_seconds, cpu_seconds, nodes
from tests.bench.report import Figure, median, p95
from tests.bench.walkers import walking

CLIENTS = 16
SEARCHES = 10
WALKERS = 64
BATCH = 50
FEW = 50
"""Records of the smaller catalogue: what the first page of the large one is compared with."""
ECHO = "durable echo over HTTP, same run"


def publishing(count: int = 40, many_clients: int = 160, bulk: int = 1000) -> list[Figure]:
    """Descriptions, checked and signed: ``publish_p50_ms`` (saved), ``publish_visible_p50_ms`` (in every view),
    ``publish_cpu_ms`` and ``publish_fsyncs`` (one at a time, in every view), ``publish_per_s_16``,
    ``publish_bulk_per_s`` and ``publish_bulk_cpu_ms`` (``hansa publish`` of many files; the processor time is that of
    the node, its cage and the command for each of them).

    Baseline: a durable echo at the bare server, the least that any publication costs.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        with nodes(home, "publisher") as (member,), bare_server(home) as (url, _, _), httpx2.Client() as bare:
            with member.client() as client:
                publish(client, "warm", 8)
                assert member.process is not None
                pids = [member.process.pid]
                saved = seconds_of_each(count, lambda number: publish_one(client, f"saved-{number}", wait=False))
                cpu = cpu_seconds(pids)
                visible = seconds_of_each(count, lambda number: publish_one(client, f"visible-{number}"))
                cpu = cpu_seconds(pids) - cpu
                with DiskCalls(pids) as calls:
                    publish(client, "traced", 10)
            many = _by_many(member, many_clients)
            in_bulk, bulk_cpu = _in_bulk(member, home, bulk)
            echoes = seconds_of_each(
                count, lambda number: bare.post(f"{url}/keep", json={**FIELDS, "id": f"set-{number}"})
            )
            echo_rate = len(echoes) / sum(echoes)
    figures = [
        _ms("publish_p50_ms", saved, echoes),
        _ms("publish_visible_p50_ms", visible, echoes),
        _figure("publish_cpu_ms", cpu * 1000 / count, "ms", count, ECHO, median(echoes) * 1000),
        _rate(f"publish_per_s_{CLIENTS}", many, many_clients, echo_rate),
        _rate("publish_bulk_per_s", in_bulk, bulk, echo_rate),
        _figure("publish_bulk_cpu_ms", bulk_cpu * 1000 / bulk, "ms", bulk, "one at a time", cpu * 1000 / count),
    ]
    if DiskCalls.available():
        figures.append(_figure("publish_fsyncs", calls.fsyncs / 10, "", 10, ECHO, 1.0))
    return figures


def answering(records: int = 1000, rounds: int = 30) -> list[Figure]:
    """A catalogue of so many records: ``search_facets_p95_ms`` alone and 10 at once, and its first page as the
    protocol asks for it, ``dsp_catalogue_p50_ms``; ``search_last_page_p50_ms`` is the last page of a walk over all
    assets, in the order of publication. Set ``records`` to 25,000 to see how they grow.

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
                publish_together(client, "set", number, [client.upload(data)])
                took[member.key] = {
                    "search_facets_p95_ms": seconds_of_each(rounds, partial(search_once, client)),
                    f"search_facets_p95_ms_{SEARCHES}": _at_once(member, rounds),
                    "dsp_catalogue_p50_ms": seconds_of_each(rounds, partial(read_first_page, anybody, member.url)),
                    "search_last_page_p50_ms": seconds_of_each(rounds, _LastPage(client)),
                }
    few = f"{FEW} records, same run"
    typical = {name: p95 if "_p95_" in name else median for name in took["few"]}
    return [
        _figure(name, of(took["many"][name]) * 1000, "ms", rounds, few, of(took["few"][name]) * 1000)
        for name, of in typical.items()
    ]


_WORDS = ("", "bicycle", "counters hourly", "bicycl", "every hour")


def search_once(client: Any, turn: int) -> None:
    client.search(_WORDS[turn % len(_WORDS)])


def beside_walkers(records: int = 1000, count: int = 40) -> list[Figure]:
    """``publish_beside_walkers_p50_ms``: one publication after the other, each in every view, while ``WALKERS``
    callers walk through all results of a search.

    Baseline: the same without walkers, same run.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch,
        nodes(Path(scratch), "walked") as (member,),
        member.client() as client,
    ):
        publish_together(client, "set", records)
        publish(client, "warm", 8)
        alone = seconds_of_each(count, lambda number: publish_one(client, f"alone-{number}"))
        with walking(str(member.folder), WALKERS):
            beside = seconds_of_each(count, lambda number: publish_one(client, f"beside-{number}"))
    name = "publish_beside_walkers_p50_ms"
    return [_figure(name, median(beside) * 1000, "ms", count, "without walkers, same run", median(alone) * 1000)]


class _LastPage:
    """Asks for the last twenty assets or fewer, of all, behind the cursor of the page before."""

    def __init__(self, client: Any) -> None:
        page = client.search("", sort="published", limit=20)
        while page["cursor"]:
            self._cursor = page["cursor"]
            page = client.search("", sort="published", limit=20, cursor=self._cursor)
        self._client = client

    def __call__(self, _: int) -> None:
        self._client.search("", sort="published", limit=20, cursor=self._cursor)


def _at_once(member: Member, rounds: int) -> list[float]:
    """What ``SEARCHES`` clients at once take for each of their searches."""

    def work(_: int) -> list[float]:
        with member.client() as client:
            client.search("")
            return seconds_of_each(rounds, partial(search_once, client))

    with ThreadPoolExecutor(SEARCHES) as pool:
        return [seconds for part in pool.map(work, range(SEARCHES)) for seconds in part]


def read_first_page(http: httpx2.Client, url: str, _: int) -> None:
    catalogue = http.get(f"{url}/dsp/catalog").raise_for_status().json()
    if len(catalogue["dataset"]) < min(FEW, PAGE):
        raise RuntimeError("the first page of the catalogue is not full")


def publish_one(client: Any, name: str, *, wait: bool = True, files: Sequence[Any] = ()) -> None:
    client.publish({"fields": {**FIELDS, "id": name}, "wait": wait, "files": list(files)})


def publish(client: Any, name: str, count: int) -> None:
    for number in range(count):
        publish_one(client, f"{name}-{number}")


def publish_together(client: Any, name: str, count: int, files: Sequence[Any] = (), **fields: Any) -> None:
    """Publish so many descriptions in batches, and wait until every view shows them."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        submissions = [
            {"fields": {**FIELDS, **fields, "id": f"{name}-{number}"}, "files": list(files)} for number in numbers
        ]
        answer = client.publish_all(submissions, wait=numbers.stop == count)
        if not all("published" in result for result in answer["results"]):
            raise RuntimeError(f"publishing in batches failed: {answer}")


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


def _in_bulk(member: Member, home: Path, count: int) -> tuple[float, float]:
    """Seconds that ``hansa publish`` takes for so many files, its own start included, and seconds of processor
    time."""
    names = [f"bulk-{number}.yaml" for number in range(count)]
    for number, name in enumerate(names):
        (home / name).write_text(yaml.safe_dump({**FIELDS, "id": f"bulk-{number}"}), "utf-8")
    assert member.process is not None
    pids = [member.process.pid]
    cpu, began = cpu_seconds(pids) + children_seconds(), time.perf_counter()
    ran = member.hansa("publish", *names)
    if ran.returncode != 0:
        raise RuntimeError(f"publishing in bulk failed: {ran.stdout[-500:]}{ran.stderr[-500:]}")
    return time.perf_counter() - began, cpu_seconds(pids) + children_seconds() - cpu


def seconds_of_each(count: int, work: Callable[[int], Any]) -> list[float]:
    took = []
    for number in range(count):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    return took


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
