"""The tutorial about importing a catalogue, followed as it stands, with fewer datasets."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from node.cli.main import run
from tests.nodes import Running

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tutorial" / "a-catalogue.md"
FEWER = {"3000": "180", "501": "31", "500": "30", "499": "29"}


def page() -> str:
    text = PAGE.read_text("utf-8")
    return re.sub("|".join(FEWER), lambda number: FEWER[number[0]], text)


def test_the_tutorial_says_what_happens(
    running_node: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(running_node.folder))
    blocks = re.findall(r"```(\w*)\n(.*?)```", page(), re.DOTALL)
    Path("make.py").write_text(next(text for language, text in blocks if language == "python"), "utf-8")
    runpy.run_path("make.py")
    sessions = [text.splitlines() for _, text in blocks if text.startswith("$ hansa ")]
    assert len(sessions) == 5
    for number, (command, *lines) in enumerate(sessions):
        if number == len(sessions) - 1:
            file = Path("catalogue.ttl")
            file.write_text(file.read_text("utf-8").replace('district 7"', 'quarter 7"'), "utf-8")
        assert run(command.removeprefix("$ hansa ").split()) == 0
        printed = capsys.readouterr()
        for line in lines:
            assert line in printed.out + printed.err, command
        if command.startswith("$ hansa find"):
            assert "30 results" in printed.out + printed.err
    assert len(Path("report.csv").read_text("utf-8").splitlines()) == 32
