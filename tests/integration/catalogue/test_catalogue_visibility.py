"""What somebody may not see does not exist: over all doors, for random audiences, byte by byte."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy.engine import Engine

from node.adapters.graph.store import OxigraphGraph
from node.adapters.search.index import TantivyIndex
from node.cage.cage import Cage
from node.catalogue.model import INTERNAL, PUBLIC, Record
from node.catalogue.representations import FEED_TYPES, RECORD_TYPES
from node.catalogue.visibility import admits
from node.identity.model import ANONYMOUS, Caller
from node.ledger.model import EntryKind
from tests.fakes.catalogue import MEMBER, PARTNER, STRANGER, CatalogueNode
from tests.fakes.catalogue_http import Visitor, application, client
from tests.stores import sql_stores

AUDIENCES = (PUBLIC, INTERNAL, "members", "mobility")
CALLERS: dict[str, Caller] = {"member": MEMBER, "partner": PARTNER, "stranger": STRANGER}
SELECT = "SELECT ?s ?t WHERE { ?s <http://purl.org/dc/terms/title> ?t } ORDER BY ?s ?t"


class House:
    """A node and its doors."""

    def __init__(self, node: CatalogueNode, http: httpx2.AsyncClient, callers: dict[str, Caller]) -> None:
        self.node = node
        self.http = http
        self.callers = callers

    def visitor(self, name: str | None) -> Visitor:
        return Visitor(self.http, name)

    def caller(self, name: str | None) -> Caller:
        return self.callers[name] if name else ANONYMOUS

    def visible(self, name: str | None) -> set[str]:
        """The rule, told independently of the doors."""
        audiences = self.node.visibility.audiences(self.caller(name))
        return {head.iri for head in self.heads() if not head.withdrawn and admits(audiences, head.audience)}

    def heads(self) -> list[Record]:
        """The newest versions, withdrawn ones included."""
        with self.node.uow.read() as tx:
            iris = {entry.subject for entry in self.node.ledger.since(tx, 0) if entry.kind is EntryKind.RECORD}
            found = [self.node.records.get(tx, iri) for iri in sorted(iris)]
        return [head for head in found if head is not None]


@asynccontextmanager
async def housed(node: CatalogueNode) -> AsyncIterator[House]:
    callers = {**CALLERS, "steward": node.steward}
    async with client(application(node, callers), node.base) as http:
        yield House(node, http, callers)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with housed(CatalogueNode(base="https://gent.example")) as opened:
        yield opened


@pytest.fixture
async def real(tmp_path: Path, sqlite_engine: Engine) -> AsyncIterator[House]:
    """The same over SQLite, Oxigraph in the cage, and Tantivy."""
    cage, sqlite = Cage(), sql_stores(sqlite_engine)
    node = CatalogueNode(
        base="https://gent.example",
        uow=sqlite.uow,
        records=sqlite.records,
        ledger=sqlite.ledger,
        graph=OxigraphGraph(tmp_path / "graph", cage),
        index=TantivyIndex(tmp_path / "search"),
    )
    try:
        async with housed(node) as opened:
            yield opened
    finally:
        await cage.stop()


async def feed_members(visitor: Visitor) -> set[str]:
    """All member IRIs that a visitor finds by following relations."""
    members: set[str] = set()
    todo, seen = ["/feed"], set()
    while todo:
        url = todo.pop()
        if url in seen:
            continue
        seen.add(url)
        answer = await visitor.get(url)
        assert answer.status_code == 200, url
        members |= set(re.findall(r"<https://w3id.org/tree#member> <([^>]*)>", answer.text))
        todo += re.findall(r"<https://w3id.org/tree#node> <([^>]*)>", answer.text)
    return members


async def seen_through_doors(house: House, name: str | None) -> dict[str, set[str]]:
    visitor, caller = house.visitor(name), house.caller(name)
    search = (await visitor.get("/api/catalogue/search", limit=100)).json()
    sparql = (await visitor.get("/sparql", query=SELECT)).json()["results"]["bindings"]
    as_of = (await visitor.get("/sparql", query=SELECT, asOf="2030-01-01")).json()["results"]["bindings"]
    iris = [head.iri for head in house.heads()]
    dsp: set[str] = set()
    token: str | None = None
    while True:
        page, token = await house.node.dsp.catalog(caller, token=token)
        dsp |= {dataset["@id"] for dataset in page.get("dataset", ())}
        if token is None:
            break
    direct, record, versions = set(), set(), set()
    for iri in iris:
        statuses = [
            (await visitor.get(iri, accept=RECORD_TYPES[0])).status_code,
            (await visitor.get("/api/catalogue/record", iri=iri)).status_code,
            (await visitor.get("/api/catalogue/versions", iri=iri)).status_code,
        ]
        assert 410 not in statuses or statuses == [410, 410, 200], "withdrawn: of those who see its history"
        for status, visible in zip(statuses, (direct, record, versions), strict=True):
            assert status in (200, 404, 410)
            if status == 200:
                visible.add(iri)
    live = {iri.rpartition("#")[0] for iri in await feed_members(visitor)}
    return {
        "search": {hit["iri"] for hit in search["hits"]},
        "sparql": {row["s"]["value"] for row in sparql},
        "sparql as of": {row["s"]["value"] for row in as_of},
        "dsp": dsp,
        "iri": direct,
        "record": record,
        "versions": versions,
        "feed": live,
        "_counts": {str(search["total"]), str(sum((await visitor.get("/api/catalogue/counts")).json().values()))},
        "_facet": {str(sum(search["facets"]["kind"].values()))},
        "_publishers": {str(sum(one["total"] for one in (await visitor.get("/api/catalogue/publishers")).json()))},
    }


@pytest.mark.parametrize("seed", range(6))
async def test_every_door_shows_exactly_the_visible_set(house: House, seed: int) -> None:
    await differential(house, random.Random(seed), 24)


async def test_the_same_over_the_real_stores(real: House) -> None:
    await differential(real, random.Random(99), 14)


async def differential(house: House, chance: random.Random, changes: int) -> None:
    """Random publications, withdrawals and changes of audience; then every door for every caller."""
    for _ in range(changes):
        slug = f"asset-{chance.randrange(12)}"
        iri = f"https://gent.example/datasets/{slug}"
        if chance.random() < 0.15 and iri in {head.iri for head in house.heads()}:
            await house.node.withdraw(iri)
        else:
            await house.node.publish(
                slug,
                audience=chance.choice(AUDIENCES),
                conditions={"template": chance.choice(("open", "members"))},
                description={"en": f"number {chance.random()}"},
            )
    gone = {head.iri for head in house.heads() if head.withdrawn}
    for name in (None, "stranger", "member", "partner", "steward"):
        visible = house.visible(name)
        doors = await seen_through_doors(house, name)
        for door in ("search", "sparql", "sparql as of", "dsp", "iri", "record"):
            assert doors[door] == visible, f"{door} for {name}"
        assert doors["versions"] - gone == visible, f"versions for {name}"
        # The feed also has tombstones: of what is withdrawn, and of what left an audience of the caller's.
        assert visible <= doors["feed"], f"feed for {name}"
        for count in ("_counts", "_facet", "_publishers"):
            assert doors[count] == {str(len(visible))}, f"{count} for {name}"


async def everything(visitor: Visitor) -> dict[str, bytes]:
    """All that a visitor can fetch, to the byte, with the headers that tell about content."""
    answers: dict[str, bytes] = {}

    async def take(key: str, path: str, **more: Any) -> httpx2.Response:
        answer = await visitor.get(path, **more)
        kept = sorted((k, v) for k, v in answer.headers.items() if k not in ("date", "content-length"))
        answers[key] = repr((answer.status_code, kept)).encode() + answer.content
        return answer

    for sort in ("best", "newest"):
        await take(f"search {sort}", "/api/catalogue/search", sort=sort)
    await take("text", "/api/catalogue/search", q="secret")
    await take("counts", "/api/catalogue/counts")
    await take("publishers", "/api/catalogue/publishers")
    await take("sparql", "/sparql", query=SELECT)
    await take("count", "/sparql", query="SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }")
    for slug in ("open-1", "open-2", "secret", "nothing"):
        iri = f"/datasets/{slug}"
        for media_type in RECORD_TYPES:
            await take(f"{iri} {media_type}", iri, accept=media_type)
        await take(f"{iri} v1", iri, version=1)
        await take(f"{iri} then", iri, asOf="2026-12-01")
        await take(f"{iri} file", f"{iri}/files/a.csv")
        await take(f"{iri} versions", "/api/catalogue/versions", iri=f"https://gent.example{iri}")
        await take(f"{iri} record", "/api/catalogue/record", iri=f"https://gent.example{iri}")
    todo, seen = ["/feed"], set()
    while todo:
        url = todo.pop()
        if url not in seen:
            seen.add(url)
            for media_type in FEED_TYPES:
                answer = await take(f"{url} {media_type}", url, accept=media_type)
            answer = await take(url, url)
            todo += re.findall(r"<https://w3id.org/tree#node> <([^>]*)>", answer.text)
    for page in ("/feed/pages/0", "/feed/pages/1", "/feed/audiences/internal/index", "/feed/audiences/members/index"):
        await take(page, page)
    return answers


async def test_a_hidden_asset_changes_no_byte_of_what_others_see(house: House) -> None:
    node = house.node
    for slug in ("open-1", "open-2"):
        await node.publish(slug, conditions={"template": "open"}, description={"en": "seen"})
    await node.publish("for-members", audience="members")
    names: tuple[str | None, ...] = (None, "stranger", "member")
    before = {name: await everything(house.visitor(name)) for name in names}
    secret = await node.publish(
        "secret",
        audience=INTERNAL,
        keywords=("staff",),
        links=(("http://purl.org/dc/terms/source", "https://gent.example/datasets/open-1"),),
        publisher="https://gent.example/staff",
        publisherName="Staff",
    )
    await node.publish("secret", audience=INTERNAL, description={"en": "secret text"})
    for name in names:
        after = await everything(house.visitor(name))
        assert after.keys() == before[name].keys()
        different = [key for key in after if after[key] != before[name][key]]
        assert different == [], f"{name} notices a hidden asset"
    assert (await house.visitor("steward").get(secret.iri)).status_code == 200
    assert "secret" in (await house.visitor("steward").get("/feed/audiences/internal/pages/0")).text


async def test_hidden_and_absent_are_the_same_answer(house: House) -> None:
    await house.node.publish("hidden", audience="mobility", conditions={"template": "open"})
    visitor = house.visitor("member")
    for path in ("/datasets/{}", "/datasets/{}?version=1", "/datasets/{}?asOf=2030-01-01", "/datasets/{}/files/x"):
        answers = [await visitor.get(path.format(slug)) for slug in ("hidden", "absent")]
        texts = {answer.text.replace("hidden", "absent") for answer in answers}
        assert {answer.status_code for answer in answers} == {404}
        assert len(texts) == 1


async def test_todays_seeing_policy_governs_all_versions(house: House) -> None:
    node = house.node
    await node.publish("counts", audience=PUBLIC, description={"en": "once public"})
    outsider = house.visitor(None)
    assert "once public" in (await outsider.get("/feed/pages/0")).text
    await node.publish("counts", audience="members", description={"en": "now for members"})
    for path in ("/datasets/counts", "/datasets/counts?version=1", "/datasets/counts?asOf=2030-01-01"):
        assert (await outsider.get(path)).status_code == 404
    assert (await outsider.get("/feed/pages/0")).status_code == 410
    members = await feed_members(outsider)
    assert members == {"https://gent.example/datasets/counts#v2"}, "only the tombstone is left"
    index = (await outsider.get("/feed/index")).text
    page = re.findall(r"<https://w3id.org/tree#node> <([^>]*)>", index)[0]
    text = (await outsider.get(page)).text
    assert "once public" not in text
    assert "now for members" not in text
    assert (await house.visitor("member").get("/datasets/counts", version=1)).status_code == 200
    await node.publish("counts", audience=PUBLIC, description={"en": "public again"})
    assert (await outsider.get("/datasets/counts")).status_code == 200
    assert (await outsider.get("/datasets/counts", version=1)).status_code == 404, "it was hidden, and stays so"
    assert (await house.visitor("member").get("/datasets/counts", version=1)).status_code == 200
    assert (await outsider.get("/feed/pages/0")).status_code == 410, "what was hidden stays hidden"
    assert not {page for page, text in (await everything(outsider)).items() if b"once public" in text}


async def test_a_lagging_index_shows_nothing_that_is_hidden_by_now(house: House) -> None:
    node = house.node
    record = await node.publish("counts", audience=PUBLIC)
    node.publishing._settled = None
    await node.publish("counts", audience=INTERNAL)
    hits = (await house.visitor(None).get("/api/catalogue/search")).json()["hits"]
    assert hits == []
    assert (await house.visitor(None).get(record.iri)).status_code == 404
