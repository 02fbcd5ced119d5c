"""Harvest on a schedule with a clock of the test's own: when runs begin, how they go on, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.delivery import OutboxWriter
from node.base.errors import Conflict, InvalidInput, LocalFault, NotAllowed, NotFound, PeerUnreachable
from node.base.work import Task
from node.catalogue.harvest.harvest_order import HarvestOrder
from node.catalogue.harvest.kept_report import LINES, LineFilter
from node.catalogue.harvest.report import ImportedRecord, OpenedFile, Outcome, Tally
from node.catalogue.harvest.schedule import Run, RunState, ScheduledSource, interval, jitter, pause_after
from node.catalogue.harvest.scheduled_runs import ScheduledRuns
from node.catalogue.harvest.schedules import KEPT, Schedules
from node.identity.model import Caller, UserRole
from node.semantics.model import Finding
from node.worker.harvests import LATER, HarvestHandler
from node.worker.loop import Again, Done
from tests.fakes.clock import FixedClock
from tests.stores import Stores, memory_stores

EVA = Caller(did="did:web:ghent.example", account="eva", roles=frozenset({UserRole.STEWARD}))
TOM = Caller(did="did:web:ghent.example", account="tom", roles=frozenset({UserRole.AUDITOR}))
URL = "https://data.example/catalog.ttl"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Imports:
    """Takes every order."""

    def check_order(self, order: object, by: object) -> None:
        """Everything may be imported."""


@dataclass
class SourceRun:
    """A harvest that tells these records, and then ends or fails."""

    records: list[ImportedRecord]
    failure: Exception | None
    before: Callable[[], Any]
    tally: Tally = field(default_factory=Tally)
    opened: OpenedFile = field(default_factory=lambda: OpenedFile(total=0, source="data", notes=(), left_out={}))
    before_note: Any = None

    async def __aiter__(self) -> AsyncGenerator[ImportedRecord, None]:
        for record in self.records:
            self.tally.add(record)
            yield record
        self.before()
        if self.failure is not None:
            raise self.failure


@dataclass
class Harvester:
    """Harvests that the test writes: what the source tells, and how it ends."""

    records: list[ImportedRecord] = field(default_factory=list)
    failure: Exception | None = None
    refusal: Exception | None = None
    busy: bool = False
    before: Callable[[], Any] = lambda: None
    orders: list[tuple[HarvestOrder, Caller]] = field(default_factory=list)

    def require_idle(self, url: str) -> None:
        if self.busy:
            raise Conflict(f"{url} is being harvested already")

    async def begin(self, order: HarvestOrder, by: Caller) -> SourceRun:
        self.orders.append((order, by))
        if self.refusal is not None:
            raise self.refusal
        return SourceRun(list(self.records), self.failure, self.before)


class Node:
    """The use cases over stores in memory, and a worker that is turned by hand."""

    def __init__(self, share: float = 0.5) -> None:
        self.stores: Stores = memory_stores()
        self.clock = FixedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.harvest = Harvester()
        self.people = {"eva": EVA}
        self.share = share
        self.start()

    def start(self) -> None:
        """Begin anew with what is in the stores, as a restart does."""
        stores: Any = self.stores
        self.schedules = Schedules(
            uow=stores.uow,
            store=stores.schedules,
            outbox=stores.outbox,
            outbox_writer=OutboxWriter(stores.outbox, lambda: None),
            clock=self.clock,
            imports=Imports(),  # type: ignore[arg-type]
            share=lambda: self.share,
        )
        runs = ScheduledRuns(
            uow=stores.uow,
            store=stores.schedules,
            harvest=self.harvest,  # type: ignore[arg-type]
            clock=self.clock,
            acting=lambda login: self.people.get(login, Caller(did=EVA.did, account=login)),
            share=lambda: self.share,
        )
        self.handler = HarvestHandler(runs)

    def register(self, name: str = "ghent", url: str = URL, every: str = "1d", by: Caller = EVA) -> ScheduledSource:
        return self.schedules.register(name, url, every, {"rules": ["safe"]}, by)

    def tasks(self) -> list[Task]:
        """What is due in the outbox."""
        with self.stores.uow.read() as tx:
            return list(self.stores.outbox.due(tx, now=self.clock.now(), limit=100, busy=()))

    async def work(self) -> list[Any]:
        """Carry out what is due; the outcomes."""
        outcomes = []
        for task in self.tasks():
            outcome = await self.handler(task)
            outcomes.append(outcome)
            if isinstance(outcome, Done):
                self.conclude(task, outcome)
        return outcomes

    def conclude(self, task: Task, outcome: Done) -> bool:
        """What the worker's loop does with a task that is done."""
        with self.stores.uow.begin() as tx:
            if outcome.hold is not None:
                outcome.hold(tx)
            done = self.stores.outbox.finish(tx, task)
            if done and outcome.apply is not None:
                outcome.apply(tx)
        return done

    async def turn(self) -> int:
        """One look at what is due, and its work."""
        queued = self.schedules.queue_due()
        await self.work()
        return queued

    def wait(self, time: timedelta) -> None:
        """Let some time pass."""
        self.clock.time += time

    def latest(self, name: str = "ghent") -> Run:
        return self.schedules.run(name, "latest")

    def due_in(self, name: str = "ghent") -> timedelta:
        """How long until the next run."""
        due = self.schedules.source(name)[0].due
        assert due is not None
        return due - self.clock.now()

    def lines(self, **only: Any) -> list[dict[str, Any]]:
        return self.schedules.reports.lines(self.latest().id, LineFilter(**only), "en")[0]


@pytest.fixture
def node() -> Node:
    return Node()


def record(number: int, outcome: Outcome = Outcome.NEW, **members: Any) -> ImportedRecord:
    return ImportedRecord(
        number=number,
        outcome=outcome,
        iri=f"https://data.example/{number}",
        address=f"https://ghent.example/datasets/{number}",
        title=f"Set {number}",
        **members,
    )


async def test_a_source_is_harvested_at_once_and_then_by_its_schedule(node: Node) -> None:
    node.harvest.records = [record(1), record(2, Outcome.REFUSED, error="it has no title"), record(3)]
    node.register()
    await node.turn()
    run = node.latest()
    assert (run.state, run.attempt, run.by) == (RunState.DONE, 1, "eva")
    assert {name: count for name, count in run.counts.items() if count} == {"new": 2, "refused": 1}
    order, by = node.harvest.orders[0]
    assert (order.url, order.rules, order.since, by) == (URL, ("safe",), None, EVA)
    assert node.due_in() == DAY + timedelta(minutes=2.5)
    assert await node.turn() == 0
    node.wait(node.due_in())
    assert await node.turn() == 1
    assert len(node.harvest.orders) == 2
    assert len(node.schedules.source("ghent")[1]) == 2


async def test_what_was_missed_runs_once_and_not_all_at_the_same_moment(node: Node) -> None:
    node.register()
    await node.turn()
    node.wait(9 * DAY)
    node.start()
    assert await node.turn() == 1
    assert len(node.harvest.orders) == 1, "it waits for its moment"
    node.wait(timedelta(minutes=2, seconds=30))
    assert await node.turn() == 0
    assert len(node.harvest.orders) == 2
    assert node.due_in() > DAY
    assert await node.turn() == 0


async def test_failures_are_told_and_back_off_and_a_success_ends_that(node: Node) -> None:
    node.share = 0.0
    node.harvest.refusal = PeerUnreachable(f"{URL} does not answer")
    node.register(every="1h")
    pauses = []
    for _ in range(11):
        node.schedules.queue_due()
        await node.work()
        pauses.append(node.due_in())
        node.wait(node.due_in())
    assert pauses[:4] == [timedelta(minutes=minutes) for minutes in (5, 10, 20, 40)]
    assert pauses[-2:] == [DAY, DAY]
    run = node.latest()
    assert run.state is RunState.FAILED
    assert run.problem["detail"] == f"{URL} does not answer"
    assert "asks again by itself" in run.problem["remedy"]
    assert len(node.schedules.source("ghent")[1]) == KEPT
    node.harvest.refusal = None
    await node.turn()
    assert (node.latest().state, node.due_in()) == (RunState.DONE, HOUR)
    assert node.schedules.source("ghent")[0].failures == 0


async def test_a_fault_of_the_node_is_told_without_particulars(node: Node) -> None:
    node.harvest.records, node.harvest.failure = [record(1)], LocalFault("/data/keys is gone")
    node.register()
    await node.turn()
    assert node.latest().problem["detail"] == LocalFault.title
    assert node.latest().counts["new"] == 1
    node.harvest.failure = RuntimeError("a bug at /data")
    node.schedules.run_now("ghent", EVA)
    await node.turn()
    assert "internal error (RuntimeError)" in node.latest().problem["detail"]


async def test_a_run_is_refused_once_its_owner_has_lost_the_role(node: Node) -> None:
    node.register()
    await node.turn()
    node.people["eva"] = replace(EVA, roles=frozenset({UserRole.AUDITOR}))
    node.wait(DAY + HOUR)
    await node.turn()
    node.wait(HOUR)
    await node.turn()
    run = node.latest()
    assert run.state is RunState.REFUSED
    assert "eva, who registered this source, has no working role publisher or steward" in run.problem["detail"]
    assert run.problem["remedy"].endswith(f"hansa harvest add ghent {URL} --every 1d")
    assert len(node.harvest.orders) == 1
    ann = replace(EVA, account="ann")
    node.people["ann"] = ann
    node.register(by=ann)
    await node.turn()
    assert (node.latest().state, node.latest().by) == (RunState.DONE, "ann")


@pytest.mark.parametrize("by", [TOM, Caller()])
def test_who_may_not_import_may_not_schedule(node: Node, by: Caller) -> None:
    node.register()
    schedules = node.schedules
    for call in (schedules.run_now, schedules.pause, schedules.resume, schedules.remove):
        with pytest.raises(NotAllowed, match="publisher or steward"):
            call("ghent", by)
    with pytest.raises(NotAllowed):
        node.register("brno", by=by)


async def test_one_run_at_a_time_whoever_asks(node: Node) -> None:
    node.register()
    with pytest.raises(Conflict, match="already"):
        node.schedules.run_now("ghent", EVA)
    task = node.tasks()[0]
    outcome = await node.handler(task)
    with pytest.raises(Conflict, match="as ghent"):
        node.schedules.require_idle(URL)
    node.schedules.require_idle("https://other.example/")
    assert node.schedules.queue_due() == 0
    assert isinstance(outcome, Done)
    assert node.conclude(task, outcome)
    node.schedules.require_idle(URL)
    assert node.schedules.run_now("ghent", EVA).state is RunState.QUEUED


async def test_a_process_that_was_overtaken_writes_nothing_more(node: Node) -> None:
    """A lease that ran out: another process begins the run anew while the first one is still at it."""
    node.harvest.records = [record(1)]
    node.register()
    task = node.tasks()[0]
    second: list[Any] = []

    def overtake() -> None:
        node.harvest.before = lambda: None
        second.append(asyncio.get_running_loop().create_task(node.handler(task)))

    node.harvest.before = overtake
    slow = asyncio.create_task(node.handler(task))
    first = await slow
    outcome = await second[0]
    assert isinstance(first, Done)
    assert isinstance(outcome, Done)
    with node.stores.uow.begin() as tx:
        if first.apply is not None:
            first.apply(tx)
    assert node.latest().state is RunState.RUNNING
    assert node.conclude(task, outcome)
    assert (node.latest().state, node.latest().attempt) == (RunState.DONE, 2)


async def test_an_interrupted_run_goes_on_and_its_report_is_that_of_one_run(node: Node) -> None:
    """The second attempt finds the first page unchanged, and what the first attempt entered by then."""
    first = [record(number) for number in range(2 * LINES + 10)]
    node.harvest.records = [*first, record(900, Outcome.REFUSED, error="it has no title")]
    node.harvest.failure = asyncio.CancelledError()
    node.register()
    task = node.tasks()[0]
    with pytest.raises(asyncio.CancelledError):
        await node.handler(task)
    node.start()
    node.harvest.failure = None
    node.harvest.records = [
        *(replace(one, outcome=Outcome.UNCHANGED) for one in first[:LINES]),
        *first[LINES:],
        record(900, Outcome.REFUSED, error="it has no title"),
        record(901),
        record(902, Outcome.UNCHANGED),
    ]
    assert node.schedules.queue_due() == 0
    await node.work()
    run = node.latest()
    assert (run.state, run.attempt) == (RunState.DONE, 2)
    assert node.harvest.orders[1][0].since == run.started
    counts = {name: count for name, count in run.counts.items() if count}
    assert counts == {"new": 2 * LINES + 11, "refused": 1, "unchanged": 1}
    iris = [line["iri"] for line in node.schedules.reports.all(run.id, "en")]
    assert len(iris) == len(set(iris)) == 2 * LINES + 12


async def test_a_source_that_is_harvested_by_hand_waits(node: Node) -> None:
    node.register()
    node.harvest.busy = True
    assert await node.work() == [Again(f"{URL} is being harvested already", after=LATER)]
    node.harvest.busy = False
    await node.work()
    assert (node.latest().state, node.latest().attempt) == (RunState.DONE, 1)


async def test_a_paused_source_rests_until_it_is_resumed(node: Node) -> None:
    node.register()
    assert node.schedules.pause("ghent", EVA).is_paused
    await node.turn()
    assert node.latest().state is RunState.DONE, "what had begun goes on to its end"
    node.wait(9 * DAY)
    assert await node.turn() == 0
    node.schedules.run_now("ghent", EVA)
    await node.turn()
    assert node.schedules.source("ghent")[0].is_paused
    node.schedules.resume("ghent", EVA)
    await node.turn()
    assert len(node.harvest.orders) == 3
    assert node.due_in() > DAY


async def test_a_source_that_is_removed_is_gone_and_so_is_its_run(node: Node) -> None:
    node.register()
    task = node.tasks()[0]
    node.harvest.before = lambda: node.schedules.remove("ghent", EVA)
    outcome = await node.handler(task)
    assert isinstance(outcome, Done)
    assert not node.conclude(task, outcome)
    assert node.schedules.all() == []
    assert node.tasks() == []
    with pytest.raises(NotFound):
        node.schedules.source("ghent")
    assert await node.turn() == 0


async def test_a_run_whose_task_was_lost_gets_it_back(node: Node) -> None:
    """After a restore the outbox may lack what the sources know."""
    node.register()
    task = node.tasks()[0]
    with node.stores.uow.begin() as tx:
        node.stores.outbox.cancel(tx, task.id)
    assert await node.turn() == 1
    assert node.latest().state is RunState.DONE


def test_addresses_names_and_times_are_checked(node: Node) -> None:
    node.register()
    with pytest.raises(Conflict, match="as ghent already"):
        node.register("brno")
    for name in ("", "Ghent", "a/b", "x" * 64, "-a"):
        with pytest.raises(InvalidInput, match="cannot name"):
            node.register(name)
    for url in ("", "file:///etc/passwd", "https://", "https://user:pw@data.example/", "data.example"):
        with pytest.raises(InvalidInput, match="no web address"):
            node.register("brno", url)
    for every in ("", "0d", "14m", "367d", "1y", "1 d", "٣d", "-1d", "1.5h"):
        with pytest.raises(InvalidInput, match="time between"):
            node.register("brno", "https://brno.example/", every)
    with pytest.raises(InvalidInput, match="no rule"):
        node.schedules.register("brno", "https://brno.example/", "1d", {"rules": ["safe", "guess"]}, EVA)


def test_times_between_runs() -> None:
    assert (interval("30m"), interval("12h"), interval("2w")) == (HOUR / 2, HOUR * 12, DAY * 14)
    assert pause_after(0, HOUR) == HOUR
    assert pause_after(99, HOUR) == DAY
    assert pause_after(99, 7 * DAY) == 7 * DAY
    assert (jitter(DAY, 1.0), jitter(HOUR, 1.0), jitter(DAY, 0.0)) == (HOUR / 12, HOUR / 20, timedelta())


async def test_a_report_is_filtered_searched_and_paged(node: Node) -> None:
    finding = Finding(
        severity="violation",
        message="a licence is missing",
        remedy="add one",
        rule="r",
        focus="https://data.example/x",
        translations={"nl": {"message": "een licentie ontbreekt", "remedy": "voeg toe"}},
    )
    node.harvest.records = [
        *(record(number, findings=(finding,)) for number in range(LINES + 5)),
        *(record(number, Outcome.CHANGED) for number in range(500, 500 + LINES)),
        record(900, Outcome.REFUSED, error="it has no title"),
        record(901, Outcome.UNCHANGED, findings=(finding,)),
        record(902, Outcome.WITHDRAWN),
    ]
    node.register()
    await node.turn()
    reports, run = node.schedules.reports, node.latest()
    assert len(node.lines(limit=1000)) == 2 * LINES + 7
    assert [line["iri"][21:] for line in node.lines(offset=2 * LINES + 4)] == ["599", "900", "902"]
    assert [line["iri"][21:] for line in node.lines(outcome="changed", offset=99, limit=9)] == ["599"]
    lines, end, more = reports.lines(run.id, LineFilter(outcome="faults", offset=LINES, limit=3), "nl")
    assert [line["iri"][21:] for line in lines] == ["100", "101", "102"]
    assert (end, more) == (LINES + 3, True)
    assert lines[0]["findings"][0]["message"] == "een licentie ontbreekt"
    assert len(node.lines(outcome="faults", offset=LINES)) == 6
    assert [line["title"] for line in node.lines(text="set 90")] == ["Set 90", "Set 900", "Set 902"]
    assert len(node.lines(text="LICENTIE", limit=1000)) == LINES + 5
    assert node.lines(text="no title")[0]["outcome"] == "refused"
    assert node.lines(outcome="new", offset=5000) == []
