"""Errors of the form about a dataset, each beside its control, from the answers and from the profile's shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from node.base.errors import Conflict, HansaError, InvalidDescription, InvalidInput
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.model import Publication
from node.policy.gallery import PREFIX
from node.policy.templates import template, templates
from node.portal.answers import words_of_fault
from node.portal.visit import Visit
from node.semantics.description.fields import FILES_NAMES
from node.semantics.model import Finding

if TYPE_CHECKING:
    from node.portal.responder import Responder

_REQUIRED: Final = ("title", "description", "license")
_LABELS: Final = {
    "title": "publish.title",
    "description": "fact.words",
    "license": "fact.licence",
    "personal_data": "fact.personal",
    "personal_basis": "fact.basis",
    "personal_purpose": "fact.purpose",
    "impact_assessment": "fact.assessment",
    "conditions": "use.conditions",
    "theme": "facet.theme",
    "subject": "drafts.subject",
    "keywords": "drafts.keywords",
    "contact.name": "drafts.contact.name",
    "contact.email": "drafts.contact.email",
    "spatial": "fact.place",
    "west": "drafts.edge.west",
    "south": "drafts.edge.south",
    "east": "drafts.edge.east",
    "north": "drafts.edge.north",
    "from": "drafts.from",
    "until": "drafts.until",
    "frequency": "fact.frequency",
    "id": "drafts.address",
    "language": "drafts.language",
    "landing_page": "fact.landing",
    "provenance": "fact.provenance",
    "through": "drafts.through",
    "text": "fact.rules",
    "valid_from": "rules.valid",
    "version": "rules.version",
    "changes": "rules.changes",
    "law": "rules.law",
    "court": "fact.court",
    "liability": "fact.liability",
    "disputes": "fact.disputes",
    "notice": "fact.notice",
    "retention": "fact.retention",
}
"""Controls of the form, and the texts that name them."""


class Trouble(NamedTuple):
    """A fault of a field. ``field`` is the name of its control, empty if there is none; ``lang`` is the
    language of the text if it is not the page's."""

    field: str
    text: str
    lang: str = ""


def labels_of_controls(visit: Visit) -> dict[str, str]:
    return {name: visit.t(key) for name, key in _LABELS.items()}


async def check(
    responder: Responder, visit: Visit, dataset_draft: DatasetDraft
) -> tuple[Publication | None, list[Trouble]]:
    """Return what would be published, or what has to be corrected before."""
    draft = dataset_draft
    if not draft.edits and not draft.answers.get("title"):
        # Nothing can be checked without an address, which comes from the title: the other errors are shown as well.
        draft = replace(draft, answers={**draft.answers, "title": draft.id})
    try:
        publication = await responder.node.catalogue.drafts.check(draft, visit.caller)
    except (InvalidDescription, InvalidInput, Conflict) as error:
        return None, await find_troubles(responder, visit, dataset_draft, error)
    if draft is not dataset_draft:
        return None, await find_troubles(responder, visit, dataset_draft, None)
    return publication, []


async def find_troubles(
    responder: Responder, visit: Visit, dataset_draft: DatasetDraft, error: HansaError | None
) -> list[Trouble]:
    """Return the errors, those of missing answers first; of a field with several, the first."""
    faults = await responder.node.catalogue.drafts.faults(dataset_draft, visit.caller)
    required = _REQUIRED[:1] if dataset_draft.edits else _REQUIRED
    missing = [Trouble(name, visit.t("drafts.fill")) for name in required if not dataset_draft.answers.get(name)]
    if dataset_draft.suspects and dataset_draft.answers.get("personal_data") not in ("yes", "no"):
        missing.append(Trouble("personal_data", visit.t("drafts.choose")))
    if not dataset_draft.answers.get("conditions"):
        missing.append(Trouble("conditions", visit.t("drafts.choose")))
    missing += [Trouble(fault.control, words_of_fault(visit, fault)) for fault in faults]
    fields = {trouble.field for trouble in missing}
    if not fields.isdisjoint(("from", "until")):
        # The profile calls a period that ends before it begins an error of the whole period.
        fields |= {"from", "until"}
    if error is None:
        others = []
    elif isinstance(error, InvalidDescription):
        findings = [Finding.from_json(one) for one in error.findings if one["severity"] == "violation"]
        others = [_about(visit, finding) for finding in findings]
    elif error.facts.get("field") == "conditions" and error.facts.get("findings"):
        others = _about_conditions(visit, dataset_draft, error.facts["findings"])
    else:
        words = visit.explain(error)
        text = f"{words.text}: {words.remedy}" if words.remedy and words.lang == words.remedy_lang else words.text
        # The path of an error in a policy: these are conditions of the person's own.
        field = error.facts.get("field", "conditions" if "path" in error.facts else "")
        others = [Trouble(str(field), text, words.lang)]
    return missing + [trouble for trouble in others if trouble.field not in fields]


def text_of_finding(visit: Visit, finding: Finding) -> Trouble:
    """Return a finding in the reader's language: what is wrong, and why it matters."""
    texts: Mapping[str, Any] = finding.translations.get(visit.language) or {}
    message, why = texts.get("message", finding.message), texts.get("why", finding.why)
    lang = "" if texts or visit.language == "en" else "en"
    return Trouble("", ". ".join(part.rstrip(".") for part in (message, why) if part), lang)


def _about_conditions(
    visit: Visit, dataset_draft: DatasetDraft, findings: Sequence[Mapping[str, str]]
) -> list[Trouble]:
    """Return what is wrong with the parameters of the conditions, each under its name in the reader's language."""
    conditions = dataset_draft.answers["conditions"]
    # A template of the region has the values of one of Hansa's.
    known = templates() if conditions.startswith(PREFIX) else (template(conditions),)
    labels = {part.name: visit.translate(part.label).text for each in known for part in each.parameters}
    troubles = []
    for finding in findings:
        name = finding["field"].partition(".")[2]
        missing = not dataset_draft.answers.get(f"{conditions}.{name}")
        text = visit.t("drafts.fill") if missing else finding["message"]
        troubles.append(Trouble("conditions", f"{labels.get(name, name)}: {text}", "" if missing else "en"))
    return troubles


def _about(visit: Visit, finding: Finding) -> Trouble:
    """Return a finding with its control, and the name of the control in place of that of the field."""
    trouble, control = text_of_finding(visit, finding), control_of(finding.field)
    if not control:
        return trouble
    label = visit.t(_LABELS[control])
    return trouble._replace(field=control, text=trouble.text.replace(finding.field, label, 1))


def control_of(field: str) -> str:
    """Return the name of the control for a field of a description: ``contact.0.email`` has ``contact.email``."""
    first = field.partition(".")[0]
    if first == "contact":
        return "contact.email" if field.endswith("email") else "contact.name"
    if first == "temporal":
        return "until" if field.endswith(".to") else "from"
    if first in FILES_NAMES and ".through" in field:
        return "through"
    return {"iri": "id"}.get(first, first if first in _LABELS else "")
