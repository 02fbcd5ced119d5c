"""What the catalogue needs: storage of record heads and versions, a graph, a search index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from node.base.work import Transaction
from node.catalogue.model import Followed, Indexed, Query, Record, Results


class RecordStore(Protocol):
    """Versions of records, as they stand in ledger entries, findable by IRI and moment."""

    def add(self, tx: Transaction, record: Record) -> None:
        """Keep a version. (iri, version) known already raises ``Conflict``."""

    def get(
        self,
        tx: Transaction,
        iri: str,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        audiences: Collection[str] | None = None,
    ) -> Record | None:
        """The newest version, that version, or the newest at that moment; withdrawn ones included.

        With ``audiences`` only where the newest version is for one of them: an asset that is hidden takes the way
        of one that is absent from the first step on, and as long. An earlier version is only there where every
        version since is for one of them (``node.catalogue.visibility``).
        """

    def by_entry(self, tx: Transaction, entry_ids: Sequence[str]) -> Sequence[Record]: ...

    def versions(self, tx: Transaction, iri: str, *, audiences: Collection[str] | None = None) -> Sequence[Record]:
        """All versions, newest first; ``audiences`` as for ``get``."""

    def current(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str] | None = None,
        kinds: Collection[str] = (),
        origins: Collection[str] = (),
        offered: bool = False,
        as_of: datetime | None = None,
        after: str = "",
        down_from: str | None = None,
        limit: int = 100,
    ) -> Sequence[Record]:
        """Newest versions that are not withdrawn, ordered by IRI, beginning after the IRI ``after``; with
        ``down_from`` backwards, from this IRI down.

        ``audiences`` None means: no restriction (views and owners only). The audience of the newest version counts,
        and with ``as_of`` also those of the versions since that moment, as for ``get``.
        """

    def count(
        self, tx: Transaction, audiences: Collection[str] | None = None, *, origins: Collection[str] = ()
    ) -> dict[str, int]:
        """Kind → number of current records, of all origins or of these."""

    def count_of(self, tx: Transaction, origin: str) -> tuple[int, int]:
        """How many versions there are of the records of one origin, and how many bytes their statements have."""


class Graph(Protocol):
    """The SPARQL view: each audience's triples in the graph of that audience. Rebuildable from the ledger."""

    def apply(self, records: Iterable[Record], position: int) -> None:
        """Replace the triples of these records (a withdrawn one has none) and remember ``position`` with them."""

    def position(self) -> int:
        """The ledger position that is reflected; 0 for an empty store."""

    async def query(self, text: str, *, audiences: Collection[str] | None, accept: str) -> tuple[bytes, str]:
        """Evaluate a SPARQL 1.1 query over the graphs of ``audiences`` (None: all): (body, media type).

        Raises ``InvalidInput`` (syntax, forbidden features), ``Overloaded`` (time, memory), ``TooLarge``.
        """

    async def query_records(self, text: str, records: Iterable[Record], *, accept: str) -> tuple[bytes, str]:
        """The same over a disposable store that holds just these records (``as of`` queries)."""

    def clear(self) -> None:
        """Forget everything, so that the view can be rebuilt."""

    def digest(self) -> str:
        """SHA-256 of the sorted N-Quads of all audience graphs: equal content, equal digest."""


class SearchIndex(Protocol):
    """The text and facet view. Rebuildable from the ledger."""

    def take(self, changes: Iterable[tuple[str, Indexed | None]], position: int) -> None:
        """Collect what replaces (or with None removes) documents, by IRI.

        Searches show it, and ``position`` says so, only after ``settle``: many changes are then written together. A
        crash before that takes them, and the ledger replays them."""

    def collected(self) -> int:
        """The ledger position up to which changes were taken, whether they are shown yet or not."""

    def settle(self) -> None:
        """Show what was taken."""

    def position(self) -> int:
        """The ledger position that searches reflect."""

    def search(self, query: Query, *, audiences: Collection[str] | None) -> Results:
        """Hits whose audience is one of ``audiences`` (None: all); counts cover just these."""

    def clear(self) -> None: ...

    def digest(self) -> str:
        """SHA-256 over what is indexed, independent of the order of indexing."""


class FollowStore(Protocol):
    """The nodes that are followed, by the URL of the node."""

    def add(self, tx: Transaction, node: Followed) -> None:
        """Begin to follow. Raises ``Conflict`` for a URL that is followed already."""

    def get(self, tx: Transaction, url: str) -> Followed | None:
        """The node with this URL."""

    def all(self, tx: Transaction) -> Sequence[Followed]:
        """All that are followed, by URL."""

    def save(self, tx: Transaction, node: Followed) -> None:
        """Set or replace."""

    def drop(self, tx: Transaction, url: str) -> None:
        """Follow no longer."""
