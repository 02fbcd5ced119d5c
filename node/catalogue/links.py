"""Links between records: the assets that a description refers to, and those that refer to it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from node.base.errors import HansaError
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, iri_term, is_iri, statements
from node.identity.model import Caller
from node.vocab.namespaces import ODRL, RDF

Ask = Callable[[str, Caller, str], Awaitable[tuple[bytes, str]]]
"""(SPARQL query, caller, accepted media type) → (body, media type)."""

RESULTS_JSON = "application/sparql-results+json"

_UNINTERESTING = frozenset({f"{RDF}type", f"{ODRL}hasPolicy", f"{ODRL}target"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Another record, and the property that links it."""

    iri: str
    predicate: str
    kind: str
    titles: dict[str, str]


def mentions(record: Record) -> list[tuple[str, str]]:
    """Return (property, IRI) of everything that ``record`` refers to; most of these IRIs are not records.

    A reference to a version (``…#v3``) counts as one to the asset.
    """
    pairs: dict[tuple[str, str], None] = {}
    for statement in statements(record.nquads):
        if not is_iri(statement.object) or not is_iri(statement.predicate):
            continue
        predicate, iri = iri_of(statement.predicate), iri_of(statement.object).partition("#")[0]
        if predicate not in _UNINTERESTING and iri not in (record.iri, record.subject):
            pairs[(predicate, iri)] = None
    return list(pairs)


async def users_query(ask: Ask, iri: str, caller: Caller) -> list[tuple[str, str]]:
    """Return (property, subject) of the statements with ``iri`` as object that ``caller`` may see.

    The IRI is one that this node holds. ``iri_term`` refuses every character that could end the IRI, so no text of a
    stranger becomes part of a query. If the engine is busy, the result is empty: a page is shown without the links.
    """
    try:
        query = (
            "SELECT DISTINCT ?subject ?predicate WHERE { "
            f"?subject ?predicate {iri_term(iri)} . FILTER(isIRI(?subject)) "
            "} LIMIT 200"
        )
        body, _ = await ask(query, caller, RESULTS_JSON)
        rows = json.loads(body)["results"]["bindings"]
    except (HansaError, ValueError, KeyError):
        return []
    pairs = [(row["predicate"]["value"], row["subject"]["value"].partition("#")[0]) for row in rows]
    # Sorted here: the engine would sort all that use a schema, which takes seconds where thousands do.
    return sorted(
        (pair for pair in pairs if pair[0] not in _UNINTERESTING and pair[1] != iri),
        key=lambda pair: (pair[1], pair[0]),
    )
