"""The how-to guide about entities of a context broker, typed as it stands on the page, with a scripted broker."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.integration.datasources.servers import standing
from tests.integration.datasources.test_howtos_of_sharing import PAGES
from tests.nodes import Running, running
from tests.simulator.context_broker import ContextBroker


@pytest.fixture
def ghent(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with (
        running(tmp_path / "ghent", template=sqlite_template) as node,
        running(tmp_path / "bruges", template=sqlite_template),
    ):
        yield node


def test_the_page_as_it_stands(
    ghent: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(ghent.folder))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "secret").write_text("broker-token\n")
    commands = 0
    broker = ContextBroker(tenant="city", authorization="Bearer broker-token")
    with standing(broker.app()) as url:
        for step in steps((PAGES / "share-entities-of-a-context-broker.md").read_text("utf-8")):
            if not isinstance(step, Typed):
                name, content = step
                (tmp_path / name).write_text(content, "utf-8")
                continue
            command = step.command.replace("https://broker.ghent.example", url)
            command = command.replace("https://data.ghent.example", ghent.url)
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            assert status == 0, output.out + output.err
            assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands == 7
