"""The page with the FAIR points of an ontology, and how complete its documentation is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def fairness(responder: Responder, visit: Visit) -> Response:
    """``GET /ontology/fairness?iri=…``: what is good, what to correct first, and each criterion with its points."""
    iri = visit.request.query_params.get("iri", "")
    view = await responder.node.catalogue.browse.fairness(iri, visit.caller)
    return responder.render(visit, "fairness.html", record=view.ontology, report=view.report)
