"""Talk to a live Eclipse EDC: ``python -m tests.interop [--store WHICH] [--version V] [--only REGEX]``.

Every case in each version of the protocol, with an EDC that keeps its state in memory, then with one that keeps it on
PostgreSQL, where the node keeps its own there too; then pulls from an EDC with a public API. One line for each case,
with a verdict; the last line counts. Exit status: 0 every case went as it should, 1 one did not, 3 EDC, the JDK that
it needs, or PostgreSQL cannot be had here. EDC's log stays in ``${KITS_CACHE}/edc-run``.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url

from node.bootstrap.node import HansaNode
from tests.interop.cases import CASES, PUBLIC_CASES, Case
from tests.interop.desk import hold, open_desk
from tests.interop.edc import PATHS, CannotBeHad, free_ports, require_edc, running_edc, words_for_edc
from tests.interop.mock import MockIdentity
from tests.interop.public_edc import running_public_edc
from tests.interop.world import MORE, PAGE, Patient, World, settle
from tests.nodes import running
from tests.postgres import cluster, fresh_schema, scratch

ABSENT = 3
PUBLIC = "public"
STORES = ("memory", "postgres", PUBLIC)
SPOKEN = "all that Hansa has said, by the official schemas"


@dataclass(frozen=True)
class Verdict:
    """How one case went: ``fault`` is None where all was well, ``again`` how often EDC wanted to be told again."""

    store: str
    version: str
    case: str
    fault: str | None
    seconds: float
    again: int = 0

    def __str__(self) -> str:
        mark = "ok    " if self.fault is None else "FAILED"
        told = f", {self.again} × told again: EDC was at work on it" if self.again else ""
        line = f"{mark}  {self.store:8}  {self.version:7}  {self.case}  ({self.seconds:.1f} s{told})"
        return line if self.fault is None else f"{line}\n        {self.fault[:2000]}"


@contextmanager
def settings_for_node(server: URL | None) -> Iterator[dict[str, Any]]:
    """What has a node keep its things in an empty schema at ``server``, or in SQLite."""
    if server is None:
        yield {}
        return
    with fresh_schema(server.render_as_string(hide_password=False)) as url:
        yield {"database_url": url}


def played(
    home: Path, versions: list[str], *, only: str = "", server: URL | None = None, public: bool = False
) -> Iterator[Verdict]:
    """Every case whose name matches ``only``, in each of ``versions``, with one EDC that keeps its state in memory or
    at ``server``; or, where ``public``, those with an EDC that has a public API. Raises ``CannotBeHad``."""
    store = PUBLIC if public else "memory" if server is None else "postgres"
    cases = {
        name: case for name, case in (PUBLIC_CASES if public else CASES).items() if re.search(only, name) is not None
    }
    if not cases:
        return
    home.mkdir(parents=True, exist_ok=True)
    beginning = running_public_edc(home / PUBLIC) if public else running_edc(*words_for_edc(server))
    with beginning as edc, open_desk() as desk:
        edc.seed(f"{desk.url}/source", extra=0 if public else MORE)
        for version in versions:
            mock = MockIdentity(edc, version)

            def prepare(node: HansaNode, mock: MockIdentity = mock) -> None:
                mock.me = node.parts.me
                node.catalogue.dsp.page = PAGE
                hold(node.protocol.transfer.inbox, desk)

            folder = home / f"{store}-{version.replace('/', '-')}"
            options = {**mock.options(), "strategy": Patient()}
            began, fault = time.monotonic(), None
            try:
                with (
                    settings_for_node(server) as settings,
                    running(folder, options=options, prepare=prepare, **settings) as node,
                ):
                    settle(node)
                    yield from _cases(World(node, edc, desk, mock, version, settings), store, cases)
                    began = time.monotonic()
            except AssertionError as error:
                # It is judged when the node ends (``tests.messages``).
                fault = str(error)
            yield Verdict(store, version, SPOKEN, fault, time.monotonic() - began)


def _cases(world: World, store: str, cases: Mapping[str, Case]) -> Iterator[Verdict]:
    for name, case in cases.items():
        began, fault = time.monotonic(), None
        world.edc.busy.clear()
        try:
            case(world)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        world.desk.gate.set()
        yield Verdict(store, world.version, name, fault, time.monotonic() - began, len(world.edc.busy))


def everything(home: Path, stores: tuple[str, ...], versions: list[str], only: str) -> Iterator[Verdict]:
    """The cases in each of ``stores``. Raises ``CannotBeHad``, before anything has begun where that can be told, and
    else after what could be played."""
    require_edc()
    absent: CannotBeHad | None = None
    for store in stores:
        try:
            yield from _at(store, home, versions, only)
        except CannotBeHad as missing:
            absent = missing
    if absent is not None:
        raise absent


def _at(store: str, home: Path, versions: list[str], only: str) -> Iterator[Verdict]:
    if store != "postgres":
        yield from played(home, versions, only=only, public=store == PUBLIC)
        return
    # JDBC reaches it by a port alone.
    with cluster(home / "postgres", port=free_ports()) as server:
        yield from played(home, versions, only=only, server=make_url(server))


def counts(verdicts: list[Verdict]) -> str:
    """The closing line: how many passed and failed, in all and in each store and version."""
    failed = [verdict for verdict in verdicts if verdict.fault is not None]
    parts: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        parts.setdefault(f"{verdict.store} {verdict.version}", []).append(verdict)
    told = ", ".join(f"{name} {sum(one.fault is None for one in part)}/{len(part)}" for name, part in parts.items())
    return f"{len(verdicts) - len(failed)} passed, {len(failed)} failed" + (f" ({told})" if told else "")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make interop", description="A node and a live Eclipse EDC.")
    parser.add_argument(
        "--store",
        choices=(*STORES, "all"),
        default="all",
        help="where EDC keeps its state, or the EDC with a public API",
    )
    parser.add_argument("--version", choices=(*PATHS, "all"), default="all", help="of the protocol")
    parser.add_argument("--only", default="", help="cases whose name matches this expression")
    chosen = parser.parse_args(words)
    stores = STORES if chosen.store == "all" else (chosen.store,)
    versions = list(PATHS) if chosen.version == "all" else [chosen.version]
    verdicts: list[Verdict] = []
    absent = None
    try:
        with scratch("hansa-interop-") as home:
            for verdict in everything(home, stores, versions, chosen.only):
                verdicts.append(verdict)
                print(verdict, flush=True)
    except CannotBeHad as missing:
        absent = missing
    if absent is not None:
        print(f"make interop: {absent}", file=sys.stderr)
    if absent is None or verdicts:
        print(counts(verdicts))
    if any(verdict.fault is not None for verdict in verdicts):
        return 1
    return ABSENT if absent is not None else 0 if verdicts else 1


if __name__ == "__main__":
    sys.exit(main())
