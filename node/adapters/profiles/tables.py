"""Tables of text and Parquet, profiled by DuckDB: one pass over the file with flat memory.

``node.adapters.profiles.relations`` opens them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from node.adapters.profiles.columns import SAMPLED, Collector, complete, display_text, value_of
from node.adapters.profiles.moments import Moments, to_iso, usual_step
from node.adapters.profiles.relations import (
    Source,
    csv_options,
    engine_errors,
    look_at,
    open_engine,
    quote_name,
    unique_names,
)
from node.base.errors import InvalidInput
from node.semantics import sheets
from node.semantics.profiles.model import ALL_VALUES, MAX_COLUMNS, ColumnProfile, Profile, TableProfile
from node.semantics.profiles.places import box_of_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SAMPLE: Final = 20_000
"""Rows whose values are examples, and are compared with patterns."""

_FEW: Final = 2 * ALL_VALUES
"""Columns with fewer values by estimate have them counted."""

_MOMENTS: Final = 50_000
_AT_ONCE: Final = 20
_COUNTED: Final = 40
"""Columns of a table whose different values are counted: counts of many columns take by far longer than estimates."""

_BY_HAND: Final = 200_000

_TYPES: Final = (
    (("BOOLEAN",), "boolean"),
    (
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        "integer",
    ),
    (("UHUGEINT",), "integer"),
    (("FLOAT", "DOUBLE", "DECIMAL"), "number"),
    (("TIMESTAMP",), "datetime"),
    (("DATE",), "date"),
    (("TIME",), "time"),
    (("BLOB", "GEOMETRY"), "binary"),
)
_BOUNDED: Final = frozenset({"integer", "number", "date", "datetime", "time"})
_ENDLESS: Final = frozenset({"number", "date", "datetime"})
_NOTHING: Final = MappingProxyType({"text": "nullif(trim({}), '')", "number": "nullif({}, 'nan'::DOUBLE)"})
"""Cells that are empty although they are not NULL, by type."""


def profile_text_table(path: Path, name: str) -> Profile:
    """Return the profile of a table of text. Raises ``InvalidInput`` if it is none, or if it is damaged."""
    delimiter = "\t" if name.lower().endswith((".tsv", ".tab")) else ""
    table, moments, notes = separated_table(path, delimiter=delimiter)
    return _profile("CSV", table, moments, notes)


def separated_table(path: Path, *, delimiter: str = "", name: str = "") -> tuple[TableProfile, Moments, list[str]]:
    """Return a table of text as a profile, its moments, and what a person should know about it."""
    look = look_at(path, delimiter)
    if look.encoding == "windows-1252":
        # The engine knows no such encoding, and Latin-1 lacks its quotation marks and the euro.
        return _by_hand(path, look, name)
    notes = [doubt.text("en") for doubt in look.doubts]
    options, arguments = csv_options(path, look)
    # The types of a sample, then of all rows, then of the rows that fit: each is slower, and forgives more.
    attempts = ("", ", sample_size = -1", ", sample_size = -1, ignore_errors = true, strict_mode = false")
    error: Exception | None = None
    size = path.stat().st_size
    for attempt in attempts:
        try:
            with open_engine(path) as engine:
                source = Source(f"read_csv(?, {options}{attempt})", arguments, size)
                table, moments = _table(engine, source, name)
        except engine_errors() as refused:
            error = refused
            continue
        if attempt == attempts[2]:
            notes.append("some lines do not fit the table and were left out")
        return table, moments, notes
    raise _damage_error("the table cannot be read", error)


def _by_hand(path: Path, look: sheets.Look, name: str) -> tuple[TableProfile, Moments, list[str]]:
    """Return the profile of the first rows of a table, read cell by cell; all rows are counted."""
    collectors = [Collector(column) for column in unique_names(look.columns)[:MAX_COLUMNS]]
    comma = look.delimiter != ","
    count = 0
    with path.open("rb") as file:
        try:
            for _, cells in islice(sheets.rows(file, look), 1, None):
                count += 1
                if count <= _BY_HAND:
                    for collector, cell in zip(collectors, cells, strict=False):
                        collector.add([value_of(cell, comma=comma)])
        except csv.Error as error:
            raise _damage_error("the table cannot be read", error) from error
    columns = tuple(collector.profile() for collector in collectors)
    table = TableProfile(
        name=name,
        rows=count,
        columns=columns,
        read=_BY_HAND if count > _BY_HAND else None,
        omitted=len(look.columns) - len(columns),
    )
    return table, Moments(), [doubt.text("en") for doubt in look.doubts]


def parquet(path: Path, _name: str) -> Profile:
    """Return the profile of a Parquet file. Raises ``InvalidInput`` if it is damaged."""
    try:
        with open_engine(path) as engine:
            table, moments = _table(engine, Source("read_parquet(?)", (str(path),), path.stat().st_size), "")
    except engine_errors() as error:
        raise _damage_error("the Parquet file is damaged", error) from error
    return _profile("Parquet", table, moments, [])


def _profile(format_: str, table: TableProfile, moments: Moments, notes: Sequence[str]) -> Profile:
    return Profile(
        format=format_,
        tables=(table,),
        bbox=box_of_columns(table.columns),
        begins=moments.begins,
        ends=moments.ends,
        step=moments.step,
        notes=tuple(notes),
    )


def _table(engine: DuckDBPyConnection, source: Source, name: str) -> tuple[TableProfile, Moments]:
    description = source.select(engine, "*", before="DESCRIBE ").fetchall()
    columns_of_file = [(str(row[0]), _type(str(row[1]))) for row in description]
    kept_columns = columns_of_file[:MAX_COLUMNS]
    cells = {str(row[0]): _cell(str(row[0]), str(row[1])) for row in description}
    is_counted = source.exact and len(columns_of_file) <= _COUNTED
    facts = []
    for column, type_ in kept_columns:
        cell = cells[column]
        replacement = _NOTHING.get(type_, "{}").format(cell)
        distinct = f"count(DISTINCT {replacement})" if is_counted else f"approx_count_distinct({replacement})"
        facts += [f"count({replacement})", distinct]
        # Infinite numbers and days bound nothing.
        finite = f" FILTER (WHERE isfinite({cell}))" if type_ in _ENDLESS else ""
        facts += [f"min({cell}){finite}", f"max({cell}){finite}"] if type_ in _BOUNDED else ["NULL", "NULL"]
    values = source.select(engine, f"count(*), {', '.join(facts)}").fetchone()
    assert values is not None
    rows = int(values[0])
    samples = _samples(engine, source, [column for column, type_ in kept_columns if type_ in ("text", "json")])
    few = [c for place, (c, t) in enumerate(kept_columns) if t == "text" and values[2 + 4 * place] <= _FEW]
    rare_values = _rare_values(engine, source, few, source.passes)
    columns = []
    for place, (column, type_) in enumerate(kept_columns):
        count, different, least, most = values[1 + 4 * place : 5 + 4 * place]
        usual = rare_values.get(column) or samples.get(column, [])
        is_estimate = not is_counted and column not in rare_values and int(different) > _FEW
        most_likely = _estimate_of(int(different)) if is_estimate else int(different)
        columns.append(
            complete(
                ColumnProfile(
                    name=column,
                    type=type_,
                    rows=rows,
                    empty=rows - int(count),
                    # An estimate may be beyond what is possible, or below what was seen.
                    distinct=len(usual) if column in rare_values else max(min(most_likely, int(count)), len(usual)),
                    is_estimate=is_estimate,
                    minimum="" if least is None else display_text(least),
                    maximum="" if most is None else display_text(most),
                ),
                usual,
            )
        )
    table = TableProfile(
        name=name, rows=rows, columns=tuple(columns), omitted=len(columns_of_file) - len(kept_columns)
    )
    return table, _moments(engine, source, kept_columns, cells, values)


def _estimate_of(count: int) -> int:
    """Return an estimate with two digits, which is as much as it says: it may be some percent off."""
    return int(float(f"{count:.1e}"))


def _cell(column: str, type_: str) -> str:
    """Return the expression for the cells of a column: moments with a time zone as moments of UTC without one.

    The engine gives Python a moment with a time zone only by way of a package that it does not bring.
    """
    name = quote_name(column)
    return f"make_timestamp(epoch_us({name}))" if type_ == "TIMESTAMP WITH TIME ZONE" else name


def _type(name: str) -> str:
    stem = name.partition("(")[0]
    if name.endswith("]") or stem in ("STRUCT", "MAP", "LIST", "UNION", "JSON"):
        return "json"
    stem = stem.removesuffix(" WITH TIME ZONE").partition("_")[0]
    return next((type_ for names, type_ in _TYPES if stem in names), "text")


def _samples(engine: DuckDBPyConnection, source: Source, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return for each column different values out of some rows of the whole file, the most frequent first."""
    if not columns:
        return {}
    selected = ", ".join(f"left(CAST({quote_name(column)} AS VARCHAR), 200)" for column in columns)
    # A reservoir with a fixed seed: the same file makes the same draft.
    rows = source.select(engine, selected, after=f" USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)").fetchall()
    samples = {}
    for place, column in enumerate(columns):
        counts: dict[str, int] = {}
        for row in rows:
            text = (row[place] or "").strip()
            if text:
                counts[text] = counts.get(text, 0) + 1
        samples[column] = sorted(counts, key=lambda text: (-counts[text], text))[:SAMPLED]
    return samples


def _rare_values(
    engine: DuckDBPyConnection, source: Source, columns: Sequence[str], passes: int
) -> dict[str, list[str]]:
    """Return all values of columns that have few: a rare one is in no sample, but is searched for.

    A pass over the file reads some columns, because the time grows with the square of their number.
    """
    values_by_column: dict[str, list[str]] = {}
    for start in range(0, min(len(columns), passes * _AT_ONCE), _AT_ONCE):
        some = columns[start : start + _AT_ONCE]
        selected = ", ".join(f"list(DISTINCT left(trim({quote_name(column)}), 200))" for column in some)
        cells = source.select(engine, selected).fetchone() or ()
        for column, values in zip(some, cells, strict=True):
            values_by_column[column] = sorted(value for value in values or () if value)
    return values_by_column


def _moments(
    engine: DuckDBPyConnection,
    source: Source,
    columns: Sequence[tuple[str, str]],
    cells: Mapping[str, str],
    values: Sequence[Any],
) -> Moments:
    """Return the moments of the first column that has any."""
    for place, (column, type_) in enumerate(columns):
        least, most = values[3 + 4 * place : 5 + 4 * place]
        if type_ not in ("date", "datetime") or not isinstance(least, date) or not isinstance(most, date):
            continue
        first = source.select(
            engine,
            f"{cells[column]} AS m",
            before="SELECT DISTINCT m FROM (",
            after=f" LIMIT {_MOMENTS}) WHERE m IS NOT NULL ORDER BY m",
        )
        rows = first.fetchall()
        return Moments(begins=to_iso(least), ends=to_iso(most), step=usual_step([row[0] for row in rows]))
    return Moments()


def _damage_error(what: str, error: Exception | None) -> InvalidInput:
    # The first sentences only: the rest quotes the file and our query.
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Original Line")]
    reason = ". ".join(line.strip().rstrip(".") for line in lines[:2])[:240] if error and lines else "unknown"
    return InvalidInput(f"{what}: {reason}", remedy="open it where it was made, and save it again")
