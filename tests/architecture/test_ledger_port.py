"""One name and one port for writing to the ledger: ``node.ledger.ports.Append``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PORT = "node/ledger/ports.py"
WRITER = "node/ledger/usecases.py"
ENTRY = "EntryKind"
"""Whoever takes a kind of entry beside a transaction writes to the ledger."""


def ways_to_write(source: str) -> list[str]:
    """The classes, aliases and functions of ``source`` that are a way to write to the ledger."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds = [ast.unparse(each.annotation) for each in node.args.args if each.annotation is not None]
            if "Transaction" in kinds and ENTRY in kinds:
                names.append(node.name)
        if isinstance(node, ast.Assign) and (text := ast.unparse(node.value)).startswith("Callable["):
            names += [ast.unparse(node.targets[0])] if "Transaction" in text and ENTRY in text else []
    return names


def test_the_ledger_is_written_to_through_one_port() -> None:
    elsewhere = {
        name: ways
        for folder in ("node", "federation")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()) not in (PORT, WRITER)
        and (ways := ways_to_write(path.read_text("utf-8")))
    }
    assert elsewhere == {}, "take node.ledger.ports.Append"


@pytest.mark.parametrize(
    "source",
    [
        "class Note(Protocol):\n    def __call__(self, tx: Transaction, kind: EntryKind) -> object: ...",
        "Note = Callable[[Transaction, EntryKind, str], None]",
    ],
)
def test_a_second_port_would_be_found(source: str) -> None:
    assert ways_to_write(source)
