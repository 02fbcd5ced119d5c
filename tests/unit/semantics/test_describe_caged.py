"""The same description in a real child of the cage: the answer comes out whole, and faults keep their class."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from node.base.errors import HansaError, InvalidInput, Overloaded
from node.cage.cage import Cage
from node.cage.model import Limits
from node.cage.targets import TARGETS
from node.semantics.description import cage_client
from node.semantics.description.cage_client import TARGET, TARGET_OF_MANY, describe, describe_all
from node.semantics.model import CheckedDescription, Submission
from tests.unit.semantics.descriptions import BASE, GOOD, ME, NAME, fields, file, of_fields

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage is built on Linux")


def test_the_target_is_in_the_table() -> None:
    assert TARGETS[TARGET] == "node.semantics.in_cage:describe"
    assert TARGETS[TARGET_OF_MANY] == "node.semantics.in_cage:describe_all"


async def test_inside_and_outside_the_cage_are_the_same() -> None:
    cage = Cage(width=1)
    try:
        inside = await describe(
            cage,
            Submission(fields=fields(GOOD), files=(file("counts.csv"),)),
            base=BASE,
            me=ME,
            my_name=NAME,
        )
        with pytest.raises(InvalidInput, match="line 1"):
            await describe(
                cage,
                Submission(document=b"<a> <b> .", media_type="text/turtle"),
                base=BASE,
                me=ME,
                my_name=NAME,
            )
    finally:
        await cage.stop()
    assert inside == await of_fields(GOOD, "counts.csv")


def batch() -> list[Submission]:
    """Descriptions that share a publisher, one with errors, two that cannot be read, one in RDF, one under terms."""
    turtle = f"<{BASE}/datasets/rdf> a <http://www.w3.org/ns/dcat#Dataset> .".encode()
    return [
        Submission(fields=fields(GOOD), files=(file("counts.csv"),)),
        Submission(fields={**fields(GOOD), "id": "other", "title": ""}),
        Submission(document=b"<a> <b> .", media_type="text/turtle"),
        Submission(document=turtle, media_type="text/turtle"),
        Submission(),
        Submission(fields={**fields(GOOD), "id": "members", "conditions": "members"}, files=(file("a.csv"),)),
        Submission(fields={"kind": "nonsense"}),
        Submission(fields={**fields(GOOD), "id": "third"}),
    ]


async def describe_or_fault(cage: Cage, submission: Submission) -> CheckedDescription | HansaError:
    try:
        return await describe(cage, submission, base=BASE, me=ME, my_name=NAME, advised=("dcat-ap-vl",))
    except HansaError as fault:
        return fault


def comparable(result: CheckedDescription | HansaError) -> object:
    return (type(result), result.detail, result.remedy) if isinstance(result, HansaError) else result


async def test_many_are_described_as_each_alone() -> None:
    submissions = batch()
    with Cage(width=2) as cage:
        alone = [await describe_or_fault(cage, submission) for submission in submissions]
        together = await describe_all(
            cage, submissions, "anna", base=BASE, me=ME, my_name=NAME, advised=("dcat-ap-vl",)
        )
    assert [comparable(result) for result in together] == [comparable(result) for result in alone]
    assert [isinstance(result, HansaError) for result in together] == [
        False,
        False,
        True,
        False,
        True,
        False,
        False,
        False,
    ]


async def test_a_batch_beyond_the_limits_is_described_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage_client, "MANY", Limits(answer=100))
    submissions = batch()[:3]
    with Cage(width=2) as cage:
        results = await describe_all(cage, submissions, "anna", base=BASE, me=ME, my_name=NAME)
    assert [type(result) for result in results] == [CheckedDescription, CheckedDescription, InvalidInput]


async def test_a_batch_without_a_place_waits_once() -> None:
    """Described one by one, each of them would wait for a place again."""
    calls: list[str] = []

    class Crowded:
        async def call(self, target: str, *_: Any, **__: Any) -> Any:
            calls.append(target)
            raise Overloaded("crowded", facts={"limit": "queue"})

    submissions = [Submission(fields={"title": title}) for title in "abc"]
    with pytest.raises(Overloaded):
        await describe_all(Crowded(), submissions, "anna", base=BASE, me=ME, my_name=NAME)
    assert calls == [TARGET_OF_MANY]
