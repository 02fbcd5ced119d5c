"""``make bench``: measures everything, prints the table, writes ``build/bench/*.json``.

Some measures only: ``python -m tests.bench scenario_runs model_calls``. ``--quick`` (``make bench QUICK=1``) measures
what connectors are compared by on a small scale, in about two minutes; with names, those.

``--peer edc`` and ``--peer fuseki`` run that system beside Hansa, in the same run, as the baseline; ``--store
postgres`` has the nodes (and EDC) keep their state there. Exit status 3: the peer or the server cannot be had here.
"""

from __future__ import annotations

import argparse
import compileall
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench import (
    catalogue,
    edc,
    endings,
    growth,
    measures,
    operation,
    pages,
    questions,
    scenarios,
    sources,
    sparql,
    streams,
    vocabularies,
)
from tests.bench.processes import keep_on
from tests.bench.report import Figure, machine, show, write
from tests.interop.edc import free_ports
from tests.postgres import CannotBeHad, cluster, scratch

Measure = Callable[[], Sequence[Figure]]

ALL: Final[dict[str, Measure]] = {
    "start_up": operation.start_up,
    "with_records": operation.with_records,
    "publishing": catalogue.publishing,
    "catalogue": catalogue.answering,
    "beside_walkers": catalogue.beside_walkers,
    "disk": growth.on_disk,
    "following": growth.following,
    "growing": growth.growing,
    "sparql": sparql.guarded,
    "negotiating": measures.negotiating,
    "transferring": measures.transferring,
    "scenario_runs": scenarios.overhead,
    "model_calls": scenarios.calls,
    "remote_calls": scenarios.remote,
    "draining_runs": scenarios.draining,
    "streaming": streams.streaming,
    "thousand_readers": streams.crowd,
    "endings": endings.endings,
    "proxying": sources.proxying,
    "converting": sources.converting,
    "asking": questions.asking,
    "meaning": vocabularies.measure,
    "pages": pages.measure,
    "demonstration": operation.demonstration,
}
QUICK: Final[dict[str, Measure]] = {
    "start_up": partial(operation.start_up, 2),
    "with_records": partial(operation.with_records, 300, 1),
    "publishing": partial(catalogue.publishing, 20, 48, 100),
    "catalogue": partial(catalogue.answering, 200, 15),
    "beside_walkers": partial(catalogue.beside_walkers, 400, 15),
    "disk": partial(growth.on_disk, 100),
    "following": partial(growth.following, 100),
    "growing": partial(growth.growing, (50, 500), 5),
    "sparql": partial(sparql.guarded, 500, 5),
    "negotiating": partial(measures.negotiating, 8),
    "transferring": partial(measures.transferring, 50, 1),
    "scenario_runs": partial(scenarios.overhead, 3),
    "model_calls": partial(scenarios.calls, 5),
    "remote_calls": partial(scenarios.remote, 3),
    "draining_runs": partial(scenarios.draining, 20),
    "streaming": partial(streams.streaming, 20, 32),
    "endings": partial(endings.endings, 3),
    "proxying": partial(sources.proxying, 50, 32 << 20),
    "converting": partial(sources.converting, 20_000),
    "asking": partial(questions.asking, 100_000, 24),
    "meaning": partial(vocabularies.measure, 20_000, 200, 500),
}
BRIEF: Final = (
    "start_up", "with_records", "publishing", "catalogue", "disk", "following", "sparql", "negotiating",
    "transferring",
)  # fmt: skip
"""What a quick run measures unless it is told: most figures of ``docs/explanation/speed.md``."""

PEERS: Final[dict[str, dict[str, Measure]]] = {
    "edc": {"beside_edc": edc.negotiating},
    "fuseki": {"beside_fuseki": sparql.beside_fuseki},
}
ABSENT: Final = 3
ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which measures; all when none is named")
    parser.add_argument("--quick", action="store_true", help="on a small scale, in about two minutes")
    parser.add_argument("--records", type=int, help="how many records with_records writes (25,000)")
    parser.add_argument("--runs", type=int, help="how many runs are queued and drained (1,000)")
    parser.add_argument("--peer", choices=[*PEERS], help="a system that runs beside Hansa as the baseline")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite", help="where nodes keep state")
    asked = parser.parse_args()
    with ExitStack() as stack:
        try:
            if asked.store == "postgres":
                home = stack.enter_context(scratch("hansa-bench-"))
                keep_on(stack.enter_context(cluster(home / "postgres", port=free_ports())))
            return _run(asked)
        except CannotBeHad as reason:
            print(reason, file=sys.stderr)
            return ABSENT


def _run(asked: argparse.Namespace) -> int:
    chosen = PEERS[asked.peer] if asked.peer else QUICK if asked.quick else ALL
    if asked.records:
        chosen = {**chosen, "with_records": partial(operation.with_records, asked.records)}
    if asked.runs:
        chosen = {**chosen, "draining_runs": partial(scenarios.draining, asked.runs)}
    # As an installation does. A checkout in which Python may not write bytecode would compile it at each start.
    for package in ("node", "federation", "demo"):
        compileall.compile_dir(ROOT / package, quiet=1)
    print(f"{machine()}, nodes on {'PostgreSQL' if asked.store == 'postgres' else 'SQLite'}")
    measured: list[Figure] = []
    for name in asked.names or (BRIEF if chosen is QUICK else chosen):
        print(f"measuring {name} …", file=sys.stderr)
        figures = list((chosen.get(name) or ALL[name])())
        write(name, figures)
        measured += figures
    show(measured)
    print("\nratio > 1: better than the baseline. Machines are shared and noisy: compare within one run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
