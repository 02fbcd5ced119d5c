"""The answers of a form about a rulebook: its text and particulars. Its definitions are no answers, and stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from node.catalogue.drafts.answer_faults import AnswerFault
from node.semantics.description.rulebook_fields import RULEBOOK
from node.semantics.description.values import NotSo, day, duration
from node.vocab.namespaces import DCAT

_PROPERTIES: Final = {field.name: field.property for field in RULEBOOK}

RULE_TEXTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {name: (_PROPERTIES[name],) for name in ("text", "changes", "law", "court", "liability", "disputes")}
)
"""Answers in words, which a rulebook may have in several languages, with their properties."""
RULE_VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {"version": f"{DCAT}version", **{name: _PROPERTIES[name] for name in ("valid_from", "notice", "retention")}}
)
"""Answers with one value for all languages, with their properties."""
RULEBOOK_ANSWERS: Final = (
    "text",
    "valid_from",
    "version",
    "changes",
    "law",
    "court",
    "liability",
    "disputes",
    "notice",
    "retention",
)
"""All of them, in the order of a form."""
LINES: Final = frozenset({"description", "text", "changes", "liability", "disputes"})
"""Answers of several lines."""


def rulebook_faults(answers: Mapping[str, str], changes: Collection[str]) -> list[AnswerFault]:
    """Return the faults of the answers about a rulebook; ``changes`` are the names of those that differ from the
    version in force. Who changes a rule says in words what changes, because members read that before they accept."""
    faults = [
        AnswerFault(control=name, case="date")
        for name in ("valid_from",)
        if name in changes and answers.get(name, "").strip() and not _is_day(answers[name])
    ]
    for name in ("notice", "retention"):
        if name in changes and answers.get(name, "").strip() and not _is_duration(answers[name]):
            faults.append(AnswerFault(control=name, case="duration"))
    new_rules = {name for name in RULEBOOK_ANSWERS if name in changes} - {"changes", "version"}
    if new_rules and ("changes" not in changes or not answers.get("changes", "").strip()):
        faults.append(AnswerFault(control="changes", case="changes"))
    return faults


def _is_day(text: str) -> bool:
    try:
        return day(text).datatype.value.endswith("#date")
    except NotSo:
        return False


def _is_duration(text: str) -> bool:
    try:
        duration(text)
    except NotSo:
        return False
    return True
