"""``make bench``: measures everything, prints the table, writes ``build/bench/*.json``.

Some measures only: ``python -m tests.bench scenario_runs model_calls``. ``--quick`` (``make bench QUICK=1``) measures
each on a small scale in about two minutes, but not the demonstration, which takes a minute of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from tests.bench import catalogue, measures, operation, scenarios
from tests.bench.report import Figure, machine, show, write

Measure = Callable[[], Sequence[Figure]]

ALL: Final[dict[str, Measure]] = {
    "start_up": operation.start_up,
    "with_records": operation.with_records,
    "publishing": catalogue.publishing,
    "catalogue": catalogue.answering,
    "negotiating": measures.negotiating,
    "transferring": measures.transferring,
    "scenario_runs": scenarios.overhead,
    "model_calls": scenarios.calls,
    "remote_calls": scenarios.remote,
    "draining_runs": scenarios.draining,
    "demonstration": operation.demonstration,
}
QUICK: Final[dict[str, Measure]] = {
    "start_up": partial(operation.start_up, 2),
    "with_records": partial(operation.with_records, 1_000, 1),
    "publishing": partial(catalogue.publishing, 20, 48),
    "catalogue": partial(catalogue.answering, 200, 15),
    "negotiating": partial(measures.negotiating, 16),
    "transferring": partial(measures.transferring, 50, 1),
    "scenario_runs": partial(scenarios.overhead, 3),
    "model_calls": partial(scenarios.calls, 5),
    "remote_calls": partial(scenarios.remote, 3),
    "draining_runs": partial(scenarios.draining, 20),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which measures; all when none is named")
    parser.add_argument("--quick", action="store_true", help="on a small scale, in about two minutes")
    parser.add_argument("--records", type=int, help="how many records with_records writes (25,000)")
    parser.add_argument("--runs", type=int, help="how many runs are queued and drained (1,000)")
    asked = parser.parse_args()
    chosen = QUICK if asked.quick else ALL
    if asked.records:
        chosen = {**chosen, "with_records": partial(operation.with_records, asked.records)}
    if asked.runs:
        chosen = {**chosen, "draining_runs": partial(scenarios.draining, asked.runs)}
    print(machine())
    found: list[Figure] = []
    for name in asked.names or list(chosen):
        print(f"measuring {name} …", file=sys.stderr)
        figures = list(chosen.get(name, ALL[name])())
        write(name, figures)
        found += figures
    show(found)
    print("\nratio > 1: better than the baseline. Machines are shared and noisy: compare within one run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
