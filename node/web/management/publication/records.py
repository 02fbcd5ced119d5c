"""Publishing: receive files and descriptions, withdraw records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import unquote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from node.base.errors import HansaError, InvalidInput, TooLarge
from node.base.jsons import read_object
from node.base.plaintext import word
from node.catalogue.model import Publication
from node.catalogue.publication.erase import EraseVersions
from node.catalogue.publication.part_preview import PreviewPart, part_words
from node.catalogue.publication.publish import Publish
from node.catalogue.publication.submission_check import PublishOrder
from node.catalogue.publication.withdraw import LONGEST_REASON, Withdraw
from node.exchange.names import safe_name
from node.exchange.ports import AssetStore
from node.exchange.resumable import ResumableUploads
from node.exchange.upload import Upload
from node.semantics.model import File, Submission
from node.semantics.profiles.description import description_of
from node.semantics.profiles.model import Profile
from node.texts.languages import LANGUAGES
from node.vocab.versions import LAST_VERSION
from node.web.api_router import PlacedApiRouter
from node.web.bodies import chunks, read_body
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.problems import problem

MAX_NESTING = 64

MOST_TOGETHER: Final = 100
"""Descriptions in a batch: the answer comes after all of them."""

LimitsLapse = Callable[[str, Mapping[str, Any] | None], bool]

_Form = TypeVar("_Form", bound=BaseModel)

_LIMITS_LAPSE: Final = {
    "severity": "warning",
    "field": "conditions",
    "message": "the limits of this asset were set for other conditions and do not apply to these",
    "remedy": "set them again for these conditions (hansa limits IRI --give), or clear them",
    "rule": "limits",
}


class SubmittedFile(BaseModel):
    """A file that was uploaded before."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=255)
    # It becomes a header of answers: printable ASCII only.
    media_type: str = Field(alias="mediaType", max_length=255, pattern="^[ -~]*$")
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    format: str = Field("", max_length=64)
    open: bool = False

    def to_file(self) -> File:
        return File(
            name=self.name,
            media_type=self.media_type,
            size=self.size,
            sha256=self.sha256,
            format=self.format,
            open=self.open,
        )


class SubmittedRecord(BaseModel):
    """An asset to publish: ``fields`` (as a steward's YAML) or ``document`` with ``mediaType``, or both.

    Without ``audience`` a new version is for the same audience as the one before. A wider audience holds from this
    version on; ``earlierVersions`` opens the earlier versions and their files to it too. ``follows`` is the version
    that the description was made from: if another one is the newest by now, nothing is saved (409).
    ``allowBreaking`` publishes changes of an ontology or a schema that break data or queries of others.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str | None = Field(None, max_length=64)
    fields: dict[str, Any] | None = None
    document: str | None = None
    media_type: str | None = Field(None, alias="mediaType", max_length=255)
    files: list[SubmittedFile] = Field(default_factory=list, max_length=500)
    conditions: dict[str, Any] | str | None = None
    audience: str | None = Field(None, max_length=64)
    iri: str | None = Field(None, max_length=2048)
    earlier_versions: bool = Field(False, alias="earlierVersions")
    follows: int | None = Field(None, ge=1, le=LAST_VERSION)
    allow_breaking: bool = Field(False, alias="allowBreaking")
    language: str = Field("en", max_length=16)

    def to_order(self) -> PublishOrder:
        conditions = self.conditions
        submission = Submission(
            kind=self.kind,
            document=self.document.encode() if self.document is not None else None,
            media_type=self.media_type,
            fields=self.fields,
            files=tuple(file.to_file() for file in self.files),
            conditions={"template": conditions} if isinstance(conditions, str) else conditions,
            audience=self.audience,
            iri=self.iri,
        )
        return PublishOrder(
            submission=submission,
            earlier_versions=self.earlier_versions,
            follows=self.follows,
            allow_breaking=self.allow_breaking,
        )


class ErasureOrder(BaseModel):
    """The versions of an asset to erase: without ``versions`` all of them, which withdraws the asset too."""

    model_config = ConfigDict(extra="forbid")

    iri: str = Field(max_length=2048)
    versions: list[int] | None = Field(None, min_length=1, max_length=10_000)
    reason: str = Field(max_length=LONGEST_REASON, description="Shown to all who could see a version.")


class PublishRequest(SubmittedRecord):
    """An asset to publish alone, with the members of a record of a batch.

    With ``dryRun`` nothing is saved; if the conditions give a part, the answer has ``part``: in sentences, and the
    first rows of each table that is here. With ``wait`` false the answer comes as soon as the version is saved:
    search, SPARQL and feed show it a moment later.
    """

    dry_run: bool = Field(False, alias="dryRun")
    wait: bool = True


class SubmittedBatch(BaseModel):
    """Several assets to publish, in their order. ``dryRun`` and ``wait`` as for one asset."""

    model_config = ConfigDict(extra="forbid")

    records: list[SubmittedRecord] = Field(min_length=1, max_length=MOST_TOGETHER)
    dry_run: bool = Field(False, alias="dryRun")
    wait: bool = True


UploadId = Annotated[str, Query(max_length=36, description="A complete file of `/api/uploads`.")]


def router(
    *,
    person: Person,
    publish: Publish,
    withdraw: Withdraw,
    erase: EraseVersions,
    assets: AssetStore,
    uploads: ResumableUploads,
    description_limit: int,
    limits_lapse: LimitsLapse,
    profile_of: Callable[[str, str], Awaitable[Profile]],
    preview_part: PreviewPart,
) -> APIRouter:
    """Return the routes of publishing. ``profile_of`` returns the profile of a stored file, by its SHA-256 and name;
    ``preview_part`` what a partner would get of tables. ``limits_lapse`` returns whether an asset has limits of
    bargaining that do not hold beside this offer."""
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))
    store = Upload(assets, uploads.limit)

    async def receive(request: Request, *, upload: str, trial: bool = False) -> dict[str, Any]:
        caller = await person(request)
        if upload:
            wish, body = await uploads.take(upload, caller)
            name, upload_answer = await store(wish, body, caller, trial=trial)
            await uploads.remove(upload, caller)
        else:
            stated = request.headers.get("content-length", "")
            wish = unquote(request.headers.get("x-file-name", ""))
            size = int(stated) if stated.isdigit() else None
            name, upload_answer = await store(wish, chunks(request), caller, size=size, trial=trial)
        media_type = request.headers.get("content-type", "application/octet-stream")
        return {"name": name, "mediaType": media_type, "size": upload_answer.size, "sha256": upload_answer.sha256}

    @api.post(
        "/files",
        status_code=201,
        summary="Upload a file before its description",
        description="With `trial=true` the file is deleted after a day, unless it is published or sent again without "
        "it: for a dry run that shows what a partner would get of it. With `upload=` the file is a complete one of "
        "`/api/uploads`, and the request has no body.",
    )
    async def take_file(request: Request, trial: bool = False, upload: UploadId = "") -> Any:
        return await receive(request, upload=upload, trial=trial)

    @api.post("/drafts", status_code=201, summary="Upload a file and draft its description from it")
    async def draft_description(request: Request, upload: UploadId = "") -> Any:
        file = await receive(request, upload=upload)
        profile = await profile_of(file["sha256"], file["name"])
        target = PurePath(file["name"]).with_suffix(".yaml").name
        draft = description_of(profile, file["name"], command=f"hansa publish {word(target)}")
        return {**file, "description": draft, "profile": profile.to_json()}

    @api.post(
        "/records",
        status_code=201,
        summary="Publish an asset",
        openapi_extra={
            "requestBody": {"content": {"application/json": {"schema": PublishRequest.model_json_schema()}}}
        },
    )
    async def publish_record(request: Request) -> Any:
        caller = await person(request)
        publish.require_role(caller)
        request_body = read_form(PublishRequest, await _body(request, description_limit))
        fault = await run_sync(_size_fault, assets, request_body.files)
        if fault is not None:
            raise fault
        order = request_body.to_order()
        publication = await publish.publish(
            order.submission,
            caller,
            dry_run=request_body.dry_run,
            earlier_versions=order.earlier_versions,
            follows=order.follows,
            allow_breaking=order.allow_breaking,
            wait=request_body.wait,
        )
        members = await run_sync(_published_json, publication, limits_lapse)
        return {**members, **(await _part_json(publication, preview_part) if request_body.dry_run else {})}

    @api.post(
        "/records/batch",
        summary="Publish several assets",
        description=(
            f"Checks and saves up to {MOST_TOGETHER} descriptions together, which takes much less time than as many "
            "requests. Each is checked as if it came alone. `results` has one object for each, in their order: "
            "`published` with the members of `POST /api/records`, or `problem` with the reason why this one was "
            "refused; the others are saved nevertheless. `position` and `behind` are those of the last version. "
            "The whole request may be as large as one description may be."
        ),
        openapi_extra={
            "requestBody": {"content": {"application/json": {"schema": SubmittedBatch.model_json_schema()}}}
        },
    )
    async def publish_records(request: Request) -> Any:
        caller = await person(request)
        publish.require_role(caller)
        batch = read_form(SubmittedBatch, await _body(request, description_limit))
        faults = await run_sync(lambda: [_size_fault(assets, record.files) for record in batch.records])
        orders = [record.to_order() for record, fault in zip(batch.records, faults, strict=True) if fault is None]
        done = await publish.publish_all(orders, caller, dry_run=batch.dry_run, wait=batch.wait)
        outcomes, settlement = iter(done.outcomes), done.settlement
        everything = [next(outcomes) if fault is None else fault for fault in faults]
        return {
            "results": await run_sync(_results, everything, limits_lapse),
            "position": settlement and settlement.position,
            "behind": dict(settlement.behind) if settlement else {},
        }

    @api.delete("/records", summary="Withdraw an asset")
    async def withdraw_record(
        request: Request,
        iri: Annotated[str, Query(max_length=2048)],
        reason: Annotated[
            str, Query(max_length=LONGEST_REASON, description="Shown to all who could see the asset.")
        ] = "",
    ) -> Any:
        return published_json(await withdraw.withdraw(iri, await person(request), reason=reason))

    @api.post("/erasures", summary="Erase versions of an asset for good")
    async def erase_versions(request: Request, order: ErasureOrder) -> Any:
        erasure = await erase.erase(order.iri, await person(request), reason=order.reason, versions=order.versions)
        return {
            **published_json(erasure.publication),
            "erased": list(erasure.versions),
            "deletedFiles": list(erasure.files),
        }

    return api


def _size_fault(assets: AssetStore, files: Sequence[SubmittedFile]) -> InvalidInput | None:
    """Return the error if a stated size is wrong: sizes are signed, agreed and promised. Files that are missing here
    are reported later."""
    for file in files:
        size = assets.size(file.sha256)
        if size is not None and size != file.size:
            return InvalidInput(
                f"{safe_name(file.name)} has {size} bytes, not {file.size}",
                remedy="state the size that the upload returned",
            )
    return None


async def _part_json(publication: Publication, preview_part: PreviewPart) -> dict[str, Any]:
    """Return the member about the part that the conditions give; nothing if they give everything."""
    record = publication.record
    sentences = {language: part_words(record, language) for language in LANGUAGES}
    if not any(sentences.values()):
        return {}
    return {"part": {"sentences": sentences, "tables": [table.to_json() for table in await preview_part(record)]}}


def published_json(publication: Publication) -> dict[str, Any]:
    """Return the result of publishing as JSON."""
    record, impact = publication.record, publication.impact
    return {
        "iri": record.iri,
        "version": record.version,
        "kind": record.kind,
        "sha256": record.sha256,
        "audience": record.audience,
        "widened": publication.wider_audience and publication.wider_audience.to_json(),
        "entry": record.entry,
        "created": publication.created,
        "position": publication.position,
        "behind": dict(publication.behind),
        "warnings": [finding.to_json() for finding in publication.findings],
        **({"impact": impact.to_json()} if impact is not None else {}),
    }


def _published_json(publication: Publication, limits_lapse: LimitsLapse) -> dict[str, Any]:
    answer, record = published_json(publication), publication.record
    if limits_lapse(record.iri, record.offer):
        answer["warnings"].append(_LIMITS_LAPSE)
    return answer


def _results(outcomes: Sequence[Publication | HansaError], limits_lapse: LimitsLapse) -> list[dict[str, Any]]:
    return [
        {"problem": problem(outcome)}
        if isinstance(outcome, HansaError)
        else {"published": _published_json(outcome, limits_lapse)}
        for outcome in outcomes
    ]


def read_form(form: type[_Form], body: bytes) -> _Form:
    """Return the order in a body of JSON. Raises ``InvalidInput`` with the member that is wrong."""
    members = read_object(body, max_depth=MAX_NESTING)
    try:
        return form.model_validate(members)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name}: {first['msg']}", remedy="see /docs/api for the form of a submission") from error


async def _body(request: Request, limit: int) -> bytes:
    refusal = TooLarge(f"a description may have at most {limit} bytes", remedy="send the data as files, separately")
    return await read_body(request, limit, refusal)
