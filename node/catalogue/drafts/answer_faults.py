"""Answers of a form that cannot be used, each with its control: places, periods, and words that a list lacks."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.drafts.answer_forms import CODE_LISTS, EDGES, degrees
from node.semantics.codelists.lookup import Code, CodeList
from node.semantics.description.values import NotSo, day, is_link

_LIMITS: Final[Mapping[str, int]] = {"west": 180, "south": 90, "east": 180, "north": 90}
_PAIRS: Final = (("west", "east"), ("south", "north"))
_ENDS: Final = ("from", "until")
_WORDS: Final[Mapping[str, str]] = {
    "word": "the word is not in the list",
    "concept": "no concept, or more than one, has this name",
    "edge": "an edge of the area is missing",
    "number": "this is no number of degrees",
    "degrees": "so many degrees are not on the earth",
    "west-east": "east is not larger than west",
    "south-north": "north is not larger than south",
    "date": "this is not a date",
    "backwards": "the period ends before it begins",
    "duration": "this is not a duration",
    "changes": "it does not say what this version changes",
}
_REMEDIES: Final[Mapping[str, str]] = {
    "word": "choose a term of the list",
    "concept": "write the address of a concept: hansa terms WORD --kind concept",
    "edge": "write all four edges, or none",
    "number": "write a number such as 3.58",
    "degrees": "write -180 to 180 for west and east, -90 to 90 for south and north",
    "west-east": "write the smaller number as west",
    "south-north": "write the smaller number as south",
    "date": "write year, month and day: 2026-11-20",
    "backwards": "exchange the two dates",
    "duration": "write a duration such as P3M (three months) or P14D (14 days)",
    "changes": "write it for the members, who read it before they accept",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFault:
    """A fault of one answer. ``control`` is the name of its control, ``case`` the key of the sentence that explains
    it with ``values``. ``terms`` are those that a word may have meant, the likeliest first."""

    control: str
    case: str
    values: Mapping[str, str] = field(default_factory=dict)
    terms: tuple[Code, ...] = ()


def answer_faults(answers: Mapping[str, str], names: Set[str] | None = None) -> list[AnswerFault]:
    """Return the faults of the answers, in the order of the form; only those about the controls ``names``, if given.

    A place or a period of which one control is in ``names`` is checked as a whole.
    """

    def concerns(*controls: str) -> bool:
        return names is None or not names.isdisjoint(controls)

    faults = [
        fault
        for name, codes in CODE_LISTS.items()
        if concerns(name) and (fault := _word_fault(name, codes, answers.get(name, "")))
    ]
    subject = answers.get("subject", "")
    if concerns("subject") and subject and not is_link(subject):
        faults.append(AnswerFault(control="subject", case="concept", values={"word": subject[:80]}))
    if concerns("spatial", *EDGES):
        faults += _place_faults(answers)
    if concerns(*_ENDS):
        faults += _period_faults(answers)
    return faults


def refuse(faults: list[AnswerFault]) -> None:
    """Raise ``InvalidInput`` about the first of the faults, if there are any."""
    if faults:
        first = faults[0]
        remedy = (
            f"write one of: {', '.join(term.code for term in first.terms)}" if first.terms else _REMEDIES[first.case]
        )
        raise InvalidInput(f"{first.control}: {_WORDS[first.case]}", remedy=remedy, facts={"field": first.control})


def near_terms(codes: CodeList, word: str) -> tuple[Code, ...]:
    """Return the terms of a list that ``word`` may have meant; empty if it is in the list, or like nothing there."""
    return () if not word or codes.find(word) else codes.suggest(word)


def _word_fault(name: str, codes: CodeList, word: str) -> AnswerFault | None:
    if not word or codes.find(word) or (codes.open and is_link(word) and word.startswith(("http://", "https://"))):
        return None
    return AnswerFault(control=name, case="word", values={"word": word[:80]}, terms=near_terms(codes, word))


def _place_faults(answers: Mapping[str, str]) -> list[AnswerFault]:
    if not any(answers.get(edge) for edge in EDGES):
        return []
    faults, edges = [], {edge: degrees(answers.get(edge, "")) for edge in EDGES}
    for edge, number in edges.items():
        if not answers.get(edge):
            faults.append(AnswerFault(control=edge, case="edge"))
        elif number is None:
            faults.append(AnswerFault(control=edge, case="number"))
        elif abs(number) > _LIMITS[edge]:
            faults.append(AnswerFault(control=edge, case="degrees", values={"most": str(_LIMITS[edge])}))
    wrong = {fault.control for fault in faults}
    for least, most in _PAIRS:
        low, high = edges[least], edges[most]
        if wrong.isdisjoint((least, most)) and low is not None and high is not None and low >= high:
            faults.append(
                AnswerFault(control=most, case=f"{least}-{most}", values={most: f"{high}", least: f"{low}"})
            )
    return faults


def _period_faults(answers: Mapping[str, str]) -> list[AnswerFault]:
    faults = [
        AnswerFault(control=name, case="date")
        for name in _ENDS
        if answers.get(name) and not _is_moment(answers[name])
    ]
    begin, end = (answers.get(name, "").strip() for name in _ENDS)
    if not faults and begin and end:
        # A year ends after each of its days: only the part that both have is compared.
        common = min(len(begin), len(end), len(date.min.isoformat()))
        if end[:common] < begin[:common] or (len(begin) == len(end) and end < begin):
            faults.append(AnswerFault(control="until", case="backwards", values={"begin": begin, "end": end}))
    return faults


def _is_moment(text: str) -> bool:
    try:
        day(text)
    except NotSo:
        return False
    return True
