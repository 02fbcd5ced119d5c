"""JobStore, RunStore and LayerStore."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict
from node.scenarios.model import (
    Binding,
    BoundInput,
    BoundStep,
    Indicator,
    Layer,
    Model,
    Operation,
    OperationType,
    Parameter,
    Port,
    Step,
    Template,
    Transformation,
    Variable,
)
from node.scenarios.run_model import Caveat, IndicatorValue, Job, Run, State, StepRun
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, 15, 250_000, tzinfo=UTC)
BRUGES = "did:web:bruges.example"


def job(job_id: str = "urn:j", **members: Any) -> Job:
    values: dict[str, Any] = {
        "model": "https://ghent.example/models/traffic",
        "version": 3,
        "code": "ab" * 32,
        "state": State.ACCEPTED,
        "created": NOW,
        "updated": NOW,
        "request": "00" * 32,
        "caller": BRUGES,
    }
    return Job(id=job_id, **{**values, **members})


FULL_JOB = job(
    state=State.SUCCESSFUL,
    transfer="urn:t",
    agreement="urn:a",
    key="once",
    started=NOW,
    finished=NOW + timedelta(seconds=1.5),
    progress=100,
    message="čas 0.1 % – done",
    result="11" * 32,
    caveats=(Caveat(code="out-of-range", sentence="Speed 12 is below 30.", step="noise", facts={"rows": [1, 2.5]}),),
    error={"title": "x", "nested": {"list": [None, True]}},
)


def template(iri: str = "https://ghent.example/scenarios/bridge") -> Template:
    return Template(
        iri=iri,
        version=1,
        origin="did:web:ghent.example",
        titles={"en": "Close a bridge", "nl": "Brug dicht"},
        goal={"en": "Less noise"},
        inputs=(
            Port(
                role="network",
                variables=(Variable(name="speed", unit="km/h", minimum=30, maximum=130.5, decimals=1),),
                schemas=("https://example.org/schema",),
                crs=("EPSG:4326",),
                step=timedelta(minutes=15),
                grain=0.5,
                extent=(3.5, 51.0, 3.9, 51.2),
                required=False,
                titles={"en": "Network"},
            ),
        ),
        parameters=(Parameter(name="demandFactor", default=1, minimum=0, maximum=2, values=(0.5, 1, "max")),),
        indicators=(
            Indicator(
                name="hours",
                titles={"en": "Hours"},
                unit="h",
                better="lower",
                decimals=0,
                target=10.5,
                definition={"of": "assign.flows", "sum": "vehicleHours"},
            ),
        ),
        steps=(Step(name="assign", uses="https://ghent.example/m1", wiring={"network": "network"}, position=1),),
    )


def model_card() -> Model:
    return Model(
        iri="https://ghent.example/m1",
        version=1,
        origin="did:web:ghent.example",
        titles={"en": "Assignment"},
        inputs=template().inputs,
        outputs=(Port(role="flows"),),
        code="44" * 32,
        deterministic=True,
    )


def transformation_card() -> Transformation:
    return Transformation(
        iri="https://ghent.example/t1",
        version=1,
        titles={"en": "To hours"},
        language="column mapping",
        definition={"columns": [{"from": "a", "to": "b"}]},
        outputs=(Port(role="hourly"),),
    )


def run(pid: str = "urn:r", **members: Any) -> Run:
    values: dict[str, Any] = {
        "template": template(),
        "binding": Binding(
            template=template().iri,
            version=1,
            template_sha256="22" * 32,
            inputs=(
                BoundInput(
                    role="network",
                    iri="https://ghent.example/datasets/roads",
                    version=2,
                    file="roads.geojson",
                    sha256="33" * 32,
                    media_type="application/geo+json",
                    origin="did:web:ghent.example",
                    titles={"en": "Roads"},
                    in_place=True,
                    agreement="urn:a",
                ),
            ),
            steps=(
                BoundStep(
                    name="assign",
                    iri="https://ghent.example/m1",
                    version=1,
                    sha256="44" * 32,
                    origin="did:web:ghent.example",
                    card=model_card(),
                ),
                BoundStep(
                    name="hourly",
                    iri="https://ghent.example/t1",
                    version=1,
                    sha256="45" * 32,
                    origin="did:web:ghent.example",
                    card=transformation_card(),
                    agreement="urn:a",
                ),
            ),
            parameters={"demandFactor": 1.25, "list": [1, "two", None]},
            layers=("55" * 32,),
            key="66" * 32,
        ),
        "state": State.RUNNING,
        "by": "els",
        "created": NOW,
        "updated": NOW,
        "steps": (
            StepRun(
                branch="before",
                name="assign",
                state=State.SUCCESSFUL,
                progress=100,
                started=NOW,
                finished=NOW,
                outputs={"flows": "77" * 32},
                rows={"flows": 12},
                caveats=FULL_JOB.caveats,
                job="https://x/jobs/1",
            ),
            StepRun(branch="after", name="assign"),
        ),
        "indicators": (IndicatorValue(name="hours", before=None, after=12.5, unit="h"),),
        "log": ("began", "ended"),
    }
    return Run(pid=pid, **{**values, **members})


def layer(layer_id: str = "urn:l", sha256: str = "aa", **members: Any) -> Layer:
    values: dict[str, Any] = {
        "title": "Bridge closed",
        "target": "https://ghent.example/datasets/roads",
        "version": 2,
        "file": "roads.geojson",
        "target_sha256": "33" * 32,
        "key": "segmentId",
        "author": "els",
        "reason": "works",
        "operations": (
            Operation(op=OperationType.UPDATE, id="seg-017", before={"capacity_vph": 900}, set={"capacity_vph": 0}),
            Operation(
                op=OperationType.ADD,
                id="new",
                set={"x": {"factor": 0.5}},
                unset=("y",),
                geometry={"type": "Point", "coordinates": [3.7, 51.05]},
            ),
        ),
        "at": NOW,
    }
    return Layer(id=layer_id, sha256=sha256, **{**values, **members})


class TestJobStore:
    def test_a_job_comes_out_as_it_went_in(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.jobs.put(tx, job())
            stores.jobs.put(tx, replace(FULL_JOB, id="urn:full"))
        with stores.uow.begin() as tx:
            assert stores.jobs.get(tx, "urn:j") == job()
            assert stores.jobs.get(tx, "urn:full", lock=True) == replace(FULL_JOB, id="urn:full")
            assert stores.jobs.get(tx, "urn:other") is None

    def test_what_is_put_again_is_replaced(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.jobs.put(tx, job(key="once"))
            stores.jobs.put(tx, FULL_JOB)
            assert stores.jobs.get(tx, "urn:j") == FULL_JOB
            assert stores.jobs.of(tx, BRUGES) == [FULL_JOB]

    def test_a_key_names_one_job_of_its_owner(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.jobs.put(tx, job(key="once"))
            stores.jobs.put(tx, job("urn:theirs", key="once", caller=None, account="els"))
            stores.jobs.put(tx, job("urn:keyless"))
            stores.jobs.put(tx, job("urn:keyless too"))
            assert stores.jobs.by_key(tx, BRUGES, "once") == job(key="once")
            found = stores.jobs.by_key(tx, "els", "once")
            assert found is not None
            assert found.id == "urn:theirs"
            assert stores.jobs.by_key(tx, BRUGES, "twice") is None
            with pytest.raises(Conflict):
                stores.jobs.put(tx, job("urn:again", key="once"))
            assert stores.jobs.get(tx, "urn:again") is None

    def test_those_of_an_owner_newest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.jobs.put(tx, job("urn:2", created=NOW + timedelta(seconds=2)))
            stores.jobs.put(tx, job("urn:1"))
            stores.jobs.put(tx, job("urn:3", created=NOW + timedelta(seconds=3), caller=None, account="els"))
        with stores.uow.read() as tx:
            assert [one.id for one in stores.jobs.of(tx, BRUGES)] == ["urn:2", "urn:1"]
            assert [one.id for one in stores.jobs.of(tx, "els")] == ["urn:3"]
            assert [one.id for one in stores.jobs.of(tx, None)] == ["urn:3", "urn:2", "urn:1"]
            assert [one.id for one in stores.jobs.of(tx, None, limit=1)] == ["urn:3"]
            assert stores.jobs.of(tx, "nobody") == []


class TestRunStore:
    def test_a_run_comes_out_as_it_went_in(self, stores: Stores) -> None:
        ended = run(
            "urn:ended", state=State.FAILED, result="88" * 32, error={"code": "model-failed"}, repeats="urn:r"
        )
        with stores.uow.begin() as tx:
            stores.runs.put(tx, run())
            stores.runs.put(tx, ended)
        with stores.uow.begin() as tx:
            assert stores.runs.get(tx, "urn:r", lock=True) == run()
            assert stores.runs.get(tx, "urn:ended") == ended
            assert stores.runs.get(tx, "urn:other") is None
            stores.runs.put(tx, replace(run(), state=State.DISMISSED))
            assert stores.runs.get(tx, "urn:r") == replace(run(), state=State.DISMISSED)

    def test_newest_first(self, stores: Stores) -> None:
        other = template("https://ghent.example/scenarios/other")
        with stores.uow.begin() as tx:
            stores.runs.put(tx, run("urn:2", created=NOW + timedelta(seconds=2)))
            stores.runs.put(tx, run("urn:1"))
            stores.runs.put(tx, run("urn:3", created=NOW + timedelta(seconds=3), template=other))
        with stores.uow.read() as tx:
            assert [one.pid for one in stores.runs.newest(tx)] == ["urn:3", "urn:2", "urn:1"]
            assert [one.pid for one in stores.runs.newest(tx, limit=2)] == ["urn:3", "urn:2"]
            assert [one.pid for one in stores.runs.newest(tx, template=template().iri)] == ["urn:2", "urn:1"]
            assert stores.runs.newest(tx, template="https://ghent.example/none") == []


class TestLayerStore:
    def test_every_state_of_a_layer_stays(self, stores: Stores) -> None:
        newer = layer(sha256="bb", at=NOW + timedelta(seconds=1), title="Bridge open")
        with stores.uow.begin() as tx:
            stores.layers.put(tx, layer())
            stores.layers.put(tx, newer)
        with stores.uow.read() as tx:
            assert stores.layers.get(tx, "aa") == layer()
            assert stores.layers.get(tx, "bb") == newer
            assert stores.layers.get(tx, "cc") is None
            assert stores.layers.newest(tx, "urn:l") == newer
            assert stores.layers.newest(tx, "urn:none") is None

    def test_a_layer_that_is_again_what_it_was(self, stores: Stores) -> None:
        back = layer(at=NOW + timedelta(seconds=2))
        with stores.uow.begin() as tx:
            stores.layers.put(tx, layer())
            stores.layers.put(tx, layer(sha256="bb", at=NOW + timedelta(seconds=1)))
            stores.layers.put(tx, back)
            assert stores.layers.newest(tx, "urn:l") == back
            assert stores.layers.of(tx) == [back]

    def test_equal_layers_under_two_ids(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.layers.put(tx, layer())
            stores.layers.put(tx, layer("urn:m"))
            assert stores.layers.newest(tx, "urn:l") == layer()
            assert stores.layers.newest(tx, "urn:m") == layer("urn:m")
            found = stores.layers.get(tx, "aa")
            assert found is not None
            assert found.operations == layer().operations

    def test_the_newest_of_each(self, stores: Stores) -> None:
        later = NOW + timedelta(seconds=5)
        with stores.uow.begin() as tx:
            stores.layers.put(tx, layer())
            stores.layers.put(tx, layer(sha256="bb"))
            stores.layers.put(tx, layer("urn:m", "cc", at=later))
            stores.layers.put(tx, layer("urn:n", "dd", target="https://ghent.example/datasets/other"))
        with stores.uow.read() as tx:
            every = [(one.id, one.sha256) for one in stores.layers.of(tx)]
            assert every == [("urn:m", "cc"), ("urn:n", "dd"), ("urn:l", "bb")]
            roads = stores.layers.of(tx, "https://ghent.example/datasets/roads")
            assert [(one.id, one.sha256) for one in roads] == [("urn:m", "cc"), ("urn:l", "bb")]
            assert stores.layers.of(tx, "https://ghent.example/none") == []
