"""The kill storm: real nodes, SIGKILL at random instants under load, then everything is counted.

``python -m tests.storm --kills 100 [--seed N] [--store sqlite|postgres]``. Two nodes in processes of their own
publish, negotiate and transfer while a third hand kills them, one or both, at instants drawn from the seed. When
the kills are spent, the nodes may come to rest; then their databases and views are compared.

The last line says: kills, records, negotiations, lost, doubled, diverged. Any of the last three that is not 0 fails
the run, and so does work that does not come to rest.
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
from typing import Any

from node.base.errors import HansaError
from node.base.process import Role
from node.bootstrap.parts import Stores, open_stores, places
from node.builtins.demo.cast import Member, free_ports
from node.client import HansaClient, NodeAddress
from node.settings import load

REST_SECONDS = 90.0
ENDED = frozenset({"FINALIZED", "TERMINATED", "COMPLETED"})
LIMIT = 1_000_000


@dataclass
class Tally:
    """What was acknowledged, and what was found wrong."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    records: dict[str, str] = field(default_factory=dict)
    negotiations: set[str] = field(default_factory=set)
    transfers: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)


class Storm:
    """Two nodes, their load, and the hand that kills them."""

    def __init__(self, home: Path, seed: int, store: str, postgres: str | None) -> None:
        self.chance = random.Random(seed)
        self.home = home
        self.tally = Tally()
        self.over = threading.Event()
        first, second = free_ports(2)
        brisk = {"log_level": "error", "wait_for_views": "false"}
        self.provider = Member("provider", "Provider", home, first, _database(store, postgres, "provider"), brisk)
        self.consumer = Member("consumer", "Consumer", home, second, _database(store, postgres, "consumer"), brisk)
        self.members = (self.provider, self.consumer)
        self.load = [random.Random(seed * 31 + number) for number in range(4)]

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
        ]
        for thread in threads:
            thread.start()
        try:
            while self.tally.kills < kills:
                time.sleep(self.chance.uniform(0.05, 1.2))
                self._kill()
                if sys.stderr.isatty():
                    print(f"\r{self.tally.kills} of {kills} kills", end="", file=sys.stderr)
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

    def _transfer(self, client: HansaClient, chance: random.Random) -> None:
        agreements = client.agreements()
        if not agreements:
            time.sleep(0.1)
            return
        begun = client.transfer(chance.choice(agreements)["id"])
        with self.tally.lock:
            self.tally.transfers.add(begun["pid"])
        time.sleep(0.1)

    # ---- rest and reckoning ------------------------------------------------------------------------------------

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
        provider, consumer = (open_stores(load(member.folder)) for member in self.members)
        try:
            self._records(provider)
            self._conversations(provider, consumer)
            self._agreements(provider, consumer)
            self._files(consumer, places(self.consumer.folder).received)
        finally:
            provider.uow.close()
            consumer.uow.close()
        for member in self.members:
            self._views(member)
            checked = member.hansa("verify", str(member.folder))
            if checked.returncode != 0:
                self.tally.diverged.append(f"{member.name}'s ledger: {checked.stdout.strip()[-300:]}")

    def _records(self, stores: Stores) -> None:
        with stores.uow.read() as tx:
            for name, sha256 in self.tally.records.items():
                iri, _, version = name.partition("#v")
                found = stores.records.get(tx, iri, version=int(version))
                if found is None or found.sha256 != sha256:
                    self.tally.lost.append(f"record {name}")

    def _conversations(self, provider: Stores, consumer: Stores) -> None:
        for kind, acknowledged in (("negotiations", self.tally.negotiations), ("transfers", self.tally.transfers)):
            with consumer.uow.read() as tx:
                ours = {one.pid: one for one in getattr(consumer, kind).select(tx, limit=LIMIT)}
            with provider.uow.read() as tx:
                theirs = list(getattr(provider, kind).select(tx, limit=LIMIT))
            self.tally.lost += [f"{kind} {pid}" for pid in acknowledged - set(ours)]
            by_consumer = Counter(one.peer_pid for one in theirs if one.role is Role.PROVIDER)
            self.tally.doubled += [f"{kind} {pid} ×{count}" for pid, count in by_consumer.items() if count > 1]
            there = {one.peer_pid: one for one in theirs}
            for pid, one in ours.items():
                other = there.get(pid)
                state = other.state if other else None
                refused_opening = one.state == "TERMINATED" and other is None
                if one.state not in ENDED or (state != one.state and not refused_opening):
                    self.tally.diverged.append(f"{kind} {pid}: {one.state} and {state} ({one.code})")
            for stores in (provider, consumer):
                self._messages_once(stores, kind)

    def _messages_once(self, stores: Stores, kind: str) -> None:
        with stores.uow.read() as tx:
            store = getattr(stores, kind)
            for one in store.select(tx, limit=LIMIT):
                taken = Counter(e.message_id for e in store.exchanges(tx, one.pid) if not e.outgoing)
                self.tally.doubled += [f"message {name} ×{count}" for name, count in taken.items() if count > 1]

    def _agreements(self, provider: Stores, consumer: Stores) -> None:
        held: list[dict[str, Any]] = []
        for stores in (provider, consumer):
            with stores.uow.read() as tx:
                found = [one for one in stores.agreements.select(tx, limit=LIMIT) if one.finalized]
            per_negotiation = Counter(one.negotiation for one in found)
            self.tally.doubled += [f"agreement of {pid}" for pid, count in per_negotiation.items() if count > 1]
            held.append({one.id: (one.sha256, frozenset(one.signatures.items())) for one in found})
        if held[0] != held[1]:
            different = {key for key in held[0].keys() | held[1].keys() if held[0].get(key) != held[1].get(key)}
            self.tally.diverged += [f"agreement {key}" for key in different]

    def _files(self, consumer: Stores, folder: Path) -> None:
        wanted = hashlib.sha256((self.home / "data.csv").read_bytes()).hexdigest()
        with consumer.uow.read() as tx:
            for one in consumer.transfers.select(tx, limit=LIMIT):
                if one.state != "COMPLETED":
                    continue
                reception = consumer.receptions.get(tx, one.pid)
                path = folder / str(reception.path) if reception and reception.path else None
                if path is None or not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
                    self.tally.lost.append(f"bytes of transfer {one.pid}")

    def _views(self, member: Member) -> None:
        from node.adapters.graph.store import OxigraphGraph
        from node.adapters.search import TantivyIndex
        from node.cage.cage import Cage
        from node.catalogue.views import GraphView, SearchView
        from node.ledger.model import EntryKind

        settings = load(member.folder)
        stores = open_stores(settings)
        where, fresh = places(member.folder), member.home / f"{member.key}-replay"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        cage = Cage()
        live = (OxigraphGraph(where.graph, cage), TantivyIndex(where.search))
        replayed = (OxigraphGraph(fresh / "graph", cage), TantivyIndex(fresh / "search"))
        try:
            for graph, index in (live, replayed):
                for view in (
                    GraphView(uow=stores.uow, records=stores.records, graph=graph),
                    SearchView(uow=stores.uow, records=stores.records, index=index),
                ):
                    while True:
                        with stores.uow.read() as tx:
                            entries = stores.ledger.since(tx, view.position(), limit=500)
                        if not entries:
                            break
                        view.apply(entries)
            for name, one, other in (("graph", live[0], replayed[0]), ("search", live[1], replayed[1])):
                if one.digest() != other.digest():  # type: ignore[attr-defined]
                    self.tally.diverged.append(f"{member.name}'s {name} view is not what a replay gives")
        finally:
            stores.uow.close()
        assert EntryKind.RECORD


def _database(store: str, postgres: str | None, name: str) -> tuple[str, ...]:
    if store == "sqlite":
        return ()
    assert postgres is not None, "a PostgreSQL URL comes with the store postgres"
    return ("--database", _make_database(postgres, f"storm_{name}_{int(time.time() * 1000)}"))


def _make_database(url: str, name: str) -> str:
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    engine = create_engine(make_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def run(*, kills: int, seed: int, store: str, home: Path, postgres: str | None = None) -> Tally:
    """The whole storm; what it found."""
    storm = Storm(home, seed, store, postgres)
    try:
        storm.begin()
        storm.rage(kills)
        if not storm.rest():
            storm.tally.diverged.append(f"work does not come to rest within {REST_SECONDS:.0f} s")
        storm.reckon()
    finally:
        for member in storm.members:
            member.stop()
    return storm.tally


def summary(tally: Tally) -> str:
    """The last line."""
    return (
        f"kills {tally.kills}  records {len(tally.records)}  negotiations {len(tally.negotiations)}  "
        f"transfers {len(tally.transfers)}  lost {len(tally.lost)}  doubled {len(tally.doubled)}  "
        f"diverged {len(tally.diverged)}"
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
            for what in getattr(tally, name)[:20]:
                print(f"{name}: {what}")
        print(f"{time.monotonic() - began:.0f} s; refused while nodes were down: {dict(tally.refused)}")
        print(summary(tally))
        return 1 if tally.lost or tally.doubled or tally.diverged else 0
    finally:
        if postgres is not None:
            subprocess.run(["scripts/postgres", "stop", str(cluster)], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
