"""An opening message that arrives twice at once (DSP 2025-1 §8.2.2, §8.3.2, §9.2.2: it creates one process)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from node.base.errors import Conflict

P = ParamSpec("P")
T = TypeVar("T")


def opens_once(take: Callable[P, T]) -> Callable[P, T]:
    """Return ``take``, repeated once after a ``Conflict``. It opens a process for a peer's message in a transaction.

    In a database that lets two transactions write at once, both may find that the process does not exist; the later
    one then fails to add it. When repeated, it finds the process of the other transaction, and answers as to a
    repeated message. If the peer got the conflict instead, it might take the process for lost.
    """

    @wraps(take)
    def again(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return take(*arguments, **options)
        except Conflict:
            return take(*arguments, **options)

    return again
