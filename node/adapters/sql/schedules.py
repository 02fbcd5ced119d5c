"""Scheduled sources, their runs and reports (``node.catalogue.harvest.schedule.ScheduleStore``); value tables
(``node.catalogue.harvest.value_tables.ValueTableStore``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, or_, select

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.schedules import harvest_runs, harvest_sheets, harvest_sources, value_tables
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.catalogue.harvest.schedule import Run, RunState, ScheduledSource, Sheet
from node.catalogue.harvest.value_tables import TableSize, ValueCount, ValueTable

_SOURCE = select(harvest_sources).where(harvest_sources.c.name == bindparam("of"))
_SOURCES = select(harvest_sources).order_by(harvest_sources.c.name)
_DUE = (
    select(harvest_sources.c.name)
    .where(or_(harvest_sources.c.run.is_not(None), harvest_sources.c.due <= bindparam("now")))
    .order_by(harvest_sources.c.due, harvest_sources.c.name)
)
_RUN = select(harvest_runs).where(harvest_runs.c.id == bindparam("of"))
_RUNS = (
    select(harvest_runs)
    .where(harvest_runs.c.source == bindparam("of"))
    .order_by(harvest_runs.c.ordinal.desc())
    .limit(bindparam("most"))
)
_IDS = (
    select(harvest_runs.c.id).where(harvest_runs.c.source == bindparam("of")).order_by(harvest_runs.c.ordinal.desc())
)
_OUTCOMES = (
    select(harvest_sheets.c.number, harvest_sheets.c.outcomes)
    .where(harvest_sheets.c.run == bindparam("of"))
    .order_by(harvest_sheets.c.number)
)
_SHEET = select(harvest_sheets).where(
    harvest_sheets.c.run == bindparam("of"), harvest_sheets.c.number == bindparam("at")
)
_DROP_SHEETS = delete(harvest_sheets).where(
    harvest_sheets.c.run == bindparam("of"), harvest_sheets.c.number >= bindparam("start")
)
_DROP_RUN = delete(harvest_runs).where(harvest_runs.c.id == bindparam("of"))
_TABLE = select(value_tables).where(value_tables.c.source == bindparam("of"))
_SIZES = (
    select(value_tables.c.source, value_tables.c.size, value_tables.c.open_values)
    .where(value_tables.c.size > 0)
    .order_by(value_tables.c.source)
)
_DROP_SOURCE = delete(harvest_sources).where(harvest_sources.c.name == bindparam("of"))


class SqlScheduleStore:
    """Sources by name, runs by id, sheets of a report by their number."""

    def source(self, tx: Transaction, name: str, *, lock: bool = False) -> ScheduledSource | None:
        statement = _SOURCE.with_for_update() if lock else _SOURCE
        row = connection_of(tx).execute(statement, {"of": name}).one_or_none()
        return None if row is None else build(ScheduledSource, row)

    def sources(self, tx: Transaction) -> Sequence[ScheduledSource]:
        return [build(ScheduledSource, row) for row in connection_of(tx).execute(_SOURCES)]

    def due(self, tx: Transaction, now: datetime) -> Sequence[str]:
        return list(connection_of(tx).execute(_DUE, {"now": now}).scalars())

    def save_source(self, tx: Transaction, source: ScheduledSource) -> None:
        put(connection_of(tx), harvest_sources, values(source, options=dict(source.options)))

    def drop_source(self, tx: Transaction, name: str) -> None:
        self.keep_runs(tx, name, 0)
        connection_of(tx).execute(_DROP_SOURCE, {"of": name})

    def run(self, tx: Transaction, run_id: str, *, lock: bool = False) -> Run | None:
        statement = _RUN.with_for_update() if lock else _RUN
        row = connection_of(tx).execute(statement, {"of": run_id}).one_or_none()
        return None if row is None else build(Run, row, state=RunState(row.state))

    def runs(self, tx: Transaction, source: str, limit: int) -> Sequence[Run]:
        rows = connection_of(tx).execute(_RUNS, {"of": source, "most": limit})
        return [build(Run, row, state=RunState(row.state)) for row in rows]

    def save_run(self, tx: Transaction, run: Run) -> None:
        connection = connection_of(tx)
        row = values(run, state=str(run.state), opened=dict(run.opened), counts=dict(run.counts))
        row["problem"] = dict(run.problem)
        change = harvest_runs.update().where(harvest_runs.c.id == bindparam("of"))
        new = {name: value for name, value in row.items() if name != "id"}
        if connection.execute(change.values(new), {"of": run.id}).rowcount == 0:
            connection.execute(harvest_runs.insert().inline(), row)

    def keep_runs(self, tx: Transaction, source: str, keep: int) -> None:
        connection = connection_of(tx)
        for run_id in list(connection.execute(_IDS, {"of": source}).scalars())[keep:]:
            connection.execute(_DROP_SHEETS, {"of": run_id, "start": 0})
            connection.execute(_DROP_RUN, {"of": run_id})

    def outcomes(self, tx: Transaction, run_id: str) -> Sequence[tuple[int, Mapping[str, int]]]:
        return [(int(row.number), row.outcomes) for row in connection_of(tx).execute(_OUTCOMES, {"of": run_id})]

    def sheet(self, tx: Transaction, run_id: str, number: int) -> Sheet | None:
        row = connection_of(tx).execute(_SHEET, {"of": run_id, "at": number}).one_or_none()
        return None if row is None else build(Sheet, row)

    def save_sheet(self, tx: Transaction, run_id: str, sheet: Sheet) -> None:
        row = {"run": run_id, **values(sheet, outcomes=dict(sheet.outcomes))}
        put(connection_of(tx), harvest_sheets, row)

    def drop_sheets(self, tx: Transaction, run_id: str, start: int) -> None:
        connection_of(tx).execute(_DROP_SHEETS, {"of": run_id, "start": start})


class SqlValueTableStore:
    """Value tables by the name of their source."""

    def table(self, tx: Transaction, source: str, *, lock: bool = False) -> ValueTable | None:
        connection = connection_of(tx)
        if lock:
            add(connection, value_tables, _row(ValueTable(source=source)))
        row = connection.execute(_TABLE.with_for_update() if lock else _TABLE, {"of": source}).one_or_none()
        return (
            None if row is None else build(ValueTable, row, counts=tuple(ValueCount(*count) for count in row.counts))
        )

    def sizes(self, tx: Transaction) -> Sequence[TableSize]:
        return [TableSize(*row) for row in connection_of(tx).execute(_SIZES)]

    def save_table(self, tx: Transaction, table: ValueTable) -> None:
        put(connection_of(tx), value_tables, _row(table))


def _row(table: ValueTable) -> dict[str, object]:
    counts = [list(count) for count in table.counts]
    choices = {name: dict(members) for name, members in table.choices.items()}
    size = {"size": len(table.rows()), "open_values": table.open_values}
    return {**values(table, counts=counts, choices=choices), **size}
