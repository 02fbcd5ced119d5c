"""The language of a new node, and the tags that titles get by it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from node.base.errors import InvalidInput
from node.cli.default_language import choose, of_locale, tag_of
from node.cli.main import run
from node.settings import load, write


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "nl_BE.UTF-8"}, "nl"),
        ({"LC_ALL": "cs_CZ.UTF-8", "LANG": "nl_BE.UTF-8"}, "cs"),
        ({"LC_MESSAGES": "fr_FR", "LANG": "de_DE"}, "fr"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_tells_and_it_is_said(environment: dict[str, str], language: str) -> None:
    found, hint = choose((), environment, asks=False)
    assert found == [language]
    assert "--language" in hint
    assert of_locale(environment)[1] in hint


def test_what_is_said_counts() -> None:
    assert choose(("nl", "French"), {"LANG": "cs_CZ"}, asks=False)[0] == ["nl", "fr"]
    assert tag_of("Nederlands") == "nl"
    with pytest.raises(InvalidInput, match="not a language"):
        tag_of("nl; rm")


def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, default, **__: {"nl": "fr"}[default])
    assert choose((), {"LANG": "nl_BE.UTF-8"}, asks=True)[0] == ["fr"]


def test_init_writes_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "nl_BE.UTF-8")
    assert run(["init", str(tmp_path / "gent")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "language nl from LC_ALL=nl_BE.UTF-8" in told
    assert tomllib.loads((tmp_path / "gent" / "hansa.toml").read_text())["languages"] == ["nl"]
    assert run(["--json", "init", str(tmp_path / "brno"), "--language", "Czech"]) == 0
    assert json.loads(capsys.readouterr().out)["languages"] == ["cs"]
    run(["--json"])


def test_nodes_of_before_go_on_as_they_did(tmp_path: Path) -> None:
    write(tmp_path, {"public_url": "https://data.gent.example"})
    assert load(tmp_path).languages == ("en",)
    write(tmp_path, {"public_url": "https://data.gent.example", "languages": ["Dutch please"]})
    with pytest.raises(InvalidInput, match="not a language tag"):
        load(tmp_path)
