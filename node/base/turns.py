"""Repeats a whole transaction that the database ended because of a concurrent one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar

from node.base.errors import Contended

P = ParamSpec("P")
T = TypeVar("T")

TRIES: Final = 6


def in_turn(call: Callable[[], T]) -> T:
    """Return the result of ``call``, repeated after a short pause if it raises ``Contended`` (PostgreSQL:
    serialization failure or deadlock), at most ``TRIES`` times.

    ``call`` is one whole transaction and has no effects outside it. Other errors pass through.
    """
    for attempt in range(1, TRIES):
        try:
            return call()
        except Contended:
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - spreading, not secrecy
    return call()


def taken_in_turn(transaction: Callable[P, T]) -> Callable[P, T]:
    """Decorate ``transaction``, a function that is one whole transaction, so that every call runs by ``in_turn``."""

    @wraps(transaction)
    def turn(*arguments: P.args, **options: P.kwargs) -> T:
        return in_turn(partial(transaction, *arguments, **options))

    return turn
