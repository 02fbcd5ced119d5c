"""A bridge from a stream of a partner to a topic of a broker, its progress, and its store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.base.work import Transaction

BROKER: Final = "broker:"
"""The beginning of an address that names a broker and a topic: ``broker:NAME/TOPIC``."""
_LONGEST: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """The stream under ``agreement`` goes to ``topic`` of the data source ``source``.

    ``file`` names the stream if the agreement has several. ``key`` is the member of an observation whose value is the
    key of its message. ``start`` is the time from which observations are wanted; without it, those from ``at`` on.
    """

    id: str
    agreement: str
    file: str
    source: str
    topic: str
    key: str
    start: datetime | None
    by: str
    at: datetime

    @property
    def address(self) -> str:
        return f"{BROKER}{self.source}/{self.topic}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeProgress:
    """The progress of a bridge, as of ``seen``.

    ``place`` is after the last observation that the broker has. ``deliveries`` counts observations, ``refusals``
    those that the broker does not take, ``gaps`` how often some were missed. ``since`` is when it was connected,
    None if it is not now. ``ended`` is when it ended for good; then ``error`` and ``remedy`` say why, with ``code``
    and ``reasons``, else they are those of the last fault, and
    ``error_at`` is the time since when faults hinder it.
    """

    place: str = ""
    deliveries: int = 0
    refusals: int = 0
    gaps: int = 0
    since: datetime | None = None
    seen: datetime | None = None
    ended: datetime | None = None
    code: str = ""
    error: str = ""
    remedy: str = ""
    reasons: Sequence[Any] = ()
    error_at: datetime | None = None

    @property
    def state(self) -> str:
        """Return *ended*, *running*, *failing* or *starting*."""
        if self.ended is not None:
            return "ended"
        if self.since is not None:
            return "running"
        return "failing" if self.error else "starting"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeView:
    """A bridge with its progress."""

    bridge: Bridge
    progress: BridgeProgress

    def to_json(self) -> dict[str, Any]:
        """Return it for API and terminal."""
        bridge, progress = self.bridge, self.progress
        return {
            "id": bridge.id,
            "agreement": bridge.agreement,
            "file": bridge.file,
            "to": bridge.address,
            "key": bridge.key,
            "from": None if bridge.start is None else stamp(bridge.start),
            "by": bridge.by,
            "at": stamp(bridge.at),
            "state": progress.state,
            "sent": progress.deliveries,
            "refused": progress.refusals,
            "gaps": progress.gaps,
            "connectedSince": _stamp(progress.since),
            "seen": _stamp(progress.seen),
            "endedAt": _stamp(progress.ended),
            "code": progress.code,
            "error": progress.error,
            "remedy": progress.remedy,
            "reasons": list(progress.reasons),
            "errorAt": _stamp(progress.error_at),
        }


class BridgeStore(Protocol):
    """Bridges by id, with their progress, and who carries them.

    One process carries a bridge: its *owner*, until a time that it puts off.
    """

    def put(self, tx: Transaction, bridge: Bridge, progress: BridgeProgress) -> None:
        """Store it, without an owner; that of the same id is replaced."""

    def get(self, tx: Transaction, bridge_id: str, *, lock: bool = False) -> BridgeView | None: ...

    def all(self, tx: Transaction) -> Sequence[BridgeView]:
        """Return all, in the order of their ids."""

    def drop(self, tx: Transaction, bridge_id: str) -> None: ...

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BridgeView]:
        """Make ``owner`` the owner until ``until`` of the bridges that are not ended and its own, or nobody's at
        ``now``. Return those that it owns."""

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        """Give up what ``owner`` owns; without it, what anybody owns."""

    def note(self, tx: Transaction, bridge_id: str, progress: BridgeProgress, *, owner: str) -> bool:
        """Store the progress, if ``owner`` owns the bridge and it has not ended; return whether it was so."""


def identify(agreement: str, file: str, source: str, topic: str) -> str:
    """Return the id of the bridge of a stream to a topic: the same parts are the same one."""
    return hashlib.sha256("\n".join((agreement, file, source, topic)).encode()).hexdigest()[:16]


def read_destination(address: str) -> tuple[str, str]:
    """Return data source and topic of ``broker:NAME/TOPIC``. Raises ``InvalidInput``."""
    name, slash, topic = address.strip().removeprefix(BROKER).partition("/")
    if not address.strip().startswith(BROKER) or not name or not slash or not topic or len(address) > _LONGEST:
        raise InvalidInput(
            "the address names no broker and topic",
            remedy="such as broker:bus/city/counters: a data source, a topic",
        )
    return name, topic


def key_of(observation: Mapping[str, Any], member: str) -> str:
    """Return the key of the message of an observation; "" if it has no such member."""
    value = observation.get(member) if member else None
    return "" if value is None or isinstance(value, Mapping | list) else str(value)[:200]


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)
