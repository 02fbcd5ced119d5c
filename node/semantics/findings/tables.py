"""Reports of the table reader about a file: keys with values, written in the reader's language when shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from node.semantics.findings.words import FINDINGS


class NotATable(ValueError):
    """The file is not a table of text. ``kind`` is its actual form: a key below ``no-table.`` of the catalogue."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """Return what the file is, as a clause: ``it is a PDF document``."""
        return FINDINGS.say(language, f"no-table.{self.kind}")


class Doubt(Protocol):
    """A property of a table that a person should confirm."""

    def text(self, language: str) -> str:
        """Return the doubt as a clause about the file: ``it is in UTF-16; …``."""
        ...


@dataclass(frozen=True, slots=True)
class PlainDoubt:
    """A doubt with one text, ``doubt.<key>``, filled with ``values``."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """Return the doubt as a clause."""
        return FINDINGS.say(language, f"doubt.{self.key}", **self.values)


@dataclass(frozen=True, slots=True)
class SeparatorDoubt:
    """The cells may be separated by one of ``others``; they were read with ``separator``."""

    separator: str
    others: Sequence[str]

    def text(self, language: str) -> str:
        """Return the doubt as a clause that names the separators."""
        first, *more = (FINDINGS.say(language, f"separator.{name}") for name in self.others)
        for name in more:
            first = FINDINGS.say(language, "doubt.or", first=first, second=name)
        separator = FINDINGS.say(language, f"separator.{self.separator}")
        return FINDINGS.say(language, "doubt.separators", separator=separator, others=first)


@dataclass(frozen=True, slots=True)
class Misfits:
    """Rows with another number of cells than the header: ``count`` is their number, ``uneven_rows`` the first of
    them."""

    count: int
    columns: int
    uneven_rows: Sequence[tuple[int, int]]

    def text(self, language: str) -> str:
        """Return the doubt as a clause that names the first rows, each with its line and number of cells."""
        lines = ", ".join(
            FINDINGS.say(language, "doubt.line", line=line, cells=cells) for line, cells in self.uneven_rows
        )
        if self.count > len(self.uneven_rows):
            more = self.count - len(self.uneven_rows)
            lines = FINDINGS.say(language, "doubt.more-lines", lines=lines, more=more)
        return FINDINGS.say(language, "doubt.misfits", self.count, n=self.count, columns=self.columns, lines=lines)
