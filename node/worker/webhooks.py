"""Tasks that send an event to a webhook."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from node.base.clock import Clock
from node.base.delivery import wait_of
from node.base.errors import ForbiddenAddress, PeerUnreachable
from node.base.work import Task, Transaction
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receipt, Receivers, answer_of, concerns_event, is_gone
from node.operation.webhooks.dispatch import (
    Parcel,
    UnmadeParcel,
    WebhookDispatch,
    words_of_fault,
)
from node.worker.outcomes import Again, Done, Outcome
from node.worker.pace import Pace

PACE: Final = Pace(first_delay=1.0, longest_delay=3600.0)
"""The pauses between attempts at one event: from two seconds to an hour."""

log = logging.getLogger("hansa.webhooks")

NoteAttempt = Callable[[Transaction, Task, str], None]


class WebhookHandler:
    """``node.worker.loop.Handler``: sends the event of a delivery. The delivery records how it ended. If its task
    is given up elsewhere, it becomes a dead letter of its webhook too."""

    def __init__(self, dispatch: WebhookDispatch, receivers: Receivers, clock: Clock) -> None:
        self._dispatch = dispatch
        self._receivers = receivers
        self._clock = clock

    async def __call__(self, task: Task) -> Outcome:
        parcel = await off_loop(self._dispatch.parcel, task)
        if parcel is None:
            return Done()
        if isinstance(parcel, UnmadeParcel) and parcel.is_final:
            return self._end(task, parcel.reason, self._dispatch.note_erasure)
        if isinstance(parcel, UnmadeParcel):
            return self._failure(task, parcel, parcel.reason)
        try:
            receipt = await self._receivers.post(parcel.address, parcel.headers, parcel.body)
        except (PeerUnreachable, ForbiddenAddress) as error:
            return self._failure(task, parcel, error.detail, is_down=isinstance(error, PeerUnreachable))
        except Exception as error:
            log.exception("an event could not be sent", extra={"task": task.id})
            return self._failure(task, parcel, words_of_fault(error))
        answer = answer_of(receipt)
        if 200 <= receipt.status < 300:
            note = partial(self._dispatch.note_success, task=task, answer=answer)
            return Done(note, late=note, hold=self._hold(task))
        if is_gone(receipt.status):
            return self._end(task, answer, self._dispatch.pause)
        return self._failure(task, parcel, answer, receipt=receipt)

    def note_burial(self, tx: Transaction, task: Task, error: str) -> None:
        """Make the event of a task that was given up a dead letter of its webhook."""
        self._dispatch.note_burial(tx, task, error)

    def _failure(
        self,
        task: Task,
        parcel: Parcel | UnmadeParcel,
        answer: str,
        *,
        receipt: Receipt | None = None,
        is_down: bool = False,
    ) -> Outcome:
        if self._dispatch.is_exhausted(parcel.since):
            return self._end(task, answer, self._dispatch.give_up)
        pause = self._dispatch.pause_after(parcel.attempts)
        wait = wait_of(receipt.retry_after, self._clock.now()) if receipt is not None else 0.0
        is_aside = task.subject == task.headers["delivery"]
        if receipt is not None and concerns_event(receipt.status) and not is_aside:
            note = partial(self._dispatch.step_aside, task=task, answer=answer, pause=max(pause, wait))
            return Done(note, hold=self._hold(task))
        return Again(
            answer,
            after=pause,
            at_least=wait,
            lane_down=is_down,
            note=partial(self._dispatch.note_failure, task=task, answer=answer),
        )

    def _end(self, task: Task, answer: str, note: NoteAttempt) -> Outcome:
        return Done(lambda tx: note(tx, task, answer), hold=self._hold(task))

    def _hold(self, task: Task) -> Callable[[Transaction], None]:
        return partial(self._dispatch.hold, task=task)
