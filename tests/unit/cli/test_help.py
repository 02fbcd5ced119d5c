"""Help screens read as the documentation does, at the width of an ordinary terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

import pytest
import typer

from node.cli.app import app_for
from node.cli.output import count_of

WIDE = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}


def screens(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words before ``--help`` of every screen."""
    yield path
    for name, verb in getattr(command, "commands", {}).items():
        yield from screens(verb, (*path, name))


COMMAND = typer.main.get_command(app_for())
ALL = [*screens(COMMAND)]


@cache
def shown(*words: str) -> str:
    """The screen, of the command that was made once: making it for each screen takes longer than showing it."""
    screen = StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(screen):
        for name, value in WIDE.items():
            patched.setenv(name, value)
        COMMAND.main([*words, "--help"], prog_name="hansa", standalone_mode=False)
    return screen.getvalue()


@pytest.mark.parametrize("words", [(), *(words for words in ALL if len(words) == 1)], ids=" ".join)
def test_no_summary_of_a_verb_is_cut_off(words: tuple[str, ...]) -> None:
    _, _, verbs = shown(*words).partition("Commands:")
    # In a terminal of 80 columns, a summary may have two letters less than in the runner of the tests.
    cut = [line for line in verbs.splitlines() if line.endswith("...") or len(line) > 76]
    assert not cut, "shorten its first sentence"


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (("show",), "Usage: hansa show [OPTIONS] IRI"),
        (("find",), "Usage: hansa find [OPTIONS] [WORDS]..."),
        (("user",), "Usage: hansa user [OPTIONS] [LOGIN]"),
        (("agreement", "show"), "Usage: hansa agreement show [OPTIONS] ID"),
    ],
)
def test_usage_names_values_in_capitals(words: tuple[str, ...], usage: str) -> None:
    assert shown(*words).splitlines()[0] == usage


@pytest.mark.parametrize("words", [words for words in ALL if words], ids=" ".join)
def test_no_screen_shows_types_of_python(words: tuple[str, ...]) -> None:
    screen = shown(*words)
    assert not [name for name in ("<str>", "<int>", "<path>", "list[") if name in screen.lower()]


def test_numbers_have_the_right_form_of_their_noun() -> None:
    assert [count_of(number, "entry", "entries") for number in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert count_of(1, "result") == "1 result"
    assert count_of(30, "result") == "30 results"
