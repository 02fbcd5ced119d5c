"""The report of an import: about the file, about each record, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from node.semantics.harvest.refusals import reason_in
from node.semantics.model import Finding
from node.texts.languages import supported_language

OWN_VALUES: Final = 20_000
"""Different values that an import counts."""


class Outcome(StrEnum):
    """The result of importing one record."""

    NEW = "new"
    CHANGED = "changed"
    RENAMED = "renamed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRecord:
    """One record of an import. ``iri`` is its own at the source, ``address`` the one here; both are empty if the
    record could not be read that far. ``error`` is the reason for a refusal. ``points`` are those of data.europa.eu,
    at most 405. ``former`` is the IRI that a renamed record had until now; ``note`` is the reason why a record that
    seems to be renamed is new. Error, remedy and note are in English; ``cause`` has their case and values for other
    languages (``node.semantics.harvest.refusals``). ``marks`` are those of ``node.catalogue.harvest.renames``.
    ``own_values`` are the fields and texts of the source's own values (``node.catalogue.harvest.value_tables``).
    """

    number: int
    outcome: Outcome
    iri: str = ""
    address: str = ""
    kind: str = ""
    title: str = ""
    version: int | None = None
    conforms: bool = False
    points: int | None = None
    findings: tuple[Finding, ...] = ()
    syntax_repairs: tuple[str, ...] = ()
    repairs: tuple[Mapping[str, Any], ...] = ()
    error: str = ""
    remedy: str = ""
    former: str = ""
    note: str = ""
    cause: Mapping[str, str | int] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    own_values: tuple[tuple[str, str], ...] = ()

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """Return the record for the report in one language, with the findings about obligations first."""
        return in_language(self.to_kept(), language)

    def to_refusal(self) -> dict[str, Any]:
        """Return the stored form of a refused record, to be reported again while its page is unchanged."""
        return {
            "iri": self.iri,
            "address": self.address,
            "kind": self.kind,
            "title": self.title[:300],
            "error": self.error,
            "remedy": self.remedy,
            "cause": dict(self.cause),
        }

    def to_kept(self) -> dict[str, Any]:
        """Return the record for a stored report: with its findings in all languages, and the cause of its error."""
        return {**self._facts(), "findings": [finding.to_json() for finding in self._faults()]}

    def _faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity != "info"]

    def _facts(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "outcome": str(self.outcome),
            "iri": self.iri,
            "address": self.address,
            "kind": self.kind,
            "title": self.title,
            "version": self.version,
            "conforms": self.conforms,
            "points": self.points,
            "syntaxRepairs": list(self.syntax_repairs),
            "repairs": [dict(repair) for repair in self.repairs],
            "error": self.error,
            "remedy": self.remedy,
            "former": self.former,
            "note": self.note,
            "cause": dict(self.cause),
        }


@dataclass(slots=True, kw_only=True)
class Tally:
    """The figures of an import so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    conforming: int = 0
    repaired: int = 0
    own_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: int = 0
    """The number of records that vanished at the source and were not withdrawn, because too many vanished."""

    def add(self, record: ImportedRecord) -> None:
        self.outcomes[str(record.outcome)] += 1
        self.conforming += record.conforms
        self.repaired += bool(record.repairs)
        for value in record.own_values:
            # A source that never repeats a value needs no table, and may not fill the memory.
            if value in self.own_values or len(self.own_values) < OWN_VALUES:
                self.own_values[value] += 1

    def skip(self, records: int, *, conforming: int, repairs: int, own_values: Sequence[Sequence[Any]] = ()) -> None:
        """Count the records of an unchanged page."""
        for name, text, count in own_values:
            self.own_values[name, text] += count
        self.outcomes[str(Outcome.UNCHANGED)] += records
        self.conforming += conforming
        self.repaired += repairs

    def copy(self) -> Tally:
        """Return the figures as they are now."""
        return replace(self, outcomes=self.outcomes.copy(), own_values=self.own_values.copy())

    def to_json(self) -> dict[str, Any]:
        counts = {str(outcome): self.outcomes[str(outcome)] for outcome in Outcome}
        return {**counts, "conforming": self.conforming, "repaired": self.repaired, "missing": self.missing}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """A file that was cut into records: their number, the name of the source, the title of the catalogue by language,
    and the parts that belong to no record."""

    total: int
    source: str
    notes: Sequence[str]
    left_out: Mapping[str, int]
    title: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "source": self.source,
            "title": dict(self.title),
            "notes": list(self.notes),
            "leftOut": dict(self.left_out),
        }


def in_language(line: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a line that ``ImportedRecord.to_kept`` wrote as ``ImportedRecord.to_json`` has it.

    ``language`` of the result is the language of error, remedy and note: English if there is no text for the cause.
    Lines of older versions have no cause.
    """
    findings = [_finding(Finding.from_json(finding), language) for finding in line["findings"]]
    if "mends" in line:  # in lines of older versions
        line = {name: value for name, value in line.items() if name != "mends"} | {"syntaxRepairs": line["mends"]}
    return {**line, **_reason(line, language), "findings": findings}


def _reason(line: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return error, remedy and note of ``line`` in ``language`` if there is a text, and their language."""
    cause = line.get("cause", {})
    texts = reason_in(language, cause)
    if texts is None:
        return {"cause": cause, "language": "en"}
    text, remedy = texts
    reason = {"error": text, "remedy": remedy} if line["error"] else {"note": text}
    return {**reason, "cause": cause, "language": supported_language(language)}


def _finding(finding: Finding, language: str) -> dict[str, Any]:
    said = finding.translations.get(language) or {"message": finding.message, "remedy": finding.remedy}
    members = {"severity": finding.severity, "rule": finding.rule, "field": finding.field, "value": finding.value}
    return {**members, "message": said.get("message", ""), "remedy": said.get("remedy", ""), "count": finding.count}
