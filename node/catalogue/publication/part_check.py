"""Check the columns that conditions name in a part against the tables that are offered.

Without this check, a misspelt column is noticed at the first question of a partner, after both have signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound, Overloaded
from node.cage.model import Limits, SyncCage, has_full_queue
from node.catalogue.deliverability import is_text_or_parquet, live_files, offered_portion, table_files
from node.catalogue.findings import CATALOGUE, finding
from node.catalogue.model import Record
from node.semantics.model import File, Finding
from node.semantics.profiles.cage_client import OWN_GROUP
from node.semantics.profiles.rows_client import LIMITS, TARGET
from node.semantics.profiles.table_queries_client import LIMITS as QUERY_LIMITS
from node.semantics.profiles.table_queries_client import TARGET as QUERY_TARGET
from node.semantics.profiles.table_queries_client import TablePart, TableQuestion, message_of

RULE: Final = "conditions:no-such-column"
_NAMED: Final = 20


class CheckPart:
    """Compares the part that a draft offers with its stored tables. It blocks."""

    def __init__(self, cage: SyncCage, place: Callable[[str], Path]) -> None:
        """``place`` returns the path of the bytes with a SHA-256, or raises ``NotFound``."""
        self._cage = cage
        self._place = place

    def __call__(self, draft: Record) -> Iterator[Finding]:
        """Yield a violation for each table that lacks a column of the part. Bytes that are not here yet are checked
        when they arrive."""
        portion = offered_portion(draft)
        tables = {} if portion.is_whole else self._tables(draft)
        for name, columns in tables.items():
            gaps = set(portion.needs_columns - set(columns))
            if portion.columns is not None and not set(portion.columns).intersection(columns):
                gaps.update(portion.columns)
            if gaps:
                yield _lack(sorted(gaps), name, columns)
        complete = len(tables) == len(table_files(draft)) and not live_files(draft)
        if portion.columns is not None and tables and complete:
            all_columns = tuple(dict.fromkeys(column for columns in tables.values() for column in columns))
            gaps = set(portion.columns).difference(all_columns)
            # Where a table has none of them, that was said before.
            if gaps and gaps != set(portion.columns):
                yield _lack(sorted(gaps), ", ".join(tables), all_columns)

    def _tables(self, draft: Record) -> Mapping[str, tuple[str, ...]]:
        """Return the columns of each stored table that can be read, by its name."""
        columns = {file.name: self._columns(file) for file in table_files(draft)}
        return {name: names for name, names in columns.items() if names}

    def _columns(self, file: File) -> tuple[str, ...]:
        try:
            path = str(self._place(file.sha256).resolve())
        except NotFound:
            return ()
        target, message, limits = _question(path, file)
        try:
            answer, _ = self._cage.call_sync(target, message, limits=limits, readable=[path, OWN_GROUP])
        except InvalidInput:
            return ()  # What is no table is found by others.
        except Overloaded as fault:
            if has_full_queue(fault):
                raise
            return ()
        columns = answer["columns"]
        return tuple(str(column["name"] if isinstance(column, dict) else column[0]) for column in columns)


def _question(path: str, file: File) -> tuple[str, dict[str, Any], Limits]:
    """Return the target that tells the columns of a file, with its message and its limits."""
    if not is_text_or_parquet(file):
        question = TableQuestion(sql="SELECT * FROM data LIMIT 1")
        return QUERY_TARGET, message_of(path, file.name, question, TablePart()), QUERY_LIMITS
    message = {
        "path": path,
        "name": file.name,
        "filters": [],
        "sort": "",
        "descending": False,
        "offset": 0,
        "limit": 1,
        "count": "",
        "per": "",
        "how": "",
        "of": "",
    }
    return TARGET, message, LIMITS


def _lack(gaps: list[str], table: str, columns: tuple[str, ...]) -> Finding:
    names = ", ".join(columns[:_NAMED]) + (" …" if len(columns) > _NAMED else "")
    return finding(
        RULE,
        CATALOGUE.in_all("part-column.message", table=table, columns=", ".join(gaps[:_NAMED])),
        why=CATALOGUE.in_all("part-column.why"),
        remedy=CATALOGUE.in_all("part-column.remedy", columns=names),
        field="conditions.part",
        severity="violation",
        value=", ".join(gaps[:_NAMED]),
    )
