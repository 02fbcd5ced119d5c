"""Backups of a running database, and what becomes of them."""

from __future__ import annotations

import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from node.adapters.sql import backup as backups
from node.adapters.sql.backup import backup, backup_postgres, backup_sqlite
from node.adapters.sql.engine import connect
from node.adapters.sql.migrate import VERSIONS, migrate, schema_version
from node.adapters.sql.node_state import SqlMetaStore
from node.adapters.sql.work import SqlUnitOfWork
from node.base.errors import LocalFault
from tests.postgres import fresh_schema

META = SqlMetaStore()


def put(engine: Engine, key: str, value: str) -> None:
    with SqlUnitOfWork(engine).begin() as tx:
        META.put(tx, key, value)


def get(url: str, key: str) -> str | None:
    engine = connect(url)
    try:
        with SqlUnitOfWork(engine).read() as tx:
            return META.get(tx, key)
    finally:
        engine.dispose()


class TestSqlite:
    def test_a_backup_is_one_private_file_with_everything_in_it(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        put(sqlite_engine, "k", "in the log only")
        folder = tmp_path / "backups"
        folder.mkdir()
        backup_sqlite(sqlite_engine.url, folder / "b.sqlite")
        assert [file.name for file in folder.iterdir()] == ["b.sqlite"]
        assert stat.S_IMODE((folder / "b.sqlite").stat().st_mode) == 0o600
        assert get(f"sqlite:///{folder}/b.sqlite", "k") == "in the log only"

    def test_a_backup_beside_a_writer_is_one_consistent_state(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        """Two keys are always changed together; no copy may see one without the other."""
        stop = threading.Event()
        uow = SqlUnitOfWork(sqlite_engine)

        def write() -> None:
            number = 0
            while not stop.is_set():
                with uow.begin() as tx:
                    META.put(tx, "left", str(number))
                    META.put(tx, "filler", "x" * 20_000)
                    META.put(tx, "right", str(number))
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for attempt in range(5):
                backup(str(sqlite_engine.url), tmp_path / "b.sqlite")
                copy = tmp_path / f"{attempt}.sqlite"
                shutil.copy(tmp_path / "b.sqlite", copy)
                assert get(f"sqlite:///{copy}", "left") == get(f"sqlite:///{copy}", "right")
        finally:
            stop.set()
            writer.join()

    def test_what_cannot_be_backed_up(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(LocalFault, match="does not exist"):
            backup_sqlite(f"sqlite:///{tmp_path}/none.sqlite", tmp_path / "b.sqlite")
        assert not (tmp_path / "none.sqlite").exists()
        with pytest.raises(LocalFault, match="cannot be written"):
            backup_sqlite(sqlite_engine.url, tmp_path / "none" / "b.sqlite")

    def test_a_damaged_database_does_not_replace_the_last_backup(self, sqlite_engine: Engine, tmp_path: Path) -> None:
        target = tmp_path / "b.sqlite"
        put(sqlite_engine, "k", "v")
        backup_sqlite(sqlite_engine.url, target)
        good = target.read_bytes()
        for spoilt in (good[:5000] + bytes(30_000) + good[35_000:], b"no database" * 1000, good[:9000]):
            damaged = tmp_path / "damaged.sqlite"
            damaged.write_bytes(spoilt)
            with pytest.raises(LocalFault):
                backup_sqlite(f"sqlite:///{damaged}", target)
            assert target.read_bytes() == good
        assert not (tmp_path / "b.sqlite.part").exists()


@pytest.mark.postgres
class TestPostgres:
    def test_a_dump_can_be_restored(self, postgres_server: str, tmp_path: Path) -> None:
        if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
            pytest.skip("pg_dump and pg_restore are not in PATH")
        dump = tmp_path / "b.dump"
        with fresh_schema(postgres_server) as url:
            engine = connect(url)
            migrate(engine)
            put(engine, "k", "v")
            backup(url, dump)
            with engine.begin() as connection:
                connection.execute(text("DROP SCHEMA " + _schema(engine) + " CASCADE"))
            plain = engine.url.set(drivername="postgresql", query={**engine.url.query, "options": ""})
            subprocess.run(
                ["pg_restore", "--exit-on-error", "-d", plain.render_as_string(hide_password=False), dump], check=True
            )
            assert get(url, "k") == "v"
            assert schema_version(engine) == VERSIONS[-1]
            engine.dispose()
        assert stat.S_IMODE(dump.stat().st_mode) == 0o600

    def test_without_pg_dump_it_says_so(
        self, postgres_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(LocalFault, match="pg_dump is not installed") as caught:
            backup_postgres(postgres_engine, tmp_path / "b.dump")
        assert caught.value.remedy

    def test_a_dump_that_fails_leaves_nothing(
        self, postgres_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backups, "_tool", lambda name: "/bin/false")
        with pytest.raises(LocalFault, match="failed"):
            backup_postgres(postgres_engine, tmp_path / "b.dump")
        assert list(tmp_path.iterdir()) == []


def _schema(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT current_schema()")).scalar_one())
