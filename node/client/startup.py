"""Waits for a node of this machine that has just been started."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from node.base.lockfile import SERVING_LOCK
from node.client.locate import NodeAddress

BEGINNING: Final = 3.0
"""Seconds in which a process that has just been started takes the lock."""
LONGEST: Final = 60.0
"""Seconds from then until a node listens at the latest: it may be migrating a database."""
_PAUSE: Final = 0.1


def until_listening(address: NodeAddress, *, on_wait: Callable[[], None] = lambda: None) -> bool:
    """Wait until something listens at the address of a node of this machine; return whether it does.

    Returns at once for a node elsewhere: it was not started just now by an earlier command. ``on_wait`` is called
    once, if there is something to wait for.
    """
    if address.folder is None:
        return True
    began, waits = time.monotonic(), False
    while not _listens(address.url):
        duration = time.monotonic() - began
        if duration > (LONGEST if _is_run(address.folder) else BEGINNING):
            return False
        if not waits and duration > 2 * _PAUSE:
            waits = True
            on_wait()
        time.sleep(_PAUSE)
    return True


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=2):
            return True
    except ConnectionRefusedError:
        return False
    except (OSError, ValueError):
        # Waiting does not correct any other problem: the request itself reports it.
        return True


def _is_run(folder: Path) -> bool:
    """Return whether a process holds the lock, by the kernel's list: taking it as a test would keep the node out."""
    try:
        inode = (folder / SERVING_LOCK).stat().st_ino
        locks = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return False
    return any("FLOCK" in lock and f":{inode} " in lock for lock in locks)
