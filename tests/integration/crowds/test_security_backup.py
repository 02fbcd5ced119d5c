"""A backup holds the keys: who may read it, and what a crafted archive may do when it is restored."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from node.base.errors import InvalidInput
from node.cli.archive import read_backup, write_backup
from node.cli.creation import create


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home") / "node"
    create(made, {"public_url": "http://127.0.0.1:8101", "allow_loopback": True})
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_prepares_a_readable_backup(folder: Path, tmp_path: Path) -> None:
    target, trap = tmp_path / "node.tar", tmp_path / "node.tar.part"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    trap.touch(mode=0o666)
    trap.chmod(0o666)
    write_backup(folder, target)
    assert mode(target) == 0o600
    trap.symlink_to(elsewhere)
    write_backup(folder, target)
    assert not target.is_symlink()
    assert elsewhere.read_text() == "precious"


def test_what_is_restored_is_private(folder: Path, tmp_path: Path) -> None:
    target, restored = tmp_path / "node.tar", tmp_path / "again"
    write_backup(folder, target)
    with tarfile.open(target) as source, tarfile.open(tmp_path / "open.tar", "w") as loose:
        for member in source.getmembers():
            member.mode = 0o777 if member.isdir() else 0o666
            loose.addfile(member, source.extractfile(member) if member.isfile() else None)
    assert read_backup(tmp_path / "open.tar", restored).epoch == 1
    assert mode(restored) == 0o700
    for name in ("hansa.toml", "hansa.sqlite", "token", "keys", "keys/key-1.pem", "keys/wrap.key"):
        assert mode(restored / name) & 0o077 == 0, name


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("blobs/../../outside"),
        link("hansa.toml", "/etc/passwd", tarfile.SYMTYPE),
        link("blobs/aa", "../../outside", tarfile.SYMTYPE),
        link("blobs/aa", "../../outside", tarfile.LNKTYPE),
        link("null", "", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.linkname}",
)
def test_an_archive_stays_within_its_folder(tmp_path: Path, member: tarfile.TarInfo) -> None:
    (tmp_path / "outside").write_text("precious")
    archive = tmp_path / "crafted.tar"
    with tarfile.open(archive, "w") as crafted:
        crafted.addfile(member, io.BytesIO(b""))
    with pytest.raises(InvalidInput):
        read_backup(archive, tmp_path / "into" / "node")
    assert (tmp_path / "outside").read_text() == "precious"
