"""The ledger's entries about accesses, and the limit on entries about refusals."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import stamp

_REMEMBERED: Final = 10_000
_LONGEST_QUERY: Final = 4000


REFUSALS_LOGGED: Final = 20
REFUSALS_EVERY: Final = timedelta(minutes=1)
"""This many refusals of a grant have entries of their own; of those that follow, one entry a minute gives the
number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEvent:
    """The content of a ledger entry about an access: the first read of a grant, a refusal, or the complete delivery.

    ``outcome`` is ``started``, ``refused`` or ``delivered``; ``start`` and ``end`` delimit the bytes that were read.
    ``query`` is the Range header of a refused read as it was received, or what was asked of a data source or a table,
    and ``reasons`` why it was refused.
    ``portion`` is the part of the data that the agreement gives; empty for all.
    ``repeats`` is the number of earlier refusals of the same grant without an entry of their own. ``use`` is the
    number of this use, if the agreement limits its uses. ``conversion`` tells of what the file was made, if it was
    made for the consumer.
    """

    outcome: str
    transfer: str
    agreement: str
    dataset: str
    version: int
    recipient: str
    at: datetime
    sealed: bool
    start: int | None = None
    end: int | None = None
    query: str | None = None
    portion: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[dict[str, Any], ...] = ()
    repeats: int = 0
    use: int | None = None
    conversion: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the body of the ledger entry of kind ``access``."""
        members: dict[str, Any] = {
            "outcome": self.outcome,
            "transfer": self.transfer,
            "agreement": self.agreement,
            "dataset": self.dataset,
            "version": self.version,
            "recipient": self.recipient,
            "at": stamp(self.at),
            "sealed": self.sealed,
        }
        if self.start is not None:
            members["bytes"] = [self.start, self.end]
        if self.query:
            members["asked"] = self.query[:_LONGEST_QUERY]
        if self.portion:
            members["part"] = dict(self.portion)
        if self.conversion:
            kept = (name for name in ("to", "source", "steps") if name in self.conversion)
            members["conversion"] = {name: self.conversion[name] for name in kept}
        if self.reasons:
            members["reasons"] = list(self.reasons)
        if self.repeats:
            members["repeated"] = self.repeats
        if self.use is not None:
            members["use"] = self.use
        return members


@dataclass(slots=True)
class _GrantRefusals:
    """The refusals of one grant in the life of this process."""

    logged_at: datetime
    count: int = 0
    untold: int = 0


class Refusals:
    """Decides which refusals get an entry of their own in the ledger, in the life of this process."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _GrantRefusals] = OrderedDict()

    def untold(self, transfer: str, at: datetime) -> int | None:
        """Return how many refusals had no entry before this one, or None if this one gets no entry either.

        Each entry costs a write to the disk and stays for ever: a peer that asks again and again must not be able to
        fill the ledger.
        """
        refusals = self._known.pop(transfer, None) or _GrantRefusals(at)
        self._known[transfer] = refusals
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        refusals.count += 1
        if refusals.count > REFUSALS_LOGGED and at - refusals.logged_at < REFUSALS_EVERY:
            refusals.untold += 1
            return None
        untold, refusals.untold, refusals.logged_at = refusals.untold, 0, at
        return untold
