"""The route for SPARQL: the SPARQL 1.1 Protocol's query operation over the data that the caller may see, and the
description of the end point (SPARQL 1.1 Service Description).

Three forms of requests (SPARQL 1.1 Protocol §2.1): GET with ``query``, POST of a form, POST of
``application/sparql-query``. ``asOf`` asks about the catalogue as it was at a moment, ``entailment=rl`` also about
what follows from it. The dataset of a query follows from the caller alone; a request that names graphs itself
(§2.1.4) is refused rather than misunderstood. Updates are not possible.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.catalogue.export.service import describe_service
from node.catalogue.query import Ask
from node.catalogue.representations import HTML, VARY, choose
from node.identity.model import Caller
from node.semantics.sparql import GRAPH_TYPES, RESULT_TYPES
from node.web.api_router import PlacedApiRouter
from node.web.bodies import posted_parameters
from node.web.replies import kept_as, kept_for

Identify = Callable[[Request], Awaitable[Caller]]
HtmlForm = Callable[[Request, Caller], Awaitable[Response]]
"""(request, caller) → the page with the form, and with results if the request has a query."""

PARTIAL: Final = "Hansa-Partial"
_ANY_RESULT: Final = "application/sparql-results+json"
_KNOWN: Final = frozenset({"query", "asOf", "entailment"})
_GRAPHS: Final = frozenset({"default-graph-uri", "named-graph-uri", "using-graph-uri", "using-named-graph-uri"})


def router(ask: Ask, *, base: str, identify: Identify, html_form: HtmlForm | None = None) -> APIRouter:
    """Return the routes of ``/sparql`` below ``base``, the address of the node."""
    routes = PlacedApiRouter(tags=["sparql"])

    async def by_get(request: Request) -> Response:
        """Evaluate `query` over what you may see; `asOf` (XSD dateTime) asks about an earlier state.
        `entailment=rl` also finds what follows from it (RDFS, OWL 2 RL in part). Without
        parameters: the description of this end point (SPARQL 1.1 Service Description), in an RDF syntax.
        `Hansa-Partial: true` says that statements are missing: the store is being filled, as after an upgrade."""
        caller = await identify(request)
        accept = request.headers.get("accept")
        if html_form is not None and choose(accept, (_ANY_RESULT, HTML)) == HTML:
            return await html_form(request, caller)
        media_type = choose(accept, (*GRAPH_TYPES, *RESULT_TYPES))
        # Who wants results has forgotten the query, and is told so.
        if not request.query_params and media_type in GRAPH_TYPES:
            body = describe_service(f"{base}/sparql", catalogue=f"{base}/catalog", media_type=media_type)
            return Response(body, media_type=media_type, headers={"Vary": VARY})
        return await _answer(ask, caller, list(request.query_params.multi_items()), accept)

    async def by_post(request: Request) -> Response:
        """Evaluate the query in the body: `application/sparql-query`, or a form with `query`."""
        caller = await identify(request)
        parameters = await posted_parameters(request)
        return await _answer(ask, caller, parameters, request.headers.get("accept"))

    routes.add_api_route("/sparql", by_get, methods=["GET"], name="SPARQL query")
    routes.add_api_route("/sparql", by_post, methods=["POST"], name="SPARQL query by POST")
    return routes


async def _answer(ask: Ask, caller: Caller, parameters: list[tuple[str, str]], accept: str | None) -> Response:
    names = [name for name, _ in parameters]
    if not _GRAPHS.isdisjoint(names):
        raise InvalidInput(
            "this endpoint chooses the graphs of a query itself: those that you may see",
            remedy="leave default-graph-uri and named-graph-uri out",
        )
    if "update" in names:
        raise InvalidInput(
            "this endpoint does not accept updates", remedy="publish a new version of the asset instead"
        )
    unknown = sorted(set(names) - _KNOWN)
    if unknown or len(names) != len(set(names)):
        raise InvalidInput(
            "the parameters are query, asOf and entailment, each at most once",
            remedy="send each of them once, and no other parameter",
        )
    values = dict(parameters)
    is_partial = ask.is_partial and not values.get("asOf")
    body, media_type = await ask(
        values.get("query", ""),
        caller,
        accept or _ANY_RESULT,
        as_of=_moment(values.get("asOf")),
        entailment=values.get("entailment", ""),
    )
    headers = kept_for(caller) | kept_as(media_type, "results") | ({PARTIAL: "true"} if is_partial else {})
    return Response(body, media_type=media_type, headers=headers)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return moment(text)
    except ValueError as error:
        raise InvalidInput(
            "asOf is not a date or a time", remedy="write it as 2026-11-20 or 2026-11-20T12:00:00Z"
        ) from error
