"""The outbox for its operators: waiting tasks, dead letters, and how to revive or give up a dead letter.

A message that could not be delivered is kept with the reason, and the process that waits for it goes on waiting. A
person tries it again once the peer is back, or gives it up for good: then the process ends as if the peer had refused
the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from node.base.clock import Clock
from node.base.errors import NotFound
from node.base.jsons import canonical
from node.base.turns import taken_in_turn
from node.base.work import Outbox, Task, Transaction, UnitOfWork
from node.dialogue.conversation import TOPIC as MESSAGE_TOPIC
from node.dialogue.process import Exchange
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation import machine as negotiating
from node.negotiation.usecases import Negotiations
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer.usecases import PUSH_TOPIC, RECEIVE_TOPIC, Transfers

CODE: Final = "not-delivered"
UNDELIVERED: Final = 504
"""The status in the time line if the peer never answered."""


class DeadLetters:
    """Reads waiting tasks and dead letters; revives dead letters or gives them up."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        outbox: Outbox,
        negotiations: Negotiations,
        transfers: Transfers,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` is called when the worker may have something to do."""
        self._uow = uow
        self._outbox = outbox
        self._negotiations = negotiations
        self._transfers = transfers
        self._clock = clock
        self._wake = wake

    def waiting(self) -> int:
        """Return how many tasks wait to be carried out."""
        with self._uow.read() as tx:
            return self._outbox.waiting(tx)

    def dead(self) -> Sequence[Task]:
        """Return the newest dead letters."""
        with self._uow.read() as tx:
            return self._outbox.dead(tx)

    def about(self, pid: str) -> Sequence[Task]:
        """Return the dead letters that this process waits for."""
        with self._uow.read() as tx:
            return self._outbox.dead(tx, subject=pid)

    @taken_in_turn
    def revive(self, task_id: str, by: Caller) -> None:
        """Try a dead letter again. Raises ``NotAllowed``, and ``NotFound`` if no dead letter has this id.

        If a transfer's message had a token, it gets a new one. Raises ``Conflict`` if that is impossible because the
        asset or the agreement is gone: then a person can only give the dead letter up.
        """
        require(by, UseCase.HANDLE_DELIVERIES)
        with self._uow.begin() as tx:
            task = self._dead_task(tx, task_id)
            body = None
            if task.headers.get("process") == transferring.TABLE.name:
                body = self._transfers.reissue(tx, task.subject, str(task.headers["message"]), task.body)
            self._outbox.revive(tx, task_id, due=self._clock.now(), body=body)
        self._wake()

    @taken_in_turn
    def give_up(self, task_id: str, by: Caller) -> None:
        """Never try a dead letter again, and end the process that waits for it.

        Raises ``NotAllowed``, and ``NotFound`` if no dead letter has this id.
        """
        require(by, UseCase.HANDLE_DELIVERIES)
        with self._uow.begin() as tx:
            task = self._dead_task(tx, task_id)
            self._outbox.cancel(tx, task_id)
            why = task.last_error or "the message could not be delivered"
            if task.topic == MESSAGE_TOPIC:
                self._refuse(tx, task, why)
            elif task.topic in (RECEIVE_TOPIC, PUSH_TOPIC):
                self._transfers.not_pushed(tx, task.subject, CODE, [why])
        self._wake()

    def _dead_task(self, tx: Transaction, task_id: str) -> Task:
        """Return the dead letter of this id, and lock the process that waits for it. Raises ``NotFound``."""
        task = self._find(tx, task_id)
        if task is not None:
            self._waiting_for(task).hold(tx, task.subject)
            task = self._find(tx, task_id)
        if task is None:
            raise NotFound(
                "there is no dead letter with this id",
                remedy="for all messages that could not be delivered, see hansa deliveries list",
            )
        return task

    def _find(self, tx: Transaction, task_id: str) -> Task | None:
        task = self._outbox.find(tx, task_id)
        return task if task is not None and task.dead else None

    def _refuse(self, tx: Transaction, task: Task, why: str) -> None:
        """Handle the task as if the peer had refused the message for good."""
        exchange = Exchange(
            pid=task.subject,
            at=self._clock.now(),
            outgoing=True,
            message=str(task.headers["message"]),
            message_id=task.id,
            body_sha256=task.sent_sha256,
            body=task.body,
            answer_status=UNDELIVERED,
            answer=canonical({"code": CODE, "reason": [why]}),
        )
        self._waiting_for(task).record_refusal(tx, task.subject, task.id, exchange, CODE, (why,))

    def _waiting_for(self, task: Task) -> Negotiations | Transfers:
        negotiates = task.headers.get("process") == negotiating.TABLE.name
        return self._negotiations if negotiates else self._transfers


def remains(task: Task) -> bytes:
    """Return the part of a dead letter that is kept: without the token of a data address, which is needed only when
    the message is sent again, and then with a new token (``DeadLetters.revive``)."""
    if task.headers.get("process") == transferring.TABLE.name:
        return transfer_messages.storable(task.body)
    return task.body
