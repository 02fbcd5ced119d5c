"""Columns of bytes: compressed where that saves room, and readable as an earlier node stored them."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import LargeBinary, insert, select, type_coerce

from node.adapters.sql.schema import entries
from node.adapters.sql.work import connection_of
from tests.contract.test_ledger import NOW, append, entry
from tests.stores import Stores

LONG = b'{"text": "' + b"The counter counts bicycles. " * 200 + b'"}'


def stored(stores: Stores, name: str) -> bytes:
    """Return the bytes in the column."""
    plain = select(type_coerce(entries.c.body, LargeBinary).label("body")).where(entries.c.id == name)
    with stores.uow.read() as tx:
        return bytes(connection_of(tx).execute(plain).one().body)


def test_long_texts_take_less_room(database_stores: Stores) -> None:
    append(database_stores, entry("e1", body=LONG))
    assert len(stored(database_stores, "e1")) < len(LONG) / 10
    with database_stores.uow.read() as tx:
        read = database_stores.ledger.get(tx, "e1")
    assert read is not None
    assert read.body == LONG


@pytest.mark.parametrize("body", [b"{}", b"{" + os.urandom(5_000)], ids=["short", "random"])
def test_what_would_not_get_shorter_stays_as_it_is(database_stores: Stores, body: bytes) -> None:
    append(database_stores, entry("e1", body=body))
    assert stored(database_stores, "e1") == body


def test_a_body_of_an_earlier_node_is_read_as_it_is(database_stores: Stores) -> None:
    row = {"id": "e1", "kind": "record", "subject": "urn:a", "at": NOW, "by": "did:web:a"}
    with database_stores.uow.begin() as tx:
        connection_of(tx).execute(insert(entries).values(**row, body=type_coerce(LONG, LargeBinary)))
    assert stored(database_stores, "e1") == LONG
    with database_stores.uow.read() as tx:
        read = database_stores.ledger.get(tx, "e1")
    assert read is not None
    assert read.body == LONG
