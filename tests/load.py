"""The load of a kill storm: what two nodes are asked for, over and over, by several hands at once.

They publish, negotiate, haggle and transfer, pulling and pushing, and break off, suspend and resume now and then.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from demo.nodes import Member
from node.base.errors import HansaError
from node.client import HansaClient, NodeAddress
from node.vocab.dsp import PULL, PUSH
from tests import comparison
from tests.comparison import Findings

REASON = "a storm comes up"
EXPLAINED = frozenset({"peer-unreachable", "conflict"})
"""Codes of refusals that there must be: a node is dead, or what somebody wants comes too late for where it stands."""
BREATH = 0.2
"""Seconds at most between two things that one hand of the load does: the nodes shall work, not choke."""


@dataclass
class Tally:
    """What was acknowledged, and what was found wrong."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    records: dict[str, str] = field(default_factory=dict)
    negotiations: set[str] = field(default_factory=set)
    transfers: set[str] = field(default_factory=set)
    suspended: set[tuple[str, str]] = field(default_factory=set)
    wished: set[str] = field(default_factory=set)
    """What was to be terminated, whether that was acknowledged or not, by the pid of whoever wanted it."""
    terminated: set[str] = field(default_factory=set)
    """Negotiations whose termination was acknowledged, by the pid of whoever terminated them."""
    agreements: int = 0
    terminations: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    findings: Findings = field(default_factory=Findings)

    def finds(self, what: str) -> None:
        """Something is wrong."""
        with self.lock:
            self.findings.diverged.append(what)

    def missing(self) -> list[str]:
        """Which kinds of work have not been begun yet: without them a storm shows nothing."""
        with self.lock:
            begun = {
                "published": self.records,
                "negotiated": self.negotiations,
                "transferred": self.transfers,
                "terminated": self.terminated,
            }
            return [name for name, done in begun.items() if not done]


Hand = Callable[[HansaClient, random.Random], None]
"""One thing that the load does over and over, with a client of its node and a chance of its own."""


class Load:
    """Six hands, each with a client of its node and a chance of its own, from ``start`` to ``stop``. ``data`` is the
    file that they publish; what came of it all is in ``tally``."""

    def __init__(self, provider: Member, consumer: Member, data: Path, seed: int, tally: Tally) -> None:
        self.provider, self.consumer = provider, consumer
        self.data, self.tally = data, tally
        self._chances = [random.Random(seed * 31 + number) for number in range(6)]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        hands: list[tuple[Hand, Member]] = [
            (self._publish, self.provider),
            (self._negotiate, self.consumer),
            (self._negotiate, self.consumer),
            (self._transfer, self.consumer),
            (self._interfere, self.provider),
            (self._haggle, self.consumer),
        ]
        self._threads = [
            threading.Thread(target=self._repeat, args=(work, member, chance), name=work.__name__, daemon=True)
            for (work, member), chance in zip(hands, self._chances, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each hand finish what it is doing."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                self.tally.finds(f"the load {thread.name} does not stop")

    def _repeat(self, work: Hand, member: Member, chance: random.Random) -> None:
        try:
            self._carry_on(work, member, chance)
        except BaseException:
            # A load that stops unseen would leave a storm that shows nothing.
            self.tally.finds(f"the load {work.__name__} stopped:\n{traceback.format_exc()}")

    def _carry_on(self, work: Hand, member: Member, chance: random.Random) -> None:
        folder = member.folder
        address = NodeAddress(member.url, (folder / "token").read_text("ascii").strip(), folder)
        with HansaClient(address, timeout=20) as client:
            while not self._over.is_set():
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
            self.tally.finds(f"refused to {what.strip('_')}: {code}, {error.detail}")

    def _publish(self, client: HansaClient, chance: random.Random) -> None:
        number = chance.randrange(40)
        data = self.data.read_bytes()
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
        while not self._over.is_set():
            now = client.negotiation(pid)
            if now["state"] in comparison.ENDED:
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
