"""``make bench``: measures everything, prints the table, writes ``build/bench/*.json``.

Some measures only: ``python -m tests.bench scenario_runs model_calls``; ``--runs 200`` drains fewer than a thousand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from tests.bench import measures, scenarios
from tests.bench.report import Figure, machine, show, write

ALL: dict[str, Callable[[], Sequence[Figure]]] = {
    "start_up": measures.start_up,
    "publishing": measures.publishing,
    "negotiating": measures.negotiating,
    "transferring": measures.transferring,
    "scenario_runs": scenarios.overhead,
    "model_calls": scenarios.calls,
    "remote_calls": scenarios.remote,
    "draining_runs": scenarios.draining,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which measures; all when none is named")
    parser.add_argument("--runs", type=int, default=1000, help="how many runs are queued and drained")
    asked = parser.parse_args()
    chosen = asked.names or list(ALL)
    print(machine())
    found: list[Figure] = []
    for name in chosen:
        print(f"measuring {name} …", file=sys.stderr)
        figures = list(scenarios.draining(asked.runs) if name == "draining_runs" else ALL[name]())
        write(name, figures)
        found += figures
    show(found)
    print("\nratio > 1: better than the baseline. Machines are shared and noisy: compare within one run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
