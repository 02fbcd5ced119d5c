"""The how-to guides about vocabularies and schemas, typed as they stand on the page."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.nodes import Running

PAGES = Path(__file__).resolve().parents[3] / "docs" / "how-to"


@pytest.mark.parametrize(
    "page",
    [
        "change-a-schema-safely",
        "make-your-data-fit",
        "publish-a-vocabulary",
        "write-a-schema-in-your-language",
        "write-a-transformation",
    ],
)
def test_the_page_as_it_stands(
    page: str, city: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    monkeypatch.setenv("COLUMNS", "140")
    commands = 0
    for step in steps((PAGES / f"{page}.md").read_text("utf-8")):
        if not isinstance(step, Typed):
            name, content = step
            (tmp_path / name).write_text(content.replace("https://data.ghent.example", city.url), "utf-8")
            continue
        status = run(shlex.split(step.command.removeprefix("hansa ")))
        output = capsys.readouterr()
        commands += 1
        expected = REFUSED if "--check" in step.command or step.command.startswith("hansa check") else 0
        assert status == expected, output.out + output.err
        assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands >= 3
