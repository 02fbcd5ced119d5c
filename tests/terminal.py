"""Commands of the terminal, run in this process against a real node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.cli.output import Mode
from tests.nodes import Running


def typed(node: Running, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command for a person; return its exit status and all of its output."""
    capsys.readouterr()
    try:
        status = run([*words, "--node", str(node.folder)])
    finally:
        Mode.json = False
    shown = capsys.readouterr()
    return status, shown.out + shown.err


def asked(node: Running, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command for a program, which must succeed; return the JSON that it writes."""
    capsys.readouterr()
    try:
        assert run(["--json", *words, "--node", str(node.folder)]) == DONE
    finally:
        Mode.json = False
    return json.loads(capsys.readouterr().out)
