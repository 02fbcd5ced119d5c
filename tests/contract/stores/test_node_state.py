"""What the node keeps about itself, and the nodes that it follows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.base.errors import Conflict
from node.base.turns import in_turn
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

    def test_a_value_is_replaced_only_if_it_is_as_expected(self, stores: Stores) -> None:
        def replace_value(before: str | None, value: str) -> bool:
            with stores.uow.begin() as tx:
                return stores.meta.replace(tx, "mark", before, value)

        assert not replace_value("a", "b"), "there is none"
        assert replace_value(None, "a")
        assert not replace_value(None, "b")
        assert not replace_value("b", "c")
        assert replace_value("a", "c")
        with stores.uow.read() as tx:
            assert stores.meta.get(tx, "mark") == "c"

    def test_of_many_who_replace_a_value_at_once_one_does(self, database_stores: Stores) -> None:
        for before in (None, "0"):
            with ThreadPoolExecutor(8) as pool:

                def replace_value(number: int, before: str | None = before) -> bool:
                    def replace_once() -> bool:
                        with database_stores.uow.begin() as tx:
                            return database_stores.meta.replace(tx, "mark", before, str(number))

                    return in_turn(replace_once)

                assert list(pool.map(replace_value, range(1, 9))).count(True) == 1
            with database_stores.uow.begin() as tx:
                database_stores.meta.put(tx, "mark", "0")

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
