"""The graph view in memory: keeps records, and puts a store together for each query. No cage, no files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from pyoxigraph import DefaultGraph, NamedNode, Quad, QueryResultsFormat, QueryTriples, Store

from node.base.errors import InvalidInput
from node.catalogue.model import Record
from node.semantics.documents import relabel, serialize
from node.semantics.entailment import entail
from node.semantics.sparql import guard, result_type
from node.vocab.namespaces import PREFIXES


class MemoryGraph:
    """Implements ``node.catalogue.ports.Graph`` the slow and plain way."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._position = 0

    def apply(self, records: Iterable[Record], position: int) -> None:
        for record in records:
            if record.withdrawn:
                self._records.pop(record.iri, None)
            else:
                self._records[record.iri] = record
        self._position = position

    def position(self) -> int:
        return self._position

    async def query(
        self, text: str, *, audiences: Collection[str] | None, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        records = [r for r in self._records.values() if audiences is None or r.audience in audiences]
        return _answer(text, records, accept, entailment=entailment)

    async def query_records(
        self, text: str, records: Iterable[Record], *, accept: str, entailment: bool = False
    ) -> tuple[bytes, str]:
        current = [record for record in records if not record.withdrawn]
        return _answer(text, current, accept, entailment=entailment)

    def clear(self) -> None:
        self._records.clear()
        self._position = 0

    def digest(self) -> str:
        lines = sorted(f"{quad} .\n" for quad in _store(self._records.values()) if quad.graph_name != DefaultGraph())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _store(records: Iterable[Record]) -> Store:
    store = Store()
    for record in records:
        graph = NamedNode(f"urn:hansa:audience:{record.audience}")
        for triple in relabel(record.nquads, record.iri):
            store.add(Quad(triple.subject, triple.predicate, triple.object, graph))
            store.add(Quad(triple.subject, triple.predicate, triple.object))
    return store


def _answer(text: str, records: Iterable[Record], accept: str, *, entailment: bool) -> tuple[bytes, str]:
    media_type = result_type(guard(text), accept)
    try:
        store = _store(records)
        if entailment:
            inferences = entail({quad.triple for quad in store})
            store.extend(Quad(one.subject, one.predicate, one.object) for one in inferences)
        results = store.query(text, prefixes=PREFIXES)
    except SyntaxError as error:
        raise InvalidInput(str(error)) from error
    if isinstance(results, QueryTriples):
        body = serialize(list(results), media_type)
    else:
        body = results.serialize(format=QueryResultsFormat.from_media_type(media_type))
    return body, f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
