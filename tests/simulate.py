"""The simulation: companies of nodes in one process each, a scripted adversary, and the invariants after every step.

``python -m tests.simulate --steps 1000000 [--seed N] [--jobs N]`` lives one life after the other until so many steps
are done, and prints a table. A violation is printed with its seed and step, made smaller, written to
``build/simulate/``, and fails the run. ``--life SEED/NUMBER`` lives one life again, ``--replay FILE`` a schedule.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.simulator.life import Life, live, replay
from tests.simulator.nodes import NodePlan
from tests.simulator.shrink import in_words, shrink

BATCH: Final = 8
FOLDER: Final = Path("build/simulate")
FIGURES: Final = (
    ("negotiations", "negotiations"),
    ("agreements", "agreements"),
    ("transfers", "transfers"),
    ("completed", "transfers completed"),
    ("drops", "messages lost"),
    ("repeats", "messages repeated"),
    ("outwait", "answers not waited for"),
    ("crashes", "crashes"),
    ("pause", "workers paused"),
    ("fate", "commits that went wrong"),
    ("cut", "partitions"),
    ("clock", "clock steps"),
)


@dataclass
class Tally:
    """What all lives came to."""

    seeds: int = 0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    recovery: timedelta = timedelta()
    violations: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.counts.update(other.counts)
        self.recovery = max(self.recovery, other.recovery)
        self.violations += other.violations


def batch(seed: int, first: int, lives: int) -> Tally:
    """Some lives, one after the other."""
    # What the nodes log about faults is about the faults that we make.
    logging.disable(logging.CRITICAL)
    tally = Tally()
    for number in range(first, first + lives):
        life = live(name(seed, number))
        tally.seeds += 1
        tally.steps += life.step
        tally.counts.update(life.counts)
        if life.violation is not None:
            tally.violations.append((life.seed, life.step, str(life.violation)))
        elif not life.put_back:
            tally.recovery = max(tally.recovery, life.recovery)
    return tally


def name(seed: int, number: int) -> str:
    """The seed of one life of a run."""
    return f"{seed}/{number}"


def run(seed: int, steps: int, jobs: int) -> Tally:
    """Lives until so many steps are done, or something is wrong."""
    tally, began = Tally(), time.monotonic()
    numbers: Iterator[int] = iter(range(0, 1 << 60, BATCH))
    with ProcessPoolExecutor(jobs) as pool:
        running: set[Future[Tally]] = set()
        while tally.steps < steps and not tally.violations:
            while len(running) < 2 * jobs:
                running.add(pool.submit(batch, seed, next(numbers), BATCH))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                tally.add(future.result())
            rate = tally.steps / (time.monotonic() - began)
            print(f"\r{tally.steps:,} of {steps:,} steps, {rate:,.0f} a second", end="", file=sys.stderr, flush=True)
        for future in running:
            future.cancel()
    print(file=sys.stderr)
    return tally


def table(tally: Tally, seconds: float) -> str:
    """The figures of a run."""
    rows = [("steps", f"{tally.steps:,}"), ("seeds", f"{tally.seeds:,}")]
    rows += [(words, f"{tally.counts[key]:,}") for key, words in FIGURES]
    rows += [
        ("longest recovery (virtual)", f"{tally.recovery.total_seconds():.1f} s"),
        ("steps a second", f"{tally.steps / seconds:,.0f}"),
        ("violations", str(len(tally.violations))),
    ]
    return "\n".join(f"{words:<28}{value:>12}" for words, value in rows)


def report(life: Life, seconds: float) -> None:
    """Tell about a life in which something went wrong, as small as it can be made, and keep it for a replay."""
    smaller = shrink(life, seconds=seconds)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{life.seed.replace('/', '-')}.json"
    path.write_text(json.dumps(to_json(smaller), indent=1))
    print(f"\nseed {life.seed}, step {life.step}: {life.violation}")
    print(f"{len(life.actions)} actions made {len(smaller.actions)}:\n{in_words(smaller)}")
    print(f"again: python -m tests.simulate --replay {path}")
    print(f"whole: python -m tests.simulate --life {life.seed}")


def to_json(life: Life) -> dict[str, object]:
    """A life as JSON, for ``from_json``."""
    return {
        "seed": life.seed,
        "violation": str(life.violation),
        "company": [asdict(plan) for plan in life.plans],
        "actions": life.actions,
    }


def from_json(text: str) -> Life:
    """Live again what ``to_json`` wrote."""
    found = json.loads(text)
    plans = [NodePlan(**plan) for plan in found["company"]]
    return replay(found["seed"], plans, [tuple(action) for action in found["actions"]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description="Simulate nodes under a scripted adversary.")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--shrink", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--life", help="live this one life again: SEED/NUMBER")
    parser.add_argument("--replay", type=Path, help="live the schedule in this file again")
    chosen = parser.parse_args()
    if chosen.life or chosen.replay:
        logging.disable(logging.CRITICAL)
        life = from_json(chosen.replay.read_text()) if chosen.replay else live(chosen.life)
        if life.violation is None:
            print(f"{life.step} steps, no violation")
            return 0
        if chosen.replay:
            print(in_words(life))
        else:
            report(life, chosen.shrink)
        return 1
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    tally = run(seed, chosen.steps, chosen.jobs)
    for found, step, violation in tally.violations:
        print(f"violation: seed {found}, step {step}: {violation}")
    if tally.violations:
        logging.disable(logging.CRITICAL)
        report(live(tally.violations[0][0]), chosen.shrink)
    print(table(tally, time.monotonic() - began))
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
