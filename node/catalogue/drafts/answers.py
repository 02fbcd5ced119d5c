"""From the answers of a person to a submission: the fields of a description, the file, and the conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from node.catalogue.drafts.model import Answers, DatasetDraft
from node.policy.templates import Template, template
from node.semantics.model import Submission
from node.semantics.profiles.fields import place_of, tables_of, theme_of, title_of

_PLAIN: Final = (
    "id",
    "title",
    "description",
    "license",
    "theme",
    "frequency",
    "language",
    "provenance",
    "landing_page",
)
"""Answers that are fields of a description as they are."""
_NUMBERS: Final = re.compile(r"\s*[,;]\s*|\s+")
KEPT: Final = ("license", "contact.name", "contact.email", "language")
"""Answers that a person's next draft begins with."""
USUAL_LICENCE: Final = "CC-BY-4.0"
OPEN: Final = "open"
"""The template with which a file may be open to everybody without an agreement."""


def first_answers(draft: DatasetDraft, last: Answers) -> dict[str, str]:
    """Return the answers that a new draft begins with: from its file, and from the person's ``last`` dataset."""
    profile, name = draft.profile, draft.file.name
    answers = {
        "title": title_of(name),
        "theme": theme_of(profile, name),
        "license": USUAL_LICENCE,
        "spatial": place_of(profile),
        "from": profile.begins if profile and profile.ends else "",
        "until": profile.ends if profile and profile.begins else "",
        # What may hold personal data leaves the house only if a person says so.
        "conditions": "internal" if draft.suspects else OPEN,
    }
    answers |= {name: last[name] for name in KEPT if last.get(name)}
    return {name: answer for name, answer in answers.items() if answer}


def submission_of(draft: DatasetDraft) -> Submission:
    """Return what the answers of ``draft`` would publish. Raises ``InvalidInput`` for unknown conditions."""
    answers = {name: answer.strip() for name, answer in draft.answers.items()}
    fields: dict[str, Any] = {name: answers[name] for name in _PLAIN if answers.get(name)}
    if keywords := [word.strip() for word in re.split(r"[,;\n]", answers.get("keywords", "")) if word.strip()]:
        fields["keywords"] = keywords
    if contact := {part: answers[f"contact.{part}"] for part in ("name", "email") if answers.get(f"contact.{part}")}:
        fields["contact"] = contact
    if place := answers.get("spatial"):
        fields["spatial"] = _rectangle(place) or place
    if period := {part: answers[name] for part, name in (("from", "from"), ("to", "until")) if answers.get(name)}:
        fields["temporal"] = period
    if (personal := answers.get("personal_data")) in ("yes", "no"):
        fields["personal_data"] = personal == "yes"
    profile = draft.profile
    if profile is not None and profile.crs:
        fields["crs"] = profile.crs
    if profile is not None and profile.step:
        fields["resolution"] = {"time": profile.step}
    fields["files"] = [_file(draft, answers)]
    chosen = answers.get("conditions", "")
    return Submission(
        kind="dataset",
        fields=fields,
        files=(draft.file,),
        conditions=_conditions(template(chosen), answers) if chosen else None,
    )


def _file(draft: DatasetDraft, answers: Mapping[str, str]) -> dict[str, Any]:
    tables = tables_of(draft.profile, draft.file.name)
    for place, table in enumerate(tables):
        for number, column in enumerate(table["columns"]):
            if meaning := answers.get(f"column.{place}.{number}"):
                column["description"] = meaning
    # Open to everybody without an agreement: only if the conditions are open as well.
    is_open = answers.get("conditions") == OPEN and answers.get("direct") == "yes"
    return {"name": draft.file.name, "open": is_open, **({"tables": tables} if tables else {})}


def _conditions(chosen: Template, answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the template and the parameters that were answered; a box that is not ticked is an answer too."""
    values: dict[str, Any] = {}
    for parameter in chosen.parameters:
        answer = answers.get(f"{chosen.id}.{parameter.name}", "")
        if parameter.type == "boolean":
            values[parameter.name] = answer == "yes"
        elif answer:
            values[parameter.name] = answer
    return {"template": chosen.id, **values}


def _rectangle(text: str) -> list[float] | None:
    parts = _NUMBERS.split(text.strip("[] \t"))
    try:
        edges = [float(part) for part in parts]
    except ValueError:
        return None
    return edges if len(edges) == 4 else None
