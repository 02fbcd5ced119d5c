"""Binding: names become pinned versions, and what would not fit is found before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import NotFound, PeerUnreachable
from node.scenarios.chain.parameters import beyond
from node.scenarios.findings import Bound, DoesNotFit, Finding
from node.scenarios.model import Parameter
from tests.unit.scenarios.desk import (
    CHAIN,
    CODE,
    DATASET,
    EFFORT,
    ELS,
    HEAD,
    LAYER,
    PLZEN,
    SECONDS,
    STREETS,
    TEMPLATE,
    THEM,
    WALKING,
    WANTED,
    Desk,
    desk,
)
from tests.unit.semantics.descriptions import BASE, ME


async def check(at: Desk, **members: Any) -> Bound:
    return await at.runs.check({**WANTED, **members}, ELS)


def of(bound: Bound, code: str) -> Finding:
    """The one finding of that code, which stops the run."""
    (found,) = [one for one in bound.findings if one.code == code]
    assert bound.binding is None
    return found


def codes(bound: Bound) -> set[str]:
    return {one.code for one in bound.findings}


class TestPinning:
    async def test_everything_is_pinned(self) -> None:
        at = await desk()
        bound = await check(at)
        assert bound.findings == ()
        binding = bound.require()
        assert (binding.template, binding.version) == (f"{BASE}/scenarios/walks", 1)
        (streets,) = binding.inputs
        assert (streets.role, streets.version, streets.file, streets.origin) == ("streets", 1, "streets.csv", ME)
        assert at.assets.has(streets.sha256)
        walk, seconds, effort = binding.steps
        assert [(one.name, one.kind) for one in binding.steps] == [
            ("walk", "model"),
            ("seconds", "transformation"),
            ("effort", "model"),
        ]
        # Of a model with code its hash is pinned; a transformation is its record.
        assert (walk.sha256, effort.sha256) == (CODE, CODE)
        assert seconds.sha256 == at.shelf.records[seconds.iri][0].sha256
        assert (walk.agreement, effort.agreement, effort.origin) == (None, "urn:a", THEM)
        assert binding.parameters == {"speed": 4.0}
        assert binding.layers == ()

    async def test_versions_that_are_named(self) -> None:
        at = await desk()
        await at.publish(DATASET, ("streets.csv", b"segmentId,length\na,5\n"))
        await at.publish(WALKING)
        newest = (await check(at)).require()
        assert (newest.inputs[0].version, newest.steps[0].version) == (2, 2)
        older = (
            await check(
                at,
                version=1,
                inputs={"streets": {"dataset": "dataset/streets", "version": 1}},
                uses={"walk": {"iri": "model/walking", "version": 1}},
            )
        ).require()
        assert (older.inputs[0].version, older.steps[0].version) == (1, 1)
        assert older.key != newest.key
        missing = await check(at, inputs={"streets": {"dataset": "dataset/streets", "version": 3}})
        assert of(missing, "not-found").place == "input streets"

    async def test_the_same_wishes_have_the_same_key(self) -> None:
        at = await desk()
        binding = (await check(at, parameters={"speed": 5, "shoes": "sandals"})).require()
        other = (await check(at, parameters={"shoes": "sandals", "speed": 5})).require()
        assert binding.key == other.key
        assert binding.key != (await check(at, parameters={"speed": 5})).require().key

    async def test_another_model_for_a_step(self) -> None:
        at = await desk()
        await at.publish(WALKING.replace("id: walking", "id: running"))
        bound = await check(at, uses={"walk": "model/running"})
        assert bound.require().steps[0].iri == f"{BASE}/models/running"

    async def test_a_scenario_that_is_a_binding_of_another(self) -> None:
        at = await desk()
        await at.publish(
            HEAD.partition("inputs:")[0].replace("id: walks", "id: walks-of-ghent")
            + "template: scenario/walks\nbindings: {streets: dataset/streets}\n"
        )
        bound = await at.runs.check({"scenario": "scenario/walks-of-ghent"}, ELS)
        assert bound.findings == ()
        assert bound.require().template == f"{BASE}/scenarios/walks"
        assert bound.require().inputs[0].iri == f"{BASE}/datasets/streets"
        other = DATASET.replace("id: streets", "id: paths")
        await at.publish(other, ("paths.csv", b"segmentId,length\nz,500\n"))
        changed = await at.runs.check(
            {"scenario": "scenario/walks-of-ghent", "inputs": {"streets": "dataset/paths"}}, ELS
        )
        assert changed.require().inputs[0].iri == f"{BASE}/datasets/paths"

    async def test_there_is_no_such_scenario(self) -> None:
        at = await desk()
        with pytest.raises(NotFound):
            await check(at, scenario="scenario/none")
        with pytest.raises(NotFound):
            await check(at, version=2)
        at.shelf.closed[f"{BASE}/scenarios/walks"] = PeerUnreachable("no answer")
        with pytest.raises(PeerUnreachable):
            await check(at)


class TestInputs:
    async def test_roles_that_are_not_known_and_not_bound(self) -> None:
        bound = await check(await desk(), inputs={"roads": "dataset/streets"})
        unknown = of(bound, "unknown-role")
        assert (unknown.place, unknown.remedy) == ("input roads", "it has: hills, streets")
        unbound = of(bound, "unbound")
        assert (unbound.place, unbound.sentence) == ("input streets", "Streets is not bound")
        # A step that lacks it for that reason is not told twice.
        assert codes(bound) == {"unknown-role", "unbound"}

    async def test_data_that_are_not_there(self) -> None:
        at = await desk()
        finding = of(await check(at, inputs={"streets": "dataset/none"}), "not-found")
        assert finding.place == "input streets"
        at.shelf.closed[f"{PLZEN}/datasets/far"] = PeerUnreachable("Plzeň does not answer")
        finding = of(await check(at, inputs={"streets": f"{PLZEN}/datasets/far"}), "peer-unreachable")
        assert finding.sentence == "Plzeň does not answer"
        assert of(await check(at, inputs={"streets": "model/walking"}), "invalid-input").place == "input streets"

    async def test_which_file_is_meant(self) -> None:
        at = await desk()
        two = DATASET.replace("id: streets", "id: two")
        await at.publish(two, ("a.csv", STREETS), ("b.csv", b"segmentId,length\nx,500\n"))
        unclear = of(await check(at, inputs={"streets": "dataset/two"}), "invalid-input")
        assert unclear.remedy == "name one of them: a.csv, b.csv"
        chosen = await check(at, inputs={"streets": {"dataset": "dataset/two", "file": "b.csv"}})
        assert chosen.require().inputs[0].file == "b.csv"
        none = of(await check(at, inputs={"streets": {"dataset": "dataset/two", "file": "c.csv"}}), "invalid-input")
        assert none.sentence == "Streets has no file c.csv"

    async def test_a_column_that_is_missing(self) -> None:
        at = await desk()
        await at.publish(DATASET.replace("id: streets", "id: bare"), ("bare.csv", b"segmentId\na\n"))
        found = of(await check(at, inputs={"streets": "dataset/bare"}), "missing-variable")
        assert (found.place, found.sentence) == (
            "step walk.streets",
            "the input streets needs length in m; streets has no such column",
        )

    async def test_a_column_without_figures(self) -> None:
        at = await desk()
        await at.publish(DATASET.replace("id: streets", "id: words"), ("w.csv", b"segmentId,length\na,long\n"))
        found = of(await check(at, inputs={"streets": "dataset/words"}), "type")
        assert found.sentence == "row 1 of streets has 'long' as length: no number"

    async def test_rows_that_cannot_be_read(self) -> None:
        at = await desk()
        await at.publish(DATASET.replace("id: streets", "id: broken"), ("b.csv", b"segmentId,length\na,1,2\n"))
        assert of(await check(at, inputs={"streets": "dataset/broken"}), "invalid-input").place == "input streets"

    async def test_a_file_that_holds_no_rows_is_a_finding_like_any_other(self) -> None:
        at = await desk()
        plan = await at.publish(DATASET.replace("id: streets", "id: plan"), ("plan.csv", b"%PDF-1.7"))
        at.shelf.put(replace(plan, files=tuple(replace(one, media_type="application/pdf") for one in plan.files)))
        found = of(await check(at, inputs={"streets": "dataset/plan"}), "unsupported-media-type")
        assert (found.place, found.remedy) == ("input streets", "publish the data as CSV, JSON or GeoJSON")

    async def test_data_under_an_agreement(self) -> None:
        at = await desk()
        await at.publish(DATASET, ("streets.csv", STREETS), foreign=True)
        theirs = {"streets": f"{PLZEN}/datasets/streets"}
        found = of(await check(at, inputs=theirs), "not-allowed")
        assert found.remedy == f"hansa get {PLZEN}/datasets/streets --agree-only"
        at.agree(f"{PLZEN}/datasets/streets", "urn:d")
        assert (await check(at, inputs=theirs)).require().inputs[0].agreement == "urn:d"
        at.permits = False
        sentences = {one.place: one.sentence for one in (await check(at, inputs=theirs)).findings}
        # A revocation stops the model that is theirs as well as the data.
        assert set(sentences) == {"input streets", "step effort"}
        assert all("does not permit its use now" in sentence for sentence in sentences.values())
        at.permits = True
        at.end("urn:d")
        assert of(await check(at, inputs=theirs), "not-allowed").sentence.endswith("has ended")


class TestInPlace:
    async def bound(self, at: Desk, template: str, dataset: str = "dataset/streets", **files: Any) -> Bound:
        await at.publish(template)
        return await check(at, inputs={"streets": {"dataset": dataset, "inPlace": True}}, **files)

    async def test_a_model_that_runs_where_the_data_are(self) -> None:
        bound = await self.bound(await desk(), TEMPLATE)
        assert bound.require().inputs[0].in_place
        assert bound.findings == ()

    async def test_a_model_elsewhere(self) -> None:
        at = await desk()
        await at.publish(DATASET, ("streets.csv", STREETS), foreign=True)
        there = f"{PLZEN}/datasets/streets"
        finding = of(await self.bound(at, TEMPLATE, there), "not-allowed")
        assert finding.place == "input streets"
        at.agree(there, "urn:d")
        finding = of(await self.bound(at, TEMPLATE, there), "elsewhere")
        assert finding.place == "step walk.streets"
        assert finding.sentence == f"the data of streets stay with {THEM}, and walk runs at {ME}"

    async def test_a_transformation_never_runs_where_the_data_are(self) -> None:
        at = await desk()
        await at.publish(SECONDS, foreign=True)
        await at.publish(DATASET, ("streets.csv", STREETS), foreign=True)
        at.agree(f"{PLZEN}/datasets/streets", "urn:d")
        chain = CHAIN.replace("model/walking", f'"{PLZEN}/transformations/minutes-to-seconds"')
        bound = await self.bound(at, HEAD + chain, f"{PLZEN}/datasets/streets")
        assert "elsewhere" in codes(bound)

    async def test_a_model_at_another_service(self) -> None:
        at = await desk()
        away = WALKING.replace(f"code: {CODE}", "endpoint: https://models.example/processes/walk")
        await at.publish(away)
        found = of(await self.bound(at, TEMPLATE), "elsewhere")
        assert "https://models.example/processes/walk" in found.sentence

    async def test_no_layer_on_data_that_stay_with_their_owner(self) -> None:
        at = await desk()
        kept = await at.layers.save(LAYER, ELS)
        bound = await self.bound(at, TEMPLATE, layers=[kept.layer.id])
        found = of(bound, "does-not-fit")
        assert "a change layer cannot be put on them" in found.sentence


class TestSteps:
    async def test_steps_that_are_not_known(self) -> None:
        found = of(await check(await desk(), uses={"run": "model/walking"}), "unknown-step")
        assert (found.place, found.remedy) == ("step run", "it has: walk, seconds, effort")

    async def test_what_a_step_uses_is_not_there(self) -> None:
        bound = await check(await desk(), uses={"walk": "model/none"})
        assert of(bound, "not-found").place == "step walk"
        # What would have fed others is missing for that reason alone.
        assert codes(bound) == {"not-found"}

    async def test_what_cannot_be_used(self) -> None:
        at = await desk()
        assert "is a dataset" in of(await check(at, uses={"walk": "dataset/streets"}), "invalid-input").sentence
        await at.publish(WALKING.replace(f"code: {CODE}\n", "").replace("id: walking", "id: words"))
        found = of(await check(at, uses={"walk": "model/words"}), "invalid-input")
        assert found.sentence == "Walking has a description, but cannot run: it has neither code nor an end point"

    async def test_no_agreement_about_a_model(self) -> None:
        at = await desk()
        at.end()
        found = of(await check(at), "not-allowed")
        assert (found.place, found.remedy) == ("step effort", f"hansa get {PLZEN}/models/effort --agree-only")

    async def test_a_scenario_without_a_chain(self) -> None:
        at = await desk()
        head = HEAD.partition("inputs:")[0]
        await at.publish(head.replace("id: walks", "id: first") + "template: scenario/walks\n")
        await at.publish(head.replace("id: walks", "id: second") + "template: scenario/first\n")
        # A binding of a binding: what it names has no chain of its own.
        bound = await at.runs.check({"scenario": "scenario/second"}, ELS)
        assert of(bound, "no-chain").place == "chain"

    async def test_two_steps_of_one_name(self) -> None:
        at = await desk()
        await at.publish(HEAD + CHAIN.replace("name: seconds", "name: walk"))
        assert of(await check(at), "twice").place == "step walk"


class TestWiring:
    async def changed(self, before: str, after: str, head: str = HEAD) -> Bound:
        at = await desk()
        assert before in CHAIN
        await at.publish(head + CHAIN.replace(before, after))
        return await check(at)

    async def test_wired_to_nothing(self) -> None:
        found = of(await self.changed("times: walk.times", "times: walk.minutes"), "no-such-source")
        assert (found.place, found.sentence) == (
            "step seconds.times",
            "walk.minutes is neither an input nor an output before it",
        )

    async def test_fed_by_a_later_step(self) -> None:
        found = of(await self.changed("times: walk.times", "times: effort.efforts"), "no-such-source")
        assert found.place == "step seconds.times"

    async def test_an_input_that_nothing_feeds(self) -> None:
        found = of(await self.changed("streets: streets", ""), "not-wired")
        assert (found.place, found.sentence) == ("step walk.streets", "nothing feeds streets of walk")

    async def test_an_input_that_the_model_has_not(self) -> None:
        found = of(await self.changed("streets: streets", "streets: streets, roads: streets"), "no-such-input")
        assert (found.place, found.remedy) == ("step walk.roads", "it has: streets")

    async def test_a_required_input_fed_by_one_that_need_not_be_bound(self) -> None:
        found = of(await self.changed("streets: streets", "streets: hills"), "not-wired")
        assert found.sentence == "nothing feeds streets of walk: hills is not bound"

    async def test_units_that_differ_and_what_would_mend_it(self) -> None:
        at = await desk()
        await at.publish(WALKING.replace("name: minutes, unit: min", "name: seconds, unit: min"))
        mending = SECONDS.replace("minutes: min", "seconds: min").replace("rename: minutes", "rename: seconds")
        await at.publish(mending)
        await at.publish(HEAD + CHAIN.replace("walks: seconds.times", "walks: walk.times"))
        bound = await check(at)
        finding = of(bound, "unit-factor")
        assert finding.place == "step effort.walks"
        assert finding.sentence.startswith("times.seconds comes in min; walks needs s: every figure would be ")
        assert finding.transformations == (f"{BASE}/transformations/minutes-to-seconds",)
        assert finding.remedy == "put minutes-to-seconds between them"
        assert finding.to_json()["transformations"] == list(finding.transformations)
        del at.shelf.records[f"{BASE}/transformations/minutes-to-seconds"]
        await at.publish(HEAD + CHAIN.replace("walks: seconds.times", "walks: walk.times"))
        unmended = [one for one in (await check(at)).findings if one.code == "unit-factor"]
        assert [one.transformations for one in unmended] == [()]
        # The missing one is drafted, and puts both ends right.
        draft = unmended[0].to_json()["draft"]
        assert draft["seconds"] == {"rename": "seconds", "unit": "s"}
        assert draft["units"] == {"seconds": "min"}


class TestParameters:
    async def test_unknown(self) -> None:
        found = of(await check(await desk(), parameters={"weather": 3}), "unknown-parameter")
        assert (found.place, found.remedy) == ("parameter weather", "there are: speed, shoes, weight")

    async def test_unknown_is_not_said_while_a_model_is_unknown(self) -> None:
        bound = await check(await desk(), parameters={"height": 3}, uses={"walk": "model/none"})
        assert codes(bound) == {"not-found"}

    @pytest.mark.parametrize(
        ("parameters", "sentence"),
        [
            ({"speed": 0.5}, "speed is at least 1 km/h, not 0.5"),
            ({"speed": 9.5}, "speed is at most 9 km/h, not 9.5"),
            # The scenario allows what the model does not.
            ({"speed": 8}, "speed is at most 7 km/h, not 8"),
            ({"speed": "fast"}, "speed is a number in km/h, not 'fast'"),
            ({"speed": True}, "speed is a number in km/h, not True"),
            ({"speed": None}, "speed is a number in km/h, not None"),
            ({"weight": 10**400}, f"weight is at most 150 kg, not 1{'0' * 39}"),
            ({"shoes": "none"}, "shoes is one of boots, sandals, not 'none'"),
            ({"shoes": ["boots"]}, "shoes is one of boots, sandals, not ['boots']"),
        ],
    )
    async def test_beyond_their_bounds(self, parameters: dict[str, Any], sentence: str) -> None:
        found = of(await check(await desk(), parameters=parameters), "beyond-its-bounds")
        assert found.sentence == sentence

    async def test_a_model_that_reads_it_in_another_unit(self) -> None:
        at = await desk()
        await at.publish(WALKING.replace("name: speed, unit: km/h", "name: speed, unit: m/s"))
        found = of(await check(at), "other-unit")
        assert found.sentence == "speed is in km/h for the scenario, and in m/s for Walking"

    def test_true_is_not_one(self) -> None:
        one = Parameter(name="n", values=(1, 2))
        assert beyond(one, 1) == beyond(one, 2.0) == ""
        assert beyond(one, True) == "n is one of 1, 2, not True"
        assert beyond(Parameter(name="n", maximum=3), float("nan")) == "n is a number, not nan"
        assert beyond(Parameter(name="n"), "anything") == ""


class TestLayers:
    async def test_a_layer_is_pinned_as_it_is_now(self) -> None:
        at = await desk()
        saved = (await at.layers.save(LAYER, ELS)).layer
        assert (await check(at, layers=[saved.id])).require().layers == (saved.sha256,)
        assert (await check(at, layers=[saved.sha256])).require().layers == (saved.sha256,)
        at.clock.forward(seconds=1)
        newer = (await at.layers.save({**LAYER, "id": saved.id, "title": "Shorter still"}, ELS)).layer
        assert (await check(at, layers=[saved.id])).require().layers == (newer.sha256,)
        assert (await check(at, layers=[saved.sha256])).require().layers == (saved.sha256,)

    async def test_the_order_counts(self) -> None:
        at = await desk()
        a = (await at.layers.save(LAYER, ELS)).layer
        b = (
            await at.layers.save({**LAYER, "operations": [{"op": "update", "id": "b", "set": {"length": 1}}]}, ELS)
        ).layer
        one = (await check(at, layers=[a.id, b.id])).require()
        other = (await check(at, layers=[b.id, a.id])).require()
        assert (one.layers, one.key) != (other.layers, other.key)

    async def test_that_the_later_hides_the_earlier_is_said(self) -> None:
        at = await desk()
        again = {"op": "update", "id": LAYER["operations"][0]["id"], "set": LAYER["operations"][0]["set"]}
        first = (await at.layers.save(LAYER, ELS)).layer
        second = (await at.layers.save({**LAYER, "title": "Once more", "operations": [again]}, ELS)).layer
        found = [one for one in (await check(at, layers=[first.id, second.id])).findings if one.code == "overlap"]
        assert [(one.severity, one.place) for one in found] == [("warning", f"layer {second.id}")]
        assert found[0].sentence.startswith(f"Once more overrides values of {first.title}: ")

    async def test_one_that_is_not_there_and_one_for_other_data(self) -> None:
        at = await desk()
        assert of(await check(at, layers=["closed"]), "not-found").place == "layer closed"
        await at.publish(DATASET.replace("id: streets", "id: paths"), ("paths.csv", STREETS))
        kept = (await at.layers.save({**LAYER, "target": "dataset/paths"}, ELS)).layer
        found = of(await check(at, layers=[kept.id]), "nothing-to-change")
        assert found.sentence == (
            f"A shorter street changes paths.csv of {BASE}/datasets/paths, which is not bound here"
        )

    async def test_one_that_does_not_fit_the_version_any_more(self) -> None:
        at = await desk()
        saved = (await at.layers.save(LAYER, ELS)).layer
        await at.publish(DATASET, ("streets.csv", STREETS.replace(b"1000", b"1100")))
        finding = of(await check(at, layers=[saved.id]), "does-not-fit")
        assert finding.place == f"layer {saved.id}"
        assert "1000" in finding.sentence
        assert "1100" in finding.sentence
        older = {"streets": {"dataset": "dataset/streets", "version": 1}}
        assert (await check(at, layers=[saved.id], inputs=older)).binding is not None

    async def test_two_that_know_rows_by_different_members(self) -> None:
        at = await desk()
        first = (await at.layers.save(LAYER, ELS)).layer
        other = (
            await at.layers.save({**LAYER, "key": "length", "operations": [{"op": "remove", "id": "250"}]}, ELS)
        ).layer
        found = of(await check(at, layers=[first.id, other.id]), "does-not-fit")
        assert "knows rows by length, not by segmentId" in found.sentence


class TestRefusal:
    async def test_starting_says_all_that_is_in_the_way(self) -> None:
        at = await desk()
        with pytest.raises(DoesNotFit, match="2 things stop this run: ") as refused:
            await at.runs.start({**WANTED, "layers": ["closed"], "parameters": {"speed": 99}}, ELS)
        found = refused.value.facts["findings"]
        assert [one["place"] for one in found] == ["parameter speed", "layer closed"]
        assert refused.value.status == 422
        with pytest.raises(DoesNotFit, match=r"^the change layer closed does not exist$") as alone:
            await at.runs.start({**WANTED, "layers": ["closed"]}, ELS)
        assert alone.value.remedy == "hansa layer list"
        assert at.noted == []

    async def test_a_parameter_that_has_no_form(self) -> None:
        at = await desk()
        await at.publish(EFFORT.replace("min: 10, max: 150, ", ""), foreign=True)
        with pytest.raises(Exception, match="cannot be written as JSON"):
            await check(at, parameters={"weight": float("inf")})
