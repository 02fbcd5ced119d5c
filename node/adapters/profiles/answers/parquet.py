"""An answer as a Parquet file, made in memory: a child of the cage writes no files, and its engine only this one.

The engine takes the one name ``PLACE`` for a file, which is not on a disk. A question cannot read it: its functions
and tables are checked before (``sql_check``).
"""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, Any, Final

import duckdb

# Loaded once, by the process from which children are forked.
from fsspec import AbstractFileSystem

from node.adapters.profiles.answers.texts import refuse_wide_row
from node.adapters.profiles.relations import quote_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PLACE: Final = "memory://answer.parquet"
_TABLE: Final = "answer"
_NATIVE: Final = frozenset(
    {
        *("boolean", "float", "double", "decimal", "varchar", "blob", "uuid"),
        *("tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"),
        *("date", "time", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"),
    }
)
"""The types that Parquet has, and that its readers know."""
_WIDE: Final = frozenset({"hugeint", "uhugeint"})
_NESTED: Final = frozenset({"list", "array", "struct", "map"})


class AnswerFile(AbstractFileSystem):  # type: ignore[misc]
    """The one file that an engine may write: in memory, of ``most`` bytes at most."""

    protocol = "memory"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.is_full = False
        self.body = b""

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BytesIO:
        if mode != "wb":
            raise FileNotFoundError(path)
        self.is_full, self.body = False, b""
        return _Sheet(self)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Say that no file is there to read or to keep."""
        raise FileNotFoundError(path)


class _Sheet(io.BytesIO):
    def __init__(self, file: AnswerFile) -> None:
        super().__init__()
        self._file = file

    def write(self, piece: Any) -> int:
        if self.tell() + len(piece) > self._file.most:
            self._file.is_full = True
            raise OSError(errno.EFBIG, "the answer is too large")
        return super().write(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.body = self.getvalue()
        super().close()


def join_file(engine: DuckDBPyConnection) -> AnswerFile:
    """Return the file that ``engine`` may write, once ``PLACE`` is among its allowed paths."""
    file = AnswerFile()
    engine.register_filesystem(file)
    return file


def parquet_answer(
    engine: DuckDBPyConnection,
    file: AnswerFile,
    question: str,
    columns: list[tuple[str, str]],
    message: dict[str, Any],
) -> tuple[int, bool, bytes]:
    """Return how many rows an answer has, whether there are more, and the file.

    The question is carried out once: of an answer that is too large, the first rows are written. Raises
    ``InvalidInput`` if not even the first of them fits."""
    most, most_bytes = int(message["most_rows"]), int(message["most_bytes"])
    cells = ", ".join(f"{_cell(place, kind)} AS {quote_name(name)}" for place, (name, kind) in enumerate(columns, 1))
    file.most = most_bytes
    try:
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS "  # noqa: S608 - names are quoted, the question checked before
            f"SELECT {cells} FROM {question} LIMIT {most + 1}"
        )
        total = _count(engine, f"SELECT count(*) FROM {_TABLE}")  # noqa: S608 - ours
        rows = min(total, most)
        while not _write(engine, file, rows):
            if rows <= 1:
                raise refuse_wide_row(most_bytes)
            rows //= 2
    finally:
        engine.execute(f"DROP TABLE IF EXISTS {_TABLE}")
    body, file.body = file.body, b""
    return rows, rows < total, body


def _write(engine: DuckDBPyConnection, file: AnswerFile, rows: int) -> bool:
    """Return whether the file has room for the first ``rows``."""
    try:
        engine.execute(
            f"COPY (SELECT * FROM {_TABLE} LIMIT {rows}) TO '{PLACE}' (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608
        )
    except duckdb.Error:
        if file.is_full:
            return False
        raise
    return not file.is_full


def _count(engine: DuckDBPyConnection, statement: str) -> int:
    row = engine.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _cell(place: int, kind: str) -> str:
    """Return the expression for a column, in a type that Parquet has without loss; as text if there is none."""
    type_ = duckdb.sqltype(kind)
    if type_.id in _WIDE:
        # Sums of integers: the engine would write figures of 15 digits.
        return f"CAST(#{place} AS DECIMAL(38, 0))"
    if kind == "JSON" or not _is_native(type_):
        return f"CAST(to_json(#{place}) AS VARCHAR)" if type_.id in _NESTED else f"CAST(#{place} AS VARCHAR)"
    return f"#{place}"


def _is_native(type_: Any) -> bool:
    if type_.id in _NESTED:
        return str(type_) != "JSON" and all(
            _is_native(child) for name, child in type_.children if not isinstance(child, int)
        )
    return type_.id in _NATIVE
