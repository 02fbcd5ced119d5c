"""Two nodes in processes of their own, which may be armed to die, and what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from demo.nodes import free_ports
from node.bootstrap.parts import Stores, open_stores, places
from node.dialogue.process import Process, Role
from node.settings import load
from tests import comparison
from tests.comparison import Findings, processes
from tests.forks import Fork, Life
from tests.sweep.node import HAGGLED, HELD, serve
from tests.sweep.points import PUBLISHED, SEALED, Scene, Step
from tests.waits import NotThere, until

PATIENCE: Final = 60.0
"""Seconds for anything that is waited for: on a quiet machine it takes one at most."""

BRISK: Final = {
    "log_level": "warning",
    "wait_for_views": "false",
    "lease_seconds": "1",
    "query_seconds": "60",
    "waiting_offers_per_peer": "100000",
    "open_transfers_per_peer": "100000",
    "open_negotiations_per_peer": "100000",
    "strangers_open_per_host": "100000",
    "strangers_open": "100000",
    "strangers_bytes_per_host": str(1 << 40),
    "strangers_bytes": str(1 << 40),
}
DATA: Final = b"hour,count\n" + b"2026-01-01T00,12\n" * 20_000
REASON: Final = "the sweep wants it so"
EDITIONS: Final = 4
"""How many datasets are published at a time where a view is to be killed."""


@dataclass
class Armed(Fork):
    """A node that may be told where to die."""

    life: Life = serve
    armed: str = ""
    _stores: Stores | None = None

    @property
    def stores(self) -> Stores:
        """Its database, read beside it."""
        if self._stores is None:
            self._stores = open_stores(load(self.folder))
        return self._stores

    def arm(self, crashpoint: str = "") -> None:
        """Start it, to die at ``crashpoint`` where one is given."""
        self.armed = crashpoint
        self.serve(**({"HANSA_CRASHPOINT": crashpoint} if crashpoint else {}))

    @property
    def last_words(self) -> str:
        """At which crash point it died last, as its log says."""
        told = [line for line in self.log_tail().splitlines() if line.startswith("crash point ")]
        return told[-1] if told else ""

    def close(self) -> None:
        """End it, and let go of its database."""
        self.stop()
        if self._stores is not None:
            self._stores.uow.close()
            self._stores = None


@dataclass
class Pair:
    """A provider and a consumer."""

    home: Path
    databases: tuple[str, str] | None = None
    members: dict[Role, Armed] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    agreements: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    _editions: Iterator[int] = field(default_factory=lambda: count(1))

    def begin(self, scenes: Collection[Scene]) -> None:
        """Make both, publish, and come to the agreements: what ``scenes`` need to be there."""
        sealed = SEALED in scenes
        ports = free_ports(2)
        for number, role in enumerate((Role.PROVIDER, Role.CONSUMER)):
            options = ("--database", self.databases[number]) if self.databases else ()
            extra = ("--issuer",) if role is Role.PROVIDER else ()
            name = str(role).capitalize()
            self.members[role] = Armed(str(role), name, self.home, ports[number], (*options, *extra), dict(BRISK))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda member: member.init(), self.members.values()))
        for member in self.members.values():
            member.arm()
        for member in self.members.values():
            member.wait_ready()
        for name in ("open.csv", HELD):
            (self.home / name).write_bytes(DATA)
            with self.provider.client() as client:
                client.upload(self.home / name)
        for slug in ("plain", HAGGLED, "asked"):
            self.datasets[slug] = self.publish(slug)
        if sealed:
            self._admit()
            self.datasets["sealed"] = self.publish("sealed", {"template": "members", "sealed": True})
        if PUBLISHED in scenes:
            self.publish_editions()
        for slug in ("plain", "sealed") if sealed else ("plain",):
            with self.consumer.client() as client:
                pid = client.negotiate(self.datasets[slug])["pid"]
                ended = client.negotiation(pid, wait=PATIENCE)
                if ended["state"] != "FINALIZED":
                    raise NotThere(f"an agreement about {slug}: {ended}")
                found = next(one for one in client.agreements() if one["dataset"] == self.datasets[slug])
                self.agreements[slug] = found["id"]

    def _admit(self) -> None:
        """Sealing is a condition for members only: the provider admits the consumer."""
        with self.consumer.client() as client, self.provider.client() as office:
            client.join(self.provider.url, "MembershipCredential")
            waiting = until("the application arrives", office.decisions, PATIENCE)
            office.decide(waiting[0]["id"], approve=True)
            until("the credential arrives", lambda: client.memberships()["credentials"], PATIENCE)

    @property
    def provider(self) -> Armed:
        return self.members[Role.PROVIDER]

    @property
    def consumer(self) -> Armed:
        return self.members[Role.CONSUMER]

    def publish(self, slug: str, conditions: Any = "open") -> str:
        """Publish a dataset, or an edition of it; its IRI."""
        return self.edition(slug, conditions)[0]

    def edition(self, slug: str, conditions: Any = "open") -> tuple[str, str]:
        """As ``publish``; the IRI, and the title that no other edition has."""
        title = f"Set {slug}, edition {next(self._editions)}"
        sha256 = hashlib.sha256(DATA).hexdigest()
        file = {"mediaType": "text/csv", "size": len(DATA), "sha256": sha256}
        files = [{"name": name, **file} for name in ("open.csv", HELD)]
        fields = {
            "kind": "dataset",
            "id": slug,
            "title": title,
            "description": "Made for a sweep.",
            "contact": {"name": "Sweep", "email": "sweep@example.org"},
            "license": "CC0-1.0",
        }
        with self.provider.client() as client:
            made = client.publish({"fields": fields, "conditions": conditions, "files": files})
        self.records[f"{made['iri']}#v{made['version']}"] = made["sha256"]
        return str(made["iri"]), title

    def publish_editions(self) -> None:
        """Publish some datasets at a time, so that a view takes several in one go."""
        with ThreadPoolExecutor(EDITIONS) as pool:
            list(pool.map(lambda number: self.publish(f"edition-{number}"), range(EDITIONS)))

    # ---- what a step does --------------------------------------------------------------------------------------

    def tell(self, step: Step, kind: str, pid: str | None) -> None:
        """Have a node do what ``step`` says; ``pid`` is the conversation at that node, of that ``kind``. Raises what
        the node's client does."""
        if step.what == "publish":
            self.publish_editions()
            return
        with self.members[step.who].client() as client:
            match step.what.split():
                case ["negotiate"]:
                    client.negotiate(self.datasets["plain"])
                case ["offer", slug]:
                    wish = {
                        "consumer": self.consumer.did,
                        "address": f"{self.consumer.url}/dsp/2025-1",
                        "dataset": self.datasets[slug],
                    }
                    client.call("POST", "/sweep/offers", json=wish)
                case ["fetch"]:
                    client.transfer(self.agreements["plain"])
                case ["fetch", "sealed"]:
                    client.transfer(self.agreements["sealed"])
                case ["hold"]:
                    client.transfer(self.agreements["plain"], file=HELD)
                case ["have", "pushed"]:
                    body = {"agreementId": self.agreements["plain"], "format": "HttpData-PUSH"}
                    client.call("POST", "/api/transfers", json=body)
                case [verb]:
                    command = "terminate" if verb == "end" else verb
                    path = f"/api/{kind}/{quote(str(pid), safe='')}/{command}"
                    client.call("POST", path, json={"reason": REASON})

    # ---- what the nodes hold -----------------------------------------------------------------------------------

    def newest(self, who: Role, kind: str) -> Process | None:
        """The conversation that a node began or took last."""
        stores = self.members[who].stores
        with stores.uow.read() as tx:
            found: list[Process] = list(processes(stores, kind).select(tx, limit=1))
        return found[0] if found else None

    def process(self, who: Role, kind: str, pid: str) -> Process | None:
        stores = self.members[who].stores
        with stores.uow.read() as tx:
            found: Process | None = processes(stores, kind).get(tx, pid)
            return found

    def waiting(self, who: Role) -> int:
        """How many tasks are in its outbox."""
        stores = self.members[who].stores
        with stores.uow.read() as tx:
            return stores.outbox.waiting(tx)

    def reckon(self, findings: Findings) -> None:
        """Everything, once both are down."""
        for member in self.members.values():
            member.stop()
        provider, consumer = self.provider.stores, self.consumer.stores
        comparison.records(findings, provider, self.records)
        for kind in comparison.KINDS:
            comparison.conversations(findings, provider, consumer, kind, reasons=(REASON,))
        comparison.agreements(findings, provider, consumer)
        folder = places(self.consumer.folder).inbox
        comparison.files(findings, consumer, folder, hashlib.sha256(DATA).hexdigest())
        for member in self.members.values():
            comparison.views(findings, member)
            comparison.ledger(findings, member)

    def close(self) -> None:
        """Leave no process behind."""
        for member in self.members.values():
            member.close()
