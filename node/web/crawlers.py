"""The routes for search engines: ``robots.txt`` and the sitemap."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from node.base.errors import NotFound
from node.catalogue.export.sitemap import PATH, Sitemap, SitemapDocument, robots
from node.web.replies import is_unchanged

_CACHE: Final = {"Cache-Control": "public, max-age=600"}
_ASK_AGAIN: Final = {"Cache-Control": "public, no-cache"}
"""To ask whether a document has changed costs the node little."""


def routes(sitemap: Sitemap, *, path: str) -> list[Route]:
    """Return the routes. ``path`` is that of the node's public URL. Programs ask for ``robots.txt`` at the root of
    the host, so that of a node below a path is there to be copied."""

    async def robots_txt(_: Request) -> Response:
        return Response(robots(sitemap.iri, path), media_type="text/plain", headers=_CACHE)

    async def whole(request: Request) -> Response:
        return _answer(request, await sitemap.document())

    async def page(request: Request) -> Response:
        document = await sitemap.page(request.path_params["number"])
        if document is None:
            raise NotFound("the sitemap has no such page", remedy=f"begin at {sitemap.iri}")
        return _answer(request, document)

    return [
        Route("/robots.txt", robots_txt, methods=["GET"]),
        Route(PATH, whole, methods=["GET"]),
        Route("/sitemap-{number:int}.xml", page, methods=["GET"]),
    ]


def _answer(request: Request, document: SitemapDocument) -> Response:
    """Return a document, or 304 to a program that has it (RFC 9110 §13.1.2)."""
    tag = f'"{document.tag}"'
    headers = {**_ASK_AGAIN, "ETag": tag}
    if is_unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(document.body, media_type="application/xml", headers=headers)
