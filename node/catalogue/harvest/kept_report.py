"""The stored report of a run: the records that changed, packed into sheets.

Records that did not change are counted and not listed: their faults are in the report of the run that entered them.
A sheet has a hundred lines, and stores a finding that many lines have in common once.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from node.base.work import Transaction, UnitOfWork
from node.catalogue.harvest.report import ImportedRecord, Outcome, Tally, in_language
from node.catalogue.harvest.schedule import ScheduleStore, Sheet
from node.semantics.harvest.refusals import reason_in

LINES: Final = 100
"""Lines of a sheet."""
_REPORTED_ANEW: Final = frozenset({Outcome.REFUSED, Outcome.UNCHANGED})
"""Outcomes that a resumed run reports again for every record."""

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """The lines of a report to show: those of an ``outcome`` (``faults``: those with an error or a finding) that have
    ``text`` in their title, IRI or faults; ``limit`` of them from number ``offset`` on."""

    outcome: str = ""
    text: str = ""
    offset: int = 0
    limit: int = 100


class ReportWriter:
    """Writes the report of a run. Added records are on disk after ``flush``."""

    def __init__(self, store: ScheduleStore, run_id: str) -> None:
        self._store = store
        self._run = run_id
        self._lines: list[Line] = []
        self._number = 0
        self._unsaved = 0
        self._addresses: set[str] = set()
        self._outcomes: Counter[str] = Counter()

    def resume(self, tx: Transaction) -> None:
        """Resume the report of a run that was interrupted: the outcomes of its records stay in the report."""
        lines = [line for line in read_lines(tx, self._store, self._run) if line["outcome"] not in _REPORTED_ANEW]
        self._store.drop_sheets(tx, self._run, 0)
        for line in lines:
            self._keep(line)

    def add(self, record: ImportedRecord) -> None:
        """Add a record to the report, unless it did not change or is in it already."""
        if record.outcome is Outcome.UNCHANGED:
            return
        if record.outcome is not Outcome.REFUSED and record.address in self._addresses:
            return
        self._keep(record.to_kept())

    @property
    def waiting(self) -> int:
        """Return the number of lines that are not on disk yet."""
        return self._unsaved

    def flush(self, tx: Transaction) -> None:
        """Save the added records in ``tx``. The last sheet is written again until it is full."""
        if not self._unsaved:
            return
        for place, start in enumerate(range(0, len(self._lines), LINES)):
            lines = self._lines[start : start + LINES]
            outcomes = Counter(line["outcome"] for line in lines)
            outcomes["faults"] = sum(has_faults(line) for line in lines)
            sheet = Sheet(number=self._number + place, outcomes=dict(outcomes), body=pack(lines))
            self._store.save_sheet(tx, self._run, sheet)
        tx.after_commit(partial(self._save, len(self._lines) // LINES))

    def _save(self, full: int) -> None:
        self._number += full
        self._lines = self._lines[full * LINES :]
        self._unsaved = 0

    def counts(self, tally: Tally) -> dict[str, int]:
        """Return the figures of the whole run, including the part before an interruption."""
        counts: dict[str, int] = tally.to_json()
        total = sum(counts[outcome] for outcome in ("new", "changed", "renamed", "unchanged", "refused"))
        for outcome in ("new", "changed", "renamed", "withdrawn"):
            counts[outcome] = self._outcomes[outcome]
        reported = sum(counts[outcome] for outcome in ("new", "changed", "renamed", "refused"))
        counts["unchanged"] = max(0, total - reported)
        return counts

    def _keep(self, line: Line) -> None:
        self._lines.append(line)
        self._unsaved += 1
        self._outcomes[line["outcome"]] += 1
        if line["address"] and line["outcome"] not in _REPORTED_ANEW:
            self._addresses.add(line["address"])


class ReportReader:
    """Reads the reports of runs."""

    def __init__(self, uow: UnitOfWork, store: ScheduleStore) -> None:
        self._uow = uow
        self._store = store

    def lines(self, run_id: str, only: LineFilter, language: str) -> tuple[list[Line], int, bool]:
        """Return the lines that match, the number of the first line after them, and whether there are more."""
        lines: list[Line] = []
        position = 0
        for line in self._matching(run_id, only, language):
            if isinstance(line, int):
                position += line
                continue
            if len(lines) == only.limit:
                return lines, only.offset + len(lines), True
            position += 1
            if position > only.offset:
                lines.append(in_language(line, language))
        return lines, only.offset + len(lines), False

    def all(self, run_id: str, language: str) -> Iterator[Line]:
        """Yield every line; the sheets are read one at a time."""
        with self._uow.read() as tx:
            sheets = self._store.outcomes(tx, run_id)
        for number, _ in sheets:
            for line in self._sheet(run_id, number):
                yield in_language(line, language)

    def _matching(self, run_id: str, only: LineFilter, language: str) -> Iterator[Line | int]:
        """Yield the lines that match; yield a number in place of so many matches before ``offset``."""
        with self._uow.read() as tx:
            sheets = self._store.outcomes(tx, run_id)
        position = 0
        words = only.text.strip().casefold()
        for number, outcomes in sheets:
            count = outcomes.get(only.outcome, 0) if only.outcome else _lines_in(outcomes)
            if not count:
                continue
            if not words and position + count <= only.offset:
                position += count
                yield count
                continue
            for line in self._sheet(run_id, number):
                if _fits(line, only.outcome, words, language):
                    position += 1
                    yield line

    def _sheet(self, run_id: str, number: int) -> Sequence[Line]:
        with self._uow.read() as tx:
            sheet = self._store.sheet(tx, run_id, number)
        return () if sheet is None else unpack(sheet.body)


def read_lines(tx: Transaction, store: ScheduleStore, run_id: str) -> Iterator[Line]:
    """Yield all lines of a report as stored."""
    for number, _ in store.outcomes(tx, run_id):
        sheet = store.sheet(tx, run_id, number)
        if sheet is not None:
            yield from unpack(sheet.body)


def has_faults(line: Mapping[str, Any]) -> bool:
    """Return whether the record of ``line`` has an error or findings."""
    return bool(line["error"] or line["findings"])


def pack(lines: Sequence[Line]) -> bytes:
    """Return ``lines`` in the form of a sheet."""
    places: dict[str, int] = {}
    thin = []
    for line in lines:
        findings = []
        for finding in line["findings"]:
            # The focus is left out: the line itself names the record.
            text = json.dumps({**finding, "focus": ""}, ensure_ascii=False)
            findings.append(places.setdefault(text, len(places)))
        thin.append({**line, "findings": findings})
    body = {"findings": [json.loads(text) for text in places], "lines": thin}
    return zlib.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def unpack(body: bytes) -> list[Line]:
    """Return the lines of a sheet."""
    sheet = json.loads(zlib.decompress(body))
    return [{**line, "findings": [sheet["findings"][place] for place in line["findings"]]} for line in sheet["lines"]]


def _lines_in(outcomes: Mapping[str, int]) -> int:
    return sum(count for outcome, count in outcomes.items() if outcome != "faults")


def _fits(line: Line, outcome: str, words: str, language: str) -> bool:
    if outcome == "faults" and not has_faults(line):
        return False
    if outcome not in ("", "faults") and line["outcome"] != outcome:
        return False
    if not words:
        return True
    faults = " ".join(_words(finding) for finding in line["findings"])
    names = " ".join(line[name] for name in ("title", "iri", "former", "address", "error"))
    reason = " ".join(reason_in(language, line.get("cause", {})) or ())
    return words in f"{names} {reason} {faults}".casefold()


def _words(finding: Mapping[str, Any]) -> str:
    translations = finding.get("translations", {}).values()
    return " ".join((finding["message"], *(texts.get("message", "") for texts in translations)))
