"""Publish a dataset in three steps: its file, the questions about it, and a look at the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, HansaError, InvalidDescription, InvalidInput, TooLarge, TooMany
from node.catalogue.browse import Connections
from node.catalogue.drafts.answer_forms import CODE_LISTS, EDGES, addresses_of
from node.catalogue.drafts.collaboration import Clash
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.drafts.originals import OriginalDescription
from node.catalogue.drafts.own_conditions import OWN
from node.catalogue.drafts.rulebook_answers import RULEBOOK_ANSWERS
from node.catalogue.drafts.usecases import AGE
from node.catalogue.drafts.viewpoints import Viewpoint
from node.catalogue.model import Publication, Record
from node.catalogue.publication.exposure import RULES
from node.catalogue.publication.part_preview import part_words
from node.exchange import resumable
from node.identity.roles import UseCase, allowed
from node.operation.region.acceptances import Acceptance
from node.portal.answers import choices, gazetteer, kind_of_date, place_names
from node.portal.description.cards import card
from node.portal.description.content import facts
from node.portal.description.triples import Description
from node.portal.forms import check_csrf
from node.portal.pages.asset import Names
from node.portal.pages.edits import changes_of, not_shown, template_of
from node.portal.pages.publication.answer_errors import (
    Trouble,
    check,
    control_of,
    find_troubles,
    labels_of_controls,
    text_of_finding,
)
from node.portal.pages.publication.draft_check import read_answers, terms_in_words
from node.portal.pages.publication.draft_history import clash_in_words, history_in_words, number_of
from node.portal.pages.usage import use_of
from node.portal.uploads import read_upload
from node.portal.views.assets import Improvement
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

COLUMNS: Final = 100
"""Columns that are asked about; the others are published without a meaning."""
_SHOWN: Final = 8
"""Remarks on a page of a preview."""
_BEST: Final = 3
"""Steps to a better description that a preview names."""


async def drafts(responder: Responder, visit: Visit) -> Response:
    """``GET /publish``: choose a file, or go on with a draft; ``?like=IRI`` describes it like that dataset."""
    return await _start(responder, visit, like=visit.request.query_params.get("like", ""))


async def begin(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/file``: take the file in and show the questions, or the form again with the reason."""
    upload = await read_upload(visit.request)
    # Before a byte of the file is read.
    check_csrf(responder.settings.secret, visit.session, upload.fields)
    drafts, upload_id = responder.node.catalogue.drafts, upload.fields.get("upload", "")
    try:
        like = template_of(upload.fields, visit.language)
        if upload_id:
            draft = await drafts.begin_with(upload_id, visit.caller, like=like)
        elif upload.chunks is None or not upload.name:
            raise InvalidInput("no file was chosen", remedy="choose a data file", facts={"case": "no-file"})
        else:
            draft = await drafts.begin(upload.name, upload.chunks, visit.caller, like=like)
    except (InvalidInput, TooLarge, TooMany) as error:
        return await _start(responder, visit, error, like=upload.fields.get("like", ""))
    return responder.go(visit, _address(visit, draft))


async def remove_upload(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/uploads/{id}/remove``: forget a file that has not arrived whole."""
    await responder.node.catalogue.drafts.uploads.remove(visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/publish", done="upload-removed"))


async def draft(responder: Responder, visit: Visit) -> Response:
    """``GET /publish/{id}``: the questions about a file, with the answers so far."""
    return await _questions(responder, visit, await _draft(responder, visit))


async def answer(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}``: save the answers; then show the preview, or the questions again with the errors."""
    answers = await read_answers(responder, visit)
    button, since = answers.pop("do", ""), number_of(answers.pop("revision", ""))
    drafts, draft_id = responder.node.catalogue.drafts, visit.request.path_params["id"]
    outcome = await drafts.save(draft_id, answers, visit.caller, since=since)
    draft = outcome.draft
    if outcome.clashes:
        return await _questions(responder, visit, draft, clashes=outcome.clashes)
    if button in ("share", "unshare"):
        await drafts.share(draft_id, visit.caller, shared=button == "share")
        return responder.go(visit, f"{_address(visit, draft)}?done=draft-{button}d")
    if button in ("conditions", "own"):
        start = {"from": OWN} if button == OWN else {}
        return responder.go(visit, visit.url(f"/publish/{draft.id}/conditions", **start))
    if button == "save":
        return responder.go(visit, visit.url("/publish", done="draft-saved"))
    troubles = (await check(responder, visit, draft))[1]
    if troubles:
        return await _questions(responder, visit, draft, troubles)
    return responder.go(visit, _address(visit, draft) + "/preview")


async def preview(responder: Responder, visit: Visit) -> Response:
    """``GET /publish/{id}/preview``: the dataset as it will be, and the button that publishes it."""
    dataset_draft = await _draft(responder, visit)
    publication, troubles = await check(responder, visit, dataset_draft)
    if publication is None:
        return await _questions(responder, visit, dataset_draft, troubles)
    if dataset_draft.edits:
        return await _changes(responder, visit, dataset_draft, publication)
    record = publication.record
    description = Description.read(record.nquads)
    laid_out = card(record.kind, description, record.subject)
    return responder.render(
        visit,
        "draft-preview.html",
        draft=dataset_draft,
        address=_address(visit, dataset_draft),
        revision=dataset_draft.revision,
        record=record,
        facts=facts(description, record.subject),
        card=laid_out,
        names=Names(description, Connections(), laid_out),
        words=responder.node.catalogue.access.sentences(record, visit.language),
        part=part_words(record, visit.language),
        part_tables=await responder.node.catalogue.assets.part_tables(record, visit.caller),
        eligible=await responder.node.region.eligibility.of_record(record, visit.caller),
        viewpoints=await run_sync(_viewpoints, responder, record),
        improvements=await _improvements(responder, record),
        labels=labels_of_controls(visit),
        remarks=[text_of_finding(visit, one) for one in publication.findings if one.severity == "warning"][:_SHOWN],
    )


def _viewpoints(responder: Responder, record: Record) -> list[tuple[Viewpoint, str]]:
    """Return each kind of reader with the verdict of the page of the asset for it."""
    return [
        (viewpoint, use_of(record, viewpoint.decision, viewpoint.caller, viewpoint.access, ()).verdict)
        for viewpoint in responder.node.catalogue.viewpoints.of(record)
    ]


async def _improvements(responder: Responder, record: Record) -> list[tuple[str, Improvement]]:
    """Return the controls whose answers would raise the quality most, each with the step."""
    steps = [(control_of(step.field), step) for step in await responder.node.catalogue.assets.improvements(record)]
    best: dict[str, Improvement] = {}
    for control, step in steps:
        if control:
            best.setdefault(control, step)
    return list(best.items())[:_BEST]


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}/publish``: publish the draft, and show the page of the new asset."""
    drafts, draft_id = responder.node.catalogue.drafts, visit.request.path_params["id"]
    revision = number_of(visit.fields.get("revision", ""))
    try:
        publication = await drafts.publish(draft_id, visit.caller, revision=revision)
    except (InvalidDescription, InvalidInput, Conflict) as error:
        dataset_draft = await _draft(responder, visit)
        if error.facts.get("case") == "draft-changed":
            return responder.go(visit, f"{_address(visit, dataset_draft)}/preview?changed=yes")
        troubles = await find_troubles(responder, visit, dataset_draft, error)
        return await _questions(responder, visit, dataset_draft, troubles)
    done = "dataset-published" if publication.record.version == 1 else "version-published"
    return responder.go(visit, visit.asset(publication.record, done=done))


async def remove(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}/remove``: remove a draft and its file."""
    await responder.node.catalogue.drafts.remove(visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/publish", done="draft-removed"))


async def _changes(
    responder: Responder, visit: Visit, dataset_draft: DatasetDraft, publication: Publication
) -> Response:
    record = await responder.node.catalogue.drafts.original(dataset_draft, visit.caller)
    next_offer = publication.record.offer
    return responder.render(
        visit,
        "draft-changes.html",
        limits_lapse=await run_sync(responder.node.contracts.limits.lapse, record.iri, next_offer),
        address=_address(visit, dataset_draft),
        revision=dataset_draft.revision,
        record=record,
        next_version=publication.record,
        part=part_words(publication.record, visit.language),
        part_tables=await responder.node.catalogue.assets.part_tables(publication.record, visit.caller),
        impact=publication.impact,
        # The same people as before, unless who sees it or may use it changes.
        eligible=await responder.node.region.eligibility.of_record(publication.record, visit.caller)
        if (publication.record.offer, publication.record.audience) != (record.offer, record.audience)
        else None,
        members=await _members(responder, record),
        valid_from=dataset_draft.answers.get("valid_from", ""),
        changes=changes_of(responder, visit, dataset_draft, record, publication),
        labels=labels_of_controls(visit),
        remarks=[text_of_finding(visit, finding) for finding in publication.findings if finding.rule in RULES],
    )


async def _members(responder: Responder, record: Record) -> Sequence[Acceptance] | None:
    """Return the members that must accept the next version of a rulebook; None for other assets."""
    if record.kind != "rulebook":
        return None
    register = await responder.node.region.acceptances.read()
    return register.acceptances if register.iri == record.iri else None


async def _start(responder: Responder, visit: Visit, error: HansaError | None = None, *, like: str = "") -> Response:
    may = allowed(visit.caller, UseCase.PUBLISH)
    return responder.render(
        visit,
        "publish.html",
        status=200 if error is None else error.status,
        may=may,
        limit=responder.node.catalogue.drafts.limit,
        days=AGE.days,
        uploads=await responder.node.catalogue.drafts.uploads.mine(visit.caller) if may else (),
        kept_days=resumable.AGE.days,
        mine=await responder.node.catalogue.drafts.mine(visit.caller) if may else (),
        others=await responder.node.catalogue.drafts.of_colleagues(visit.caller) if may else (),
        like=await responder.node.catalogue.drafts.own(like, visit.caller) if may and like else None,
        trouble=None if error is None else visit.explain(error),
    )


async def _draft(responder: Responder, visit: Visit) -> DatasetDraft:
    return await responder.node.catalogue.drafts.find(visit.request.path_params["id"], visit.caller)


def _address(visit: Visit, dataset_draft: DatasetDraft) -> str:
    return visit.url(f"/publish/{quote(dataset_draft.id, safe='')}")


async def _questions(
    responder: Responder,
    visit: Visit,
    dataset_draft: DatasetDraft,
    troubles: Sequence[Trouble] = (),
    *,
    clashes: Sequence[Clash] = (),
) -> Response:
    """Show the form. Of an answer that a colleague has changed as well, it has the text of ``visit.caller``, which
    takes the place of the other if it is sent again."""
    if clashes:
        mine = {clash.field: clash.mine for clash in clashes}
        dataset_draft = replace(dataset_draft, answers={**dataset_draft.answers, **mine})
        troubles = [clash_in_words(visit, dataset_draft, clash) for clash in clashes]
    original = await _original(responder, visit, dataset_draft)
    newest = (
        await responder.node.catalogue.drafts.own(original.iri, visit.caller)
        if original and dataset_draft.edits
        else original
    )
    fields_to_hide: Sequence[str] = ()
    if original is not None and dataset_draft.original is not None and dataset_draft.edits:
        fields_to_hide = not_shown(original, OriginalDescription(original, dataset_draft.original.language))
    tables = dataset_draft.profile.tables if dataset_draft.profile else ()
    columns = [
        (f"column.{place}.{number}", table.name, column)
        for place, table in enumerate(tables)
        for number, column in enumerate(table.columns)
    ]
    answers, conditions = dataset_draft.answers, responder.node.catalogue.drafts.terms.templates()
    subject = answers.get("subject", "")
    selection = addresses_of(answers.get("through", ""))
    labels = await responder.node.catalogue.browse.terms.labels([subject], visit.caller) if subject else {}
    return responder.render(
        visit,
        "draft.html",
        status=409 if clashes else 422 if troubles else 200,
        draft=dataset_draft,
        clashes=clashes,
        is_mine=dataset_draft.account == visit.caller.account,
        history=history_in_words(visit, dataset_draft),
        address=_address(visit, dataset_draft),
        answers=answers,
        concept=" · ".join(labels.get(subject, ())),
        troubles=troubles,
        labels=labels_of_controls(visit),
        original=original,
        newest=newest,
        sentences=responder.node.catalogue.access.sentences(original, visit.language) if original else (),
        hidden=fields_to_hide,
        rules=RULEBOOK_ANSWERS
        if original is not None and original.kind == "rulebook" and dataset_draft.edits
        else (),
        of_field={trouble.field: trouble for trouble in reversed(troubles)},
        rows=sum(table.rows for table in tables),
        width=sum(len(table.columns) + table.omitted for table in tables),
        columns=columns[:COLUMNS],
        selection=selection,
        transformations=await responder.node.catalogue.meaning.find_offerable(
            original if dataset_draft.edits else dataset_draft.profile, visit.caller, selection=selection
        )
        if not dataset_draft.edits or (original is not None and len(original.files) == 1)
        else (),
        suspects=", ".join(dataset_draft.suspects[:20]),
        choices={name: choices(name, answers, visit.language) for name in CODE_LISTS},
        dates={name: kind_of_date(answers.get(name, "")) for name in ("from", "until", "valid_from")},
        edges=EDGES,
        places=place_names(),
        gazetteer=gazetteer(),
        terms=await terms_in_words(responder, visit, dataset_draft),
        conditions=[one for one, _ in conditions],
        unavailable=[one for one, is_available in conditions if not is_available],
    )


async def _original(responder: Responder, visit: Visit, dataset_draft: DatasetDraft) -> Record | None:
    if dataset_draft.original is None:
        return None
    return await responder.node.catalogue.drafts.original(dataset_draft, visit.caller)
