"""The controls of a form about a dataset: terms to choose from, kinds of dates, and the words for a wrong answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from node.catalogue.drafts.answer_faults import AnswerFault, near_terms
from node.catalogue.drafts.answer_forms import CODE_LISTS
from node.portal.visit import Visit
from node.semantics.codelists.lookup import Code
from node.semantics.codelists.places import PLACES

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_SHORTEST: Final = 4
"""A shorter name of a place is the code of a country: read, but not offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChoice:
    """A term that a person may choose: the value that the form sends, its name, and other spellings to search in."""

    value: str
    label: str
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermList:
    """The terms of a code list. ``selection`` is the value of the answer, empty without one; ``other`` is an answer
    that is not among the terms; ``near`` are those that it may have meant."""

    terms: Sequence[CodeChoice]
    selection: str = ""
    other: str = ""
    near: Sequence[CodeChoice] = ()


def choices(name: str, answers: Mapping[str, str], language: str) -> TermList:
    """Return the terms for the answer ``name``, with their names in ``language``. The value of a term is its IRI."""
    codes, answer = CODE_LISTS[name], answers.get(name, "")
    # Older versions of a licence are for what was published under them.
    current = [code for code in codes if not code.code.startswith("CC-BY") or code.code.endswith("4.0")]
    code = codes.find(answer) if answer else None
    if code is not None and code not in current:
        current.insert(0, code)
    near = near_terms(codes, answer)
    return TermList(
        terms=[_choice(term, language) for term in current],
        selection=code.iri if code else answer,
        other="" if code else answer,
        near=[_choice(term, language) for term in near],
    )


def _choice(code: Code, language: str) -> CodeChoice:
    label = code.label(language)
    others = dict.fromkeys((code.code, *code.labels.values(), *code.also, *code.hints))
    return CodeChoice(value=code.iri, label=label, search=" | ".join(text for text in others if text != label))


def place_names() -> list[str]:
    """Return the names of the gazetteer, in all its languages, in alphabetical order."""
    names = {name for place in PLACES for name in (place.name, *place.also) if len(name) >= _SHORTEST}
    return sorted(names, key=str.casefold)


def gazetteer() -> str:
    """Return the places of the gazetteer for the map of a form, as JSON: their names, and their edges."""
    return json.dumps([[[place.name, *place.also], place.bbox] for place in PLACES], ensure_ascii=False)


def kind_of_date(answer: str) -> str:
    """Return the type of the input that can show ``answer``: a day, a moment, or text for a year or a month."""
    if not answer:
        return "date"
    try:
        datetime.fromisoformat(answer)
    except ValueError:
        # A browser would show nothing of it.
        return "text"
    if _DAY.fullmatch(answer):
        return "date"
    return "datetime-local" if _MOMENT.fullmatch(answer) else "text"


def words_of_fault(visit: Visit, fault: AnswerFault) -> str:
    """Return what is wrong with an answer, and what to write instead, in the reader's language."""
    text = visit.t(f"drafts.fault.{fault.case}", **fault.values)
    if not fault.terms:
        return text
    terms = ", ".join(term.label(visit.language) for term in fault.terms)
    return f"{text} {visit.t('drafts.fault.near', terms=terms)}"
