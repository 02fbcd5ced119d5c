"""``hansa serve`` and ``hansa worker`` do the same with and without the library of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from node.cli import server
from node.cli.app import app_for
from node.cli.main import run
from node.cli.services import service_of
from node.settings import Settings, write

PLAIN = [
    ["serve", "{folder}"],
    ["serve", "{folder}", "--no-worker"],
    ["serve", "--no-worker", "{folder}"],
    ["worker", "{folder}"],
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the services were started with."""
    calls: list[Any] = []

    def run_server(settings: Settings, *, with_worker: bool = True) -> int:
        calls.append(("server", settings, with_worker))
        return 3

    def run_worker(settings: Settings) -> int:
        calls.append(("worker", settings))
        return 3

    monkeypatch.setattr(server, "run_server", run_server)
    monkeypatch.setattr(server, "run_worker", run_worker)
    return calls


def words(pattern: Sequence[str], folder: Path) -> list[str]:
    return [word.format(folder=folder) for word in pattern]


@pytest.mark.parametrize("pattern", PLAIN, ids=" ".join)
@pytest.mark.parametrize("database", ["", "postgresql://db.example/hansa"], ids=["sqlite", "postgresql"])
def test_it_is_the_same_in_both_ways(
    tmp_path: Path, calls: list[Any], capsys: pytest.CaptureFixture[str], pattern: Sequence[str], database: str
) -> None:
    write(tmp_path, {"public_url": "https://data.ghent.example", "database_url": database})
    arguments = words(pattern, tmp_path)
    assert service_of(arguments) is not None
    outcomes = []
    # An option before the verb is none of the plain forms.
    for before in ([], ["--debug"]):
        calls.clear()
        outcomes.append((run([*before, *arguments]), list(calls), capsys.readouterr().out))
    assert outcomes[0] == outcomes[1]
    refused = (not database and arguments[0] == "worker") or (not database and "--no-worker" in arguments)
    assert outcomes[0][0] == (1 if refused else 3), outcomes


@pytest.mark.parametrize(
    "arguments",
    [[], ["serve"], ["serve", "--help"], ["serve", "-h"], ["serve", "a", "--worker"], ["serve", "a", "b"],
     ["serve", ""], ["worker", "a", "--no-worker"], ["--json", "serve", "a"], ["find", "a"]],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_for_the_command_line(arguments: list[str]) -> None:
    assert service_of(arguments) is None


def test_a_folder_without_a_node_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(tmp_path)]) == 1
    assert "is not the folder of a node" in capsys.readouterr().err


def test_an_interruption_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    write(tmp_path, {"public_url": "https://data.ghent.example"})
    monkeypatch.setattr(server, "run_server", interrupted)
    assert app_for(["serve"])
    statuses = [run([*before, "serve", str(tmp_path)]) for before in ([], ["--debug"])]
    assert statuses[0] == statuses[1] == 130
    assert capsys.readouterr().err.count("interrupted: work that was started continues") == 2
