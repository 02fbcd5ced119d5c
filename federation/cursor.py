"""The position in a feed: for each chain the next entry and the last head, and the members put aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.api import Frontier, Head, InvalidInput, hash_text, moment, read_hash, stamp

KEPT = 50
"""The number of members put aside that are kept with their reasons, the newest first."""

NOTED = 20
"""The number of forks and announced restarts that are kept with a member; all of them stand in the ledger."""


@dataclass(frozen=True, slots=True)
class SeenHead:
    """A verified head, signed by its node; ``jws`` is the signed text."""

    jws: str
    epoch: int
    size: int
    root: bytes
    at: datetime

    @classmethod
    def of(cls, head: Head, jws: str) -> SeenHead:
        """Return the seen head of ``head``. Raises ``InvalidInput`` for a head without a root."""
        if head.root is None:
            raise InvalidInput("the head does not state a root")
        return cls(jws, head.epoch, head.size, head.root, head.at)

    def says_the_same(self, other: SeenHead | None) -> bool:
        """Return whether both heads state the same content and time; their signatures always differ."""
        return other is not None and (self.epoch, self.size, self.root, self.at) == (
            other.epoch,
            other.size,
            other.root,
            other.at,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "jws": self.jws,
            "epoch": self.epoch,
            "size": self.size,
            "root": hash_text(self.root),
            "at": stamp(self.at),
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> SeenHead:
        return cls(
            members["jws"], members["epoch"], members["size"], read_hash(members["root"]), moment(members["at"])
        )


@dataclass(slots=True)
class Chain:
    """A chain with heads that commit to its content.

    ``frontier`` stands for the members up to the cursor's position, ``head`` is the last head that was proven to
    continue those before it, ``proofs`` is the address where the node proves this. Heads that were signed up to
    ``since`` no longer count: a person accepted another history at that moment.
    """

    frontier: Frontier = field(default_factory=Frontier)
    head: SeenHead | None = None
    proofs: str = ""
    since: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "size": self.frontier.size,
            "peaks": [hash_text(peak) for peak in self.frontier.peaks],
            "proofs": self.proofs,
            **({"head": self.head.to_json()} if self.head else {}),
            **({"since": stamp(self.since)} if self.since else {}),
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Chain:
        return cls(
            frontier=Frontier(int(members["size"]), [read_hash(peak) for peak in members["peaks"]]),
            head=SeenHead.from_json(members["head"]) if "head" in members else None,
            proofs=str(members.get("proofs", "")),
            since=moment(members["since"]) if "since" in members else None,
        )


@dataclass(slots=True)
class Cursor:
    """The cursor of one followed node. ``quarantines`` counts all members that were ever put aside.

    A chain is in ``chains`` once its node has shown a head with a root. ``forks`` and ``restarts`` are notes for
    people, the newest first.
    """

    epoch: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    quarantines: int = 0
    put_aside: list[dict[str, str]] = field(default_factory=list)
    counts: tuple[int, int] | None = None
    """Versions and bytes of that node's records stored here; None: not counted yet."""
    chains: dict[str, Chain] = field(default_factory=dict)
    forks: list[dict[str, Any]] = field(default_factory=list)
    restarts: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Cursor:
        return cls(
            epoch=int(members.get("epoch", 0)),
            positions={str(audience): int(at) for audience, at in members.get("positions", {}).items()},
            quarantines=int(members.get("quarantined", 0)),
            put_aside=list(members.get("putAside", [])),
            counts=(int(members["held"][0]), int(members["held"][1])) if "held" in members else None,
            chains={str(audience): Chain.from_json(one) for audience, one in members.get("chains", {}).items()},
            forks=list(members.get("forks", [])),
            restarts=list(members.get("restarts", [])),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "positions": dict(self.positions),
            "quarantined": self.quarantines,
            "putAside": list(self.put_aside),
            **({"held": list(self.counts)} if self.counts is not None else {}),
            **({"chains": {name: chain.to_json() for name, chain in self.chains.items()}} if self.chains else {}),
            **({"forks": list(self.forks)} if self.forks else {}),
            **({"restarts": list(self.restarts)} if self.restarts else {}),
        }

    def position(self, audience: str) -> int:
        return self.positions.get(audience, 0)

    def advance(self, audience: str, position: int) -> None:
        """Move the cursor forward; it never moves back."""
        self.positions[audience] = max(position, self.position(audience))

    def grow(self, audience: str, frontier: Frontier) -> None:
        """Record how far a chain has been read, for a chain with heads that commit to its content."""
        self.chains[audience].frontier = frontier
        self.positions[audience] = frontier.size

    def begin(self, audience: str, *, head: SeenHead | None = None, since: datetime | None = None) -> Chain:
        """Read the chain again from its first member on; the history then has to continue ``head``."""
        chain = self.chains.get(audience) or Chain()
        self.chains[audience] = begun = Chain(head=head, proofs=chain.proofs, since=since or chain.since)
        self.positions[audience] = 0
        return begun

    def restart(self, epoch: int) -> Cursor:
        """Return the cursor at the beginning of a new epoch, for a node whose heads do not commit to content."""
        return Cursor(epoch=epoch, quarantines=self.quarantines, put_aside=list(self.put_aside), counts=self.counts)

    def quarantine(self, member: str, reason: str, at: datetime) -> None:
        """Record that ``member`` was put aside, with the reason."""
        self.quarantines += 1
        note = {"member": member[:500], "reason": reason[:500], "at": stamp(at)}
        self.put_aside = [note, *self.put_aside][:KEPT]

    def has_put_aside(self, member: str, reason: str) -> bool:
        """Return whether this is already recorded."""
        wanted = (member[:500], reason[:500])
        return any((note["member"], note["reason"]) == wanted for note in self.put_aside)

    def note_fork(self, fork: dict[str, Any]) -> None:
        self.forks = [fork, *self.forks][:NOTED]

    def restarts_since(self, moment_: datetime) -> int:
        """Return how many of the stored announced losses were noted after ``moment_``."""
        return sum(moment(note["found"]) > moment_ for note in self.restarts)

    def note_restart(self, restart: dict[str, Any]) -> None:
        self.restarts = [restart, *self.restarts][:NOTED]
