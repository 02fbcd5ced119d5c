"""What ``.ci/run`` makes of its steps' ends, tried with steps that do nothing but end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLOSING = "7 passed, 1 skipped in 3.21s"
MAKE = f"""#!/bin/sh
[ "$1" != test ] || echo "{CLOSING}" > "$LOG"
[ "$1" != "$BROKEN" ]
"""
MISSING = "make tck: the conformance kit needs a JDK"


NO_PEER = "make interop: EDC needs a JDK (17 or newer) and Maven; not found: java"


def run(
    home: Path, *, kit: str = "", peer: str = "", sweep: str = "", broken: str = ""
) -> subprocess.CompletedProcess[str]:
    scripts = {"scripts/tck": kit, "scripts/interop": peer, "scripts/sweep": sweep}
    programs = {**{path: f"#!/bin/sh\n{text}\n" for path, text in scripts.items()}, "bin/make": MAKE}
    for path, text in programs.items():
        program = home / path
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    shutil.copytree(ROOT / ".ci", home / ".ci")
    environment = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "BROKEN": broken}
    return subprocess.run(
        [home / ".ci" / "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )


def test_where_the_kit_cannot_be_had_the_rest_counts(tmp_path: Path) -> None:
    ran = run(tmp_path, kit=f"echo '{MISSING}' >&2; exit 3")
    assert ran.returncode == 0, ran.stdout
    assert f"{MISSING}\n== scripts/tck: left out" in ran.stdout
    assert "everything held" in ran.stdout
    assert ran.stdout.splitlines()[-1] == CLOSING


def test_where_the_peer_cannot_be_had_the_rest_counts(tmp_path: Path) -> None:
    ran = run(tmp_path, peer=f"echo '{NO_PEER}' >&2; exit 3")
    assert ran.returncode == 0, ran.stdout
    assert f"{NO_PEER}\n== scripts/interop --version 2025-1: left out" in ran.stdout
    assert "== scripts/tck: done" in ran.stdout
    assert ran.stdout.splitlines()[-1] == CLOSING


def test_where_postgresql_cannot_be_had_its_sweep_is_left_out(tmp_path: Path) -> None:
    ran = run(tmp_path, sweep="echo 'PostgreSQL cannot be had: no network' >&2; exit 3")
    assert ran.returncode == 0, ran.stdout
    left_out = "== scripts/sweep --store postgres --only Agreement: left out"
    assert f"PostgreSQL cannot be had: no network\n{left_out}" in ran.stdout
    assert "== make sweep: done" in ran.stdout


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"kit": "exit 1"}, "scripts/tck"),
        ({"peer": "exit 1"}, "scripts/interop --version 2025-1"),
        ({"sweep": "exit 1"}, "scripts/sweep --store postgres --only Agreement"),
        ({"broken": "demo"}, "make demo"),
    ],
    ids=["the kit", "the peer", "the sweep", "the demonstration"],
)
def test_a_step_that_fails_is_named_and_the_others_run(tmp_path: Path, broken: dict[str, str], named: str) -> None:
    ran = run(tmp_path, **broken)
    assert ran.returncode == 1
    assert f"failed:\n  {named}\n" in ran.stdout
    assert "make simulate STEPS=20000: done" in ran.stdout
    assert ran.stdout.splitlines()[-1] == CLOSING


def test_all_is_well_with_the_kit(tmp_path: Path) -> None:
    ran = run(tmp_path, kit="echo 'sqlite, run 1: 65 passed, 0 failed (60 s)'")
    assert ran.returncode == 0
    assert "== scripts/tck: done" in ran.stdout
    assert ran.stdout.splitlines()[-1] == CLOSING
