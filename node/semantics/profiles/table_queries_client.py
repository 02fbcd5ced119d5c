"""From the path of a table to the answer to a question in SQL.

All reading happens in the cage (``node.adapters.profiles.table_queries``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput
from node.cage.model import AsyncCage, Limits, remedy_against_limits
from node.semantics.profiles.cage_client import OWN_GROUP

TARGET: Final = "table.query"
LIMITS: Final = Limits(memory=1536 << 20, cpu=15, wall=15.0, answer=12 << 20)
"""The limits of one question: address space, processor seconds, seconds, bytes of the answer with its facts."""

MOST_ROWS: Final = 50_000
MOST_BYTES: Final = 8 << 20
LONGEST: Final = 4000
"""Characters of the longest question."""

PARQUET: Final = "application/vnd.apache.parquet"
FORMS: Final = {"json": "application/json", "csv": "text/csv", "parquet": PARQUET}
"""The forms of an answer, with their media types."""
TABLES: Final = frozenset({"text/csv", "text/tab-separated-values", PARQUET})
"""The media types of tables that can be asked."""
LAYERS: Final = frozenset(
    {
        "application/geo+json",
        "application/geopackage+sqlite3",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
)
"""The media types of files with one layer or sheet that can be asked."""
ENDINGS_OF_LAYERS: Final = (".geojson", ".gpkg", ".xlsx")
"""The endings of their names: their media types are often not known where they are published."""

_REMEDY: Final = "ask for less: fewer rows (WHERE, LIMIT), or sums instead of rows (GROUP BY)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuestion:
    """A question in SQL to one table, and the form of its answer."""

    sql: str
    form: str = "json"

    def __post_init__(self) -> None:
        if not self.sql.strip():
            raise InvalidInput("there is no question", remedy="such as: SELECT * FROM data LIMIT 10")
        if len(self.sql) > LONGEST:
            raise InvalidInput(f"the question has more than {LONGEST} characters", remedy="ask a shorter one")
        if self.form not in FORMS:
            raise InvalidInput(f"there is no form {self.form[:20]!r} of answers", remedy=f"use {' or '.join(FORMS)}")


@dataclass(frozen=True, slots=True)
class TablePart:
    """The part of a table that a question is about.

    These are columns (None: all), conditions for rows (column, operator, value), and as text forms of columns and the
    smallest group (``node.policy.portion``). ``key`` makes the
    pseudonyms."""

    columns: tuple[str, ...] | None = None
    rows: tuple[tuple[str, str, str], ...] = ()
    forms: tuple[str, ...] = ()
    group: str = ""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAnswer:
    """The answer: its bytes, how many rows it has, and whether there are more than one answer may have.

    ``columns`` are pairs of name and type. ``partial``: lines that do not fit the table are left out.
    """

    body: bytes = field(repr=False)
    media_type: str
    columns: tuple[tuple[str, str], ...]
    count: int
    more: bool = False
    partial: bool = False


def message_of(path: str, name: str, question: TableQuestion, part: TablePart) -> dict[str, Any]:
    """Return the message of ``TARGET`` for a question about a part of the file at ``path``, which was called
    ``name``."""
    return {
        **view_of(path, name, part),
        "sql": question.sql,
        "form": question.form,
        "most_rows": MOST_ROWS,
        "most_bytes": MOST_BYTES,
    }


def view_of(path: str, name: str, part: TablePart) -> dict[str, Any]:
    """Return the members of a message that name a part of the file at ``path``, which was called ``name``."""
    return {
        "path": path,
        "name": name,
        "columns": None if part.columns is None else list(part.columns),
        "rows": [list(row) for row in part.rows],
        "forms": list(part.forms),
        "group": part.group,
        "key": part.key.hex(),
    }


class StoredQuestions:
    """Questions to the tables of this node. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(self, sha256: str, name: str, question: TableQuestion, part: TablePart) -> TableAnswer:
        """Return the answer about a part of the stored file ``name``. Raises ``InvalidInput`` for a question
        that cannot be answered, with the fact ``ran`` if the table was read, and ``Overloaded``."""
        path = str((await asyncio.to_thread(self._place, sha256)).resolve())
        message = message_of(path, name, question, part)
        view = view_of(path, name, part)
        # A child that has answered may answer others who may have the same part of the same file (decision 0025).
        shared_by = f"questions {hashlib.sha256(json.dumps(view).encode()).hexdigest()}"
        with remedy_against_limits(_REMEDY):
            facts, blobs = await self._cage.call(
                TARGET, message, limits=LIMITS, readable=[path, OWN_GROUP], patience=LIMITS.wall, shared_by=shared_by
            )
        return TableAnswer(
            body=blobs[0],
            media_type=FORMS[question.form],
            columns=tuple((column["name"], column["type"]) for column in facts["columns"]),
            count=facts["rowCount"],
            more=facts["more"],
            partial=facts["partial"],
        )
