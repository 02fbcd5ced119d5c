"""The how-to guide about services of a city, typed as it stands on the page, with scripted servers."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.integration.datasources.servers import standing
from tests.integration.datasources.test_howtos_of_sharing import PAGES
from tests.nodes import running
from tests.simulator.city_services import EndPoint, Mobility, Sensors


def test_the_page_as_it_stands(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(tmp_path / "ghent"))
    monkeypatch.setenv("COLUMNS", "200")
    servers = {"sensors": Sensors(), "triples": EndPoint(), "trams": Mobility(), "bikes": Mobility()}
    commands = 0
    with ExitStack() as stack:
        stack.enter_context(running(tmp_path / "ghent", template=sqlite_template))
        places = {name: stack.enter_context(standing(server.app())) for name, server in servers.items()}
        for step in steps((PAGES / "share-services-of-your-city.md").read_text("utf-8")):
            if not isinstance(step, Typed):
                name, content = step
                (tmp_path / name).write_text(content, "utf-8")
                continue
            command = step.command
            for name, place in places.items():
                command = command.replace(f"https://{name}.ghent.example", place)
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            assert status == 0, output.out + output.err
            assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands == 9
