"""Change a published asset: edit it as a new version, take it as a template, withdraw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from starlette.responses import Response

from node.base.errors import InvalidInput
from node.catalogue.drafts.answer_forms import CODE_LISTS, EDGES
from node.catalogue.drafts.model import DatasetDraft, Original
from node.catalogue.drafts.originals import OriginalDescription
from node.catalogue.drafts.rulebook_answers import LINES, RULEBOOK_ANSWERS
from node.catalogue.model import Publication, Record
from node.catalogue.publication.withdraw import LONGEST_REASON
from node.catalogue.versions.changes import FileChange, file_changes, same_conditions
from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_OF_DESCRIPTION: Final = (
    "title",
    "description",
    "license",
    "theme",
    "subject",
    "keywords",
    "contact.name",
    "contact.email",
    "spatial",
    *EDGES,
    "from",
    "until",
    "frequency",
    "landing_page",
    "provenance",
    "through",
)


_OF_RULEBOOK: Final = (*RULEBOOK_ANSWERS, *_OF_DESCRIPTION)
_PERSONAL: Final = ("personal_data", "personal_basis", "personal_purpose", "impact_assessment")
_ORDER: Final = (*RULEBOOK_ANSWERS, *_OF_DESCRIPTION, *_PERSONAL)


_MOST_LINES: Final = 3000
"""Comparing more lines would take long: such texts are shown as a whole."""


class AnswerChange(NamedTuple):
    """A control whose answer differs: the text before and after, empty if there was or is none."""

    name: str
    before: str
    after: str

    @property
    def lines(self) -> Sequence[tuple[str, str]]:
        """Return the lines of a text of several lines that differ (- or +), with a line before and after them;
        nothing for a text that is shown as a whole."""
        if self.name not in LINES or min(self.before.count("\n"), self.after.count("\n")) < 1:
            return ()
        before, after = self.before.split("\n"), self.after.split("\n")
        if max(len(before), len(after)) > _MOST_LINES:
            return ()
        lines = islice(unified_diff(before, after, lineterm="", n=1), 2, None)
        # Nothing is left out before the first line of a text.
        return [
            ("…", "") if line.startswith("@@") else (line[:1], line[1:])
            for line in lines
            if not line.startswith(("@@ -1,", "@@ -1 "))
        ]


class Changes(NamedTuple):
    """The differences between a version and the next one, as a person reads them before publishing.

    ``conditions`` are the sentences that only one of the two has; None if the conditions are the same.
    """

    answers: Sequence[AnswerChange]
    conditions: tuple[Sequence[str], Sequence[str]] | None
    files: Sequence[FileChange]


async def edit(responder: Responder, visit: Visit) -> Response:
    """``POST /record/edit``: open the draft of the next version of an asset."""
    draft = await responder.node.catalogue.drafts.edit(visit.fields.get("iri", ""), visit.language, visit.caller)
    return responder.go(visit, visit.url(f"/publish/{quote(draft.id, safe='')}"))


async def renew(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}/renew``: put the changes into the version that was published in the meantime."""
    draft = await responder.node.catalogue.drafts.renew(visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url(f"/publish/{quote(draft.id, safe='')}", done="draft-renewed"))


async def withdrawal(responder: Responder, visit: Visit) -> Response:
    """``GET /record/withdraw?iri=…``: what happens when the asset is withdrawn, and the reason."""
    return await _withdrawal(responder, visit, visit.request.query_params.get("iri", ""))


async def withdraw(responder: Responder, visit: Visit) -> Response:
    """``POST /record/withdraw``: withdraw the asset."""
    iri, reason = visit.fields.get("iri", ""), visit.fields.get("reason", "").strip()
    if not reason:
        return await _withdrawal(responder, visit, iri, missing=True)
    # An imported record is withdrawn at its source, or with the source.
    record = await responder.node.catalogue.drafts.own(iri, visit.caller)
    await responder.node.catalogue.changes.withdraw.withdraw(record.iri, visit.caller, reason=reason)
    return responder.go(visit, visit.asset(record, version=record.version, done="withdrawn"))


async def _withdrawal(responder: Responder, visit: Visit, iri: str, *, missing: bool = False) -> Response:
    record = await responder.node.catalogue.drafts.own(iri, visit.caller)
    return responder.render(
        visit,
        "withdraw.html",
        status=422 if missing else 200,
        record=record,
        agreements=await responder.node.contracts.agreements.running(record.iri),
        longest=LONGEST_REASON,
        missing=missing,
    )


def may_manage(visit: Visit, record: Record, newest: Record) -> bool:
    """Return whether the reader may edit, copy or withdraw the asset: shown to nobody else."""
    own = visit.caller.did == record.origin and record.harvest_origin is None
    return own and record.version == newest.version and allowed(visit.caller, UseCase.PUBLISH)


def template_of(fields: Mapping[str, str], language: str) -> Original | None:
    """Return the version that an uploaded file is to be described like; None if the form names none."""
    iri, version = fields.get("like", ""), fields.get("like_version", "")
    if not iri:
        return None
    if not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise InvalidInput(
            "the version is not a number",
            remedy="open the asset, and choose a version there",
            facts={"case": "version-number"},
        )
    return Original(iri=iri, version=int(version), language=language)


def not_shown(record: Record, description: OriginalDescription) -> tuple[str, ...]:
    """Return the controls that the form leaves out, because the description has more than they can hold."""
    controls = {*description.answers, *description.missing}
    of_kind = {"dataset": (*_OF_DESCRIPTION, *_PERSONAL), "rulebook": _OF_RULEBOOK}
    names = of_kind.get(record.kind, _OF_DESCRIPTION)
    left_out = [name for name in names if name not in controls]
    if not any(file.through for file in record.files):
        # Several files, none of which is given through a transformation.
        left_out = [name for name in left_out if name != "through"]
    # An end that is open is left out with its period only.
    return tuple(name for name in left_out if name != "until" or "from" in left_out)


def changes_of(
    responder: Responder, visit: Visit, draft: DatasetDraft, record: Record, publication: Publication
) -> Changes:
    """Return the differences between ``record`` and the version that ``draft`` would make of it."""
    description = OriginalDescription(record, draft.original.language if draft.original else visit.language)
    changes = description.changes(draft.answers)
    conditions = None
    if not same_conditions(record, publication.record):
        before, after = (
            responder.node.catalogue.access.sentences(one, visit.language) for one in (record, publication.record)
        )
        conditions = ([one for one in before if one not in after], [one for one in after if one not in before])
    return Changes(
        answers=[
            AnswerChange(
                name,
                answer_in_words(visit, name, description.answers.get(name, "")),
                answer_in_words(visit, name, answer),
            )
            for name, answer in sorted(changes.items(), key=lambda change: _ORDER.index(change[0]))
        ],
        conditions=conditions,
        files=list(file_changes(record, publication.record)),
    )


def answer_in_words(visit: Visit, name: str, answer: str) -> str:
    """Return an answer as a reader knows it: the name of a code instead of the code."""
    if name in CODE_LISTS:
        code = CODE_LISTS[name].find(answer)
        return code.label(visit.language) if code else answer
    if name == "personal_data" and answer:
        return visit.t(f"drafts.personal.{answer}")
    return answer
