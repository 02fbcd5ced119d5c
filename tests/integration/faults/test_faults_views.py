"""The views on the disk, damaged or put back to an earlier state: found at the start or on read, and made anew.

Invariant I8 (docs/explanation/durability.md): what SPARQL and search answer equals a replay of the ledger.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.adapters.graph.store import OxigraphGraph
from node.adapters.search import TantivyIndex
from node.base.errors import DatabaseAway, NoRoom
from node.ledger.model import Entry, EntryKind
from node.worker.views import FollowLedger
from tests import comparison
from tests.nodes import Running, publish, running, until
from tests.view_updates import step

QUERY = "SELECT ?title WHERE { ?it <http://purl.org/dc/terms/title> ?title }"


def flip(path: Path, at: float) -> None:
    """Another bit in the middle of a file, as a bad sector or a bad memory module leaves one."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 0x10
    path.chmod(0o600)
    path.write_bytes(data)


def titles(node: Running) -> set[str] | None:
    """What SPARQL says, or None where it does not answer."""
    with node.http() as client:
        answer = client.get("/sparql", params={"query": QUERY}, headers={"Accept": "application/sparql-results+json"})
    assert answer.status_code in (200, 503), answer.text
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
        return None
    return {row["title"]["value"] for row in json.loads(answer.content)["results"]["bindings"]}


def hits(node: Running) -> int | None:
    """How many records search knows, or None where it asks for patience."""
    with node.http() as client:
        answer = client.get("/api/catalogue/search", headers=node.person())
    assert answer.status_code in (200, 503), answer.text
    assert answer.status_code == 200 or answer.headers["retry-after"]
    return int(answer.json()["total"]) if answer.status_code == 200 else None


def digests(node: Running) -> tuple[str, str]:
    """Of what the node answers from, and at once of what a replay of its ledger gives."""
    return node.node.parts.graph.digest(), node.node.parts.index.digest()


def replayed(node: Running, home: Path) -> tuple[str, str]:
    """The same of views that are made from the ledger of ``node``."""
    parts = node.node.parts
    graph, index = OxigraphGraph(home / "graph", parts.cage), TantivyIndex(home / "search")
    comparison.catch_up(parts.stores, graph, index, parts.me)
    digests = graph.digest(), index.digest()
    graph.close()
    index.close()
    return digests


def flushed(node: Running) -> None:
    """Have the engine write its tables; otherwise all is in its log, which is a test of its own."""
    with node.node.parts.graph._using() as store:
        store.flush()


def test_a_store_whose_last_batches_are_gone_catches_up(tmp_path: Path, sqlite_template: Path) -> None:
    """A power cut may take the last batches of the SPARQL store (it does not sync): its position goes with them."""
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        port = node.node.parts.settings.port
        publish(node, "first", data=None)
    shutil.copytree(folder / "graph", tmp_path / "before" / "graph")
    shutil.copytree(folder / "search", tmp_path / "before" / "search")
    with running(folder, port=port) as node:
        publish(node, "second", data=None)
        publish(node, "first", data=None, title="First, corrected")
        before = digests(node)
    for name in ("graph", "search"):
        shutil.rmtree(folder / name)
        shutil.copytree(tmp_path / "before" / name, folder / name)
    with running(folder, port=port) as node:
        until("the views have caught up", lambda: digests(node) == before)
        assert digests(node) == replayed(node, tmp_path / "replay")
        assert {"First, corrected", "Second"} <= (titles(node) or set())


def rebuilt(caplog: pytest.LogCaptureFixture, view: str) -> bool:
    """Whether the damage of a view was found, and the view made anew."""
    return any(f"view {view} is damaged and is rebuilt" in one.getMessage() for one in caplog.records)


def test_a_damaged_store_is_found_and_made_anew(
    tmp_path: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in every table: the node starts, and answers as before."""
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        port = node.node.parts.settings.port
        publish(node, "first", data=None)
        flushed(node)
        before, titles_before = digests(node), titles(node)
    tables = sorted((folder / "graph").rglob("*.sst"))
    assert tables, "there is nothing to damage"
    for table in tables:
        flip(table, 0.2)
    with running(folder, port=port) as node:
        # Damage that opening does not meet is met by a query, which fails; the store is then made anew.
        until("SPARQL answers as before", lambda: rebuilt(caplog, "graph") and titles(node) == titles_before)
        assert digests(node) == before
        assert not node.node.health()


def test_a_damaged_index_is_found_and_made_anew(
    tmp_path: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        port = node.node.parts.settings.port
        publish(node, "first", data=None)
        before, hits_before = digests(node), hits(node)
    stored = sorted((folder / "search").rglob("*.store"))
    assert stored, "there is nothing to damage"
    for path in stored:
        flip(path, 0.4)
    with running(folder, port=port) as node:
        until("search answers as before", lambda: rebuilt(caplog, "search") and hits(node) == hits_before)
        assert digests(node) == before
        assert not node.node.health()


class _Watched:
    """A view whose store fails as it is told to, and which counts how often it was thrown away."""

    name = "watched"
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)
    gathers = False

    def __init__(self) -> None:
        self.at = 0
        self.rebuilt = 0
        self.failing: Callable[[], Exception] | None = None

    def position(self) -> int:
        return self.at

    def apply(self, entries: Any) -> None:
        if self.failing is not None:
            raise self.failing()
        last: Entry = entries[-1]
        assert last.seq is not None
        self.at = last.seq + 1

    def skip_to(self, position: int) -> None:
        self.at = position

    def next_seq(self) -> int:
        return self.at

    def settle(self) -> None:
        """What was applied is shown already."""

    def rebuild(self) -> None:
        self.rebuilt += 1
        self.at = 0


@pytest.mark.parametrize(
    "failing",
    [
        lambda: NoRoom("the disk of the SPARQL store is full"),
        lambda: DatabaseAway("the connection to the database was lost"),
    ],
)
def test_a_view_is_not_thrown_away_for_what_passes(running_node: Running, failing: Callable[[], Exception]) -> None:
    """Neither a full disk nor a database that is away damages a view: it waits, and goes on."""
    publish(running_node, "first", data=None)
    stores, view = running_node.node.parts.stores, _Watched()
    view.failing = failing
    following = FollowLedger(uow=stores.uow, ledger=stores.ledger, sequencer=None, views=[view])
    for _ in range(3):
        with pytest.raises((NoRoom, DatabaseAway)):
            step(following)
    view.failing = None
    assert step(following) > 0
    assert view.rebuilt == 0
