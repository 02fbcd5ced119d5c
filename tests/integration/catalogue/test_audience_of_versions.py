"""Each version is for whom it was published for: over all doors, for random histories, version by version.

The rule is told anew here, without the product's own: an asset is there for whom its newest version is for; an
earlier version for whom every version since is for; a version that opens the earlier ones starts that count anew; a
version without an audience has that of the one before.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node.adapters.graph.store import OxigraphGraph
from node.adapters.search.index import TantivyIndex
from node.cage.cage import Cage
from node.catalogue.model import INTERNAL, PUBLIC
from node.semantics.model import File
from tests.fakes.catalogue import MEMBER, PARTNER, STRANGER, CatalogueNode
from tests.fakes.catalogue_http import Visitor, application, client
from tests.fakes.stores.assets import MemoryAssets
from tests.stores import sql_stores

BASE = "https://gent.example"
AUDIENCES = (None, None, PUBLIC, INTERNAL, "members", "mobility")
SEES = {
    None: {PUBLIC},
    "stranger": {PUBLIC},
    "member": {PUBLIC, "members"},
    "partner": {PUBLIC, "members", "mobility"},
    "steward": {PUBLIC, INTERNAL, "members", "mobility"},
}
SELECT = "SELECT ?t WHERE { ?s <http://purl.org/dc/terms/description> ?t }"


@dataclass
class ExpectedVersion:
    """One version as the test knows it: ``mark`` stands in its description and is its file's content."""

    number: int
    audience: str
    mark: str
    at: str
    opens: bool = False
    withdrawn: bool = False


@dataclass
class History:
    slug: str
    versions: list[ExpectedVersion] = field(default_factory=list)

    def seen_by(self, name: str | None) -> list[ExpectedVersion]:
        """The versions that are there for somebody, tombstones included."""
        mine = SEES[name]
        if not self.versions or self.versions[-1].audience not in mine:
            return []
        opened = max((told.number for told in self.versions if told.opens), default=0)
        since = {told.number: told.audience for told in self.versions if told.number >= opened}
        return [
            told
            for told in self.versions
            if all(audience in mine for number, audience in since.items() if number >= told.number)
        ]


@pytest.fixture(params=["memory", "real"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CatalogueNode]:
    if request.param == "memory":
        yield CatalogueNode(base=BASE)
        return
    engine: Engine = request.getfixturevalue("sqlite_engine")
    cage, sqlite = Cage(), sql_stores(engine)
    try:
        yield CatalogueNode(
            base=BASE,
            uow=sqlite.uow,
            records=sqlite.records,
            ledger=sqlite.ledger,
            graph=OxigraphGraph(tmp_path / "graph", cage),
            index=TantivyIndex(tmp_path / "search"),
        )
    finally:
        await cage.stop()


async def live(
    node: CatalogueNode, assets: MemoryAssets, chance: random.Random, histories: list[History], steps: int
) -> None:
    """Publish, withdraw, widen, narrow and open at random; keep what each step was meant to say."""
    for step in range(steps):
        history = chance.choice(histories)
        iri, before = f"{BASE}/datasets/{history.slug}", history.versions[-1] if history.versions else None
        if before and not before.withdrawn and chance.random() < 0.1:
            gone = await node.withdraw(iri)
            history.versions.append(
                ExpectedVersion(
                    gone.version, before.audience, "", gone.at.isoformat(timespec="microseconds"), withdrawn=True
                )
            )
            continue
        audience, mark = chance.choice(AUDIENCES), f"mark-{step}-{chance.randrange(10**9)}"
        opens = audience is not None and chance.random() < 0.2
        stored = assets.keep(mark.encode()).sha256
        node.assets.add(stored)
        file = File(name="a.csv", media_type="text/csv", size=len(mark), sha256=stored, open=True)
        record = await node.publish(
            history.slug,
            description={"en": mark},
            files=(file,),
            conditions={"template": chance.choice(("open", "members"))},
            earlier_versions=opens,
            **({"audience": audience} if audience else {}),
        )
        meant = audience or (before.audience if before else PUBLIC)
        if before and record.version == before.number + 2:
            history.versions.append(
                ExpectedVersion(
                    before.number + 1,
                    before.audience,
                    "",
                    record.at.isoformat(timespec="microseconds"),
                    withdrawn=True,
                )
            )
        version = ExpectedVersion(
            record.version,
            meant,
            mark,
            record.at.isoformat(timespec="microseconds"),
            opens=opens and before is not None,
        )
        history.versions.append(version)


@pytest.mark.parametrize("seed", range(5))
async def test_every_door_shows_each_version_to_whom_it_is_for(node: CatalogueNode, seed: int) -> None:
    chance, assets = random.Random(seed), MemoryAssets()
    histories = [History(slug) for slug in ("one", "two", "three")]
    callers = {"member": MEMBER, "partner": PARTNER, "stranger": STRANGER, "steward": node.steward}
    await live(node, assets, chance, histories, 22)
    async with client(application(node, callers, assets), BASE) as http:
        for name in SEES:
            visitor = Visitor(http, name)
            for history in histories:
                await check_versions(visitor, history, history.seen_by(name))
            await check_pages(visitor, name, histories)


async def check_versions(visitor: Visitor, history: History, seen: list[ExpectedVersion]) -> None:
    iri, path = f"{BASE}/datasets/{history.slug}", f"/datasets/{history.slug}"
    listed = await visitor.get("/api/catalogue/versions", iri=iri)
    numbers = [one["version"] for one in listed.json()["versions"]] if listed.status_code == 200 else []
    assert numbers == [told.number for told in reversed(seen)]
    for version in history.versions:
        there = 404 if version not in seen else 410 if version.withdrawn else 200
        ways = [
            await visitor.get(path, version=version.number, accept="application/n-quads"),
            await visitor.get("/api/catalogue/record", iri=iri, version=version.number),
            await visitor.get(f"{path}/files/a.csv", version=version.number),
        ]
        assert [way.status_code for way in ways] == [there] * 3, (history.slug, version)
        # As it stood at the moment of that version: this one, or the newest of those that are seen before it.
        then = next((one for one in reversed(seen) if one.at <= version.at), None)
        expected = then.mark if then and not then.withdrawn else None
        for answer in (
            await visitor.get(path, asOf=version.at, accept="application/n-quads"),
            await visitor.get("/api/catalogue/record", iri=iri, asOf=version.at),
        ):
            assert answer.status_code == (404 if then is None else 410 if then.withdrawn else 200)
            assert not expected or expected in answer.text


async def check_pages(visitor: Visitor, name: str | None, histories: list[History]) -> None:
    """What is shown of all assets together: now, at moments of the past, and in the feed."""
    now = {seen[-1].mark for history in histories if (seen := history.seen_by(name)) and not seen[-1].withdrawn}
    search = (await visitor.get("/api/catalogue/search", limit=100)).json()
    assert {hit["description"] for hit in search["hits"]} == now
    assert search["total"] == sum((await visitor.get("/api/catalogue/counts")).json().values()) == len(now)
    rows = (await visitor.get("/sparql", query=SELECT)).json()["results"]["bindings"]
    assert now == {row["t"]["value"] for row in rows if row["t"]["value"].startswith("mark-")}
    for moment in [told.at for history in histories for told in history.versions][::4]:
        then = set()
        for history in histories:
            known = [told for told in history.seen_by(name) if told.at <= moment]
            then |= {known[-1].mark} if known and not known[-1].withdrawn else set()
        rows = (await visitor.get("/sparql", query=SELECT, asOf=moment)).json()["results"]["bindings"]
        assert then == {row["t"]["value"] for row in rows if row["t"]["value"].startswith("mark-")}
    marks = {told.mark for history in histories for told in history.versions if told.mark}
    text = await feed_text(visitor)
    shown = {mark for mark in marks if mark in text}
    allowed = {told.mark for history in histories for told in history.seen_by(name)}
    assert now <= shown <= allowed


async def feed_text(visitor: Visitor) -> str:
    todo, seen = ["/feed"], {}
    while todo:
        url = todo.pop()
        if url not in seen:
            answer = await visitor.get(url)
            assert answer.status_code == 200, url
            seen[url] = answer.text
            todo += re.findall(r"<https://w3id.org/tree#node> <([^>]*)>", answer.text)
    return "".join(seen.values())
