"""Read a schema in any language, write it in another one, and draft one, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from node.catalogue.drafts.schema_documents import ReadSchema
from node.catalogue.representations import language_in
from node.exchange.names import safe_name
from node.scenarios.transformations.schema_drafts import DraftSchema
from node.semantics.kinds import iri_meant
from node.semantics.schemas.languages.names import WRITTEN
from node.web.api_router import PlacedApiRouter
from node.web.bodies import chunks
from node.web.caller_checks import knowing
from node.web.management.person import Person

_TO: Final = "^(|" + "|".join(WRITTEN) + ")$"


def router(*, person: Person, read: ReadSchema, draft: DraftSchema, base: str) -> APIRouter:
    """Return the routes. ``base`` is the node's public URL."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/schemas/read",
        summary="Read a schema in any language, and convert it",
        description=(
            "The body is the schema itself, at most 4 MB: JSON Schema, Table Schema, CSVW, SHACL, Avro, Protocol "
            "Buffers, XML Schema, an NGSI-LD data model, or OpenAPI. `fields` is one table of its fields, with type, "
            "unit, term and constraints. `part` names a message, shape, component, table or record in it; `parts` "
            "lists those that it has. With `to`, `schema` is the schema in that language, and `losses` lists what "
            "it cannot say. Nothing is fetched and nothing is kept. `X-File-Name` may name the file."
        ),
    )
    async def read_file(
        request: Request,
        part: Annotated[str, Query(max_length=300)] = "",
        to: Annotated[str, Query(pattern=_TO)] = "",
    ) -> Any:
        caller = await person(request)
        name = safe_name(unquote(request.headers.get("x-file-name", "")) or "schema")
        reading = await read(name, chunks(request), caller, part=part, to=to)
        return reading.to_json(language_in(request.headers.get("accept-language")))

    @api.get(
        "/schemas/fields",
        summary="Show the fields of a schema, and convert it",
        description=(
            "As for a file, of the asset `schema` (an address, or `schema/NAME` of this node) that you may see."
        ),
    )
    async def fields(
        request: Request,
        schema: Annotated[str, Query(max_length=2048)] = "",
        part: Annotated[str, Query(max_length=300)] = "",
        to: Annotated[str, Query(pattern=_TO)] = "",
    ) -> Any:
        caller = await person(request)
        reading = await read.of_asset(iri_meant(schema, base), caller, part=part, to=to)
        return reading.to_json(language_in(request.headers.get("accept-language")))

    @api.get(
        "/schemas/draft",
        summary="Draft a schema",
        description=(
            "`from` is a dataset with described columns or a model of the catalogue (an address, or `dataset/NAME` "
            "of this node), or the address of a class of an ontology: then the fields are the properties that apply "
            "to it and to the classes above it. `definition` is a JSON Schema with units and terms. Nothing is kept."
        ),
    )
    async def draft_schema(
        request: Request, source: Annotated[str, Query(alias="from", max_length=2048)] = ""
    ) -> Any:
        caller = await person(request)
        language = language_in(request.headers.get("accept-language"))
        return (await draft(iri_meant(source, base), caller, language=language)).to_json()

    return api
