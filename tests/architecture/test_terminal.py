"""What the terminal shows goes through one place, and what it tells people to type can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TERMINAL = sorted(path for path in (ROOT / "node" / "cli").rglob("*.py") if path.name != "output.py")
SPEAKING = [*TERMINAL, *sorted((ROOT / "node" / "client").glob("*.py")), *sorted((ROOT / "federation").rglob("*.py"))]
# The demonstration shows commands with names of its own, and runs them without a shell.
ALL = [path for room in ("node", "federation") for path in sorted((ROOT / room).rglob("*.py"))]

OWN = {("node/cli/app.py", "typer.echo")}
"""``--version`` says what we are: nothing of others is in it."""
ALLOWED = {("node/cli/main.py", "sys.stdout"), ("node/cli/commands/find.py", "sys.stdin")}
"""A pipe that was closed is let go of; a query is read."""

COMMAND = re.compile(r"\bhansa [a-z][^;:,)]*$")


def round_it(tree: ast.AST) -> Iterator[str]:
    """Ways past the module that makes text of others harmless."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield "print"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            said = f"{node.value.id}.{node.attr}"
            if said in {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "typer.echo", "typer.secho"}:
                yield said
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            yield from (name for name in names if name.partition(".")[0] in ("rich", "click"))


def test_nothing_is_shown_but_through_one_module() -> None:
    ways = {
        (path.relative_to(ROOT).as_posix(), way)
        for path in SPEAKING
        for way in round_it(ast.parse(path.read_text("utf-8")))
    }
    assert ways - OWN - ALLOWED == set()


@pytest.mark.parametrize(
    "fault", ["print(title)", "import sys\nsys.stdout.write(title)", "from rich import print as p"]
)
def test_a_way_round_is_noticed(fault: str) -> None:
    assert list(round_it(ast.parse(fault)))


def unquoted(tree: ast.AST) -> Iterator[str]:
    """Values that stand bare in a command that a person is told to type."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before += str(part.value)
                continue
            assert isinstance(part, ast.FormattedValue)
            called = part.value.func if isinstance(part.value, ast.Call) else None
            function = (
                called.id
                if isinstance(called, ast.Name)
                else called.attr
                if isinstance(called, ast.Attribute)
                else ""
            )
            if COMMAND.search(before) and function not in ("word", "quote"):
                yield f"{before[-60:]}{{{ast.unparse(part.value)}}}"
            before += "x"


def test_what_is_to_be_typed_is_quoted() -> None:
    unquoted_of = {
        path.relative_to(ROOT).as_posix(): list(unquoted(ast.parse(path.read_text("utf-8")))) for path in ALL
    }
    assert {path: commands for path, commands in unquoted_of.items() if commands} == {}


def test_a_bare_value_in_a_command_is_noticed() -> None:
    assert list(unquoted(ast.parse('f"Next: hansa publish {path}"')))
    assert list(unquoted(ast.parse('f"hansa verify {word(path)}   then   hansa serve {path}"')))
    assert not list(unquoted(ast.parse('f"hansa get {word(iri)}: {title}"')))


def test_a_verb_that_lists_takes_the_word_list_for_that() -> None:
    """Where naming nothing lists, ``list`` is not the name of something: no user was ever meant to be called so."""
    from node.cli.app import app_for
    from node.cli.groups import Listing

    listing = re.compile(r"without (one|any)|\blists\b", re.IGNORECASE)
    for command in app_for().registered_commands:
        assert command.callback is not None
        said = f"{command.callback.__annotations__} {command.callback.__doc__}"
        if re.search(listing, said) and command.name not in ("find", "publish"):
            assert command.cls is Listing, f"hansa {command.name} list"
