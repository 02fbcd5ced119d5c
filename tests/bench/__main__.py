"""``make bench``: measures everything, prints the table, writes ``build/bench/*.json``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from tests.bench import measures
from tests.bench.report import Figure, machine, show, write

ALL: dict[str, Callable[[], Sequence[Figure]]] = {
    "start_up": measures.start_up,
    "publishing": measures.publishing,
    "negotiating": measures.negotiating,
    "transferring": measures.transferring,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which measures; all when none is named")
    chosen = parser.parse_args().names or list(ALL)
    print(machine())
    found: list[Figure] = []
    for name in chosen:
        print(f"measuring {name} …", file=sys.stderr)
        figures = list(ALL[name]())
        write(name, figures)
        found += figures
    show(found)
    print("\nratio > 1: better than the baseline. Machines are shared and noisy: compare within one run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
