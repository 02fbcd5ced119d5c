"""The catalogue with nothing replaced: a steward's fields through the cage, SQLite, Oxigraph, Tantivy, a follower."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.adapters.graph.store import OxigraphGraph
from node.adapters.search.index import TantivyIndex
from node.adapters.sql.engine import connect
from node.adapters.sql.migrate import migrate
from node.adapters.sql.node_state import SqlFollowStore
from node.base.errors import InvalidDescription, NotFound
from node.cage.cage import Cage
from node.catalogue.model import INTERNAL
from node.catalogue.searches import Query
from node.identity.model import ANONYMOUS
from node.semantics.description.cage_client import describe
from node.semantics.documents import canonical, parse
from node.semantics.model import CheckedDescription, File, Submission
from tests.fakes.catalogue import MEMBER, CatalogueNode, participant
from tests.fakes.federation import Follower, Network
from tests.stores import Stores, sql_stores

FIELDS: dict[str, Any] = {
    "title": {"nl": "Verkeerstellingen Gent", "en": "Traffic counts of Ghent"},
    "description": {
        "nl": "Getelde voertuigen per kwartier, synthetisch.",
        "en": "Vehicles counted every quarter of an hour, synthetic.",
    },
    "keywords": ["verkeer", "tellingen"],
    "theme": "transport",
    "publisher": {"name": "Stad Gent"},
    "contact": {"name": "Els Peeters", "email": "els@gent.example"},
    "frequency": "every 15 minutes",
    "license": "CC BY 4.0",
    "place": "Gent",
}


def node(base: str, name: str, cage: Cage, path: Path) -> CatalogueNode:
    path.mkdir()
    engine = connect(f"sqlite:///{path}/hansa.sqlite")
    migrate(engine)
    stores = sql_stores(engine)
    nodes: list[CatalogueNode] = []

    async def described(submission: Submission, owner: str) -> CheckedDescription:
        return await describe(cage, submission, owner, base=base, me=nodes[0].did, my_name=name)

    nodes.append(
        CatalogueNode(
            base=base,
            name=name,
            uow=stores.uow,
            records=stores.records,
            ledger=stores.ledger,
            graph=OxigraphGraph(path / "graph", cage),
            index=TantivyIndex(path / "search"),
            describing=described,
        )
    )
    return nodes[0]


@pytest.fixture
async def cities(tmp_path: Path) -> AsyncIterator[tuple[CatalogueNode, CatalogueNode]]:
    cage = Cage()
    try:
        gent = node("https://gent.example", "Gent", cage, tmp_path / "gent")
        region = node("https://region.example", "Vlaanderen", cage, tmp_path / "region")
        yield gent, region
    finally:
        await cage.stop()


async def publish(gent: CatalogueNode, **more: Any) -> Any:
    fields = {**FIELDS, **more.pop("fields", {})}
    gent.assets.add("cd" * 32)
    more.setdefault("files", (File(name="counts.csv", media_type="text/csv", size=7, sha256="cd" * 32),))
    return await gent.publishing.publish(Submission(kind="dataset", fields=fields, **more), gent.steward)


async def test_from_a_stewards_fields_to_the_regions_catalogue(
    cities: tuple[CatalogueNode, CatalogueNode],
) -> None:
    gent, region = cities
    network = Network()
    network.join(gent, {region.did: participant(region.did, "MembershipCredential")})
    network.join(region)
    follower = Follower(region, network, store=SqlFollowStore())
    await follower.follow(gent)

    published = await publish(gent, conditions={"template": "members"})
    record = published.record
    assert (published.created, published.position, record.kind) == (True, 0, "dataset")
    assert canonical(parse(record.nquads, "application/n-quads", base=record.iri)) == (record.nquads, record.sha256)
    again = await publish(gent, conditions={"template": "members"})
    assert (again.created, again.record.version) == (False, 1), "describing is repeatable"

    outcome = await follower.run(gent)
    assert (outcome.added, outcome.quarantines) == (1, 0), follower.put_aside(gent)
    (hit,) = (await region.browse.search(Query(text="verkeerstelingen", language="nl"), ANONYMOUS)).hits
    assert (hit.record.iri, hit.record.origin, str(hit.access)) == (record.iri, gent.did, "members")
    rows = await region.sparql(
        "PREFIX odrl: <http://www.w3.org/ns/odrl/2/> PREFIX dct: <http://purl.org/dc/terms/> "
        'SELECT ?words { ?s odrl:hasPolicy/dct:description ?words FILTER(lang(?words) = "nl") }',
        ANONYMOUS,
    )
    assert rows == [{"words": " ".join(region.browse.access.sentences(record, "nl"))}]

    then = gent.clock.now()
    gent.clock.forward(minutes=1)
    corrected = await publish(
        gent,
        conditions={"template": "members"},
        fields={"description": {"nl": "Zonder de kapotte sensor.", "en": "Without the broken sensor."}},
    )
    assert corrected.record.version == 2
    await follower.run(gent)
    assert (await region.browse.record(record.iri, ANONYMOUS)).description("en") == "Without the broken sensor."
    old = await region.browse.record(record.iri, ANONYMOUS, as_of=then)
    assert old.sha256 == record.sha256
    query = (
        "PREFIX dct: <http://purl.org/dc/terms/> PREFIX dcat: <http://www.w3.org/ns/dcat#> "
        "SELECT ?d { ?s a dcat:Dataset ; dct:description ?d }"
    )
    assert len(await region.sparql(query, ANONYMOUS, as_of=then)) == 2

    await publish(gent, conditions={"template": "members"}, audience=INTERNAL)
    await follower.run(gent)
    with pytest.raises(NotFound):
        await region.browse.record(record.iri, MEMBER)
    assert await region.sparql(query, ANONYMOUS) == []


async def test_what_the_shapes_refuse_is_not_half_stored(cities: tuple[CatalogueNode, CatalogueNode]) -> None:
    gent, _ = cities
    with pytest.raises(InvalidDescription) as refused:
        await publish(gent, fields={"frequency": "now and then", "license": "mine", "contact": None})
    assert len(refused.value.findings) >= 2
    assert all(finding["message"] and finding["rule"] for finding in refused.value.findings)
    with gent.uow.read() as tx:
        assert gent.records.count(tx) == {}
        assert gent.ledger.unsequenced_entries(tx, 10) == []
    assert (await gent.browse.search(Query(), gent.steward)).total == 0


async def test_a_rebuild_of_the_real_views_ends_in_the_same_content(
    cities: tuple[CatalogueNode, CatalogueNode],
) -> None:
    gent, _ = cities
    for number in range(4):
        title = {"en": f"Counts {number}", "nl": f"Tellingen {number}"}
        await publish(gent, fields={"title": title}, conditions={"template": "open"})
    await gent.withdraw("https://gent.example/datasets/counts-1")
    before = gent.graph.digest(), gent.index.digest()
    for view in gent.views:
        view.rebuild()
    gent.settle()
    assert (gent.graph.digest(), gent.index.digest()) == before


async def test_publishers_who_race_on_a_database_lose_nothing(database_stores: Stores) -> None:
    """Two processes (two nodes over one database know nothing of one another's locks), many publishers each."""
    first, other = (
        CatalogueNode(
            base="https://gent.example",
            uow=database_stores.uow,
            records=database_stores.records,
            ledger=database_stores.ledger,
        )
        for _ in range(2)
    )
    first.publishing._settled = other.publishing._settled = None
    records = await asyncio.gather(
        *(first.publish("counts", description={"en": f"one {number}"}) for number in range(8)),
        *(other.publish("counts", description={"en": f"other {number}"}) for number in range(8)),
        *(first.publish(f"other-{number}") for number in range(4)),
    )
    assert sorted(record.version for record in records if record.iri.endswith("/counts")) == list(range(1, 17))
    first.settle()
    with database_stores.uow.read() as tx:
        assert len(first.ledger.since(tx, 0)) == 20
        assert len(database_stores.records.versions(tx, "https://gent.example/datasets/counts")) == 16
    assert first.chains.size("public") == 20
