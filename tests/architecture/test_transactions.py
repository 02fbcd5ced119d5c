"""Laws that no import tells: who commits, who reads the clock, how modules are called and how long they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from node.settings import Settings
from node.settings.fields import fields_of

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400


def modules() -> list[Path]:
    return sorted(path for room in ("node", "federation", "demo") for path in (ROOT / room).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path, method: str) -> Iterator[int]:
    """The lines on which ``….method(`` is called."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node.lineno


def callers_of(method: str) -> set[str]:
    return {name_of(path) for path in modules() if any(calls(path, method))}


# One request or one task is one transaction, and only its edge, the unit of work, ends it. -----------------------

MAY_COMMIT = {
    "node/adapters/sql/engine.py": "pragmas of a connection that has just been opened",
    "node/adapters/sql/shared_commit.py": "the unit of work's own, where writers to an SQLite file share a commit",
    "node/adapters/sql/sessions.py": "the unit of work's own, on PostgreSQL",
    "node/adapters/search/index.py": "a batch of the search engine, which is no database of ours",
    "demo/proofs.py": "the demonstration tampers with a copy, as an attacker would",
}


def test_nobody_commits_but_the_unit_of_work() -> None:
    assert callers_of("commit") == set(MAY_COMMIT)


def test_nobody_rolls_back_but_the_unit_of_work() -> None:
    of_units_of_work = {f"node/adapters/sql/{name}.py" for name in ("shared_commit", "readers", "sessions")}
    assert callers_of("rollback") <= of_units_of_work


def test_transactions_are_begun_through_the_unit_of_work() -> None:
    """``engine.begin()`` and ``engine.connect()`` stay in the rooms that own engines."""
    owners = ("node/adapters/sql/", "node/bootstrap/", "node/cli/")
    guilty = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        if not name_of(path).startswith(owners)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("begin", "connect")
        and isinstance(node.func.value, ast.Name)
        and "engine" in node.func.value.id
    ]
    assert guilty == []


IN_TURN = (
    "node/negotiation/usecases.py",
    "node/negotiation/decisions.py",
    "node/transfer/deletion/confirm.py",
    "node/transfer/deletion/receive.py",
    "node/transfer/usecases.py",
    "node/worker/dead_letters.py",
)


@pytest.mark.parametrize("module", IN_TURN)
def test_what_changes_a_process_is_done_again_where_the_database_ends_it(module: str) -> None:
    """Peers and people meet there, and PostgreSQL ends one of two that do: nobody has to ask a second time."""
    begins = [
        function
        for function in ast.walk(tree(ROOT / module))
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Attribute) and node.attr == "begin" for node in ast.walk(function))
    ]
    decorated = {function.name: [ast.unparse(one) for one in function.decorator_list] for function in begins}
    assert any("taken_in_turn" in names for names in decorated.values())
    left_out = {name for name, names in decorated.items() if "taken_in_turn" not in names}
    assert left_out <= {"_receive"}, "which is called by one that is"


def test_no_network_call_within_a_transaction() -> None:
    """``await`` inside ``with ….begin() as tx`` or ``….read() as tx`` would hold the database for a stranger."""
    guilty = []
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.With | ast.AsyncWith) and any(_opens_transaction(item) for item in node.items):
                guilty += [
                    f"{name_of(path)}:{inner.lineno}" for inner in ast.walk(node) if isinstance(inner, ast.Await)
                ]
    assert guilty == []


def _opens_transaction(item: ast.withitem) -> bool:
    call = item.context_expr
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("begin", "read")
        and isinstance(item.optional_vars, ast.Name)
        and item.optional_vars.id == "tx"
    )


# Time comes from the clock that was handed in, so that a test can hold it. ---------------------------------------

MAY_ASK_THE_TIME = {
    "node/base/clock.py": "the clock",
    "node/base/ids.py": "ids that sort by when they were made; nothing is decided by that time",
    "node/cli/archive.py": "the name of a backup file, chosen at a terminal",
    "demo/counters.py": "the counters of the demonstration have clocks of their own, as real ones have",
    "demo/steps.py": "the demonstration asks as a person would: as of just now",
    "node/adapters/planes/files.py": "the age of abandoned uploads, which the file system dates",
}


def test_nobody_asks_the_time_but_the_clock() -> None:
    guilty = set()
    for path in modules():
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            said = ast.unparse(node.func)
            if re.search(r"(datetime|date)\.(now|utcnow|today)$|^time\.(time|time_ns|localtime|gmtime|ctime)$", said):
                guilty.add(name_of(path))
    assert guilty == set(MAY_ASK_THE_TIME)


# A module has one reason to change, and a name that says which. ----------------------------------------------------

LONG: dict[str, str] = {
    "node/adapters/sql/migrations/versions/v0001_first.py": "a migration, frozen when it was released",
}
"""Modules longer than ``LONGEST`` lines, and why that is easier to read than two."""


def test_modules_are_short() -> None:
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    too_long = {name: count for name, count in lines.items() if count > LONGEST and name not in LONG}
    assert too_long == {}, "split by reason to change, or say in LONG why not"
    assert max(lines.values()) <= 500
    needless = [name for name in LONG if lines.get(name, 0) <= LONGEST - 50]
    assert needless == [], "these exceptions are not needed any more"


def test_no_module_is_an_attic() -> None:
    attics = {"utils", "util", "helpers", "helper", "common", "manager", "shared", "misc", "lib", "core", "tools"}
    assert [name_of(path) for path in modules() if path.stem in attics or path.parent.name in attics] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(path) for path in modules() if path.read_text("utf-8").strip() and not ast.get_docstring(tree(path))
    ]
    assert [name for name in silent if "/migrations/" not in name] == []


def test_nothing_is_put_off() -> None:
    marks = re.compile(r"\b(TODO|FIXME|HACK)\b|raise NotImplementedError")
    assert [name_of(path) for path in modules() if marks.search(path.read_text("utf-8"))] == []


@cache
def settings_read() -> frozenset[str]:
    """The settings that some module reads from an object called settings, or within the settings themselves."""
    settings = ROOT / "node" / "settings" / "model.py"
    return frozenset(
        node.attr
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in fields_of(Settings)
        and isinstance(node.ctx, ast.Load)
        and (path != settings or (isinstance(node.value, ast.Name) and node.value.id == "self"))
        and re.search(r"\b(settings|self)$|^(settings|loaded)$", ast.unparse(node.value))
    )


@pytest.mark.parametrize("name", [name for name in fields_of(Settings) if name != "folder"])
def test_every_setting_is_read_by_somebody(name: str) -> None:
    """A setting that nothing obeys is worse than none: whoever sets it believes in it."""
    assert name in settings_read(), f"nothing reads settings.{name}"
