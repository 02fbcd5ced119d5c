"""The page that checks with a reasoner whether an ontology contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, TooMany
from node.portal.visit import Visit
from node.semantics.ontologies.consistency import Consistency

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /ontology/reason?iri=…``: what the check does, and the button that starts it."""
    return await _page(responder, visit, visit.request.query_params.get("iri", ""))


async def answer(responder: Responder, visit: Visit) -> Response:
    """``POST /ontology/reason``: check the ontology and show the verdict."""
    iri = visit.fields.get("iri", "")
    try:
        verdict = await responder.node.catalogue.meaning.reason(iri, visit.caller)
    except (InvalidInput, TooMany) as error:
        return await _page(responder, visit, iri, error=error)
    return await _page(responder, visit, iri, verdict=verdict)


async def _page(
    responder: Responder,
    visit: Visit,
    iri: str,
    *,
    verdict: Consistency | None = None,
    error: HansaError | None = None,
) -> Response:
    record = await responder.node.catalogue.browse.record(iri, visit.caller)
    return responder.render(
        visit,
        "reasoning.html",
        status=200 if error is None else error.status,
        record=record,
        verdict=verdict,
        trouble=None if error is None else visit.explain(error),
    )
