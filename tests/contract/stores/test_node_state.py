"""What the node keeps about itself, and the nodes that it follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.base.errors import Conflict
from node.catalogue.model import Followed
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def followed(url: str = "https://ghent.example") -> Followed:
    return Followed(url=url, did=None, name="Gent", state="following", at=NOW, cursor={"page": 3, "seen": ["urn:a"]})


class TestMeta:
    def test_values_under_keys(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            assert stores.meta.get(tx, "region") is None
            stores.meta.put(tx, "region", "did:web:a")
            stores.meta.put(tx, "region", "did:web:b")
            stores.meta.put(tx, "other", "")
        with stores.uow.begin() as tx:
            assert stores.meta.get(tx, "region") == "did:web:b"
            assert stores.meta.get(tx, "other") == ""
            stores.meta.drop(tx, "region")
            stores.meta.drop(tx, "unknown")
            assert stores.meta.get(tx, "region") is None

    def test_the_epoch_rises(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            assert stores.meta.epoch(tx) == 0
            assert stores.meta.raise_epoch(tx) == 1
            assert stores.meta.raise_epoch(tx) == 2
        with stores.uow.read() as tx:
            assert stores.meta.epoch(tx) == 2

    def test_a_restore_notes_what_it_kept(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            assert stores.meta.raise_epoch(tx) == 1
            assert stores.meta.restarts(tx) == {}, "restores by earlier versions were not noted"
            assert stores.meta.raise_epoch(tx, 41) == 2
        with stores.uow.read() as tx:
            assert stores.meta.restarts(tx) == {2: 41}


class TestFollowStore:
    def test_a_followed_node_comes_out_as_it_went_in(self, stores: Stores) -> None:
        full = replace(followed("https://antwerp.example"), did="did:web:antwerp.example", last_error="502")
        with stores.uow.begin() as tx:
            stores.followed.add(tx, followed())
            stores.followed.add(tx, full)
            with pytest.raises(Conflict):
                stores.followed.add(tx, followed())
        with stores.uow.read() as tx:
            assert stores.followed.get(tx, full.url) == full
            assert stores.followed.get(tx, "https://unknown.example") is None
            assert list(stores.followed.all(tx)) == [full, followed()]

    def test_save_sets_or_replaces(self, stores: Stores) -> None:
        moved = replace(followed(), cursor={"page": 4})
        with stores.uow.begin() as tx:
            stores.followed.save(tx, followed())
            stores.followed.save(tx, moved)
            assert stores.followed.get(tx, moved.url) == moved
            stores.followed.drop(tx, moved.url)
            stores.followed.drop(tx, "https://unknown.example")
            assert list(stores.followed.all(tx)) == []
