"""The check of a form about a dataset while it is filled in: errors beside fields, and the conditions in words.

Nothing is saved. Without scripts the same errors come when the form is sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import Response

from node.base.errors import InvalidInput
from node.catalogue.drafts.answer_forms import uniform
from node.catalogue.drafts.model import DatasetDraft
from node.policy.conflicts import lint
from node.policy.odrl import parse
from node.policy.words import sentences
from node.portal.forms import TOKEN, check_csrf, read_form
from node.portal.pages.publication.answer_errors import Trouble, check, text_of_finding
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_FIELDS: Final = 600
MAX_BYTES: Final = 512 * 1024
"""Of a form about a dataset: one with a hundred columns is long."""
THROUGH: Final = "through."
"""The beginning of the names of boxes, one for each transformation that a file may be given through."""
_CONFLICTS: Final = 5


class TermsInWords(NamedTuple):
    """The conditions of a draft, one sentence each, and their contradictions. ``nobody``: they offer nothing."""

    sentences: tuple[str, ...] = ()
    conflicts: tuple[Trouble, ...] = ()
    nobody: bool = False


async def check_answers(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}/check``: return the errors of the answers and their conditions in words, as JSON."""
    draft_id, drafts = visit.request.path_params["id"], responder.node.catalogue.drafts
    # Before the body is read.
    await drafts.find(draft_id, visit.caller)
    draft = await drafts.with_answers(draft_id, await read_answers(responder, visit), visit.caller)
    troubles = (await check(responder, visit, draft))[1]
    # One sentence for each field, and that the first: as the page shows them.
    errors = {trouble.field: trouble for trouble in reversed(troubles)}
    terms = await terms_in_words(responder, visit, draft)
    body = {
        "errors": [trouble._asdict() for trouble in reversed(errors.values())],
        "state": visit.t("drafts.errors", len(errors)) if errors else visit.t("drafts.complete"),
        "conditions": {
            "sentences": [*terms.sentences, *([visit.t("drafts.notoffered")] if terms.nobody else [])],
            "conflicts": [conflict._asdict() for conflict in terms.conflicts],
        },
    }
    return Response(json.dumps(body, ensure_ascii=False).encode(), media_type="application/json")


async def read_answers(responder: Responder, visit: Visit) -> dict[str, str]:
    """Return the answers of a form about a dataset, and the button as ``do``. Raises the errors of ``read_form`` and
    ``check_csrf``."""
    fields = await read_form(visit.request, most=MAX_FIELDS, size=MAX_BYTES)
    check_csrf(responder.settings.secret, visit.session, fields)
    answers = {name: text for name, text in fields.items() if name != TOKEN and text.strip()}
    boxes = [name for name in answers if name.startswith(THROUGH)]
    if through := uniform({"through": " ".join(answers.pop(name) for name in boxes)})["through"]:
        answers["through"] = through
    if word := answers.get("subject", "").strip():
        # Without a script, a person types the name of a concept.
        answers["subject"] = await responder.node.catalogue.browse.terms.concept_named(word, visit.caller) or word
    return answers


async def terms_in_words(responder: Responder, visit: Visit, draft: DatasetDraft) -> TermsInWords:
    """Return the conditions of ``draft`` as a reader will see them; empty while they lack a value."""
    catalogue = responder.node.catalogue
    if not draft.answers.get("conditions"):
        return TermsInWords()
    try:
        offer = await catalogue.drafts.terms.offer(draft, visit.caller)
        if offer is None:
            return TermsInWords(nobody=True)
        policy = parse(offer)
    except InvalidInput:
        # The check of the answers says which value is missing, beside its field.
        return TermsInWords()
    return TermsInWords(
        sentences=tuple(map(catalogue.access.with_names, sentences(policy, visit.language))),
        conflicts=tuple(
            text_of_finding(visit, finding)
            for finding in lint(offer, at=visit.speaker.now)
            if finding.severity != "info"
        )[:_CONFLICTS],
    )
