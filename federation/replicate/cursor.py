"""How far a feed has been read: for each chain the next position, and what had to be put aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.api import stamp

KEPT = 50
"""How many of the members that were put aside are kept with their reasons, the newest first."""


@dataclass(slots=True)
class Cursor:
    """The cursor of one followed node. ``quarantined`` counts all members that were ever put aside."""

    epoch: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    put_aside: list[dict[str, str]] = field(default_factory=list)
    held: tuple[int, int] | None = None
    """Versions and bytes of that node's records which are here; None: not counted yet."""

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Cursor:
        return cls(
            epoch=int(members.get("epoch", 0)),
            positions={str(audience): int(at) for audience, at in members.get("positions", {}).items()},
            quarantined=int(members.get("quarantined", 0)),
            put_aside=list(members.get("putAside", [])),
            held=(int(members["held"][0]), int(members["held"][1])) if "held" in members else None,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "positions": dict(self.positions),
            "quarantined": self.quarantined,
            "putAside": list(self.put_aside),
            **({"held": list(self.held)} if self.held is not None else {}),
        }

    def position(self, audience: str) -> int:
        return self.positions.get(audience, 0)

    def advance(self, audience: str, position: int) -> None:
        """Never back: what has been read has been read."""
        self.positions[audience] = max(position, self.position(audience))

    def restarted(self, epoch: int) -> Cursor:
        """The cursor at the beginning of a new epoch."""
        return Cursor(epoch=epoch, quarantined=self.quarantined, put_aside=list(self.put_aside), held=self.held)

    def quarantine(self, member: str, reason: str, at: datetime) -> None:
        """Note that ``member`` was put aside, and why."""
        self.quarantined += 1
        note = {"member": member[:500], "reason": reason[:500], "at": stamp(at)}
        self.put_aside = [note, *self.put_aside][:KEPT]
