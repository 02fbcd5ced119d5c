"""Two EDCs that do what two nodes do, in the same run: as shipped, and as fast as its settings make it.

Their identities are mocks: EDC checks no token and no credential here, and signs nothing. Hansa does all of that.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import make_url

from tests.bench import measures
from tests.bench.processes import nodes, proportional_mb, server
from tests.bench.report import Figure, median
from tests.interop.edc import CACHE, Edc, require_edc, running_edc, words_for_edc

VERSION: Final = "2025-1"
SETUPS: Final[Mapping[str, str | None]] = {"as shipped": None, "polling every 50 ms": "50"}
"""A shorter pause loses negotiations on PostgreSQL: a message that comes while the poller works is refused, and its
sender gives up."""
COUNTS: Final = {1: 5, 8: 24, 64: 128}
LOOK: Final = {1: 0.02, 8: 0.1, 64: 0.25}
"""Seconds between two looks at a negotiation: EDC's API cannot wait for one."""
PATIENCE: Final = 40.0


@dataclass(frozen=True)
class Run:
    """Negotiations of one set-up: how long those that were FINALIZED took, all together, and how many were not."""

    took: list[float]
    seconds: float
    lost: int


def negotiating(count: int = 64) -> list[Figure]:
    """``negotiation_p50_ms_N``, ``negotiations_per_s_N`` and ``node_idle_mb`` of nodes.

    Baseline: EDC, once as shipped and once tuned; on PostgreSQL where the nodes are, else in memory, where the nodes
    keep everything on disk. Raises ``CannotBeHad`` where there is no EDC.
    """
    require_edc()  # before the nodes are measured, which takes a minute
    ours = {figure.metric: figure for figure in measures.negotiating(count)}
    figures = []
    for words, pause in SETUPS.items():
        with pair(pause) as (provider, consumer):
            dataset = _offer(provider, consumer)
            figures.append(_memory(provider, words))
            _together(consumer, provider, dataset, 2, 1)  # Its classes are loaded then.
            for at_once, number in COUNTS.items():
                run = _together(consumer, provider, dataset, number, at_once)
                name = f"EDC 0.15.1 {words}, {_storage()}, {run.lost} of {number} lost"
                figures += _compared(ours, at_once, run, name)
    return figures


@contextmanager
def pair(pause: str | None) -> Iterator[tuple[Edc, Edc]]:
    """Two EDCs with an open asset at the first; ``pause`` is the milliseconds between two looks of its own loops."""
    words = [] if pause is None else _every(pause)
    with ExitStack() as stack:
        given = server()
        url = None if given is None else make_url(given)
        provider, consumer = (stack.enter_context(running_edc(*words, *words_for_edc(url))) for _ in range(2))
        provider.seed("http://localhost:9", extra=0)
        yield provider, consumer


def _every(pause: str) -> list[str]:
    loops = ("negotiation.consumer", "negotiation.provider", "transfer")
    return [word for loop in loops for word in ("--set", f"edc.{loop}.state-machine.iteration-wait-millis={pause}")]


def _storage() -> str:
    return "in memory" if server() is None else "on PostgreSQL"


def _offer(provider: Edc, consumer: Edc) -> dict[str, Any]:
    found = consumer.catalog(provider.did, provider.address(VERSION), VERSION, limit=1)
    return found[0]


def _together(consumer: Edc, provider: Edc, dataset: Mapping[str, Any], count: int, at_once: int) -> Run:
    def negotiate(_: int) -> tuple[str, float]:
        began = time.perf_counter()
        pid = consumer.negotiate(provider.did, provider.address(VERSION), VERSION, dataset)
        while (state := consumer.negotiation(pid)["state"]) not in ("FINALIZED", "TERMINATED"):
            if time.perf_counter() - began > PATIENCE:
                return "STUCK", PATIENCE
            time.sleep(LOOK[at_once])
        return state, time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        ended = list(pool.map(negotiate, range(count)))
    seconds = time.perf_counter() - began
    took = [each for state, each in ended if state == "FINALIZED"]
    return Run(took, seconds, count - len(took))


def _compared(ours: Mapping[str, Figure], at_once: int, run: Run, baseline: str) -> list[Figure]:
    if not run.took:
        raise RuntimeError(f"{baseline}: no negotiation was FINALIZED")
    p50, rate = ours[f"negotiation_p50_ms_{at_once}"], ours[f"negotiations_per_s_{at_once}"]
    return [
        _beside(p50, baseline, median(run.took) * 1000),
        _beside(rate, baseline, len(run.took) / run.seconds),
    ]


def _beside(figure: Figure, baseline: str, value: float) -> Figure:
    return Figure(
        metric=figure.metric,
        value=figure.value,
        unit=figure.unit,
        n=figure.n,
        baseline_name=baseline,
        baseline_value=value,
        lower_is_better=figure.lower_is_better,
    )


def _memory(provider: Edc, words: str) -> Figure:
    """An idle node's memory beside an idle EDC's."""
    pid = next(
        int(path.read_text())
        for path in (CACHE / "edc-run").glob("*.pid")
        if f"web.http.port={provider.port + 1}\n" in path.with_suffix(".properties").read_text()
    )
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as folder, nodes(Path(folder), "idle") as (member,):
        assert member.process is not None
        time.sleep(2)
        return Figure(
            metric="node_idle_mb",
            value=proportional_mb(member.process.pid),
            unit="MB",
            n=1,
            baseline_name=f"EDC 0.15.1 {words}, {_storage()}",
            baseline_value=proportional_mb(pid),
        )
