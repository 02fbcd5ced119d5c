"""A batch publishes each description as if it came alone, in one transaction as far as that changes nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from node.base.errors import (
    Conflict,
    HansaError,
    InvalidDescription,
    InvalidInput,
    LocalFault,
    NotAllowed,
    Overloaded,
)
from node.catalogue.model import Publication, Record
from node.catalogue.publication.publish import TOGETHER
from node.catalogue.publication.submission_check import PublishOrder
from node.identity.model import ANONYMOUS
from node.semantics.model import CheckedDescription, File, Submission
from tests.fakes.catalogue import CatalogueNode


@pytest.fixture
def gent() -> CatalogueNode:
    return CatalogueNode(base="https://gent.example")


def order(slug: str, *, earlier_versions: bool = False, **options: Any) -> PublishOrder:
    submitted = {name: options.pop(name) for name in ("conditions", "audience", "files", "iri") if name in options}
    fields = {"slug": slug, "title": {"en": slug}, **options}
    return PublishOrder(submission=Submission(fields=fields, **submitted), earlier_versions=earlier_versions)


async def publish(node: CatalogueNode, *orders: PublishOrder, **options: Any) -> list[Publication | HansaError]:
    return list((await node.publishing.publish_all(orders, node.steward, **options)).outcomes)


def versions(node: CatalogueNode, iri: str) -> list[Record]:
    with node.uow.read() as tx:
        return list(node.records.versions(tx, iri))


def records(outcomes: list[Publication | HansaError]) -> list[tuple[str, int]]:
    return [
        (type(outcome).__name__, 0)
        if isinstance(outcome, HansaError)
        else (outcome.record.iri.rpartition("/")[2], outcome.record.version)
        for outcome in outcomes
    ]


class Transactions:
    """Counts the writing transactions of a node."""

    def __init__(self, node: CatalogueNode) -> None:
        self.count = 0
        self._begin = node.uow.begin
        node.uow.begin = self._counted

    def _counted(self, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        return self._begin(*arguments, **options)


async def test_a_batch_is_one_transaction(gent: CatalogueNode) -> None:
    gent.publishing._wait_for_views = None
    transactions = Transactions(gent)
    outcomes = await publish(gent, *(order(f"set-{number}") for number in range(20)))
    assert records(outcomes) == [(f"set-{number}", 1) for number in range(20)]
    assert transactions.count == 1


async def test_views_show_the_last_version_before_the_answer(gent: CatalogueNode) -> None:
    batch = await gent.publishing.publish_all([order("a"), order("b"), order("c", title={})], gent.steward)
    assert batch.settlement is not None
    assert batch.settlement.position == 1
    quick = await gent.publishing.publish_all([order("d")], gent.steward, wait=False)
    assert quick.settlement is None


async def test_a_wrong_description_is_refused_alone_with_its_reason(gent: CatalogueNode) -> None:
    missing = File(name="a.csv", media_type="text/csv", size=8, sha256="ab" * 32)
    outcomes = await publish(
        gent,
        order("first"),
        order("untitled", title={}),
        order("elsewhere", iri="https://plzen.example/datasets/elsewhere"),
        order("without-bytes", files=(missing,)),
        order("unknown-audience", audience="friends"),
        order("last"),
    )
    assert records(outcomes) == [
        ("first", 1),
        ("InvalidDescription", 0),
        *[("InvalidInput", 0)] * 3,
        ("last", 1),
    ]
    untitled = outcomes[1]
    assert isinstance(untitled, InvalidDescription)
    with pytest.raises(InvalidDescription) as alone:
        await gent.publishing.publish(order("untitled", title={}).submission, gent.steward)
    assert (alone.value.detail, alone.value.findings) == (untitled.detail, untitled.findings)
    assert versions(gent, "https://gent.example/datasets/untitled") == []


async def test_two_versions_of_an_asset_follow_each_other(gent: CatalogueNode) -> None:
    """The second has the audience of the first, as if it had come after it."""
    outcomes = await publish(
        gent,
        order("counts", audience="internal"),
        order("other"),
        order("counts", description={"en": "more"}),
        order("counts", description={"en": "more"}),
    )
    assert records(outcomes) == [("counts", 1), ("other", 1), ("counts", 2), ("counts", 2)]
    assert [outcome.created for outcome in outcomes if isinstance(outcome, Publication)] == [True, True, True, False]
    assert [version.audience for version in versions(gent, "https://gent.example/datasets/counts")] == [
        "internal"
    ] * 2


async def test_a_dataset_is_inspected_after_the_schema_before_it(gent: CatalogueNode) -> None:
    seen: dict[str, int] = {}

    def inspect(draft: Record) -> tuple[()]:
        seen[draft.iri.rpartition("/")[2]] = len(versions(gent, "https://gent.example/schemas/rules"))
        return ()

    gent.publishing._check._inspect = inspect
    await publish(gent, order("before"), order("rules", kind="schema"), order("after"))
    assert seen == {"before": 0, "rules": 0, "after": 1}


async def test_a_dry_run_saves_nothing_and_reports_all(gent: CatalogueNode) -> None:
    await gent.publish("counts", audience="internal")
    outcomes = await publish(
        gent, order("counts", audience="public"), order("untitled", title={}), order("new"), dry_run=True
    )
    assert records(outcomes) == [("counts", 2), ("InvalidDescription", 0), ("new", 1)]
    assert isinstance(outcomes[0], Publication)
    assert [finding.rule for finding in outcomes[0].findings] == ["audience-widened"]
    assert len(versions(gent, "https://gent.example/datasets/counts")) == 1
    assert versions(gent, "https://gent.example/datasets/new") == []


async def test_what_cannot_be_written_harms_no_other(gent: CatalogueNode) -> None:
    """A number that another process took: the batch is undone, and each is stored in its own transaction."""
    add, collisions = gent.records.add, iter([True])

    def collide(tx: Any, record: Record) -> None:
        if record.iri.endswith("/b") and next(collisions, False):
            raise Conflict("another process was quicker")
        add(tx, record)

    gent.records.add = collide  # type: ignore[method-assign]
    assert records(await publish(gent, order("a"), order("b"), order("c"))) == [("a", 1), ("b", 1), ("c", 1)]
    assert [len(versions(gent, f"https://gent.example/datasets/{slug}")) for slug in "abc"] == [1, 1, 1]


async def test_a_full_disk_ends_the_batch_and_leaves_nothing_of_it(gent: CatalogueNode) -> None:
    add = gent.records.add

    def full(tx: Any, record: Record) -> None:
        if record.iri.endswith("/b"):
            raise LocalFault("no room")
        add(tx, record)

    gent.records.add = full  # type: ignore[method-assign]
    with pytest.raises(LocalFault):
        await publish(gent, order("a"), order("b"), order("c"))
    assert versions(gent, "https://gent.example/datasets/a") == []


async def test_only_who_may_publish_may_publish_many(gent: CatalogueNode) -> None:
    with pytest.raises(NotAllowed):
        await gent.publishing.publish_all([order("a")], ANONYMOUS)


async def test_earlier_versions_need_an_audience_in_a_batch_too(gent: CatalogueNode) -> None:
    (refused,) = await publish(gent, order("a", earlier_versions=True))
    assert isinstance(refused, InvalidInput)
    assert "opening earlier versions needs an audience" in refused.detail


async def test_the_next_are_described_while_some_are_stored(gent: CatalogueNode) -> None:
    described: list[int] = []
    second = threading.Event()
    describe_all, publish_group = gent.publishing._describe_all, gent.publishing._publish_group

    async def describe(submissions: Sequence[Submission], owner: str) -> list[CheckedDescription | HansaError]:
        described.append(len(submissions))
        if len(described) == 2:
            second.set()
        return await describe_all(submissions, owner)

    def store(*arguments: Any, **options: Any) -> Any:
        assert second.wait(20), "the next are described only afterwards"
        return publish_group(*arguments, **options)

    gent.publishing._describe_all, gent.publishing._publish_group = describe, store  # type: ignore[method-assign]
    orders = [order(f"set-{number}") for number in range(2 * TOGETHER + 1)]
    assert records(await publish(gent, *orders)) == [(f"set-{number}", 1) for number in range(2 * TOGETHER + 1)]
    assert described == [TOGETHER, TOGETHER, 1]


@pytest.mark.parametrize("calls", [1, 2])
async def test_descriptions_that_the_cage_has_no_place_for_are_refused(gent: CatalogueNode, calls: int) -> None:
    """Nothing was stored before the first: the whole batch is refused, as one description would be."""
    describe_all, count = gent.publishing._describe_all, itertools.count(1)

    async def describe(submissions: Sequence[Submission], owner: str) -> list[CheckedDescription | HansaError]:
        if next(count) == calls:
            raise Overloaded("no place", remedy="try again in a moment")
        return await describe_all(submissions, owner)

    gent.publishing._describe_all = describe
    orders = [order(f"set-{number}") for number in range(TOGETHER + 2)]
    if calls == 1:
        with pytest.raises(Overloaded):
            await publish(gent, *orders)
        return
    outcomes = await publish(gent, *orders)
    assert [isinstance(outcome, Publication) for outcome in outcomes] == [True] * TOGETHER + [False] * 2
    assert records(outcomes)[-1] == ("Overloaded", 0)
