"""The ports of the catalogue: storage of record versions, a graph, a search index, the followed nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from node.base.work import Transaction
from node.catalogue.model import Followed, IndexFields, Record, RecordTitles, ScoredVersion, TermsGroup
from node.catalogue.searches import Cursor, OtherLabel, Query, Results
from node.semantics.model import File


class RecordStore(Protocol):
    """Versions of records from ledger entries, by IRI and moment."""

    def add(self, tx: Transaction, record: Record) -> None:
        """Add a version. Raises ``Conflict`` if (iri, version) exists already."""

    def erase(self, tx: Transaction, iri: str, version: int, *, by_version: int) -> None:
        """Remove the content of a version that is not the newest. It counts as withdrawn, and ``by_version`` is the
        version that erased it; its number, time, publisher and audience stay."""

    def with_content(self, tx: Transaction, iri: str, numbers: Collection[int]) -> Sequence[Record]:
        """Return the versions among ``numbers`` that are not withdrawn or erased, the oldest first. The cost is that
        of the numbers: how many versions the asset has makes no difference."""

    def uses_file(self, tx: Transaction, sha256: str, *, origin: str | None = None) -> bool:
        """Return whether any version of any record, or of any with this ``origin``, has a file with these bytes.
        Versions whose files were removed do not count."""

    def retaining(self, tx: Transaction, *, after: str = "", limit: int = 100) -> Sequence[str]:
        """Return the IRIs of records of which a version declares for how long files are kept (``RETENTION``), in
        their order, beginning after the IRI ``after``."""

    def remove_files(self, tx: Transaction, iri: str, version: int, at: datetime) -> bool:
        """Note that the files of a version are kept no longer since ``at``; return False if that is noted already."""

    def file_removals(self, tx: Transaction, iri: str) -> Mapping[int, datetime]:
        """Return the versions whose files were removed → when."""

    def kept_files(self, tx: Transaction, iri: str) -> Sequence[tuple[int, Sequence[File]]]:
        """Return the files of each version that is not withdrawn or erased and whose files were not removed, the
        newest version first, without reading descriptions."""

    def get(
        self,
        tx: Transaction,
        iri: str,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        audiences: Collection[str] | None = None,
    ) -> Record | None:
        """Return the newest version, the given ``version``, or the newest at ``as_of``; also a withdrawn one.

        With ``audiences``, a record is returned only if the newest version is for one of them. The look-up of a
        hidden asset takes the same steps, and as long, as that of an absent one. An earlier version is returned only
        if every version since is for one of them (``node.catalogue.visibility``).
        """

    def newest(self, tx: Transaction, iris: Sequence[str]) -> Sequence[Record]:
        """Return the newest version of each asset, also a withdrawn one, in the order of ``iris``, which differ."""

    def by_entry(self, tx: Transaction, entry_ids: Sequence[str]) -> Sequence[Record]: ...

    def versions(self, tx: Transaction, iri: str, *, audiences: Collection[str] | None = None) -> Sequence[Record]:
        """Return all versions, newest first; ``audiences`` as for ``get``."""

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
        """Return the newest versions that are not withdrawn, ordered by IRI, beginning after the IRI ``after``; with
        ``down_from`` in reverse order, from this IRI down.

        ``audiences`` None means no restriction (views and owners only). The audience of the newest version decides;
        with ``as_of``, those of the versions since that moment decide too, as for ``get``.
        """

    def newest_versions(self, tx: Transaction, kind: str, *, origin: str) -> Mapping[str, tuple[int, str]]:
        """Return IRI → number and audience of the newest version of each record of ``kind`` and ``origin`` that is
        not withdrawn, ordered by IRI; without reading descriptions."""

    def count(
        self,
        tx: Transaction,
        audiences: Collection[str] | None = None,
        *,
        origins: Collection[str] = (),
        by: str = "kind",
    ) -> dict[str, int]:
        """Return kind → number of current records, of all origins or of these; ``by="origin"``: origin → number."""

    def addresses(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str],
        origins: Collection[str],
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[tuple[str, datetime]]:
        """Return the IRI and the time of each current record, ordered by IRI; without reading descriptions."""

    def terms_groups(self, tx: Transaction, origin: str) -> Sequence[TermsGroup]:
        """Return the current records of ``origin``, counted by audience and terms of the offer, ordered by both;
        without reading descriptions."""

    def titles_of(
        self,
        tx: Transaction,
        origin: str,
        *,
        audiences: Collection[str],
        terms: Collection[str],
        after: str = "",
        limit: int = 100,
    ) -> Sequence[RecordTitles]:
        """Return the current records of ``origin`` that are for one of ``audiences`` or offered on one of ``terms``
        (hashes), ordered by IRI, beginning after the IRI ``after``; without reading descriptions."""

    def places(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        """Return IRI → the number of the first ledger entry about this record. Records without a numbered entry are
        left out."""

    def scores(self, tx: Transaction, origin: str, *, after: tuple[str, int], limit: int) -> Sequence[ScoredVersion]:
        """Return the points of the versions of the datasets of ``origin``, ordered by IRI and number, beginning after
        this IRI and number."""

    def count_of(self, tx: Transaction, origin: str) -> tuple[int, int]:
        """Return the number of versions of the records of one origin, and the bytes of their statements."""


class Graph(Protocol):
    """The SPARQL view: each audience's triples in the graph of that audience. Rebuildable from the ledger."""

    def apply(self, records: Iterable[Record], position: int) -> None:
        """Replace the triples of these records (a withdrawn record has none) and store ``position`` with them."""

    def position(self) -> int:
        """Return the ledger position that the graph reflects; 0 for an empty store."""

    async def query(
        self, text: str, *, audiences: Collection[str] | None, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        """Evaluate a SPARQL 1.1 query over the graphs of ``audiences`` (None: all). Return (body, media type).

        With ``entailment``, what follows from the statements in these graphs, and from nothing else, is found too
        (``node.semantics.entailment``); named graphs are empty then.

        Raises ``InvalidInput`` (syntax, forbidden features), ``Overloaded`` (time, memory), ``TooLarge``.
        """

    async def query_records(
        self, text: str, records: Iterable[Record], *, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        """Evaluate a query over a temporary store with just these records (``as of`` queries)."""

    def clear(self) -> None:
        """Forget everything, so that the view can be rebuilt."""

    def digest(self) -> str:
        """SHA-256 of the sorted N-Quads of all audience graphs: equal content, equal digest."""


class SearchIndex(Protocol):
    """The text and facet view. Rebuildable from the ledger."""

    def take(self, changes: Iterable[tuple[str, IndexFields | None]], position: int) -> None:
        """Collect the new documents by IRI; None removes the document.

        Only ``settle`` writes the collected changes together; from then on searches show them and ``position`` counts
        them. A crash before that loses them, and they are replayed from the ledger."""

    def collected_position(self) -> int:
        """Return the ledger position up to which changes were collected, including those not shown yet."""

    def settle(self) -> None:
        """Show the collected changes."""

    def position(self) -> int:
        """Return the ledger position that searches reflect."""

    def search(
        self,
        query: Query,
        *,
        audiences: Collection[str] | None,
        after: Cursor | None = None,
        labels: Sequence[OtherLabel] = (),
    ) -> Results:
        """Return the hits for ``audiences`` (None: all); counts cover just these.

        Where ``labels`` name words of the query otherwise, a record with such a label has these words too; a
        label weighs less than the words themselves. A label of several words is found where they follow each other.

        With ``after``, the hits begin behind that cursor, and ``query.offset`` does not count; nor does it in the
        order of publication. But for relevance, a page reads no hit before its own. Sorted by relevance, what is
        published after the first page was read is left out, so that it moves no other hit."""

    def copies(self, iri: str, *, audiences: Collection[str] | None) -> Sequence[str]:
        """Return the IRIs of the other records, for ``audiences``, that describe the same asset as ``iri``.

        Of these records, searches show only one for each audience: what a node published itself, else what was
        harvested first. Words of the others lead to it."""

    def complete(self, text: str, *, audiences: Collection[str] | None, limit: int) -> Sequence[str]:
        """Return the IRIs of records whose title, keywords or publisher have all words of ``text``, those in titles
        first. The last word may be the beginning of one; all words are matched without case and accents."""

    def clear(self) -> None: ...

    def digest(self) -> str:
        """Return the SHA-256 over the indexed documents, independent of the order of indexing."""


class FollowStore(Protocol):
    """The nodes that are followed, by the URL of the node."""

    def add(self, tx: Transaction, node: Followed) -> None:
        """Begin to follow a node. Raises ``Conflict`` for a URL that is followed already."""

    def get(self, tx: Transaction, url: str) -> Followed | None:
        """The node with this URL."""

    def all(self, tx: Transaction) -> Sequence[Followed]:
        """Return all followed nodes, by URL."""

    def save(self, tx: Transaction, node: Followed) -> None:
        """Set or replace."""

    def drop(self, tx: Transaction, url: str) -> None:
        """Stop following the node with this URL."""
