"""Wake worker, ledger and observers after a commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.base.changes import Changes
from node.ledger.model import Entry


@dataclass(kw_only=True)
class CommitHooks:
    """Wakes worker and ledger, if they are set, and all observers of the subject of an entry."""

    changes: Changes = field(default_factory=Changes)
    worker: Callable[[], None] | None = None
    ledger: Callable[[Entry], None] | None = None

    def wake_worker(self) -> None:
        """Wake the worker: there may be something to send."""
        if self.worker is not None:
            self.worker()

    def wake_ledger(self, entry: Entry) -> None:
        """Wake the ledger: ``entry`` was committed and is to be followed."""
        if self.ledger is not None:
            self.ledger(entry)
        self.changes.tell(entry.subject, entry)
