"""Scheduled sources of a node in memory, for its pages: one that runs well, one that fails, one that is paused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from node.base.delivery import OutboxWriter
from node.base.errors import NotFound
from node.catalogue.harvest.kept_report import ReportWriter
from node.catalogue.harvest.report import ImportedRecord, Outcome
from node.catalogue.harvest.schedule import Run, RunState, ScheduledSource
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.harvest.value_tables import ValueCount, ValueTable, ValueTables
from node.catalogue.measurement.link_model import LinkCheck, LinkState
from node.catalogue.measurement.link_report import LinkLine
from node.catalogue.measurement.model import Day, RecordPoints, Series
from node.catalogue.subscriptions.harvest_reports import Contact, SentReport
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.model import Finding
from tests.fakes.clock import FixedClock
from tests.fakes.stores.schedules import MemoryScheduleStore, MemoryValueTableStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork

SOURCE: Final = "https://ghent.example/catalogue"
OPTIONS: Final = {"source": "", "audience": None, "rules": ["safe"], "agreed": False, "fewer": False}


class _AnyOrder:
    def check_order(self, order: object, by: object) -> None:
        """Everything may be imported."""


def schedules(now: datetime, base: str, text: str = "") -> Schedules:
    """The sources; ``text`` goes to where texts of others stand."""
    uow, store, outbox = MemoryUnitOfWork(), MemoryScheduleStore(), MemoryOutbox()
    ended = now - timedelta(hours=2)

    def source(name: str, **members: object) -> ScheduledSource:
        usual = {"every": "1d", "options": OPTIONS, "by": "els", "at": now, "due": now + timedelta(hours=22)}
        return ScheduledSource(name=name, url=f"https://{name}.example/catalog.ttl", **{**usual, **members})  # type: ignore[arg-type]

    def run(run_id: str, name: str, **members: object) -> Run:
        usual = {"state": RunState.DONE, "attempt": 1, "started": ended, "ended": ended, "queued": ended}
        return Run(id=run_id, source=name, by="els", **{**usual, **members})  # type: ignore[arg-type]

    with uow.begin() as tx:
        store.save_source(tx, source("brno", due=None))
        store.save_source(tx, source("ghent"))
        store.save_source(tx, source("plzen", every="30m", failures=2))
        store.save_source(tx, source("vienna", run="urn:run:4"))
        counts = {"new": 130, "changed": 1, "unchanged": 12034, "refused": 1, "conforming": 900, "missing": 3}
        store.save_run(tx, run("urn:run:1", "ghent", attempt=2, counts=counts))
        problem = {"code": "peer-unreachable", "detail": text or "it does not answer", "remedy": text or "wait"}
        store.save_run(tx, run("urn:run:2", "ghent", state=RunState.REFUSED, problem=problem))
        store.save_run(tx, run("urn:run:1b", "ghent", counts=counts))
        store.save_run(tx, run("urn:run:3", "plzen", state=RunState.FAILED, problem=problem))
        store.save_run(tx, run("urn:run:4", "vienna", state=RunState.RUNNING, ended=None, counts={"new": 12}))
        report = ReportWriter(store, "urn:run:1b")
        for number in range(130):
            report.add(_record(number, base, text))
        report.add(
            ImportedRecord(number=131, outcome=Outcome.REFUSED, title=text, error=text or "no title", remedy="x")
        )
        cause = {"case": "same-record", "number": 7}
        report.add(
            ImportedRecord(number=132, outcome=Outcome.REFUSED, title=text, error="record 7 again", cause=cause)
        )
        report.flush(tx)
    return Schedules(
        uow=uow,
        store=store,
        outbox=outbox,
        outbox_writer=OutboxWriter(outbox, lambda: None),
        clock=FixedClock(now),
        imports=_AnyOrder(),  # type: ignore[arg-type]
    )


def value_tables(now: datetime, text: str = "") -> ValueTables:
    """The values of a portal, 60 of them without a choice; ``text`` goes to where texts of others stand."""
    uow, store = MemoryUnitOfWork(), MemoryValueTableStore()
    counts = [ValueCount("theme", text or "bomen en planten", 12), ValueCount("license", text or "vrij", 9)]
    counts += [ValueCount("format", f"{text}format {number}", 1) for number in range(60)]
    choices = {"license": {text or "vrij": "http://publications.europa.eu/resource/authority/licence/CC0"}}
    with uow.begin() as tx:
        store.save_table(tx, ValueTable(source=SOURCE, counts=counts, choices=choices, by="els", at=now))
    return ValueTables(uow, store, MemoryScheduleStore(), FixedClock(now))


class FakeHistory:
    """The quality of two publishers: of one over four months, of the other on one day."""

    def series(self, by: Caller) -> list[Series]:
        """All records, and each publisher."""
        days = [Day(date(2026, month, 11), 10 * month, 90.5 + 20 * month) for month in (8, 9, 10, 11)]
        parts = {"findability": 90.0, "accessibility": 60.0, "interoperability": 55.0, "reusability": 60.0}
        gains = [("keywordAvailability", 12.5), ("spatialAvailability", 4.0)]
        return [
            Series(key=key, name=name, days=own, dimensions={**parts, "contextuality": 8.5}, gains=gains)
            for key, name, own in (
                ("", "", days),
                ("https://ghent.example/", "Stad Gent", days),
                ("parks", "Parks & gardens", days[-1:]),
            )
        ]

    def of_record(self, iri: str, by: Caller) -> list[RecordPoints]:
        """Two versions of whatever is asked for."""
        return [RecordPoints(datetime(2026, 11, day, tzinfo=UTC), day, 200 + day) for day in (1, 2)]


def _record(number: int, base: str, text: str) -> ImportedRecord:
    finding = Finding(severity="warning", message=text or "a licence is missing", remedy="add one", rule="r")
    repair = {"rule": "language", "property": "x", "before": text or "nl", "after": text or "NLD"}
    return ImportedRecord(
        number=number,
        outcome=Outcome.NEW,
        iri=f"https://ghent.example/set/{number}",
        address=f"{base}/datasets/set-{number}",
        title=text or f"Set {number}",
        findings=(finding,),
        repairs=(repair,),
    )


BROKEN_LINK = LinkLine(
    check=LinkCheck(
        address="https://data.example/files/old.csv",
        host="data.example",
        due=datetime(2026, 12, 1, 9, tzinfo=UTC),
        state=LinkState.BROKEN,
        status=404,
        reason="status",
        at=datetime(2026, 11, 20, 9, tzinfo=UTC),
    ),
    records=("https://gent.example/datasets/bicycle-counters",),
    more=True,
)


class FakeLinks:
    """A catalogue with one broken link (``node.catalogue.measurement.link_report.LinkReport``)."""

    interval = timedelta(days=14)

    def counts(self, by: Caller) -> Mapping[LinkState, int]:
        return {LinkState.WORKS: 11, LinkState.BROKEN: 1, LinkState.UNKNOWN: 2}

    def counts_by_source(self, by: Caller) -> Mapping[str, Mapping[LinkState, int]]:
        return {"https://data.ghent.example/catalogue": self.counts(by)}

    def lines(self, by: Caller, **criteria: Any) -> list[LinkLine]:
        return [BROKEN_LINK] if criteria["state"] is LinkState.BROKEN else []

    def of_record(self, iri: str, by: Caller) -> list[LinkLine]:
        return [BROKEN_LINK]

    def check_again(self, by: Caller, iri: str = "") -> int:
        require(by, UseCase.CHECK_LINKS)
        return 14


class FakeReports:
    """A source whose report was sent once (``node.catalogue.subscriptions.harvest_reports.SendReports``)."""

    sends_mail = True

    def contacts(self, name: str, run_id: str, by: Caller) -> list[Contact]:
        return [Contact(address="data@ghent.example", name="Data desk", records=12)]

    def history(self, name: str, by: Caller) -> list[SentReport]:
        return [
            SentReport(run="urn:1", at="2026-11-20T09:00:00Z", by="els", language="nl", to=["data@ghent.example"])
        ]

    def send(self, name: str, run_id: str, to: list[str], language: str, by: Caller) -> tuple[SentReport, str]:
        require(by, UseCase.SCHEDULE_HARVESTS)
        report = SentReport(run=run_id, at="2026-11-24T09:00:00Z", by="els", language=language, to=to)
        return report, "https://gent.example/reports/abc"

    def open(self, secret: str) -> tuple[str, Run, str]:
        raise NotFound("this report is no longer kept", remedy="ask for a newer link")
