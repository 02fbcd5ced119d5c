"""Values and classes are named by nouns, in code, tests and templates: the words below say nothing of a value.

In code, a local variable may have such a name for three lines; a class and a name in a template may not have one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[2]

EMPTY_NAMES = frozenset(
    {"one", "found", "said", "told", "wanted", "given", "held", "made", "kept", "taken", "spoken", "carried", "acted"}
)
"""Words that were names of everything. A local variable may have one of them for ``LONGEST_LIFE`` lines."""
LONGEST_LIFE = 3
FOLDERS = ("node", "federation", "demo", "tests", "scripts")
TERMS = re.compile("NotFound")
"""Words of the field that have such a word in them."""

STILL_NAMED_SO = {
    "node/adapters/sql/statements.py": {"Rows.one"},  # SQLAlchemy's name
    "node/transfer/deletion/model.py": {"Deletion.told"},  # stored under this name
}
"""Places that keep such a name, by module. None may be added; who renames one takes it out."""

NOUNS = frozenset(
    {"feed", "ring", "bargaining", "binding", "mapping", "naming", "opening", "rendering", "spelling", "wiring"}
    | {"wording", "writing"}
)
"""Modules may have such names: nouns of the dictionary that end as participles do."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def breaches(source: str) -> list[tuple[int, str]]:
    """Return the lines of a module that give such a name to something that lasts, with the qualified name."""
    module = ast.parse(source)
    if not any(_is_suspect(node) for node in ast.walk(module)):
        return []  # so with most modules: the look at scopes costs ten times the look at names
    within = {inner: outer for outer in ast.walk(module) for inner in ast.iter_child_nodes(outer)}
    lasting = {
        (line, ".".join([*_path(node, within), name]))
        for node in ast.walk(module)
        for line, name in _lasting_names(node, within)
        if name.strip("_") in EMPTY_NAMES or (isinstance(node, ast.ClassDef) and _says_nothing(name))
    }
    return sorted(lasting | {item for node in ast.walk(module) for item in _long_lives(node, within)})


def _is_suspect(node: ast.AST) -> bool:
    """Whether ``node`` has a name that would say nothing if it lasted."""
    if isinstance(node, ast.ClassDef) and _says_nothing(node.name):
        return True
    name = next((getattr(node, field) for field in ("name", "id", "attr", "arg") if hasattr(node, field)), None)
    return isinstance(name, str) and name.strip("_") in EMPTY_NAMES


def _says_nothing(class_name: str) -> bool:
    """Whether one of the words of ``class_name`` is such a name: ``Told``, ``WantedInput``."""
    return any(word.lower() in EMPTY_NAMES for word in re.findall(r"[A-Z][a-z0-9]*", TERMS.sub("", class_name)))


def is_participle(module: str) -> bool:
    """Whether a module is named by an action or a state and not by what it holds: ``keeping``, ``restated``."""
    last = module.rpartition("_")[2]
    return last in EMPTY_NAMES or (last.endswith(("ing", "ed")) and last not in NOUNS)


def template_breaches(source: str) -> list[tuple[int, str]]:
    """Return the lines of a template that use such a name for a value: its own, a macro's, or one of the page's."""
    return sorted(
        {
            (node.lineno, node.name)
            for node in Environment(autoescape=True).parse(source).find_all((nodes.Name, nodes.Macro))
            if node.name in EMPTY_NAMES
        }
    )


def _lasting_names(node: ast.AST, within: dict[ast.AST, ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield names that others use: of functions, classes, parameters, attributes and values of a module."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.lineno, node.name
    elif isinstance(node, ast.arg) and not isinstance(within[within[node]], ast.Lambda):
        yield node.lineno, node.arg
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.lineno, node.attr
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and _outlives_a_call(node, within):
        yield node.lineno, node.id


def _outlives_a_call(name: ast.Name, within: dict[ast.AST, ast.AST]) -> bool:
    return isinstance(_scope(name, within), ast.Module | ast.ClassDef)


def _long_lives(node: ast.AST, within: dict[ast.AST, ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the local variables of a function, lambda or comprehension that live longer than three lines."""
    if not isinstance(node, (*COMPREHENSIONS, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    lines: dict[str, list[int]] = {}
    for inner in ast.walk(node):
        name = _name(inner)
        if name in EMPTY_NAMES and _binder(inner, name, within) is node:
            lines.setdefault(name, []).append(inner.lineno)  # type: ignore[attr-defined]
    for name, uses in lines.items():
        for start, end in _lives(node, name, sorted(uses)):
            if end - start >= LONGEST_LIFE:
                yield (
                    start,
                    ".".join(part for part in (*_path(node, within), getattr(node, "name", ""), name) if part),
                )


def _lives(scope: ast.AST, name: str, uses: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last line of each life: each loop over the name begins a new one."""
    loops = [
        (inner.lineno, inner.end_lineno or inner.lineno)
        for inner in ast.walk(scope)
        if isinstance(inner, ast.For | ast.AsyncFor)
        and any(_name(target) == name for target in ast.walk(inner.target))
    ]
    for first, last in loops:
        inside = [line for line in uses if first <= line <= last]
        if inside:
            yield inside[0], inside[-1]
    outside = [line for line in uses if not any(first <= line <= last for first, last in loops)]
    if outside:
        yield outside[0], outside[-1]


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.name if isinstance(node, ast.MatchAs | ast.MatchStar) else None


def _scope(node: ast.AST, within: dict[ast.AST, ast.AST]) -> ast.AST:
    """Return the function, class, comprehension or module that binds ``node``, a name that is stored."""
    while node in within:
        outer = within[node]
        if isinstance(outer, ast.comprehension) and node is outer.target:
            return within[outer]
        node = outer
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            return node
    return node


def _binder(node: ast.AST, name: str, within: dict[ast.AST, ast.AST]) -> ast.AST:
    """Return the scope in which ``name`` is bound, seen from ``node``."""
    inner = node
    while inner in within:
        inner = within[inner]
        if isinstance(inner, COMPREHENSIONS):
            if any(_name(part) == name for each in inner.generators for part in ast.walk(each.target)):
                return inner
        elif isinstance(inner, ast.Lambda | Function):
            arguments = [part.arg for part in ast.walk(inner.args) if isinstance(part, ast.arg)]
            if name in arguments or (isinstance(inner, Function) and _stores(inner, name, within)):
                return inner
    return inner


def _stores(function: ast.AST, name: str, within: dict[ast.AST, ast.AST]) -> bool:
    return any(
        _name(part) == name
        and not isinstance(getattr(part, "ctx", None), ast.Load)
        and _scope(part, within) is function
        for part in ast.walk(function)
    )


def _path(node: ast.AST, within: dict[ast.AST, ast.AST]) -> list[str]:
    names: list[str] = []
    while node in within:
        node = within[node]
        if isinstance(node, Function | ast.ClassDef):
            names.insert(0, node.name)
    return names


def sources(root: Path) -> dict[str, Path]:
    """Return all Python of the house by its path: the product, tests, and scripts, which have no suffix."""
    modules = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    scripts = [path for path in (root / "scripts").iterdir() if path.is_file() and _is_python(path)]
    return {path.relative_to(root).as_posix(): path for path in sorted(modules + scripts)}


def _is_python(script: Path) -> bool:
    with script.open("rb") as file:
        first = file.readline()
    return first.startswith(b"#!") and b"python" in first


def empty_names(root: Path) -> dict[str, set[str]]:
    """Return the names that say nothing, by the path of their file below ``root``."""
    return {
        path: names
        for path, file in sources(root).items()
        if (names := {name for _, name in breaches(file.read_text("utf-8"))})
    }


def test_names_say_what_a_value_is() -> None:
    assert empty_names(ROOT) == STILL_NAMED_SO, "name values by nouns and actions by verbs (CONTRIBUTING, Names)"


def test_names_are_read_in_the_product_in_tests_and_in_scripts(tmp_path: Path) -> None:
    planted = {f"{folder}/room/planted.py": {"found"} for folder in FOLDERS} | {"scripts/planted": {"found"}}
    for path in planted:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/usr/bin/env python3\nfound = 1\n", "utf-8")
    (tmp_path / "scripts" / "shell").write_text("#!/usr/bin/env bash\nfound=1\n", "utf-8")
    assert empty_names(tmp_path) == planted
    assert {"tests/nodes.py", "tests/architecture/test_names.py", "scripts/supply"} <= sources(ROOT).keys()


def test_modules_are_named_by_what_they_hold() -> None:
    modules = [
        path.relative_to(ROOT).as_posix()
        for folder in ("node", "federation", "demo", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        # Databases know migrations by name; a module of tests has the name of its subject.
        if "migrations" not in path.parts and not path.name.startswith("test_")
    ]
    assert len(modules) > 500
    assert [path for path in modules if is_participle(path.rpartition("/")[2].removesuffix(".py"))] == []


@pytest.mark.parametrize("module", ["keeping", "held", "restated", "run_watching"])
def test_a_planted_module_is_seen(module: str) -> None:
    assert is_participle(module)


@pytest.mark.parametrize("module", ["feed", "wording", "column_mapping", "agreements_in_force", "shared_commit"])
def test_nouns_are_no_participles(module: str) -> None:
    assert not is_participle(module)


def test_names_in_templates_say_what_a_value_is() -> None:
    templates = sorted((ROOT / "node" / "portal" / "templates").glob("*.html"))
    assert len(templates) > 25
    empty = {path.name: found for path in templates if (found := template_breaches(path.read_text("utf-8")))}
    assert empty == {}, "name values in templates by nouns (CONTRIBUTING, Names)"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{% for one in runs %}{{ one.state }}{% endfor %}", ["one"]),
        ("{% set said = v.worded(trouble) %}", ["said"]),
        ("{% macro hit(found) %}{% endmacro %}", ["found"]),
        ("{% macro told(run) %}{% endmacro %}", ["told"]),
        ("{{ held.title }}", ["held"]),
        ("{% if wanted %}{% endif %}", ["wanted"]),
    ],
)
def test_a_planted_name_in_a_template_is_seen(source: str, names: list[str]) -> None:
    assert sorted({name for _, name in template_breaches(source)}) == names


def test_words_and_members_in_a_template_are_no_names() -> None:
    assert template_breaches('<p>one</p>{{ v.t("problem.one") }}{{ deletion.told }}') == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("class Told: ...", ["Told"]),
        ("class WantedInput: ...", ["WantedInput"]),
        ("class _OneSeal: ...", ["_OneSeal"]),
        ("class Foundation: ...", []),
        ("class NotFound: ...", []),
        ("def told() -> None: ...", ["told"]),
        ("def read(wanted: str) -> str: ...", ["read.wanted"]),
        ("class Cursor:\n    held: int = 0", ["Cursor.held"]),
        ("class Cursor:\n    def read(self) -> None:\n        self._taken = 1", ["Cursor.read._taken"]),
        ("found = 1", ["found"]),
        ("def read():\n    found = 1\n\n    print()\n    return found", ["read.found"]),
        ("def read(rows):\n    for one in rows:\n        print()\n        print()\n        print(one)", ["read.one"]),
        ("rows = [\n    one\n\n\n    for one in range(3)\n]", ["one"]),
        ("def read():\n    def found():\n        return 1", ["read.found"]),
        (
            "def read(part):\n    match part:\n        case int() as given:\n\n\n            return given",
            ["read.given"],
        ),
    ],
)
def test_a_planted_name_is_seen(source: str, names: list[str]) -> None:
    assert [name for _, name in breaches(source)] == names


@pytest.mark.parametrize(
    "source",
    [
        "def read():\n    found = 1\n    return found",
        "rows = [one for one in range(3)]",
        "def read(rows):\n    for one in rows:\n        print(one)\n    print()\n    for one in rows:\n        ...",
        "def read(rows):\n    rows.sort(key=lambda one: one.at)",
    ],
)
def test_a_short_life_is_allowed(source: str) -> None:
    assert breaches(source) == []
