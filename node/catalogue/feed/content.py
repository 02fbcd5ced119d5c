"""The content of the feed's chains: their members in order, and what decides who may still see which of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.catalogue.feed.commitment import LeafTree
from node.catalogue.model import PUBLIC


@dataclass(slots=True)
class Chain:
    """The members of one audience, by position."""

    entries: list[str] = field(default_factory=list)
    """The ids of their ledger entries."""
    times: list[str] = field(default_factory=list)
    retractions: set[int] = field(default_factory=set)
    tree: LeafTree = field(default_factory=LeafTree)
    sizes: dict[int, int] = field(default_factory=dict)
    """Epoch → number of members that the chain had when the epoch began."""


@dataclass(slots=True)
class Asset:
    """The versions of one asset, over all chains."""

    version: int = 0
    audience: str = ""
    last: dict[str, int] = field(default_factory=dict)
    """Audience → the last version that is for it."""
    opening: int = 0
    """The last version that opened the earlier ones."""
    places: list[tuple[str, int, bool, int]] = field(default_factory=list)
    """(audience, position, withdrawn, version) of each version."""
    erasures: frozenset[int] = frozenset()
    """The versions whose content was erased. Nearly no asset has any, so all of them share the empty set."""

    def since(self, audience: str) -> int:
        """Return the first version of the unbroken run, up to the newest, that readers of this audience's chain may
        see; they also see public versions."""
        others = (last for name, last in self.last.items() if name not in (audience, PUBLIC) and last >= self.opening)
        return max(others, default=0) + 1


def _public_only() -> dict[str, Chain]:
    return {PUBLIC: Chain()}


@dataclass(slots=True)
class ChainContent:
    """All chains up to the ledger entry before ``position``, and the assets in them by IRI."""

    position: int = 0
    chains: dict[str, Chain] = field(default_factory=_public_only)
    assets: dict[str, Asset] = field(default_factory=dict)
