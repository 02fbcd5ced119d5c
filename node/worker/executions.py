"""Tasks of durable executions (runs and jobs), which continue after a crash or a failure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from node.base.errors import Conflict, LocalFault, Overloaded, PeerUnreachable
from node.base.lazy import Lazy
from node.base.work import Task
from node.worker.outcomes import Again, Done, Outcome

if TYPE_CHECKING:
    from node.scenarios.execution import DurableExecution

log = logging.getLogger("hansa.executions")

MOST_ATTEMPTS: Final = 20
"""Attempts for an execution that fails because of this node itself."""


def after_attempts(attempts: int) -> bool:
    """Return whether an execution was tried ``MOST_ATTEMPTS`` times."""
    return attempts >= MOST_ATTEMPTS


class ExecutionHandler:
    """``node.worker.loop.Handler``: completes the execution that a task names. Gives it up in the end, with a reason
    that its owner can read. ``is_exhausted`` returns whether a peer that does not answer is given up after so many
    attempts."""

    def __init__(
        self, execution: Lazy[DurableExecution[Any]], *, is_exhausted: Callable[[int], bool] = after_attempts
    ) -> None:
        self._execution = execution
        self._is_exhausted = is_exhausted

    async def __call__(self, task: Task) -> Outcome:
        """Return the outcome of the task. Raises unexpected errors, for the worker to log, until the attempts are
        used up."""
        execution = await self._execution.get()
        try:
            await execution.complete(task.subject)
        except PeerUnreachable as error:
            if not self._is_exhausted(task.attempts):
                return Again(error.detail)
            await execution.give_up(task.subject, error)
        except (Overloaded, Conflict, LocalFault) as error:
            if not after_attempts(task.attempts):
                return Again(error.detail)
            await execution.give_up(task.subject, error)
        except Exception as error:
            if not after_attempts(task.attempts):
                raise
            log.exception("an execution was given up", extra={"task": task.id, "topic": task.topic})
            reason = f"the node could not do this because of an internal error ({type(error).__name__})"
            await execution.give_up(task.subject, LocalFault(reason))
        return Done()
