"""Where a result comes from: statements for its record, and the way back from a single row."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import InvalidInput, NotFound
from node.catalogue.nquads import Statement, statements
from node.policy.concealment import Concealment, SmallestGroup
from node.policy.portion import Portion
from node.policy.terms import CONCEALED, SMALLEST_GROUP
from node.scenarios.runs.lineage import layer_iri, provenance, step_iri, why
from node.semantics.model import File, Submission
from node.vocab.namespaces import DCT, PROV
from tests.fakes.portal import scenarios as fake
from tests.fakes.portal.content import PLZEN
from tests.unit.scenarios.sample import PID, SampleRun, layer, sample
from tests.unit.semantics.descriptions import BASE, described, refusals

RESULT = f"{BASE}/datasets/bridge-closed"
NODE = "did:web:gent.example"


def statements_of_run(**more: Any) -> list[Statement]:
    run, _ = sample(**more)
    lines = provenance(run, RESULT, by=NODE, layers=[layer()] if run.binding.layers else [])
    assert lines == sorted(set(lines))
    return list(statements("".join(f"{one}\n" for one in lines).encode()))


def objects(lines: list[Statement], subject: str, name: str, namespace: str = PROV) -> set[str]:
    return {
        one.object.strip("<>")
        for one in lines
        if (one.subject, one.predicate) == (f"<{subject}>", f"<{namespace}{name}>")
    }


class TestStatements:
    def test_the_result_was_generated_by_the_run_from_pinned_versions(self) -> None:
        lines = statements_of_run()
        assert objects(lines, RESULT, "wasGeneratedBy") == {PID}
        assert objects(lines, RESULT, "wasDerivedFrom") == {f"{fake.NETWORK}#v1", f"{fake.RECEPTORS}#v2"}
        used = objects(lines, PID, "used")
        assert {
            f"{fake.TEMPLATE}#v1",
            f"{fake.ASSIGNMENT}#v1",
            f"{fake.NOISE}#v1",
            f"{fake.HOURS}#v1",
            layer_iri(layer().id, layer().sha256),
        } <= used
        assert objects(lines, PID, "wasAssociatedWith") == {NODE}
        assert objects(lines, f"{PID}#association", "hadPlan") == {f"{fake.TEMPLATE}#v1"}
        assert objects(lines, layer_iri(layer().id, layer().sha256), "wasDerivedFrom") == {f"{fake.NETWORK}#v1"}

    def test_each_step_says_who_did_what_with_what_under_which_agreement(self) -> None:
        run, _ = sample()
        lines = statements_of_run()
        parts = objects(lines, PID, "hasPart", DCT)
        assert parts == {step_iri(run, step) for step in run.steps}
        noise = f"{PID}#after-noise"
        assert objects(lines, noise, "used") == {f"{fake.NOISE}#v1", f"{fake.RECEPTORS}#v2"}
        assert objects(lines, noise, "wasInformedBy") == {f"{PID}#after-hourly"}
        assert objects(lines, noise, "wasAssociatedWith") == {PLZEN}
        assert objects(lines, noise, "wasInfluencedBy") == {fake.AGREEMENT}
        assert objects(lines, f"{PID}#after-assign", "wasInfluencedBy") == set()

    def test_columns_that_the_run_had_in_another_form_are_said_of_its_use(self) -> None:
        run, _ = sample()
        inputs = tuple(
            replace(one, agreement=fake.AGREEMENT) for one in run.binding.inputs if one.role == "receptors"
        )
        run = replace(run, binding=replace(run.binding, inputs=inputs))
        part = Portion(forms=(Concealment("height", "bins", "5"),), group=SmallestGroup(4, ("height",)))
        limits = {fake.AGREEMENT: part}

        def about_use(lines: list[str]) -> set[tuple[str, str]]:
            parsed = statements("".join(f"{text}\n" for text in lines).encode())
            return {(one.predicate, one.object) for one in parsed if one.subject == f"<{PID}#use-receptors>"}

        uses = about_use(provenance(run, RESULT, by=NODE, limits=limits))
        assert (f"<{CONCEALED}>", '"height bins 5"') in uses
        assert (f"<{SMALLEST_GROUP}>", '"4 height"') in uses
        assert (f"<{PROV}entity>", f"<{fake.RECEPTORS}#v2>") in uses
        # The names of columns are told of assets only that everybody may see.
        hidden = provenance(run, RESULT, by=NODE, limits=limits, may_name=lambda iri, version: iri != fake.RECEPTORS)
        assert about_use(hidden) == set()
        assert about_use(provenance(run, RESULT, by=NODE, limits={fake.AGREEMENT: Portion()})) == set()

    def test_nothing_is_said_about_assets_that_have_records_of_their_own(self) -> None:
        found = statements_of_run()
        subjects = {one.subject.strip("<>") for one in found}
        assert not {one for one in subjects if one.startswith("http") and one != RESULT}

    async def test_it_goes_into_the_record_of_the_result(self) -> None:
        run, _ = sample()
        lines = provenance(run, RESULT, by=NODE, layers=[layer()])
        submission = Submission(
            kind="dataset",
            iri=RESULT,
            fields={
                "title": {"en": "Bridge closed"},
                "description": {"en": "Result of a run."},
                "license": "CC-BY-4.0",
                "theme": "TRAN",
                "contact": {"name": "Mobility", "email": "mobility@gent.example"},
            },
            document="\n".join(lines).encode(),
            media_type="application/n-quads",
            files=(File(name="levels.csv", media_type="text/csv", size=1, sha256="0" * 64),),
        )
        record = await described(submission)
        assert refusals(record) == []
        kept = list(statements(record.nquads))
        assert objects(kept, RESULT, "wasGeneratedBy") == {PID}
        assert objects(kept, f"{PID}#after-noise", "wasInfluencedBy") == {fake.AGREEMENT}

    def test_an_address_that_is_none_is_refused(self) -> None:
        run, _ = sample()
        with pytest.raises(InvalidInput):
            provenance(run, "https://x.example/a> <b", by=NODE)


async def trace(output: str = "noise.levels", row: str = "gent-rec-008", **more: Any) -> dict[str, Any]:
    run, outputs = sample(**more)
    found = await why(run, output, row, SampleRun(run, outputs), layers=[layer()])
    json.dumps(found, allow_nan=False)
    return found


class TestWhy:
    async def test_the_way_back_from_a_receptor_to_the_street_in_front_of_it(self) -> None:
        trail = await trace()
        assert trail["row"]["receptorId"] == "gent-rec-008"
        assert [step["step"] for step in trail["steps"]] == ["noise", "hourly", "assign"]
        noise, hourly, assign = trail["steps"]
        assert noise["uses"] == f"{fake.NOISE}#v1"
        assert noise["agreement"] == fake.AGREEMENT
        assert noise["caveats"] == [fake.CAVEAT.sentence]
        fed = {one["role"]: one for one in noise["inputs"]}
        assert fed["receptors"]["dataset"] == f"{fake.RECEPTORS}#v2"
        assert [row["receptorId"] for row in fed["receptors"]["rows"]] == ["gent-rec-008"]
        street = fed["receptors"]["rows"][0]["segmentId"]
        assert fed["flows"]["count"] == 3
        assert {row["segmentId"] for row in fed["flows"]["rows"]} == {street}
        assert {row["partOfDay"] for row in fed["flows"]["rows"]} == {"day", "evening", "night"}
        assert hourly["count"] == 3
        assert {row["segmentId"] for row in hourly["inputs"][0]["rows"]} == {street}
        assert assign["count"] == 8

    async def test_it_says_which_rows_are_others_and_which_inputs_do_not_name_it(self) -> None:
        assign = (await trace())["steps"][-1]
        fed = {one["role"]: one for one in assign["inputs"]}
        assert "1 of 40 rows with segmentId" in fed["network"]["sentence"]
        assert "The others may have counted too" in fed["network"]["sentence"]
        assert "none of its columns names this" in fed["trips"]["sentence"]

    async def test_changes_are_told_those_of_the_row_and_those_elsewhere(self) -> None:
        elsewhere = {one["role"]: one for one in (await trace())["steps"][-1]["inputs"]}["network"]
        assert "changes" not in elsewhere
        assert "Other rows were changed too: “Contributiebrug closed” changes gent-seg-017" in elsewhere["sentence"]
        bridge = await trace(row="gent-rec-009")
        told = {one["role"]: one for one in bridge["steps"][-1]["inputs"]}["network"]
        assert [one["set"] for one in told["changes"]] == [{"capacity_vph": 0}]
        assert "capacity_vph := 0 (The bridge is worn" in told["sentence"]
        before = await trace("before/noise.levels", "gent-rec-009")
        assert before["branch"] == "before"
        assert "changes" not in {one["role"]: one for one in before["steps"][-1]["inputs"]}["network"]

    async def test_data_that_were_visited_are_named_and_not_shown(self) -> None:
        noise = (await trace(in_place=True))["steps"][0]
        receptors = {one["role"]: one for one in noise["inputs"]}["receptors"]
        assert "rows" not in receptors
        assert receptors["inPlace"] is True
        assert "The rows stayed with" in receptors["sentence"]

    async def test_a_row_in_the_middle_of_the_chain(self) -> None:
        found = await trace("hourly.hourly", "gent-seg-003,day")
        assert [step["step"] for step in found["steps"]] == ["hourly", "assign"]
        assert found["row"]["segmentId"] == "gent-seg-003"

    @pytest.mark.parametrize(
        ("output", "row"),
        [
            ("noise.levels", "gent-rec-999"),
            ("noise.flows", "gent-rec-001"),
            ("nothing.levels", "a"),
            ("x/noise.levels", "a"),
        ],
    )
    async def test_what_is_not_there(self, output: str, row: str) -> None:
        with pytest.raises(NotFound):
            await trace(output, row)

    async def test_a_row_that_is_not_there_is_told_how_rows_are_named(self) -> None:
        with pytest.raises(NotFound) as caught:
            await trace(row="gent-rec-999")
        assert "receptorId" in caught.value.remedy
        assert "gent-rec-001" in caught.value.remedy
