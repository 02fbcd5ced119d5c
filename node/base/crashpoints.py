"""Named places where a test may kill the process.

``crashpoint("negotiation.agreement.after-commit")`` does nothing in production. Where the environment
variable ``HANSA_CRASHPOINT`` names the point (``name`` or ``name:N`` for the N-th passing), the process kills
itself with SIGKILL, which is what a power cut looks like to everyone else.
"""

from __future__ import annotations

import os
import signal

_given = os.environ.get("HANSA_CRASHPOINT", "")
_name, _, _count = _given.rpartition(":")
# A name may have colons of its own: only a number after the last one counts passings.
_wanted, _left = (_name, int(_count)) if _name and _count.isdigit() else (_given, 1)


def crashpoint(name: str) -> None:
    """Die here if a test asked for it."""
    global _left  # noqa: PLW0603 - a per-process count of a per-process switch
    if not _wanted or name != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
