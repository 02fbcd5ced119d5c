"""The history of a draft, and answers that two people changed at once, in the words of its form."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from node.base.errors import InvalidInput
from node.catalogue.drafts.collaboration import Clash
from node.catalogue.drafts.model import DatasetDraft
from node.catalogue.drafts.own_conditions import OWN, POLICY
from node.policy.editor.reader import read_policy
from node.policy.gallery import PREFIX
from node.policy.odrl import parse
from node.policy.templates import templates
from node.policy.words import summary
from node.portal.pages.publication.answer_errors import Trouble, labels_of_controls
from node.portal.visit import Visit

_SHORT: Final = 160
"""Characters of an answer that a line shows."""
_LINES: Final = 50
"""Changes that a page shows, the newest first."""


class ChangeInWords(NamedTuple):
    """A change of an answer. ``label`` names the answer as the form does; an empty text: there was no answer."""

    at: datetime
    account: str
    label: str
    before: str
    after: str


def history_in_words(visit: Visit, draft: DatasetDraft) -> list[ChangeInWords]:
    """Return the newest changes of a draft, the newest first. Without the values of conditions that are not chosen:
    each form sends those that it fills in for all of them."""
    choice = draft.answers.get("conditions", "")
    others = {template.id for template in templates()} | {OWN}
    others.discard(choice)
    changes = [
        change
        for change in draft.history
        if (name := change.field.partition(".")[0]) == choice or not (name in others or name.startswith(PREFIX))
    ]
    return [
        ChangeInWords(
            change.at,
            change.account,
            _control_of(visit, draft, change.field)[1],
            _shorten(_answer_in_words(visit, change.field, change.before)),
            _shorten(_answer_in_words(visit, change.field, change.after)),
        )
        for change in reversed(changes[-_LINES:])
    ]


def clash_in_words(visit: Visit, draft: DatasetDraft, clash: Clash) -> Trouble:
    """Return what a colleague has answered meanwhile, for the control with the answer of the reader."""
    control, label = _control_of(visit, draft, clash.field)
    text = (
        visit.t("drafts.clash", name=clash.account, text=_shorten(_answer_in_words(visit, clash.field, clash.theirs)))
        if clash.theirs
        else visit.t("drafts.clash.removed", name=clash.account)
    )
    return Trouble(control, text if control == clash.field else f"{label}: {text}")


def number_of(text: str) -> int | None:
    """Return the revision that a form was filled in from; None if it names none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _control_of(visit: Visit, draft: DatasetDraft, field: str) -> tuple[str, str]:
    """Return the control that shows ``field``, empty if none can be pointed at, and the name of the answer."""
    labels = labels_of_controls(visit)
    if field in labels:
        return field, labels[field]
    kind, _, place = field.partition(".")
    if kind == "column":
        return "", _name_of_column(draft, place) or visit.t("drafts.meanings")
    return "conditions", _name_of_value(visit, kind, place) or labels["conditions"]


def _answer_in_words(visit: Visit, field: str, text: str) -> str:
    """Return an answer as people read it: of a policy, its summary."""
    if field != POLICY or not text:
        return text
    try:
        return summary(parse(read_policy(text)), visit.language)
    except InvalidInput:
        return text


def _name_of_value(visit: Visit, conditions: str, name: str) -> str:
    """Return what the form calls a value of conditions; empty for others."""
    parameters = [
        part
        for known in templates()
        if known.id == conditions or conditions.startswith(PREFIX)
        for part in known.parameters
    ]
    return next((visit.translate(part.label).text for part in parameters if part.name == name), "")


def _name_of_column(draft: DatasetDraft, place: str) -> str:
    table, _, number = place.partition(".")
    tables = draft.profile.tables if draft.profile else ()
    if not (table.isdigit() and number.isdigit() and int(table) < len(tables)):
        return ""
    columns = tables[int(table)].columns
    return columns[int(number)].name if int(number) < len(columns) else ""


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"
