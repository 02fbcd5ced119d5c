"""Creating, leaving alone, migrating after a backup, refusing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from node.adapters.sql import migrate as migrations
from node.adapters.sql.engine import connect
from node.adapters.sql.migrate import VERSIONS, migrate, schema_version
from node.adapters.sql.schema import metadata
from node.base.errors import LocalFault
from tests.postgres import fresh_schema


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine over an empty database of each kind."""
    url = (
        f"sqlite:///{tmp_path}/empty.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    engine = connect(url)
    yield engine
    engine.dispose()


def described(engine: Engine) -> list[str]:
    """What the database itself says about its tables, columns and indexes."""
    if engine.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version'"
    else:
        query = """
            SELECT concat_ws(' ', table_name, column_name, data_type, collation_name, is_nullable,
                             replace(column_default, current_schema() || '.', ''))
            FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name <> 'alembic_version'
            UNION ALL
            SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes
            WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
            UNION ALL
            SELECT concat_ws(' ', conrelid::regclass, conname,
                             replace(pg_get_constraintdef(oid), current_schema() || '.', ''))
            FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
              AND conrelid::regclass::text <> 'alembic_version'
        """
    with engine.connect() as connection:
        lines = [re.sub(r"\s+", " ", line) for line in connection.exec_driver_sql(query).scalars()]
    # The order of constraints within a table is of no consequence.
    return sorted(" ".join(sorted(re.split(r", (?=CONSTRAINT)| \)$", line))) for line in lines)


class TestCreation:
    def test_the_migrations_make_the_schema_that_the_code_works_with(self, empty_engine: Engine) -> None:
        migrate(empty_engine)
        migrated = described(empty_engine)
        with empty_engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
            metadata.drop_all(connection)
            metadata.create_all(connection)
        assert migrated == described(empty_engine)
        columns = sum(len(table.columns) for table in metadata.tables.values())
        assert len(migrated) > (len(metadata.tables) if empty_engine.dialect.name == "sqlite" else columns)
        assert any("ix_entries_unsequenced" in line and "seq IS NULL" in line for line in migrated)

    def test_the_second_time_there_is_nothing_to_do(self, empty_engine: Engine) -> None:
        assert schema_version(empty_engine) is None
        assert migrate(empty_engine) is True
        assert schema_version(empty_engine) == VERSIONS[-1]
        assert migrate(empty_engine, backup=_never) is False

    def test_an_empty_database_needs_no_backup(self, empty_engine: Engine) -> None:
        assert migrate(empty_engine, backup=_never) is True

    def test_processes_that_start_at_once_make_one_schema(self, empty_engine: Engine) -> None:
        answers: list[bool | BaseException] = []
        start = threading.Barrier(3)

        def begin() -> None:
            engine = connect(empty_engine.url)
            start.wait()
            try:
                answers.append(migrate(engine))
            except BaseException as error:  # the test shows it
                answers.append(error)
            engine.dispose()

        threads = [threading.Thread(target=begin) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers, key=str) == [False, False, True]

    def test_the_usual_start_does_not_load_alembic(self, sqlite_engine: Engine) -> None:
        program = textwrap.dedent("""
            import sys
            from node.adapters.sql.engine import connect
            from node.adapters.sql.migrate import migrate
            assert migrate(connect(sys.argv[1])) is False
            assert "alembic" not in sys.modules
        """)
        subprocess.run([sys.executable, "-c", program, str(sqlite_engine.url)], check=True)

    def test_the_usual_start_waits_for_no_writer(self, sqlite_engine: Engine) -> None:
        with sqlite_engine.begin() as connection:
            connection.execute(text("INSERT INTO meta (key, value) VALUES ('k', 'v')"))
            other = connect(sqlite_engine.url)
            assert migrate(other) is False
            other.dispose()


class TestRefusal:
    def test_a_newer_database(self, empty_engine: Engine) -> None:
        migrate(empty_engine)
        _set_version(empty_engine, "9000")
        with pytest.raises(LocalFault, match="a newer Hansa has changed it") as caught:
            migrate(empty_engine, backup=_never)
        assert "9000" in caught.value.detail
        assert caught.value.remedy
        assert schema_version(empty_engine) == "9000"

    def test_somebody_elses_tables(self, empty_engine: Engine) -> None:
        with empty_engine.begin() as connection:
            connection.execute(text("CREATE TABLE records (id INTEGER)"))
        with pytest.raises(LocalFault, match="did not create"):
            migrate(empty_engine)
        assert schema_version(empty_engine) is None

    def test_other_tables_beside_ours_do_not_matter(self, empty_engine: Engine) -> None:
        with empty_engine.begin() as connection:
            connection.execute(text("CREATE TABLE spatial_ref_sys (id INTEGER)"))
        assert migrate(empty_engine) is True


_KNOWN = VERSIONS
_NEXT = "9999"
_FURTHER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("meta", sa.Column("remark", sa.Text()))
    {last}
"""


@pytest.fixture
def with_further_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hansa with one more schema version; the file of its migration, to be written."""
    folder = tmp_path / "with 100% of migrations"
    shutil.copytree(migrations.MIGRATIONS, folder)
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)
    monkeypatch.setattr(migrations, "VERSIONS", (*_KNOWN, _NEXT))
    return folder / "versions" / "v9999_further.py"


def _prepare(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a database of the version before the last, with a row in it."""
    with monkeypatch.context() as older:
        older.setattr(migrations, "VERSIONS", _KNOWN)
        migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO meta (key, value) VALUES ('k', 'v')"))


class TestUpgrade:
    def test_from_the_first_version_to_the_last(self, empty_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as older:
            older.setattr(migrations, "VERSIONS", _KNOWN[:1])
            migrate(empty_engine)
        with empty_engine.begin() as connection:
            connection.execute(text("INSERT INTO meta (key, value) VALUES ('k', 'v')"))
        assert migrate(empty_engine) is True
        migrated = described(empty_engine)
        with empty_engine.begin() as connection:
            assert connection.execute(text("SELECT key, value FROM meta")).all() == [("k", "v")]
            connection.execute(text("DROP TABLE alembic_version"))
            metadata.drop_all(connection)
            metadata.create_all(connection)
        assert migrated == described(empty_engine)

    def test_an_older_database_is_backed_up_and_migrated(
        self, empty_engine: Engine, with_further_version: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_further_version.write_text(_FURTHER.format(newest=_KNOWN[-1], last=""))
        _prepare(empty_engine, monkeypatch)
        seen: list[str | None] = []
        assert migrate(empty_engine, backup=lambda: seen.append(schema_version(empty_engine))) is True
        assert seen == [_KNOWN[-1]]
        assert schema_version(empty_engine) == _NEXT
        with empty_engine.connect() as connection:
            assert connection.execute(text("SELECT key, value, remark FROM meta")).all() == [("k", "v", None)]

    def test_without_backup_nothing_is_changed(
        self, empty_engine: Engine, with_further_version: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_further_version.write_text(_FURTHER.format(newest=_KNOWN[-1], last=""))
        _prepare(empty_engine, monkeypatch)
        with pytest.raises(AssertionError, match="no backup was expected"):
            migrate(empty_engine, backup=_never)
        assert schema_version(empty_engine) == _KNOWN[-1]

    def test_a_migration_that_fails_leaves_the_older_database(
        self, empty_engine: Engine, with_further_version: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_further_version.write_text(_FURTHER.format(newest=_KNOWN[-1], last='raise RuntimeError("power cut")'))
        _prepare(empty_engine, monkeypatch)
        before = described(empty_engine)
        with pytest.raises(RuntimeError, match="power cut"):
            migrate(empty_engine)
        assert described(empty_engine) == before
        assert schema_version(empty_engine) == _KNOWN[-1]
        with_further_version.write_text(_FURTHER.format(newest=_KNOWN[-1], last=""))
        assert migrate(empty_engine) is True


@pytest.mark.postgres
def test_two_nodes_in_two_schemas_of_one_database(postgres_server: str) -> None:
    with fresh_schema(postgres_server) as first, fresh_schema(postgres_server) as second:
        for url in (first, second):
            engine = connect(url)
            assert migrate(engine) is True
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO meta (key, value) VALUES ('k', 'v')"))
                assert connection.execute(text("SELECT count(*) FROM meta")).scalar_one() == 1
            engine.dispose()


def _never() -> None:
    raise AssertionError("no backup was expected")


def _set_version(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
