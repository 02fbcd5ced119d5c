"""What was made from an old version is refused before it is checked, and for the last time where it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from node.base.errors import Conflict
from node.catalogue.model import Publication, Record
from node.catalogue.publication.publish import Publish
from node.catalogue.publication.submission_check import PublishOrder, SubmissionCheck
from node.catalogue.publication.version_writer import VersionWriter
from node.semantics.model import CheckedDescription, Finding, Submission
from tests.fakes.catalogue import CatalogueNode

IRI = "https://gent.example/datasets/counts"
REFUSAL = {"case": "newer-version", "version": 2, "follows": 1}


@dataclass
class Office:
    """A node that counts the steps of its publications; ``meanwhile`` runs before the files of one are inspected."""

    node: CatalogueNode = field(default_factory=lambda: CatalogueNode(base="https://gent.example"))
    steps: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.publishing = Publish(
            check=SubmissionCheck(
                catalogue=self.node.catalogue,
                has_asset=lambda _sha256: True,
                visibility=self.node.visibility,
                inspect=self._inspect,
            ),
            writer=VersionWriter(self.node.catalogue),
            describe=self._describe,
            describe_all=self._describe_all,
        )

    async def _describe(self, submission: Submission, owner: str) -> CheckedDescription:
        self.steps.append("describe")
        return await self.node.describe(submission, owner)

    async def _describe_all(self, submissions: Any, owner: str) -> Any:
        return [await self._describe(submission, owner) for submission in submissions]

    def _inspect(self, _draft: Record) -> tuple[Finding, ...]:
        self.steps.append("inspect")
        self.meanwhile()
        return ()

    async def publish(self, text: str, *, follows: int | None = None, **options: Any) -> Publication:
        return await self.publishing.publish(
            submission(text, options.pop("iri", IRI)), self.node.steward, follows=follows, **options
        )


def submission(text: str, iri: str | None = IRI) -> Submission:
    return Submission(fields={"slug": "counts", "title": {"en": text}}, iri=iri)


@pytest.fixture
async def office() -> Office:
    """Version 2 of an asset is published."""
    office = Office()
    await office.publish("one")
    await office.publish("two", follows=1)
    office.steps.clear()
    return office


async def refusal_at_the_end() -> Conflict:
    """The refusal of what was made from the newest version when its check began."""
    rival = Office()
    await rival.publish("one")

    def overtake() -> None:
        rival.meanwhile = lambda: None
        asyncio.run(rival.publish("two", follows=1))

    rival.meanwhile = overtake
    with pytest.raises(Conflict) as refusal:
        await rival.publish("late", follows=1)
    assert rival.steps.count("inspect") == 3, "it was checked to the end"
    return refusal.value


@pytest.mark.parametrize("dry_run", [False, True])
async def test_it_is_refused_before_it_is_described(office: Office, dry_run: bool) -> None:
    with pytest.raises(Conflict) as refusal:
        await office.publish("late", follows=1, dry_run=dry_run)
    assert office.steps == []
    assert refusal.value.facts == REFUSAL
    late = await refusal_at_the_end()
    assert (late.detail, late.remedy, late.facts) == (refusal.value.detail, refusal.value.remedy, REFUSAL)


async def test_an_address_in_the_description_is_known_once_that_is_read(office: Office) -> None:
    with pytest.raises(Conflict) as refusal:
        await office.publish("late", follows=1, iri=None)
    assert office.steps == ["describe"]
    assert refusal.value.facts == REFUSAL


async def test_64_at_once_are_refused_without_a_check(office: Office) -> None:
    outcomes = await asyncio.gather(
        *(office.publish(f"late {number}", follows=1) for number in range(64)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {Conflict}
    assert office.steps == []


async def test_a_batch_refuses_it_alone(office: Office) -> None:
    """An order may be made from the version that an order before it makes."""
    orders = [
        PublishOrder(submission=submission("three"), follows=2),
        PublishOrder(submission=submission("late"), follows=1),
        PublishOrder(submission=submission("four"), follows=3),
    ]
    outcomes = (await office.publishing.publish_all(orders, office.node.steward)).outcomes
    assert [type(outcome) for outcome in outcomes] == [Publication, Conflict, Publication]
    assert office.steps.count("describe") == 2
    with office.node.uow.read() as tx:
        assert [version.version for version in office.node.records.versions(tx, IRI)] == [4, 3, 2, 1]


async def test_a_version_that_is_not_there_yet_is_refused_at_the_end(office: Office) -> None:
    with pytest.raises(Conflict) as refusal:
        await office.publish("early", follows=7)
    assert refusal.value.facts == {"case": "newer-version", "version": 2, "follows": 7}
