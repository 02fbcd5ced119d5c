"""``TantivyIndex``: the search view on disk, rebuildable from the ledger.

The ledger position is a separate document, replaced in the same commit as the records: they never disagree. A commit
waits for the disk some twenty times, so changes are collected in a writer and committed together, by ``settle``;
after a crash the ledger replays the lost ones. ``rest`` closes the writer, since its buffers would double an idle
node's memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import tantivy

from node.adapters.search.checksums import check
from node.adapters.search.copies import CopyGroups, GroupEntry, record_of, with_words_of
from node.adapters.search.facets import UNCOUNTED, Counted, count_facets
from node.adapters.search.fields import COPY, FACETS, FOLDED, LAYOUT, POSITION, RECORD, document, schema, stored_value
from node.adapters.search.queries import (
    ASCENDING,
    SORT_FIELDS,
    Stage,
    behind,
    both,
    filter_queries,
    prefix_query,
    stages,
    visible,
    word_query,
)
from node.adapters.search.snippets import snippet
from node.adapters.search.states import PastStates
from node.adapters.search.stems import analyzer
from node.adapters.search.words import words_of
from node.base.crashpoints import crashpoint
from node.base.errors import Damaged, LocalFault, NoRoom, is_full
from node.base.heap import give_back
from node.catalogue.model import IndexFields
from node.catalogue.searches import Cursor, Hit, Order, OtherLabel, Query, Results

_HEAP: Final = 15_000_000  # the least that the engine takes
_LARGE: Final = 200
_HEAP_FOR_LARGE: Final = 50_000_000
"""Batches of more than ``_LARGE`` records get more memory: with the minimum, 10,000 take three times as long."""

_MOST_HITS: Final = 1000


class TantivyIndex:
    """Implements ``node.catalogue.ports.SearchIndex`` on a folder that belongs to this process alone.

    Every method may raise ``Damaged`` with a remedy if the folder is damaged, and ``NoRoom``; ``clear`` starts with
    an empty index.
    """

    def __init__(self, path: Path) -> None:
        self._parent = path
        self._folder = path / f"index-{LAYOUT}"
        self._schema = schema()
        self._analyzer = analyzer()
        self._writing = threading.RLock()
        self._lock = threading.RLock()
        self._index: tantivy.Index | None = None
        self._position = 0
        self._writer: tantivy.IndexWriter | None = None
        self._heap = 0
        self._searcher: tantivy.Searcher | None = None
        self._counts: Counted = {}
        self._groups = CopyGroups(self._schema)
        self._past = PastStates(self._schema)
        self._collected: int | None = None
        self._used = time.monotonic()

    def take(self, changes: Iterable[tuple[str, IndexFields | None]], position: int) -> None:
        """Collect replaced and removed documents, by IRI; searches and ``position`` show them after ``settle``."""
        waiting = list(changes)
        with self._writing:
            if not waiting and position == self.collected_position():
                return
            with self._changing(len(waiting)) as writer:
                searcher = self._searcher
                assert searcher is not None, "there is one while the index is open"
                for iri, entry in self._groups.entries(searcher, waiting):
                    writer.delete_documents_by_term("iri", iri)
                    if entry is not None:
                        writer.add_document(self._document(entry))
                self._collected = position

    def collected_position(self) -> int:
        """Return the ledger position up to which changes were collected, whether they are shown yet or not."""
        collected = self._collected
        return self.position() if collected is None else collected

    def settle(self) -> None:
        """Commit the collected changes: from now on searches and ``position`` show them."""
        with self._writing:
            batch = self._collected
            if batch is None:
                return
            with self._changing(0) as writer:
                self._commit(writer, batch)
                self._collected = None

    def rest(self, idle: float = 20.0) -> bool:
        """Close the writer if nothing was written for ``idle`` seconds; return whether it did. Call now and then."""
        with self._lock:
            self._past.expire()
        with self._writing:
            if self._writer is None or time.monotonic() - self._used < idle:
                return False
            self.settle()
            with self._translating_errors():
                self._release()
        # The engine's buffers are in arenas of its threads, which keep the memory unless they are asked to free it.
        give_back()
        return True

    def _document(self, entry: GroupEntry) -> tantivy.Document:
        record = with_words_of(entry.fields, entry.copies)
        return document(record, self._analyzer, original=entry.fields, is_copy=entry.is_copy)

    def _commit(self, writer: tantivy.IndexWriter, position: int) -> None:
        writer.delete_documents_by_term("what", POSITION)
        writer.add_document(tantivy.Document(what=POSITION, position=position))
        crashpoint("projection.search.P1")
        writer.commit()
        crashpoint("projection.search.P2")
        with self._using() as index:
            self._reload(index)
            self._position = position

    @contextlib.contextmanager
    def _changing(self, count: int) -> Iterator[tantivy.IndexWriter]:
        """Yield the writer, for ``count`` further changes. If it fails, its collected changes are dropped:
        ``collected_position`` then returns again the position from which to replay."""
        with self._using() as index:
            pass
        with self._translating_errors():
            try:
                yield self._opened_writer(index, count)
            except BaseException:
                self._collected = None
                self._groups.forget()
                with contextlib.suppress(ValueError, OSError):
                    self._release()
                raise
        self._used = time.monotonic()

    def _opened_writer(self, index: tantivy.Index, count: int) -> tantivy.IndexWriter:
        heap = _HEAP_FOR_LARGE if count > _LARGE else _HEAP
        if self._writer is not None and heap > self._heap:
            self.settle()
            self._release()
        if self._writer is None:
            self._writer, self._heap = index.writer(heap, 1), heap
        return self._writer

    def _release(self) -> None:
        """Close the writer. Merges that have begun end first; after that nothing of it remains."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.wait_merging_threads()

    def position(self) -> int:
        with self._using():
            return self._position

    def search(
        self,
        query: Query,
        *,
        audiences: Collection[str] | None,
        after: Cursor | None = None,
        labels: Sequence[OtherLabel] = (),
    ) -> Results:
        """Return hits, exact total and facet counts, all over the records that ``audiences`` may see.

        Every word must be found: exactly, in another form, as the beginning or a part of a word, by a synonym, by
        one of ``labels``, or with one letter different. If no record has them all, two different letters are allowed
        in long words, then any of the words is enough. Without words the newest records come first.
        """
        with self._using():
            searcher, counts = self._searcher, self._counts
            past = None if after is None or after.state is None else self._past.find(after.state)
        assert searcher is not None, "there is one while the index is open"
        ranking = past or searcher
        words = words_of(query.text, labels)
        if query.text.strip() and not words:
            return Results(total=0, hits=(), facets={name: {} for name in FACETS})
        within = both(*visible(self._schema, audiences), *filter_queries(self._schema, query))
        order = query.order if words or query.order is not Order.BEST else Order.NEWEST
        field = SORT_FIELDS.get(order)
        offset = 0 if order is Order.PUBLISHED else max(0, query.offset)
        if after is not None:
            offset = after.offset if field is None else 0

        def run(stage: Stage) -> tuple[tantivy.Query, Any]:
            matching = both(within, word_query(self._schema, words, stage)) if words else within
            # The engine's type stubs leave out the count.
            return matching, ranking.search(
                matching if after is None else both(matching, behind(self._schema, after, order)),
                min(max(1, query.limit), _MOST_HITS),
                offset=min(offset, ranking.num_docs),
                order_by_field=field,
                order=tantivy.Order.Asc if order in ASCENDING else tantivy.Order.Desc,
            )

        ways = stages(words)
        number = 0 if after is None else min(after.stage, len(ways) - 1)
        matching, answer = run(ways[number])
        while after is None and number + 1 < len(ways) and not answer.count:
            number += 1
            matching, answer = run(ways[number])
        documents = [(score, ranking.doc(address)) for score, address in answer.hits[: max(0, query.limit)]]
        key = (
            None if audiences is None else frozenset(audiences),
            tuple(words),
            tuple(labels),
            number,
            replace(query, **UNCOUNTED),
        )
        following = None
        if documents and answer.count > offset + len(documents):
            if field is not None:
                following = Cursor(place=int(stored_value(documents[-1][1], field)), stage=number)
            else:
                with self._lock:
                    state, last = self._past.keep(searcher) if after is None else (after.state, after.place)
                following = Cursor(place=last, stage=number, offset=offset + len(documents), state=state)
        facets = count_facets(counts, key, searcher, matching)
        page = [(score, record_of(entry)) for score, entry in documents]
        if past is not None:
            page = self._as_now(searcher, page, audiences)
        copies = CopyGroups(self._schema).on_page(searcher, [record for _, record in page], audiences)
        return Results(
            # The answer counts what is behind the cursor only. Each record has one kind.
            total=int(answer.count) if after is None else sum(facets["kind"].values()),
            hits=tuple(
                Hit(
                    iri=record.iri,
                    score=0.0 if field is not None else float(score),
                    snippet=snippet(self._analyzer, record.texts, words, query.language),
                    copies=copies.get(record.iri, ()),
                    points=record.points,
                )
                for score, record in page
            ),
            facets=facets,
            next=following,
        )

    def _as_now(
        self, searcher: tantivy.Searcher, page: Iterable[tuple[Any, IndexFields]], audiences: Collection[str] | None
    ) -> list[tuple[Any, IndexFields]]:
        """Return a page of a past state as ``searcher`` shows it, without what is hidden or withdrawn by now."""
        groups = CopyGroups(self._schema)
        records = [(score, groups.read(searcher, record.iri)) for score, record in page]
        return [
            (score, record)
            for score, record in records
            if record is not None and (audiences is None or record.audience in audiences)
        ]

    def copies(self, iri: str, *, audiences: Collection[str] | None) -> Sequence[str]:
        """Return the IRIs of the other records for ``audiences`` that describe the same asset."""
        with self._using():
            searcher = self._searcher
        assert searcher is not None, "there is one while the index is open"
        groups = CopyGroups(self._schema)
        record = groups.read(searcher, iri)
        return () if record is None else groups.others(searcher, record, audiences)

    def complete(self, text: str, *, audiences: Collection[str] | None, limit: int) -> Sequence[str]:
        """Return the IRIs of records with these words; nothing is counted, so it is quick for each letter typed."""
        with self._using():
            searcher = self._searcher
        assert searcher is not None, "there is one while the index is open"
        words = [word.text for word in words_of(text)]
        if not words:
            return []
        matching = both(*visible(self._schema, audiences), prefix_query(self._schema, words))
        answer = searcher.search(matching, min(max(1, limit), _MOST_HITS), count=False)
        return [stored_value(searcher.doc(address), "iri") for _, address in answer.hits]

    def clear(self) -> None:
        """Start with an empty index."""
        with self._writing, self._lock:
            self._past.clear()
            self._collected = None
            with contextlib.suppress(ValueError, OSError):
                self._release()
            self._index = self._searcher = None
            shutil.rmtree(self._folder, ignore_errors=True)
            with self._using():
                pass

    def digest(self) -> str:
        """Return the SHA-256 over all indexed content, by IRI."""
        with self._using() as index:
            searcher = index.searcher()
        everything = tantivy.Query.term_set_query(self._schema, "what", [RECORD, COPY])
        found = searcher.search(everything, max(1, searcher.num_docs))
        sources = sorted(bytes(stored_value(searcher.doc(address), "source")) for _, address in found.hits)
        digest = hashlib.sha256()
        for source in sources:
            digest.update(source + b"\n")
        return digest.hexdigest()

    def close(self) -> None:
        """Commit the collected changes and close the folder. The next call opens it again."""
        with self._writing:
            # Changes that cannot be written here are in the ledger.
            with contextlib.suppress(LocalFault):
                self.settle()
            self._collected = None
            with contextlib.suppress(ValueError, OSError):
                self._release()
            with self._lock:
                self._past.clear()
                self._index = self._searcher = None

    @contextlib.contextmanager
    def _using(self) -> Iterator[tantivy.Index]:
        with self._lock, self._translating_errors():
            yield self._open()

    @contextlib.contextmanager
    def _translating_errors(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError) as error:
            if is_full(str(error)):
                raise NoRoom(
                    "the disk of the search index is full",
                    remedy="free disk space: the index then catches up by itself",
                ) from error
            damage = Damaged(
                "the search index is damaged", remedy="try again in a moment: the node rebuilds it from the ledger"
            )
            damage.add_note(f"the search index in {self._folder} cannot be used: {error}")
            raise damage from error

    def _open(self) -> tantivy.Index:
        if self._index is None:
            for other in self._parent.glob("index-*"):
                if other != self._folder:
                    shutil.rmtree(other, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            check(self._folder)
            index = tantivy.Index(self._schema, path=str(self._folder), reuse=True)
            index.register_tokenizer(FOLDED, self._analyzer)
            # Reloaded by us after each commit: the engine's own way is a thread that checks the files all the time.
            index.config_reader("manual", 0)
            self._reload(index)
            self._position = self._read_position(index)
            self._index = index
        return self._index

    def _reload(self, index: tantivy.Index) -> None:
        index.reload()
        # Counts stay with the searcher that they were made with.
        self._searcher, self._counts = index.searcher(), {}
        self._groups.forget()

    def _read_position(self, index: tantivy.Index) -> int:
        searcher = index.searcher()
        found = searcher.search(tantivy.Query.term_query(self._schema, "what", POSITION), 1)
        return int(stored_value(searcher.doc(found.hits[0][1]), "position")) if found.hits else 0
