"""The kill storm: real nodes, SIGKILL at random instants under load, then everything is counted.

``python -m tests.storm --kills 100 [--seed N] [--store sqlite|postgres]``. Two nodes in processes of their own
publish, negotiate, haggle and transfer, pulling and pushing, and break off, suspend and resume now and then, while a
further hand kills them, one or both, at instants drawn from the seed. When the kills are spent, what was suspended
goes on, what waits for a person is settled, and the nodes may come to rest; then their databases, files and views are
compared.

The last line says: kills, records, negotiations, agreements, broken off (negotiations), transfers, lost, doubled,
diverged. Any of the last three that is not 0 fails the run. As diverged counts, too: a node that ends by itself or
does not come up, a load that stops, a refusal that no dead peer explains, work that does not come to rest, and a
storm without load.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from node.base.errors import HansaError
from node.bootstrap.parts import Stores, open_stores, places
from node.builtins.demo.cast import Member, free_ports
from node.client import HansaClient, NodeAddress
from node.settings import load
from node.vocab.dsp import PULL, PUSH
from tests import reckoning
from tests.forked import Forked
from tests.postgres import CannotBeHad, cluster, scratch
from tests.reckoning import Findings
from tests.simulator.invariants import MOVES
from tests.waiting import NotThere

REST_SECONDS = 120.0
LOAD_SECONDS = 120.0
"""How long the storm goes on beyond its kills, at most, until each kind of work has been begun."""
REASON = "a storm comes up"
EXPLAINED = frozenset({"peer-unreachable", "conflict"})
"""Codes of refusals that there must be: a node is dead, or what somebody wants comes too late for where it stands."""
LIVE = {kind: sorted({to for to, _ in moves.values()} - reckoning.ENDED) for kind, moves in MOVES.items()}
"""The states in which a conversation has not ended."""
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
    wished: set[str] = field(default_factory=set)
    """What was to be broken off, whether that was acknowledged or not, by the pid of whoever wanted it."""
    terminated: set[str] = field(default_factory=set)
    """Negotiations whose breaking off was acknowledged, by the pid of whoever broke off."""
    agreements: int = 0
    broken_off: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    found: Findings = field(default_factory=Findings)


Hand = Callable[[HansaClient, random.Random], None]
"""One thing that the load does over and over, with a client of its node and a chance of its own."""


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
        self.load = [random.Random(seed * 31 + number) for number in range(6)]

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
        """Load and kills, until the kills are spent and each kind of work has been begun among them."""
        hands: list[tuple[Hand, Forked]] = [
            (self._publish, self.provider),
            (self._negotiate, self.consumer),
            (self._negotiate, self.consumer),
            (self._transfer, self.consumer),
            (self._interfere, self.provider),
            (self._haggle, self.consumer),
        ]
        threads = [
            threading.Thread(target=self._repeat, args=(work, member, chance), name=work.__name__, daemon=True)
            for (work, member), chance in zip(hands, self.load, strict=True)
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            while self.tally.kills < kills or (self.missing() and time.monotonic() - began < LOAD_SECONDS):
                time.sleep(self.chance.uniform(0.05, 1.2))
                before = self.tally.kills
                self._kill()
                if before // TOLD_EVERY != self.tally.kills // TOLD_EVERY:
                    print(f"{self.tally.kills} of {kills} kills, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)
                if thread.is_alive():
                    self.finds(f"the load {thread.name} does not stop")

    def missing(self) -> list[str]:
        """Which kinds of work have not been begun yet: without them a storm shows nothing."""
        tally = self.tally
        with tally.lock:
            begun = {
                "published": tally.records,
                "negotiated": tally.negotiations,
                "transferred": tally.transfers,
                "broken off": tally.terminated,
            }
            return [name for name, done in begun.items() if not done]

    def finds(self, what: str) -> None:
        with self.tally.lock:
            self.tally.found.diverged.append(what)

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

    def _kill_one(self, victim: Forked) -> None:
        self._look_after(victim)
        victim.kill()
        self.tally.kills += 1

    def _look_after(self, member: Forked) -> None:
        """Whoever is not killed lives."""
        if member.ended is not None:
            self.finds(f"{member.name} ended by itself, with {member.ended}:\n{member.log_tail()}")

    # ---- load --------------------------------------------------------------------------------------------------

    def _repeat(self, work: Hand, member: Member, chance: random.Random) -> None:
        try:
            self._carry_on(work, member, chance)
        except BaseException:
            # A load that stops unseen would leave a storm that shows nothing.
            self.finds(f"the load {work.__name__} stopped:\n{traceback.format_exc()}")

    def _carry_on(self, work: Hand, member: Member, chance: random.Random) -> None:
        folder = member.folder
        address = NodeAddress(member.url, (folder / "token").read_text("ascii").strip(), folder)
        with HansaClient(address, timeout=20) as client:
            while not self.over.is_set():
                try:
                    work(client, chance)
                    time.sleep(chance.uniform(0.0, BREATH))
                except HansaError as error:
                    self._refused(work.__name__, error)
                    time.sleep(0.05)

    def _refused(self, what: str, error: HansaError) -> None:
        code = str(error.facts.get("code", error.code))
        with self.tally.lock:
            self.tally.refused[code] += 1
            first = self.tally.refused[code] == 1
        if first and code not in EXPLAINED:
            self.finds(f"refused to {what.strip('_')}: {code}, {error.detail}")

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
            self._break_off(client, begun["pid"])

    def _break_off(self, client: HansaClient, pid: str) -> None:
        """As soon as the peer has told its id, with its first answer, wherever the negotiation stands then."""
        while not self.over.is_set():
            now = client.negotiation(pid)
            if now["state"] in reckoning.ENDED:
                return
            if now["peerPid"] is not None:
                with self.tally.lock:
                    self.tally.wished.add(pid)
                client.terminate_negotiation(pid, reason=REASON)
                with self.tally.lock:
                    self.tally.terminated.add(pid)
                return
            time.sleep(0.01)

    def _haggle(self, client: HansaClient, chance: random.Random) -> None:
        """Ask for other terms than the offered ones. The provider answers with its own, about which a person of the
        consumer decides: accepts them, breaks off, or leaves them lying for a while."""
        with self.tally.lock:
            known = sorted({name.partition("#")[0] for name in self.tally.records})
        waiting = [one["pid"] for one in client.negotiations() if one["state"] == "OFFERED"]
        if waiting and chance.random() < 0.7:
            pid = chance.choice(waiting)
            if chance.random() < 0.5:
                client.accept_offer(pid)
            else:
                self._break_off(client, pid)
        elif known:
            begun = client.negotiate(chance.choice(known), ask={"template": "open", "attribution": True})
            with self.tally.lock:
                self.tally.negotiations.add(begun["pid"])
        time.sleep(0.1)

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
        """The provider steers transfers too, and breaks off negotiations."""
        live = [one["pid"] for one in client.transfers() if one["state"] in ("REQUESTED", "STARTED")]
        if live:
            self._steer(client, self.provider, chance.choice(live), chance)
        offered = [one["pid"] for one in client.negotiations() if one["state"] == "OFFERED"]
        if offered and chance.random() < 0.2:
            self._break_off(client, chance.choice(offered))
        time.sleep(0.3)

    def _steer(self, client: HansaClient, member: Member, pid: str, chance: random.Random) -> None:
        drawn = chance.random()
        if drawn < 0.05:
            with self.tally.lock:
                self.tally.wished.add(pid)
            client.steer(pid, "terminate", reason=REASON)
        elif drawn < 0.2:
            with self.tally.lock:
                self.tally.suspended.add((member.key, pid))
            client.steer(pid, "suspend", reason=REASON)
            if drawn < 0.15:
                client.steer(pid, "resume")

    # ---- rest and reckoning ------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Whoever has suspended a transfer lets it go on; the consumer takes what offers lie before it."""
        for member in self.members:
            with member.client() as client:
                for pid in sorted(pid for key, pid in self.tally.suspended if key == member.key):
                    self._resume(client, pid)
        with self.consumer.client() as client, self.stores[1].uow.read() as tx:
            lying = self.stores[1].negotiations.select(tx, state="OFFERED", limit=reckoning.LIMIT)
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
            self.finds(f"work does not come to rest within {REST_SECONDS:.0f} s")
        for member in self.members:
            self._look_after(member)

    def reckon(self) -> None:
        """Compare what was acknowledged with what is there, both sides with each other, views with a replay."""
        for member in self.members:
            member.stop()
            if member.ended != 0:
                self.finds(f"{member.name}, told to end, ended with {member.ended}:\n{member.log_tail()}")
        found, tally = self.tally.found, self.tally
        provider, consumer = self.stores
        reckoning.records(found, provider, tally.records)
        ended: dict[str, int] = {}
        for kind, acknowledged in (("negotiations", tally.negotiations), ("transfers", tally.transfers)):
            ended[kind] = reckoning.conversations(
                found, provider, consumer, kind, acknowledged, reasons=(REASON,), wished=tally.wished
            )
        tally.broken_off = ended["negotiations"]
        tally.agreements = reckoning.agreements(found, provider, consumer)
        wanted = hashlib.sha256((self.home / "data.csv").read_bytes()).hexdigest()
        reckoning.files(found, consumer, places(self.consumer.folder).received, wanted)
        for member in self.members:
            reckoning.views(found, member)
            reckoning.ledger(found, member)
        counts = {"agreement": tally.agreements, "negotiation broken off": tally.broken_off}
        for name in (*self.missing(), *(name for name, count in counts.items() if not count)):
            self.finds(f"a storm without load: nothing {name}")

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
            if any(getattr(stores, kind).select(tx, state=state, limit=1) for state in states):
                return None
        return stores.ledger.size(tx)


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
        storm.settle()
        storm.reckon()
    except NotThere as missing:
        storm.finds(str(missing))  # A node that does not come up leaves nothing that could be compared.
    finally:
        storm.close()
    return storm.tally


def summary(tally: Tally) -> str:
    """The last line."""
    return (
        f"kills {tally.kills}  records {len(tally.records)}  negotiations {len(tally.negotiations)}  "
        f"agreements {tally.agreements}  broken off {tally.broken_off}  transfers {len(tally.transfers)}  "
        f"{tally.found.summary()}"
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
        for name in ("lost", "doubled", "diverged"):
            for what in getattr(tally.found, name)[:20]:
                print(f"{name}: {what}")
        print(f"{time.monotonic() - began:.0f} s; refused while nodes were down: {dict(tally.refused)}")
        print(summary(tally))
        return 1 if tally.found.count else 0


if __name__ == "__main__":
    sys.exit(main())
