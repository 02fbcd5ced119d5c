"""Batches of an import in the cage: the next is examined meanwhile, and none is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from node.base.errors import Overloaded
from node.cage.model import Limits
from node.semantics.harvest.door import Batches, Examined, examine


class FakeCage:
    """Examines batches of numbered records: a call with ``poison`` in it exceeds a limit."""

    def __init__(self, poison: bytes = b"none") -> None:
        self.poison = poison
        self.calls: list[tuple[bytes, int | None]] = []
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
        self.calls.append((blobs[0], only))
        self.running.add(blobs[0])
        try:
            await self.may_end.wait()
        finally:
            self.running.discard(blobs[0])
        chosen = words if only is None else [words[only]]
        if self.poison in chosen:
            raise Overloaded("too much")
        return {"records": [{"iri": word.decode()} for word in chosen]}, [b""] * len(chosen)


def batches(*packed: bytes) -> Batches:
    counts = [len(batch.split()) for batch in packed]
    return Batches(packed=packed, counts=counts, notes=(), left_out={}, catalogues=())


def names(page: list[Examined]) -> list[str]:
    return [record.facts.get("iri", record.error) for record in page]


async def test_every_batch_comes_in_order_and_one_ahead_is_examined() -> None:
    cage = FakeCage()
    pages = examine(cage, batches(b"a b", b"c", b"d e", b"f"), base="", source="")
    assert names(await anext(pages)) == ["a", "b"]
    cage.may_end.clear()
    while not cage.running:
        await asyncio.sleep(0)
    assert cage.running == {b"c"}, "one call at a time: people who publish need the other places"
    cage.may_end.set()
    assert [name async for page in pages for name in names(page)] == ["c", "d", "e", "f"]


async def test_a_poisoned_record_is_refused_alone() -> None:
    cage = FakeCage(poison=b"c")
    pages = [names(page) async for page in examine(cage, batches(b"a b", b"b c d", b"e"), base="", source="")]
    assert [pages[0], pages[2]] == [["a", "b"], ["e"]]
    assert [pages[1][0], pages[1][2]] == ["b", "d"]
    assert "takes more than one record may take" in pages[1][1]
    assert [only for batch, only in cage.calls if batch == b"b c d"] == [None, 0, 1, 2]


async def test_an_import_that_ends_early_leaves_no_call_behind() -> None:
    cage = FakeCage()
    pages = examine(cage, batches(b"a", b"b", b"c"), base="", source="")
    cage.may_end.clear()
    waiting = asyncio.ensure_future(anext(pages))
    while not cage.running:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pages.aclose()
    assert not cage.running
