"""Views of the ledger: a replay, a crash and a rebuild all end in the same content."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from node.catalogue.envelope import ledger_body, sign
from node.catalogue.model import Record
from node.catalogue.search.entries import index_entry
from node.catalogue.searches import Query
from node.identity.model import ANONYMOUS
from node.ledger.model import Entry, EntryKind
from node.worker.views import View
from tests.fakes.catalogue import START, CatalogueNode


async def lively(seed: int = 7) -> CatalogueNode:
    node = CatalogueNode(base="https://gent.example")
    chance = random.Random(seed)
    for number in range(30):
        slug = f"a{chance.randrange(10)}"
        try:
            if chance.random() < 0.2:
                await node.withdraw(f"https://gent.example/datasets/{slug}")
                continue
        except Exception:
            continue
        audience = chance.choice(("public", "members", "internal"))
        await node.publish(slug, audience=audience, description={"en": str(number)}, conditions={"template": "open"})
    return node


def ledger(node: CatalogueNode) -> Sequence[Entry]:
    with node.uow.read() as tx:
        return node.ledger.since(tx, 0)


def digests(node: CatalogueNode) -> tuple[str, str]:
    return node.graph.digest(), node.index.digest()


async def test_a_rebuild_ends_in_the_same_content() -> None:
    node = await lively()
    before = digests(node)
    for view in node.views:
        view.rebuild()
        assert view.position() == 0
    assert digests(node) != before
    node.settle()
    assert digests(node) == before


@pytest.mark.parametrize("seed", range(5))
async def test_entries_may_come_again_and_in_pieces(seed: int) -> None:
    """A follower that crashed between the work and its cursor gives the same entries once more."""
    node = await lively(seed)
    before, chance = digests(node), random.Random(seed)
    entries = ledger(node)
    for view in node.views:
        view.rebuild()
        at = 0
        while at < len(entries):
            first = max(0, at - chance.randrange(4))
            at = min(len(entries), at + chance.randrange(1, 6))
            view.apply(entries[first:at])
        view.settle()
    assert digests(node) == before
    assert [view.position() for view in node.views] == [len(entries)] * 3


async def test_other_entries_only_move_the_position() -> None:
    node = CatalogueNode(base="https://gent.example")
    with node.uow.begin() as tx:
        node.append(tx, EntryKind.DECISION, "urn:x", "els", {"approved": True}, START)
    node.settle()
    assert [view.position() for view in node.views] == [1, 1, 1]
    for view in node.views:
        view.apply([])
    assert [view.position() for view in node.views] == [1, 1, 1]


async def test_versions_that_arrive_out_of_order_show_the_newest() -> None:
    node = CatalogueNode(base="https://gent.example")
    first = await node.publish("counts", description={"en": "one"})
    versions: list[Record] = []
    for number, text in ((3, "three"), (2, "two")):
        record = replace(first, version=number, descriptions={"en": text}, entry="", extra={})
        versions.append(sign(node.keys, record))  # type: ignore[arg-type]
    for record in versions:
        with node.uow.begin() as tx:
            entry = node.append(tx, EntryKind.RECORD, record.iri, "x", ledger_body(record), START)
            node.records.add(tx, replace(record, entry=entry.id))
        node.settle()
    found = node.index.search(Query(text="three"), audiences=None)
    assert found.total == 1
    assert (await node.browse.record(first.iri, ANONYMOUS)).version == 3


def test_all_views_have_one_shape() -> None:
    node = CatalogueNode(base="https://gent.example")
    views: tuple[View, ...] = node.views
    assert [view.name for view in views] == ["graph", "search", "feed"]


async def test_what_is_indexed(subtests: pytest.Subtests) -> None:
    node = CatalogueNode(base="https://gent.example")
    record = await node.publish(
        "counts",
        title={"nl": "Verkeerstellingen", "en": "Traffic counts"},
        description={"nl": "per kwartier"},
        keywords=("verkeer",),
        notes=("Els Peeters",),
        bbox=(3.6, 51.0, 3.8, 51.1),
        conditions={"template": "members"},
    )
    document = index_entry(record)
    assert document.titles == record.titles
    assert document.access == "members"
    assert document.bbox == (3.6, 51.0, 3.8, 51.1)
    for text in ("per kwartier", "verkeer", "Els Peeters", "Gent"):
        with subtests.test(text):
            assert text in "\n".join(document.texts.values())


@pytest.mark.parametrize("box", ["x", [1, 2, 3], {"a": 1}, [1, 2, "3", None], [10, 0, -10, 0], ["nan"] * 4, 5])
def test_a_hostile_box_is_no_box(box: object) -> None:
    from tests.unit.catalogue.test_envelope import record

    assert index_entry(record(extra={"bbox": box})).bbox is None
