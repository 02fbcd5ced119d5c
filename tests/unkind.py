"""Many conversations at once over an unkind network, which loses, doubles, holds and cuts.

``python -m tests.unkind --negotiations 500 --seed 7`` has two nodes negotiate and transfer over it, and compares both
ends when all is at rest. The last line has the counts; what was lost, done twice or differs fails the run. Which
fault befalls which request is drawn from the seed; when a request comes is up to the machine.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.base.errors import HansaError
from tests.comparison import processes
from tests.network import (
    Fault,
    Proxy,
    Request,
    again_after,
    answer_held,
    answer_lost,
    apart,
    cut_in_answer,
    delayed,
    refused,
    twice,
    twice_at_once,
    unavailable,
)
from tests.nodes import CSV, Running, if_ended, publish, until
from tests.postgres import scratch

REST = 120.0


class Weather:
    """Faults by chance, for whatever one node says to another. Not for what people ask their own node."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.calm = False

    def __call__(self, request: Request) -> Fault | None:
        with self._lock:
            draw, seconds = self._chance.random(), self._chance.uniform(0.01, 0.6)
        if self.calm:
            return None
        kinds: list[tuple[float, Fault]] = [
            (0.05, unavailable),
            (0.05, twice),
            (0.03, twice_at_once),
            (0.05, again_after(seconds)),
            (0.05, answer_lost),
            (0.03, cut_in_answer),
            (0.02, refused),
            (0.15, delayed(seconds)),
            (0.15, answer_held(seconds)),
        ]
        for share, fault in kinds:
            if draw < share:
                return fault
            draw -= share
        return None


@dataclass
class Tally:
    """What was done, and what was found wrong."""

    negotiations: int = 0
    transfers: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def converse(provider: Running, consumer: Running, negotiations: int) -> tuple[list[str], list[str]]:
    """So many negotiations at once, a transfer under each agreement, half of them pulled and half pushed: the
    consumer's ids of both, all ended."""
    iri = publish(provider, "unkind-counts")["iri"]

    def converse_once(number: int) -> tuple[str, str]:
        with consumer.client() as client:
            pid = until("it can be asked for", lambda: _patiently(lambda: client.negotiate(iri)), REST)["pid"]
            agreed = until("it ends", lambda: if_ended(client.negotiation(pid, wait=5)), REST)
            if agreed["state"] != "FINALIZED":
                return pid, ""
            asked = {"agreementId": agreed["agreementId"], "format": ("HttpData-PULL", "HttpData-PUSH")[number % 2]}
            moved = client.call("POST", "/api/transfers", json=asked)["pid"]
            until("the transfer ends", lambda: if_ended(client.transfer_state(moved, wait=5)), REST)
            return pid, moved

    with ThreadPoolExecutor(16) as pool:
        pairs = list(pool.map(converse_once, range(negotiations)))
    return [pid for pid, _ in pairs], [pid for _, pid in pairs if pid]


def _patiently(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What ``work`` gives; None where the network ate what it needed from the other node."""
    try:
        return work()
    except HansaError:
        return None


def reckon(provider: Running, consumer: Running, tally: Tally) -> None:
    """Compare both ends of everything, once nothing is on its way any more."""
    for node in (provider, consumer):
        with node.client() as client:
            until("everything has arrived", lambda: client.deliveries()["waiting"] == 0, REST)
            tally.wrong += [f"a dead letter of {node.folder.name}: {one}" for one in client.deliveries()["dead"]]
    ours, theirs = consumer.node.parts.stores, provider.node.parts.stores
    with ours.uow.read() as here, theirs.uow.read() as there:
        for kind in ("negotiations", "transfers"):
            at_consumer = processes(ours, kind).select(here, limit=1_000_000)
            at_provider = processes(theirs, kind).select(there, limit=1_000_000)
            ends = {one.peer_pid: one for one in at_provider}
            if len(ends) != len(at_provider):
                tally.wrong.append(f"one of the {kind} was opened twice")
            for process in at_consumer:
                other = ends.pop(process.pid, None)
                if other is None or (process.state, process.peer_pid) != (other.state, other.pid):
                    tally.wrong.append(f"{process.pid}: {process.state} here and {other and other.state} there")
                if process.state not in ("FINALIZED", "COMPLETED"):
                    tally.wrong.append(f"{process.pid} ended in {process.state}: {process.code} {process.reason}")
            tally.wrong += [f"{pid} is unknown to its consumer" for pid in ends]
            for stores, tx in ((ours, here), (theirs, there)):
                for process in processes(stores, kind).select(tx, limit=1_000_000):
                    history = processes(stores, kind).exchanges(tx, process.pid)
                    repeats = Counter(exchange.message_id for exchange in history if exchange.is_accepted)
                    tally.wrong += [f"{name} had an effect {n} times" for name, n in repeats.items() if n > 1]
        agreements = [
            {
                one.id: (one.sha256, one.signatures)
                for one in stores.negotiation.agreements.select(tx, limit=1_000_000)
            }
            for stores, tx in ((ours, here), (theirs, there))
        ]
        if agreements[0] != agreements[1] or len(agreements[0]) != tally.negotiations:
            tally.wrong.append(
                f"{tally.negotiations} negotiations, {len(agreements[0])} and {len(agreements[1])} agreements"
            )


def run(home: Path, template: Path | None, *, negotiations: int, seed: int) -> Tally:
    """The whole of it."""
    tally = Tally()
    first, other = Proxy(Weather(seed)), Proxy(Weather(seed + 1))
    with apart(home, template, first, other) as two:
        pids, moved = converse(two.provider, two.consumer, negotiations)
        tally.negotiations, tally.transfers = len(pids), len(moved)
        with two.consumer.client() as client:
            for pid in moved:
                if client.raw(f"/api/transfers/{pid}/content") != CSV:
                    tally.wrong.append(f"{pid} brought other bytes")
        reckon(two.provider, two.consumer, tally)
        tally.faults = first.befallen + other.befallen
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="make unkind", description="Join two nodes by an unkind network.")
    parser.add_argument("--negotiations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}", flush=True)
    with scratch("hansa-unkind-") as home:
        tally = run(home, None, negotiations=chosen.negotiations, seed=seed)
    for what in tally.wrong[:20]:
        print(what)
    print(f"faults {dict(tally.faults)}")
    print(f"negotiations {tally.negotiations}  transfers {tally.transfers}  wrong {len(tally.wrong)}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
