"""Named places where a test may kill the process.

``crashpoint("contract negotiation.ContractAgreementMessage.S3")`` does nothing in production. Where the environment
variable ``HANSA_CRASHPOINT`` names the point (``name`` or ``name:N`` for the N-th passing), the process kills
itself with SIGKILL, which is what a power cut looks like to everyone else.

The points of a message go by the name of its table and its own name there. Its sender has S1 (before the commit of
the intent), S2 (after it, before the send), S3 (sent, the answer not read), S4 (read, before it is recorded) and S5
(after that); its receiver has R1 (before it is read), R2 (taken, before the commit), R3 (after it, before the answer)
and R4 (half of the answer is sent). Those of a reception are D1 to D7, those of a view P1 and P2, before and after
its position is written down. ``make sweep`` goes through all of them.
"""

from __future__ import annotations

import os
import signal

_setting = os.environ.get("HANSA_CRASHPOINT", "")
_name, _, _count = _setting.rpartition(":")
# A name may have colons of its own: only a number after the last one counts passings.
_point, _left = (_name, int(_count)) if _name and _count.isdigit() else (_setting, 1)


def crashpoint(name: str) -> None:
    """Die here if a test asked for it."""
    if due(name):
        die()


def due(name: str) -> bool:
    """Whether a test asked for the end at this passing of the point: for a place that has to prepare it. What the
    process says last is then the point's name: there are others who kill."""
    global _left  # noqa: PLW0603 - a per-process count of a per-process switch
    if not _point or name != _point:
        return False
    _left -= 1
    if _left <= 0:
        os.write(2, f"crash point {name}\n".encode())
    return _left <= 0


def die() -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
