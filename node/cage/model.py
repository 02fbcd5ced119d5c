"""Limits of one caged call, what its caller needs of the cage, and what a caller says who meets a limit."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from node.base.errors import HansaError, Overloaded

ORDER: Final = struct.Struct("=Bd")
"""A fork server's order for a call: the place of its target among the sorted names, and its seconds on the wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one child: address space in bytes, processor seconds, seconds on the wall, bytes of answer."""

    memory: int = 1 << 30
    cpu: int = 10
    wall: float = 5.0
    answer: int = 64 << 20


PARSE = Limits(cpu=6, wall=6.0)
QUERY = Limits(cpu=6, wall=5.0, answer=16 << 20)


OnMessage = Callable[[dict[str, Any]], None]
"""Called with each message of a running child. If it raises, the child is ended and the call raises its error."""

QUEUE: Final = "queue"
"""The limit, in the facts of an error, that a call met which found no place in the cage in time."""


class AsyncCage(Protocol):
    """The cage, for callers with an event loop; ``node.cage.cage.Cage`` says what the parameters are."""

    async def call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        readable: Sequence[str] = (),
        on_message: OnMessage | None = None,
        patience: float | None = None,
        owner: str | None = None,
        shared_by: str | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]: ...


class SyncCage(Protocol):
    """The cage, for callers without an event loop."""

    def call_sync(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        readable: Sequence[str] = (),
    ) -> tuple[dict[str, Any], list[bytes]]: ...


def has_full_queue(error: HansaError) -> bool:
    """Return whether the call was not tried, because others have the places of the cage: it may work in a moment."""
    return error.facts.get("limit") == QUEUE


@contextmanager
def remedy_against_limits(remedy: str) -> Iterator[None]:
    """Give ``remedy`` to an ``Overloaded`` of a call that met a limit: the cage does not know what it reads."""
    try:
        yield
    except Overloaded as error:
        if has_full_queue(error):
            raise
        raise Overloaded(error.detail, remedy=remedy, facts=error.facts) from error
