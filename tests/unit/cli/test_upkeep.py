"""Accepting a loss where nothing is lost, and what the doctor says of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from node.adapters.signed_head import HEAD
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from tests.nodes import publish, running, until


def test_a_loss_is_accepted_only_where_there_is_one(
    tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node:
        publish(node, "first", data=None)
        until("it is signed", (folder / HEAD).is_file)
    # In a process of its own, for the node's folder is held until the end of the process.
    command = [sys.executable, "-m", "node.cli", "accept-loss", str(folder)]
    healthy = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (healthy.returncode, "nothing is lost" in healthy.stderr) == (REFUSED, True)
    # As if the database were an older copy: it holds nothing of what was signed.
    for log in ("", "-wal", "-shm"):
        (folder / f"hansa.sqlite{log}").unlink(missing_ok=True)
    (folder / "hansa.sqlite").write_bytes(sqlite_template.read_bytes())
    run(["doctor", str(folder)])
    told = " ".join(capsys.readouterr().out.split())
    assert "SQLite works" not in told
    assert "accept-loss" in told
    assert run(["accept-loss", str(folder)]) == DONE
    assert "epoch 1" in capsys.readouterr().out
