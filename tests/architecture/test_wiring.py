"""``bootstrap`` puts a node together and does nothing else: everything with a behaviour has a room of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOOTSTRAP = ROOT / "node" / "bootstrap"

LONGEST = 80
"""Lines of a function: longer ones put together what has more than one reason to change."""
MOST_PARAMETERS = 11
"""``build`` takes ten parts that may be replaced, beside the settings."""
MOST_FIELDS = 12
"""Fields of a class: with more, its constructor takes what has more than one reason to change."""

CONTROL = (
    *(ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Raise, ast.With, ast.AsyncWith, ast.Match),
    *(ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal, ast.Delete, ast.AugAssign),
)
"""What construction never needs: it makes things in order, and leaves to them what happens to them."""


def behaviour(source: str) -> list[str]:
    """What in a module is more than construction: each with its line, and why."""
    module = ast.parse(source)
    within = {inner: outer for outer in ast.walk(module) for inner in ast.iter_child_nodes(outer)}
    faults = []
    for node in ast.walk(module):
        line = getattr(node, "lineno", 0)
        if isinstance(node, CONTROL):
            faults.append((line, f"{type(node).__name__.lower()} is not construction"))
        elif isinstance(node, ast.If) and not _chooses_a_part(node):
            faults.append((line, "a branch that does not just return another part"))
        elif isinstance(node, ast.ClassDef):
            faults += _of_class(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            faults += _of_function(node, within[node])
    return [f"{line}: {why}" for line, why in sorted(faults)]


def _of_class(node: ast.ClassDef) -> list[tuple[int, str]]:
    if not any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        return [(node.lineno, f"class {node.name} is no dataclass: it has a behaviour of its own")]
    if (fields := sum(isinstance(each, ast.AnnAssign) for each in node.body)) > MOST_FIELDS:
        return [(node.lineno, f"class {node.name} has {fields} fields")]
    return []


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, outer: ast.AST) -> list[tuple[int, str]]:
    faults = []
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    arguments = node.args
    parameters = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    if length > LONGEST:
        faults.append((node.lineno, f"{node.name} has {length} lines"))
    if parameters > MOST_PARAMETERS:
        faults.append((node.lineno, f"{node.name} has {parameters} parameters"))
    if isinstance(outer, ast.ClassDef) and len(_statements(node)) > 1:
        faults.append((node.lineno, f"the method {node.name} does more than name a part or pass a call on"))
    elif not isinstance(outer, ast.ClassDef | ast.Module):
        faults.append((node.lineno, f"{node.name} within a function: a lambda passes a call on, a room does more"))
    elif isinstance(node, ast.AsyncFunctionDef) and not isinstance(outer, ast.ClassDef):
        faults.append((node.lineno, f"{node.name} is asynchronous: construction waits for nothing"))
    return faults


def _statements(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return [each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]


def _chooses_a_part(node: ast.If) -> bool:
    """``if TYPE_CHECKING:`` at the top, or ``if …: return part``."""
    if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    return not node.orelse and len(node.body) == 1 and isinstance(node.body[0], ast.Return)


@pytest.mark.parametrize("path", sorted(BOOTSTRAP.glob("*.py")), ids=lambda path: path.stem)
def test_bootstrap_only_constructs(path: Path) -> None:
    assert behaviour(path.read_text("utf-8")) == [], "give it a room"


def test_the_use_cases_of_pages_are_grouped_too() -> None:
    classes = ast.parse((ROOT / "node" / "portal" / "usecases.py").read_text("utf-8")).body
    assert [fault for node in classes if isinstance(node, ast.ClassDef) for fault in _of_class(node)] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    raise Conflict('no')",
        "def f(xs):\n    for x in xs:\n        x.close()",
        "def f(x):\n    if x.state == 'STARTED':\n        x.end()",
        "def f(tx):\n    with uow.read() as tx:\n        return tx",
        "class Letters:\n    pass",
        "def f():\n    def inner():\n        return 1\n    return inner",
        "async def f():\n    return 1",
        "@dataclass\nclass A:\n    def f(self):\n        x = 1\n        return x",
        "def f():\n" + "    x = 1\n" * LONGEST,
        "def f(a, b, c, d, e, f, g, h, i, j, k, l): ...",
        "@dataclass\nclass A:\n" + "".join(f"    f{number}: int\n" for number in range(MOST_FIELDS + 1)),
    ],
)
def test_behaviour_would_be_found(source: str) -> None:
    assert behaviour(source)


def test_construction_is_admitted() -> None:
    source = (
        "@dataclass(frozen=True)\nclass Parts:\n    a: int\n\n"
        "    @property\n    def b(self) -> int:\n        return self.a\n\n"
        "def build(settings):\n    if settings.bare:\n        return None\n"
        "    return Parts(a=1 if settings.issuer else 2, b=lambda did: find(did))\n"
    )
    assert behaviour(source) == []
