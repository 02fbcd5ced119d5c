"""The check of received data against the schemas that they say they conform to.

The description of what was sent names schemas, and this node may have them. Then each row of the file is compared
with them, in the cage, before the reception is done. The result is kept with the reception: it marks what was
received, and refuses nothing. No content of a cell is kept, since the data may have to be deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from node.base.errors import HansaError, InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.meaning.conformity import SchemaRules, may_be_checked, schemas_of
from node.catalogue.ports import RecordStore
from node.exchange.manifest import Manifest
from node.semantics.findings.words import FINDINGS
from node.semantics.schemas.breaches import Breach, Report
from node.transfer.receiving.version_checks import VersionCheck

log = logging.getLogger("hansa.reception")

LARGEST: Final = 32 << 20
"""Bytes of a file that is checked before its reception is done: a larger one would keep the consumer waiting, and is
checked in the background (``node.transfer.receiving.late_checks``)."""
LARGEST_PUSH: Final = 4 << 20
"""The same of a file that a provider sends by itself: it waits for the answer meanwhile."""
KEPT: Final = 20
"""Breaches that are kept; all are counted."""
FACT: Final = "schemaChecks"
"""The name of the checks among the facts of a reception."""
CONVERSION: Final = "conversion"
"""The name of what was made of which file, among the facts of a reception."""
_OF_CELLS: Final = frozenset(
    {"choice", "less", "more", "not-less", "not-more", "number", "pattern", "truth", "type", "whole"}
)
"""Breaches whose first value is the content of a cell."""

LATER, UNREADABLE, UNFINISHED = "later", "unreadable", "unfinished"

DataCheck = Callable[[Manifest, Path], dict[str, Any]]
"""(manifest, path of the verified file) → the facts of the reception about its data."""


class FileComparison(Protocol):
    """Compares the file at ``path`` with a JSON Schema (``node.semantics.schemas.file_check.FileCheck``)."""

    def __call__(self, path: Path, schema: Mapping[str, Any], *, limit: int) -> Report: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptionChecks:
    """The checks of what arrives: of its version before it is read, of its data when all of it is here."""

    version: VersionCheck
    data: DataCheck = lambda _manifest, _path: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaCheck:
    """The result of comparing a received file with a version of a schema.

    ``obstacle`` is the reason if the file was not compared: ``LATER`` (it is large, and its check is queued),
    ``UNREADABLE``, ``UNFINISHED`` (it took too much time or memory). ``breaches`` are the first of ``count``.
    """

    schema: str
    version: int
    titles: Mapping[str, str]
    rows: int = 0
    count: int = 0
    is_whole: bool = False
    breaches: Sequence[Breach] = ()
    obstacle: str = ""

    @property
    def outcome(self) -> str:
        """Return ``conforms``, ``breaks``, ``partly`` (no breach in what was compared) or ``unchecked``."""
        if self.obstacle:
            return "unchecked"
        return "breaks" if self.count else "conforms" if self.is_whole else "partly"

    def sentences(self, language: str) -> Sequence[str]:
        """Return the breaches in words, without the contents of cells."""
        value = FINDINGS.say(language, "breach.value")
        breaches = (replace(one, values=tuple(text or value for text in one.values)) for one in self.breaches)
        return [breach.words(language) for breach in breaches]

    def to_json(self) -> dict[str, Any]:
        """Return the check as a fact of a reception, with its outcome for readers of the API."""
        return {**asdict(self), "breaches": [asdict(one) for one in self.breaches], "outcome": self.outcome}


_MEMBERS: Final = ("schema", "version", "titles", "rows", "count", "is_whole", "obstacle")


def read_checks(facts: Mapping[str, Any] | None) -> list[SchemaCheck]:
    """Return the checks among the facts of a reception; none of a reception of an earlier release."""
    return [
        SchemaCheck(
            **{name: members[name] for name in _MEMBERS}, breaches=[_breach(one) for one in members["breaches"]]
        )
        for members in (facts or {}).get(FACT, ())
    ]


class CheckReceivedData:
    """Compares received files with the schemas that their descriptions name. It blocks."""

    def __init__(
        self, work: UnitOfWork, records: RecordStore, compare: FileComparison, *, largest: int = LARGEST
    ) -> None:
        """``largest``: bytes of a file that is compared."""
        self._work = work
        self._records = records
        self._compare = compare
        self._largest = largest

    def __call__(self, manifest: Manifest, path: Path) -> dict[str, Any]:
        """Return the checks as facts of a reception, or the conversion that made the file; nothing if the
        description names no schema that is here. A check that fails is a fact too: it raises nothing."""
        if manifest.conversion is not None:
            # The schema is about the columns of the source, and the new format may have others.
            return {CONVERSION: dict(manifest.conversion)}
        if not may_be_checked(manifest.media_type):
            return {}
        with self._work.read() as tx:
            record = self._records.get(tx, manifest.asset, version=manifest.version)
            rules = schemas_of(tx, self._records, record) if record is not None else ()
        checks = [self._check(path, rule) for rule in rules]
        return {FACT: [check.to_json() for check in checks]} if checks else {}

    def _check(self, path: Path, rule: SchemaRules) -> SchemaCheck:
        record, definition = rule
        check = SchemaCheck(schema=record.iri, version=record.version, titles=dict(record.titles))
        if path.stat().st_size > self._largest:
            return replace(check, obstacle=LATER)
        try:
            report = self._compare(path, definition, limit=KEPT)
        except HansaError as error:
            log.info("received data were not checked against %s: %s", record.iri, error.detail)
            return replace(check, obstacle=UNREADABLE if isinstance(error, InvalidInput) else UNFINISHED)
        return replace(
            check,
            rows=report.rows,
            count=report.count,
            is_whole=report.whole and not report.patterns_left_out,
            breaches=tuple(_without_content(breach) for breach in report.breaches[:KEPT]),
        )


def _without_content(breach: Breach) -> Breach:
    return replace(breach, values=("", *breach.values[1:])) if breach.what in _OF_CELLS else breach


def _breach(members: Mapping[str, Any]) -> Breach:
    return Breach(**{**members, "values": tuple(members["values"])})
