"""Check with a reasoner whether an ontology contradicts itself: on request, and before it is published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, TooMany
from node.base.turnstile import Turnstile
from node.catalogue.browse import Browse
from node.catalogue.meaning.imports import ImportClosure, Imports
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.findings.files import file_finding
from node.semantics.model import Finding
from node.semantics.ontologies.axioms import Axioms
from node.semantics.ontologies.consistency import ANSWERS, Consistency, Verdict

Reasoner = Callable[[bytes, str], Consistency]
"""Checks the ontology in canonical N-Quads whose record has this address. It blocks."""

MOST_CALLERS: Final = 16
BOUNDED: Final = 300
"""Axioms of an ontology that is checked before it is published; a larger one is checked on request."""
BRIEF: Final = 20.0
"""Seconds that this may take."""
_NAMED: Final = 3
_NOT_REASONED: Final = "ontology:not-reasoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonerAnswer:
    """The verdict about an ontology, and the imports that were read with it; None if it was read without them."""

    consistency: Consistency
    closure: ImportClosure | None = None

    def to_json(self, language: str) -> dict[str, Any]:
        members = self.consistency.to_json(language)
        if self.closure is not None:
            members["imports"] = self.closure.to_json()["imports"]
        return members


class ReasonOver:
    """Checks ontologies that the caller may see, one at a time."""

    def __init__(self, *, browse: Browse, reasoner: Reasoner) -> None:
        self._browse = browse
        self._reasoner = reasoner
        self._turnstile = Turnstile(
            at_once=1,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many ontologies are being checked just now", remedy="try again in a minute"),
        )

    async def __call__(self, iri: str, caller: Caller, *, imports: bool = True) -> ReasonerAnswer:
        """Return the verdict about the ontology ``iri``, with its imports or without. Raises ``NotAllowed``,
        ``NotFound``, ``TooMany``, and ``InvalidInput`` for another kind of asset."""
        require(caller, UseCase.PUBLISH)
        record = await self._browse.record(iri, caller)
        if record.kind != "ontology":
            raise InvalidInput(f"{record.title()} is a {record.kind}", remedy="name the address of an ontology")
        with self._turnstile.admission():
            closure = await self._browse.imports.closure(iri, caller) if imports else None
            async with self._turnstile.turn:
                return await asyncio.to_thread(self._reason, record, closure)

    def _reason(self, record: Record, closure: ImportClosure | None) -> ReasonerAnswer:
        document = closure.document() if closure else record.nquads
        return ReasonerAnswer(consistency=self._reasoner(document, record.subject), closure=closure)


def contradictions(draft: Record, reasoner: Reasoner, imports: Imports) -> Iterator[Finding]:
    """Yield what a reasoner finds wrong with a draft and its imports, or with the draft alone if that has few axioms;
    and why it was not asked, or gave no answer. An ontology with no axioms that can clash needs no reasoner."""
    if draft.kind != "ontology":
        return
    for document in (imports.for_readers(draft).document(), draft.nquads):
        axioms = Axioms(document, draft.subject)
        if len(axioms.axioms) <= BOUNDED:
            break
    if not axioms.may_clash:
        return
    if len(axioms.axioms) > BOUNDED:
        count = str(len(axioms.axioms))
        yield file_finding("many-axioms", _NOT_REASONED, field="", count=count, most=str(BOUNDED))
        return
    verdict = reasoner(document, draft.subject)
    if verdict.verdict not in ANSWERS:
        yield file_finding("no-reasoner", _NOT_REASONED, field="", why=verdict.words)
    if verdict.verdict is Verdict.INCONSISTENT:
        yield _finding(verdict, "", "contradiction")
    for iri in verdict.empty[:_NAMED]:
        yield _finding(verdict, iri, "empty-class")


def _finding(verdict: Consistency, iri: str, key: str) -> Finding:
    return file_finding(
        key,
        f"ontology:reasoner-{key}",
        field="",
        term=lambda language: verdict.label(iri, language) if iri else "",
        because=lambda language: " ".join(verdict.because(iri, language)),
    )
