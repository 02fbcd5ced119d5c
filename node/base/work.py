"""Durable work: transactions and the outbox, as ports.

One request or one task is one transaction; only the edge commits. An outgoing message is written into the outbox in
the same transaction as the state that it follows from, and a worker sends it later, as often as needed, with the same
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

SENT: Final = "sha256"
"""The header of a dead letter with the SHA-256 of the sent bytes, if its body is less than those."""


class Transaction(Protocol):
    """An open transaction, opaque to subject rooms: only stores of the same adapter look into it."""

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` once the transaction has committed; never when it rolled back."""


class UnitOfWork(Protocol):
    """Opens transactions. Returning commits, raising rolls back; nothing else does either."""

    @property
    def reads_at_once(self) -> bool:
        """Return whether ``read`` would begin now without waiting, neither for a server nor for a connection."""

    def begin(self, *, synced: bool = True) -> AbstractContextManager[Transaction]:
        """Return a transaction that may write. Its commit is on the disk.

        With ``synced`` False, the commit may reach the disk later, but before any later commit: a power cut takes
        both or only the later one.
        """

    def read(self) -> AbstractContextManager[Transaction]:
        """Return a transaction that only reads one consistent state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task for later: a message to a peer, a file to fetch, a credential to deliver.

    ``topic`` chooses the handler; ``body`` are the final bytes and are the same at every attempt; ``lane`` separates
    order and back-off (one lane a peer); tasks of one lane and one ``subject`` run in order.
    """

    id: str
    topic: str
    lane: str
    subject: str
    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)
    due: datetime
    attempts: int = 0
    fence: int = 0
    last_error: str | None = None
    dead: bool = False

    @property
    def sent_sha256(self) -> str:
        """Return the SHA-256 of the bytes that are sent, or that were sent before the task was given up."""
        buried = self.headers.get(SENT) if self.dead else None
        return str(buried or hashlib.sha256(self.body).hexdigest())


class Outbox(Protocol):
    """The queue of tasks. Leases carry a fence: a worker that lost its lease cannot finish the task."""

    def put(self, tx: Transaction, task: Task) -> None:
        """Add a task in the caller's transaction. A task id that is known already is left alone."""

    def lease(
        self,
        tx: Transaction,
        *,
        owner: str,
        now: datetime,
        until: datetime,
        limit: int,
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
        takes: Callable[[Task], bool] = lambda task: True,
    ) -> Sequence[Task]:
        """Take due tasks with a lease that is free or over; at most one for each (lane, subject), the longest due
        first. Takes nothing of a blocked lane or topic, and of the ``limit`` first tasks only those for which
        ``takes`` returns true: it is asked once about each of them, in this order."""

    def due(
        self,
        tx: Transaction,
        *,
        now: datetime,
        limit: int,
        busy: Collection[str],
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
    ) -> Sequence[Task]:
        """As ``lease``, without writing anything: for the only worker of an embedded store, which knows itself which
        tasks it is carrying out (``busy``, task ids). Such a worker never leases."""

    def renew(self, tx: Transaction, task: Task, *, until: datetime) -> bool:
        """Extend the lease of a long task; return False if it was lost."""

    def set_right(self, tx: Transaction, *, now: datetime, latest: datetime, until: datetime) -> int:
        """Correct the times after the clock was set back; return how many tasks were changed.

        A task that is due after ``latest`` becomes due ``now``. A lease that would last beyond ``until`` ends then,
        so that its holder, if it is alive, can renew it.
        """

    def release(self, tx: Transaction) -> int:
        """Free every lease. Only for a start at which no other worker can exist (embedded store)."""

    def finish(self, tx: Transaction, task: Task) -> bool:
        """Remove a finished task; return False if the lease (``task.fence``) was lost meanwhile."""

    def retry(self, tx: Transaction, task: Task, *, due: datetime, error: str) -> bool:
        """Give the task back for later, with the reason; return False if the lease was lost."""

    def bury(self, tx: Transaction, task: Task, *, error: str) -> bool:
        """Give up on the task: keep it as a dead letter with its reason, and the body and headers of ``task``.

        The body may be less than what was sent; the headers then name the sent bytes by ``SENT``.
        """

    def find(self, tx: Transaction, task_id: str) -> Task | None:
        """Return a task by its id, dead or not; None if there is none."""

    def revive(self, tx: Transaction, task_id: str, *, due: datetime, body: bytes | None = None) -> bool:
        """Put a dead letter back into the queue, with another ``body`` if given; return False if there is none."""

    def cancel(self, tx: Transaction, task_id: str) -> Task | None:
        """Remove a task that is no longer wanted, leased or not. Return it; None if there was none."""

    def dead(self, tx: Transaction, limit: int = 100, *, subject: str | None = None) -> Sequence[Task]:
        """Return the dead letters, newest first; only those about one ``subject`` if it is given."""

    def dead_count(self, tx: Transaction) -> int:
        """Return how many dead letters there are."""

    def waiting(self, tx: Transaction) -> int:
        """Return how many tasks are not done and not dead."""

    def live(self, tx: Transaction, limit: int) -> Sequence[str]:
        """Return the ids of tasks that are not done and not dead, at most ``limit``, in no particular order."""

    def next_due(self, tx: Transaction) -> datetime | None:
        """Return when the earliest live task is due."""
