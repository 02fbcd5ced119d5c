"""Handing work to the worker: a task goes into the outbox in the caller's transaction, and the worker is woken
once that transaction has committed. Waking is a courtesy; the worker also looks by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from node.base.ids import new_urn
from node.base.work import Outbox, Task, Transaction


class OutboxWriter:
    """Writes tasks into the outbox. ``wake`` may be called from any thread."""

    def __init__(self, outbox: Outbox, wake: Callable[[], None]) -> None:
        self._outbox = outbox
        self._wake = wake

    def deliver(
        self,
        tx: Transaction,
        *,
        topic: str,
        lane: str,
        subject: str,
        body: bytes,
        due: datetime,
        headers: Mapping[str, Any] | None = None,
        task_id: str | None = None,
    ) -> Task:
        """Put one task into the outbox and wake the worker after the commit."""
        task = Task(
            id=task_id or new_urn(),
            topic=topic,
            lane=lane,
            subject=subject,
            body=body,
            headers=dict(headers or {}),
            due=due,
        )
        self._outbox.put(tx, task)
        tx.after_commit(self._wake)
        return task

    def cancel(self, tx: Transaction, task_id: str) -> Task | None:
        """Take a task back; return it, or None if it is done or was taken back already."""
        return self._outbox.cancel(tx, task_id)


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """Status and body of a peer's answer, and its ``Retry-After`` (RFC 9110 §10.2.3) as received."""

    status: int
    body: bytes
    retry_after: str | None = None


LONGEST_WAIT: Final = 3600.0
"""Seconds for which we let others make us wait: up to an hour, not for a day."""


def wait_of(retry_after: str | None, now: datetime, *, most: float = LONGEST_WAIT, otherwise: float = 0.0) -> float:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3), as a number or as a date: at most
    ``most``, and ``otherwise`` if it is missing or unreadable."""
    text = (retry_after or "").strip()
    try:
        if text.isascii() and text.isdecimal():
            seconds = float(text[:12])
        else:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return otherwise
    return min(max(seconds, 0.0), most)
