"""Pages of the catalogue for data portals."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pyoxigraph import NamedNode, Quad, RdfFormat, parse

from node.catalogue.dsp import Member
from node.catalogue.export import catalog
from node.catalogue.export.catalog import CatalogExport, CatalogPage
from node.semantics.documents import N_TRIPLES, RDF_XML, TURTLE
from node.vocab.namespaces import DCAT, HYDRA, RDF
from tests.fakes.catalogue import MEMBER, STRANGER, CatalogueNode

BASE = "https://gent.example"
KINDS = ("dataset", "service", "resource")


def export_of(node: CatalogueNode, *, page: int = 100, members: Sequence[Member] = ()) -> CatalogExport:
    return CatalogExport(
        uow=node.uow,
        records=node.records,
        visibility=node.visibility,
        node=node.facts,
        members=lambda: members,
        page=page,
    )


async def read(export: CatalogExport, page: CatalogPage, media_type: str = N_TRIPLES) -> list[Quad]:
    formats = {N_TRIPLES: RdfFormat.N_TRIPLES, TURTLE: RdfFormat.TURTLE, RDF_XML: RdfFormat.RDF_XML}
    return list(parse(await export.document(page, media_type), format=formats[media_type]))


def values(quads: Sequence[Quad], predicate: str, subject: str = "") -> list[str]:
    return [
        quad.object.value  # type: ignore[union-attr]
        for quad in quads
        if quad.predicate.value == predicate and subject in ("", getattr(quad.subject, "value", None))
    ]


def listed(quads: Sequence[Quad]) -> set[str]:
    return {
        value.removeprefix(f"{BASE}/")
        for kind in KINDS
        for value in values(quads, f"{DCAT}{kind}", f"{BASE}/catalog")
    }


@pytest.fixture
async def gent() -> CatalogueNode:
    node = CatalogueNode(base=BASE)
    for name in ("counts", "roads", "trees"):
        await node.publish(name)
    await node.publish("noise", kind="model")
    await node.publish("members-only", audience="members")
    await node.publish("staff", audience="internal")
    gone = await node.publish("gone")
    await node.withdraw(gone.iri)
    return node


async def test_it_lists_what_a_caller_may_see_offered_or_not(gent: CatalogueNode) -> None:
    export = export_of(gent)
    page = await export.page(STRANGER)
    quads = await read(export, page)
    assert listed(quads) == {"datasets/counts", "datasets/roads", "datasets/trees", "models/noise"}
    assert page.total == 4
    assert page.next is None
    assert Quad(NamedNode(f"{BASE}/datasets/counts"), NamedNode(f"{RDF}type"), NamedNode(f"{DCAT}Dataset")) in quads
    member = await export.page(MEMBER)
    assert "datasets/members-only" in listed(await read(export, member))
    assert member.total == 5
    assert member.tag != page.tag


async def test_pages_hold_everything_once_and_name_the_next(gent: CatalogueNode) -> None:
    export = export_of(gent, page=3)
    first = await export.page(STRANGER)
    assert first.next is not None
    quads = await read(export, first)
    assert values(quads, f"{HYDRA}next", first.url) == values(quads, f"{HYDRA}nextPage", first.url) == [first.next]
    assert values(quads, f"{HYDRA}totalItems") == ["4"]
    after = first.next.partition("after=")[2].replace("%3A", ":").replace("%2F", "/")
    last = await export.page(STRANGER, after=after)
    assert last.url == first.next
    assert last.next is None
    rest = await read(export, last)
    assert values(rest, f"{HYDRA}next") == values(rest, f"{HYDRA}totalItems") == []
    assert not listed(quads) & listed(rest)
    assert len(listed(quads) | listed(rest)) == 4


async def test_a_page_ends_where_it_has_become_long(gent: CatalogueNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MOST_BYTES", 10)
    page = await export_of(gent).page(STRANGER)
    assert len(page.records) == 1
    assert page.next is not None


async def test_its_tag_changes_with_what_a_page_says(gent: CatalogueNode) -> None:
    export = export_of(gent, page=3)
    first, tail = await export.page(STRANGER), f"{BASE}/datasets/trees"
    last = await export.page(STRANGER, after=tail)
    assert (await export.page(STRANGER)).tag == first.tag
    await gent.publish("roads", title={"en": "All roads"})
    assert (await export.page(STRANGER)).tag != first.tag
    assert (await export.page(STRANGER, after=tail)).tag == last.tag


async def test_a_region_names_the_catalogues_of_its_members(gent: CatalogueNode) -> None:
    export = export_of(
        gent, members=[Member(did="did:web:brugge.example", name="Brugge", url="https://brugge.example/")]
    )
    quads = await read(export, await export.page(STRANGER))
    assert values(quads, f"{DCAT}catalog", f"{BASE}/catalog") == ["https://brugge.example/catalog"]
    after = await read(export, await export.page(STRANGER, after=f"{BASE}/datasets/roads"))
    assert values(after, f"{DCAT}catalog") == []


async def test_what_xml_cannot_express_costs_no_page(gent: CatalogueNode) -> None:
    await gent.publish("odd", description={"en": "a \x0b control"})
    export = export_of(gent)
    page = await export.page(STRANGER)
    lost = set(map(str, await read(export, page))) - set(map(str, await read(export, page, RDF_XML)))
    assert "datasets/odd" in listed(await read(export, page, RDF_XML))
    assert any("control" in quad for quad in lost)
