"""Commands that errors, pages and help texts tell people to use exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_docs import BUILT, ROOT, name_of, verbs


@cache
def groups() -> dict[str, frozenset[str]]:
    """Verb → the verbs of its own, such as ``list`` of ``hansa token list``; empty for those that have none."""
    import typer

    from node.cli.app import app_for
    from node.cli.groups import Listing

    command: Any = typer.main.get_command(app_for())
    return {
        name: frozenset({"list"} if isinstance(verb, Listing) else getattr(verb, "commands", {}))
        for name, verb in command.commands.items()
    }


@cache
def listings() -> frozenset[str]:
    """The verbs to which one may also give a name: ``hansa user list``, ``hansa user anna``."""
    return frozenset(name for name, own in groups().items() if own == {"list"})


TEXTS = sorted(
    path
    for pattern in ("node/**/*.py", "node/portal/templates/*.html", "node/texts/catalogues/**/*.json")
    for path in ROOT.glob(pattern)
    if BUILT not in str(path)
)
NAMED_COMMAND = re.compile(
    r"(?<![\w./@-])hansa ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?((?: +(?:--[a-z][a-z-]*|[A-Z_]+\b))*)"
)


def false_commands(text: str) -> Iterator[str]:
    """Yield each ``hansa`` command that a text tells a person to use, and that does not exist."""
    for match in NAMED_COMMAND.finditer(text):
        verb, second, rest = match.groups()
        if verb not in groups():
            yield match[0]
            continue
        own = groups()[verb]
        if verb in listings() or not own:
            # The word may be an argument, or go on with the sentence; but it is not the verb of another group.
            wrong = second in frozenset().union(*groups().values()) - own
        else:
            wrong = second is not None and second not in own
        if wrong or not set(re.findall(r"--[a-z][a-z-]*", rest)) <= verbs()[verb] | {"--help"}:
            yield match[0]


def texts_of(path: Path) -> list[str]:
    """Return the strings of a module, or the whole of any other file."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        return [source]
    nodes = ast.walk(ast.parse(source))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_texts_name_commands_that_exist() -> None:
    missing = {name_of(path): [said for text in texts_of(path) for said in false_commands(text)] for path in TEXTS}
    assert {path: commands for path, commands in missing.items() if commands} == {}


@pytest.mark.parametrize(
    "command", ["hansa user show", "hansa find list", "hansa token lst", "hansa tokens", "hansa find --nothing"]
)
def test_a_false_command_would_be_found(command: str) -> None:
    assert list(false_commands(f"see {command}"))
