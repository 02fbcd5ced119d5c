"""Roles are demanded by use cases: no door, page or command demands one by the table of roles."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("node/web", "node/portal", "node/cli", "node/client", "node/bootstrap", "node/adapters", "demo")
DEMANDS = frozenset({"require", "ROLES"})


def demands(source: str) -> list[str]:
    """Where a module demands a role by itself: what it takes from the table beyond the question ``allowed``."""
    imports = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "node.identity.roles":
            imports += [f"{node.lineno}: {name.name}" for name in node.names if name.name in DEMANDS]
        elif isinstance(node, ast.ImportFrom) and node.module == "node.identity":
            imports += [f"{node.lineno}: {name.name}" for name in node.names if name.name == "roles"]
        elif isinstance(node, ast.Import):
            imports += [f"{node.lineno}: {name.name}" for name in node.names if name.name == "node.identity.roles"]
    return imports


def test_doors_leave_roles_to_use_cases() -> None:
    demanding = {
        path.relative_to(ROOT).as_posix(): lines
        for folder in DOORS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := demands(path.read_text("utf-8")))
    }
    assert demanding == {}, "let the use case call node.identity.roles.require with the caller"


@pytest.mark.parametrize(
    "source",
    [
        "from node.identity.roles import UseCase, require",
        "from node.identity.roles import ROLES",
        "from node.identity import roles",
        "import node.identity.roles",
    ],
)
def test_a_door_that_demands_a_role_would_be_found(source: str) -> None:
    assert demands(source)


def test_a_page_may_ask_what_to_show() -> None:
    assert demands("from node.identity.roles import UseCase, allowed") == []
