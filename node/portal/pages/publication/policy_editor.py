"""The editor of conditions that no template covers: rules in rows, the policy as text, and both in words at once.

Nothing is kept between two answers of the page but the form itself: each button sends all of it. The policy as text
stands in the same form; ``shown`` is the digest of the text that the page had, so that a changed text is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput
from node.catalogue.drafts.collaboration import Clash, answers_at
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.drafts.own_conditions import OWN, POLICY, ConditionsReport
from node.operation.region.eligibility import EligibilityReport
from node.policy.editor.fields import form_of_fields
from node.policy.editor.paths import constraint_rows, field_paths, gaps, nearest_path, rule_forms
from node.policy.editor.reader import policy_form, read_policy
from node.policy.editor.rows import CURRENCIES, OPERAND_ORDER, SECTIONS, UNITS, PolicyForm
from node.policy.editor.writing import policy_json, policy_text
from node.policy.operands import OPERANDS, operand_of
from node.policy.rules import Constraint, leaves
from node.policy.terms import DATE_TIME, ELAPSED_TIME, LOGICAL, PAY_AMOUNT, VALUE_TYPES, ValueType, compact
from node.policy.words import sentences
from node.portal.answers import kind_of_date
from node.portal.forms import TOKEN, check_csrf, read_form
from node.portal.pages.publication.answer_errors import Trouble, text_of_finding
from node.portal.pages.publication.draft_history import clash_in_words, number_of
from node.portal.pages.publication.policy_codes import PolicyCodes
from node.portal.visit import Visit
from node.portal.wording import ProblemWords

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_FIELDS: Final = 3000
MAX_BYTES: Final = 768 * 1024
_CONFLICTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _EditorState:
    """The state of the editor: the rows, the text if it differs from them, and what there is to say about both."""

    form: PolicyForm
    text: str = ""
    trouble: HansaError | None = None
    both: bool = False
    who: bool = False
    strict: bool = False
    clashes: Sequence[Clash] = ()
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A policy in words: its sentences, its conflicts with the path of the part that each is about, and what is wrong
    with single parts, by their path in the form."""

    sentences: Sequence[str] = ()
    conflicts: Sequence[tuple[str, Trouble]] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    error: ProblemWords | None = None


async def show(responder: Responder, visit: Visit) -> Response:
    """``GET /publish/{id}/conditions``: the conditions of a draft as a form; ``?from=`` begins with a template."""
    draft, terms = await _draft(responder, visit), responder.node.catalogue.drafts.terms
    try:
        form = await terms.rows(draft, visit.request.query_params.get("from", "")[:100], visit.caller)
    except InvalidInput as error:
        text = draft.answers.get(POLICY, "")
        return await _page(responder, visit, draft, _EditorState(form=PolicyForm(), text=text, trouble=error))
    return await _page(responder, visit, draft, _EditorState(form=form))


async def change(responder: Responder, visit: Visit) -> Response:
    """``POST /publish/{id}/conditions``: show the form after its button, or take it into the draft."""
    # Before the body is read.
    draft = await _draft(responder, visit)
    fields = await read_form(visit.request, most=MAX_FIELDS, size=MAX_BYTES)
    check_csrf(responder.settings.secret, visit.session, fields)
    fields = {name: text for name, text in fields.items() if name != TOKEN}
    button = fields.get("do", "")
    editing = await _edit(responder, visit, draft, fields, button)
    if button == "use":
        return await _take(responder, visit, draft, editing)
    return await _page(responder, visit, draft, editing)


async def _edit(
    responder: Responder, visit: Visit, draft: DatasetDraft, fields: Mapping[str, str], button: str
) -> _EditorState:
    codes, text = _codes(responder, visit), fields.get("text", "").strip()
    basis = _EditorState(
        form=PolicyForm(),
        who=button == "who" or fields.get("who") == "yes",
        revision=number_of(fields.get("revision", "")),
    )
    if button == "start":
        start = fields.get("from", "")[:100]
        return replace(basis, form=await responder.node.catalogue.drafts.terms.rows(draft, start, visit.caller))
    form = form_of_fields(fields, codes.code)
    is_changed = bool(text) and button != "rows" and _digest(text) != fields.get("shown", "")
    rows_are_new = _digest(policy_text(form)) != fields.get("shown", "")
    if button == "text" or (is_changed and not rows_are_new):
        try:
            return replace(basis, form=policy_form(read_policy(text)))
        except InvalidInput as error:
            return replace(basis, form=form, text=text, trouble=error)
    if is_changed:
        return replace(basis, form=form, text=text, both=True)
    try:
        return replace(basis, form=form_of_fields(fields, codes.code, button))
    except InvalidInput as error:
        return replace(basis, form=form, trouble=error)


async def _take(responder: Responder, visit: Visit, draft: DatasetDraft, editing: _EditorState) -> Response:
    text = policy_text(editing.form)
    is_unready = editing.trouble or editing.both or not editing.form.rules or gaps(editing.form)
    if not is_unready:
        try:
            read_policy(text)
        except InvalidInput as error:
            editing, is_unready = replace(editing, trouble=error), True
    if is_unready:
        return await _page(responder, visit, draft, replace(editing, strict=True))
    since = draft.revision if editing.revision is None else editing.revision
    answers = {**answers_at(draft, since), "conditions": OWN, POLICY: text}
    outcome = await responder.node.catalogue.drafts.save(draft.id, answers, visit.caller, since=since)
    if outcome.clashes:
        editing = replace(editing, clashes=outcome.clashes, revision=outcome.draft.revision)
        return await _page(responder, visit, outcome.draft, editing)
    return responder.go(visit, visit.url(f"/publish/{draft.id}", done="own-conditions"))


async def _page(responder: Responder, visit: Visit, draft: DatasetDraft, editing: _EditorState) -> Response:
    form, drafts = editing.form, responder.node.catalogue.drafts
    policy = policy_json(form)
    original = await drafts.original(draft, visit.caller) if draft.original is not None else None
    words = _in_words(responder, visit, editing, policy)
    report, error = await _eligible(responder, visit, draft, policy) if editing.who else (None, None)
    text = policy_text(form)
    status = 409 if editing.clashes else 422 if editing.strict else 400 if editing.trouble else 200
    return responder.render(
        visit,
        "policy-editor.html",
        status=status,
        draft=draft,
        address=visit.url(f"/publish/{draft.id}"),
        original=original,
        form=form,
        text=editing.text or text,
        digest=_digest(text),
        revision=draft.revision if editing.revision is None else editing.revision,
        both=editing.both,
        text_differs=bool(editing.text),
        trouble=None if editing.trouble is None else visit.explain(editing.trouble),
        clashes=[clash_in_words(visit, draft, clash) for clash in editing.clashes],
        words=words,
        eligible=report,
        eligible_trouble=error,
        codes_of=_codes(responder, visit),
        starts=[choice for choice, _ in drafts.terms.templates() if choice.policy is not None],
        operands=[compact(iri) for iri in OPERAND_ORDER],
        sections=SECTIONS,
        logical=LOGICAL,
        units=UNITS,
        currencies=CURRENCIES,
        kinds_of_value={compact(iri): str(_kind_of_value(iri)) for iri in OPERAND_ORDER},
        kind_of_date=kind_of_date,
    )


def _kind_of_value(iri: str) -> str:
    """Return the control for the values of an operand."""
    if iri in (DATE_TIME, ELAPSED_TIME, PAY_AMOUNT):
        return {DATE_TIME: "moment", ELAPSED_TIME: "duration", PAY_AMOUNT: "amount"}[iri]
    return "number" if VALUE_TYPES[iri] is ValueType.NUMBER else "text"


def _in_words(responder: Responder, visit: Visit, editing: _EditorState, policy: dict[str, Any]) -> Words:
    form = editing.form
    missing = gaps(form)
    faults = {path: visit.t("policy.fault.unfinished") for path in missing} if form.rules else {}
    if not form.rules:
        return Words(conflicts=[("", Trouble("", visit.t("policy.fault.empty")))] if editing.strict else ())
    faults |= {
        path: visit.t("policy.fault.action")
        for path, rule in rule_forms(form)
        if rule.action and not rule.is_action_known
    }
    try:
        report = responder.node.catalogue.drafts.terms.check(policy, visit.caller)
    except InvalidInput as error:
        return Words(faults=faults, error=visit.explain(error))
    faults |= {path: text for path, text in _faults_of_rows(visit, form, report) if path not in faults}
    paths = field_paths(form)
    conflicts = []
    for finding in report.findings:
        path = nearest_path(paths, finding.field.removeprefix("conditions").removeprefix("."))
        # A part that is named already says so itself.
        known = finding.rule in ("policy-unknown-term", "policy-empty-list", "policy-bare-term") and path in faults
        if finding.severity != "info" and not known:
            conflicts.append((path, text_of_finding(visit, finding)))
    with_names, read = responder.node.catalogue.access.with_names, report.policy
    return Words(
        sentences=[with_names(sentence) for sentence in sentences(read, visit.language)] if read else (),
        conflicts=conflicts[:_CONFLICTS],
        faults=faults,
    )


def _faults_of_rows(visit: Visit, form: PolicyForm, report: ConditionsReport) -> list[tuple[str, str]]:
    """Return the conditions that this node does not understand, each with the reason, by their path in the form."""
    policy = report.policy
    if policy is None:
        return []
    by_path = {
        path: leaf.content
        for leaf in leaves(policy)
        if isinstance(leaf.content, Constraint) and (path := field_paths(form).get(leaf.path))
    }
    faults = []
    for path, row in constraint_rows(form):
        constraint = by_path.get(path)
        if not row.is_finished or constraint is None or operand_of(constraint) is not None:
            continue
        case = "value"
        if row.iri not in OPERANDS:
            case = "operand"
        elif row.operator not in row.operators:
            case = "operator"
        elif len(row.values) > 1 and not row.several:
            case = "several"
        faults.append((path, visit.t(f"policy.fault.{case}")))
    return faults


async def _eligible(
    responder: Responder, visit: Visit, draft: DatasetDraft, policy: dict[str, Any]
) -> tuple[EligibilityReport | None, ProblemWords | None]:
    drafts, eligibility = responder.node.catalogue.drafts, responder.node.region.eligibility
    record = await drafts.original(draft, visit.caller) if draft.edits else None
    try:
        return await eligibility.under(policy, visit.caller, record=record), None
    except InvalidInput as error:
        return None, visit.explain(error)


def _codes(responder: Responder, visit: Visit) -> PolicyCodes:
    return PolicyCodes(visit.language, responder.node.catalogue.access.names())


async def _draft(responder: Responder, visit: Visit) -> DatasetDraft:
    return await responder.node.catalogue.drafts.find(visit.request.path_params["id"], visit.caller)


def _digest(text: str) -> str:
    """Return a short mark of a text, the same for line ends of any kind."""
    plain = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
