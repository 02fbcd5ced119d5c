"""The model of checks of harvested data: files that say that they conform to a schema of the catalogue, the verdict
about each, and where verdicts are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.work import Transaction
from node.semantics.schemas.breaches import Breach

SHOWN: Final = 10
"""Breaches that are stored with a verdict; all are counted."""


class DataState(StrEnum):
    """The verdict about a file. Of one that could not be read, or not to its end, nothing is known."""

    CONFORMS = "conforms"
    BREAKS = "breaks"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """The last check of the file at ``address`` in the dataset ``iri`` against ``schema``, each in the version that
    was compared, and the moment of the next one.

    ``reason`` is empty for a verdict, else it says in one word why there is none: ``robots``, ``forbidden``,
    ``unreachable``, ``busy``, ``status``, ``exception``, ``too-large``, ``unreadable`` or ``partly`` (more rows than
    are checked, or patterns that take too long). ``count`` is the number of breaches, ``rows`` that of rows.
    """

    iri: str
    address: str
    schema: str
    version: int
    schema_version: int
    at: datetime
    due: datetime
    state: DataState = DataState.UNKNOWN
    reason: str = ""
    rows: int = 0
    count: int = 0
    breaches: tuple[Mapping[str, Any], ...] = field(default=())

    def sentences(self, language: str) -> list[str]:
        """Return the first breaches in words; not those that an earlier release stored in words of its own."""
        sentences = []
        for item in self.breaches:
            breach = Breach(row=item["row"], column=item["column"], what=item["what"], values=tuple(item["values"]))
            try:
                sentences.append(breach.words(language))
            except KeyError:
                continue
        return sentences

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "dataset": self.iri,
            "address": self.address,
            "schema": self.schema,
            "version": self.version,
            "schemaVersion": self.schema_version,
            "state": str(self.state),
            "reason": self.reason,
            "rows": self.rows,
            "count": self.count,
            "breaches": self.sentences(language),
            "checked": stamp(self.at),
        }


class DataCheckStore(Protocol):
    """Stores one check for each file and schema of a dataset."""

    def save(self, tx: Transaction, check: DataCheck) -> None:
        """Store ``check`` in place of the earlier one of the same dataset, address and schema."""

    def of(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[DataCheck]]:
        """Return the checks of datasets, by address and schema."""

    def keep(self, tx: Transaction, iri: str, pairs: Collection[tuple[str, str]]) -> None:
        """Drop the checks of a dataset but those of these pairs of address and schema."""

    def listing(
        self, tx: Transaction, *, state: DataState | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DataCheck]:
        """Return checks by dataset, of those after the IRI ``after``."""

    def counts(self, tx: Transaction) -> Mapping[DataState, int]:
        """Return the number of checks in each state."""

    def latest(self, tx: Transaction) -> datetime | None:
        """Return the moment of the last check; None if there is none."""
