"""The same changes in several assets, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.errors import InvalidInput, TooLarge
from node.catalogue.drafts.joint_changes import MOST, MOST_KEYWORDS, ChangeSeveral, JointChange, JointChanges
from node.vocab.versions import LAST_VERSION
from node.web.api_router import PlacedApiRouter
from node.web.bodies import read_body
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.management.publication.records import LimitsLapse, read_form
from node.web.problems import problem

MOST_BYTES: Final = 512 * 1024


class ChangedAsset(BaseModel):
    """An asset to change. ``version`` is the one that the caller looked at: if another one is the newest by now, the
    asset is refused."""

    model_config = ConfigDict(extra="forbid")

    iri: str = Field(max_length=2048)
    version: int | None = Field(None, ge=1, le=LAST_VERSION)


class ChangedContact(BaseModel):
    """The parts of a contact that change; an empty one is removed."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=500)
    email: str | None = Field(None, max_length=500)


class ChangedKeywords(BaseModel):
    """Keywords that are added and removed, whatever their case; the others stay."""

    model_config = ConfigDict(extra="forbid")

    add: list[str] = Field(default_factory=list, max_length=MOST_KEYWORDS)
    remove: list[str] = Field(default_factory=list, max_length=MOST_KEYWORDS)


class ChangeOrder(BaseModel):
    """The changes of each of ``assets``. What is not named stays as it is; an empty text removes the statement.

    ``license``, ``theme`` and ``frequency`` are codes or IRIs of the lists that ``hansa publish --choices`` names.
    ``conditions`` as in ``POST /api/records``. With ``dryRun`` nothing is saved, and the answer is the same.
    """

    model_config = ConfigDict(extra="forbid")

    assets: list[ChangedAsset] = Field(min_length=1, max_length=MOST)
    license: str | None = Field(None, max_length=2048)
    theme: str | None = Field(None, max_length=2048)
    frequency: str | None = Field(None, max_length=2048)
    contact: ChangedContact | None = None
    keywords: ChangedKeywords | None = None
    conditions: dict[str, Any] | str | None = None
    audience: Literal["public", "members", "internal"] | None = None
    language: str = Field("en", max_length=16)
    dry_run: bool = Field(False, alias="dryRun")

    def to_changes(self) -> JointChanges:
        contact, keywords = self.contact or ChangedContact(), self.keywords or ChangedKeywords()
        answers = {
            "license": self.license,
            "theme": self.theme,
            "frequency": self.frequency,
            "contact.name": contact.name,
            "contact.email": contact.email,
        }
        conditions = self.conditions
        return JointChanges(
            answers={name: text for name, text in answers.items() if text is not None},
            added_keywords=tuple(keywords.add),
            removed_keywords=tuple(keywords.remove),
            conditions={"template": conditions} if isinstance(conditions, str) else conditions,
            audience=self.audience,
        )


def router(*, person: Person, change: ChangeSeveral, limits_lapse: LimitsLapse) -> APIRouter:
    """Return the route. ``limits_lapse`` returns whether an asset has limits of bargaining that do not hold beside
    this offer."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/records/changes",
        summary="Change several assets in the same way",
        description=(
            f"Publishes the next version of up to {MOST} assets of this node with the same changes. `results` has an "
            "object for each, in their order: what changed, `unchanged` if it was so already, or `refused` with the "
            "`problem`; one that is refused does not keep the others from being changed. `limitsLapse` says that "
            "limits of bargaining were set for other conditions and do not apply to the new ones."
        ),
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": ChangeOrder.model_json_schema()}}}},
    )
    async def change_records(request: Request) -> Any:
        caller = await person(request)
        change.require_role(caller)
        refusal = TooLarge(f"the order may have at most {MOST_BYTES} bytes", remedy="change fewer assets at once")
        order = read_form(ChangeOrder, await read_body(request, MOST_BYTES, refusal))
        versions = {asset.iri: asset.version for asset in order.assets}
        if len(versions) < len(order.assets):
            raise InvalidInput("an asset is named twice", remedy="name each asset once")
        results = await change(versions, order.to_changes(), caller, language=order.language, dry_run=order.dry_run)
        return {"results": await run_sync(_results, results, limits_lapse), **_counts(results)}

    return api


def _results(results: Sequence[JointChange], limits_lapse: LimitsLapse) -> list[dict[str, Any]]:
    return [
        {**change_json(result), "limitsLapse": True}
        if result.next_record is not None and limits_lapse(result.iri, result.next_record.offer)
        else change_json(result)
        for result in results
    ]


def change_json(result: JointChange) -> dict[str, Any]:
    """Return what changes in one asset as JSON."""
    before, after = result.record, result.next_record
    members: dict[str, Any] = {"iri": result.iri, "outcome": result.outcome}
    if before is not None:
        members |= {"title": dict(before.titles), "version": before.version}
    if result.error is not None:
        return {**members, "problem": problem(result.error)}
    if before is None or after is None:
        return members
    members |= {
        "nextVersion": after.version,
        "changes": [{"field": name, "before": old, "after": new} for name, old, new in result.answers],
    }
    if result.conditions is not None:
        members["conditions"] = {"removed": list(result.conditions[0]), "added": list(result.conditions[1])}
    if before.audience != after.audience:
        members["audience"] = {"before": before.audience, "after": after.audience}
    return members


def _counts(results: Sequence[JointChange]) -> dict[str, int]:
    outcomes = [result.outcome for result in results]
    return {name: outcomes.count(name) for name in ("changed", "unchanged", "refused")}
