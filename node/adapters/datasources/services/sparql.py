"""SPARQL end points of others (SPARQL 1.1 Protocol) as a data source: their named graphs are the items.

Readers query one graph, or all of them under the name ``all``; without a query they get the graph. The graph is named
in the request to the server (§2.1.4), so that nothing that a reader writes leads out of it; a server that does not
keep to it is found out before the first answer.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.adapters.datasources.requests import check_address, credential_headers, fetch
from node.adapters.datasources.services.answers import json_object, nothing
from node.adapters.datasources.services.sparql_text import check_query
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question

ALL: Final = "all"
"""The item that is the whole dataset of the server."""
_IRI: Final = re.compile(r"(?:https?|urn):[^\s<>\"{}|\\^`\x00-\x20]{1,1000}")
_RESULTS: Final = (
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
)
_GRAPHS: Final = (
    "text/turtle",
    "application/n-triples",
    "application/rdf+xml",
    "application/ld+json",
    "application/n-quads",
    "application/trig",
)
_KNOWN: Final = frozenset((*_RESULTS, *_GRAPHS, "application/json", "application/xml"))
_WHOLE: Final = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
_ANYTHING: Final = "ASK { ?s ?p ?o }"
_NAMES: Final = "SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ ?s ?p ?o }} }} ORDER BY ?g LIMIT {limit}"
_TRUSTED: Final = 600.0
"""Seconds for which a server is known to keep to the graph that is named."""


class SparqlConnector:
    """``node.datasources.ports.Connector`` for SPARQL end points."""

    kind = "sparql"
    options: tuple[str, ...] = ()

    def __init__(self, egress: Egress, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._egress = egress
        self._monotonic = monotonic
        self._trust: dict[str, float] = {}

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)

    def connect(self, setup: Setup) -> DataConnection:
        return SparqlConnection(self._egress, setup, self._trust, self._monotonic)


class SparqlConnection:
    """A connection to a SPARQL end point."""

    def __init__(self, egress: Egress, setup: Setup, trust: dict[str, float], monotonic: Callable[[], float]) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address).rstrip("/")
        self._headers = credential_headers(setup.credentials)
        self._trust = trust
        self._monotonic = monotonic

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=("query",), places=4)

    async def items(self, limit: int) -> Sequence[Item]:
        content = await self._ask(_NAMES.format(limit=max(1, limit)))
        try:
            names = [binding["g"]["value"] for binding in content["results"]["bindings"]]
        except (KeyError, TypeError) as error:
            raise _no_results() from error
        graphs = [
            Item(path=name, media_type="text/turtle") for name in names if isinstance(name, str) and _is_iri(name)
        ]
        return [*graphs, Item(path=ALL, media_type="text/turtle")][:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if item != ALL and not _is_iri(item):
            raise NotFound("the data source has no such graph", remedy="hansa source test lists them")
        if question.path not in ("", "sparql"):
            raise NotFound("a graph has nothing below it", remedy="ask at the address itself: ?query=…")
        query, accept = _read_question(item, question)
        if not question.wants_body:
            yield nothing(question, accept.partition(",")[0])
            return
        graph: Parameters = ()
        if item != ALL:
            await self._require_confinement()
            graph = (("default-graph-uri", item),)
            if not (await self._ask(_ANYTHING, graph)).get("boolean"):
                raise NotFound("the data source has no such graph", remedy="hansa source test lists them")
        headers = {**self._headers, "Accept": accept}
        async with fetch(
            self._egress, self._url(query, graph), headers, parameters=bool(question.parameters)
        ) as extract:
            plain = extract.media_type.partition(";")[0].strip().lower()
            if plain not in _KNOWN:
                raise DataSourceUnreachable(
                    "the data source answers with something other than results or RDF",
                    remedy="ask its steward: hansa source test",
                )
            yield extract

    async def _require_confinement(self) -> None:
        """Raise ``DataSourceUnreachable`` unless the server keeps to the graph that a request names: about one that
        there is not, it must know nothing."""
        if self._trust.get(self._address, 0.0) > self._monotonic():
            return
        absent = (("default-graph-uri", f"urn:uuid:absent-{secrets.token_hex(16)}"),)
        if (await self._ask(_ANYTHING, absent)).get("boolean") is not False:
            raise DataSourceUnreachable(
                "the data source does not keep to one graph (default-graph-uri), so it cannot be shared by graphs",
                remedy=f"share the whole of it, as the item {ALL}, or a file",
            )
        if len(self._trust) >= 1000:
            self._trust.clear()
        self._trust[self._address] = self._monotonic() + _TRUSTED

    async def _ask(self, query: str, graph: Parameters = ()) -> dict[str, Any]:
        url = self._url(query, graph)
        content = await json_object(self._egress, url, self._headers, accept=_RESULTS[0])
        if not ("boolean" in content or "results" in content):
            raise _no_results()
        return dict(content)

    def _url(self, query: str, graph: Parameters) -> str:
        return f"{self._address}?{urlencode((('query', query), *graph), quote_via=quote)}"


def _is_iri(item: str) -> bool:
    return bool(_IRI.fullmatch(item))


def _read_question(item: str, question: Question) -> tuple[str, str]:
    """Return the query, and the types that the reader takes. Raises ``InvalidInput``."""
    if not question.parameters:
        return _WHOLE, _types(question, _GRAPHS, "text/turtle")
    if [name for name, _ in question.parameters] != ["query"]:
        raise InvalidInput("the only parameter here is query, once", remedy="such as ?query=SELECT…")
    query = check_query(question.parameters[0][1], is_one_graph=item != ALL)
    return query, _types(question, (*_RESULTS, *_GRAPHS), f"{_RESULTS[0]}, text/turtle;q=0.9")


def _types(question: Question, media_types: Sequence[str], default: str) -> str:
    """Return the types of ``media_types`` that the reader asks for, or else the type of the offer if it is one."""
    entries = [entry.partition(";")[0].strip().lower() for entry in question.accept.split(",")]
    chosen = [entry for entry in entries if entry in media_types]
    if chosen:
        return ", ".join(dict.fromkeys(chosen))
    plain = question.media_type.partition(";")[0].strip().lower()
    return plain if plain in _GRAPHS and not question.parameters else default


def _no_results() -> DataSourceUnreachable:
    return DataSourceUnreachable("the data source answers no queries of SPARQL", remedy="check the address")
