"""The answer of a reasoner about an ontology: whether it contradicts itself, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from node.semantics.findings.words import FINDINGS
from node.semantics.ontologies.axioms import Axioms

MOST_AXIOMS: Final = 2000
SHOWN: Final = 200
"""Pairs of classes that an answer lists."""


class Verdict(StrEnum):
    """The outcome. Only the first three, ``ANSWERS``, are answers of the reasoner."""

    CONSISTENT = "consistent"
    EMPTY_CLASSES = "empty-classes"
    INCONSISTENT = "inconsistent"
    NO_JAVA = "no-java"
    NO_LIBRARY = "no-library"
    NOT_CONFINED = "not-confined"
    TOO_LARGE = "too-large"
    TOO_LONG = "too-long"
    FAILED = "failed"


ANSWERS: Final = (Verdict.CONSISTENT, Verdict.EMPTY_CLASSES, Verdict.INCONSISTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Justification:
    """Axioms, by their numbers, from which it follows; ``minimal``: without any of them it does not."""

    axioms: tuple[int, ...]
    minimal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """The verdict about an ontology. ``empty`` are the classes that nothing can be a member of; ``below`` pairs of a
    class and one above it that the ontology does not state. ``reasons`` by class; that of the whole under ``""``."""

    verdict: Verdict
    axioms: Axioms
    empty: tuple[str, ...] = ()
    below: tuple[tuple[str, str], ...] = ()
    reasons: Mapping[str, Justification]

    def words(self, language: str) -> str:
        """Return the verdict as a sentence."""
        count = len(self.axioms.axioms)
        return FINDINGS.say(language, f"reasoner.{self.verdict}", count=str(count), most=str(MOST_AXIOMS))

    def label(self, iri: str, language: str) -> str:
        return self.axioms.label(iri, language)

    def because(self, iri: str, language: str) -> Sequence[str]:
        """Return the axioms because of which a class is empty, or with ``""`` the whole is inconsistent, in words."""
        reason = self.reasons.get(iri)
        numbers = reason.axioms if reason is not None else ()
        return [self.axioms.words(self.axioms.axioms[number], language) for number in numbers]

    def is_minimal(self, iri: str) -> bool:
        reason = self.reasons.get(iri)
        return reason is not None and reason.minimal

    def to_json(self, language: str) -> dict[str, Any]:
        members: dict[str, Any] = {
            "verdict": str(self.verdict),
            "text": self.words(language),
            "axioms": len(self.axioms.axioms),
            "empty": [
                {"class": name, "label": self.label(name, language), **self._reason(name, language)}
                for name in self.empty
            ],
            "below": [
                {"class": name, "label": self.label(name, language), "above": above,
                 "aboveLabel": self.label(above, language)}
                for name, above in self.below[:SHOWN]
            ],
        }  # fmt: skip
        return {**members, **self._reason("", language)}

    def _reason(self, iri: str, language: str) -> dict[str, Any]:
        if iri not in self.reasons:
            return {}
        return {"because": list(self.because(iri, language)), "minimal": self.is_minimal(iri)}
