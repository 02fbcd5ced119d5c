"""Scenarios in memory for their pages: the closed bridge of the demonstration, a run of every state, two layers."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed, require
from node.portal.views.drawn_layers import Clash, LayerView
from node.portal.views.scenarios import (
    AGAIN,
    CANCEL,
    PUBLISH,
    Candidate,
    RunView,
    ScenarioUseCases,
)
from node.scenarios.findings import Bound, Finding
from node.scenarios.model import (
    AFTER,
    BEFORE,
    Binding,
    BoundInput,
    BoundStep,
    BoundWindow,
    Indicator,
    Layer,
    Model,
    Operation,
    OperationType,
    Parameter,
    Port,
    Row,
    Rows,
    Step,
    Template,
    Texts,
    Transformation,
    Variable,
)
from node.scenarios.run_model import Caveat, IndicatorValue, Run, State, StepRun
from tests.fakes.portal.content import GENT, HOMES, NAMES, NOW, PLZEN, say

TEMPLATE = f"{HOMES[GENT]}/scenarios/contributiebrug"
NETWORK = f"{HOMES[GENT]}/datasets/road-network"
RECEPTORS = f"{HOMES[GENT]}/datasets/noise-receptors"
ASSIGNMENT = f"{HOMES[GENT]}/models/traffic-assignment"
HOURS = f"{HOMES[GENT]}/transformations/quarter-to-hour"
NOISE = f"{HOMES[PLZEN]}/models/road-noise"
AGREEMENT = "urn:uuid:0192f3a0-7c1e-7a55-9d7c-3b1f0a6e2c11"

DONE = "urn:uuid:0192f3d0-0001-7a55-9d7c-3b1f0a6e2c01"
SLOWER = "urn:uuid:0192f3d0-0002-7a55-9d7c-3b1f0a6e2c02"
RUNNING = "urn:uuid:0192f3d0-0003-7a55-9d7c-3b1f0a6e2c03"
FAILED = "urn:uuid:0192f3d0-0004-7a55-9d7c-3b1f0a6e2c04"
PLAIN = "urn:uuid:0192f3d0-0005-7a55-9d7c-3b1f0a6e2c05"

BRIDGE_LAYER = "layer-bridge"
SPEED_LAYER = "layer-30"
BRIDGE = "gent-seg-017"

PARTS = {"day": 1.0, "evening": 0.55, "night": 0.18}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# data --------------------------------------------------------------------------------------------------------


def network() -> list[dict[str, Any]]:
    """Forty directed segments: a ring, spokes, and a river with two bridges, both ways along each street."""
    ring = [
        (3.722 + 0.017 * math.cos(n * math.pi / 6), 51.054 + 0.0095 * math.sin(n * math.pi / 6)) for n in range(12)
    ]
    inner = [(3.722 + (x - 3.722) * 0.42, 51.054 + (y - 51.054) * 0.42) for x, y in ring[::3]]
    streets = [(ring[n], ring[(n + 1) % 12]) for n in range(12)]
    streets += [(ring[3 * n], inner[n]) for n in range(4)]
    streets += [(inner[n], inner[(n + 1) % 4]) for n in range(4)]
    rows = []
    for number, (one, other) in enumerate(streets):
        for turn, (begin, end) in enumerate(((one, other), (other, one))):
            name = f"gent-seg-{2 * number + turn + 1:03}"
            rows.append(
                {
                    "segmentId": name,
                    "from": f"n{abs(hash(begin)) % 97}",
                    "to": f"n{abs(hash(end)) % 97}",
                    "length_m": 400 + 37 * (number % 7),
                    "capacity_vph": 1800 if number < 12 else 1100,
                    "freeflow_kmh": 50 if number < 16 else 30,
                    "isBridge": name in (BRIDGE, "gent-seg-018"),
                    "geometry": {
                        "type": "LineString",
                        "coordinates": [[round(x, 5), round(y, 5)] for x, y in (begin, end)],
                    },
                }
            )
    return rows


def receptors() -> list[dict[str, Any]]:
    """A building in front of every second segment."""
    rows = []
    for number, segment in enumerate(network()):
        if number % 2:
            continue
        (west, south), (east, north) = segment["geometry"]["coordinates"]
        rows.append(
            {
                "receptorId": f"gent-rec-{number // 2 + 1:03}",
                "segmentId": segment["segmentId"],
                "distance_m": 12 + number % 9,
                "residents": 20 + 10 * (number % 6),
                "quietArea": number % 8 == 0,
                "geometry": {
                    "type": "Point",
                    "coordinates": [round((west + east) / 2 + 0.0007, 5), round((south + north) / 2 + 0.0006, 5)],
                },
            }
        )
    return rows


def hourly(*, closed: bool, slow: bool = False) -> list[dict[str, Any]]:
    """Flows of a part of the day, before or after the bridge is closed."""
    rows = []
    for number, segment in enumerate(network()):
        base = 300 + 171 * (number % 5) + (400 if number < 24 else 0)
        if closed:
            near = abs(number - 16)
            base = 0 if segment["segmentId"] == BRIDGE else round(base * (1 + max(0.0, 0.42 - 0.045 * near)))
        for part, share in PARTS.items():
            rows.append(
                {
                    "segmentId": segment["segmentId"],
                    "partOfDay": part,
                    "light": round(base * share * 0.92),
                    "heavy": round(base * share * 0.08),
                    "speed": 30.0 if slow else round(47.5 - base / 140, 1),
                }
            )
    return rows


def levels(flows: Rows) -> list[dict[str, Any]]:
    """Lden at each receptor, to one decimal."""
    loud = {row["segmentId"]: row for row in flows if row["partOfDay"] == "day"}
    rows = []
    for receptor in receptors():
        flow = loud[receptor["segmentId"]]
        power = 10 * math.log10(1 + flow["light"] + 6 * flow["heavy"]) + 0.09 * flow["speed"]
        rows.append(
            {
                "receptorId": receptor["receptorId"],
                "Lden": round(28.5 + power - 0.12 * receptor["distance_m"], 1),
                "residents": receptor["residents"],
            }
        )
    return rows


def quarters(flows: Rows) -> list[dict[str, Any]]:
    """Return the output of the first model: a morning by quarters of an hour and class of vehicle."""
    return [
        {
            "segmentId": row["segmentId"],
            "quarter": quarter,
            "vehicleType": kind,
            "intensity": round(row[column] / 4),
            "averageVehicleSpeed": row["speed"],
            "vehicleHours": round(row[column] / 4 * 0.02, 2),
        }
        for row in flows
        if row["partOfDay"] == "day"
        for quarter in ("07:00", "07:15", "07:30", "07:45")
        for kind, column in (("passengerCar", "light"), ("lorry", "heavy"))
    ]


# cards -------------------------------------------------------------------------------------------------------

FLOWS = Port(
    role="flows",
    step=timedelta(minutes=15),
    variables=(
        Variable(
            name="intensity", unit="{vehicles}/(15.min)", decimals=0, description=say(en="Vehicles", nl="Voertuigen")
        ),
        Variable(name="averageVehicleSpeed", unit="km/h", decimals=1, description=say(en="Speed", nl="Snelheid")),
        Variable(name="vehicleHours", unit="h", decimals=2, description=say(en="Vehicle hours", nl="Voertuiguren")),
    ),
)
HOURLY = Port(
    role="hourly",
    variables=(
        Variable(
            name="light",
            unit="{vehicles}/h",
            decimals=0,
            description=say(en="Light vehicles", nl="Lichte voertuigen"),
        ),
        Variable(
            name="heavy", unit="{vehicles}/h", decimals=0, description=say(en="Heavy vehicles", nl="Zware voertuigen")
        ),
        Variable(name="speed", unit="km/h", decimals=1, minimum=30, maximum=130, description=say(en="Speed")),
    ),
)
LEVELS = Port(
    role="levels",
    variables=(
        Variable(
            name="Lden", unit="dB[SPL]", decimals=1, description=say(en="Noise level Lden", nl="Geluidsniveau Lden")
        ),
    ),
)
INPUTS = (
    Port(
        role="network",
        titles=say(en="Road network", nl="Wegennet", cs="Silniční síť"),
        variables=(
            Variable(name="capacity_vph", unit="{vehicles}/h"),
            Variable(name="freeflow_kmh", unit="km/h", minimum=5, maximum=130),
            Variable(name="length_m", unit="m"),
        ),
    ),
    Port(role="trips", titles=say(en="Trips from and to", nl="Verplaatsingen", cs="Cesty")),
    Port(role="receptors", titles=say(en="Noise receptors", nl="Geluidsontvangers", cs="Příjemci hluku")),
)
PARAMETERS = (
    Parameter(
        name="demandFactor",
        unit="1",
        default=1.0,
        minimum=0,
        maximum=3,
        description=say(en="Multiplies the whole demand", nl="Vermenigvuldigt de hele vraag"),
    ),
    Parameter(
        name="greenFactor",
        unit="1",
        default=1.0,
        minimum=0,
        maximum=3,
        description=say(en="How much planting damps", nl="Hoeveel beplanting dempt"),
    ),
    Parameter(name="season", default="year", values=("year", "summer", "winter"), description=say(en="Season")),
)
M1 = Model(
    iri=ASSIGNMENT,
    version=1,
    origin=GENT,
    titles=say(nl="Verkeerstoedeling", en="Traffic assignment"),
    inputs=(Port(role="network"), Port(role="trips")),
    outputs=(FLOWS,),
    parameters=PARAMETERS[:1],
    code=_hash("code"),
    deterministic=True,
)
T1 = Transformation(
    iri=HOURS,
    version=1,
    titles=say(nl="Kwartieren naar uren, licht en zwaar", en="Quarter-hours to hours, light and heavy"),
    language="column mapping",
    definition={},
    inputs=(FLOWS,),
    outputs=(HOURLY,),
)
M2 = Model(
    iri=NOISE,
    version=1,
    origin=PLZEN,
    titles=say(cs="Hluk ze silniční dopravy", en="Road noise"),
    inputs=(Port(role="flows"), Port(role="receptors")),
    outputs=(LEVELS,),
    parameters=PARAMETERS[1:2],
)
STEPS = (
    Step(name="assign", uses=ASSIGNMENT, wiring={"network": "network", "trips": "trips"}, position=1),
    Step(name="hourly", uses=HOURS, wiring={"flows": "assign.flows"}, position=2),
    Step(name="noise", uses=NOISE, wiring={"flows": "hourly.hourly", "receptors": "receptors"}, position=3),
)
INDICATORS = (
    Indicator(
        name="vehicleHours",
        titles=say(nl="Voertuiguren", en="Vehicle hours", cs="Vozohodiny"),
        unit="h",
        better="lower",
        decimals=0,
        definition={"of": "assign.flows", "sum": "vehicleHours"},
    ),
    Indicator(
        name="residentsAbove55",
        titles=say(nl="Bewoners boven 55 dB Lden", en="Residents above 55 dB Lden", cs="Obyvatelé nad 55 dB Lden"),
        unit="1",
        better="lower",
        decimals=0,
        target=300,
        definition={"of": "noise.levels", "sum": "residents", "where": {"Lden": {"above": 55}}},
    ),
)
SCENARIO = Template(
    iri=TEMPLATE,
    version=1,
    origin=GENT,
    titles=say(nl="Contributiebrug dicht", en="Contributiebrug closed"),
    goal=say(
        nl="Minder bewoners boven 55 dB zonder meer voertuigverliesuren.",
        en="Fewer residents above 55 dB without more vehicle hours lost.",
    ),
    inputs=INPUTS,
    parameters=PARAMETERS,
    indicators=INDICATORS,
    steps=STEPS,
)

CAVEAT = Caveat(
    code="outside-validity",
    sentence="3 of 120 rows are outside the range of validity: speed below 30 km/h (least 27.4).",
    step="noise",
    facts={"column": "speed", "rows": 3, "of": 120, "minimum": 30},
)


LIVE_TRIPS = Candidate(
    iri=f"{HOMES[GENT]}/datasets/live-trips",
    version=1,
    file="trips",
    titles=say(en="Trips as they are counted", nl="Verplaatsingen zoals geteld"),
    origin_name=NAMES[GENT],
    is_live=True,
)
WITH_STREAM = "&".join(
    f"input.{role}={quote(value)}"
    for role, value in (
        ("network", f"{NETWORK} 1 here road-network.geojson"),
        ("trips", f"{LIVE_TRIPS.iri} 1 here trips"),
        ("receptors", f"{HOMES[GENT]}/datasets/noise-receptors 2 here receptors.geojson"),
    )
)
"""The choices of the form with a stream."""
TEN_MINUTES = BoundWindow(start=NOW - timedelta(minutes=10), end=NOW, position="7", count=41)


def bound_inputs() -> tuple[BoundInput, ...]:
    return (
        BoundInput(
            role="network",
            iri=NETWORK,
            version=1,
            file="road-network.geojson",
            sha256=_hash("network"),
            media_type="application/geo+json",
            origin=GENT,
            titles=say(nl="Wegennet Gent", en="Road network of Ghent"),
        ),
        BoundInput(
            role="trips",
            iri=NETWORK,
            version=1,
            file="origin-destination.csv",
            sha256=_hash("trips"),
            media_type="text/csv",
            origin=GENT,
            titles=say(nl="Wegennet Gent", en="Road network of Ghent"),
        ),
        BoundInput(
            role="receptors",
            iri=RECEPTORS,
            version=2,
            file="receptors.geojson",
            sha256=_hash("receptors"),
            media_type="application/geo+json",
            origin=GENT,
            titles=say(nl="Geluidsontvangers Gent", en="Noise receptors of Ghent"),
        ),
    )


def binding(*, layers: tuple[str, ...], parameters: Mapping[str, Any] | None = None) -> Binding:
    return Binding(
        template=TEMPLATE,
        version=1,
        template_sha256=_hash("template"),
        inputs=bound_inputs(),
        steps=(
            BoundStep(name="assign", iri=ASSIGNMENT, version=1, sha256=_hash("code"), origin=GENT, card=M1),
            BoundStep(name="hourly", iri=HOURS, version=1, sha256=_hash("mapping"), origin=GENT, card=T1),
            BoundStep(
                name="noise",
                iri=NOISE,
                version=1,
                sha256=_hash("noise"),
                origin=PLZEN,
                card=M2,
                agreement=AGREEMENT,
            ),
        ),
        parameters={"demandFactor": 1.0, "greenFactor": 1.0, "season": "year", **(parameters or {})},
        layers=layers,
        key=_hash(f"{layers}{parameters}"),
    )


# layers ------------------------------------------------------------------------------------------------------


def bridge_layer() -> Layer:
    return Layer(
        id=BRIDGE_LAYER,
        title="Contributiebrug closed",
        target=NETWORK,
        version=1,
        file="road-network.geojson",
        target_sha256=_hash("network"),
        key="segmentId",
        author="els",
        reason="The bridge is worn: what if nobody crosses it by car any more?",
        operations=(
            Operation(op=OperationType.UPDATE, id=BRIDGE, before={"capacity_vph": 1800}, set={"capacity_vph": 0}),
        ),
        at=NOW - timedelta(hours=20),
        sha256=_hash("bridge"),
    )


def speed_layer() -> Layer:
    return replace(
        bridge_layer(),
        id=SPEED_LAYER,
        title="Ring at 30 km/h",
        author="jan",
        reason="Quiet streets along the ring.",
        operations=(
            *(
                Operation(
                    op=OperationType.UPDATE,
                    id=f"gent-seg-{n:03}",
                    before={"freeflow_kmh": 50},
                    set={"freeflow_kmh": 30},
                )
                for n in range(1, 13)
            ),
            Operation(
                op=OperationType.UPDATE,
                id="gent-seg-020",
                before={"capacity_vph": 1900},
                set={"capacity_vph": {"factor": 0.5}},
            ),
            Operation(op=OperationType.REMOVE, id="gent-seg-039"),
            Operation(
                op=OperationType.ADD,
                id="new-001",
                set={"capacity_vph": 600, "freeflow_kmh": 30},
                geometry={"type": "LineString", "coordinates": [[3.7291, 51.054], [3.722, 51.0580]]},
            ),
        ),
        at=NOW - timedelta(hours=3),
        sha256=_hash("speed"),
    )


# runs --------------------------------------------------------------------------------------------------------


def _steps(branches: Sequence[str], upto: int = 6, progress: int = 0, *, failed: bool = False) -> tuple[StepRun, ...]:
    """The steps of a run of which ``upto`` are done and the next is at ``progress``."""
    step_runs = []
    for number, (branch, step) in enumerate((branch, step) for branch in branches for step in STEPS):
        role = {"assign": "flows", "hourly": "hourly", "noise": "levels"}[step.name]
        begun = NOW - timedelta(minutes=9) + timedelta(seconds=2 * number)
        if number < upto:
            step_runs.append(
                StepRun(
                    branch=branch,
                    name=step.name,
                    state=State.SUCCESSFUL,
                    progress=100,
                    started=begun,
                    finished=begun + timedelta(seconds=1.4),
                    outputs={role: _hash(f"{branch}{step.name}")},
                    rows={role: {"assign": 320, "hourly": 120, "noise": 20}[step.name]},
                    caveats=(CAVEAT,) if step.name == "noise" else (),
                    job="http://127.0.0.1:8102/jobs/7" if step.name == "noise" else None,
                    agreement=AGREEMENT if step.name == "noise" else None,
                )
            )
        elif number == upto:
            state = State.FAILED if failed else State.RUNNING
            step_runs.append(StepRun(branch=branch, name=step.name, state=state, progress=progress, started=begun))
        else:
            step_runs.append(StepRun(branch=branch, name=step.name))
    return tuple(step_runs)


def demo_runs() -> list[Run]:
    """Newest first."""
    both = (BEFORE, AFTER)
    done = Run(
        pid=DONE,
        template=SCENARIO,
        binding=binding(layers=(_hash("bridge"),)),
        state=State.SUCCESSFUL,
        by="els",
        created=NOW - timedelta(minutes=9),
        updated=NOW - timedelta(minutes=8),
        steps=_steps(both),
        indicators=(
            IndicatorValue(name="vehicleHours", before=412.4, after=455.1, unit="h"),
            IndicatorValue(name="residentsAbove55", before=520.0, after=460.0, unit="1"),
        ),
        result=_hash("result"),
        log=(
            "2026-11-20T09:21:00Z begun",
            "2026-11-20T09:21:02Z before: assign: 24 of 200 iterations",
            "2026-11-20T09:21:04Z after: noise: asked Plzeň under the agreement",
            "2026-11-20T09:22:00Z done",
        ),
    )
    slower = replace(
        done,
        pid=SLOWER,
        binding=binding(layers=(_hash("bridge"), _hash("speed")), parameters={"greenFactor": 1.5}),
        created=NOW - timedelta(hours=2),
        indicators=(
            IndicatorValue(name="vehicleHours", before=412.4, after=461.9, unit="h"),
            IndicatorValue(name="residentsAbove55", before=520.0, after=280.0, unit="1"),
        ),
        result=_hash("slower"),
        published=f"{HOMES[GENT]}/datasets/road-network",
    )
    running = replace(
        done,
        pid=RUNNING,
        state=State.RUNNING,
        created=NOW - timedelta(seconds=20),
        updated=NOW - timedelta(seconds=1),
        steps=_steps(both, 3, 40),
        indicators=(),
        result=None,
        repeats=DONE,
        log=done.log[:2],
    )
    failed = replace(
        running,
        pid=FAILED,
        state=State.FAILED,
        created=NOW - timedelta(hours=5),
        steps=_steps(both, 2, 10, failed=True),
        repeats=None,
        error={
            "code": "not-allowed",
            "detail": "Plzeň refuses the run of Road noise",
            "remedy": "Ask Vlaanderen to admit Gent again: hansa join vlaanderen --as MobilityPartner",
            "facts": {
                "agreement": AGREEMENT,
                "reasons": [
                    {
                        "text": say(
                            en="The user is a mobility partner, admitted by Vlaanderen: revoked at 09:12 UTC.",
                            nl="De gebruiker is partner mobiliteit: ingetrokken om 09:12 UTC.",
                        )
                    }
                ],
            },
        },
    )
    plain = replace(
        done,
        pid=PLAIN,
        binding=binding(layers=()),
        created=NOW - timedelta(days=2),
        steps=_steps((AFTER,)),
        indicators=(
            IndicatorValue(name="vehicleHours", before=None, after=412.4, unit="h"),
            IndicatorValue(name="residentsAbove55", before=None, after=520.0, unit="1"),
        ),
        result=_hash("plain"),
    )
    return [running, done, slower, failed, plain]


class FakeScenarios:
    """Everything in dicts, so that tests may change it between two requests."""

    def __init__(self) -> None:
        self.all = {run.pid: run for run in demo_runs()}
        self.layers_by_id = {layer.id: layer for layer in (speed_layer(), bridge_layer())}
        self.findings: tuple[Finding, ...] = ()
        self.in_place: set[str] = set()
        self.requests: list[Mapping[str, Any]] = []
        self.published: list[tuple[str, Texts, Mapping[str, Any]]] = []
        self.story_words: list[Mapping[str, Any]] = []
        self.refusal: NotAllowed | None = None

    def use_cases(self) -> ScenarioUseCases:
        """Return the use cases that the pages of scenarios call."""
        runs: Any = FakeRuns(self)
        layers: Any = FakeLayers(self)
        watched: Any = FakeWatched(self)
        # It is made of the data of this module.
        from tests.fakes.portal.stories import FakeStories

        stories: Any = FakeStories()
        return ScenarioUseCases(
            runs=runs,
            release=runs,
            layers=layers,
            templates=runs,
            watches=watched,
            drawn_layers=layers,
            stories=stories,
        )

    def run_of(self, pid: str) -> Run:
        """Return the run ``pid``. Raises ``NotFound``."""
        if pid not in self.all:
            raise NotFound
        return self.all[pid]


class FakeRuns:
    """Templates, bindings and runs in memory."""

    def __init__(self, fake: FakeScenarios) -> None:
        self._fake = fake

    async def get(self, iri: str, caller: Caller, *, version: int | None = None) -> Template:
        if iri != TEMPLATE:
            raise NotFound
        return SCENARIO

    async def candidates(self, ports: Sequence[Port], caller: Caller) -> Mapping[str, Sequence[Candidate]]:
        return {port.role: self._candidates(port) for port in ports}

    def _candidates(self, port: Port) -> Sequence[Candidate]:
        mine = [
            Candidate(iri=one.iri, version=one.version, file=one.file, titles=one.titles, origin_name=NAMES[GENT])
            for one in bound_inputs()
            if one.role == port.role
        ]
        theirs = Candidate(
            iri=f"{HOMES[PLZEN]}/datasets/{port.role}",
            version=1,
            file=f"{port.role}.geojson",
            titles=say(cs=f"Plzeň: {port.role}", en=f"Pilsen: {port.role}"),
            origin_name="Plzeň",
            how="place" if port.role == "receptors" else "agreement",
            doubt="It lies outside the area of the road network." if port.role == "receptors" else "",
        )
        older = [replace(one, version=1, newest=False) for one in mine if one.version > 1]
        return [*mine, *older, theirs, *([LIVE_TRIPS] if port.role == "trips" else [])]

    async def check(self, body: Mapping[str, Any], caller: Caller) -> Bound:
        require(caller, UseCase.RUN_SCENARIOS)
        if body.get("scenario") != TEMPLATE:
            raise NotFound
        self._fake.requests.append(body)
        findings = list(self._fake.findings)
        for port in INPUTS:
            if port.role not in body.get("inputs", {}):
                findings.append(
                    Finding(
                        place=f"input {port.role}",
                        code="not-bound",
                        sentence=f"nothing is bound to {port.role}",
                        remedy="choose a dataset",
                    )
                )
        for name, value in body.get("parameters", {}).items():
            if isinstance(value, int | float) and not 0 <= value <= 3:
                findings.append(
                    Finding(
                        place=f"parameter {name}",
                        code="out-of-bounds",
                        sentence=f"{name} is {value:g}, which is not between 0 and 3",
                        remedy="give a value between 0 and 3",
                    )
                )
        stopped = any(one.severity == "violation" for one in findings)
        layers = tuple(self._fake.layers_by_id[one].sha256 for one in body.get("layers", ()))
        bound = None if stopped else binding(layers=layers, parameters=body.get("parameters", {}))
        if bound is not None and "window" in body["inputs"].get("trips", {}):
            inputs = [replace(one, window=TEN_MINUTES) if one.role == "trips" else one for one in bound.inputs]
            bound = replace(bound, inputs=tuple(inputs))
        pins = bound.inputs if bound else ()
        return Bound(template=SCENARIO, binding=bound, findings=tuple(findings), inputs=pins)

    async def start(self, body: Mapping[str, Any], caller: Caller) -> Run:
        bound = await self.check(body, caller)
        if bound.binding is None:
            raise InvalidInput(bound.findings[0].sentence, remedy=bound.findings[0].remedy)
        return self._fake.run_of(RUNNING)

    async def run(self, pid: str) -> Run:
        return self._fake.run_of(pid)

    async def crate(self, pid: str, caller: Caller) -> bytes:
        require(caller, UseCase.READ_RESULTS)
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as crate:
            crate.writestr("ro-crate-metadata.json", json.dumps({"@graph": []}))
        return body.getvalue()

    async def cancel(self, pid: str, by: Caller) -> None:
        require(by, UseCase.RUN_SCENARIOS)
        run = self._fake.run_of(pid)
        if run.state.is_final:
            raise Conflict("the run has ended already")
        self._fake.all[pid] = replace(run, state=State.DISMISSED)

    async def again(self, pid: str, caller: Caller) -> Run:
        require(caller, UseCase.RUN_SCENARIOS)
        self._fake.run_of(pid)
        return self._fake.run_of(RUNNING)


class FakeWatched:
    """Runs in memory as people watch them."""

    def __init__(self, fake: FakeScenarios) -> None:
        self._fake = fake

    async def newest(
        self, *, template: str | None = None, uses: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        runs = [run for run in self._fake.all.values() if template in (None, run.template.iri)]
        if uses is not None:
            runs = [
                run
                for run in runs
                if uses in (one.iri for one in run.binding.steps) or uses in (one.iri for one in run.binding.inputs)
            ]
        return runs[:limit]

    async def get(self, pid: str, caller: Caller) -> RunView:
        run = self._fake.run_of(pid)
        may = set()
        if allowed(caller, UseCase.RUN_SCENARIOS):
            may.add(AGAIN if run.state.is_final else CANCEL)
            if run.state is State.SUCCESSFUL and run.published is None:
                may.add(PUBLISH)
        by_hash = {layer.sha256: layer for layer in self._fake.layers_by_id.values()}
        return RunView(
            run=run,
            layers=tuple(by_hash[one] for one in run.binding.layers if one in by_hash),
            may=frozenset(may),
            inherits=({"en": "Only for public tasks."}, {"en": "Results name Plzeň as source."}),
        )

    async def rows(self, run: Run, branch: str, of: str, caller: Caller) -> Rows:
        require(caller, UseCase.READ_RESULTS)
        closed, slow = branch == AFTER and bool(run.binding.layers), branch == AFTER and len(run.binding.layers) > 1
        if of in self._fake.in_place:
            raise NotAllowed(f"this node does not have the data of {of} stayed with Plzeň")
        if "." in of:
            step, _, role = of.partition(".")
            done = [one for one in run.steps if (one.branch, one.name) == (branch, step) and role in one.outputs]
            if not done:
                raise NotFound
        flows = hourly(closed=closed, slow=slow)
        tables: dict[str, Sequence[Row]] = {
            "network": network(),
            "trips": [{"origin": "n1", "destination": f"n{n}", "trips_per_hour": 40 + n} for n in range(2, 12)],
            "receptors": receptors(),
            "assign.flows": quarters(flows),
            "hourly.hourly": flows,
            "noise.levels": levels(flows),
        }
        if of not in tables:
            raise NotFound
        return tables[of]

    async def publish(
        self, pid: str, titles: Texts, conditions: Mapping[str, Any], caller: Caller, *, story: Mapping[str, Any]
    ) -> str:
        require(caller, UseCase.PUBLISH)
        if self._fake.refusal is not None:
            raise self._fake.refusal
        self._fake.published.append((pid, titles, conditions))
        self._fake.story_words.append(story)
        return NETWORK


class FakeLayers:
    """Change layers in memory."""

    def __init__(self, fake: FakeScenarios) -> None:
        self._fake = fake

    async def of(self, target: str | None = None) -> Sequence[Layer]:
        return [layer for layer in self._fake.layers_by_id.values() if target in (None, layer.target)]

    async def get(self, layer_id: str, caller: Caller, *, names: Sequence[str] | None = None) -> LayerView:
        if layer_id not in self._fake.layers_by_id:
            raise NotFound
        layer = self._fake.layers_by_id[layer_id]
        clashes = tuple(
            Clash(
                id=operation.id,
                field=name,
                seen=seen,
                now=1800,
                meant=operation.set.get(name),
            )
            for operation in layer.operations
            for name, seen in operation.before.items()
            if seen == 1900
        )
        return LayerView(
            layer=layer,
            rows=network(),
            titles=say(nl="Wegennet Gent", en="Road network of Ghent"),
            newest=1,
            clashes=clashes,
            runs=tuple(run for run in self._fake.all.values() if layer.sha256 in run.binding.layers),
            may_edit=allowed(caller, UseCase.CHANGE_LAYERS),
        )

    async def changeable(self, record: Record, caller: Caller) -> Sequence[str]:
        if not allowed(caller, UseCase.CHANGE_LAYERS):
            return ()
        return [one.name for one in record.files if one.open or record.origin == caller.did]

    async def draft(
        self,
        target: str,
        caller: Caller,
        *,
        version: int | None = None,
        file: str | None = None,
        names: Sequence[str] | None = None,
    ) -> LayerView:
        require(caller, UseCase.CHANGE_LAYERS)
        if target != NETWORK:
            raise NotFound
        empty = replace(bridge_layer(), id="", title="", reason="", operations=(), author="", sha256="")
        titles = say(nl="Wegennet Gent", en="Road network of Ghent")
        return LayerView(layer=empty, rows=network(), titles=titles, newest=1, may_edit=True)

    async def save(self, layer: Layer, caller: Caller, *, after: str = "") -> Layer:
        require(caller, UseCase.CHANGE_LAYERS)
        if layer.id and self._fake.layers_by_id[layer.id].sha256 != after:
            raise Conflict("somebody else changed the layer meanwhile", remedy="load the page again")
        if not layer.operations:
            raise InvalidInput("the layer changes nothing", remedy="change something")
        saved = replace(
            layer, id=layer.id or f"layer-{len(self._fake.layers_by_id) + 1}", author=str(caller.account), at=NOW
        )
        saved = replace(saved, sha256=_hash(repr(saved.operations) + saved.id))
        self._fake.layers_by_id[saved.id] = saved
        return saved
