"""Check data against a schema, and try a transformation on a sample, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from node.catalogue.drafts.data_check import CheckData
from node.catalogue.representations import language_in
from node.exchange.names import safe_name
from node.scenarios.transformations.trial import TryTransformation
from node.semantics.kinds import iri_meant
from node.web.api_router import PlacedApiRouter
from node.web.bodies import chunks
from node.web.caller_checks import knowing
from node.web.management.person import Person


def router(*, person: Person, check: CheckData, try_transformation: TryTransformation, base: str) -> APIRouter:
    """Return the routes. ``base`` is the node's public URL."""
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
        name = _file_name(request)
        report = await check(iri_meant(schema, base), name, chunks(request), caller)
        return report.to_json(language_in(request.headers.get("accept-language")))

    @api.post(
        "/transformations/try",
        summary="Try a transformation on a sample",
        description=(
            "The body is the sample itself: rows of CSV, TSV, JSON or GeoJSON, at most 4 MB; `X-File-Name` may name "
            "it. They go through the asset `transformation` (an address, or `transformation/NAME` of this node). "
            "Nothing is kept. `input` and `output` have the columns, the first fifty rows and the number of rows of "
            "each side."
        ),
    )
    async def try_sample(request: Request, transformation: Annotated[str, Query(max_length=2048)] = "") -> Any:
        caller = await person(request)
        iri = iri_meant(transformation, base)
        return (await try_transformation(iri, _file_name(request), chunks(request), caller)).to_json()

    return api


def _file_name(request: Request) -> str:
    return safe_name(unquote(request.headers.get("x-file-name", "")) or "data")
