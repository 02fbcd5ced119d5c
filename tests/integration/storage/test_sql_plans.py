"""Pages of the catalogue come from an index: no sort and no look at every record, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from node.adapters.sql import migrate as migrations
from node.adapters.sql.catalogue.visible_records import current_statement
from node.adapters.sql.engine import connect
from node.adapters.sql.migrate import VERSIONS, migrate
from node.adapters.sql.rows import values
from node.adapters.sql.schema.records import records
from node.catalogue.offers import terms_hash
from tests.contract.stores.test_records import BASE, add, current, record
from tests.stores import sql_stores

OURS = "did:web:ghent.example"

PAGES: list[dict[str, Any]] = [
    {"audiences": ["public"]},
    {"audiences": ["public", "members", "partners"]},
    {"audiences": None},
    {"audiences": ["public", "members"], "kinds": ("model",)},
    {"audiences": ["public"], "after": f"{BASE}m"},
    {"audiences": ["public", "members"], "after": f"{BASE}c", "down_from": f"{BASE}m"},
]


def plan(engine: Engine, **page: Any) -> str:
    """How the database goes about a page of what this node offers."""
    statement = current_statement(origins=(OURS,), offered=True, **page).limit(50)
    compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
            return "\n".join(str(row.detail) for row in rows)
        # Without these, the planner reads a small table whole, which tells nothing about a large one.
        for way in ("seqscan", "sort", "bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        return "\n".join(connection.execute(text(f"EXPLAIN {compiled}")).scalars())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_catalogue_comes_from_an_index(database_engine: Engine, page: dict[str, Any]) -> None:
    steps = plan(database_engine, **page)
    if database_engine.dialect.name == "sqlite":
        assert "TEMP B-TREE" not in steps
        assert "SCAN" not in steps
        assert "USING COVERING INDEX ix_record_heads_" in steps or "USING INDEX ix_record_heads_kind" in steps
    else:
        assert "Sort" not in steps
        assert "Seq Scan" not in steps


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_engine(request: pytest.FixtureRequest) -> Engine:
    """A migrated database of each kind."""
    engine: Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine over an empty database of each kind."""
    url = f"sqlite:///{tmp_path}/old.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = connect(url)
    yield engine
    engine.dispose()


def test_a_database_of_before_lists_what_it_did(empty_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration makes the table of the newest versions anew, from the versions."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "VERSIONS", VERSIONS[: VERSIONS.index("0012") + 1])
        migrate(empty_engine)
    offer = {"@id": "urn:offer", "permission": [{"action": "use"}]}
    score = {"points": 210, "dimensions": {}, "raise": [], "text": "long " * 400}
    versions = [
        record("offered", offer=offer, extra={"score": score}),
        record("was-offered", 1, offer=offer),
        record("was-offered", 2),
        record("gone", 1, offer=offer),
        record("gone", 2, offer=offer, withdrawn=True),
        record("of-another", offer=offer, origin="did:web:other", audience="members"),
    ]
    with empty_engine.begin() as connection:
        for version in versions:
            connection.execute(records.insert(), values(version, files=[]))
        connection.exec_driver_sql(
            "INSERT INTO record_heads (iri, version, kind, audience, withdrawn) "
            "SELECT iri, max(version), 'dataset', 'public', false FROM records GROUP BY iri"
        )
    migrate(empty_engine)
    stores = sql_stores(empty_engine)
    assert current(stores) == [("of-another", 1), ("offered", 1), ("was-offered", 2)]
    assert current(stores, offered=True, origins=(OURS,)) == [("offered", 1)]
    assert current(stores, offered=True, audiences=["members"]) == [("of-another", 1)]
    with stores.uow.read() as tx:
        groups = stores.records.terms_groups(tx, OURS)
        scores = stores.records.scores(tx, OURS, after=("", 0), limit=9)
    points = [(row.iri.removeprefix(BASE), row.version, row.withdrawn, row.score.get("points")) for row in scores]
    assert points == [
        ("gone", 1, False, None),
        ("gone", 2, True, None),
        ("offered", 1, False, 210),
        ("was-offered", 1, False, None),
        ("was-offered", 2, False, None),
    ]
    assert scores[2] == (f"{BASE}offered", 1, *scores[2][2:6], score)
    assert [(group.records, bool(group.terms)) for group in groups] == [(1, False), (1, True)]
    assert groups[1].terms == terms_hash(offer)
    add(stores, record("was-offered", 3, offer=offer), record("offered", 2))
    assert current(stores, offered=True, origins=(OURS,)) == [("was-offered", 3)]


def test_transfers_of_a_database_of_before_are_found_by_agreement(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration gives each transfer its agreement in a column, of many also the last."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "VERSIONS", VERSIONS[: VERSIONS.index("0026") + 1])
        migrate(empty_engine)
    count = 2500
    rows = [
        {
            "pid": f"urn:{number}",
            "moment": f"2026-11-20T09:30:00.{number:06}Z",
            "rest": f'{{"agreement":"urn:a{number % 3}","dataset":"urn:d","format":"x"}}',
        }
        for number in range(count)
    ]
    with empty_engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO transfers (pid, role, peer, peer_address, version, state, created, updated, revision, "
                "reason, rest) VALUES (:pid, 'consumer', 'did:web:p', '', '2025-1', 'STARTED', :moment, :moment, 0, "
                "'[]', :rest)"
            ),
            rows,
        )
    migrate(empty_engine)
    stores = sql_stores(empty_engine)
    with stores.uow.read() as tx:
        under = stores.transfers.under(tx, "urn:a1")
    assert [transfer.pid for transfer in under] == [f"urn:{number}" for number in reversed(range(1, count, 3))]


def test_transfers_under_an_agreement_come_from_an_index(database_engine: Engine) -> None:
    statement = "SELECT * FROM transfers WHERE agreement = 'urn:a' ORDER BY created DESC"
    with database_engine.connect() as connection:
        if database_engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
            steps = "\n".join(str(row.detail) for row in rows)
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            steps = "\n".join(connection.execute(text(f"EXPLAIN {statement}")).scalars())
    assert "ix_transfers_agreement" in steps
