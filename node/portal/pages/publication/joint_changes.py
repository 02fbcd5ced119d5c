"""Change several assets in the same way, in three steps: choose them and the changes, look at these, publish them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput
from node.catalogue.browse import HERE, MAX_OFFSET
from node.catalogue.drafts.answers import chosen_conditions
from node.catalogue.drafts.joint_changes import CHANGED, FIELDS, MOST, REFUSED, UNCHANGED, JointChange, JointChanges
from node.catalogue.drafts.keyword_lists import read_keywords
from node.catalogue.drafts.originals import KEEP
from node.catalogue.searches import Order, Query
from node.policy.gallery import Gallery
from node.portal.answers import choices
from node.portal.forms import TOKEN, check_csrf, read_form
from node.portal.pages.edits import answer_in_words
from node.portal.pages.publication.answer_errors import labels_of_controls
from node.portal.queries import MAX_TEXT
from node.portal.visit import PLURALS, Visit
from node.portal.wording import ProblemWords
from node.vocab.versions import LAST_VERSION

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 50
"""Assets on a page."""
MAX_BYTES: Final = 512 * 1024
MAX_FIELDS: Final = 2 * MOST
AUDIENCES: Final = ("public", "members", "internal")
_CODES: Final = ("license", "theme", "frequency")
_ASSET: Final = "asset."
"""Beginning of the controls with a chosen asset: its version and its address."""
_KEYWORDS: Final = ("add_keywords", "remove_keywords")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenChange:
    """The change of an asset, as a person reads it: each control with its text before and after.

    ``limits_lapse``: it has limits of bargaining that do not apply to its new conditions.
    """

    result: JointChange
    rows: Sequence[tuple[str, str, str]]
    error: ProblemWords | None
    limits_lapse: bool


async def choose(responder: Responder, visit: Visit) -> Response:
    """``GET /changes``: the assets of this node, and what may be changed in several of them."""
    responder.node.catalogue.changes.several.require_role(visit.caller)
    return await _form(responder, visit, {})


async def change(responder: Responder, visit: Visit) -> Response:
    """``POST /changes``: show what would change, publish it, or show the form again."""
    responder.node.catalogue.changes.several.require_role(visit.caller)
    fields = await read_form(visit.request, most=MAX_FIELDS, size=MAX_BYTES)
    check_csrf(responder.settings.secret, visit.session, fields)
    answers = {name: text.strip() for name, text in fields.items() if name != TOKEN and text.strip()}
    button = answers.pop("do", "")
    if button == "back":
        return await _form(responder, visit, answers)
    try:
        versions, changes = _versions(answers), _changes(answers, responder.node.catalogue.drafts.terms.gallery)
        results = await responder.node.catalogue.changes.several(
            versions, changes, visit.caller, language=visit.language, dry_run=button != "publish"
        )
    except InvalidInput as error:
        return await _form(responder, visit, answers, error)
    lapsing_iris = await run_sync(_lapsing, responder, results)
    by_outcome = {
        outcome: [
            _in_words(visit, result, limits_lapse=result.iri in lapsing_iris)
            for result in results
            if result.outcome == outcome
        ]
        for outcome in (CHANGED, UNCHANGED, REFUSED)
    }
    return responder.render(
        visit,
        "joint-changes-result.html",
        is_done=button == "publish",
        changed=by_outcome[CHANGED],
        unchanged=by_outcome[UNCHANGED],
        refused=by_outcome[REFUSED],
        labels=labels_of_controls(visit),
        answers={name: text for name, text in answers.items() if not name.startswith(_ASSET)},
        chosen=[f"{version} {iri}" for iri, version in versions.items()],
    )


async def _form(
    responder: Responder, visit: Visit, answers: Mapping[str, str], error: HansaError | None = None
) -> Response:
    parameters = visit.request.query_params
    words, kind = parameters.get("q", "")[:MAX_TEXT], parameters.get("kind", "")
    page_number = parameters.get("page", "")
    number = int(page_number) if page_number.isascii() and page_number.isdecimal() and len(page_number) < 4 else 1
    number = min(max(number, 1), MAX_OFFSET // SHOWN)
    page = await responder.node.catalogue.browse.search(
        Query(
            text=words,
            kinds=(kind,) if kind in PLURALS else (),
            nodes=(HERE,),
            language=visit.language,
            widens=False,
            order=Order.BEST if words else Order.NEWEST,
            limit=SHOWN,
            offset=(number - 1) * SHOWN,
        ),
        visit.caller,
    )
    terms = responder.node.catalogue.drafts.terms.templates()
    return responder.render(
        visit,
        "joint-changes.html",
        status=200 if error is None else error.status,
        assets=page.hits,
        total=page.total,
        number=number,
        more=number < min(-(-page.total // SHOWN), MAX_OFFSET // SHOWN),
        words=words,
        kind=kind,
        all_kinds=tuple(PLURALS),
        chosen=_chosen_assets(answers),
        answers=answers,
        choices={name: choices(name, answers, visit.language) for name in _CODES},
        labels=labels_of_controls(visit),
        conditions=[one for one, _ in terms],
        unavailable=[one for one, is_usable in terms if not is_usable],
        audiences=AUDIENCES,
        most=MOST,
        trouble=None if error is None else visit.explain(error),
    )


def _versions(answers: Mapping[str, str]) -> dict[str, int | None]:
    """Return the chosen assets with the versions that the person saw."""
    versions: dict[str, int | None] = {}
    for name, text in answers.items():
        version, _, iri = text.partition(" ")
        if (
            name.startswith(_ASSET)
            and version.isascii()
            and version.isdecimal()
            and int(version[:12]) <= LAST_VERSION
        ):
            versions[iri] = int(version)
    if not versions:
        raise InvalidInput("no asset was chosen", remedy="choose the assets", facts={"case": "no-assets"})
    return versions


def _chosen_assets(answers: Mapping[str, str]) -> frozenset[str]:
    return frozenset(text.partition(" ")[2] for name, text in answers.items() if name.startswith(_ASSET))


def _changes(answers: Mapping[str, str], gallery: Gallery) -> JointChanges:
    """Return what the form changes: its empty controls change nothing. Raises ``InvalidInput`` for unknown
    conditions."""
    conditions = answers.get("conditions", KEEP)
    additions, removals = (read_keywords(answers.get(name, "")) for name in _KEYWORDS)
    return JointChanges(
        answers={name: answers[name] for name in FIELDS if name in answers},
        added_keywords=additions,
        removed_keywords=removals,
        conditions=None if conditions == KEEP else chosen_conditions(answers, gallery),
        audience=answers["audience"] if answers.get("audience") in AUDIENCES else None,
    )


def _lapsing(responder: Responder, results: Sequence[JointChange]) -> frozenset[str]:
    """Return the assets whose limits of bargaining do not apply to their new conditions."""
    limits = responder.node.contracts.limits
    return frozenset(
        result.iri
        for result in results
        if result.next_record is not None and limits.lapse(result.iri, result.next_record.offer)
    )


def _in_words(visit: Visit, result: JointChange, *, limits_lapse: bool) -> ForeseenChange:
    return ForeseenChange(
        limits_lapse=limits_lapse,
        result=result,
        rows=[
            (name, answer_in_words(visit, name, before), answer_in_words(visit, name, after))
            for name, before, after in result.answers
        ],
        error=None if result.error is None else visit.explain(result.error),
    )
