"""The preview of a part: what a partner would get of each stored table, by the same questions that a partner asks."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import HansaError, LocalFault
from node.catalogue.deliverability import offered_portion, table_files, table_part
from node.catalogue.model import Record
from node.policy.odrl import parse
from node.policy.portion import TABLE_LIMITS
from node.policy.words import part_sentences
from node.semantics.model import File
from node.semantics.profiles.table_queries_client import TableAnswer, TablePart, TableQuestion
from node.semantics.sheets import answer_rows

_FIRST: Final = TableQuestion(sql="SELECT * FROM data LIMIT 5", form="csv")
_COUNT: Final = TableQuestion(sql="SELECT count(*) FROM data", form="csv")

Ask = Callable[[str, str, TableQuestion, TablePart], Awaitable[TableAnswer]]
"""Returns the answer about a part of a stored file, by its SHA-256 and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTable:
    """The beginning of a table as a partner would get it. ``columns`` are pairs of name and type; ``count`` is the
    number of rows of the part. ``fault``: the reason why there is no preview, empty if there is one."""

    file: str
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    count: int = 0
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        if self.fault:
            return {"file": self.file, "fault": self.fault}
        return {
            "file": self.file,
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "rows": [list(row) for row in self.rows],
            "rowCount": self.count,
        }


class PreviewPart:
    """Previews the part that an offer gives."""

    def __init__(self, ask: Ask, has_asset: Callable[[str], bool]) -> None:
        self._ask = ask
        self._has_asset = has_asset

    async def __call__(self, record: Record) -> Sequence[PartTable]:
        """Return each stored table that partners may ask; none if the offer gives everything, or no table."""
        portion = offered_portion(record)
        if portion.is_whole or not portion.kinds <= TABLE_LIMITS or record.sealed:
            return ()
        # Partners get other pseudonyms, each under its agreement: these tell nothing about theirs.
        part = table_part(portion.with_key(lambda: secrets.token_bytes(32)))
        return [await self._table(file, part) for file in table_files(record)]

    async def _table(self, file: File, part: TablePart) -> PartTable:
        if not self._has_asset(file.sha256):
            return PartTable(file=file.name, fault="the file is not on this node yet")
        try:
            first = await self._ask(file.sha256, file.name, _FIRST, part)
            total = await self._ask(file.sha256, file.name, _COUNT, part)
        except HansaError as error:
            if isinstance(error, LocalFault):
                raise
            return PartTable(file=file.name, fault=error.detail)
        return PartTable(
            file=file.name,
            columns=first.columns,
            rows=tuple(map(tuple, _lines(first))),
            count=int(_lines(total)[0][0]),
        )


def part_words(record: Record, language: str) -> list[str]:
    """Return the part that the offer of ``record`` gives, in sentences of ``language``; empty if it gives all."""
    return part_sentences(parse(record.offer), language) if record.offer is not None else []


def _lines(answer: TableAnswer) -> list[list[str]]:
    return list(answer_rows(answer.body))[1:]
