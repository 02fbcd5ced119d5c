"""Check data against a schema over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from node.catalogue.drafts.data_check import CheckData
from node.catalogue.representations import language_in
from node.exchange.names import safe_name
from node.semantics.kinds import iri_meant
from node.web.api_router import PlacedApiRouter
from node.web.bodies import chunks
from node.web.caller_checks import knowing
from node.web.management.person import Person


def router(*, person: Person, check: CheckData, base: str) -> APIRouter:
    """Return the route. ``base`` is the node's public URL."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/schemas/check",
        summary="Check a file against a schema",
        description=(
            "The body is the file itself: a table (CSV, TSV) or rows of JSON or GeoJSON. Each row is compared with "
            "the JSON Schema of the asset `schema` (an address, or `schema/NAME` of this node). Nothing of it is "
            "kept. `count` counts all breaches, `breaches` lists the first hundred with row, column and reason. "
            "`whole` is false if the file has more rows than are checked; `untried` lists patterns that take too "
            "long. "
            "`X-File-Name` may name the file."
        ),
    )
    async def check_file(request: Request, schema: Annotated[str, Query(max_length=2048)] = "") -> Any:
        caller = await person(request)
        name = safe_name(unquote(request.headers.get("x-file-name", "")) or "data")
        report = await check(iri_meant(schema, base), name, chunks(request), caller)
        return report.to_json(language_in(request.headers.get("accept-language")))

    return api
