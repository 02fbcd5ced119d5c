"""The contract of ``DraftStore``, kept by each implementation; below it, what only a folder can get wrong."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.adapters.planes.drafts import FolderDrafts
from node.base.errors import NotFound, TooLarge
from node.catalogue.drafts.model import DatasetDraft, DraftStore
from node.semantics.model import File
from node.semantics.profiles.model import ColumnProfile, Profile, TableProfile
from tests.fakes.stores.assets import stream
from tests.fakes.stores.drafts import MemoryDrafts

FIRST, SECOND = "0192f3a0-4444-7a55-9d7c-3b1f0a6e2c55", "0192f3a0-4444-7a55-9d7c-3b1f0a6e2c56"
DATA = b"a,b\n1,2\n" * 40_000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DraftStore:
    return MemoryDrafts() if request.param == "memory" else FolderDrafts(tmp_path / "drafts")


def draft(draft_id: str = FIRST, **members: object) -> DatasetDraft:
    column = ColumnProfile(name="ú", type="text", values=("x", "y"), personal="name")
    usual = {
        "account": "els",
        "at": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        "file": File(name="a.csv", media_type="text/csv", size=len(DATA), sha256=SHA),
        "profile": Profile(
            format="CSV", tables=(TableProfile(rows=1, columns=(column,)),), bbox=(1.0, 2.0, 3.0, 4.0)
        ),
        "answers": {"title": "Č"},
    }
    return DatasetDraft(id=draft_id, **{**usual, **members})  # type: ignore[arg-type]


def pieces() -> AsyncIterator[bytes]:
    return stream(DATA[at : at + 70_000] for at in range(0, len(DATA), 70_000))


async def test_bytes_are_kept_until_the_draft_is_removed(store: DraftStore) -> None:
    assert await store.take_in(FIRST, pieces(), limit=len(DATA)) == (SHA, len(DATA))
    assert store.path(FIRST).read_bytes() == DATA
    store.remove(FIRST)
    with pytest.raises(NotFound):
        store.path(FIRST)
    store.remove(FIRST)


async def test_a_draft_comes_back_as_it_was_saved(store: DraftStore) -> None:
    assert (store.draft(FIRST), store.drafts()) == (None, [])
    await store.take_in(FIRST, pieces(), limit=len(DATA))
    store.save(draft())
    assert store.draft(FIRST) == draft()
    store.save(draft(answers={"title": "x"}, profile=None, unread="why"))
    await store.take_in(SECOND, pieces(), limit=len(DATA))
    store.save(draft(SECOND))
    assert {one.id: one.answers for one in store.drafts()} == {FIRST: {"title": "x"}, SECOND: {"title": "Č"}}
    store.remove(FIRST)
    assert [one.id for one in store.drafts()] == [SECOND]


async def test_too_much_leaves_nothing(store: DraftStore) -> None:
    with pytest.raises(TooLarge):
        await store.take_in(FIRST, pieces(), limit=len(DATA) - 1)
    with pytest.raises(NotFound):
        store.path(FIRST)


async def test_answers_are_remembered_for_each_person(store: DraftStore) -> None:
    await store.take_in(FIRST, pieces(), limit=len(DATA))
    store.remember("els", {"license": "CC0-1.0"})
    store.remember("../jan", {"license": "x"})
    assert (store.recall("els"), store.recall("../jan")) == ({"license": "CC0-1.0"}, {"license": "x"})
    assert store.recall("nobody") == {}
    assert store.drafts() == []


async def test_bytes_without_a_draft_are_removed_later(store: DraftStore) -> None:
    await store.take_in(FIRST, pieces(), limit=len(DATA))
    store.save(draft())
    store.remember("els", {})
    await store.take_in(SECOND, pieces(), limit=len(DATA))
    assert store.remove_rest(0.0) == 0
    assert store.remove_rest(time.time() + 5) == 1
    assert store.path(FIRST).exists()
    assert store.recall("els") == {}


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", FIRST.upper(), f"{FIRST}\n", "last"])
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    store = FolderDrafts(tmp_path / "drafts")
    with pytest.raises(NotFound):
        store.path(name)
    assert store.draft(name) is None


async def test_only_the_owner_of_the_node_can_read_them(tmp_path: Path) -> None:
    store = FolderDrafts(tmp_path / "drafts")
    await store.take_in(FIRST, pieces(), limit=len(DATA))
    store.save(draft())
    modes = {path.name: os.stat(path).st_mode & 0o777 for path in (tmp_path / "drafts").iterdir()}
    assert modes == {f"{FIRST}.data": 0o600, f"{FIRST}.json": 0o600}
