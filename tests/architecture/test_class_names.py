"""One name, one thing: a room has no two classes of one name, and words of the field name one class."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ONE_MEANING = frozenset({"Append", "Change", "Journal", "Kind", "Note", "Process", "Standing"})
"""Words that have meant several things here. ``Process`` is a negotiation or a transfer; what OGC API Processes
calls so is served by ``OgcProcesses``. ``Append`` is the port of the ledger."""


def named(source: str) -> list[str]:
    """The public classes and aliases of types that a module defines."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names


def classes(source: str) -> list[str]:
    """The public classes that a module defines."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def twice_in_a_room(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """``Room.Name`` → the modules of the room that define a class of this name, where there are several."""
    defining: dict[str, list[str]] = defaultdict(list)
    for path, source in sources.items():
        for name in classes(source):
            defining[f"{'/'.join(path.split('/')[:2])}: {name}"].append(path)
    return {name: paths for name, paths in defining.items() if len(paths) > 1}


def with_two_meanings(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """The words of ``ONE_MEANING`` that several modules define."""
    defining: dict[str, list[str]] = defaultdict(list)
    for path, source in sources.items():
        for name in named(source):
            if name in ONE_MEANING:
                defining[name].append(path)
    return {name: paths for name, paths in defining.items() if len(paths) > 1}


@pytest.fixture(scope="module")
def house() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted((ROOT / "node").rglob("*.py"))
    }


def test_a_room_has_no_two_classes_of_one_name(house: dict[str, str]) -> None:
    assert twice_in_a_room(house) == {}, "name each by what it is"


def test_words_of_the_field_mean_one_thing(house: dict[str, str]) -> None:
    assert with_two_meanings(house) == {}, "name the second by its own noun"


def test_a_second_class_would_be_found() -> None:
    two = {"node/web/a.py": "class Reader: ...", "node/web/ogc/b.py": "class Reader(Protocol): ..."}
    assert twice_in_a_room(two) == {"node/web: Reader": list(two)}
    assert twice_in_a_room({"node/web/a.py": "class Reader: ...", "node/portal/b.py": "class Reader: ..."}) == {}


@pytest.mark.parametrize("second", ["class Kind(StrEnum): ...", "Kind = Callable[[str], str]"])
def test_a_second_meaning_would_be_found(second: str) -> None:
    assert with_two_meanings({"node/sdk/marks.py": "class Kind: ...", "node/web/x.py": second}).keys() == {"Kind"}
