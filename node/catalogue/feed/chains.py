"""The order of the event stream: each audience has a chain of its own, numbered without gaps.

Hidden entries must leave no trace, so members are numbered not by their place in the ledger but by their place
among the entries that the same audience may see. A chain only grows, and a full page never changes. There
is one exception: when an asset is no longer for an audience, its earlier members are *retracted* from that
audience's pages, and stay so unless a later version opens the earlier ones (``visibility.reachable``). A page that
loses members gets a new edition, that is a new address, and its old address is gone (LDES 1.0 server primer: never
edit an immutable page). Tombstones stay, so that followers forget the asset. A retracted member keeps its leaf in
the tree that the heads of the chain commit to.

A member whose content was erased is retracted too, for ever.

This view is kept in memory, about 600 bytes a version. A start takes its content from a snapshot (see
``snapshot``), and from the ledger only what was published after it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.base.clock import moment, stamp
from node.catalogue.feed.commitment import leaf_of
from node.catalogue.feed.content import Asset, Chain, ChainContent
from node.catalogue.feed.heads import Restart
from node.catalogue.feed.snapshot import Snapshots
from node.catalogue.model import ERASES, OPENS_HISTORY, PUBLIC
from node.ledger.model import Entry, EntryKind
from node.ledger.proofs import read_hash

PAGE = 100
"""Members on a page."""

GROUP = 100
"""Pages in a group: the index of a chain lists only the newest pages and the groups before them."""

LEAST = 2_000
SHARE = 10
"""A snapshot is stored after so many entries (``LEAST``), or after this part (one in ``SHARE``) of the ledger if that
is more: what is written stays in proportion to what was published."""

CLOSING = 200
"""At the end a snapshot is stored after so many entries: to read fewer of them costs less than to write it."""


@dataclass(frozen=True, slots=True)
class ChainMember:
    """A place on a page: position in the chain, ledger entry, and the time that orders the stream."""

    position: int
    entry: str
    time: str


@dataclass(frozen=True, slots=True)
class Span:
    """A page or a group: positions from ``first`` up to before ``end``; ``full`` when it will not grow."""

    number: int
    edition: str
    first: int
    end: int
    full: bool
    from_time: str
    to_time: str

    @property
    def name(self) -> str:
        """Return its last path segment, which changes with the edition."""
        return f"{self.number}.{self.edition}" if self.edition else str(self.number)


class Chains:
    """A view of the ledger: the chains, with the place of each version of this node's own records."""

    name = "feed"
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)
    gathers = False

    def __init__(
        self,
        *,
        me: str,
        epoch: int = 0,
        restarts: Mapping[int, int] | None = None,
        snapshots: Snapshots | None = None,
        report_change: Callable[[], None] = lambda: None,
    ) -> None:
        """``restarts``: for each epoch after the first, the number of ledger entries when it began. Without
        ``snapshots`` the whole ledger is read at each start. ``report_change`` is called when a chain has grown."""
        self._me = me
        self.epoch = epoch
        self._restarts = dict(restarts or {})
        self._lock = threading.Lock()
        self._snapshots = snapshots
        self._report_change = report_change
        self._begun = snapshots is None
        self._stored = 0
        self._content = ChainContent()

    # the view -----------------------------------------------------------------------------------------------

    def position(self) -> int:
        if not self._begun:
            self._begin()
        return self._content.position

    def next_seq(self) -> int:
        return self.position()

    def _begin(self) -> None:
        """Take the content of the snapshot, if there is one of this ledger."""
        content = self._snapshots.newest() if self._snapshots is not None else None
        with self._lock:
            if content is not None:
                self._content = content
                self._stored = content.position
            self._begun = True

    def close(self) -> None:
        """Store a snapshot, so that the next start need not read the ledger. To be called when nothing follows it any
        more."""
        if self._begun:
            self._store(CLOSING)

    def _store(self, least: int) -> None:
        """Store a snapshot if at least ``least`` entries were applied since the last one."""
        # Only the follower changes the content, and it calls this: readers need not wait.
        if self._snapshots is not None and self._content.position - self._stored >= least:
            self._snapshots.store(self._content)
            self._stored = self._content.position

    def settle(self) -> None:
        """Do nothing: applied entries are shown at once."""

    def apply(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            for entry in entries:
                assert entry.seq is not None, "views follow numbered entries only"
                if entry.seq < self._content.position:
                    continue
                if entry.kind is EntryKind.RECORD:
                    self._take(entry)
                self._content.position = entry.seq + 1
        self._report_change()
        self._store(max(LEAST, self._content.position // SHARE))

    def skip_to(self, position: int) -> None:
        with self._lock:
            self._content.position = max(self._content.position, position)

    def rebuild(self) -> None:
        with self._lock:
            self._content, self._begun, self._stored = ChainContent(), True, 0

    def _take(self, entry: Entry) -> None:
        body = json.loads(entry.body)
        envelope = body["envelope"]
        audience, withdrawn = envelope["audience"], envelope["withdrawn"]
        if envelope["origin"] != self._me:
            return
        chain = self._content.chains.setdefault(audience, Chain())
        time = stamp(moment(envelope["at"]))
        # Two writers may commit in another order than they read the clock; times in a stream never decrease.
        chain.times.append(max(time, chain.times[-1]) if chain.times else time)
        chain.entries.append(entry.id)
        # Of an erased version there is only the leaf.
        chain.tree.add(leaf_of(body["signature"]) if "signature" in body else read_hash(body["leaf"]))
        for epoch, numbered in self._restarts.items():
            if entry.seq is not None and entry.seq < numbered:
                chain.sizes[epoch] = len(chain.entries)
        asset, version = self._content.assets.setdefault(envelope["iri"], Asset()), envelope["version"]
        place = (audience, len(chain.entries) - 1, withdrawn, version)
        asset.places.append(place)
        extra = envelope.get("extra", {})
        opens, erases = extra.get(OPENS_HISTORY) is True, extra.get(ERASES, ())
        if erases:
            asset.erasures |= {number for number in erases if number < version}
        # The visibility of earlier versions changes only with the audience; an asset may have very many versions.
        same = version >= asset.version and audience == asset.audience and not opens and not erases
        if version >= asset.version:
            asset.version, asset.audience = version, audience
        asset.last[audience] = max(version, asset.last.get(audience, 0))
        asset.opening = max(asset.opening, version if opens else 0)
        self._retract(asset, [place] if same else asset.places)

    def _retract(self, asset: Asset, places: Iterable[tuple[str, int, bool, int]]) -> None:
        since = {audience: asset.since(audience) for audience in asset.last}
        for audience, position, withdrawn, version in places:
            retracted = self._content.chains[audience].retractions
            gone = not withdrawn and (version < since[audience] or version in asset.erasures)
            (retracted.add if gone else retracted.discard)(position)

    # what the feed asks ---------------------------------------------------------------------------------------

    def audiences(self, names: Iterable[str] | None) -> list[str]:
        """Return the chains among ``names`` (None: all), the public one first."""
        with self._lock:
            known = set(self._content.chains) if names is None else set(self._content.chains) & set(names)
        return sorted(known, key=lambda audience: (audience != PUBLIC, audience))

    def size(self, audience: str) -> int:
        with self._lock:
            return len(self._content.chains[audience].entries)

    def root(self, audience: str, size: int) -> bytes:
        """The root of the tree over the first ``size`` members of the chain."""
        with self._lock:
            return self._content.chains[audience].tree.root(size)

    def leaves(self, audience: str, first: int, end: int) -> list[bytes]:
        """Return the leaf hashes of a part of the chain, including those of retracted members."""
        with self._lock:
            return self._content.chains[audience].tree.leaves(first, end)

    def consistency(self, audience: str, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the chain of ``new`` members begins with that of ``old``. Raises ``InvalidInput``."""
        with self._lock:
            return self._content.chains[audience].tree.consistency(old, new)

    def restarts(self, audience: str) -> tuple[Restart, ...]:
        """Return the size and root of the chain at the beginning of each known epoch."""
        with self._lock:
            chain = self._content.chains[audience]
            sizes = {epoch: chain.sizes.get(epoch, 0) for epoch in sorted(self._restarts)}
            return tuple(Restart(epoch, size, chain.tree.root(size)) for epoch, size in sizes.items())

    def groups(self, audience: str) -> list[Span]:
        """The full groups of a chain."""
        with self._lock:
            chain = self._content.chains[audience]
            return [self._span(chain, number, PAGE * GROUP) for number in range(len(chain.entries) // (PAGE * GROUP))]

    def pages(self, audience: str, group: int | None = None) -> list[Span]:
        """The pages of a full group; without ``group`` those after the last full group."""
        with self._lock:
            chain = self._content.chains[audience]
            if group is None:
                first = len(chain.entries) // (PAGE * GROUP) * GROUP
                last = -(-len(chain.entries) // PAGE)
            else:
                first, last = group * GROUP, (group + 1) * GROUP
            return [self._span(chain, number, PAGE) for number in range(first, last)]

    def page(self, audience: str, number: int) -> tuple[Span, list[ChainMember]] | None:
        """Return a page and its members without the retracted ones; None if the chain is not that long."""
        with self._lock:
            chain = self._content.chains[audience]
            if not 0 <= number * PAGE < len(chain.entries):
                return None
            span = self._span(chain, number, PAGE)
            members = [
                ChainMember(position, chain.entries[position], chain.times[position])
                for position in range(span.first, span.end)
                if position not in chain.retractions
            ]
            return span, members

    def retractions(self, audience: str) -> str:
        """Return a mark that changes whenever a member of the chain is retracted or comes back."""
        with self._lock:
            return _mark(self._content.chains[audience].retractions)

    def _span(self, chain: Chain, number: int, size: int) -> Span:
        first = number * size
        end = min(first + size, len(chain.entries))
        retracted = [position for position in chain.retractions if first <= position < end]
        parts = ([str(self.epoch)] if self.epoch or retracted else []) + ([_mark(retracted)] if retracted else [])
        return Span(
            number=number,
            edition="-".join(parts),
            first=first,
            end=end,
            full=end == first + size,
            from_time=chain.times[first],
            to_time=chain.times[end - 1],
        )


def _mark(positions: Iterable[int]) -> str:
    text = ",".join(str(position) for position in sorted(positions))
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else ""
