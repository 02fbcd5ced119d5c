"""The subjects of the schema registry with the verdicts of their versions, for programs and the terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import JSONResponse, Response

from node.catalogue.meaning.schema_history import SchemaHistories
from node.identity.model import Caller
from node.web.api_router import PlacedApiRouter
from node.web.replies import kept_for

Identify = Callable[[Request], Awaitable[Caller]]


def router(*, histories: SchemaHistories, identify: Identify) -> PlacedApiRouter:
    """Return the routes."""
    routes = PlacedApiRouter(tags=["catalogue"])

    async def subjects(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
        """The schemas that you may see and that the registry at `/registry` has, at most 2,000; with `q`, those whose
        name or title has this text."""
        caller = await identify(request)
        matches = await histories.subjects(caller, text=q)
        return JSONResponse({"subjects": [subject.to_json() for subject in matches]}, headers=kept_for(caller))

    async def versions(request: Request, subject: Annotated[str, Query(max_length=2048)]) -> Response:
        """The newest 50 versions of a `subject`, by its name or address: each with its `verdict` against the one
        before (`first`, `same`, `full`, `backward`, `forward`, `none`), its changes, and the references in it."""
        caller = await identify(request)
        return JSONResponse((await histories(subject, caller)).to_json(), headers=kept_for(caller))

    routes.add_api_route("/api/catalogue/subjects", subjects, methods=["GET"], name="subjects of the registry")
    routes.add_api_route("/api/catalogue/subject", versions, methods=["GET"], name="versions of a subject")
    return routes
