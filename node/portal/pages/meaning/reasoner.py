"""The page that checks with a reasoner whether an ontology contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, TooMany
from node.catalogue.drafts.contradictions import ReasonerAnswer
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /ontology/reason?iri=…``: what the check does, and the button that starts it."""
    return await _page(responder, visit, visit.request.query_params.get("iri", ""))


async def answer(responder: Responder, visit: Visit) -> Response:
    """``POST /ontology/reason``: check the ontology and show the verdict."""
    iri, imports = visit.fields.get("iri", ""), bool(visit.fields.get("imports"))
    try:
        reasoning = await responder.node.catalogue.meaning.reason(iri, visit.caller, imports=imports)
    except (InvalidInput, TooMany) as error:
        return await _page(responder, visit, iri, error=error)
    return await _page(responder, visit, iri, reasoning=reasoning)


async def _page(
    responder: Responder,
    visit: Visit,
    iri: str,
    *,
    reasoning: ReasonerAnswer | None = None,
    error: HansaError | None = None,
) -> Response:
    browse = responder.node.catalogue.browse
    record = await browse.record(iri, visit.caller)
    closure = reasoning.closure if reasoning else await browse.imports.closure(iri, visit.caller)
    return responder.render(
        visit,
        "reasoning.html",
        status=200 if error is None else error.status,
        record=record,
        verdict=reasoning.consistency if reasoning else None,
        imports=closure.imports if closure else (),
        with_imports=closure is not None,
        trouble=None if error is None else visit.explain(error),
    )
