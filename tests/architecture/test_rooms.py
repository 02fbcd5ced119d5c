"""The rooms keep to themselves: the import contracts hold, and each of them notices a fault planted in a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]


def lint(folder: Path, *contracts: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the tree in ``folder``."""
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", cache, *chosen],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_contracts_hold(tmp_path: Path) -> None:
    done = lint(ROOT, cache=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken" in done.stdout


def test_there_are_the_contracts_of_the_architecture() -> None:
    """A contract that was dropped would be missed by nobody else."""
    assert {one["id"] for one in CONTRACTS} == {
        "layers", "adapters", "planes", "doors", "nofed", "face", "federation", "pure", "rdf", "floor", "acyclic",
        "scenarios", "negotiation", "portal", "demo",
    }  # fmt: skip
    for one in CONTRACTS:
        assert one.get("type") != "layers" or one.get("exhaustive"), f"{one['id']}: a new room must be placed"


@dataclass(frozen=True)
class Fault:
    """One import too many: ``line`` in ``module`` breaks ``contract``."""

    contract: str
    module: str
    line: str


FAULTS = (
    Fault("layers", "node/policy/words.py", "from node.catalogue import model"),
    Fault("layers", "node/ledger/merkle.py", "import typing\nif typing.TYPE_CHECKING:\n    from node.web import dsp"),
    Fault("adapters", "node/adapters/sql/outbox.py", "from node.adapters.search import index"),
    Fault("doors", "node/web/feed.py", "from node.web import sparql"),
    Fault("scenarios", "node/scenarios/tables/rows.py", "from node.scenarios.runs import binding"),
    Fault("negotiation", "node/negotiation/messages.py", "from node.negotiation import usecases"),
    Fault("portal", "node/portal/description/cards.py", "from node.portal import responder"),
    Fault("layers", "node/dialogue/wire.py", "from node.negotiation import messages"),
    Fault("nofed", "node/plugins.py", "import federation.members"),
    Fault("face", "federation/members.py", "from node.catalogue import publish"),
    Fault("nofed", "node/cli/commands/upkeep.py", "import demo.demonstration"),
    Fault("demo", "demo/nodes.py", "from node.base import errors"),
    Fault("demo", "demo/steps.py", "from node.cli import main"),
    Fault("demo", "demo/demonstration.py", "import federation.members"),
    Fault("pure", "node/negotiation/model.py", "import sqlalchemy"),
    Fault("rdf", "node/policy/odrl.py", "import pyoxigraph"),
    Fault("floor", "node/base/ids.py", "import pydantic"),
    Fault("floor", "node/sdk/marks.py", "import pydantic"),
    Fault("layers", "node/sdk/marks.py", "from node.base import errors"),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, to plant faults in."""
    folder = tmp_path_factory.mktemp("rooms")
    for name in ("node", "federation", "demo"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.css"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.contract}: {fault.module}")
def test_a_planted_fault_is_noticed(copy: Path, fault: Fault) -> None:
    module = copy / fault.module
    original = module.read_text("utf-8")
    module.write_text(f"{original}\n{fault.line}\n", "utf-8")
    try:
        done = lint(copy, fault.contract, cache=copy / ".cache")
    finally:
        module.write_text(original, "utf-8")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "0 kept, 1 broken" in done.stdout


def test_a_room_without_a_place_is_noticed(copy: Path) -> None:
    """The attic cannot open unseen: a package that no layer names breaks the build."""
    attic = copy / "node" / "attic"
    attic.mkdir()
    (attic / "__init__.py").write_text('"""Things."""\n')
    try:
        done = lint(copy, "layers", cache=copy / ".cache")
    finally:
        shutil.rmtree(attic)
    assert done.returncode == 1
    assert "attic" in done.stdout
