"""An opening message that comes twice at once (DSP 2025-1 §8.2.2, §8.3.2, §9.2.2: it creates one process)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from node.base.errors import Conflict

P = ParamSpec("P")
T = TypeVar("T")


def opens_once(take: Callable[P, T]) -> Callable[P, T]:
    """``take`` opens a process for a message of the peer, in a transaction of its own.

    Where a database lets two transactions write at once, both may find that they do not know the process; then the
    later one comes too late to add it. Taken again, it finds what the other has made, and answers as a repeat.
    Refused by a conflict, the peer might take the process for lost.
    """

    @wraps(take)
    def again(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return take(*arguments, **options)
        except Conflict:
            return take(*arguments, **options)

    return again
