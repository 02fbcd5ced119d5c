"""Named places where a test may kill the process.

``crashpoint("contract negotiation.ContractAgreementMessage.S3")`` does nothing in production. If the environment
variable ``HANSA_CRASHPOINT`` names the point (``name`` or ``name:N`` for the N-th passing), the process kills itself
with SIGKILL, which looks like a power cut to everyone else.

The points of a message are named by its table and its own name. Its sender has S1 (before the commit of the intent),
S2 (after it, before the send), S3 (sent, the answer not read), S4 (read, before it is recorded) and S5 (after that);
its receiver has R1 (before it is read), R2 (read, before the commit), R3 (after it, before the answer) and R4 (half
of the answer is sent). Those of a reception are D1 to D7, those of a view P1 and P2, before and after its position is
written. ``make sweep`` runs through all of them.
"""

from __future__ import annotations

import os
import signal

_setting = os.environ.get("HANSA_CRASHPOINT", "")
_name, _, _count = _setting.rpartition(":")
# A name may have colons of its own: only a number after the last one counts passings.
_point, _remaining = (_name, int(_count)) if _name and _count.isdigit() else (_setting, 1)


def crashpoint(name: str) -> None:
    """Die here if a test asked for it."""
    if due(name):
        die()


def due(name: str) -> bool:
    """Return whether a test asked for the end at this passing of the point; for places that have to prepare it.

    The last output of the process is then the name of the point, since others can kill it too.
    """
    global _remaining  # noqa: PLW0603 - a per-process count of a per-process switch
    if not _point or name != _point:
        return False
    _remaining -= 1
    if _remaining <= 0:
        os.write(2, f"crash point {name}\n".encode())
    return _remaining <= 0


def die() -> None:
    """End the process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
