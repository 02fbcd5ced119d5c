"""Columns of bytes and long JSON: compressed where that saves room, and readable as an earlier node stored them."""

from __future__ import annotations

import json
import os

import pytest
from sqlalchemy import LargeBinary, Text, insert, select, type_coerce, update

from node.adapters.sql.schema.ledger import entries
from node.adapters.sql.schema.records import records
from node.adapters.sql.work import connection_of
from tests.contract.stores.test_ledger import NOW, append, entry
from tests.contract.stores.test_records import record
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


def test_long_json_is_read_as_written_and_as_an_earlier_node_stored_it(database_stores: Stores) -> None:
    long = {"nl": "De teller telt fietsen. " * 200, "en": "caf\u00e9"}
    added = record("set-1", descriptions=long, extra={"contact": [long]})
    with database_stores.uow.begin() as tx:
        database_stores.records.add(tx, added)
    column = type_coerce(records.c.descriptions, Text)
    with database_stores.uow.begin() as tx:
        connection = connection_of(tx)
        assert database_stores.records.get(tx, added.iri) == added
        (stored_text,) = connection.execute(select(column.label("descriptions"))).one()
        assert (len(stored_text) < 500) == (database_stores.kind == "sqlite")
        connection.execute(update(records).values(descriptions=type_coerce(json.dumps(long), Text)))
        earlier = database_stores.records.get(tx, added.iri, version=added.version)
    assert earlier == added


def test_damaged_bytes_are_returned_as_they_are(database_stores: Stores) -> None:
    append(database_stores, entry("e1", body=LONG))
    damaged = stored(database_stores, "e1")[:-20]
    with database_stores.uow.begin() as tx:
        connection_of(tx).execute(update(entries).values(body=type_coerce(damaged, LargeBinary)))
    with database_stores.uow.read() as tx:
        read = database_stores.ledger.get(tx, "e1")
    assert read is not None
    assert read.body == damaged
