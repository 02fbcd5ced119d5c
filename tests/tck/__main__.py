"""Run an official kit: ``python -m tests.tck [--kit dsp|dcp] [--store STORE] [--runs N] [--only REGEX]``.

The Dataspace Protocol (``dsp``): one node for each store (``sqlite``, ``postgres`` or ``both``); the second and
third run find the node as the first left it. The Decentralized Claims Protocol (``dcp``): one node for each of its
four parts, on SQLite, by settings alone (``tests.tck.claims``). The last lines are the kit's own closing lines, one
for each run; its whole output is in ``build/tck``. Exit status: 0 every run was green, 1 one was not, 3 the kit (or
PostgreSQL) cannot be had here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.artefacts import SHARED
from tests.nodes import running
from tests.postgres import CannotBeHad, cluster, fresh_schema, scratch
from tests.tck.claims import PARTS, serving
from tests.tck.profile import Kit

ROOT = Path(__file__).resolve().parents[2]
RUN = SHARED / "kits" / "run"
LONGEST = 600.0
ABSENT = 3


@dataclass(frozen=True)
class Run:
    """One run of the kit: its exit status, its closing line, how long it took, the names of what failed."""

    store: str
    number: int
    status: int
    closing: str
    seconds: float
    failures: tuple[str, ...]


def require_kit() -> None:
    """Raises ``CannotBeHad`` where there is no JDK, no Maven, or no kit."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        raise CannotBeHad(f"the conformance kit needs a JDK (17 or newer) and Maven; not found: {', '.join(missing)}")
    if not RUN.exists():
        raise CannotBeHad(f"the conformance kit is not at hand: no {RUN}; set HANSA_SHARED")


def run_kit(words: Sequence[str], *, store: str, number: int, only: str | None, log: Path) -> Run:
    """Run a kit once, to its end: ``words`` are its name, its configuration, and the part of it. Raises
    ``CannotBeHad`` where its artefacts cannot be resolved."""
    command = [str(RUN), *words, *(["--only", only] if only else [])]
    began = time.monotonic()
    # Its own process group, so that the kit ends with us, whatever it has started.
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            status = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            status = 1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    lines = log.read_text("utf-8", errors="replace").splitlines()
    if status == ABSENT:
        raise CannotBeHad(lines[-1] if lines else "the conformance kit cannot be resolved")
    closing = next(
        (line for line in reversed(lines) if line.endswith(" failed") and " passed, " in line), "no result"
    )
    failures = tuple(line for line in lines if line.startswith("FAILURE "))
    return Run(store, number, status, closing, time.monotonic() - began, failures)


@contextmanager
def database(store: str, home: Path) -> Iterator[dict[str, Any]]:
    """The settings that make a node keep its things in ``store``."""
    if store == "sqlite":
        yield {}
        return
    given = os.environ.get("HANSA_TEST_POSTGRES")
    if given:
        with fresh_schema(given) as url:
            yield {"database_url": url}
        return
    with cluster(home / "postgres") as server, fresh_schema(server) as url:
        yield {"database_url": url}


def runs(store: str, count: int, *, home: Path, only: str | None, logs: Path) -> Iterator[Run]:
    """The kit, ``count`` times against one node."""
    kit = Kit(address=f"http://127.0.0.1:{free_port()}")
    with (
        database(store, home) as settings,
        running(home / f"node-{store}", options=kit.options(), prepare=kit.settle, **settings) as node,
    ):
        config = home / f"{store}.properties"
        config.write_text(kit.properties(node=node.url, dsp=node.dsp, did=node.did))
        for number in range(1, count + 1):
            log = logs / f"{store}-{number}.log"
            yield run_kit(["dsp", str(config)], store=store, number=number, only=only, log=log)


def claims(*, home: Path, only: str | None, logs: Path, parts: Sequence[str] = tuple(PARTS)) -> Iterator[Run]:
    """The parts of the kit of the Decentralized Claims Protocol, each against a node of its own."""
    for part in parts:
        kit = f"localhost:{free_port()}"
        with serving(part, home / part, port=free_port(), kit=kit) as members:
            config = home / f"{part}.properties"
            config.write_text("".join(f"dataspacetck.{name}={value}\n" for name, value in members.items()))
            log = logs / f"{part}.log"
            yield run_kit(["dcp", str(config), part], store=part, number=1, only=only, log=log)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


def _chosen(
    kit: str, stores: Sequence[str], count: int, *, home: Path, only: str | None, logs: Path
) -> Iterator[Run]:
    if kit == "dcp":
        yield from claims(home=home, only=only, logs=logs)
        return
    for store in stores:
        yield from runs(store, count, home=home, only=only, logs=logs)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make tck", description="An official kit against a node.")
    parser.add_argument("--kit", choices=("dsp", "dcp"), default="dsp")
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--runs", type=int, default=3, help="how often in a row, against the same node")
    parser.add_argument("--only", help="tests whose display name matches this expression")
    chosen = parser.parse_args(words)
    stores = ("sqlite", "postgres") if chosen.store == "both" else (chosen.store,)
    logs = ROOT / "build" / "tck"
    logs.mkdir(parents=True, exist_ok=True)
    green = True
    try:
        require_kit()
        # A plain `kill` unwinds too: the node, the kit and the database end with us.
        with scratch("hansa-tck-") as home:
            for run in _chosen(chosen.kit, stores, chosen.runs, home=home, only=chosen.only, logs=logs):
                green = green and run.status == 0
                for failure in run.failures:
                    print(failure)
                print(f"{run.store}, run {run.number}: {run.closing} ({run.seconds:.0f} s)", flush=True)
    except CannotBeHad as absent:
        print(f"make tck: {absent}", file=sys.stderr)
        return ABSENT if green else 1
    return 0 if green else 1


if __name__ == "__main__":
    sys.exit(main())
