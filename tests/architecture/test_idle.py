"""What a node that merely waits has loaded: memory at rest is mostly imports, so each of them is here by name.

Measured at a node as ``hansa serve`` runs it: a process of its own, asked for nothing but whether it is ready.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from demo.cast import free_ports
from node.bootstrap.creation import create

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
    "aiohttp": "the one way out",
    "cryptography": "keys, signatures, sealing",
    "fastapi": "the management and catalogue doors",
    "pluggy": "plug-ins",
    "pydantic": "what comes in by those doors",
    "pydantic_settings": "the settings",
    "pyoxigraph": "the graph view",
    "pysqlite3": "the database",
    "sqlalchemy": "the database",
    "starlette": "the doors",
    "tantivy": "the search view",
    "typer": "the command line, by which it was started",
    "uvicorn": "the server",
    "uvloop": "the event loop",
    "yaml": "read by the settings' library where it is installed",
    "python_multipart": "looked for by starlette",
    "opentelemetry": "looked for by a library where it is installed; nothing is sent anywhere",
}
"""Third-party libraries of an idle node, and what for."""

THEIRS = {
    "aiohappyeyeballs", "aiosignal", "annotated_doc", "annotated_types", "anyio", "attr", "click", "cython_runtime",
    "dotenv", "frozenlist", "httptools", "idna", "markupsafe", "multidict", "propcache", "pydantic_core",
    "shellingham", "typing_extensions", "typing_inspection", "yarl",
}  # fmt: skip
"""What those bring along."""

COLD = (
    "alembic", "argon2", "authlib", "jinja2", "joserfc", "owlready2", "psycopg", "pyshacl", "rdflib", "rich",
    "shifty", "httpx2", "pytest", "demo", "node.adapters.sql.migrations.versions",
)  # fmt: skip
"""Loaded by children of the cage, or at first use, if at all."""


@dataclass(frozen=True)
class Idle:
    """A node at rest."""

    modules: frozenset[str]
    megabytes: float


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Idle:
    folder = tmp_path_factory.mktemp("idle") / "node"
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    create(folder, {"name": "Idle", "public_url": url, "port": port, "allow_loopback": True})
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
        process.communicate(timeout=30)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return Idle(frozenset(modules), megabytes)


def test_cold_libraries_stay_cold(idle: Idle) -> None:
    assert "node.bootstrap.build" in idle.modules, "it is a node that was looked at"
    assert [name for name in COLD if name in idle.modules] == []


def test_every_library_of_an_idle_node_is_here_for_a_reason(idle: Idle) -> None:
    top = {name.partition(".")[0] for name in idle.modules} - set(sys.stdlib_module_names)
    libraries = {name for name in top if not name.startswith("_") and name not in ("node", "federation")}
    assert libraries - set(MAY_LOAD) - THEIRS == set(), "a new library at rest: say in MAY_LOAD what for"


def test_an_idle_node_is_small(idle: Idle) -> None:
    """150 MB are promised, for the whole process tree, shared pages counted once."""
    assert idle.megabytes < 150, f"{idle.megabytes:.0f} MB"
