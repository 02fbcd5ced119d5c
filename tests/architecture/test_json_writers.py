"""One writer of canonical JSON (decision 0019): sorted members are written in named places, each for its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITERS = {
    "node/base/jsons.py": "the writer of canonical JSON",
    "node/dialogue/wire.py": "what strangers sent, fractions included: compared and counted, never signed",
    "node/evidence/parts.py": "files for people, indented",
    "node/policy/comparison.py": "a key of a memory",
    "node/scenarios/models/requests.py": "rows by the megabyte, written by the compiled encoder",
    "node/semantics/description/values.py": "an rdf:JSON literal, which keeps fractions as their author wrote them",
}


def sorts(source: str) -> list[int]:
    """The lines that have members of an object written in order."""
    return [
        node.value.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.keyword)
        and node.arg == "sort_keys"
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]


def test_sorted_json_is_written_in_named_places_only() -> None:
    sorting = {
        path.relative_to(ROOT).as_posix(): lines
        for folder in ("node", "federation", "demo")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := sorts(path.read_text("utf-8")))
    }
    assert sorting.keys() == WRITERS.keys(), "write what is hashed, signed or compared with node.base.jsons.canonical"
    assert [name for name, lines in sorting.items() if len(lines) > 1] == [], "one writer a module"


@pytest.mark.parametrize(
    "source",
    ["json.dumps(value, sort_keys=True)", "json.JSONEncoder(sort_keys=1)", "dumps(value, indent=2, sort_keys=order)"],
)
def test_a_second_writer_would_be_found(source: str) -> None:
    assert sorts(source)


def test_what_keeps_the_order_is_none() -> None:
    assert sorts("yaml.safe_dump(facts, sort_keys=False)") == []
