"""Talk to a live Eclipse EDC: ``python -m tests.interop [--version 2025-1|2024/1|all] [--only REGEX]``.

One line for each case, with a verdict; the last line counts. Exit status: 0 every case went as it should, 1 one did
not, 3 EDC, or the JDK that it needs, cannot be had here. EDC's log stays in
``${KITS_CACHE}/edc-run``.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.bootstrap.node import HansaNode
from tests.interop.cases import CASES, MORE, PAGE, Patient, World, settle
from tests.interop.desk import hold, open_desk
from tests.interop.edc import PATHS, CannotBeHad, running_edc
from tests.interop.mock import MockIdentity
from tests.nodes import running

ABSENT = 3


@dataclass(frozen=True)
class Verdict:
    """How one case went: ``fault`` is None where all was well."""

    version: str
    case: str
    fault: str | None
    seconds: float


def played(home: Path, versions: list[str], *, only: str = "", words: tuple[str, ...] = ()) -> Iterator[Verdict]:
    """Every case whose name matches ``only``, in each of ``versions``, with one EDC. Raises ``CannotBeHad``."""
    with running_edc(*words) as edc, open_desk() as desk:
        edc.seed(f"{desk.url}/source", extra=MORE)
        for version in versions:
            mock = MockIdentity(edc, version)

            def prepare(node: HansaNode, mock: MockIdentity = mock) -> None:
                mock.me = node.parts.me
                node.dsp_catalogue.page = PAGE
                hold(node.protocol.inbox, desk.gate)

            folder = home / f"node-{version.replace('/', '-')}"
            options = {**mock.options(), "strategy": Patient()}
            with running(folder, options=options, prepare=prepare) as node:
                settle(node)
                yield from _cases(World(node, edc, desk, mock, version), only)


def _cases(world: World, only: str) -> Iterator[Verdict]:
    for name, case in CASES.items():
        if not re.search(only, name):
            continue
        began, fault = time.monotonic(), None
        try:
            case(world)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        world.desk.gate.set()
        yield Verdict(world.version, name, fault, time.monotonic() - began)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make interop", description="A node and a live Eclipse EDC.")
    parser.add_argument("--version", choices=(*PATHS, "all"), default="all", help="of the protocol")
    parser.add_argument("--only", default="", help="cases whose name matches this expression")
    parser.add_argument(
        "--postgres", nargs=3, metavar=("JDBC_URL", "USER", "PASSWORD"), help="an empty database for EDC's state"
    )
    chosen = parser.parse_args(words)
    stored = ("--postgres", *chosen.postgres) if chosen.postgres else ()
    versions = list(PATHS) if chosen.version == "all" else [chosen.version]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="hansa-interop-"))
    verdicts: list[Verdict] = []
    try:
        for verdict in played(home, versions, only=chosen.only, words=stored):
            verdicts.append(verdict)
            mark = "ok    " if verdict.fault is None else "FAILED"
            print(f"{mark}  {verdict.version:7}  {verdict.case}  ({verdict.seconds:.1f} s)", flush=True)
            if verdict.fault is not None:
                print(f"        {verdict.fault[:2000]}", flush=True)
    except CannotBeHad as absent:
        print(f"make interop: {absent}", file=sys.stderr)
        return ABSENT
    finally:
        shutil.rmtree(home, ignore_errors=True)
    failed = sum(verdict.fault is not None for verdict in verdicts)
    print(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
