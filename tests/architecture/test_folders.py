"""A folder shows at a look what is in it: few modules beside one another, and none of them imports in a circle."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST = 25
"""How many modules may stand beside one another in a folder; folders in it are not counted."""

Imports = Mapping[str, Set[str]]


def folders(root: Path) -> Iterator[Path]:
    """Every package below ``root``, and ``root`` itself."""
    yield from (found.parent for found in sorted(root.rglob("__init__.py")))


def crowded(root: Path) -> dict[str, int]:
    """The folders below ``root`` with more than ``MOST`` modules beside one another, and how many these are."""
    sizes = {
        folder: sum(1 for module in folder.glob("*.py") if module.name != "__init__.py") for folder in folders(root)
    }
    return {str(folder.relative_to(root.parent)): size for folder, size in sizes.items() if size > MOST}


def imports(root: Path) -> dict[str, set[str]]:
    """Which modules of ``root`` each of its modules imports anywhere in its text, also inside functions.

    A package that only passes names on stands for itself: ``node.cli`` is a module here, as ``node.cli.main`` is.
    """
    files = {_dotted(path, root): path for path in root.rglob("*.py")}
    arrows: dict[str, set[str]] = {}
    for name, path in files.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    named.add(whole if whole in files else node.module)
        arrows[name] = {one for one in named if one in files and one != name}
    return arrows


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(known: Imports) -> list[str]:
    """For each package, the circles among what stands beside one another in it, the package's own ``__init__``
    counted as one of them."""
    lines = []
    for package in sorted({name.rpartition(".")[0] for name in known} - {""}):
        arrows: dict[str, set[str]] = defaultdict(set)
        for name, named in known.items():
            for other in named:
                here, there = _child(name, package), _child(other, package)
                if here and there and here != there:
                    arrows[here].add(there)
        lines += [f"{package}: {' -> '.join(circle)}" for circle in _circles(arrows)]
    return lines


def _child(name: str, package: str) -> str | None:
    if name == package:
        return "__init__"
    return name[len(package) + 1 :].split(".", maxsplit=1)[0] if name.startswith(f"{package}.") else None


def _circles(arrows: Mapping[str, Set[str]]) -> Iterator[list[str]]:
    done: set[str] = set()

    def walk(here: str, way: list[str]) -> Iterator[list[str]]:
        if here in way:
            yield [*way[way.index(here) :], here]
        elif here not in done:
            for there in sorted(arrows.get(here, ())):
                yield from walk(there, [*way, here])
            done.add(here)

    for start in sorted(arrows):
        yield from walk(start, [])


@pytest.mark.parametrize("room", ["node", "federation", "demo", "tests"])
def test_no_folder_is_crowded(room: str) -> None:
    assert crowded(ROOT / room) == {}


@pytest.mark.parametrize("room", ["node", "federation", "demo"])
def test_no_circle_among_siblings(room: str) -> None:
    assert circles(imports(ROOT / room)) == []


def test_a_crowd_is_noticed(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    for name in ("__init__", *(f"m{number}" for number in range(MOST + 1))):
        (room / f"{name}.py").touch()
    assert crowded(room) == {"room": MOST + 1}
    (room / "m0.py").unlink()
    assert crowded(room) == {}


def test_a_circle_is_noticed(tmp_path: Path) -> None:
    """Also one that runs through the face of a package, from within a function, or between two folders."""
    room = tmp_path / "room"
    (room / "deep").mkdir(parents=True)
    (room / "deep" / "__init__.py").touch()
    (room / "__init__.py").write_text("def run():\n    from room.command import go\n")
    (room / "command.py").write_text("from room import run\n")
    (room / "deep" / "ground.py").write_text("import room.roof\n")
    (room / "roof.py").write_text("from room.deep import ground\n")
    assert circles(imports(room)) == ["room: __init__ -> command -> __init__", "room: deep -> roof -> deep"]
