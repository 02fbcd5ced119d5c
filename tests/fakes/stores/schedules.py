"""Scheduled sources in memory (``node.catalogue.harvest.schedule.ScheduleStore``), and value tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from node.base.work import Transaction
from node.catalogue.harvest.schedule import Run, ScheduledSource, Sheet
from node.catalogue.harvest.value_tables import TableSize, ValueTable
from tests.fakes.stores.work import memory


class MemoryScheduleStore:
    """Sources by name, runs by id, sheets by run and number."""

    def source(self, tx: Transaction, name: str, *, lock: bool = False) -> ScheduledSource | None:
        return memory(tx).rows("harvest_sources").get(name)

    def sources(self, tx: Transaction) -> Sequence[ScheduledSource]:
        return sorted(memory(tx).rows("harvest_sources").values(), key=lambda source: source.name)

    def due(self, tx: Transaction, now: datetime) -> Sequence[str]:
        sources = self.sources(tx)
        return [source.name for source in sources if source.run or (source.due is not None and source.due <= now)]

    def save_source(self, tx: Transaction, source: ScheduledSource) -> None:
        memory(tx).put("harvest_sources", source.name, source)

    def drop_source(self, tx: Transaction, name: str) -> None:
        self.keep_runs(tx, name, 0)
        if name in memory(tx).rows("harvest_sources"):
            memory(tx).drop("harvest_sources", name)

    def run(self, tx: Transaction, run_id: str, *, lock: bool = False) -> Run | None:
        return memory(tx).rows("harvest_runs").get(run_id)

    def runs(self, tx: Transaction, source: str, limit: int) -> Sequence[Run]:
        runs = [run for run in memory(tx).rows("harvest_runs").values() if run.source == source]
        return runs[::-1][:limit]

    def save_run(self, tx: Transaction, run: Run) -> None:
        memory(tx).put("harvest_runs", run.id, run)

    def keep_runs(self, tx: Transaction, source: str, keep: int) -> None:
        for run in self.runs(tx, source, 1 << 30)[keep:]:
            self.drop_sheets(tx, run.id, 0)
            memory(tx).drop("harvest_runs", run.id)

    def outcomes(self, tx: Transaction, run_id: str) -> Sequence[tuple[int, Mapping[str, int]]]:
        sheets = memory(tx).rows("harvest_sheets")
        return sorted(((key[1], sheet.outcomes) for key, sheet in sheets.items() if key[0] == run_id), key=_number)

    def sheet(self, tx: Transaction, run_id: str, number: int) -> Sheet | None:
        return memory(tx).rows("harvest_sheets").get((run_id, number))

    def save_sheet(self, tx: Transaction, run_id: str, sheet: Sheet) -> None:
        memory(tx).put("harvest_sheets", (run_id, sheet.number), sheet)

    def drop_sheets(self, tx: Transaction, run_id: str, start: int) -> None:
        sheets = memory(tx).rows("harvest_sheets")
        for key in [key for key in sheets if key[0] == run_id and key[1] >= start]:
            memory(tx).drop("harvest_sheets", key)


class MemoryValueTableStore:
    """Value tables by the name of their source."""

    def table(self, tx: Transaction, source: str, *, lock: bool = False) -> ValueTable | None:
        table = memory(tx).rows("value_tables").get(source)
        return ValueTable(source=source) if lock and table is None else table

    def sizes(self, tx: Transaction) -> Sequence[TableSize]:
        tables = sorted(memory(tx).rows("value_tables").values(), key=lambda table: table.source)
        return [TableSize(table.source, len(rows), table.open_values) for table in tables if (rows := table.rows())]

    def save_table(self, tx: Transaction, table: ValueTable) -> None:
        memory(tx).put("value_tables", table.source, table)


def _number(pair: tuple[int, Mapping[str, int]]) -> int:
    return pair[0]
