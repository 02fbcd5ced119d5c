"""Publish an ontology that stands at an address on the web, over HTTP."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.errors import TooLarge
from node.catalogue.drafts.ontology_documents import OntologyOrder, PublishOntology
from node.web.api_router import PlacedApiRouter
from node.web.bodies import read_body
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.management.publication.records import published_json, read_form

MOST_BYTES: Final = 64 * 1024


class OntologyAddress(BaseModel):
    """An ontology in RDF at ``url``. ``fields`` add what its document does not say, such as license and contact (as
    in a steward's YAML). With ``dryRun`` nothing is saved; ``allowBreaking`` publishes changes that break data of
    others."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2048, min_length=1)
    fields: dict[str, Any] = Field(default_factory=dict, max_length=64)
    conditions: str = Field("", max_length=64, description="The template of its conditions, such as open.")
    audience: str = Field("", max_length=64)
    dry_run: bool = Field(False, alias="dryRun")
    allow_breaking: bool = Field(False, alias="allowBreaking")


def router(*, person: Person, publish_ontology: PublishOntology) -> APIRouter:
    """Return the route."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/ontologies",
        status_code=201,
        summary="Publish an ontology from its address",
        description=(
            "The node reads the document at `url` once, at an address that its settings allow, and publishes it as "
            "`POST /api/records` does, with the same answer. It is read in the syntax of RDF that its server states, "
            "or that its address ends with; nothing that it refers to is fetched."
        ),
        openapi_extra={
            "requestBody": {"content": {"application/json": {"schema": OntologyAddress.model_json_schema()}}}
        },
    )
    async def publish_from_address(request: Request) -> Any:
        caller = await person(request)
        publish_ontology.require_role(caller)
        refusal = TooLarge(
            f"the order may have at most {MOST_BYTES} bytes", remedy="leave out what the document says"
        )
        order = read_form(OntologyAddress, await read_body(request, MOST_BYTES, refusal))
        publication = await publish_ontology(
            OntologyOrder(
                url=order.url,
                fields=order.fields,
                conditions=order.conditions,
                audience=order.audience,
                is_trial=order.dry_run,
                allow_breaking=order.allow_breaking,
            ),
            caller,
        )
        return published_json(publication)

    return api
