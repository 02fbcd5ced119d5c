"""What a node that merely waits has loaded, and what a command has: start and memory at rest are mostly imports, so
each of them is here by name.

Measured at a node as ``hansa serve`` runs it: a process of its own, asked for nothing but whether it is ready; and at
commands that are processes of their own too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer

from demo.nodes import free_ports
from node.bootstrap.application import application
from node.bootstrap.build import build
from node.cli.app import VERBS, app_for
from node.cli.creation import create
from node.settings import load

ROOT = Path(__file__).resolve().parents[2]

SERVE_AND_TELL = """
import json, os, signal, sys, threading, time, urllib.request

def watch():
    while True:
        try:
            if urllib.request.urlopen(sys.argv[2] + "/ready", timeout=2).status == 200:
                break
        except OSError:
            time.sleep(0.05)
    time.sleep(2)
    before = set(sys.modules) - known
    print(json.dumps(sorted(before)), flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=watch, daemon=True).start()
known = set()
from node.cli.main import run
sys.exit(run(["serve", sys.argv[1]]))
"""

MAY_LOAD = {
    "cryptography": "keys, signatures, sealing",
    "pluggy": "plug-ins",
    "pyoxigraph": "the graph view",
    "pysqlite3": "the database",
    "python_multipart": "starlette loads it where it is; pages read forms with files by it",
    "sqlalchemy": "the database",
    "starlette": "the doors",
    "tantivy": "the search view",
    "uvicorn": "the server",
    "uvloop": "the event loop",
}
"""Third-party libraries of an idle node, and what for."""

THEIRS = {
    "annotated_doc", "anyio", "click", "cython_runtime", "httptools", "idna", "markupsafe",
    "typing_extensions",
}  # fmt: skip
"""What those bring along."""

COLD = (
    "aiohttp", "alembic", "argon2", "authlib", "fastapi", "jinja2", "joserfc", "opentelemetry", "owlready2",
    "psycopg", "pydantic", "pyshacl", "rdflib", "rich", "shifty", "typer", "sqlalchemy.dialects.postgresql",
    "email.policy", "httpx2", "pytest", "smtplib", "sqlite3", "urllib.robotparser", "xml.sax", "yaml", "demo",
    "node.adapters.mail", "node.adapters.sql.migrations.versions", "node.bootstrap.api",
    "node.bootstrap.models", "node.bootstrap.scenarios", "node.portal.portal", "node.scenarios.models.jobs",
    "node.scenarios.runs.usecases", "node.web.management", "node.web.ogc",
)  # fmt: skip
"""Loaded by children of the cage, or at first use, if at all."""

RUN_AND_TELL = """
import json, sys
from node.cli.main import run

status = run(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""

COLD_CAGE = ("asyncio", "csv", "email", "importlib.metadata", "logging", "sqlalchemy", "zipfile")
"""Not loaded by the process that forks the children of the cage, until it is asked for a child."""

COLD_COMMANDS = (
    "aiohttp", "cryptography", "fastapi", "httpx2", "jinja2", "pyoxigraph", "rich", "sqlalchemy", "starlette",
    "tantivy", "uvicorn", "yaml", "node.adapters", "node.bootstrap", "node.client", "node.portal", "node.scenarios",
    "node.settings", "node.web",
)  # fmt: skip
"""Not loaded by a command that has nothing to do but explain itself."""


@dataclass(frozen=True)
class Idle:
    """A node at rest."""

    modules: frozenset[str]
    megabytes: float
    own_megabytes: float
    """Without the files that are mapped, which are shared with whoever maps them too."""


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Idle:
    folder = tmp_path_factory.mktemp("idle") / "node"
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    create(folder, {"name": "Idle", "public_url": url, "port": port, "allow_loopback": True})
    # The first start after an installation compiles the modules that it loads, and keeps the memory of that.
    _serve(folder, url)
    return _serve(folder, url)


def _serve(folder: Path, url: str) -> Idle:
    """Return what a node of this folder has loaded once it is ready, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE_AND_TELL, folder, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
    )
    assert process.stdout is not None
    try:
        modules = json.loads(process.stdout.readline())
        root = psutil.Process(process.pid)
        tree = (root, *root.children(recursive=True))
        megabytes = sum(one.memory_full_info().pss for one in tree) / 1e6
        own_megabytes = sum(_kilobytes_of(one.pid, "Pss_Anon") for one in tree) * 1024 / 1e6
        process.communicate(timeout=30)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return Idle(frozenset(modules), megabytes, own_megabytes)


def _kilobytes_of(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def test_cold_libraries_stay_cold(idle: Idle) -> None:
    assert "node.bootstrap.build" in idle.modules, "it is a node that was looked at"
    assert [name for name in COLD if name in idle.modules] == []


def test_every_library_of_an_idle_node_is_here_for_a_reason(idle: Idle) -> None:
    top = {name.partition(".")[0] for name in idle.modules} - set(sys.stdlib_module_names)
    libraries = {name for name in top if not name.startswith("_") and name not in ("node", "federation")}
    assert libraries - set(MAY_LOAD) - THEIRS == set(), "a new library at rest: say in MAY_LOAD what for"


def test_an_idle_node_is_small(idle: Idle) -> None:
    """The whole process tree; pages that other processes have too are counted in part, so a node that is alone on its
    machine takes some more (118 MB where this was 110)."""
    assert idle.megabytes < 125, f"{idle.megabytes:.0f} MB"


def test_what_an_idle_node_has_for_itself_is_small(idle: Idle) -> None:
    """The part that does not depend on who else runs: a tighter bound, so that growth is seen."""
    assert idle.own_megabytes < 98, f"{idle.own_megabytes:.0f} MB"


def test_the_fork_server_of_the_cage_is_small() -> None:
    command = "import json, sys, node.cage.fork_server; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = json.loads(ended.stdout)
    assert "node.cage.fork_server" in modules
    assert [name for name in COLD_CAGE if name in modules] == []


@pytest.mark.parametrize("words", [("--version",), ("find", "--help"), ("serve", "--help"), ("agreement", "--help")])
def test_a_command_loads_what_it_needs(words: tuple[str, ...]) -> None:
    modules = _modules_of(*words)
    assert [name for name in COLD_COMMANDS if name in modules] == []
    verbs = (
        VERBS if words[0] not in chain(*VERBS.values()) else [name for name, own in VERBS.items() if words[0] in own]
    )
    others = {f"node.cli.commands.{name}" for name in VERBS} - {f"node.cli.commands.{name}" for name in verbs}
    assert others & modules == set(), "the verb that was typed, and no other"


def test_each_verb_is_in_the_table_of_its_module() -> None:
    """Else it would be there with all verbs only, and not by itself."""
    for name, verbs in VERBS.items():
        group: Any = typer.main.get_command(app_for([verbs[0]]))
        assert tuple(group.commands) == verbs, name


def test_no_route_stands_in_both_applications(tmp_path: Path) -> None:
    """What participants' routes take never comes to the pages and APIs, made at the first request for them."""
    create(tmp_path / "node", {"name": "Routes", "public_url": "http://127.0.0.1:8080", "issuer": True})
    node = build(load(tmp_path / "node"))
    try:
        app: Any = application(node)
        while not hasattr(app, "router"):
            app = getattr(app, "_app", None) or app.app
        first = list(_routes(app.router.routes))
        second = list(_routes(app.router.default.deferred.value.app.router.routes))
    finally:
        for close in node.parts.closing:
            close()
    assert len(first) > 40
    assert len(second) > 200
    both = [
        (route.path, other.path)
        for route in first
        for other in second
        if route.path_regex.match(_filled(other.path)) or other.path_regex.match(_filled(route.path))
    ]
    assert both == []


def _routes(routes: Any) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)
        else:
            yield route


def _filled(path: str) -> str:
    return re.sub(r"{[^}]*}", "x", path)


def _modules_of(*words: str) -> set[str]:
    """What is loaded once the command has ended."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    command = [sys.executable, "-c", RUN_AND_TELL, *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=True)
    status, modules = json.loads(ended.stderr)
    assert status == 0
    assert ended.stdout
    return set(modules)
