"""The story of a published result as JSON, for anybody who may see the result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import JSONResponse, Response

from node.identity.model import Caller
from node.scenarios.stories.reader import ReadStories
from node.scenarios.stories.view import published_json
from node.semantics.kinds import iri_meant
from node.web.api_router import PlacedApiRouter
from node.web.replies import kept_for
from node.web.search import VersionNumber

Identify = Callable[[Request], Awaitable[Caller]]


def router(stories: ReadStories, *, identify: Identify, base: str) -> PlacedApiRouter:
    """Return the route. ``base`` is the node's public URL."""
    routes = PlacedApiRouter(tags=["catalogue"])

    @routes.get("/api/catalogue/story", name="story")
    async def story(request: Request, iri: str, version: VersionNumber = None) -> Response:
        """The story of a published result of a scenario: question, changes, indicators, caveats, how it was made and
        how to cite it, as far as you may know them. `recorded` is false for a result that was published without a
        story; `story.figures` is false if not everybody may use the result."""
        caller = await identify(request)
        edition = await stories.read(iri_meant(iri, base), caller, version=version)
        return JSONResponse(await asyncio.to_thread(published_json, edition), headers=kept_for(caller))

    return routes
