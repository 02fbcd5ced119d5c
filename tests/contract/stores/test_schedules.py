"""ScheduleStore: sources, their runs, and the sheets of reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.catalogue.harvest.schedule import Run, RunState, ScheduledSource, Sheet
from node.catalogue.harvest.value_tables import ValueCount, ValueTable
from tests.stores import Stores

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPTIONS = {"source": "", "audience": None, "rules": ["safe"], "agreed": True, "fewer": False}


def source(name: str, **changes: object) -> ScheduledSource:
    usual = ScheduledSource(
        name=name, url=f"https://{name}.example/", every="1d", options=OPTIONS, by="eva", at=NOW, due=NOW
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def a_run(run_id: str, name: str = "ghent", **changes: object) -> Run:
    return replace(Run(id=run_id, source=name, by="eva", queued=NOW, state=RunState.QUEUED), **changes)  # type: ignore[arg-type]


def test_a_source_comes_out_as_it_went_in_and_is_replaced(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.schedules.save_source(tx, source("ghent"))
        stores.schedules.save_source(tx, source("brno", due=None, run="urn:1", failures=3))
        stores.schedules.save_source(tx, source("ghent", every="2w"))
    with stores.uow.read() as tx:
        assert stores.schedules.source(tx, "ghent") == source("ghent", every="2w")
        assert stores.schedules.source(tx, "plzen") is None
        assert [item.name for item in stores.schedules.sources(tx)] == ["brno", "ghent"]


def test_what_is_due_or_has_a_run_is_looked_at(stores: Stores) -> None:
    later = NOW + timedelta(seconds=1)
    with stores.uow.begin() as tx:
        for item in (
            source("due"),
            source("later", due=later),
            source("paused", due=None),
            source("runs", due=later, run="urn:1"),
            source("paused-runs", due=None, run="urn:2"),
        ):
            stores.schedules.save_source(tx, item)
        assert sorted(stores.schedules.due(tx, NOW)) == ["due", "paused-runs", "runs"]
        assert sorted(stores.schedules.due(tx, later)) == ["due", "later", "paused-runs", "runs"]


def test_runs_come_newest_first_and_keep_their_place_when_changed(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for number in range(4):
            stores.schedules.save_run(tx, a_run(f"urn:{number}"))
        stores.schedules.save_run(tx, a_run("urn:other", "brno"))
        ended = a_run("urn:1", state=RunState.FAILED, attempt=2, started=NOW, ended=NOW, problem={"detail": "x"})
        stores.schedules.save_run(tx, ended)
    with stores.uow.read() as tx:
        assert [run.id for run in stores.schedules.runs(tx, "ghent", 3)] == ["urn:3", "urn:2", "urn:1"]
        assert stores.schedules.run(tx, "urn:1") == ended
        assert stores.schedules.run(tx, "urn:9") is None


def test_old_runs_go_with_their_reports_and_a_source_with_all_of_them(stores: Stores) -> None:
    sheet = Sheet(number=0, outcomes={"new": 1}, body=b"x")
    with stores.uow.begin() as tx:
        stores.schedules.save_source(tx, source("ghent"))
        for number in range(3):
            stores.schedules.save_run(tx, a_run(f"urn:{number}"))
            stores.schedules.save_sheet(tx, f"urn:{number}", sheet)
        stores.schedules.keep_runs(tx, "ghent", 2)
        assert [run.id for run in stores.schedules.runs(tx, "ghent", 9)] == ["urn:2", "urn:1"]
        assert stores.schedules.sheet(tx, "urn:0", 0) is None
        assert stores.schedules.sheet(tx, "urn:1", 0) == sheet
        stores.schedules.drop_source(tx, "ghent")
    with stores.uow.read() as tx:
        assert stores.schedules.source(tx, "ghent") is None
        assert stores.schedules.runs(tx, "ghent", 9) == []
        assert stores.schedules.sheet(tx, "urn:2", 0) is None


def test_sheets_are_in_order_and_replaced(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for number in (2, 0, 1):
            stores.schedules.save_sheet(tx, "urn:1", Sheet(number=number, outcomes={"new": number}, body=b"x"))
        stores.schedules.save_sheet(tx, "urn:1", Sheet(number=1, outcomes={"new": 7}, body=b"y"))
        assert stores.schedules.outcomes(tx, "urn:1") == [(0, {"new": 0}), (1, {"new": 7}), (2, {"new": 2})]
        stores.schedules.drop_sheets(tx, "urn:1", 1)
        assert stores.schedules.outcomes(tx, "urn:1") == [(0, {"new": 0})]


def test_value_tables_come_out_as_they_went_in(stores: Stores) -> None:
    counts = (ValueCount("theme", "Bomen; planten", 3), ValueCount("license", "vrij", 2))
    ghent = ValueTable(source="https://ghent.example/", counts=counts, choices={"theme": {"Bomen; planten": "urn:t"}})
    brno = ValueTable(source="brno", choices={"format": {"x": "urn:x"}}, by="eva", at=NOW)
    with stores.uow.begin() as tx:
        assert stores.value_tables.table(tx, ghent.source) is None
        assert stores.value_tables.table(tx, ghent.source, lock=True) == ValueTable(source=ghent.source)
        stores.value_tables.save_table(tx, ghent)
        stores.value_tables.save_table(tx, brno)
        stores.value_tables.save_table(tx, ValueTable(source="empty"))
    with stores.uow.read() as tx:
        table = stores.value_tables.table(tx, ghent.source)
        assert table == ghent
        assert stores.value_tables.table(tx, "brno") == brno
        assert stores.value_tables.sizes(tx) == [("brno", 1, 0), (ghent.source, 2, 1)]
    with stores.uow.begin() as tx:
        assert stores.value_tables.table(tx, ghent.source, lock=True) == ghent
