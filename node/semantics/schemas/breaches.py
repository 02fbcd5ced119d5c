"""Breaches of a schema in the rows of a file, in words of five languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.semantics.findings.words import FINDINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A breach of the schema: its row (0: all rows), its column or member, and its kind, as a text ``breach.<what>``
    of the catalogue with the values in it."""

    row: int
    column: str
    what: str
    values: tuple[str, ...] = ()

    def words(self, tongue: str = "en") -> str:
        """Return the breach in one sentence."""
        values = dict(zip(("first", "second"), self.values, strict=False))
        what = FINDINGS.say(tongue, f"breach.{self.what}", **values)
        if not self.row:
            return FINDINGS.say(tongue, "breach.in-all", column=self.column, what=what)
        where = "breach.in-cell" if self.column else "breach.in-row"
        return FINDINGS.say(tongue, where, row=self.row, column=self.column, what=what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of comparing rows with a schema: the first breaches, the number of all, the number of rows checked,
    and whether those are all. ``patterns_left_out`` are patterns that could not be read here or took too long;
    ``rules_left_out`` names the rules that no data are compared with (``node.semantics.schemas.left_out``)."""

    breaches: tuple[Breach, ...]
    count: int
    rows: int
    whole: bool
    patterns_left_out: tuple[str, ...] = ()
    rules_left_out: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Return whether every row was compared with every rule of the kinds that are compared, and none breaks
        one."""
        return not self.count and self.whole and not self.patterns_left_out

    def to_json(self, tongue: str) -> dict[str, Any]:
        """Return the report for programs, with each breach in words of ``tongue``."""
        return {
            "conforms": self.conforms,
            "rows": self.rows,
            "whole": self.whole,
            "count": self.count,
            "breaches": [
                {
                    "row": breach.row or None,
                    "column": breach.column,
                    "what": breach.what,
                    "text": breach.words(tongue),
                }
                for breach in self.breaches
            ],
            "untried": list(self.patterns_left_out),
            "notCompared": list(self.rules_left_out),
        }
