"""Outcomes of a task, and the handlers that return them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from node.base.work import Task, Transaction

Apply = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Done:
    """The task is finished; ``apply`` writes its consequences, in the transaction that removes the task. If the task
    is not ours any more (cancelled, or leased by another worker), ``late`` writes the facts that are worth keeping.

    ``hold`` locks the data that both change, before the task is touched: whoever takes a task back has locked these
    data first, and two workers that lock in opposite orders wait for each other.
    """

    apply: Apply | None = None
    late: Apply | None = None
    hold: Apply | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not yet: try later. ``after`` is the pause in place of the usual one; ``at_least`` is the time in seconds for
    which the peer asks us to wait; ``lane_down``: the peer as a whole does not answer. ``note`` writes the facts
    worth keeping about this attempt, even if another worker has the task by then."""

    error: str
    after: float | None = None
    lane_down: bool = False
    at_least: float = 0.0
    note: Apply | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Never:
    """It cannot succeed: it becomes a dead letter, with the reason, and a person can retry it."""

    error: str


Outcome = Done | Again | Never


class Handler(Protocol):
    """Carries out one task. Must be safe to run again with the same task."""

    def __call__(self, task: Task) -> Awaitable[Outcome]: ...


@runtime_checkable
class NotesBurial(Protocol):
    """A handler whose subjects say when their task has become a dead letter, however that came about."""

    def note_burial(self, tx: Transaction, task: Task, error: str) -> None:
        """Write the reason, in the transaction that makes it a dead letter."""
