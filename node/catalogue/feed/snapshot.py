"""The text of a snapshot of the feed's chains: JSON lines, so that neither side holds the whole text in memory.

The first line contains the ``SnapshotKey``: a snapshot holds for one ledger prefix only, which the root of its Merkle
tree determines. The last line states the number of lines: a text that was cut off is not read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from sys import intern
from typing import Any, Final, Protocol

from node.catalogue.feed.content import Asset, Chain, ChainContent

FORMAT = 1
"""Raised with every change of the text: a snapshot of another format is not read."""

_MANY = 1_000


class Snapshots(Protocol):
    """Stores the content of the chains between two starts. A lost snapshot costs time, never content."""

    def newest(self) -> ChainContent | None:
        """Return the stored content; None where none is stored that agrees with the ledger."""

    def store(self, content: ChainContent) -> None:
        """Store ``content`` in place of what was stored before."""


@dataclass(frozen=True, slots=True)
class SnapshotKey:
    """The publisher, its epoch, and the first ``position`` entries of its ledger: a snapshot holds for these only."""

    me: str
    epoch: int
    position: int
    root: str
    format: int = FORMAT


def lines_of(key: SnapshotKey, content: ChainContent) -> Iterator[str]:
    """Return the lines of the snapshot of ``content``, without line ends."""
    number = 1
    yield _line(asdict(key))
    for audience, chain in content.chains.items():
        for first in range(0, max(1, len(chain.entries)), _MANY):
            end = min(first + _MANY, len(chain.entries))
            leaves = base64.b64encode(b"".join(chain.tree.leaves(first, end))).decode("ascii")
            yield _line(["members", audience, chain.entries[first:end], chain.times[first:end], leaves])
            number += 1
        yield _line(["chain", audience, sorted(chain.retractions), list(chain.sizes.items())])
        number += 1
    assets = iter(content.assets.items())
    while block := [
        (iri, asset.version, asset.audience, asset.last, asset.opening, asset.places, *_erasures_of(asset))
        for iri, asset in islice(assets, _MANY)
    ]:
        yield _line(["assets", block])
        number += 1
    yield _line(["end", number])


def key_of(line: str) -> SnapshotKey:
    """Return the key in the first line of a snapshot. Raises ``ValueError`` if there is none."""
    try:
        return SnapshotKey(**json.loads(line))
    except TypeError as error:
        raise ValueError("this is not a snapshot of the chains") from error


def content_of(key: SnapshotKey, lines: Iterable[str]) -> ChainContent:
    """Return the content from the ``lines`` after the first. Raises ``ValueError`` if they are not complete."""
    content, number = ChainContent(position=key.position), 1
    for line in lines:
        kind, *values = json.loads(line)
        if kind == "end":
            if values != [number]:
                break
            return content
        number += 1
        _READERS[kind](content, *values)
    raise ValueError("the snapshot of the chains is not complete")


def _erasures_of(asset: Asset) -> Iterator[list[int]]:
    """Yield the erased versions, if there are any: few assets have some."""
    if asset.erasures:
        yield sorted(asset.erasures)


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _read_members(content: ChainContent, audience: str, entries: list[str], times: list[str], leaves: str) -> None:
    chain = content.chains.setdefault(audience, Chain())
    chain.entries += entries
    chain.times += times
    chain.tree.extend(base64.b64decode(leaves))


def _read_chain(content: ChainContent, audience: str, retractions: list[int], sizes: list[tuple[int, int]]) -> None:
    chain = content.chains.setdefault(audience, Chain())
    chain.retractions = set(retractions)
    chain.sizes = dict(sizes)


def _read_assets(content: ChainContent, assets: list[list[Any]]) -> None:
    for iri, version, audience, last, opening, places, *erasure in assets:
        # One text for each audience, not one for each version.
        own = [(intern(name), position, withdrawn, number) for name, position, withdrawn, number in places]
        content.assets[iri] = Asset(version, intern(audience), last, opening, own, frozenset(*erasure))


_READERS: Final[dict[str, Callable[..., None]]] = {
    "members": _read_members,
    "chain": _read_chain,
    "assets": _read_assets,
}
