"""The contract of ``KeyedRequestStore``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.operation.repetitions.model import KeyedAnswer, KeyedRequest
from tests.stores import Stores

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REQUEST = KeyedRequest(owner="eva", key="night-2026-11-23", fingerprint="f" * 64, at=NOW)
ANSWER = KeyedAnswer(status=201, media_type="application/json", body=b'{"pid":"urn:r"}')


def test_a_key_is_taken_once_by_each_person_and_has_an_answer(stores: Stores) -> None:
    store = stores.keyed_requests
    with stores.uow.begin() as tx:
        assert store.get(tx, "eva", REQUEST.key) is None
        assert store.add(tx, REQUEST)
        assert not store.add(tx, replace(REQUEST, fingerprint="0" * 64))
        assert store.add(tx, replace(REQUEST, owner="jan"))
    with stores.uow.begin() as tx:
        assert store.get(tx, "eva", REQUEST.key) == REQUEST
        store.put_answer(tx, "eva", REQUEST.key, ANSWER)
    with stores.uow.read() as tx:
        assert store.get(tx, "eva", REQUEST.key) == replace(REQUEST, answer=ANSWER)
        assert store.get(tx, "jan", REQUEST.key) == replace(REQUEST, owner="jan")


def test_keys_are_dropped_and_forgotten(stores: Stores) -> None:
    store = stores.keyed_requests
    with stores.uow.begin() as tx:
        for days in range(4):
            store.add(tx, replace(REQUEST, key=f"k{days}", at=NOW - timedelta(days=days)))
        store.drop(tx, "eva", "k0")
        assert store.forget(tx, NOW - timedelta(days=2)) == 1
        assert [bool(store.get(tx, "eva", f"k{days}")) for days in range(4)] == [False, True, True, False]
