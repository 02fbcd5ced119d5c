"""Real servers of others for tests, by the kit of ``HANSA_SHARED``; a test is skipped where one cannot be had."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.artefacts import SHARED

KIT = SHARED / "kits" / "peers" / "peer"
UNAVAILABLE = 3
"""The exit status with which the kit says that something cannot be had here."""


@contextmanager
def live(kind: str) -> Iterator[dict[str, str]]:
    """Start a server of this kind on a free port, and give its addresses and credentials."""
    if not KIT.exists():
        pytest.skip(f"no kit of live peers at {KIT}: set HANSA_SHARED")
    name = f"{kind}.t{os.getpid()}"
    # Some servers use ports beside the one that is asked for, which another program may have: then others are tried.
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # Output to files of the kit's own: a server that is left with our pipe would keep us waiting.
        started = subprocess.run(
            [str(KIT), "up", name, str(port)], check=False, capture_output=True, text=True, timeout=600
        )
        if started.returncode in (0, UNAVAILABLE):
            break
        subprocess.run([str(KIT), "down", name], check=False, capture_output=True, timeout=60)
    if started.returncode == UNAVAILABLE:
        pytest.skip(f"{kind} cannot be had: {(started.stderr or started.stdout).strip()[-200:]}")
    assert started.returncode == 0, started.stderr[-2000:]
    try:
        shown = subprocess.run([str(KIT), "env", name], check=True, capture_output=True, text=True, timeout=30)
        yield dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    finally:
        subprocess.run([str(KIT), "down", name], check=False, capture_output=True, timeout=60)
