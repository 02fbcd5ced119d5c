"""Timetables of public transport (GTFS Schedule): tables of text in a zip file."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

from node.adapters.profiles.columns import Collector, value_of
from node.base.errors import InvalidInput
from node.semantics import sheets
from node.semantics.profiles.model import MAX_COLUMNS, MAX_TABLES, Profile, TableProfile
from node.semantics.profiles.places import box_of_columns

_ROWS: Final = 20_000
"""Rows of a table that are profiled; all are counted."""


def timetable(_path: Path, archive: zipfile.ZipFile) -> Profile:
    """Return the profile of a timetable: its tables, where its stops are, and from when until when it holds."""
    files = sorted(name for name in archive.namelist() if name.endswith(".txt") and "/" not in name)[:MAX_TABLES]
    tables = {name.removesuffix(".txt"): _table(archive, name) for name in files}
    begins, ends = _validity(tables)
    stops = tables.get("stops")
    return Profile(
        format="GTFS",
        tables=tuple(tables.values()),
        bbox=box_of_columns(stops.columns) if stops else None,
        begins=begins,
        ends=ends,
    )


def _table(archive: zipfile.ZipFile, name: str) -> TableProfile:
    with archive.open(name) as file:
        head = file.read(sheets.SAMPLE)
        look = sheets.look(head, whole=len(head) < sheets.SAMPLE, delimiter=",")
        collectors = [Collector(column) for column in look.columns[:MAX_COLUMNS]]
        count = 0
        try:
            for _, cells in islice(sheets.rows(cast(BinaryIO, file), look), 1, None):
                count += 1
                if count <= _ROWS:
                    for collector, cell in zip(collectors, cells, strict=False):
                        collector.add([_day(cell) if "date" in collector.name else value_of(cell)])
        except csv.Error as error:
            raise InvalidInput(f"{name} cannot be read: {error}", remedy="export the timetable again") from error
    return TableProfile(
        name=name.removesuffix(".txt"),
        rows=count,
        columns=tuple(collector.profile() for collector in collectors),
        read=_ROWS if count > _ROWS else None,
        omitted=len(look.columns) - len(collectors),
    )


def _day(cell: str) -> date | str:
    """Return the day that a cell states (GTFS, Date: ``YYYYMMDD``), else its text."""
    try:
        return datetime.strptime(cell.strip(), "%Y%m%d").date()  # noqa: DTZ007 - days have no zone
    except ValueError:
        return cell.strip()


def _validity(tables: Mapping[str, TableProfile]) -> tuple[str, str]:
    """Return the first and the last day of service (``calendar``, ``calendar_dates``)."""
    days = [
        bound
        for name, columns in (("calendar", ("start_date", "end_date")), ("calendar_dates", ("date",)))
        if name in tables
        for column in tables[name].columns
        if column.name in columns
        if column.type == "date"
        for bound in (column.minimum, column.maximum)
    ]
    return (min(days), max(days)) if days else ("", "")
