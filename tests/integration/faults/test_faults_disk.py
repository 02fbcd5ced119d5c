"""Disks that are full, that lose, and that change what was written, under nodes as they are run."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from node.adapters.signed_head import HEAD
from node.adapters.sql.engine import sqlite_driver
from node.base.errors import LocalFault
from node.bootstrap.build import build
from node.cli.main import run as hansa
from node.settings import load
from tests.nodes import Running, agree, ask, described, is_sound, publish, puts_off, rows, running, table, until

DATABASE = "hansa.sqlite"
LARGE = table(6 << 20)


# ---- full ---------------------------------------------------------------------------------------------------------

MOST_PAGES = 4_294_967_294
"""SQLite's own bound for a database."""


@contextmanager
def without_pages(node: Running) -> Iterator[None]:
    """SQLite itself finds no room to make the database longer (SQLITE_FULL)."""
    pages = 1

    def bound(connection: Any) -> None:
        # Never below what is there already.
        connection.connection.dbapi_connection.execute(f"PRAGMA max_page_count={pages}")

    # It stays: a writer keeps its connection, which has to lose its bound too.
    event.listen(node.node.parts.stores.uow.engine, "begin", bound)
    try:
        yield
    finally:
        pages = MOST_PAGES


def test_a_full_database_says_what_to_do_and_nothing_is_half_done(running_node: Running) -> None:
    publish(running_node, "before", data=None)
    before = rows(running_node, "entries"), rows(running_node, "records")
    with running_node.http(headers=running_node.person()) as client:

        def post(slug: str) -> Any:
            return client.post("/api/records", json={"fields": described(slug), "conditions": "open"})

        with without_pages(running_node):
            answers = [post(f"new-{number}") for number in range(4)]
            refused = [answer for answer in answers if answer.status_code >= 400]
            assert refused, "the database was not full"
            for answer in refused:
                problem = answer.json()
                assert (answer.status_code, problem["code"]) == (507, "no-room")
                assert "full" in problem["detail"]
                assert "disk space" in problem["remedy"]
                assert int(answer.headers["retry-after"]) > 0
                assert str(running_node.folder) not in answer.text
            assert client.get("/api/catalogue/search").status_code == 200, "what is there can be read"
        accepted = len(answers) - len(refused)
        # A record without its entry, or an entry without its record, would be an audit that was skipped.
        assert (rows(running_node, "entries"), rows(running_node, "records")) == (
            before[0] + accepted,
            before[1] + accepted,
        )
        until("the node is well again", lambda: client.get("/health").status_code == 200)
        assert post("after").status_code < 300
    assert is_sound(running_node)


@dataclass
class SmallDisk:
    """A file system of its own, and a file that takes all that is left of it."""

    place: Path

    @property
    def _filler(self) -> Path:
        return self.place / "filler"

    def fill(self, node: Running, *, but: int = 0) -> None:
        """Leave ``but`` bytes. The log of the database, which has blocks of its own, is emptied first."""
        connection = sqlite_driver().connect(str(node.folder / DATABASE), timeout=20, isolation_level=None)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        found = os.statvfs(self.place)
        left = found.f_bavail * found.f_frsize - but
        with self._filler.open("wb", buffering=0) as file:
            piece = bytes(4096)
            while left > 0:
                try:
                    left -= file.write(piece)
                except OSError:
                    break  # Something else was quicker.

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=40m,mode=700"]
    mounted = subprocess.run(["mount", *options, "tmpfs", place], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a file system of its own")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_negotiation_waits_for_a_provider_whose_disk_is_full(
    small_disk: SmallDisk, tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        running(small_disk.place / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        iri = publish(provider)["iri"]
        until("all is numbered", lambda: is_sound(provider))
        with consumer.client() as client:
            entries, known = rows(provider, "entries"), rows(provider, "negotiations")
            small_disk.fill(provider)
            pid = ask(provider, consumer, iri)
            until("the provider says that it has no room", lambda: puts_off(consumer, "507"))
            assert (rows(provider, "entries"), rows(provider, "negotiations")) == (entries, known)
            small_disk.free()
            until("it goes on by itself", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED", 60)
        assert rows(provider, "negotiations") == known + 1
        assert rows(provider, "agreements") == rows(consumer, "agreements") == 1
        until("both are well", lambda: not provider.node.health() and is_sound(provider) and is_sound(consumer))


def test_a_reception_waits_for_room_and_goes_on(small_disk: SmallDisk, tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(small_disk.place / "consumer", template=sqlite_template) as consumer,
    ):
        agreement = agree(consumer, publish(provider, data=LARGE)["iri"])["agreementId"]
        small_disk.fill(consumer, but=2 << 20)
        with consumer.client() as client:
            pid = client.transfer(agreement)["pid"]
            # Its own database is on that disk too: what came of the attempt is written once there is room.
            until(
                "there is no room for the bytes",
                lambda: puts_off(consumer, "full") or "full" in consumer.node.health().get("outbox", ""),
            )
            small_disk.free()
            until("the transfer ends", lambda: client.transfer_state(pid, wait=5)["state"] == "COMPLETED", 60)
        (received,) = [path for path in (consumer.folder / "received").rglob("*.csv") if path.is_file()]
        assert hashlib.sha256(received.read_bytes()).digest() == hashlib.sha256(LARGE).digest()
        assert is_sound(consumer)


def test_an_upload_finds_no_room(small_disk: SmallDisk, sqlite_template: Path) -> None:
    with running(small_disk.place / "node", template=sqlite_template) as node:
        small_disk.fill(node, but=2 << 20)
        headers = {**node.person(), "X-File-Name": "large.csv", "Content-Type": "text/csv"}
        with node.http() as client:
            refused = client.post("/api/files", content=LARGE, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (507, "no-room")
            assert list((node.folder / "blobs" / "incoming").iterdir()) == []
            small_disk.free()
            assert client.post("/api/files", content=LARGE, headers=headers).status_code < 300


def test_files_that_may_not_grow_are_a_full_disk(tmp_path: Path, sqlite_template: Path) -> None:
    """A quota, or a limit on the size of files, is told by another error (EFBIG, SQLite's SQLITE_IOERR_WRITE)."""
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        port = node.node.parts.settings.port
        publish(node, "before", data=None)
        token = node.token
    process = subprocess.Popen([sys.executable, "-c", "from node.cli.main import main; main()", "serve", str(folder)])
    try:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False, headers=headers
        ) as client:

            def is_ready() -> bool:
                try:
                    return client.get("/ready").status_code == 200
                except httpx2.TransportError:
                    return False

            def post(slug: str) -> Any:
                return client.post("/api/records", json={"fields": described(slug), "conditions": "open"})

            until("the node is ready", is_ready, 60)
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, hard))
            refused = post("new")
            assert (refused.status_code, refused.json()["code"]) == (507, "no-room")
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            assert post("new").status_code < 300
            until("the node is well again", lambda: client.get("/health").status_code == 200, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert hansa(["verify", str(folder)]) == 0


# ---- damaged ------------------------------------------------------------------------------------------------------


@dataclass
class Left:
    """A node that has stopped, and what its data folder was like."""

    folder: Path
    copy: Path
    size: int

    def again(self) -> Path:
        """The folder as it was left."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
        return self.folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Left:
    """A node that was killed, so that its newest commits lie in the log of the database alone."""
    home = tmp_path_factory.mktemp("killed")
    folder = home / "node"
    with running(folder, template=sqlite_template) as node:
        for number in range(3):
            publish(node, f"dataset-{number}", data=None)
        until("all is numbered", lambda: is_sound(node))
        size = rows(node, "entries")
        shutil.copytree(folder, home / "copy")  # as a kill leaves it: nothing is closed
    return Left(folder, home / "copy", size)


def refusal(folder: Path) -> LocalFault:
    """What a start says."""
    with pytest.raises(LocalFault) as caught:
        build(load(folder))
    return caught.value


def test_a_node_that_was_killed_starts(killed: Left) -> None:
    folder = killed.again()
    assert (folder / f"{DATABASE}-wal").stat().st_size > 0
    node = build(load(folder))
    with node.parts.stores.uow.read() as tx:
        assert node.parts.stores.ledger.size(tx) == killed.size
    node.parts.stores.uow.close()


@pytest.mark.parametrize(
    ("what", "at", "bits"),
    [
        ("the header", 4, b"\xff" * 8),
        ("a page of the schema", 100, b"\xff" * 64),
        ("a later page", 3 * 4096, b"\x7f" * 512),
    ],
)
def test_a_damaged_database_is_not_started(killed: Left, what: str, at: int, bits: bytes) -> None:
    folder = killed.again()
    path = folder / DATABASE
    connection = sqlite_driver().connect(str(path), isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[at : at + len(bits)] = bits
    path.write_bytes(data)
    fault = refusal(folder)
    assert "damaged" in fault.detail or "cannot be opened" in fault.detail, fault.detail
    assert "hansa restore" in fault.remedy, what


def test_the_command_says_what_is_damaged_and_what_to_do(killed: Left, capfd: pytest.CaptureFixture[str]) -> None:
    folder = killed.again()
    (folder / f"{DATABASE}-wal").unlink()
    (folder / DATABASE).write_bytes((folder / DATABASE).read_bytes()[: 5 * 4096 + 17])
    ran = subprocess.run(
        [sys.executable, "-c", "from node.cli.main import main; main()", "serve", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 5
    assert "damaged" in ran.stderr
    assert "hansa restore" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert hansa(["doctor", str(folder)]) == 1
    assert "hansa restore" in capfd.readouterr().out


def test_a_log_that_is_gone_is_missed(killed: Left) -> None:
    folder = killed.again()
    (folder / f"{DATABASE}-wal").unlink()
    (folder / f"{DATABASE}-shm").unlink(missing_ok=True)
    fault = refusal(folder)
    assert "this node has signed" in fault.detail
    assert fault.facts["signed"] == killed.size
    assert "accept-loss" in fault.remedy


@pytest.mark.parametrize("frame", [0.05, 0.5, 0.9])
def test_a_log_with_a_flipped_bit_is_missed(killed: Left, frame: float) -> None:
    """SQLite reads its log up to the first frame whose checksum does not fit, and says nothing."""
    folder = killed.again()
    log = folder / f"{DATABASE}-wal"
    data = bytearray(log.read_bytes())
    data[int(len(data) * frame)] ^= 0x04
    log.write_bytes(data)
    fault = refusal(folder)
    assert "this node has signed" in fault.detail or "damaged" in fault.detail, fault.detail


def copy_database(folder: Path, copy: Path) -> None:
    """Copy the database of a node that has ended, as a careless operator does: the file alone."""
    connection = sqlite_driver().connect(str(folder / DATABASE), timeout=20, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(folder / DATABASE, copy)


def put_back(copy: Path, folder: Path) -> None:
    for log in ("-wal", "-shm"):
        (folder / f"{DATABASE}{log}").unlink(missing_ok=True)
    shutil.copy(copy, folder / DATABASE)


def test_an_older_copy_that_was_put_back_is_told_and_can_be_accepted(
    tmp_path: Path, sqlite_template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        port = node.node.parts.settings.port
        publish(node, "first", data=None)
        until("all is numbered", lambda: is_sound(node))
    copy_database(folder, tmp_path / "older.sqlite")
    with running(folder, port=port) as node:
        publish(node, "second", data=None)
        until("all is numbered", lambda: is_sound(node))
    put_back(tmp_path / "older.sqlite", folder)
    assert "an older copy" in refusal(folder).detail
    assert hansa(["doctor", str(folder)]) == 1
    assert "accept-loss" in capfd.readouterr().out

    assert hansa(["accept-loss", str(folder)]) == 0
    with running(folder, port=port) as node:
        assert node.node.catalogue.node.epoch == 1
        publish(node, "third", data=None)
        until("all is numbered", lambda: is_sound(node))

    # Put back and written to is another history, however long it is.
    shutil.copy(folder / HEAD, tmp_path / HEAD)
    put_back(tmp_path / "older.sqlite", folder)
    (folder / HEAD).unlink()
    with running(folder, port=port) as node:
        for number in range(3):
            publish(node, f"other-{number}", data=None)
        until("all is numbered", lambda: is_sound(node))
    shutil.copy(tmp_path / HEAD, folder / HEAD)
    assert "not those that this node has signed" in refusal(folder).detail


def test_a_torn_signed_head_does_not_keep_a_node_from_starting(killed: Left) -> None:
    folder = killed.again()
    for torn in (b"", (folder / HEAD).read_bytes()[:40], b"\xff\xfe"):
        (folder / HEAD).write_bytes(torn)
        build(load(folder)).parts.stores.uow.close()


# ---- damaged bytes ------------------------------------------------------------------------------------------------


def test_damaged_bytes_are_not_delivered(
    tmp_path: Path, sqlite_template: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in a kept asset: the provider finds it before the first byte, and nothing is completed."""
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        agreement = agree(consumer, publish(provider, data=LARGE)["iri"])["agreementId"]
        (blob,) = [path for path in (provider.folder / "blobs").rglob("*") if path.is_file()]
        data = bytearray(LARGE)
        data[3_000_000] ^= 1
        blob.chmod(0o600)
        blob.write_bytes(data)
        with consumer.client() as client:
            pid = client.transfer(agreement)["pid"]
            until("the provider refuses to give them", lambda: _damage_is_told(caplog))
            assert _arrived(consumer, pid) == 0
            blob.write_bytes(LARGE)
            until("the transfer ends", lambda: client.transfer_state(pid, wait=5)["state"] == "COMPLETED", 60)


def _damage_is_told(log: pytest.LogCaptureFixture) -> bool:
    faults = [record.exc_info[1] for record in log.records if record.exc_info]
    return any("has changed on the disk" in str(fault) for fault in faults)


def _arrived(consumer: Running, pid: str) -> int:
    with consumer.node.parts.stores.uow.read() as tx:
        found = consumer.node.parts.stores.transfer.receptions.get(tx, pid)
    assert found is None or found.state == "receiving", found
    return found.received if found else 0
