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
from node.portal.facets import chips_of, facets_of
from node.portal.pages.data.maps import live_map
from node.portal.queries import Search
from node.portal.visit import Visit
from node.semantics.codelists.places import PLACES

if TYPE_CHECKING:
    from node.portal.responder import Responder

_ADDRESS: Final = 2048


async def search(responder: Responder, visit: Visit) -> Response:
    """``/search/region?q=…&format=…&page=…``: the region's hits for this node; those that are known here link to
    their page. A region that does not answer is said to, and what was chosen stays."""
    size = responder.settings.page_size
    last = MAX_OFFSET // size
    # The region's cursors are its own; pages are counted here.
    search = Search.read(pair for pair in visit.parameters() if pair[0] not in ("cursor", "sort"))
    number = min(search.page, last)
    results, trouble = None, None
    try:
        results = await responder.node.region.search(
            search.on_page(1).pairs(),
            visit.caller,
            language=visit.language,
            offset=(number - 1) * size,
            limit=size,
        )
    except HansaError as error:
        if error.status in (401, 403):
            raise
        trouble = visit.explain(error)
    hits = results.hits if results else ()
    browse = responder.node.catalogue.browse
    names = {publisher.id: publisher.name for publisher in await browse.publishers(visit.caller)}
    names |= {hit.origin: hit.publisher_name for hit in hits}
    return responder.render(
        visit,
        "region-search.html",
        search=search,
        results=results,
        box_map=live_map(responder, visit, ()),
        facets=facets_of(visit, search, results.facets if results else {}, names),
        chips=chips_of(visit, search, names),
        places=[place.name for place in PLACES],
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
