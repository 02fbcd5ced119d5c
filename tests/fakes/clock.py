"""Clocks that are put on and back under nodes that run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class JumpingClock:
    """The machine's clock, set ahead or back by ``by``."""

    by: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by
