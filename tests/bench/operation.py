"""Starting and resting at an empty node and at one with records, and the demonstration as a whole."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx2

from demo.nodes import HANSA, Member, free_ports, until
from node.bootstrap.build import build
from node.catalogue.model import Record
from node.catalogue.publication.catalogue import Catalogue
from node.catalogue.versions.storage import VersionStorage
from node.identity.model import Caller, UserRole
from node.ledger.usecases import LedgerWriter
from node.settings import load
from tests.bench.measures import BARE, FIELDS
from tests.bench.processes import await_ready, bare_server, children_seconds, new_member, proportional_mb
from tests.bench.report import Figure, median

IN_ONE_TRANSACTION = 500
SETTLING = 2.0
"""Seconds after which a node that is ready has done what it does by itself at its start."""
QUERY = "SELECT ?theme (COUNT(?it) AS ?many) WHERE { ?it <http://www.w3.org/ns/dcat#theme> ?theme } GROUP BY ?theme"


def start_up(rounds: int = 5) -> list[Figure]:
    """``node_ready_s`` and ``node_idle_mb``: an empty node."""
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        member = _new_node(Path(scratch))
        return _started(member, "", rounds)


def with_records(count: int = 25_000, rounds: int = 3) -> list[Figure]:
    """``node_ready_…_s``, ``node_idle_…_mb``, ``node_used_…_mb``: a node with so many records, and after use.

    They are written as publishing writes them, without checking a description for each.
    """
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch:
        home = Path(scratch)
        member, iri = filled(home, count)
        figures = _started(member, f"_{count}", rounds)
        member.serve()
        try:
            member.wait_ready()
            _use(member, iri)
            assert member.process is not None
            used = proportional_mb(member.process.pid)
        finally:
            member.stop()
        idle = figures[-1]
    metric = f"node_used_{count}_mb"
    return [*figures, replace(idle, metric=metric, value=used, n=1)]


def demonstration() -> list[Figure]:
    """``demo_s``: ``hansa demo`` from its first word to its last. Baseline: the processor time that it and its nodes
    took, spread evenly over all cores of this machine: what is above that, it waited."""
    before = children_seconds()
    began = time.perf_counter()
    ended = subprocess.run([*HANSA, "demo"], capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if ended.returncode != 0:
        raise RuntimeError(f"the demonstration failed: {ended.stdout[-500:]}{ended.stderr[-500:]}")
    cores = os.cpu_count() or 1
    return [
        Figure(
            metric="demo_s",
            value=took,
            unit="s",
            n=1,
            baseline_name=f"its own processor time over {cores} cores",
            baseline_value=(children_seconds() - before) / cores,
        )
    ]


def filled(home: Path, count: int, dump: Path | None = None) -> tuple[Member, str]:
    """A node that does not run, whose views show ``count`` records; and the IRI of the first."""
    member = _new_node(home)
    member.serve()
    member.wait_ready()
    with member.client() as client:
        iri = str(client.publish({"fields": {**FIELDS, "id": "set-000000"}})["iri"])
    member.stop()
    fill(member, iri, count, dump)
    member.serve()
    try:
        until("every view shows all records", lambda: shows(member, count), seconds=1800)
    finally:
        member.stop()
    return member, iri


def fill(member: Member, iri: str, count: int, dump: Path | None = None) -> None:
    """Bring the records of a node that does not run to ``count``, as copies of the one at ``iri``. ``dump`` is the
    file that gets the N-Quads of all of them."""
    settings = replace(load(member.folder), **member.settings)
    node = build(settings, with_worker=False, with_views=False)
    stores, me = node.parts.stores, node.parts.me
    catalogue = Catalogue(
        uow=stores.uow,
        versions=VersionStorage(
            append=LedgerWriter(stores.ledger, node.parts.clock, lambda _kind: None),
            erase=stores.ledger.erase,
            records=stores.catalogue.records,
        ),
        records=stores.catalogue.records,
        keyring=node.parts.keyring,
        clock=node.parts.clock,
        node=node.catalogue.node,
    )
    steward = Caller(did=me, account="bench", roles=frozenset({UserRole.PUBLISHER}))
    try:
        with stores.uow.read() as tx:
            template = stores.catalogue.records.get(tx, iri)
        assert template is not None
        if dump is not None:
            copies = (_copy(template, number).nquads for number in range(1, count))
            with dump.open("wb") as file:
                file.writelines(itertools.chain([template.nquads], copies))
        for first in range(1, count, IN_ONE_TRANSACTION):
            with stores.uow.begin() as tx:
                for number in range(first, min(first + IN_ONE_TRANSACTION, count)):
                    catalogue.keep(tx, _copy(template, number), steward)
    finally:
        for close in node.parts.closing:
            close()


def _copy(template: Record, number: int) -> Record:
    old = template.iri.rpartition("/")[2]
    iri = template.iri.replace(old, f"set-{number:06}")
    nquads = template.nquads.replace(template.iri.encode(), iri.encode())
    return replace(template, iri=iri, nquads=nquads, sha256=hashlib.sha256(nquads).hexdigest())


def _new_node(home: Path) -> Member:
    (port,) = free_ports(1)
    return new_member(home, "node", port)


def _started(member: Member, name: str, rounds: int) -> list[Figure]:
    """How long until ready and how large at rest, in turn with the bare server."""
    ready, idle, bare_ready, bare_idle = [], [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        member.serve()
        try:
            ready.append(await_ready(member.url, began))
            time.sleep(SETTLING)
            assert member.process is not None
            idle.append(proportional_mb(member.process.pid))
        finally:
            member.stop()
        with bare_server(member.home) as (_, process, seconds):
            bare_ready.append(seconds)
            time.sleep(SETTLING / 2)
            bare_idle.append(proportional_mb(process.pid))
    return [
        _figure(f"node_ready{name}_s", "s", ready, bare_ready),
        _figure(f"node_idle{name}_mb", "MB", idle, bare_idle),
    ]


def _figure(metric: str, unit: str, values: Sequence[float], bare: Sequence[float]) -> Figure:
    return Figure(
        metric=metric,
        value=median(values),
        unit=unit,
        n=len(values),
        baseline_name=BARE,
        baseline_value=median(bare),
    )


def shows(member: Member, count: int) -> bool:
    """Whether search finds so many records, and the other views show the whole ledger."""
    try:
        answer = httpx2.get(f"{member.url}/api/catalogue/search", params={"limit": 1}, timeout=60)
        ready = httpx2.get(f"{member.url}/ready", timeout=60)
    except httpx2.TransportError:
        return False
    views = ready.json().get("views", {}).values()
    return answer.status_code == 200 and answer.json()["total"] == count and set(views) == {100}


def _use(member: Member, iri: str) -> None:
    """What readers do: search, pages, the protocol's catalogue, records, a query, the feed; each some times."""
    person = member.client()
    with person, httpx2.Client(base_url=member.url, timeout=60) as visitor:
        for number in range(25):
            for path in ("/search", "/api/catalogue/search"):
                visitor.get(path, params={"q": "bicycle", "offset": number * 20}, headers={"Accept": "*/*"})
            visitor.get(iri, headers={"Accept": "text/html"})
            visitor.get(iri, headers={"Accept": "text/turtle"})
            visitor.get("/feed", headers={"Accept": "text/turtle"})
        for _ in range(3):
            visitor.post("/sparql", data={"query": QUERY}, headers={"Accept": "application/sparql-results+json"})
            person.publish({"fields": {**FIELDS, "id": "one-more"}})
