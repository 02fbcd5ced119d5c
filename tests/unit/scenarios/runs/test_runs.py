"""What people do with runs, and how a run is shown to programs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, InvalidInput, NotFound
from node.scenarios.model import AFTER, BEFORE
from node.scenarios.ports import RUN_TOPIC
from node.scenarios.run_model import Caveat, State
from node.scenarios.run_view import bound_json, run_json, step_json
from node.scenarios.runs.lifecycle import with_step
from node.scenarios.runs.usecases import LANE
from tests.unit.scenarios.desk import CODE, DATASET, ELS, LAYER, PLZEN, STREETS, THEM, WANTED, desk
from tests.unit.scenarios.records import NOW
from tests.unit.semantics.descriptions import BASE, ME


class TestStarting:
    async def test_a_run_is_written_down_and_handed_to_the_worker(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)
        assert run.pid.startswith("urn:uuid:")
        assert (run.state, run.by, run.repeats, run.result) == (State.ACCEPTED, "els", None, None)
        assert [(one.branch, one.name, one.state) for one in run.steps] == [
            (AFTER, name, State.ACCEPTED) for name in ("walk", "seconds", "effort")
        ]
        assert at.load(run.pid) == run
        with at.uow.begin() as tx:
            (task,) = at.outbox.lease(
                tx, owner="w", now=at.clock.now(), until=at.clock.now() + timedelta(seconds=9), limit=9
            )
        assert (task.id, task.topic, task.lane, task.subject) == (run.pid, RUN_TOPIC, LANE, run.pid)
        assert at.noted == [(run.pid, State.ACCEPTED)]
        assert at.signals == 1

    async def test_branches(self) -> None:
        at = await desk()
        kept = (await at.layers.save(LAYER, ELS)).layer
        one = await at.runs.start(WANTED, ELS)
        two = await at.runs.start({**WANTED, "layers": [kept.id]}, ELS)
        assert {step.branch for step in one.steps} == {AFTER}
        assert [step.branch for step in two.steps] == [BEFORE] * 3 + [AFTER] * 3

    async def test_checking_writes_nothing(self) -> None:
        at = await desk()
        assert (await at.runs.check(WANTED, ELS)).binding is not None
        assert (list(await at.runs.newest()), at.noted, at.signals) == ([], [], 0)

    async def test_newest_first(self) -> None:
        at = await desk()
        runs = []
        for _ in range(3):
            runs.append(await at.runs.start(WANTED, ELS))
            at.clock.forward(seconds=1)
        pids = [one.pid for one in runs][::-1]
        assert [one.pid for one in await at.runs.newest()] == pids
        assert [one.pid for one in await at.runs.newest(f"{BASE}/scenarios/walks", limit=2)] == pids[:2]
        assert await at.runs.newest(f"{BASE}/scenarios/other") == []


class TestAgain:
    async def test_the_same_binding_and_the_same_hash(self) -> None:
        at = await desk()
        first = await at.perform()
        second = await at.runs.again(first.pid, replace(ELS, account="jan"))
        assert second.binding == first.binding
        assert (second.repeats, second.by, second.state) == (first.pid, "jan", State.ACCEPTED)
        await at.execution().complete(second.pid)
        assert at.load(second.pid).result == first.result
        assert (await at.runs.earlier(second)) == first
        assert (await at.runs.earlier(first)) is None

    async def test_of_nothing(self) -> None:
        with pytest.raises(NotFound):
            await (await desk()).runs.again("urn:none", ELS)


class TestCancelling:
    async def test_once(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)
        dismissed = await at.runs.cancel(run.pid, ELS)
        assert dismissed.state is State.DISMISSED
        assert {one.state for one in dismissed.steps} == {State.DISMISSED}
        assert at.noted[-1] == (run.pid, State.DISMISSED)
        with pytest.raises(Conflict, match="the run has ended") as refused:
            await at.runs.cancel(run.pid, ELS)
        assert refused.value.remedy == "run it again: hansa run again"
        await at.execution().complete(run.pid)
        assert at.load(run.pid) == dismissed
        assert at.hand.asked == []

    async def test_what_has_ended(self) -> None:
        at = await desk()
        run = await at.perform()
        with pytest.raises(Conflict, match="the run has ended"):
            await at.runs.cancel(run.pid, ELS)
        with pytest.raises(NotFound):
            await at.runs.cancel("urn:none", ELS)

    async def test_steps_that_were_done_stay_done(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)
        done = replace(run.steps[0], state=State.SUCCESSFUL, outputs={"times": "00"})
        at.journal().begin(run.pid)
        at.journal().update(run.pid, lambda known: with_step(known, NOW, done))
        dismissed = await at.runs.cancel(run.pid, ELS)
        assert [one.state for one in dismissed.steps] == [State.SUCCESSFUL, State.DISMISSED, State.DISMISSED]


class TestReading:
    async def test_outputs(self) -> None:
        at = await desk()
        run = await at.perform()
        rows, port = await at.runs.output(run, AFTER, "effort.efforts")
        assert rows[0] == {"segmentId": "a", "kilojoules": 90}
        assert [one.decimals for one in port.variables] == [1]
        assert set(await at.runs.outputs(run)) == {
            "after/walk.times", "after/seconds.times", "after/effort.efforts",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("branch", "name"),
        [
            (BEFORE, "walk.times"),
            (AFTER, "walk.other"),
            (AFTER, "walk"),
            (AFTER, "other.times"),
            ("x", "walk.times"),
            (AFTER, ""),
        ],
    )
    async def test_outputs_that_are_not_there(self, branch: str, name: str) -> None:
        at = await desk()
        run = await at.perform()
        with pytest.raises(NotFound) as refused:
            await at.runs.output(run, branch, name)
        assert refused.value.remedy == "it has: after/effort.efforts, after/seconds.times, after/walk.times"
        waiting = await at.runs.start(WANTED, ELS)
        with pytest.raises(NotFound) as refused:
            await at.runs.output(waiting, AFTER, "walk.times")
        assert refused.value.remedy == "it has: nothing yet"

    async def test_inputs(self) -> None:
        at = await desk()
        run = await at.perform()
        rows, port = await at.runs.input(run, "streets")
        assert rows[0] == {"segmentId": "b", "length": 250}
        # The unit is the template's, the bounds of validity are the model's own business.
        assert [(one.name, one.unit) for one in port.variables] == [("length", "m")]
        with pytest.raises(NotFound, match="the run has no input hills"):
            await at.runs.input(run, "hills")
        stays = {**WANTED, "inputs": {"streets": {"dataset": "dataset/streets", "inPlace": True}}}
        with pytest.raises(InvalidInput, match=f"this node does not have the data of streets: they stayed with {ME}"):
            await at.runs.input(await at.runs.start(stays, ELS), "streets")


class TestLayers:
    async def test_a_layer_says_what_and_by_whom(self) -> None:
        at = await desk()
        laid = await at.layers.save({**LAYER, "author": "somebody else", "at": "1999-01-01T00:00:00Z"}, ELS)
        layer = laid.layer
        assert (layer.author, layer.at, layer.key) == ("els", at.clock.now(), "segmentId")
        assert (layer.target, layer.version, layer.file) == (f"{BASE}/datasets/streets", 1, "streets.csv")
        assert {row["segmentId"]: row["length"] for row in laid.before} == {"a": 1000, "b": 250, "c": 90}
        assert {row["segmentId"]: row["length"] for row in laid.after} == {"a": 500, "b": 250, "c": 90}
        assert laid.conflicts == ()
        assert await at.layers.layer(layer.id) == layer
        assert await at.layers.layer(layer.sha256) == layer
        assert list(await at.layers.of("dataset/streets")) == [layer]
        assert list(await at.layers.of("dataset/other")) == []

    async def test_what_does_not_fit_is_not_kept(self) -> None:
        at = await desk()
        operations = [{"op": "update", "id": "a", "before": {"length": 900}, "set": {"length": 500}}]
        with pytest.raises(InvalidInput, match="the change does not fit version 1") as refused:
            await at.layers.save({**LAYER, "operations": operations}, ELS)
        (conflict,) = refused.value.facts["conflicts"]
        assert (conflict["seen"], conflict["now"], conflict["wanted"]) == (900, 1000, 500)
        with pytest.raises(InvalidInput):
            await at.layers.save({**LAYER, "operations": [{"op": "remove", "id": "z"}]}, ELS)
        assert list(await at.layers.of()) == []

    async def test_two_people_at_one_layer(self) -> None:
        at = await desk()
        first = (await at.layers.save(LAYER, ELS)).layer
        at.clock.forward(seconds=1)
        theirs = (
            await at.layers.save(
                {**LAYER, "id": first.id, "title": "Theirs"}, replace(ELS, account="jan"), after=first.sha256
            )
        ).layer
        with pytest.raises(Conflict, match="jan has changed this layer in the meantime"):
            await at.layers.save({**LAYER, "id": first.id, "title": "Mine"}, ELS, after=first.sha256)
        assert await at.layers.layer(first.id) == theirs
        at.clock.forward(seconds=1)
        mine = (await at.layers.save({**LAYER, "id": first.id, "title": "Mine"}, ELS, after=theirs.sha256)).layer
        assert await at.layers.layer(first.id) == mine
        # What a run has used stays what it was.
        assert await at.layers.layer(first.sha256) == first

    async def test_on_another_version(self) -> None:
        at = await desk()
        layer = (await at.layers.save(LAYER, ELS)).layer
        await at.publish(DATASET, ("streets.csv", STREETS.replace(b"b,250", b"b,260")))
        await at.publish(DATASET, ("streets.csv", STREETS.replace(b"1000", b"1100")))
        assert (await at.layers.lay_on(layer, ELS)).conflicts == ()
        assert (await at.layers.lay_on(layer, ELS, version=2)).conflicts == ()
        (conflict,) = (await at.layers.lay_on(layer, ELS, version=3)).conflicts
        assert (conflict.field, conflict.seen, conflict.now) == ("length", 1000, 1100)
        moved = await at.layers.move(layer, ELS, 2)
        assert (moved.layer.version, moved.layer.id) == (2, layer.id)
        assert moved.layer.sha256 != layer.sha256

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"target": None}, "does not state what it changes"),
            ({"target": 5}, "5"),
            ({"version": "new"}, "version must be the number"),
            ({"version": 0}, "version must be the number"),
            ({"version": True}, "version must be the number"),
            ({"file": 5}, "file is not the name"),
            ({"file": "other.csv"}, "has no file other.csv"),
            ({"key": "none"}, "row 1 has no none"),
            ({"title": ""}, "title is missing"),
            ({"reason": None}, "reason is missing"),
            ({"operations": []}, "operations are missing"),
            ({"operations": [{"op": "update", "id": "a"}]}, "changes nothing"),
        ],
    )
    async def test_what_cannot_be_read(self, members: dict[str, Any], words: str) -> None:
        with pytest.raises((InvalidInput, NotFound), match=words):
            await (await desk()).layers.save({**LAYER, **members}, ELS)

    async def test_there_is_none(self) -> None:
        with pytest.raises(NotFound, match="this change layer does not exist"):
            await (await desk()).layers.layer("urn:none")


class TestShown:
    async def test_a_run_that_is_done(self) -> None:
        at = await desk()
        saved = (await at.layers.save(LAYER, ELS)).layer
        run = await at.perform({**WANTED, "layers": [saved.id]})
        shown = run_json(run)
        assert (shown["pid"], shown["state"], shown["progress"], shown["by"]) == (run.pid, "successful", 100, "els")
        assert (shown["scenario"], shown["scenarioVersion"]) == (f"{BASE}/scenarios/walks", 1)
        assert (shown["key"], shown["result"]) == (run.binding.key, run.result)
        assert shown["titles"] == {"en": "A walk", "nl": "Een wandeling"}
        assert {"repeats", "published", "error"}.isdisjoint(shown)
        assert shown["indicators"][1] == {"name": "minutes", "before": 20.1, "after": 12.6, "unit": "min"}
        binding = shown["binding"]
        assert binding["inputs"]["streets"] == {
            "dataset": f"{BASE}/datasets/streets",
            "version": 1,
            "file": "streets.csv",
            "sha256": run.binding.inputs[0].sha256,
            "origin": ME,
            "inPlace": False,
        }
        assert binding["steps"]["effort"] == {
            "uses": f"{PLZEN}/models/effort",
            "kind": "model",
            "version": 1,
            "sha256": CODE,
            "origin": THEM,
            "agreement": "urn:a",
        }
        assert (binding["layers"], binding["parameters"]) == ([saved.sha256], {"speed": 4.0})
        step = shown["steps"][5]
        assert (step["branch"], step["name"], step["state"]) == ("after", "effort", "successful")
        assert step["outputs"] == {"efforts": {"sha256": run.steps[5].outputs["efforts"], "rows": 3}}
        assert (step["job"], step["agreement"]) == (f"{PLZEN}/jobs/4", "urn:a")
        assert step["started"].endswith("Z")
        assert shown["log"][-1].endswith(" done")
        assert shown["caveats"][0]["step"] == "walk"

    async def test_what_a_list_shows(self) -> None:
        at = await desk()
        run = await at.runs.start(WANTED, ELS)
        short = run_json(replace(run, repeats="urn:r", published="https://x", error={"code": "c"}), whole=False)
        assert {"binding", "steps", "log", "caveats", "goal"}.isdisjoint(short)
        assert (short["repeats"], short["published"], short["error"]) == ("urn:r", "https://x", {"code": "c"})
        assert "started" not in step_json(run.steps[0])

    async def test_what_came_of_checking(self) -> None:
        at = await desk()
        good, bad = await at.runs.check(WANTED, ELS), await at.runs.check({**WANTED, "layers": ["x"]}, ELS)
        assert bound_json(good)["fits"] is True
        assert bound_json(good)["binding"]["key"] == good.require().key
        assert bound_json(bad)["fits"] is False
        assert bound_json(bad)["binding"] is None
        assert bound_json(bad)["findings"] == [
            {
                "place": "layer x",
                "code": "not-found",
                "sentence": "the change layer x does not exist",
                "severity": "violation",
                "remedy": "hansa layer list",
                "facts": {"case": "layer", "name": "x"},
            }
        ]

    async def test_progress_and_caveats(self) -> None:
        run = await (await desk()).runs.start(WANTED, ELS)
        first, second, third = run.steps
        caveat = Caveat(code="slow", sentence="Slow.", step="walk")
        running = replace(
            run,
            state=State.RUNNING,
            steps=(replace(first, state=State.SUCCESSFUL, caveats=(caveat,)), replace(second, progress=50), third),
        )
        assert (run.progress, running.progress) == (0, 50)
        both = replace(running, steps=(*running.steps, replace(first, branch=BEFORE, caveats=(caveat,))))
        assert both.caveats == (caveat,)
        assert replace(run, state=State.SUCCESSFUL).progress == 100
