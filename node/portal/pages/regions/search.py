"""The catalogue of the region, searched from the own portal, and access asked for from a hit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from node.base.errors import HansaError, NotFound
from node.catalogue.browse import MAX_OFFSET
from node.catalogue.model import Record
from node.identity.roles import UseCase, allowed
from node.portal.visit import PLURALS, Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_LONGEST: Final = 300
"""Characters of a search."""
_ADDRESS: Final = 2048


async def search(responder: Responder, visit: Visit) -> Response:
    """``/search/region?q=…&kind=…&page=…``: the region's hits for this node; those that are known here link to their
    page. A region that does not answer is said to, and what was typed stays."""
    query = visit.request.query_params
    words, kind = query.get("q", "")[:_LONGEST], query.get("kind", "")
    kind = kind if kind in PLURALS else ""
    size = responder.settings.page_size
    last = MAX_OFFSET // size
    number = min(int(query["page"]), last) if query.get("page", "").isdecimal() and int(query["page"][:9]) > 0 else 1
    results, trouble = None, None
    try:
        results = await responder.node.region.search(
            words, visit.caller, kind=kind, language=visit.language, offset=(number - 1) * size, limit=size
        )
    except HansaError as error:
        if error.status in (401, 403):
            raise
        trouble = visit.explain(error)
    hits = results.hits if results else ()
    return responder.render(
        visit,
        "region-search.html",
        words=words,
        kind=kind,
        results=results,
        here=await _records(responder, visit, [hit.iri for hit in hits]),
        number=number,
        more=bool(results and results.total > number * size and number < last),
        first=(number - 1) * size + 1,
        trouble=trouble,
        may_ask=allowed(visit.caller, UseCase.NEGOTIATE),
        status=200 if trouble is None else 502,
    )


async def ask(responder: Responder, visit: Visit) -> Response:
    """``POST /search/region/ask``: begin a negotiation about a hit for this node, then watch it."""
    iri = visit.fields.get("iri", "")[:_ADDRESS]
    negotiation = await responder.node.contracts.acquire.ask(iri, visit.caller)
    return responder.go(visit, visit.url(f"/processes/{quote(negotiation.pid, safe='')}", done="asked"))


async def _records(responder: Responder, visit: Visit, iris: list[str]) -> dict[str, Record | None]:
    """Return the records that the reader may see here, by IRI; None for the others."""

    async def read(iri: str) -> Record | None:
        try:
            return await responder.node.catalogue.browse.record(iri, visit.caller)
        except NotFound:
            return None

    return dict(zip(iris, await asyncio.gather(*map(read, iris)), strict=True))
