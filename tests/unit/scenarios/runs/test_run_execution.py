"""Runs carried out: step by step, through crashes and absences, to the same result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import InvalidInput, LocalFault, NotAllowed, Overloaded, PeerUnreachable
from node.base.lazy import Lazy
from node.base.work import Task
from node.scenarios.errors import ModelFailed
from node.scenarios.execution import Dismissed, Report
from node.scenarios.model import AFTER, BEFORE
from node.scenarios.ports import Reference
from node.scenarios.run_model import Caveat, IndicatorValue, Run, State, StepRun
from node.scenarios.runs.hashes import result_hash
from node.scenarios.runs.lifecycle import finish, with_report, with_step
from node.scenarios.tables.rows import digest, read_canonical
from node.worker.executions import MOST_ATTEMPTS, ExecutionHandler
from node.worker.outcomes import Again, Done
from node.worker.pace import Pace
from tests.fakes.stores.work import MemoryTransaction, MemoryUnitOfWork
from tests.unit.scenarios.desk import (
    CHAIN,
    DATASET,
    ELS,
    HEAD,
    LAYER,
    PLZEN,
    STREETS,
    WANTED,
    Crash,
    Desk,
    Hand,
    desk,
)
from tests.unit.scenarios.records import NOW
from tests.unit.semantics.descriptions import BASE


def steps(run: Run) -> list[tuple[str, str, State]]:
    return [(one.branch, one.name, one.state) for one in run.steps]


def lines(run: Run) -> list[str]:
    return [one.partition(" ")[2] for one in run.log]


async def layered(at: Desk, **members: Any) -> dict[str, Any]:
    kept = await at.layers.save({**LAYER, **members}, ELS)
    return {**WANTED, "layers": [kept.layer.id]}


class TestHappyPath:
    async def test_one_branch(self) -> None:
        at = await desk()
        run = await at.perform()
        assert run.state is State.SUCCESSFUL
        assert steps(run) == [(AFTER, name, State.SUCCESSFUL) for name in ("walk", "seconds", "effort")]
        assert run.indicators == (
            IndicatorValue(name="hard", before=None, after=0.0, unit="1"),
            IndicatorValue(name="minutes", before=None, after=20.1, unit="min"),
        )
        assert (run.error, run.progress) == (None, 100)
        assert at.noted == [(run.pid, State.ACCEPTED), (run.pid, State.SUCCESSFUL)]
        assert at.signals >= 8

    async def test_outputs_are_kept_in_canonical_form(self) -> None:
        at = await desk()
        run = await at.perform()
        walk, seconds, effort = run.steps
        stored = await at.library.read(walk.outputs["times"])
        # In the order of their key, with the two decimals of the card.
        assert json.loads(stored) == [
            {"segmentId": "a", "minutes": 15},
            {"segmentId": "b", "minutes": 3.75},
            {"segmentId": "c", "minutes": 1.35},
        ]
        assert walk.outputs["times"] == digest(read_canonical(stored))
        rows, port = await at.runs.output(run, AFTER, "seconds.times")
        assert rows[0] == {"segmentId": "a", "seconds": 900}
        assert [one.name for one in port.variables if one.unit == "s"] == ["seconds"]
        assert (walk.rows, seconds.rows, effort.rows) == ({"times": 3}, {"times": 3}, {"efforts": 3})
        outputs = {f"after.{one.name}.{role}": sha for one in run.steps for role, sha in one.outputs.items()}
        assert run.result == result_hash(outputs, run.indicators)

    async def test_a_step_reads_what_was_kept_not_what_was_given(self) -> None:
        at = await desk()
        await at.publish(DATASET, ("streets.csv", b"segmentId,length\na,1000\nb,331\n"))
        await at.perform()
        (effort,) = [inputs for key, inputs, _ in at.hand.calls if key.endswith("/effort")]
        # 331 m at 4 km/h take 4.965 minutes, of which two decimals are kept: 297.6 s and not 297.9.
        assert {one["segmentId"]: one["seconds"] for one in effort["walks"]} == {"a": 900, "b": 297.6}

    async def test_before_and_after(self) -> None:
        at = await desk()
        run = await at.perform(await layered(at))
        assert steps(run) == [
            (branch, name, State.SUCCESSFUL) for branch in (BEFORE, AFTER) for name in ("walk", "seconds", "effort")
        ]
        assert {one.name: (one.before, one.after) for one in run.indicators} == {
            "hard": (0.0, 0.0),
            "minutes": (20.1, 12.6),
        }
        before, _ = await at.runs.output(run, BEFORE, "walk.times")
        after, _ = await at.runs.output(run, AFTER, "walk.times")
        assert (before[0]["minutes"], after[0]["minutes"]) == (15, 7.5)
        assert before[1:] == after[1:]

    async def test_parameters_go_to_the_models_that_have_them(self) -> None:
        at = await desk()
        await at.perform({**WANTED, "parameters": {"weight": 140, "shoes": "sandals"}})
        assert [given for _, _, given in at.hand.calls] == [{"speed": 4.0, "shoes": "sandals"}, {"weight": 140}]

    async def test_an_input_that_need_not_be_bound_is_left_out(self) -> None:
        at = await desk()
        await at.perform()
        assert set(at.hand.calls[1][1]) == {"walks"}
        hills = DATASET.replace("id: streets", "id: hills").replace("Streets", "Hills")
        await at.publish(hills, ("hills.csv", b"hillId,metres\nh,29\n"))
        await at.perform({**WANTED, "inputs": {**WANTED["inputs"], "hills": "dataset/hills"}})
        assert at.hand.calls[3][1]["hills"] == [{"hillId": "h", "metres": 29}]

    async def test_data_that_stay_are_only_referred_to(self) -> None:
        at = await desk()
        run = await at.perform({**WANTED, "inputs": {"streets": {"dataset": "dataset/streets", "inPlace": True}}})
        assert run.state is State.SUCCESSFUL
        assert at.hand.calls[0][1]["streets"] == Reference(
            iri=f"{BASE}/datasets/streets", version=1, file="streets.csv"
        )

    async def test_caveats_go_with_the_run(self) -> None:
        at = await desk()
        at.hand.caveats = (Caveat(code="slow", sentence="This is slow."),)
        run = await at.perform()
        told = [(one.step, one.code, one.sentence) for one in run.caveats]
        assert told == [
            ("walk", "outside-validity", "1 of 3 rows of streets have length below 100 m (the lowest 90): c"),
            ("walk", "slow", "This is slow."),
            ("effort", "slow", "This is slow."),
        ]

    async def test_what_is_said_on_the_way(self) -> None:
        at = await desk()

        def report_lines(key: str, progress: Any) -> None:
            if key.endswith("/walk"):
                progress(40, "the first street")
                progress(250, "")

        at.hand.meanwhile = report_lines
        run = await at.perform()
        assert lines(run) == [
            "after: walk (Walking, version 1, here)",
            "after: walk: the first street",
            "after: walk: 1 of 3 rows of streets have length below 100 m (the lowest 90): c",
            "after: seconds (Minutes to seconds, version 1, here)",
            "after: effort (Effort, version 1, at Stad Gent)",
            "done",
        ]
        assert (run.steps[0].job, run.steps[2].job) == (None, f"{PLZEN}/jobs/2")
        assert [one.agreement for one in run.steps] == [None, None, "urn:a"]

    async def test_an_empty_run_is_none(self) -> None:
        at = await desk()
        await at.execution().complete("urn:none")
        run = await at.perform()
        asked = list(at.hand.asked)
        await at.execution().complete(run.pid)
        assert at.hand.asked == asked
        assert at.load(run.pid) == run


class TestSameResult:
    async def test_again(self) -> None:
        at = await desk()
        wanted = await layered(at)
        first = await at.perform(wanted)
        second = await at.runs.again(first.pid, ELS)
        await at.execution().complete(second.pid)
        again = at.load(second.pid)
        assert (again.result, again.repeats, again.binding) == (first.result, first.pid, first.binding)

    async def test_again_after_the_data_were_corrected(self) -> None:
        at = await desk()
        first = await at.perform()
        await at.publish(DATASET, ("streets.csv", STREETS.replace(b"1000", b"1100")))
        second = await at.runs.again(first.pid, ELS)
        await at.execution().complete(second.pid)
        assert at.load(second.pid).result == first.result
        third = await at.perform()
        assert third.binding.key != first.binding.key
        assert third.result != first.result

    async def test_the_order_of_rows_does_not_matter(self) -> None:
        at = await desk()
        first = await at.perform()
        await at.publish(DATASET, ("streets.csv", b"segmentId,length\nc,90\na,1000\nb,250\n"))
        other = await at.perform()
        # Other bytes, hence another binding, and yet the same figures.
        assert other.binding.key != first.binding.key
        assert other.result == first.result


class Fragile(MemoryUnitOfWork):
    """Dies at a transaction that writes: before its commit, or right after it."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.late = False

    @contextmanager
    def begin(self, *, synced: bool = True) -> Iterator[MemoryTransaction]:
        if self.left is not None:
            self.left -= 1
        dies = self.left is not None and self.left < 0
        with super().begin(synced=synced) as tx:
            yield tx
            if dies and not self.late:
                raise Crash
        if dies:
            raise Crash


class TestCrashes:
    @pytest.mark.parametrize("late", [False, True])
    async def test_a_crash_at_any_moment_costs_one_step_at_most(self, late: bool) -> None:
        calm = await desk()
        request = await layered(calm)
        expected = await calm.perform(request)
        crashes = 0
        for moment in range(100):
            at = await desk()
            fragile = Fragile()
            fragile._tables = at.uow._tables
            request = await layered(at)
            run = await at.runs.start(request, ELS)
            at.uow = fragile
            fragile.left, fragile.late = moment, late
            with suppress(Crash):
                await at.execution().complete(run.pid)
            if fragile.left >= 0:
                break
            fragile.left = None
            crashes += 1
            outputs = {(one.branch, one.name): one.outputs for one in at.load(run.pid).steps if one.outputs}
            asked = len(at.hand.asked)
            await at.execution().complete(run.pid)
            ended = at.load(run.pid)
            assert (ended.state, ended.result) == (State.SUCCESSFUL, expected.result)
            assert outputs.items() <= {(one.branch, one.name): one.outputs for one in ended.steps}.items()
            done = {f"{run.pid}/{branch}/{name}" for branch, name in outputs}
            assert not done & set(at.hand.asked[asked:]), "a step that was done is done again"
            assert len(at.hand.asked) <= 5, "of four calls of models one was under way at most"
            assert [state for _, state in at.noted] == [State.ACCEPTED, State.SUCCESSFUL]
        # The beginning; of each step its beginning and its end; the end of the run.
        assert crashes >= 1 + 6 * 2 + 1

    async def test_a_model_that_dies_with_the_process(self) -> None:
        calm = await (await desk()).perform()
        at = await desk()
        at.hand.trouble[2] = Crash()
        run = await at.runs.start(WANTED, ELS)
        with pytest.raises(Crash):
            await at.execution().complete(run.pid)
        assert [one.state for one in at.load(run.pid).steps] == [
            State.SUCCESSFUL,
            State.SUCCESSFUL,
            State.RUNNING,
        ]
        await at.execution().complete(run.pid)
        ended = at.load(run.pid)
        assert ended.result == calm.result
        assert [one.rpartition("/")[2] for one in at.hand.asked] == ["walk", "effort", "effort"]
        # The same name again: over there it is the same job.
        assert at.hand.asked[1] == at.hand.asked[2]
        assert "continues after an interruption" in lines(ended)
        assert sum(one.startswith("after: effort (") for one in lines(ended)) == 1

    async def test_a_worker_that_is_stopped_in_the_middle_of_a_model(self) -> None:
        calm = await (await desk()).perform()
        at = await desk()
        begun, stopped = asyncio.Event(), asyncio.Event()

        class Endless(Hand):
            async def execute(self, *_: Any, **__: Any) -> Any:
                begun.set()
                try:
                    await asyncio.sleep(600)
                finally:
                    stopped.set()

        at.hand = Endless()
        run = await at.runs.start(WANTED, ELS)
        work = asyncio.create_task(at.execution().complete(run.pid))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert stopped.is_set()
        assert at.load(run.pid).state is State.RUNNING
        at.hand = Hand()
        await at.execution().complete(run.pid)
        assert at.load(run.pid).result == calm.result


class TestDismissal:
    async def test_in_the_middle_of_a_model(self) -> None:
        at = await desk()
        at.report_seconds = 0.01
        stopped = asyncio.Event()

        class Endless(Hand):
            async def execute(self, *_: Any, **__: Any) -> Any:
                begun.set()
                try:
                    await asyncio.sleep(600)
                finally:
                    stopped.set()

        begun = asyncio.Event()
        at.hand = Endless()
        run = await at.runs.start(WANTED, ELS)
        work = asyncio.create_task(at.execution().complete(run.pid))
        await begun.wait()
        dismissed = await at.runs.cancel(run.pid, ELS)
        await work
        assert stopped.is_set()
        ended = at.load(run.pid)
        assert ended == dismissed
        assert {one.state for one in ended.steps} == {State.DISMISSED}
        assert at.noted == [(run.pid, State.ACCEPTED), (run.pid, State.DISMISSED)]

    async def test_between_two_steps(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)

        class Dismissing(Hand):
            """The run is dismissed, and this is stored, before its first model has answered."""

            async def execute(self, *arguments: Any, **named: Any) -> Any:
                answer = await super().execute(*arguments, **named)
                await at.runs.cancel(run.pid, ELS)
                return answer

        at.hand = Dismissing()
        await at.execution().complete(run.pid)
        ended = at.load(run.pid)
        assert ended.state is State.DISMISSED
        assert at.hand.asked == [f"{run.pid}/after/walk"]

    async def test_while_it_waits_for_a_peer(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)

        class Slow(Hand):
            async def execute(self, *_: Any, **__: Any) -> Any:
                await at.runs.cancel(run.pid, ELS)
                raise PeerUnreachable("Plzeň does not answer")

        at.hand = Slow()
        # Nothing to wait for any more: the task is done.
        await at.execution().complete(run.pid)
        assert at.load(run.pid).state is State.DISMISSED


class TestTrouble:
    async def test_a_peer_that_is_away_is_waited_for(self) -> None:
        calm = await (await desk()).perform()
        at = await desk()
        at.hand.trouble = {turn: PeerUnreachable("Plzeň does not answer") for turn in (2, 3, 4)}
        run = await at.runs.start(WANTED, ELS)
        for _ in range(3):
            with pytest.raises(PeerUnreachable):
                await at.execution().complete(run.pid)
            assert at.load(run.pid).state is State.RUNNING
        await at.execution().complete(run.pid)
        ended = at.load(run.pid)
        assert ended.result == calm.result
        assert [one.rpartition("/")[2] for one in at.hand.asked] == ["walk", "effort", "effort", "effort", "effort"]
        # However often it was tried, it is said once.
        assert lines(ended)[-3:] == [
            "after: effort (Effort, version 1, at Stad Gent)",
            "waiting: Plzeň does not answer",
            "done",
        ]

    async def test_the_queue_of_the_cage_is_waited_for_and_a_limit_is_not(self) -> None:
        at = await desk()
        at.hand.trouble = {
            1: Overloaded("all places are taken", facts={"limit": "queue"}),
            2: Overloaded("more than 1 GB of memory", facts={"limit": "memory"}),
        }
        run = await at.runs.start(WANTED, ELS)
        with pytest.raises(Overloaded):
            await at.execution().complete(run.pid)
        assert at.load(run.pid).state is State.RUNNING
        await at.execution().complete(run.pid)
        ended = at.load(run.pid)
        assert ended.state is State.FAILED
        assert ended.error == {
            "code": "overloaded",
            "detail": "more than 1 GB of memory",
            "remedy": "",
            "facts": {"limit": "memory"},
        }

    @pytest.mark.parametrize(
        "error",
        [
            NotAllowed("Plzeň refuses", remedy="ask them", facts={"reasons": [{"rule": "r", "met": False}]}),
            ModelFailed("line 3: the devil is in it", facts={"line": 3}),
            InvalidInput("row 1 of walks has no seconds"),
        ],
    )
    async def test_a_refusal_ends_the_run_with_its_reason(self, error: Any) -> None:
        at = await desk()
        at.hand.trouble[2] = error
        run = await at.perform()
        assert run.state is State.FAILED
        assert run.error is not None
        assert (run.error["code"], run.error["detail"], run.error["remedy"]) == (
            error.code,
            error.detail,
            error.remedy,
        )
        assert run.error.get("facts", {}) == error.facts
        assert [one.state for one in run.steps] == [State.SUCCESSFUL, State.SUCCESSFUL, State.FAILED]
        assert lines(run)[-1] == f"failed: {error.detail}"
        assert (run.result, run.indicators) == (None, ())
        assert at.noted[-1] == (run.pid, State.FAILED)
        # What was done before it can still be looked at.
        assert (await at.runs.output(run, AFTER, "walk.times"))[0]

    async def test_an_agreement_about_data_that_has_ended(self) -> None:
        at = await desk()
        there = f"{PLZEN}/datasets/streets"
        await at.publish(DATASET, ("streets.csv", STREETS), foreign=True)
        at.agree(there, "urn:d")
        wanted = {**WANTED, "inputs": {"streets": there}}
        first = await at.perform(wanted)
        assert first.state is State.SUCCESSFUL
        at.permits = False
        refused = await at.runs.again(first.pid, ELS)
        await at.execution().complete(refused.pid)
        error = at.load(refused.pid).error
        assert error is not None
        assert error["detail"] == "the agreement about Streets does not permit its use now"
        assert [one["text"]["en"] for one in error["facts"]["reasons"]] == ["The membership was revoked."]
        at.permits = True
        at.end("urn:d")
        refused = await at.runs.again(first.pid, ELS)
        await at.execution().complete(refused.pid)
        error = at.load(refused.pid).error
        assert error is not None
        assert (error["code"], error["detail"]) == ("not-allowed", f"the agreement about {there} has ended")

    async def test_a_transformation_that_cannot_be_carried_out(self) -> None:
        at = await desk()
        await at.publish(HEAD + CHAIN)
        at.hand.trouble[1] = ModelFailed("x")
        run = await at.perform()
        assert run.state is State.FAILED
        assert steps(run)[1:] == [(AFTER, "seconds", State.ACCEPTED), (AFTER, "effort", State.ACCEPTED)]

    async def test_bytes_that_are_gone(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)
        at.assets.forget(run.binding.inputs[0].sha256)
        await at.execution().complete(run.pid)
        error = at.load(run.pid).error
        assert error is not None
        assert error["code"] == "not-found"

    async def test_an_output_without_a_canonical_form(self) -> None:
        at = await desk()

        class Odd(Hand):
            async def execute(self, *arguments: Any, **named: Any) -> Any:
                outcome = await super().execute(*arguments, **named)
                odd = [*outcome.outputs["times"], {"segmentId": "d", "minutes": float("nan")}]
                return replace(outcome, outputs={"times": odd})

        at.hand = Odd()
        run = await at.perform()
        assert run.state is State.FAILED
        assert run.error is not None
        assert "minutes is nan, which is not a number" in run.error["detail"]


def handler(at: Desk) -> ExecutionHandler:
    """The handler of runs, as a node has it."""
    return ExecutionHandler(Lazy(at.execution), is_exhausted=Pace().is_exhausted)


class TestTheWorker:
    def task(self, pid: str, attempts: int = 1) -> Task:
        return Task(id=pid, topic="scenario-run", lane="runs", subject=pid, body=b"", due=NOW, attempts=attempts)

    async def test_what_may_pass_is_tried_again(self) -> None:
        at = await desk()
        at.hand.trouble[1] = PeerUnreachable("nobody there")
        run = await at.runs.start(WANTED, ELS)
        assert await handler(at)(self.task(run.pid, 999)) == Again("nobody there")
        assert await handler(at)(self.task(run.pid)) == Done()
        assert at.load(run.pid).state is State.SUCCESSFUL

    async def test_a_peer_that_stays_away_is_given_up(self) -> None:
        """After the three days for which a worker tries, the run says that it has failed, and why."""
        at = await desk()
        at.hand.trouble[1] = PeerUnreachable("nobody there")
        run = await at.runs.start(WANTED, ELS)
        assert await handler(at)(self.task(run.pid, 12_000)) == Done()
        ended = at.load(run.pid)
        assert (ended.state, ended.error and ended.error["detail"]) == (State.FAILED, "nobody there")

    async def test_what_this_node_fails_at_is_given_up(self) -> None:
        at = await desk()
        at.hand.trouble = {turn: LocalFault("the disk is full") for turn in (1, 2)}
        run = await at.runs.start(WANTED, ELS)
        assert await handler(at)(self.task(run.pid)) == Again("the disk is full")
        assert await handler(at)(self.task(run.pid, MOST_ATTEMPTS)) == Done()
        ended = at.load(run.pid)
        assert (ended.state, ended.error and ended.error["detail"]) == (State.FAILED, "the disk is full")

    async def test_so_is_what_nobody_thought_of(self) -> None:
        at = await desk()
        at.hand.trouble = {turn: KeyError("x") for turn in (1, 2)}
        run = await at.runs.start(WANTED, ELS)
        with pytest.raises(KeyError):
            await handler(at)(self.task(run.pid))
        assert await handler(at)(self.task(run.pid, MOST_ATTEMPTS)) == Done()
        ended = at.load(run.pid)
        assert (ended.state, ended.error and ended.error["detail"]) == (
            State.FAILED,
            "the node could not do this because of an internal error (KeyError)",
        )


class TestTheJournal:
    async def test_the_log_is_kept_short(self) -> None:
        at = await desk()

        def report_lines(key: str, progress: Any) -> None:
            for number in range(1000):
                progress(number // 10, f"line {number}")

        at.hand.meanwhile = report_lines
        run = await at.perform()
        assert len(run.log) == 500
        assert lines(run)[-1] == "done"

    async def test_nothing_is_written_of_a_run_that_has_ended(self) -> None:
        at = await desk()
        run = await at.perform()
        journal = at.journal()
        assert journal.begin(run.pid) is None
        step = StepRun(branch=AFTER, name="walk")
        news = Report(percent=10, message="x", lines=("x",))
        writes: list[Callable[[], None]] = [
            lambda: journal.update(run.pid, lambda known: with_step(known, NOW, step)),
            lambda: journal.report(run.pid, lambda known: known),
            lambda: journal.report(run.pid, lambda known: with_report(known, NOW, step, news)),
            lambda: journal.finish(run.pid, lambda _, known: finish(known, NOW, ())),
            lambda: journal.wait(run.pid, "x"),
        ]
        for write in writes:
            with pytest.raises(Dismissed):
                write()
        journal.fail(run.pid, InvalidInput("too late"))
        assert at.load(run.pid) == run

    async def test_a_layer_that_is_not_kept_is_our_fault(self) -> None:
        at = await desk()
        wanted = await layered(at)
        run = await at.runs.start(wanted, ELS)
        del at.uow._tables["layers"]
        with pytest.raises(LocalFault, match="of a run is no longer stored"):
            await at.execution().complete(run.pid)
