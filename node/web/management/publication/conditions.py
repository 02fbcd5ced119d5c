"""The route that says what conditions mean, and whether they contradict themselves, before anybody publishes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.drafts.own_conditions import ConditionsReport
from node.catalogue.drafts.terms import DraftTerms
from node.policy.words import LANGUAGES, sentences, summary
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class Conditions(BaseModel):
    """Conditions to look at; nothing is saved."""

    model_config = ConfigDict(extra="forbid")

    conditions: dict[str, Any] | str = Field(
        description="Written as conditions of a description are: a template with its parameters, or an ODRL policy."
    )


def router(*, person: Person, terms: DraftTerms, with_names: Callable[[str], str]) -> APIRouter:
    """Return the route. ``with_names`` puts names in place of the DIDs in a text."""
    api = PlacedApiRouter(prefix="/api/conditions", tags=["exchange"], route_class=knowing(person))

    @api.post("/check", summary="What conditions offer, in words and as ODRL, with their contradictions")
    async def check(request: Request, body: Conditions) -> Any:
        """`usable` is false if an asset cannot be published under them. `odrl` can be changed and written as
        conditions in place of a template; null if nothing is offered."""
        return _to_json(terms.check(body.conditions, await person(request)), with_names)

    return api


def _to_json(report: ConditionsReport, with_names: Callable[[str], str]) -> dict[str, Any]:
    policy = report.policy
    texts = {
        language: [with_names(sentence) for sentence in sentences(policy, language)] if policy else []
        for language in LANGUAGES
    }
    return {
        "usable": report.is_usable,
        "summary": {
            language: with_names(summary(policy, language, sealed=report.sealed)) if policy else ""
            for language in LANGUAGES
        },
        "sentences": texts,
        "findings": [finding.to_json() for finding in report.findings],
        "sealed": report.sealed,
        "audience": report.audience,
        "odrl": report.own_words,
    }
