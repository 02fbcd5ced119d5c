"""Tables of text and Parquet for SQL: found, opened and bounded.

The engine may read the one file and nothing else: its access to files and networks is off, its settings are locked,
it installs and loads no extensions. The form of a table of text is found by ``node.semantics.sheets``, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.base.errors import InvalidInput
from node.semantics import sheets

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY: Final = "400MB"
_SPILL: Final = "2GB"
LINE: Final = 1 << 20
"""Characters of the longest line: a longer one is no line of a table."""

_EXACT: Final = 8 << 20
"""Files of up to so many bytes have their different values counted, larger ones estimated."""

_AGAIN: Final = 400 << 20
"""Bytes that are read again to list the values of columns."""

_MOST_COLUMNS: Final = 2_000
_DECIMAL_COMMA: Final = re.compile(r"-?\d{1,15},\d{1,15}")


@dataclass(frozen=True, slots=True)
class Source:
    """A table for SQL: ``relation`` is the call that reads it, with ``values`` for its parameters."""

    relation: str
    values: tuple[Any, ...]
    size: int

    @property
    def exact(self) -> bool:
        """Return whether different values are counted rather than estimated."""
        return self.size <= _EXACT

    @property
    def passes(self) -> int:
        """Return how often the file may be read again."""
        return max(1, min(10, _AGAIN // max(self.size, 1)))

    def select(
        self, engine: DuckDBPyConnection, columns: str, *, before: str = "", after: str = ""
    ) -> DuckDBPyConnection:
        """Run a query over the table. Names of columns in it are quoted; values of the file are never in it."""
        query = f"{before}SELECT {columns} FROM {self.relation}{after}"  # noqa: S608 - see above
        return engine.execute(query, self.values)

    def to_literals(self) -> str:
        """Return ``relation`` with its values as literals, for statements that take no parameters."""
        first, *rest = self.relation.split("?")
        return first + "".join(_literal(value) + piece for value, piece in zip(self.values, rest, strict=True))


def has_decimal_commas(path: Path, look: sheets.Look) -> bool:
    """Return whether a table of text has numbers such as 1,5 in its first rows."""
    with path.open("rb") as file:
        rows = [cells for _, cells in islice(sheets.rows(file, look), 1, 200)]
    return any(_DECIMAL_COMMA.fullmatch(cell.strip()) for cells in rows for cell in cells)


def look_at(path: Path, delimiter: str) -> sheets.Look:
    """Return the form of a table of text. Raises ``InvalidInput`` if it is none."""
    with path.open("rb") as file:
        head = file.read(LINE + 1)
    first = head.partition(b"\n")[0]
    if len(first) > LINE:
        raise InvalidInput(
            f"the first line has more than {LINE} bytes: this is not a table of rows and columns",
            remedy="save it as a table with one line for each row, and the names of the columns in the first line",
        )
    try:
        # The whole first line, however long it is; types come from the engine.
        look = sheets.look(
            head[: max(sheets.SAMPLE, len(first) + 1)], whole=len(head) <= sheets.SAMPLE, delimiter=delimiter
        )
    except ValueError as error:
        raise InvalidInput(f"the table cannot be read: {error}", remedy="save it as CSV in UTF-8") from error
    if not look.columns or (b"\0" in head and look.encoding != "utf-16"):
        raise InvalidInput("the file is not a table of text", remedy="save the table as CSV in UTF-8")
    if len(look.columns) > _MOST_COLUMNS:
        raise InvalidInput(
            f"the table has {len(look.columns)} columns; at most {_MOST_COLUMNS} can be profiled",
            remedy="put the names into a column of their own, so that the table has more rows and fewer columns",
        )
    return look


def unique_names(names: Sequence[str]) -> Sequence[str]:
    """Return ``names`` with a number behind those that repeat, and a name for those without."""
    unique: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        stem = name[:200] or f"column {place}"
        name_here, number = stem, 2
        while name_here in unique:
            name_here, number = f"{stem} {number}", number + 1
        unique[name_here] = None
    return tuple(unique)


def open_engine(path: Path) -> DuckDBPyConnection:
    """Return an engine that may read this file only."""
    engine = connect(keeps_order=False)
    engine.execute(f"SET allowed_paths = [{sql_text(str(path))}]")
    close_access(engine)
    return engine


def connect(*, keeps_order: bool = True, memory: str = _MEMORY, spill: Path | None = None) -> DuckDBPyConnection:
    """Return an engine within its bounds, whose access to files is still open: see ``close_access``. ``spill`` is a
    folder for what does not fit into its memory."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "memory_limit": memory,
        "max_temp_directory_size": "0B" if spill is None else _SPILL,
        "temp_directory": "" if spill is None else str(spill),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "preserve_insertion_order": str(keeps_order).lower(),
    }
    return duckdb.connect(":memory:", config=settings)


def close_access(engine: DuckDBPyConnection) -> None:
    """Let ``engine`` read nothing but its allowed paths from now on, and lock its settings."""
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")


def engine_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the engine for files that it cannot read."""
    import duckdb

    return (duckdb.Error, OverflowError, UnicodeDecodeError)


def sql_text(value: str) -> str:
    """Return a text as a literal."""
    return "'" + value.replace("'", "''") + "'"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(sql_text(str(item)) for item in value)}]"
    return sql_text(str(value))


def quote_name(name: str) -> str:
    """Return the name of a column, quoted."""
    return '"' + name.replace('"', '""') + '"'


def csv_options(path: Path, look: sheets.Look) -> tuple[str, tuple[Any, ...]]:
    """Return the options of ``read_csv`` for a table of text, and the values of its parameters, the path first.

    Nothing is left to the guesses of the engine: it left out all lines before an odd one, as if the table began
    there, and those that look like comments.
    """
    options = (
        f"delim = ?, header = true, encoding = ?, names = ?, max_line_size = {LINE}, null_padding = false, "
        "skip = 0, comment = '', quote = '\"', escape = '\"'"
    )
    if look.delimiter != "," and has_decimal_commas(path, look):
        options += ", decimal_separator = ','"
    return options, (str(path), look.delimiter, look.encoding, list(unique_names(look.columns)))
