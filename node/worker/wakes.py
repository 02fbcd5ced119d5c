"""Who is woken when something was committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.base.changes import Changes


@dataclass(kw_only=True)
class Wakes:
    """Wakes worker and ledger, once there are any, and whoever watches for changes."""

    changes: Changes = field(default_factory=Changes)
    worker: Callable[[], None] | None = None
    ledger: Callable[[], None] | None = None

    def wake_worker(self) -> None:
        """There may be something to send."""
        if self.worker is not None:
            self.worker()
        self.changes.tell()

    def wake_ledger(self) -> None:
        """There is something to follow."""
        if self.ledger is not None:
            self.ledger()
        self.changes.tell()
