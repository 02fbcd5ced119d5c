"""Files that were sent to be looked at, such as for the preview of a part, and never published: they are deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from node.base.clock import Clock
from node.base.work import UnitOfWork
from node.catalogue.ports import RecordStore
from node.catalogue.publication.erase import is_file_in_use
from node.exchange.ports import AssetStore

AGE: Final = timedelta(days=1)
"""The time that such a file stays after it was sent last."""


class ForgetTrialFiles:
    """Deletes trials that are a day old. It blocks."""

    def __init__(self, work: UnitOfWork, *, records: RecordStore, assets: AssetStore, clock: Clock) -> None:
        self._work = work
        self._records = records
        self._assets = assets
        self._clock = clock

    def __call__(self) -> int:
        """Delete them, and return how many. What a version uses is kept for good instead."""
        before = (self._clock.now() - AGE).timestamp()
        return sum(self._end(sha256, before) for sha256 in self._assets.trials(before))

    def _end(self, sha256: str, before: float) -> bool:
        with self._work.read() as tx:
            in_use = is_file_in_use(tx, self._records, sha256)
        if in_use:
            self._assets.retain(sha256)
            return False
        return self._assets.remove_trial(sha256, before)
