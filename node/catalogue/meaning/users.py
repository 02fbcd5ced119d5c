"""Find the assets that use a term of an ontology, or an ontology or schema as a whole.

Only what the caller may see is asked for and returned: a hidden asset that uses a term is not even counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from node.base.errors import HansaError, InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.links import RESULTS_JSON, Ask
from node.catalogue.model import Record
from node.catalogue.nquads import iri_term
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.impact import TermUser
from node.vocab.namespaces import HANSA, ODRL

TERMS: Final = 90
"""Terms whose users are looked for; the most important come first."""
_TOGETHER: Final = 30
"""Terms in one query: a query has a limited length."""
_ROWS: Final = 1000
_MOST: Final = 50
"""Users of one term that are returned."""

_QUIET: Final = frozenset({f"{ODRL}hasPolicy", f"{ODRL}target"})


class Users:
    """Looks for the users of terms and assets, as far as a caller may see them."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility, ask: Ask | None) -> None:
        """``ask`` evaluates a SPARQL query for a caller; without it nothing has users."""
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._ask = ask

    async def of_terms(
        self, iris: Sequence[str], caller: Caller, *, apart_from: Collection[str] = ()
    ) -> Mapping[str, tuple[TermUser, ...]]:
        """Return for each of ``iris`` the assets that use it: in their descriptions, in the parts of these, or in the
        definition of a schema. The records ``apart_from`` do not count.

        If the engine is busy or the question takes too long, fewer are returned: they are information.
        """
        if self._ask is None:
            return {}
        uses: dict[str, list[tuple[str, str]]] = {}
        for some in _together([iri for iri in iris if _is_usable(iri)][:TERMS]):
            for term, predicate, subject in await self._rows(self._ask, _query(some), caller):
                uses.setdefault(term, []).append((predicate, subject))
        return await asyncio.to_thread(self._links, uses, caller, frozenset(apart_from))

    async def of_asset(self, iri: str, caller: Caller) -> tuple[TermUser, ...]:
        """Return the assets that refer to the asset ``iri``, also from a part of their description."""
        return (await self.of_terms([iri], caller, apart_from=(iri,))).get(iri, ())

    def sees(self, record: Record, caller: Caller) -> bool:
        """Return whether ``caller`` may see ``record``, the newest version of its asset."""
        return self._exists(record, caller)

    def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        """Return the versions of an asset that ``caller`` may see, newest first. It blocks."""
        with self._uow.read() as tx:
            return self._records.versions(tx, iri, audiences=self._visibility.audiences(caller))

    def heads(self, links: Iterable[TermUser], caller: Caller) -> list[Record]:
        """Return the newest versions of ``links``. It blocks."""
        with self._uow.read() as tx:
            heads = [self._records.get(tx, link.iri) for link in links]
        return [head for head in heads if head is not None and self._exists(head, caller)]

    async def _rows(self, ask: Ask, query: str, caller: Caller) -> list[tuple[str, str, str]]:
        try:
            body, _ = await ask(query, caller, RESULTS_JSON)
            rows = json.loads(body)["results"]["bindings"]
        except (HansaError, ValueError, KeyError):
            return []
        return [(row["term"]["value"], row["p"]["value"], row["s"]["value"]) for row in rows]

    def _links(
        self, uses: Mapping[str, Sequence[tuple[str, str]]], caller: Caller, apart: frozenset[str]
    ) -> dict[str, tuple[TermUser, ...]]:
        heads: dict[str, Record | None] = {}
        by_term: dict[str, tuple[TermUser, ...]] = {}
        with self._uow.read() as tx:
            for term, pairs in uses.items():
                links: dict[str, TermUser] = {}
                for predicate, subject in pairs:
                    if predicate in _QUIET or len(links) == _MOST:
                        continue
                    for iri in _addresses(subject):
                        if iri not in heads:
                            heads[iri] = self._records.get(tx, iri)
                        head = heads[iri]
                        if head is not None and iri not in apart and self._exists(head, caller):
                            link = TermUser(iri=iri, predicate=predicate, kind=head.kind, titles=head.titles)
                            links.setdefault(iri, link)
                            break
                if links:
                    by_term[term] = tuple(sorted(links.values(), key=lambda link: (link.kind, link.iri)))
        return by_term

    def _exists(self, head: Record, caller: Caller) -> bool:
        return not head.withdrawn and self._visibility.may_see(head, caller)


def _together(iris: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(iris), _TOGETHER):
        yield iris[first : first + _TOGETHER]


def _is_usable(iri: str) -> bool:
    try:
        return bool(iri_term(iri)) and len(iri) <= 300
    except InvalidInput:
        return False


def _addresses(subject: str) -> Iterator[str]:
    """Yield the addresses of records that ``subject`` may be a part of."""
    whole = subject.partition("#")[0]
    yield subject
    if whole != subject:
        yield whole
    record = whole.partition("/files/")[0]
    if record != whole:
        yield record


def _query(iris: Sequence[str]) -> str:
    """Return the query for the uses of ``iris``. ``iri_term`` refuses every character that could end an IRI, so no
    text of a stranger becomes part of a query."""
    values = f"VALUES ?term {{ {' '.join(map(iri_term, iris))} }}"
    return (
        "SELECT DISTINCT ?term ?p ?s WHERE { "
        f"{{ {values} ?s ?p ?term . FILTER(isIRI(?s)) }} UNION "
        f"{{ {values} ?b ?q ?term . FILTER(isBlank(?b)) ?s ?p ?b . FILTER(isIRI(?s)) }} UNION "
        f"{{ {values} ?c ?r ?term . FILTER(isBlank(?c)) ?b ?q ?c . FILTER(isBlank(?b)) ?s ?p ?b . "
        "FILTER(isIRI(?s)) } UNION "
        f"{{ {values} ?s ?term ?o . FILTER(isIRI(?s)) BIND(?term AS ?p) }} UNION "
        f"{{ ?s <{HANSA}definition> ?text . FILTER(isIRI(?s)) {values} "
        f"FILTER(CONTAINS(STR(?text), CONCAT('\"', STR(?term), '\"'))) BIND(<{HANSA}definition> AS ?p) }} "
        f"}} LIMIT {_ROWS}"
    )
