"""Records read as models, transformations, templates and sources of rows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from node.base.errors import InvalidInput
from node.scenarios.chain.interfaces import fits
from node.scenarios.model import Indicator, Parameter, Port, Step, Variable
from node.scenarios.records.cards import (
    CODE,
    crs_name,
    dataset_port,
    duration,
    model_of,
    template_of,
    transformation_of,
)
from node.semantics.model import File
from tests.unit.scenarios.records import of_demo, record, with_statements
from tests.unit.semantics.descriptions import BASE, ME

NOISE = """
kind: model
id: road-noise
title: {en: Road traffic noise, cs: Hluk}
description: {en: Computes the noise level Lden at façades from vehicle flows and speeds.}
contact: {name: Environment department, email: environment@gent.example}
license: CC-BY-4.0
theme: ENVI
keywords: {en: [noise]}
version: "1.2.0"
deterministic: true
method: {en: Emission after RLS-90.}
owner: {name: City}
parameters:
  - {name: greenFactor, unit: "1", default: 1.5, min: 0, max: 2, description: {en: Multiplies the attenuation.}}
  - {name: season, unit: "1", default: summer, values: [summer, winter], description: {en: Season.}}
inputs:
  - role: flows
    title: {en: Hourly flows}
    description: {en: Vehicles per hour.}
    schema: schema/hourly-flow
    resolution: {time: PT1H}
    variables:
      - {name: speed, unit: km/h, min: 30, max: 130.5}
      - {name: light, unit: "{vehicles}/h", description: {en: Light vehicles.}}
  - role: receptors
    title: {en: Receptors}
    description: {en: Façades.}
    crs: EPSG:31370
    required: false
    resolution: {space: 2.5}
    variables: [{name: distance_m, unit: m, min: 5, max: 200}]
outputs:
  - role: levels
    title: {en: Levels}
    description: {en: Lden.}
    variables:
      - {name: Lden, unit: "dB[SPL]", decimals: 1, quantity: "https://example.org/A-weighted"}
validity: {text: {en: Cars at 30 to 130 km/h.}, spatial: [3.5, 50.9, 3.9, 51.2]}
resolution: {time: PT15M, space: 10}
intended_use: {en: Comparing measures.}
limits: {en: No reflections.}
guideline: {en: Not for permits.}
risk: {level: low, description: {en: May be mistaken for a map.}}
calibration: {text: {en: Not calibrated.}}
conditions: open
"""


class TestModels:
    async def test_a_card_says_what_goes_in_and_comes_out(self) -> None:
        made = await record(NOISE)
        model = model_of(made)
        box = (3.5, 50.9, 3.9, 51.2)
        assert model.iri == f"{BASE}/models/road-noise"
        assert (model.version, model.origin, model.release) == (1, ME, "1.2.0")
        assert model.titles["cs"] == "Hluk"
        assert model.deterministic is True
        assert (model.code, model.endpoint) == (None, None)
        assert model.validity == {"en": "Cars at 30 to 130 km/h."}
        assert model.guideline == {"en": "Not for permits."}
        assert model.inputs == (
            Port(
                role="flows",
                titles={"en": "Hourly flows"},
                schemas=(f"{BASE}/schemas/hourly-flow",),
                step=timedelta(hours=1),
                extent=box,
                variables=(
                    Variable(name="light", unit="{vehicles}/h", description={"en": "Light vehicles."}),
                    Variable(name="speed", unit="km/h", minimum=30, maximum=130.5),
                ),
            ),
            Port(
                role="receptors",
                titles={"en": "Receptors"},
                crs=("EPSG:31370",),
                grain=2.5,
                required=False,
                extent=box,
                variables=(Variable(name="distance_m", unit="m", minimum=5, maximum=200),),
            ),
        )
        lden = Variable(name="Lden", unit="dB[SPL]", decimals=1, quantity="https://example.org/A-weighted")
        # What the model says of its resolution is said of what it gives.
        assert model.outputs == (
            Port(role="levels", titles={"en": "Levels"}, step=timedelta(minutes=15), grain=10, variables=(lden,)),
        )
        assert model.parameters == (
            Parameter(
                name="greenFactor",
                unit="1",
                default=1.5,
                minimum=0,
                maximum=2,
                description={"en": "Multiplies the attenuation."},
            ),
            Parameter(
                name="season",
                unit="1",
                default="summer",
                values=("summer", "winter"),
                description={"en": "Season."},
            ),
        )

    @pytest.mark.parametrize("name", ["gent/traffic-model.yaml", "plzen/road-noise.yaml"])
    async def test_the_models_of_the_demonstration(self, name: str) -> None:
        model = model_of(await of_demo(name))
        assert model.code is not None
        assert model.inputs
        assert model.outputs
        assert any(variable.unit for port in (*model.inputs, *model.outputs) for variable in port.variables)

    async def test_code_and_endpoint(self) -> None:
        noise = await record(NOISE + "endpoint: https://models.gent.example/processes/noise\n")
        line = f'<{noise.iri}> <{CODE}> "{"ab" * 32}" .'
        assert model_of(noise).endpoint == "https://models.gent.example/processes/noise"
        assert model_of(with_statements(noise, line)).code == "ab" * 32

    async def test_a_hash_that_is_none_counts_for_nothing(self) -> None:
        made = await record(NOISE)
        assert model_of(with_statements(made, f'<{made.iri}> <{CODE}> "../../etc/passwd" .')).code is None

    async def test_a_unit_on_the_port_itself(self) -> None:
        made = await record(re.sub(r"    variables: \[\{name: distance_m.*\n", "    unit: m\n", NOISE))
        receptors = next(port for port in model_of(made).inputs if port.role == "receptors")
        assert receptors.variables == (Variable(name="receptors", unit="m", description={"en": "Façades."}),)

    async def test_an_input_without_a_role_is_named(self) -> None:
        noise = await record(NOISE)
        without = b"".join(
            line for line in noise.nquads.splitlines(keepends=True) if b"ns#role" not in line or b"flows" not in line
        )
        with pytest.raises(InvalidInput, match="Road traffic noise has an input or output without a role"):
            model_of(replace(noise, nquads=without))

    async def test_what_is_not_of_the_expected_form_is_passed_over(self) -> None:
        noise = await record(NOISE)
        integer = "http://www.w3.org/2001/XMLSchema#integer"
        odd = noise.nquads.replace(b'"1"^^<' + integer.encode(), b'"many"^^<' + integer.encode())
        odd = odd.replace(b'"PT15M"', b'"P1M"')
        (levels,) = model_of(replace(noise, nquads=odd)).outputs
        assert levels.variables[0].decimals is None
        assert levels.step is None

    async def test_another_kind_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="is a model, not a scenario"):
            template_of(await record(NOISE))


async def test_a_transformation() -> None:
    transformation = transformation_of(await of_demo("gent/hourly-flows.yaml"))
    assert transformation.language == "column mapping"
    assert transformation.sources == (f"{BASE}/schemas/segment-flow",)
    assert transformation.targets == (f"{BASE}/schemas/hourly-flow",)
    assert isinstance(transformation.definition, dict)


async def test_a_definition_that_is_text_stays_text() -> None:
    hourly_flows = await of_demo("gent/hourly-flows.yaml")
    term = next(line for line in hourly_flows.nquads.decode().splitlines() if "ns#definition" in line)
    text = term.replace(term[term.index('"') :], '"CONSTRUCT WHERE { ?s ?p ?o }" .')
    found = transformation_of(replace(hourly_flows, nquads=hourly_flows.nquads.replace(term.encode(), text.encode())))
    assert found.definition == "CONSTRUCT WHERE { ?s ?p ?o }"


SCENARIO = """
kind: scenario
id: bridge
title: {en: Bridge closed}
description: {en: When the bridge closes.}
contact: {name: Mobility, email: mobility@gent.example}
license: CC-BY-4.0
theme: TRAN
keywords: {en: [bridge]}
goal: {en: Less noise., nl: Minder lawaai.}
inputs:
  - {role: network, title: {en: Road network}, description: {en: Segments.}}
parameters:
  - {name: demandFactor, unit: "1", default: 1.0, min: 0.5, max: 2.0, description: {en: Multiplies all trips.}}
indicators:
  - name: hours
    title: {en: Hours}
    unit: h
    better: lower
    decimals: 1
    target: 12.5
    definition: {of: assign.flows, sum: vehicleHours, where: {Lden: {above: 55}}}
chain:
  - {name: noise, uses: model/road-noise, inputs: {flows: assign.flows}, position: 2}
  - {name: assign, uses: model/traffic-assignment, inputs: {network: network}, position: 1}
conditions: open
"""


async def test_a_template() -> None:
    template = template_of(await record(SCENARIO))
    assert template.goal == {"en": "Less noise.", "nl": "Minder lawaai."}
    assert template.inputs == (Port(role="network", titles={"en": "Road network"}),)
    assert [one.name for one in template.parameters] == ["demandFactor"]
    assert template.indicators == (
        Indicator(
            name="hours",
            titles={"en": "Hours"},
            unit="h",
            better="lower",
            decimals=1,
            target=12.5,
            definition={"of": "assign.flows", "sum": "vehicleHours", "where": {"Lden": {"above": 55}}},
        ),
    )
    assert template.steps == (
        Step(name="assign", uses=f"{BASE}/models/traffic-assignment", wiring={"network": "network"}, position=1),
        Step(name="noise", uses=f"{BASE}/models/road-noise", wiring={"flows": "assign.flows"}, position=2),
    )


async def test_the_template_of_the_demonstration() -> None:
    template = template_of(await of_demo("gent/bridge-scenario.yaml"))
    assert template.steps
    assert template.indicators
    assert [step.position for step in template.steps] == sorted(step.position for step in template.steps)


async def test_what_a_dataset_says_of_its_rows() -> None:
    text = """
    kind: dataset
    id: roads
    title: {en: Roads}
    description: {en: Segments.}
    contact: {name: Mobility, email: mobility@gent.example}
    license: CC-BY-4.0
    theme: TRAN
    keywords: {en: [roads]}
    spatial: [3.58, 50.97, 3.86, 51.19]
    crs: [EPSG:4326, EPSG:31370]
    conforms_to: https://example.org/roads
    resolution: {time: PT1H30M}
    files: [{path: roads.geojson, resolution: {space: 5}}]
    conditions: open
    """
    made = await record(text, File(name="roads.geojson", media_type="application/geo+json", size=9, sha256="ab" * 32))
    assert dataset_port(made, "network") == Port(
        role="network",
        schemas=("https://example.org/roads",),
        crs=("EPSG:31370", "EPSG:4326"),
        step=timedelta(minutes=90),
        grain=5,
        extent=(3.58, 50.97, 3.86, 51.19),
        titles={"en": "Roads"},
    )


async def test_the_columns_of_a_dataset_are_compared_with_a_model() -> None:
    text = """
    kind: dataset
    id: flows
    title: {en: Flows}
    description: {en: Counts.}
    contact: {name: Mobility, email: mobility@gent.example}
    license: CC-BY-4.0
    files:
      - path: flows.csv
        tables:
          - columns:
              - {name: speed, unit: km/h}
              - {name: way, code_list: "https://x.example/ways"}
              - {name: odd, unit: furlong per fortnight}
              - {name: bare}
    conditions: open
    """
    made = await record(text, File(name="flows.csv", media_type="text/csv", size=9, sha256="ab" * 32))
    port = dataset_port(made, "flows")
    assert [(one.name, one.unit, one.codes) for one in sorted(port.variables, key=lambda one: one.name)] == [
        ("bare", None, None),
        ("odd", None, None),
        ("speed", "km/h", None),
        ("way", None, "https://x.example/ways"),
    ]
    needs = (Variable(name="speed", unit="m/s"), Variable(name="bare", unit="m"))
    faults = fits(port, Port(role="model", variables=needs))
    assert sorted(fault.code for fault in faults) == ["unit-factor", "unit-unsaid"]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("P1DT2H", timedelta(hours=26)),
        ("PT0.5S", timedelta(seconds=0.5)),
        ("P1M", None),
        ("P1Y", None),
        ("P", None),
        ("PT", None),
        ("15 min", None),
        (f"P{'9' * 30}D", None),
    ],
)
def test_durations_that_can_be_compared(text: str, length: timedelta | None) -> None:
    assert duration(text) == length


def test_names_of_coordinate_systems() -> None:
    assert crs_name("http://www.opengis.net/def/crs/EPSG/0/31370") == "EPSG:31370"
    assert crs_name("http://www.opengis.net/def/crs/OGC/1.3/CRS84") == "OGC:CRS84"
    assert crs_name("https://example.org/crs") == "https://example.org/crs"
