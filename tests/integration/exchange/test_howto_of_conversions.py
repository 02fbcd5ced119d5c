"""The how-to guide about other formats, typed as it stands on the page."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path

import pytest

from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.nodes import running

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "give-data-in-other-formats.md"


def test_the_page_as_it_stands(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HANSA_NODE", str(tmp_path / "ghent"))
    commands = 0
    with (
        running(tmp_path / "ghent", template=sqlite_template) as ghent,
        running(tmp_path / "bruges", template=sqlite_template) as bruges,
    ):
        for step in steps(PAGE.read_text("utf-8")):
            if not isinstance(step, Typed):
                name, content = step
                (tmp_path / name).write_text(content, "utf-8")
                continue
            command = step.command.replace("https://data.ghent.example", ghent.url)
            command = command.replace("--node bruges", f"--node {shlex.quote(str(bruges.folder))}")
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            assert status == 0, output.out + output.err
            assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands == 2
    with sqlite3.connect(tmp_path / "berths.gpkg") as received:
        assert received.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchall() == [(31370,)]
