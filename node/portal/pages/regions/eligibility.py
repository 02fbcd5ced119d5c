"""The page of who could get an asset of this node now, by name, and what they would get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import NotFound
from node.catalogue.publication.part_preview import part_words
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def eligibility(responder: Responder, visit: Visit) -> Response:
    """``GET /record/eligibility?iri=…``: the known participants with the verdict about each."""
    iri = visit.request.query_params.get("iri", "")
    if len(iri) > 2048:
        raise NotFound
    report = await responder.node.region.eligibility.of(iri, visit.caller)
    return responder.render(
        visit,
        "eligibility.html",
        record=report.record,
        report=report,
        words=responder.node.catalogue.access.sentences(report.record, visit.language),
        part=part_words(report.record, visit.language),
    )
