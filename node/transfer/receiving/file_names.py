"""The names of files that a reception keeps on this machine."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_UUID: Final = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def local_id(pid: str) -> str:
    """Return a name for our files: the UUID of our own process id, or a hash if the id has another form."""
    match = _UUID.fullmatch(pid)
    return match.group(1) if match else hashlib.sha256(pid.encode()).hexdigest()[:32]
