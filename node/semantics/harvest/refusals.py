"""Reasons why a foreign record is refused or entered with a doubt, and why a whole source cannot be read: for each
case a text in every language.

A report keeps the English text, for programs and for versions without texts, and the case with its values. The text
in a reader's language is looked up when the report is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput
from node.texts.catalogue import Catalogue

TEXTS: Final = Catalogue("harvest")

LONGEST: Final = 300
"""The most characters of a value."""


def refusal(case: str, **values: str | int) -> InvalidInput:
    """Return the error for a record that is refused for this case, in English."""
    text, remedy = _texts("en", case, values)
    return InvalidInput(text, remedy=remedy, facts={"case": case, **values})


def source_fault(kind: type[HansaError], case: str, **values: str | int) -> HansaError:
    """Return the error, of this kind, for a source that cannot be harvested for this case, in English."""
    case = f"source-{case}"
    text, remedy = _texts("en", case, values)
    return kind(text, remedy=remedy, facts={"case": case, **values})


def cause_of(error: HansaError) -> dict[str, str | int]:
    """Return the case of ``error`` and its values, as a report keeps them; empty if no text is known for it."""
    facts = {name: value for name, value in error.facts.items() if isinstance(value, str | int)}
    return facts if TEXTS.knows(f"refusal.{facts.get('case', '')}") else {}


def problem_in(language: str, problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored error object with its detail and remedy in ``language``, as far as there is a text for it."""
    facts = problem.get("facts")
    texts = reason_in(language, facts) if isinstance(facts, Mapping) else None
    if texts is None:
        return dict(problem)
    return {**problem, "detail": texts[0], "remedy": texts[1] or problem.get("remedy", "")}


def reason_in(language: str, cause: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the reason and the remedy of a case in ``language``; None if there is no text for it or a value of the
    text is missing, as in reports of other versions."""
    case = cause.get("case", "")
    if not TEXTS.knows(f"refusal.{case}"):
        return None
    keys = [key for key in (f"refusal.{case}", f"remedy.{case}") if TEXTS.knows(key)]
    if any(not TEXTS.names(key) <= cause.keys() for key in keys):
        return None
    return _texts(language, case, cause)


def _texts(language: str, case: str, values: Mapping[str, Any]) -> tuple[str, str]:
    texts = {name: str(value)[:LONGEST] for name, value in values.items()}
    text = TEXTS.say(language, f"refusal.{case}", **texts)
    remedy = f"remedy.{case}"
    return text, TEXTS.say(language, remedy, **texts) if TEXTS.knows(remedy) else ""
