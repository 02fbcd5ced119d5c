"""The demonstration's tampering: it changes a word, whether the database stores the text compressed or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from demo.proofs import change_one_word
from node.ledger.model import EntryKind
from tests.contract.stores.test_ledger import append, entry
from tests.stores import sql_stores


@pytest.mark.parametrize("length", [1, 1000], ids=["short", "compressed"])
def test_a_word_is_changed(sqlite_engine: Engine, tmp_path: Path, length: int) -> None:
    stores = sql_stores(sqlite_engine)
    body = b'{"action": "odrl:use", "text": "' + b"text " * length + b'"}'
    append(stores, entry("e1", kind=EntryKind.AGREEMENT, body=body))
    append(stores, entry("e2", kind=EntryKind.AGREEMENT, body=b'{"event": "data-received"}'))
    change_one_word(tmp_path / "hansa.sqlite")
    with stores.uow.read() as tx:
        read = stores.ledger.get(tx, "e1")
    assert read is not None
    assert read.body == body.replace(b"odrl:use", b"odrl:any")
