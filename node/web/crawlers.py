"""The routes for search engines: ``robots.txt`` and the sitemap."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from node.base.errors import NotFound
from node.catalogue.export.sitemap import PATH, Sitemap, robots

_CACHE: Final = {"Cache-Control": "public, max-age=600"}


def routes(sitemap: Sitemap, *, path: str) -> list[Route]:
    """Return the routes. ``path`` is that of the node's public URL. Programs ask for ``robots.txt`` at the root of
    the host, so that of a node below a path is there to be copied."""

    async def robots_txt(_: Request) -> Response:
        return Response(robots(sitemap.iri, path), media_type="text/plain", headers=_CACHE)

    async def whole(_: Request) -> Response:
        return Response(await sitemap.document(), media_type="application/xml", headers=_CACHE)

    async def page(request: Request) -> Response:
        body = await sitemap.page(request.path_params["number"])
        if body is None:
            raise NotFound("the sitemap has no such page", remedy=f"begin at {sitemap.iri}")
        return Response(body, media_type="application/xml", headers=_CACHE)

    return [
        Route("/robots.txt", robots_txt, methods=["GET"]),
        Route(PATH, whole, methods=["GET"]),
        Route("/sitemap-{number:int}.xml", page, methods=["GET"]),
    ]
