"""``hansa demo`` looks the demonstration up: a node without it says what to do, and passes the options on to it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run


def test_without_the_demonstration_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "demo.demonstration", None)
    assert run(["demo"]) == REFUSED
    said = capsys.readouterr().err
    assert "not installed" in said
    assert "make demo" in said


def test_options_reach_the_demonstration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def record(**options: Any) -> int:
        asked.append(options)
        return 1

    monkeypatch.setitem(sys.modules, "demo.demonstration", SimpleNamespace(run=record))
    assert run(["demo", "--keep", "--seed", "7", "--folder", str(tmp_path)]) == 1
    assert asked == [{"keep": True, "folder": tmp_path, "seed": 7}]
