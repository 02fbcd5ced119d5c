"""A figure with its baseline; the table for people and the files for machines."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("build/bench")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``ratio`` > 1 means that Hansa is better than the baseline, whichever direction is better."""

    metric: str
    value: float
    unit: str
    n: int
    baseline_name: str
    baseline_value: float
    lower_is_better: bool = True
    seed: int = 0

    @property
    def ratio(self) -> float:
        if not self.value or not self.baseline_value:
            return 0.0
        return self.baseline_value / self.value if self.lower_is_better else self.value / self.baseline_value

    def to_json(self, machine: str) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "value": round(self.value, 4),
            "unit": self.unit,
            "n": self.n,
            "machine": machine,
            "seed": self.seed,
            "baseline": {"name": self.baseline_name, "value": round(self.baseline_value, 4)},
            "ratio": round(self.ratio, 4),
        }


def figure(
    metric: str, value: float, unit: str, n: int, baseline: tuple[str, float], *, lower: bool = True
) -> Figure:
    """A figure of ``n`` samples beside its baseline, name and value; ``lower``: less is better."""
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


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def machine() -> str:
    """What this was measured on, as far as it explains a figure."""
    import os

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def write(name: str, figures: Sequence[Figure]) -> None:
    """``build/bench/<name>.json``."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    here = machine()
    document = [figure.to_json(here) for figure in figures]
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def show(figures: Sequence[Figure]) -> None:
    """The table."""
    width = max(len(figure.metric) for figure in figures)
    print(f"{'metric':<{width}}  {'value':>10} {'unit':<6} {'n':>5}  {'ratio':>7}  baseline")
    for line in figures:
        print(
            f"{line.metric:<{width}}  {line.value:>10.3f} {line.unit:<6} {line.n:>5}  {line.ratio:>7.3f}  "
            f"{line.baseline_name} = {line.baseline_value:.3f}"
        )
