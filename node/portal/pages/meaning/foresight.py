"""The page that compares a file with the newest version of an ontology or a schema, before it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, Overloaded, TooLarge
from node.catalogue.drafts.foresight import Foresight
from node.exchange.names import safe_name
from node.portal.forms import check_csrf
from node.portal.uploads import read_upload
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /record/foresee?iri=…``: choose the file of a next version."""
    return await _page(responder, visit, visit.request.query_params.get("iri", ""))


async def foresee(responder: Responder, visit: Visit) -> Response:
    """``POST /record/foresee``: compare the file with the newest version, and show what it would change."""
    upload = await read_upload(visit.request)
    # Before a byte of the file is read.
    check_csrf(responder.settings.secret, visit.session, upload.fields)
    iri = upload.fields.get("iri", "")
    try:
        if upload.chunks is None or not upload.name:
            raise InvalidInput("no file was chosen", remedy="choose a file", facts={"case": "no-file"})
        use_case = responder.node.catalogue.meaning.foresee
        foresight = await use_case(iri, safe_name(upload.name), upload.chunks, visit.caller)
    except (InvalidInput, TooLarge, Overloaded) as error:
        return await _page(responder, visit, iri, error=error)
    return await _page(responder, visit, iri, foresight=foresight)


async def _page(
    responder: Responder,
    visit: Visit,
    iri: str,
    *,
    foresight: Foresight | None = None,
    error: HansaError | None = None,
) -> Response:
    record = await responder.node.catalogue.browse.record(iri, visit.caller)
    return responder.render(
        visit,
        "foresee.html",
        status=200 if error is None else error.status,
        record=record,
        foresight=foresight,
        limit=responder.node.catalogue.meaning.foresee.limit,
        trouble=None if error is None else visit.explain(error),
    )
