"""Batches of an import in the cage: the next is examined meanwhile, and none is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from node.base.errors import Overloaded
from node.cage import pool
from node.cage.cage import Cage
from node.cage.model import Limits
from node.semantics.harvest.cage_client import Batches, ExaminedRecord, examine


class FakeCage:
    """Examines batches of numbered records: a call with ``poison`` in it exceeds a limit."""

    def __init__(self, poison: bytes = b"none") -> None:
        self.poison = poison
        self.calls: list[tuple[bytes, list[int] | None]] = []
        self.running: set[bytes] = set()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        owner: str | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        words, only = blobs[0].split(), message["only"]
        assert (owner is None) == (only is not None), "a record that is examined alone has a child of its own"
        self.calls.append((blobs[0], only))
        self.running.add(blobs[0])
        try:
            await self.may_end.wait()
        finally:
            self.running.discard(blobs[0])
        chosen = words if only is None else [words[place] for place in only]
        if self.poison in chosen:
            raise Overloaded("too much")
        return {"records": [{"iri": word.decode()} for word in chosen]}, [b""] * len(chosen)


def batches(*packed: bytes) -> Batches:
    counts = [len(batch.split()) for batch in packed]
    return Batches(batches=packed, counts=counts, notes=(), left_out={}, catalogues=())


def names(page: list[ExaminedRecord]) -> list[str]:
    return [record.facts.get("iri", record.error) for record in page]


async def test_every_batch_comes_in_order_and_one_ahead_is_examined() -> None:
    cage = FakeCage()
    pages = examine(cage, batches(b"a b", b"c", b"d e", b"f"), base="", source="", owner="anna")
    assert names(await anext(pages)) == ["a", "b"]
    cage.may_end.clear()
    while not cage.running:
        await asyncio.sleep(0)
    assert cage.running == {b"c"}, "one call at a time: people who publish need the other places"
    cage.may_end.set()
    assert [name async for page in pages for name in names(page)] == ["c", "d", "e", "f"]


async def test_a_poisoned_record_is_refused_alone() -> None:
    cage = FakeCage(poison=b"c")
    pages = [
        names(page) async for page in examine(cage, batches(b"a b", b"b c d", b"e"), base="", source="", owner="anna")
    ]
    assert [pages[0], pages[2]] == [["a", "b"], ["e"]]
    assert [pages[1][0], pages[1][2]] == ["b", "d"]
    assert "exceeds the limit for one record" in pages[1][1]
    assert [only for batch, only in cage.calls if batch == b"b c d"] == [None, [0], [1], [2]]


async def test_an_import_that_ends_early_leaves_no_call_behind() -> None:
    cage = FakeCage()
    pages = examine(cage, batches(b"a", b"b", b"c"), base="", source="", owner="anna")
    cage.may_end.clear()
    waiting = asyncio.ensure_future(anext(pages))
    while not cage.running:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pages.aclose()
    assert not cage.running


async def test_a_poisoned_record_ends_its_child_and_no_other_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """In real children: one stays for the batches of an import, until a record ends it."""
    monkeypatch.setattr(pool, "IDLE", 60.0)
    targets = {"semantics.examine": "tests.unit.cage.hostile:examine_poisoned"}
    packed = batches(b"a b", b"c", b"d poison e", b"f")
    with Cage(targets=targets) as cage:
        pages = [page async for page in examine(cage, packed, base="", source="", owner="anna")]
    assert [names(page) for page in pages[:2] + pages[3:]] == [["a", "b"], ["c"], ["f"]]
    assert [bool(record.error) for record in pages[2]] == [False, True, False]
    before, after = pages[1][0].facts, pages[3][0].facts
    assert (before["pid"], before["calls"]) == (pages[0][0].facts["pid"], 2)
    alone = [record.facts for record in pages[2] if not record.error]
    assert [facts["calls"] for facts in (*alone, after)] == [1, 1, 1]
    assert len({facts["pid"] for facts in (before, *alone, after)}) == 4
