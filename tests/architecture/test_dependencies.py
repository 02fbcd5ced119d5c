"""What is depended on is imported, and what is imported is depended on."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = {"node", "federation", "demo"}

BY_NAME = {
    "httptools": "node.web.connections extends the protocol of uvicorn that needs it",
}
"""Dependencies that no module imports, and who loads them."""


TOOLS = {
    "import-linter": "make lint",
    "mypy": "make lint",
    "pytest-xdist": "scripts/test, for several processes",
    "ruff": "make lint",
    "types-psutil": "mypy",
    "types-pyyaml": "mypy",
}
"""Dependencies of those who develop that nothing imports, and who uses them."""


def declared() -> set[str]:
    """The names of the direct dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return names_of(project["dependencies"])


def optional() -> set[str]:
    """The names of what a user may install besides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {name for requirements in project["optional-dependencies"].values() for name in names_of(requirements)}


def developing() -> set[str]:
    """The names of what tests and checks need besides."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    return names_of(groups["dev"])


def names_of(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=;~ ]", one)[0]) for one in requirements}


@cache
def imported(*roots: str) -> Mapping[str, str]:
    """The distributions whose modules are imported below ``roots``, each with a place where that is."""
    of = packages_distributions()
    modules: dict[str, str] = {}
    for path in (one for root in roots or OWN for one in (ROOT / root).rglob("*.py")):
        for part in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in part.names] if isinstance(part, ast.Import) else []
            if isinstance(part, ast.ImportFrom) and part.level == 0 and part.module:
                names = [part.module]
            for name in (one.partition(".")[0] for one in names):
                if name not in OWN and name not in sys.stdlib_module_names:
                    for distribution in of.get(name, [name]):
                        modules.setdefault(normal(distribution), str(path.relative_to(ROOT)))
    return modules


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def test_every_dependency_is_imported() -> None:
    unused = (declared() | optional()) - imported().keys() - BY_NAME.keys()
    assert unused == set(), "remove it from pyproject.toml, or say in BY_NAME who loads it"


def test_every_import_is_a_dependency() -> None:
    """What comes along with another package may go with its next version."""
    missing = {name: place for name, place in imported().items() if name not in declared() | optional()}
    assert missing == {}, "name it in pyproject.toml"


def test_the_exceptions_are_needed() -> None:
    assert BY_NAME.keys() <= declared() - imported().keys()


def test_every_tool_for_developing_is_used() -> None:
    unused = developing() - imported("tests", "scripts").keys()
    assert unused == TOOLS.keys(), "remove it from pyproject.toml, or say in TOOLS who uses it"
