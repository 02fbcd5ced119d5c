"""The kill storm: real nodes, SIGKILL at random instants under load, then everything is counted.

``python -m tests.storm --kills 100 [--seed N] [--store sqlite|postgres]``. Two nodes in processes of their own
publish, negotiate and transfer, pulling and pushing, and break off, suspend and resume now and then, while a third
hand kills them, one or both, at instants drawn from the seed. When the kills are spent, what was suspended goes on,
and the nodes may come to rest; then their databases and views are compared.

The last line says: kills, records, negotiations, agreements, transfers, lost, doubled, diverged. Any of the last
three that is not 0 fails the run, and so does work that does not come to rest.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from node.base.errors import HansaError
from node.bootstrap.parts import open_stores, places
from node.builtins.demo.cast import Member, free_ports
from node.client import HansaClient, NodeAddress
from node.settings import load
from node.vocab.dsp import PULL, PUSH
from tests import reckoning
from tests.forked import Forked
from tests.reckoning import Findings

REST_SECONDS = 120.0
BREATH = 0.2
"""Seconds at most between two things that one hand of the load does: the nodes shall work, not choke."""
TOLD_EVERY = 50
"""Kills between two lines about how far the storm has come."""


@dataclass
class Tally:
    """What was acknowledged, and what was found wrong."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    records: dict[str, str] = field(default_factory=dict)
    negotiations: set[str] = field(default_factory=set)
    transfers: set[str] = field(default_factory=set)
    suspended: set[tuple[str, str]] = field(default_factory=set)
    agreements: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    found: Findings = field(default_factory=Findings)


class Storm:
    """Two nodes, their load, and the hand that kills them."""

    def __init__(self, home: Path, seed: int, store: str, postgres: str | None) -> None:
        self.chance = random.Random(seed)
        self.home = home
        self.tally = Tally()
        self.over = threading.Event()
        first, second = free_ports(2)
        brisk = {"log_level": "error", "wait_for_views": "false"}
        self.provider = Forked("provider", "Provider", home, first, _database(store, postgres, "provider"), brisk)
        self.consumer = Forked("consumer", "Consumer", home, second, _database(store, postgres, "consumer"), brisk)
        self.members = (self.provider, self.consumer)
        self.load = [random.Random(seed * 31 + number) for number in range(5)]

    def begin(self) -> None:
        for member in self.members:
            member.init()
            member.serve()
        for member in self.members:
            member.wait_ready()
        (self.home / "data.csv").write_bytes(b"a,b\n" + b"1,2\n" * 20_000)
        with self.provider.client() as client:
            client.upload(self.home / "data.csv")

    def rage(self, kills: int) -> None:
        """Load and kills, until the kills are spent."""
        threads = [
            threading.Thread(target=self._repeat, args=(self._publish, self.provider, self.load[0]), daemon=True),
            threading.Thread(target=self._repeat, args=(self._negotiate, self.consumer, self.load[1]), daemon=True),
            threading.Thread(target=self._repeat, args=(self._negotiate, self.consumer, self.load[2]), daemon=True),
            threading.Thread(target=self._repeat, args=(self._transfer, self.consumer, self.load[3]), daemon=True),
            threading.Thread(target=self._repeat, args=(self._interfere, self.provider, self.load[4]), daemon=True),
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            while self.tally.kills < kills:
                time.sleep(self.chance.uniform(0.05, 1.2))
                before = self.tally.kills
                self._kill()
                if before // TOLD_EVERY != self.tally.kills // TOLD_EVERY:
                    print(f"{self.tally.kills} of {kills} kills, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            self.over.set()
            for thread in threads:
                thread.join(30)

    def _kill(self) -> None:
        victims = list(self.members) if self.chance.random() < 0.1 else [self.chance.choice(self.members)]
        for victim in victims:
            victim.kill()
            self.tally.kills += 1
        for victim in victims:
            victim.serve()
            if self.chance.random() < 0.15:
                # Once more while it is coming up: recovery itself must survive being killed.
                time.sleep(self.chance.uniform(0.05, 1.0))
                victim.kill()
                self.tally.kills += 1
                victim.serve()
        for victim in victims:
            victim.wait_ready()

    # ---- load --------------------------------------------------------------------------------------------------

    def _repeat(
        self, work: Callable[[HansaClient, random.Random], None], member: Member, chance: random.Random
    ) -> None:
        folder = member.folder
        address = NodeAddress(member.url, (folder / "token").read_text("ascii").strip(), folder)
        with HansaClient(address, timeout=20) as client:
            while not self.over.is_set():
                try:
                    work(client, chance)
                    time.sleep(chance.uniform(0.0, BREATH))
                except HansaError as error:
                    with self.tally.lock:
                        self.tally.refused[error.facts.get("code", error.code)] += 1
                    time.sleep(0.05)

    def _publish(self, client: HansaClient, chance: random.Random) -> None:
        number = chance.randrange(40)
        data = (self.home / "data.csv").read_bytes()
        published = client.publish(
            {
                "fields": {
                    "kind": "dataset",
                    "id": f"set-{number}",
                    "title": f"Set {number}, edition {chance.randrange(10**9)}",
                    "description": "Made in a storm.",
                    "contact": {"name": "Storm", "email": "storm@example.org"},
                    "license": "CC0-1.0",
                    "conditions": "open",
                },
                "files": [
                    {
                        "name": "data.csv",
                        "mediaType": "text/csv",
                        "size": len(data),
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                ],
            }
        )
        with self.tally.lock:
            self.tally.records[f"{published['iri']}#v{published['version']}"] = published["sha256"]

    def _negotiate(self, client: HansaClient, chance: random.Random) -> None:
        with self.tally.lock:
            known = sorted({name.partition("#")[0] for name in self.tally.records})
        if not known:
            time.sleep(0.1)
            return
        begun = client.negotiate(chance.choice(known))
        with self.tally.lock:
            self.tally.negotiations.add(begun["pid"])
        if chance.random() < 0.1:
            client.terminate_negotiation(begun["pid"], reason="a storm comes up")

    def _transfer(self, client: HansaClient, chance: random.Random) -> None:
        agreements = client.agreements()
        if not agreements:
            time.sleep(0.1)
            return
        wanted = {"agreementId": chance.choice(agreements)["id"], "format": PUSH if chance.random() < 0.3 else PULL}
        begun = client.call("POST", "/api/transfers", json=wanted)
        with self.tally.lock:
            self.tally.transfers.add(begun["pid"])
        time.sleep(0.1)
        self._steer(client, self.consumer, begun["pid"], chance)

    def _interfere(self, client: HansaClient, chance: random.Random) -> None:
        """The provider steers transfers too."""
        live = [one["pid"] for one in client.transfers() if one["state"] in ("REQUESTED", "STARTED")]
        if live:
            self._steer(client, self.provider, chance.choice(live), chance)
        time.sleep(0.3)

    def _steer(self, client: HansaClient, member: Member, pid: str, chance: random.Random) -> None:
        drawn = chance.random()
        if drawn < 0.05:
            client.steer(pid, "terminate", reason="a storm comes up")
        elif drawn < 0.2:
            with self.tally.lock:
                self.tally.suspended.add((member.key, pid))
            client.steer(pid, "suspend", reason="a storm comes up")
            if drawn < 0.15:
                client.steer(pid, "resume")

    # ---- rest and reckoning ------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Whoever has suspended a transfer lets it go on."""
        for member in self.members:
            with member.client() as client:
                for pid in sorted(pid for key, pid in self.tally.suspended if key == member.key):
                    self._resume(client, pid)

    def _resume(self, client: HansaClient, pid: str) -> None:
        deadline = time.monotonic() + REST_SECONDS
        while client.transfer_state(pid)["state"] == "SUSPENDED" and time.monotonic() < deadline:
            try:
                client.steer(pid, "resume")
            except HansaError:
                # Something of this transfer is still on its way: afterwards it may be resumed, or need not.
                time.sleep(0.2)

    def rest(self) -> bool:
        """Until nothing is on its way on either side."""
        deadline = time.monotonic() + REST_SECONDS
        while time.monotonic() < deadline:
            waiting = []
            for member in self.members:
                with member.client() as client:
                    waiting.append(client.deliveries()["waiting"])
            if not any(waiting):
                return True
            time.sleep(0.2)
        return False

    def reckon(self) -> None:
        """Compare what was acknowledged with what is there, both sides with each other, views with a replay."""
        for member in self.members:
            member.stop()
        found = self.tally.found
        provider, consumer = (open_stores(load(member.folder)) for member in self.members)
        try:
            reckoning.records(found, provider, self.tally.records)
            reckoning.conversations(found, provider, consumer, "negotiations", self.tally.negotiations)
            reckoning.conversations(found, provider, consumer, "transfers", self.tally.transfers)
            self.tally.agreements = reckoning.agreements(found, provider, consumer)
            wanted = hashlib.sha256((self.home / "data.csv").read_bytes()).hexdigest()
            reckoning.files(found, consumer, places(self.consumer.folder).received, wanted)
        finally:
            provider.uow.close()
            consumer.uow.close()
        for member in self.members:
            reckoning.views(found, member)
            reckoning.ledger(found, member)


def _database(store: str, postgres: str | None, name: str) -> tuple[str, ...]:
    if store == "sqlite":
        return ()
    assert postgres is not None, "a PostgreSQL URL comes with the store postgres"
    return ("--database", reckoning.make_database(postgres, f"storm_{name}_{int(time.time() * 1000)}"))


def run(*, kills: int, seed: int, store: str, home: Path, postgres: str | None = None) -> Tally:
    """The whole storm; what it found."""
    storm = Storm(home, seed, store, postgres)
    try:
        storm.begin()
        storm.rage(kills)
        storm.rest()
        storm.calm()
        if not storm.rest():
            storm.tally.found.diverged.append(f"work does not come to rest within {REST_SECONDS:.0f} s")
        storm.reckon()
    finally:
        for member in storm.members:
            member.stop()
    return storm.tally


def summary(tally: Tally) -> str:
    """The last line."""
    return (
        f"kills {tally.kills}  records {len(tally.records)}  negotiations {len(tally.negotiations)}  "
        f"agreements {tally.agreements}  transfers {len(tally.transfers)}  {tally.found.summary()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm", description="Kill real nodes at random and count the damage.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}  store {chosen.store}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="hansa-storm-"))
    # The database server runs as a user of its own and must be able to enter; the nodes' folders stay private.
    home.chmod(0o711)
    cluster, postgres = home / "postgres", None
    try:
        if chosen.store == "postgres":
            started = subprocess.run(
                ["scripts/postgres", "start", str(cluster)], capture_output=True, text=True, check=False
            )
            if started.returncode != 0:
                print(f"PostgreSQL cannot be had: {started.stderr.strip()}", file=sys.stderr)
                return 3
            postgres = started.stdout.strip().splitlines()[-1]
        began = time.monotonic()
        tally = run(kills=chosen.kills, seed=seed, store=chosen.store, home=home, postgres=postgres)
        for name in ("lost", "doubled", "diverged"):
            for what in getattr(tally.found, name)[:20]:
                print(f"{name}: {what}")
        print(f"{time.monotonic() - began:.0f} s; refused while nodes were down: {dict(tally.refused)}")
        print(summary(tally))
        return 1 if tally.found.count else 0
    finally:
        if postgres is not None:
            subprocess.run(["scripts/postgres", "stop", str(cluster)], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
