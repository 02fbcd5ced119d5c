"""``hansa init`` leaves nothing that others of the machine may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from node.cli.creation import create


@pytest.mark.parametrize("mode", [None, 0o755])
def test_the_data_folder_is_its_owners_alone(tmp_path: Path, mode: int | None) -> None:
    folder = tmp_path / "node"
    before = os.umask(0o022)
    try:
        if mode is not None:
            folder.mkdir(mode=mode)
        create(folder, {"public_url": "http://127.0.0.1:8101", "allow_loopback": True})
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("hansa.toml", "token", "hansa.sqlite", "keys"):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0, name
