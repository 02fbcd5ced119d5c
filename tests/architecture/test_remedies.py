"""Errors that people meet say what to do next, where a person can do something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

KINDS = frozenset({"Conflict", "InvalidInput", "NotFound", "TooLarge"})
"""Errors of a caller. For the others, often nobody but another participant can do something."""

ROOMS = (
    "node/base",
    "node/bootstrap",
    "node/cage",
    "node/catalogue/drafts",
    "node/catalogue/harvest",
    "node/catalogue/publication",
    "node/cli",
    "node/client",
    "node/identity/accounts",
    "node/plugins.py",
    "node/policy",
    "node/portal",
    "node/scenarios",
    "node/semantics",
    "node/settings",
    "node/texts",
    "node/web/management",
    "node/worker",
)
"""Rooms in which a steward, an operator or an analyst meets the errors."""

MODULES = [
    path
    for room in ROOMS
    for path in (sorted((ROOT / room).rglob("*.py")) if (ROOT / room).is_dir() else [ROOT / room])
]


def errors_without_remedy(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each error with a sentence and without a remedy. A bare ``NotFound`` says nothing, on
    purpose: it is the answer about hidden things."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in KINDS
            and node.args
            and not any(keyword.arg in ("remedy", None) for keyword in node.keywords)
        ):
            yield node.lineno, ast.unparse(node.args[0])[:80]


def test_errors_say_what_to_do() -> None:
    errors_of = {
        path.relative_to(ROOT).as_posix(): list(errors_without_remedy(path.read_text("utf-8"))) for path in MODULES
    }
    without = {path: errors for path, errors in errors_of.items() if errors}
    assert without == {}, "add remedy=: something to click or to paste"


def test_an_error_without_remedy_would_be_found() -> None:
    source = 'raise NotFound\nraise NotFound("no such run")\nraise TooLarge("too long", remedy="send less")'
    assert list(errors_without_remedy(source)) == [(2, "'no such run'")]
