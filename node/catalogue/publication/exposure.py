"""Warnings to the publisher, before and after publishing, when more people may see or download an asset.

A wider audience and an opened file cannot be taken back once somebody has read the data. Both are therefore
separate warnings, in every supported language.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from node.catalogue.findings import CATALOGUE, finding
from node.catalogue.model import INTERNAL, PUBLIC, Record, WiderAudience
from node.semantics.model import Finding
from node.texts.languages import LANGUAGES

WIDENED: Final = "audience-widened"
OPENED: Final = "file-opened"
INHERITED: Final = "audience-inherited"
RULES: Final = (WIDENED, OPENED, INHERITED)
"""The rules of the findings of this module."""


def widens(head: Record, audience: str) -> bool:
    """Return whether the new ``audience`` may include people who did not see ``head``.

    Audiences have no order among themselves. So every change counts, except one from the public audience or to our
    own people.
    """
    return head.audience not in (audience, PUBLIC) and audience != INTERNAL


def find_wider_audience(head: Record | None, draft: Record) -> WiderAudience | None:
    """Return how ``draft`` widens the audience of ``head``; None if nobody new sees anything."""
    if head is None or not (draft.opens_history or widens(head, draft.audience)):
        return None
    return WiderAudience(before=head.audience, after=draft.audience, earlier_versions=draft.opens_history)


def findings_about(
    head: Record | None, draft: Record, change: WiderAudience | None, *, inherited: bool
) -> list[Finding]:
    """Return warnings if publishing ``draft`` lets more people see or download the asset than ``head`` did.

    ``inherited``: no audience was named, and the audience of the conditions would have been wider.
    """
    findings: list[Finding] = []
    if change is not None:
        parts = ["widening.wider"] if change.before != change.after else []
        parts.append("widening.history" if change.earlier_versions else "widening.kept")
        findings.append(_finding(WIDENED, "audience", parts, "widening.not-meant", draft, before=change.before))
    file_names = ", ".join(_newly_open_files(head, draft, change))
    if file_names:
        parts = ["widening.anyone" if draft.audience == PUBLIC else "widening.who-sees"]
        findings.append(_finding(OPENED, "files.open", parts, "widening.close", draft, files=file_names))
    if inherited and head is not None:
        parts = ["widening.as-before"]
        findings.append(_finding(INHERITED, "audience", parts, "widening.name-it", draft, before=head.audience))
    return findings


def _newly_open_files(head: Record | None, draft: Record, change: WiderAudience | None) -> Iterable[str]:
    """Return the files that more people may download now than before."""
    before = {file.name for file in head.files if file.open} if head is not None and change is None else set()
    return (file.name for file in draft.files if file.open and file.name not in before)


def _finding(
    rule: str, field: str, parts: Iterable[str], remedy: str, draft: Record, *, before: str = "", files: str = ""
) -> Finding:
    """Return the finding with the texts of ``parts``, one after the other, as its message, and ``remedy``."""
    parts = tuple(parts)
    message, remedies = {}, {}
    for language in LANGUAGES:
        facts = {
            "version": draft.version,
            "after": _who(draft.audience, language),
            "before": _who(before, language),
            "files": files,
            "name": before,
        }
        message[language] = " ".join(CATALOGUE.say(language, part, **facts) for part in parts)
        remedies[language] = CATALOGUE.say(language, remedy, **facts)
    return finding(rule, message, remedy=remedies, field=field)


def _who(audience: str, language: str) -> str:
    key = f"audience.{audience}"
    return CATALOGUE.say(language, key) if CATALOGUE.knows(key) else audience
