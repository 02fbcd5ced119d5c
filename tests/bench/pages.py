"""Costs of the pages of a node with many records: processor time, size, and the first view on a phone."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
import pytest

from demo.nodes import until
from tests.bench.operation import fill, shows
from tests.bench.report import FOLDER, Figure, figure, median, p95
from tests.e2e.chromium import Chromium, binary
from tests.e2e.demonstration import add_work, demonstrate, pages, person, serving, visitor

_LIMIT: Final = "at most, for any page"
WARM: Final = 2
FEWEST: Final = 3
PATIENCE: Final = 5.0
"""Seconds after which a page has no further turns, if it has had ``FEWEST``: a few take ten seconds each."""
LIMIT_MS: Final = 80
LIMIT_KB: Final = 150
LIMIT_VIEW: Final = 1000
READERS: Final = {
    "steward": ("publisher", "steward"),
    "governor": ("signatory", "auditor"),
    "operator": ("operator",),
}
"""People who sign in, with their roles: each sees other pages, and other parts of the same."""
VIEWED: Final = ("/", "/search", "/datasets/traffic-counts", "/about")
_SLOW_4G: Final = {"latency": 150, "downloadThroughput": 1_638_400 / 8, "uploadThroughput": 750_000 / 8}
"""As Lighthouse throttles a phone: 150 ms, 1.6 Mbit/s down, 750 kbit/s up."""
_SLOWER: Final = 4
"""How much slower the processor of the phone is."""
_PAINT: Final = "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)[0] ?? 0"


def measure(records: int = 25_000, rounds: int = 20, home: Path | None = None) -> list[Figure]:
    """Every page that links lead to in a city of the demonstration with ``records`` assets, for each of ``READERS``
    and for a visitor.

    ``page_cpu_p50_ms`` and ``page_cpu_p95_ms``: processor time of the node for a page, over all pages;
    ``page_cpu_worst_ms``: the p95 of the dearest page; ``page_largest_kb``: the largest page, gzipped;
    ``page_first_view_ms``: the first contentful paint of the slowest of a few pages on a throttled phone.
    ``build/bench/pages-each.json`` has each page. Baselines: what a page may cost at most.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        folder = home or Path(scratch)
        demonstrate(folder)
        with serving(folder, "gent") as (city,), visitor(city) as outside:
            own = int(outside.get("/api/catalogue/search?limit=1").json()["total"])
        fill(city, f"{city.url}/datasets/traffic-counts", records - own + 1)
        with serving(folder, "gent") as (city,):
            until("every view shows all records", lambda: shows(city, records), seconds=1800)
            assert city.process is not None
            with ExitStack() as stack:
                browsers = {name: stack.enter_context(person(city, roles)) for name, roles in READERS.items()}
                add_work(city, browsers["steward"])
                browsers["visitor"] = stack.enter_context(visitor(city))
                rows = [
                    {"reader": reader, **row}
                    for reader, browser in browsers.items()
                    for row in _each(browser, city.process.pid, rounds)
                ]
            first_views = asyncio.run(_first_views(city.url))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "pages-each.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    _show(rows)
    cpu = [value for row in rows for value in row["cpu_ms"]]
    figures = [
        figure("page_cpu_p50_ms", median(cpu), "ms", len(cpu), (_LIMIT, LIMIT_MS)),
        figure("page_cpu_p95_ms", p95(cpu), "ms", len(cpu), (_LIMIT, LIMIT_MS)),
        figure("page_cpu_worst_ms", max(p95(row["cpu_ms"]) for row in rows), "ms", len(rows), (_LIMIT, LIMIT_MS)),
        figure("page_largest_kb", max(row["kb"] for row in rows), "kB", len(rows), (_LIMIT, LIMIT_KB)),
    ]
    if first_views:
        figures.append(figure("page_first_view_ms", max(first_views), "ms", len(first_views), (_LIMIT, LIMIT_VIEW)))
    return figures


def _each(browser: httpx2.Client, pid: int, rounds: int) -> list[dict[str, Any]]:
    """Each page that links lead to: its route, address, processor milliseconds of each turn, and kilobytes."""
    rows = []
    for route, (address,) in pages(browser).items():
        took: list[float] = []
        began = time.monotonic()
        for turn in range(WARM + rounds):
            if len(took) >= FEWEST and time.monotonic() - began > PATIENCE:
                break
            before = cpu_ns(pid)
            answer = browser.get(address)
            if turn >= WARM:
                took.append((cpu_ns(pid) - before) / 1e6)
        size = len(gzip.compress(answer.content, 6)) / 1000
        rows.append({"route": route, "address": address, "cpu_ms": took, "kb": round(size, 1)})
    return rows


def cpu_ns(pid: int) -> int:
    """Nanoseconds of processor time that a process and its living children have used: finer than a tick."""
    root = psutil.Process(pid)
    total = time.clock_gettime_ns(_clock(pid))
    for child in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess, OSError):
            total += time.clock_gettime_ns(_clock(child.pid))
    return total


def _clock(pid: int) -> int:
    """The clock of the processor time of another process (clock_getcpuclockid(3), which Python lacks)."""
    return (~pid << 3) | 2


async def _first_views(url: str) -> list[float]:
    """Milliseconds to the first contentful paint of some pages, with an empty cache; none without a browser."""
    try:
        path = binary()
    except pytest.skip.Exception as error:
        print(f"no first view: {error}", file=sys.stderr)
        return []
    views = []
    async with Chromium(path) as tab:
        await tab.send("Network.setCacheDisabled", cacheDisabled=True)
        await tab.send("Network.emulateNetworkConditions", offline=False, **_SLOW_4G)
        await tab.send("Emulation.setCPUThrottlingRate", rate=_SLOWER)
        for page in VIEWED:
            await tab.look(url + page, width=360, height=640)
            while not (paint := await tab.ask(_PAINT)):
                await asyncio.sleep(0.05)
            print(f"first view of {page}: {paint:.0f} ms", file=sys.stderr)
            views.append(float(paint))
    return views


def _show(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'page':<44} {'reader':<8} {'p50 ms':>8} {'p95 ms':>8} {'kB':>7}", file=sys.stderr)
    for row in sorted(rows, key=lambda row: -p95(row["cpu_ms"])):
        typical, rare = median(row["cpu_ms"]), p95(row["cpu_ms"])
        print(
            f"{row['route']:<44} {row['reader']:<8} {typical:>8.1f} {rare:>8.1f} {row['kb']:>7.1f}", file=sys.stderr
        )
