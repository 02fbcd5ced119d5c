"""From the answers of a person to a submission: the fields of a description, the file, and the conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from node.base.errors import InvalidInput, LocalFault
from node.catalogue.drafts.answer_forms import EDGES, addresses_of, place_field, uniform
from node.catalogue.drafts.keyword_lists import read_keywords
from node.catalogue.drafts.model import Answers, DatasetDraft
from node.catalogue.drafts.originals import KEEP, OriginalDescription
from node.catalogue.drafts.own_conditions import OWN, own_policy
from node.catalogue.model import INTERNAL, PUBLIC, Record
from node.policy.gallery import HANSA, Gallery
from node.policy.templates import Template
from node.semantics.description.fields import fields_of
from node.semantics.description.forms import Form
from node.semantics.documents import N_QUADS
from node.semantics.model import File, Submission
from node.semantics.profiles.fields import place_of, tables_of, theme_of, title_of

_PLAIN: Final = (
    "id",
    "title",
    "description",
    "license",
    "theme",
    "subject",
    "frequency",
    "language",
    "provenance",
    "landing_page",
    "personal_basis",
    "personal_purpose",
    "impact_assessment",
)
"""Answers that are fields of a description as they are."""
_NOT_COPIED: Final = frozenset({"landing_page", "previous_version", "derived_from", "sample_of", "in_series"})
"""Links that belong to one dataset. Also ``source``-like links of files are not copied, because files are not."""
KEPT: Final = ("license", "contact.name", "contact.email", "language")
"""Answers that a person's next draft begins with."""
USUAL_LICENCE: Final = "CC-BY-4.0"
OPEN: Final = "open"
"""The template with which a file may be open to everybody without an agreement."""


def first_answers(draft: DatasetDraft, last: Answers) -> dict[str, str]:
    """Return the answers that a new draft begins with: from its file, and from the person's ``last`` dataset."""
    profile, name = draft.profile, _file_of(draft).name
    answers = {
        "title": (profile and profile.title) or title_of(name),
        "description": profile.description if profile else "",
        "theme": theme_of(profile, name),
        "license": USUAL_LICENCE,
        "spatial": place_of(profile),
        "from": profile.begins if profile and profile.ends else "",
        "until": profile.ends if profile and profile.begins else "",
        # What may hold personal data leaves the house only if a person says so.
        "conditions": "internal" if draft.suspects else OPEN,
    }
    for place, table in enumerate(profile.tables if profile else ()):
        answers |= {f"column.{place}.{number}": column.meaning for number, column in enumerate(table.columns)}
    answers |= {name: last[name] for name in KEPT if last.get(name)}
    return uniform({name: answer for name, answer in answers.items() if answer})


def copied_answers(draft: DatasetDraft, like: Record) -> dict[str, str]:
    """Return the answers that a copy of ``like`` begins with: its own, but for what the new file says itself."""
    language = draft.original.language if draft.original else "en"
    of_like, of_file = OriginalDescription(like, language).answers, dict(draft.answers)
    if any(of_like.get(name) for name in ("spatial", *EDGES)):
        # The name of one place and the edges of another say nothing together.
        of_file = {name: answer for name, answer in of_file.items() if name not in ("spatial", *EDGES)}
    answers_of_copy = {**of_file, **of_like, "conditions": KEEP}
    own = {name: draft.answers.get(name, "") for name in ("from", "until", "landing_page", "personal_data")}
    # What may hold personal data leaves the house only if a person says so.
    own |= {"conditions": draft.answers["conditions"]} if draft.suspects else {}
    return {name: answer for name, answer in (answers_of_copy | own).items() if answer}


def changed_answers(record: Record, language: str, changes: Mapping[str, str]) -> dict[str, str]:
    """Return the answers of a version with ``changes`` in them, and its conditions kept. Raises ``InvalidInput`` for
    answers that the asset does not have."""
    description = OriginalDescription(record, language)
    names = {*description.answers, *description.missing}
    if unknown := sorted(set(changes) - names):
        raise InvalidInput(
            f"the asset has no field {', '.join(unknown)[:200]}", remedy=f"use {', '.join(sorted(names))}"
        )
    return uniform({**description.answers, **changes, "conditions": KEEP})


def next_version(draft: DatasetDraft, record: Record, gallery: Gallery = HANSA) -> Submission:
    """Return ``record`` with the changed answers of ``draft``. Raises ``InvalidInput`` for an answer that cannot be
    used."""
    answers = {name: answer.strip() for name, answer in draft.answers.items()}
    description = OriginalDescription(record, draft.original.language if draft.original else "en")
    fields = description.with_answers(description.changes(answers))
    return version_of(description, fields, answers, gallery)


def version_of(
    description: OriginalDescription, fields: dict[str, Any], answers: Answers, gallery: Gallery = HANSA
) -> Submission:
    """Return a changed description as the next version of its asset: with ``fields`` described anew, under the
    conditions of ``answers``. Raises ``InvalidInput`` for unknown conditions."""
    record = description.record
    conditions = answers.get("conditions") or KEEP
    unchanged = conditions == KEEP
    if not unchanged:
        description.forget_access_right()
    files = record.files if unchanged else tuple(replace(file, open=_is_open(answers)) for file in record.files)
    return Submission(
        kind=record.kind,
        document=description.to_bytes(),
        media_type=N_QUADS,
        fields=fields or None,
        files=files,
        conditions=_kept_conditions(record) if unchanged else chosen_conditions(answers, gallery),
        audience=None if unchanged or record.audience != INTERNAL else _audience(conditions, gallery),
        iri=record.iri,
    )


def submission_of(draft: DatasetDraft, like: Record | None = None, gallery: Gallery = HANSA) -> Submission:
    """Return what the answers of ``draft`` would publish; ``like`` is the version that it is a copy of, if any.

    Raises ``InvalidInput`` for unknown conditions.
    """
    answers = {name: answer.strip() for name, answer in draft.answers.items()}
    fields: dict[str, Any] = {name: answers[name] for name in _PLAIN if answers.get(name)}
    if keywords := read_keywords(answers.get("keywords", "")):
        fields["keywords"] = keywords
    if contact := {part: answers[f"contact.{part}"] for part in ("name", "email") if answers.get(f"contact.{part}")}:
        fields["contact"] = contact
    if (place := place_field(answers)) is not None:
        fields["spatial"] = place
    if period := {part: answers[name] for part, name in (("from", "from"), ("to", "until")) if answers.get(name)}:
        fields["temporal"] = period
    if (personal := answers.get("personal_data")) in ("yes", "no"):
        fields["personal_data"] = personal == "yes"
    profile = draft.profile
    if profile is not None and profile.crs:
        fields["crs"] = profile.crs
    if profile is not None and profile.step:
        fields["resolution"] = {"time": profile.step}
    fields |= _copied_links(like, fields) if like else {}
    fields["files"] = [_file(draft, answers)]
    conditions = answers.get("conditions", "")
    terms_of_original = _kept_conditions(like) if like and conditions == KEEP else None
    return Submission(
        kind="dataset",
        fields=fields,
        files=(_file_of(draft),),
        conditions=terms_of_original if conditions == KEEP else _optional_conditions(answers, gallery),
        audience=like.audience if like and conditions == KEEP else None,
    )


def _copied_links(like: Record, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the links of ``like`` to standards, laws, documents and others, which the form does not show."""
    description = OriginalDescription(like, "en")
    names = (field for field in fields_of("dataset") if field.form is Form.LINK and field.name not in _NOT_COPIED)
    links = {field.name: description.links(field.property) for field in names if field.name not in fields}
    return {name: iris for name, iris in links.items() if iris}


def _file_of(draft: DatasetDraft) -> File:
    if draft.file is None:
        raise LocalFault("a draft without a file is for the next version of an asset")
    return draft.file


def _is_open(answers: Mapping[str, str]) -> bool:
    """Return whether files are open to everybody without an agreement: only if the conditions are open as well."""
    return answers.get("conditions") == OPEN and answers.get("direct") == "yes"


def _file(draft: DatasetDraft, answers: Mapping[str, str]) -> dict[str, Any]:
    file = _file_of(draft)
    tables = tables_of(draft.profile, file.name)
    for place, table in enumerate(tables):
        for number, column in enumerate(table["columns"]):
            if meaning := answers.get(f"column.{place}.{number}"):
                column["description"] = meaning
    through = addresses_of(answers.get("through", ""))
    return {
        "name": file.name,
        "open": _is_open(answers),
        **({"tables": tables} if tables else {}),
        **({"through": through} if through else {}),
    }


def _optional_conditions(answers: Answers, gallery: Gallery) -> dict[str, Any] | None:
    return chosen_conditions(answers, gallery) if answers.get("conditions") else None


def chosen_conditions(answers: Answers, gallery: Gallery = HANSA) -> dict[str, Any]:
    """Return the conditions that were chosen: a template with its parameters, or a policy of the person's own. Raises
    ``InvalidInput`` for an unknown template, and for a text that is no policy."""
    conditions = answers.get("conditions", "")
    if conditions == OWN:
        return own_policy(answers)
    return gallery.expand_object(conditions_of(gallery.template(conditions), answers))


def _audience(conditions: str, gallery: Gallery) -> str:
    """Return who sees an asset with these conditions that only this organisation has seen so far."""
    return PUBLIC if conditions == OWN else gallery.template(conditions).audience


def conditions_of(template: Template, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the template and the parameters that were answered; a box that is not ticked is an answer too."""
    values: dict[str, Any] = {}
    for parameter in template.parameters:
        answer = answers.get(f"{template.id}.{parameter.name}", "")
        if parameter.type == "boolean":
            values[parameter.name] = answer == "yes"
        elif answer:
            values[parameter.name] = answer
    return {"template": template.id, **values}


def _kept_conditions(record: Record) -> dict[str, Any] | None:
    """Return the conditions of a version, to be published again; None if nothing is offered."""
    if record.offer is None:
        return None
    return {"offer": {name: value for name, value in record.offer.items() if name not in ("@id", "@type", "target")}}
