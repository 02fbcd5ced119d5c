"""The routes that say who could get an asset of this node now, under its conditions or under others."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.access import Access
from node.operation.region.eligibility import Eligibility, EligibilityReport
from node.texts.languages import LANGUAGES
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

Dataset = Annotated[str, Query(max_length=2048, description="IRI of an asset of this node.")]


class OtherConditions(BaseModel):
    """Conditions to try out on an asset; nothing is changed."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(max_length=2048)
    conditions: dict[str, Any] | str = Field(description="Written as conditions of a description are.")


def router(*, person: Person, eligibility: Eligibility, access: Access) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/eligibility", tags=["exchange"], route_class=knowing(person))

    @api.get("", summary="Which known participants could get an asset now, what the others lack, and what they get")
    async def of_asset(request: Request, dataset: Dataset) -> Any:
        return _to_json(await eligibility.of(dataset, await person(request)), access)

    @api.post("", summary="The same under other conditions; nothing is changed")
    async def under(request: Request, body: OtherConditions) -> Any:
        caller = await person(request)
        return _to_json(await eligibility.of(body.dataset, caller, conditions=body.conditions), access)

    return api


def _to_json(report: EligibilityReport, access: Access) -> dict[str, Any]:
    record = report.record
    return {
        "dataset": record.iri,
        "counts": report.counts,
        "participants": [prospect.to_json() for prospect in report.prospects],
        "omitted": report.omitted,
        "gets": {
            "files": [{"name": file.name, "size": file.size, "open": file.open} for file in record.files],
            "sealed": record.sealed,
            "sentences": {language: list(access.sentences(record, language)) for language in LANGUAGES},
        },
    }
