"""Functions and constructors take few parameters: whoever takes more does two things, and comes apart by reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


def crowded(source: str, most: int = MOST) -> list[str]:
    """The functions with more than ``most`` parameters. A command of the terminal is none of them: each of its
    parameters is an option that a user may name."""
    module = ast.parse(source)
    commands = _commands(module)
    return [
        f"{node.lineno}: {node.name} takes {count}"
        for node in ast.walk(module)
        if isinstance(node, Function) and (count := _count(node)) > most and node.name not in commands
    ]


def _count(node: Function) -> int:
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _commands(module: ast.Module) -> set[str]:
    """What is registered as a command: ``@app.command()`` above it, or ``app.command("get")(get)``."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, Function) and any(".command" in ast.unparse(each) for each in node.decorator_list):
            names.add(node.name)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).partition("(")[0].endswith(".command"):
            names |= {each.id for each in node.args if isinstance(each, ast.Name)}
    return names


def test_nothing_takes_more_parameters_than_one_reason_needs() -> None:
    much = {
        path.relative_to(ROOT).as_posix(): functions
        for folder in ("node", "federation", "demo")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (functions := crowded(path.read_text("utf-8")))
    }
    assert much == {}, "split it by reason to change; a bag of parameters is no split"


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b, *, c): ...",
        "class A:\n    def __init__(self, a, b, c): ...",
        "async def f(a, /, b, c=1): ...",
        "@api.get('/x')\ndef f(a, b, c): ...",
    ],
)
def test_too_many_would_be_found(source: str) -> None:
    assert crowded(source, most=2)


def test_options_of_a_command_are_not_counted() -> None:
    assert crowded("@app.command()\ndef get(a, b, c): ...", most=2) == []
    assert crowded("def get(a, b, c): ...\napp.command('get')(get)", most=2) == []
    assert crowded("class A:\n    def f(self, a, b): ...", most=2) == []
