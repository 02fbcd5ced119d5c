"""The page that checks a file against a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, Overloaded, TooLarge, TooMany
from node.catalogue.drafts.data_check import DataReport
from node.exchange.names import safe_name
from node.portal.forms import check_csrf
from node.portal.uploads import read_upload
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /schema/check?iri=…``: choose a file."""
    return await _page(responder, visit, visit.request.query_params.get("iri", ""))


async def check(responder: Responder, visit: Visit) -> Response:
    """``POST /schema/check``: compare the file with the schema, and show the breaches."""
    upload = await read_upload(visit.request)
    # Before a byte of the file is read.
    check_csrf(responder.settings.secret, visit.session, upload.fields)
    iri = upload.fields.get("iri", "")
    try:
        if upload.chunks is None or not upload.name:
            raise InvalidInput("no file was chosen", remedy="choose a data file", facts={"case": "no-file"})
        checker = responder.node.catalogue.meaning.check_data
        report = await checker(iri, safe_name(upload.name), upload.chunks, visit.caller)
    except (InvalidInput, TooLarge, TooMany, Overloaded) as error:
        return await _page(responder, visit, iri, error=error)
    return await _page(responder, visit, iri, report=report)


async def _page(
    responder: Responder,
    visit: Visit,
    iri: str,
    *,
    report: DataReport | None = None,
    error: HansaError | None = None,
) -> Response:
    record = await responder.node.catalogue.browse.record(iri, visit.caller)
    return responder.render(
        visit,
        "check.html",
        status=200 if error is None else error.status,
        record=record,
        result=report,
        limit=responder.node.catalogue.meaning.check_data.limit,
        trouble=None if error is None else visit.explain(error),
    )
