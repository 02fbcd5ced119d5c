"""``OxigraphGraph``: the graph view on disk, rebuildable from the ledger.

A triple is stored in the graph of each audience that may see it (for ``GRAPH``). If it is not for the public alone,
it is in one more graph, for the set of its audiences: a caller's default graph is put together from these (see
``names.default_graphs``). A triple that several records may state, such as the name of a publisher, is also listed in
a hidden graph of each of them, and stays until the last of them goes (see ``update.GraphUpdate``).

One batch of the engine contains a record's new triples, the
list of triples to remove, and the ledger position; the removal follows after that, or at the next opening if a crash
came between. The engine does not fsync: a power cut may lose its last batches, never a batch in part, and the stored
position shows from where to replay.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import shutil
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyoxigraph import Literal, NamedNode, Quad, Store, Triple

from node.adapters.graph.checkpoints import Checkpoints, Copy
from node.adapters.graph.faults import damage_fault, unusable
from node.adapters.graph.in_cage import DAMAGED
from node.adapters.graph.inferences import ALONE, Drawing, InferenceDrawer, InferenceGraphs, Inferences, Key
from node.adapters.graph.names import (
    HOLDS,
    META,
    POSITION,
    audience_graph,
    audiences_of,
    dataset_name,
    default_graphs,
)
from node.adapters.graph.results import with_charset
from node.adapters.graph.update import GraphUpdate, as_stored
from node.adapters.graph.writes import batches, facts_of, finish, is_incomplete, write
from node.base.crashpoints import crashpoint
from node.base.errors import Damaged, LocalFault, TooLarge
from node.base.heap import give_back
from node.cage.cage import Cage
from node.cage.model import QUERY, Limits
from node.catalogue.model import Record
from node.semantics.documents import relabel
from node.semantics.entailment import Reach
from node.semantics.sparql import guard, result_type

log = logging.getLogger("hansa.views")

LAYOUT: Final = 3
"""Raised with every change of the graphs in the store: a store of another layout is left and a new one is made."""

_FLUSH_AFTER: Final = 50_000
"""Statements after which buffers are written out: until then they take some 800 bytes of memory each. At each flush
the engine writes tables that it later merges: with a fifth of this number, it writes more than twice as much."""

_ATTEMPTS: Final = 3
"""Times that a query looks for its inferences, while the statements change."""

MAX_RECORDS: Final = 20_000
"""Records in a disposable store: more do not fit into the memory of a child."""


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A copy for one query, and the store's graphs, the number of its life and its inferences at that time."""

    copy: Copy
    graphs: frozenset[NamedNode]
    life: int
    inferences: Mapping[Key, Inferences]


class OxigraphGraph:
    """Implements ``node.catalogue.ports.Graph`` on a folder that belongs to this process alone.

    The store is opened at first use. Every method may raise ``LocalFault`` with a remedy if the folder is damaged or
    in use; ``clear`` then starts with an empty store.
    """

    def __init__(self, path: Path, cage: Cage, *, limits: Limits = QUERY) -> None:
        self._parent = path
        self._folder = path / f"store-{LAYOUT}"
        self._checkpoints = Checkpoints(path / "checkpoints")
        self._cage = cage
        self._limits = limits
        self._lock = threading.RLock()
        self.inferences = InferenceGraphs()
        self._drawer = InferenceDrawer(
            self.inferences, self._checkpoint, self._call, begin=self._begin_drawing, keep=self._keep
        )
        self._store: Store | None = None
        self._known = False
        self._position = 0
        self._graphs: frozenset[NamedNode] = frozenset()
        self._damaged = False
        self._life = 0
        self._generation = 0
        self._unflushed = 0
        self._is_written = False
        self._used = time.monotonic()

    def apply(self, records: Iterable[Record], position: int) -> None:
        """Replace the triples of ``records``, each of another asset; ``position`` goes into the batch of the last.

        Queries may run between two batches, never within one.
        """
        together = batches(records)
        batch = next(together, ())
        while True:
            following = next(together, None)
            crashpoint("projection.graph.P1")
            with self._using() as store:
                self._replace(store, batch, position if following is None else None)
            if following is None:
                return
            batch = following

    def position(self) -> int:
        with self._knowing():
            if self._damaged:
                raise damage_fault(DAMAGED)
            return self._position

    async def query(
        self, text: str, *, audiences: Collection[str] | None, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        """See the port; ``audiences`` None stands for every audience (the node's own people)."""
        form = guard(text)
        media_type = result_type(form, accept)
        message: dict[str, Any] = {"query": text, "mediaType": media_type}
        for attempt in range(_ATTEMPTS if entailment else 1):
            async with self._checkpoint() as checkpoint:
                names = audiences_of(checkpoint.graphs) if audiences is None else audiences
                key = tuple(sorted(graph.value for graph in default_graphs(checkpoint.graphs, names)))
                inferences = checkpoint.inferences.get(key) if entailment else None
                if not entailment or inferences or attempt == _ATTEMPTS - 1:
                    message["default"] = [*key, inferences.graph.value] if inferences else list(key)
                    message["named"] = sorted({audience_graph(name).value for name in names})
                    # Without the graph of inferences, they are drawn for this query alone.
                    message["entailment"] = entailment and not inferences
                    body = await self._evaluate(checkpoint, message)
                    break
            await self._drawer.draw(key)
        if entailment:
            self.inferences.ask(key)
        return body, with_charset(media_type)

    async def _evaluate(self, checkpoint: _Checkpoint, message: dict[str, Any]) -> bytes:
        alone = message["entailment"]
        # Inferences take much memory: a child that drew some is not kept.
        shared_by = None if alone else dataset_name(message["default"], message["named"])
        limits = ALONE if alone else self._limits
        _, body = await self._call("graph.query", checkpoint, message, limits=limits, shared_by=shared_by)
        return body

    async def _call(
        self, target: str, checkpoint: _Checkpoint, message: dict[str, Any], *, limits: Limits, shared_by: str | None
    ) -> tuple[dict[str, Any], bytes]:
        path = str(checkpoint.copy.path)
        try:
            answer, (body,) = await self._cage.call(
                target, {**message, "store": path}, limits=limits, readable=[path], shared_by=shared_by
            )
        except LocalFault as fault:
            if fault.detail == DAMAGED:
                self._mark_damaged(checkpoint.life)
                raise damage_fault(DAMAGED) from fault
            raise
        return answer, body

    async def draw_missing(self) -> None:
        """Draw inferences again that changes made invalid. To be called now and then."""
        await self._drawer.draw_missing()

    def _begin_drawing(self) -> Drawing:
        with self._lock:
            return self.inferences.begin()

    def _keep(self, key: Key, ntriples: bytes, reach: Reach, drawing: Drawing) -> None:
        with self._using() as store:
            if self.inferences.keep(store, key, ntriples, reach, drawing):
                self._is_written = True
                self._generation += 1

    async def query_records(
        self, text: str, records: Iterable[Record], *, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        form = guard(text)
        media_type = result_type(form, accept)
        current = [record for record in records if not record.withdrawn]
        if len(current) > MAX_RECORDS:
            raise TooLarge(
                f"the catalogue at that time has more than {MAX_RECORDS} records, which is the limit for a query",
                remedy="ask about one record, or take the versions from the feed",
            )
        message = {
            "records": [[record.iri, record.audience] for record in current],
            "query": text,
            "mediaType": media_type,
            "entailment": entailment,
        }
        limits = ALONE if entailment else self._limits
        blobs = [record.nquads for record in current]
        _, (body,) = await self._cage.call("graph.query_records", message, blobs, limits=limits)
        return body, with_charset(media_type)

    def clear(self) -> None:
        """Start with an empty store; a folder that another process holds is left alone."""
        with self._lock:
            # Opening distinguishes a damaged folder, which may be deleted, from one in use, which may not.
            with contextlib.suppress(Damaged), self._using():
                pass
            self._close()
            self.inferences.clear()
            self._damaged = False
            self._life += 1
            shutil.rmtree(self._folder, ignore_errors=True)
            with self._using():
                pass

    def digest(self) -> str:
        """Return the SHA-256 over the sorted N-Quads of all audience graphs."""
        with self._using() as store:
            lines = [
                f"{quad} .\n"
                for audience in audiences_of(self._graphs)
                for quad in store.quads_for_pattern(None, None, None, audience_graph(audience))
            ]
        lines.sort()
        digest = hashlib.sha256()
        for line in lines:
            digest.update(line.encode())
        return digest.hexdigest()

    def close(self) -> None:
        """Close the folder. The next call opens it again."""
        with self._lock:
            self._flush()
            self._close()

    def rest(self, idle: float = 30.0) -> bool:
        """Free the engine's memory if nothing was written for ``idle`` seconds; return whether it did.

        An engine that has worked keeps some 50 MB of caches; queries do not need it open, they read the checkpoint.
        To be called now and then.
        """
        with self._lock:
            if self._store is None or time.monotonic() - self._used < idle:
                return False
            self._flush()
            self._store = None
        give_back()
        return True

    def _mark_damaged(self, life: int) -> None:
        """Mark the store as damaged: ``position`` then reports it, and every reader of the ledger begins again.

        Does nothing if ``clear`` was called since: the query was slow, and the data that it read are gone already.
        """
        with self._lock:
            self._damaged = self._damaged or life == self._life

    def _flush(self) -> None:
        """Write out the engine's buffers and close it. Its log of changes, which is longer than their tables, is
        deleted when it is opened again. On a full disk the log stays, and the next opening reads it."""
        if self._store is not None and self._is_written:
            with contextlib.suppress(OSError, RuntimeError):
                self._store.flush()
                self._store = None
                Store(self._folder)

    def _close(self) -> None:
        self._checkpoints.drop()
        self._store, self._known = None, False
        self._generation += 1

    @contextlib.contextmanager
    def _using(self) -> Iterator[Store]:
        with self._lock:
            try:
                yield self._open()
            except (OSError, RuntimeError, ValueError) as error:
                # The engine does not write again after a failure until it has been opened anew.
                self._store, self._known = None, False
                raise unusable(self._folder, error) from error

    @contextlib.contextmanager
    def _knowing(self) -> Iterator[None]:
        """As ``_using``, but for what the remembered facts answer: the store stays closed, or is closed once they are
        read, since an open engine takes 4 MB and three threads."""
        with self._lock:
            try:
                if not self._known:
                    self._open()
                    self._store = None
                    give_back()
                yield
            except (OSError, RuntimeError, ValueError) as error:
                raise unusable(self._folder, error) from error

    def _open(self) -> Store:
        if self._store is None:
            for other in self._parent.glob("store-*"):
                if other != self._folder:
                    shutil.rmtree(other, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            store = Store(self._folder)
            if is_incomplete(store):
                log.warning("the graph store was not loaded to its end, and is filled from the ledger again")
                del store
                self.inferences.clear()
                shutil.rmtree(self._folder)
                self._life += 1
                store = Store(self._folder)
            self._checkpoints.clean()
            finish(store)
            self.inferences.clean(store)
            self._position, self._graphs = facts_of(store)
            self._store = store
            self._unflushed = 0
            self._is_written = False
            self._known = True
        self._used = time.monotonic()
        return self._store

    def _replace(self, store: Store, records: Sequence[Record], position: int | None) -> None:
        change = GraphUpdate(store)
        audiences = audiences_of(self._graphs) | {record.audience for record in records}
        for record in records:
            triples = set() if record.withdrawn else as_stored(relabel(record.nquads, record.iri))
            for audience in audiences:
                change.replace(record.iri, audience, triples if audience == record.audience else set())
        change.settle(audiences)
        self._commit(store, change, position)

    def _commit(self, store: Store, change: GraphUpdate, position: int | None) -> None:
        facts = [Quad(META, HOLDS, graph, META) for graph in change.graphs - self._graphs]
        if position is not None and position != self._position:
            change.leave(Triple(META, POSITION, Literal(self._position)), META)
            facts.append(Quad(META, POSITION, Literal(position), META))
        if not (change.added or change.leaving or facts):
            return
        self._is_written = True
        self.inferences.note(change.added, change.leaving)
        commit_position = write(store, change.added, change.leaving, facts)
        if position is not None:
            crashpoint("projection.graph.P2")
        finish(store)
        self._generation += 1
        self._graphs |= change.graphs
        if position is not None:
            self._position = position
        self._unflushed = 0 if commit_position else self._unflushed + len(change.added)
        if self._unflushed >= _FLUSH_AFTER:
            store.flush()
            self._unflushed = 0

    @contextlib.asynccontextmanager
    async def _checkpoint(self) -> AsyncIterator[_Checkpoint]:
        checkpoint = self._newest()
        if checkpoint is None:
            opening = asyncio.ensure_future(asyncio.to_thread(self._acquire))
            try:
                checkpoint = await asyncio.shield(opening)
            except asyncio.CancelledError:
                # The thread continues; the checkpoint that it opens for a cancelled caller is released at once.
                opening.add_done_callback(self._give_back)
                raise
        try:
            yield checkpoint
        finally:
            self._checkpoints.release(checkpoint.copy)

    def _newest(self) -> _Checkpoint | None:
        """Return the newest copy if it shows the store as it is now; never wait for who writes."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            copy = self._checkpoints.newest(self._generation) if self._known else None
            return None if copy is None else _Checkpoint(copy, self._graphs, self._life, self.inferences.current)
        finally:
            self._lock.release()

    def _acquire(self) -> _Checkpoint:
        with self._knowing():
            copy = self._checkpoints.acquire(self._generation, lambda path: self._open().backup(path))
            return _Checkpoint(copy, self._graphs, self._life, self.inferences.current)

    def _give_back(self, opening: asyncio.Future[_Checkpoint]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._checkpoints.release(opening.result().copy)
