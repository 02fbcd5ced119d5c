"""The query page: a text, three examples, results as a table; it works without JavaScript."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from node.base.errors import RemoteFault
from node.portal.markup import web_address
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_ROWS: Final = 500
MAX_TEXT: Final = 100_000
ACCEPT: Final = "application/sparql-results+json, text/turtle;q=0.9"

EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    (
        "sparql.example.assets",
        """PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
SELECT ?asset ?title ?publisher WHERE {
  ?asset dct:title ?title ; dct:publisher ?publisher .
} ORDER BY ?title LIMIT 50
""",
    ),
    (
        "sparql.example.kinds",
        """PREFIX dct: <http://purl.org/dc/terms/>
SELECT ?kind (COUNT(DISTINCT ?asset) AS ?assets) WHERE {
  ?asset a ?kind ; dct:title ?title .
} GROUP BY ?kind ORDER BY DESC(?assets)
""",
    ),
    (
        "sparql.example.noise",
        """PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
SELECT ?asset ?title ?policy WHERE {
  ?asset dct:title ?title .
  OPTIONAL { ?asset <http://www.w3.org/ns/odrl/2/hasPolicy> ?policy }
  FILTER(CONTAINS(LCASE(?title), "noise"))
} LIMIT 50
""",
    ),
)


@dataclass(frozen=True, slots=True)
class BoundValue:
    """A bound variable: ``href`` if it is an address to follow, ``own`` if it is an asset's page."""

    text: str
    href: str = ""
    lang: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The query result: a table, a yes or no, or a graph as text."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[BoundValue, ...], ...] = ()
    total: int = 0
    boolean: bool | None = None
    graph: str = ""


async def sparql_page(responder: Responder, visit: Visit) -> Response:
    """``/sparql`` for people. The query is part of the URL, so that it can be shared."""
    text = (visit.fields.get("query") or visit.request.query_params.get("query", ""))[:MAX_TEXT]
    entailment = visit.fields.get("entailment") or visit.request.query_params.get("entailment", "")
    answer: Answer | None = None
    trouble: RemoteFault | None = None
    is_partial = responder.node.catalogue.sparql.is_partial
    if text.strip():
        try:
            body, media_type = await responder.node.catalogue.sparql(
                text, visit.caller, ACCEPT, entailment=entailment
            )
            answer = _answer(body, media_type, visit)
        except RemoteFault as error:
            # Syntax, time, memory, size: the error is shown beside the field, with the query kept.
            trouble = error
    return responder.render(
        visit,
        "sparql.html",
        status=trouble.status if trouble else 200,
        text=text or EXAMPLES[0][1],
        asked=bool(text.strip()),
        entailment=entailment,
        answer=answer,
        trouble=trouble,
        is_partial=is_partial,
        examples=EXAMPLES,
        max_rows=MAX_ROWS,
    )


def _answer(body: bytes, media_type: str, visit: Visit) -> Answer:
    if "sparql-results+json" not in media_type:
        return Answer(graph=body.decode("utf-8", errors="replace")[:200_000])
    document = json.loads(body)
    if "boolean" in document:
        return Answer(boolean=bool(document["boolean"]))
    columns = tuple(document["head"].get("vars", ()))
    bindings = document["results"]["bindings"]
    rows = tuple(tuple(_cell(row.get(name), visit) for name in columns) for row in bindings[:MAX_ROWS])
    return Answer(columns=columns, rows=rows, total=len(bindings))


def _cell(bound: dict[str, Any] | None, visit: Visit) -> BoundValue:
    if not bound:
        return BoundValue("")
    value = str(bound.get("value", ""))
    if bound.get("type") == "uri":
        href = visit.asset(value) if visit.owns(value) else (web_address(value) or "")
        return BoundValue(value, href=href, code=True)
    return BoundValue(value, lang=str(bound.get("xml:lang", "")), code=bound.get("type") == "bnode")
