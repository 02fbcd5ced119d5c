"""What others wrote reaches a terminal as text only, by whichever function it is shown."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.plaintext import in_json, one_line, visible, word
from node.cli import output
from tests.artefacts import data

OBEYED = (
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x85",
    "\u202egnp.exe",
    "\u2066x",
    "\u2028",
    "\r",
    "\x08",
    "\ud800",
)
OURS = {"\n", "\t"}


def obeyed(text: str) -> set[str]:
    """The characters of ``text`` that a terminal would do something with."""
    kinds = {one for one in text if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")}
    return (kinds - OURS) | {one for one in text if unicodedata.bidirectional(one) in BIDI}


BIDI = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def naughty() -> list[str]:
    return [*OBEYED, *json.loads(data("naughty/blns.json").read_text("utf-8"))]


SHOWN: dict[str, Callable[[str], Any]] = {
    "done": lambda text: output.report_success(text, detail=text),
    "failed": output.report_failure,
    "line": lambda text: output.line(text[:5], text),
    "styled line": lambda text: output.line("about", text, style="cyan"),
    "say": output.say,
    "block": output.block,
    "remark": output.remark,
    "mend": output.suggest,
    "complain": output.complain,
    "next_step": output.next_step,
    "plainly": output.plainly,
    "findings": lambda text: output.findings([{"message": text, "field": text, "remedy": text}], {}),
    "table": lambda text: output.table([[text, "b"]], [text, "c"]),
    "reasons": lambda text: output.reasons([text, {"text": text, "need": text, "have": text}], "en"),
    "trace": lambda text: output.trace(ValueError(text)),
    "emit": lambda text: output.emit({text: [text]}),
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_to_the_terminal_carries_what_it_obeys(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    for text in naughty():
        SHOWN[way](text)
        said = capsys.readouterr()
        assert not obeyed(said.out + said.err), (way, text)


@pytest.mark.parametrize("way", ["say", "line", "done", "remark", "failed"])
def test_a_line_of_theirs_does_not_look_like_one_of_ours(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    SHOWN[way]("Bicycles\n✓ verified")
    said = capsys.readouterr()
    assert not any(one.startswith("✓ verified") for one in (said.out + said.err).splitlines())


def test_json_stays_the_document_that_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"title": "\x9b31m\u202e [bold]x[/bold] é 👩‍🚀"}
    output.emit(document)
    assert json.loads(capsys.readouterr().out) == document


def test_bytes_are_exact_in_a_pipe_and_legible_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    body = "title\r\n\x1b[2J\u202e=1+1\r\n".encode()
    output.exact(body)
    assert capsysbinary.readouterr().out == body
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.exact(body)
    shown = capsysbinary.readouterr().out.decode()
    assert not obeyed(shown)
    assert shown.splitlines() == ["title", "\\x1b[2J\\u202e=1+1"]


@pytest.mark.parametrize("way", SHOWN)
def test_names_between_colons_are_no_pictures(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    SHOWN[way]("urn:key:1 and urn:x:b")
    printed = capsys.readouterr()
    assert "🔑" not in printed.out + printed.err
    assert "❌" not in printed.out + printed.err


@given(st.text())
def test_only_what_is_obeyed_is_written_out(text: str) -> None:
    assert not obeyed(visible(text))
    assert json.loads(in_json(json.dumps(text, ensure_ascii=False))) == text
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("text", ["Plzeň – 20 °C", "👩‍🚀", "می‌خواهم", "\u05d0\u200f!", "a\tb"])
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Path("my file.yaml"), "'my file.yaml'"),
        (Path("-n.yaml"), "./-n.yaml"),
        ("x; rm -rf ~", "'x; rm -rf ~'"),
        ("it's", "'it'\"'\"'s'"),
        ("https://gent.example/a", "https://gent.example/a"),
    ],
)
def test_one_word_of_a_command(value: object, written: str) -> None:
    assert word(value) == written
