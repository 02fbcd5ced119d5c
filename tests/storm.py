"""The kill storm: real nodes, SIGKILL at random instants under load, then everything is counted.

``python -m tests.storm --kills 100 [--seed N] [--store sqlite|postgres]``. Two nodes in processes of their own work
under the load of ``tests.load``, while a further hand kills them, one or both, at instants drawn from the seed. When
the kills are spent, what was suspended goes on, what waits for a person is settled, and the nodes may come to rest;
then their databases, files and views are compared.

The last line says: kills, records, negotiations, agreements, terminated (negotiations), transfers, lost, doubled,
diverged. Any of the last three that is not 0 fails the run. As diverged counts, too: a node that ends by itself or
does not come up, a load that stops, a refusal that no dead peer explains, work that does not come to rest, and a
storm without load.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from demo.nodes import free_ports
from node.base.errors import HansaError
from node.bootstrap.parts import Stores, open_stores, places
from node.client import HansaClient
from node.settings import load
from tests import comparison
from tests.forks import Fork
from tests.load import REASON, Load, Tally
from tests.postgres import CannotBeHad, cluster, scratch
from tests.simulator.invariants import MOVES
from tests.waits import NotThere

REST_SECONDS = 120.0
LOAD_SECONDS = 120.0
"""How long the storm goes on beyond its kills, at most, until each kind of work has been begun."""
LIVE = {kind: sorted({to for to, _ in moves.values()} - comparison.ENDED) for kind, moves in MOVES.items()}
"""The states in which a conversation has not ended."""
TOLD_EVERY = 50
"""Kills between two lines about how far the storm has come."""


class Storm:
    """Two nodes, their load, and the hand that kills them."""

    def __init__(self, home: Path, seed: int, store: str, postgres: str | None) -> None:
        self.chance = random.Random(seed)
        self.home = home
        self.tally = Tally()
        first, second = free_ports(2)
        # The two show no credentials, and say more in a storm than strangers may in a day.
        room = {name: str(1 << 40) for name in ("strangers_bytes_per_host", "strangers_bytes")}
        room |= dict.fromkeys(("strangers_open_per_host", "strangers_open"), "100000")
        brisk = {"log_level": "error", "wait_for_views": "false", **room}
        self.provider = Fork("provider", "Provider", home, first, _database(store, postgres, "provider"), brisk)
        self.consumer = Fork("consumer", "Consumer", home, second, _database(store, postgres, "consumer"), brisk)
        self.members = (self.provider, self.consumer)
        self.data = home / "data.csv"
        self.load = Load(self.provider, self.consumer, self.data, seed, self.tally)

    def begin(self) -> None:
        for member in self.members:
            member.init()
            member.serve()
        for member in self.members:
            member.wait_ready()
        self.data.write_bytes(b"a,b\n" + b"1,2\n" * 20_000)
        with self.provider.client() as client:
            client.upload(self.data)

    def rage(self, kills: int) -> None:
        """Load and kills, until the kills are spent and each kind of work has been begun among them."""
        self.load.start()
        began = time.monotonic()
        try:
            while self.tally.kills < kills or (self.tally.missing() and time.monotonic() - began < LOAD_SECONDS):
                time.sleep(self.chance.uniform(0.05, 1.2))
                before = self.tally.kills
                self._kill()
                if before // TOLD_EVERY != self.tally.kills // TOLD_EVERY:
                    print(f"{self.tally.kills} of {kills} kills, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            self.load.stop()

    def _kill(self) -> None:
        victims = list(self.members) if self.chance.random() < 0.1 else [self.chance.choice(self.members)]
        for victim in victims:
            self._kill_one(victim)
        for victim in victims:
            victim.serve()
            if self.chance.random() < 0.15:
                # Once more while it is coming up: recovery itself must survive being killed.
                time.sleep(self.chance.uniform(0.05, 1.0))
                self._kill_one(victim)
                victim.serve()
        for victim in victims:
            victim.wait_ready()

    def _kill_one(self, victim: Fork) -> None:
        self._look_after(victim)
        victim.kill()
        self.tally.kills += 1

    def _look_after(self, member: Fork) -> None:
        """Whoever is not killed lives."""
        if member.ended is not None:
            self.tally.finds(f"{member.name} ended by itself, with {member.ended}:\n{member.log_tail()}")

    # ---- rest and comparison ------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Whoever has suspended a transfer lets it go on; the consumer takes what offers lie before it."""
        for member in self.members:
            with member.client() as client:
                for pid in sorted(pid for key, pid in self.tally.suspended if key == member.key):
                    self._resume(client, pid)
        with self.consumer.client() as client, self.stores[1].uow.read() as tx:
            lying = self.stores[1].negotiation.negotiations.select(tx, state="OFFERED", limit=comparison.LIMIT)
            for one in lying:
                client.accept_offer(one.pid)

    def _resume(self, client: HansaClient, pid: str) -> None:
        deadline = time.monotonic() + REST_SECONDS
        while client.transfer_state(pid)["state"] == "SUSPENDED" and time.monotonic() < deadline:
            try:
                client.steer(pid, "resume")
            except HansaError:
                # Something of this transfer is still on its way: afterwards it may be resumed, or need not.
                time.sleep(0.2)

    def rest(self, *, ended: bool) -> bool:
        """Until nothing is on its way on either side, and, where ``ended``, every conversation has come to its end.

        What hands a message over is seen by one look or by the next one: two rounds of both nodes must be quiet, and
        nothing may have been noted between them.
        """
        deadline, before = time.monotonic() + REST_SECONDS, None
        while time.monotonic() < deadline:
            rounds = [_noted(stores, ended=ended) for stores in self.stores]
            now = None if None in rounds else rounds
            if now is not None and now == before:
                return True
            before = now
            time.sleep(0.1)
        return False

    def settle(self) -> None:
        """Everything that has been begun ends."""
        quiet = self.rest(ended=False)
        self.calm()
        if not (quiet and self.rest(ended=True)):
            self.tally.finds(f"work does not come to rest within {REST_SECONDS:.0f} s")
        for member in self.members:
            self._look_after(member)

    def reckon(self) -> None:
        """Compare what was acknowledged with what is there, both sides with each other, views with a replay."""
        for member in self.members:
            member.stop()
            if member.ended != 0:
                self.tally.finds(f"{member.name}, told to end, ended with {member.ended}:\n{member.log_tail()}")
        findings, tally = self.tally.findings, self.tally
        provider, consumer = self.stores
        comparison.records(findings, provider, tally.records)
        ended: dict[str, int] = {}
        for kind, acknowledged in (("negotiations", tally.negotiations), ("transfers", tally.transfers)):
            ended[kind] = comparison.conversations(
                findings, provider, consumer, kind, acknowledged, reasons=(REASON,), wished=tally.wished
            )
        tally.terminations = ended["negotiations"]
        tally.agreements = comparison.agreements(findings, provider, consumer)
        wanted = hashlib.sha256(self.data.read_bytes()).hexdigest()
        comparison.files(findings, consumer, places(self.consumer.folder).inbox, wanted)
        for member in self.members:
            comparison.views(findings, member)
            comparison.ledger(findings, member)
        counts = {"agreement": tally.agreements, "negotiation terminated": tally.terminations}
        for name in (*self.tally.missing(), *(name for name, count in counts.items() if not count)):
            self.tally.finds(f"a storm without load: nothing {name}")

    def close(self) -> None:
        """Leave no process behind."""
        for member in self.members:
            member.stop()
        for stores in self.__dict__.get("stores", ()):
            stores.uow.close()

    @cached_property
    def stores(self) -> tuple[Stores, Stores]:
        """The provider's database and the consumer's, read beside them."""
        return open_stores(load(self.provider.folder)), open_stores(load(self.consumer.folder))


def _noted(stores: Stores, *, ended: bool) -> int | None:
    """How much the ledger of a node holds; None where something is on its way, or, where ``ended``, has not ended."""
    with stores.uow.read() as tx:
        if stores.outbox.waiting(tx):
            return None
        for kind, states in LIVE.items() if ended else ():
            if any(comparison.processes(stores, kind).select(tx, state=state, limit=1) for state in states):
                return None
        return stores.ledger.size(tx)


def _database(store: str, postgres: str | None, name: str) -> tuple[str, ...]:
    if store == "sqlite":
        return ()
    assert postgres is not None, "a PostgreSQL URL comes with the store postgres"
    return ("--database", comparison.make_database(postgres, f"storm_{name}_{int(time.time() * 1000)}"))


def run(*, kills: int, seed: int, store: str, home: Path, postgres: str | None = None) -> Tally:
    """The whole storm; what it found."""
    storm = Storm(home, seed, store, postgres)
    try:
        storm.begin()
        storm.rage(kills)
        storm.settle()
        storm.reckon()
    except NotThere as missing:
        storm.tally.finds(str(missing))  # A node that does not come up leaves nothing that could be compared.
    finally:
        storm.close()
    return storm.tally


def summary(tally: Tally) -> str:
    """The last line."""
    return (
        f"kills {tally.kills}  records {len(tally.records)}  negotiations {len(tally.negotiations)}  "
        f"agreements {tally.agreements}  terminated {tally.terminations}  transfers {len(tally.transfers)}  "
        f"{tally.findings.summary()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm", description="Kill real nodes at random and count the damage.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}  store {chosen.store}", flush=True)
    with scratch("hansa-storm-") as home, ExitStack() as stack:
        postgres = None
        if chosen.store == "postgres":
            try:
                postgres = stack.enter_context(cluster(home / "postgres"))
            except CannotBeHad as reason:
                print(reason, file=sys.stderr)
                return 3
        began = time.monotonic()
        tally = run(kills=chosen.kills, seed=seed, store=chosen.store, home=home, postgres=postgres)
        for line in tally.findings.lines():
            print(line)
        print(f"{time.monotonic() - began:.0f} s; refused while nodes were down: {dict(tally.refused)}")
        print(summary(tally))
        return 1 if tally.findings.count else 0


if __name__ == "__main__":
    sys.exit(main())
