"""Sweep over every crash point: ``python -m tests.sweep [--store sqlite|postgres] [--only REGEX]``.

One line for each point, and at the end what was reached, and what was found lost, doubled and diverged. Exit status:
0 all points were reached and nothing was found, 1 otherwise, 3 PostgreSQL cannot be had here.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.comparison import Findings, make_database
from tests.postgres import CannotBeHad, cluster, scratch
from tests.sweep.pair import Pair
from tests.sweep.points import Point, in_order, made_up_of, points
from tests.sweep.run import Outcome, Sweep

CANNOT = 3


def run(
    chosen: list[Point], home: Path, *, postgres: str | None = None, say: Callable[[Outcome], None] | None = None
) -> tuple[list[Outcome], Findings]:
    """Sweep over ``chosen`` with two nodes below ``home``; then everything they hold is compared."""
    databases = None
    if postgres is not None:
        when = int(time.time() * 1000)
        one, other = (make_database(postgres, f"sweep_{name}_{when}") for name in ("provider", "consumer"))
        databases = (one, other)
    pair, findings, outcomes = Pair(home, databases), Findings(), []
    try:
        pair.begin({point.scene for point in chosen})
        for outcome in Sweep(pair, findings).over(in_order(chosen)):
            outcomes.append(outcome)
            if say is not None:
                say(outcome)
        pair.reckon(findings)
    finally:
        pair.close()
    return outcomes, findings


def summary(outcomes: list[Outcome], findings: Findings) -> str:
    """The last line."""
    reached = sum(outcome.reached for outcome in outcomes)
    return f"points {len(outcomes)}  reached {reached}  {findings.summary()}"


def _say(outcome: Outcome) -> None:
    how = f"died, at rest again after {outcome.recovery:.1f} s" if outcome.reached else "NOT REACHED"
    print(f"{outcome.seconds:5.1f} s  {outcome.point}: {how}", flush=True)
    for what in outcome.wrong:
        print(f"         {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sweep", description="Kill a node at every crash point, one by one.")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--only", help="the points whose line matches this expression")
    chosen = parser.parse_args()
    selected = [point for point in points() if chosen.only is None or re.search(chosen.only, str(point))]
    if not selected:
        parser.error(f"no point matches {chosen.only!r}")
    with scratch("hansa-sweep-") as home, ExitStack() as stack:
        postgres = None
        if chosen.store == "postgres":
            try:
                postgres = stack.enter_context(cluster(home / "postgres"))
            except CannotBeHad as reason:
                print(reason, file=sys.stderr)
                return CANNOT
        began = time.monotonic()
        outcomes, findings = run(selected, home, postgres=postgres, say=_say)
        for line in findings.lines():
            print(line)
        print(f"{time.monotonic() - began:.0f} s on {chosen.store}; {made_up_of(selected)}")
        print(summary(outcomes, findings))
        return 0 if findings.count == 0 and all(outcome.reached for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
