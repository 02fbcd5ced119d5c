"""The routes of the catalogue for data portals: every resource of this node as DCAT-AP 3, in pages.

Portals that harvest choose a syntax with the ``Accept`` header or with an ending (``/catalog.ttl``) and follow
``hydra:next`` to the last page. Later they ask with the ``ETag`` of a page whether it has changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from node.base.errors import InvalidInput
from node.catalogue.export.catalog import PATH, CatalogExport
from node.catalogue.representations import HTML, VARY, acceptable
from node.identity.model import Caller
from node.semantics.documents import JSON_LD, MAX_IRI, N_TRIPLES, RDF_XML, TURTLE
from node.web.api_router import PlacedApiRouter
from node.web.replies import is_unchanged, kept_for

Identify = Callable[[Request], Awaitable[Caller]]

TYPES: Final = (TURTLE, JSON_LD, RDF_XML, N_TRIPLES)
"""The syntaxes of the catalogue; the first is the default."""
ENDINGS: Final = {"ttl": TURTLE, "jsonld": JSON_LD, "rdf": RDF_XML, "xml": RDF_XML, "nt": N_TRIPLES}
"""For harvesters that are configured with an address only: ending of the address → syntax."""


def router(export: CatalogExport, *, identify: Identify) -> APIRouter:
    """Return the routes of ``/catalog``."""
    routes = PlacedApiRouter(tags=["catalogue"])

    async def page(request: Request, after: str = "") -> Response:
        """The catalogue as DCAT-AP 3: a page of whole descriptions. `hydra:next` names the next page. Browsers are
        sent to the search page."""
        media_type = acceptable(request.headers.get("accept"), (*TYPES, HTML))
        if media_type == HTML:
            return RedirectResponse(f"{export.home}/search", status_code=303, headers={"Vary": VARY})
        return await answer(request, after, media_type)

    def in_syntax(media_type: str, ending: str) -> Callable[..., Awaitable[Response]]:
        async def show(request: Request, after: str = "") -> Response:
            return await answer(request, after, media_type, ending)

        return show

    async def answer(request: Request, after: str, media_type: str, ending: str = "") -> Response:
        if len(after) > MAX_IRI:
            raise InvalidInput("`after` is not the address of a page", remedy=f"begin at {export.iri}")
        caller = await identify(request)
        async with export.turns:
            return await write(request, caller, after, media_type, ending)

    async def write(request: Request, caller: Caller, after: str, media_type: str, ending: str) -> Response:
        catalog = await export.page(caller, after=after, ending=ending)
        tag = f'"{catalog.tag}.{TYPES.index(media_type)}"'
        links = [f'<{catalog.first}>; rel="first"', *([f'<{catalog.next}>; rel="next"'] if catalog.next else [])]
        headers = {
            **kept_for(caller),
            "ETag": tag,
            "Link": ", ".join(links),
        }
        if is_unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        body = await export.document(catalog, media_type)
        return Response(body, media_type=media_type, headers=headers)

    routes.add_api_route(PATH, page, methods=["GET"], name="catalogue as DCAT-AP")
    for ending, media_type in ENDINGS.items():
        show = in_syntax(media_type, f".{ending}")
        routes.add_api_route(f"{PATH}.{ending}", show, methods=["GET"], include_in_schema=False)
    return routes
