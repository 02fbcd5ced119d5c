"""Backups that are encrypted for an age recipient: the age tool opens them, and so does ``hansa restore``."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from node.base.errors import InvalidInput
from node.cli.archive import read_backup, write_backup
from node.cli.exits import DONE
from node.cli.main import run
from node.cli.output import Mode
from node.exchange.age import CHUNK
from node.exchange.age_stream import OpeningFile, SealingFile, identity_in
from node.exchange.sealkeys import X25519Identity, recipient_text
from tests.fakes.age_keys import identity_text
from tests.nodes import publish, running

SECRET = bytes(range(7, 39))
ME = X25519Identity(SECRET)
AGE = os.environ.get("HANSA_AGE") or shutil.which("age")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    folder = tmp_path_factory.mktemp("backup") / "node"
    with running(folder, template=sqlite_template) as node:
        publish(node, "kept")
    return folder


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity.txt"
    path.write_text(f"# created: now\n# public key: x\n{identity_text(SECRET)}\n")
    return path


def test_by_the_terminal_there_and_back(
    folder: Path, identity: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out" / "node.tar.age"
    recipient = recipient_text(ME.seal_public_key())
    assert run(["backup", str(folder), "--to", recipient, "--to", str(target)]) == DONE
    told = capsys.readouterr()
    assert "not encrypted" not in told.err
    assert target.stat().st_mode & 0o077 == 0
    raw = target.read_bytes()
    assert raw.startswith(b"age-encryption.org/v1\n-> X25519 ")
    for plain in (b"PRIVATE KEY", b"SQLite format", (folder / "token").read_bytes().strip()):
        assert plain not in raw
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert run(["restore", str(target), str(tmp_path / "without")]) != DONE
    assert "hansa restore -i" in capsys.readouterr().err
    assert run(["restore", str(target), str(tmp_path / "new"), "-i", str(identity)]) == DONE
    for path in (folder / "keys").iterdir():
        assert (tmp_path / "new" / "keys" / path.name).read_bytes() == path.read_bytes()


def test_a_plain_backup_warns(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mode, "json", False)  # Put back afterwards.
    assert run(["--json", "backup", str(folder), "--to", str(tmp_path / "plain.tar")]) == DONE
    assert "not encrypted and contains the node's keys" in capsys.readouterr().err


@pytest.mark.skipif(AGE is None, reason="the age tool is not installed")
def test_the_age_tool_opens_it(folder: Path, identity: Path, tmp_path: Path) -> None:
    made = write_backup(folder, tmp_path / "one.age", recipient=ME.seal_public_key())
    opened = subprocess.run([str(AGE), "-d", "-i", str(identity), str(made.path)], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as archive:
        assert {"hansa.sqlite", "hansa.toml", "keys/key-1.pem"} <= set(archive.getnames())


def test_one_that_was_cut_off_or_changed_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    whole = write_backup(folder, tmp_path / "one.age", recipient=ME.seal_public_key()).path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for number, raw in enumerate((whole[:-1], whole[: len(whole) // 2], bytes(changed), whole + b"x")):
        path = tmp_path / f"bad-{number}.age"
        path.write_bytes(raw)
        target = tmp_path / f"new-{number}"
        with pytest.raises(InvalidInput, match="cannot be read as a backup"):
            read_backup(path, target, identity=ME)
        assert list(target.iterdir()) == []
    path = tmp_path / "theirs.age"
    path.write_bytes(whole)
    with pytest.raises(InvalidInput, match="not sealed for this key"):
        read_backup(path, tmp_path / "theirs", identity=X25519Identity(bytes(range(1, 33))))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_sizes_at_the_edges(size: int) -> None:
    plain, out = os.urandom(size), io.BytesIO()
    with SealingFile(out, ME.seal_public_key()) as sealing:
        for start in range(0, size, 1000):
            sealing.write(plain[start : start + 1000])
    opened = OpeningFile(io.BytesIO(out.getvalue()), ME)
    assert opened.read() == plain


def test_an_identity_file_with_nothing_in_it_is_refused() -> None:
    for text in ("", "# nothing\n", f"{identity_text(SECRET)}\n{identity_text(SECRET)}\n", "x\n"):
        with pytest.raises(InvalidInput):
            identity_in(text)


MUCH = """
import resource, sys
from node.exchange.age_stream import SealingFile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open("/dev/null", "wb") as out, SealingFile(out, bytes.fromhex(sys.argv[1])) as sealing:
    piece = bytes(1 << 20)
    for _ in range(300):
        sealing.write(piece)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat() -> None:
    process = subprocess.run(
        [sys.executable, "-c", MUCH, ME.seal_public_key().hex()], check=True, capture_output=True, text=True
    )
    assert int(process.stdout) < 32 * 1024  # KiB, for 300 MiB.
