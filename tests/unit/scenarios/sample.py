"""A run of the closed bridge with its bytes: outputs and layer have the hashes that the run states."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.base.errors import InvalidInput, NotFound
from node.scenarios.chain.indicators import measure
from node.scenarios.chain.wiring import bound_step, output_port
from node.scenarios.layers.serialization import with_hash
from node.scenarios.model import AFTER, BEFORE, Layer, Port, Rows
from node.scenarios.run_model import IndicatorValue, Run, State, StepRun
from node.scenarios.runs.hashes import result_hash
from node.scenarios.tables.rows import canonical_json, read_canonical
from tests.fakes.portal import scenarios as fake

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PID = "urn:uuid:0192f3d0-00aa-7a55-9d7c-3b1f0a6e2caa"
ROLES = {"assign": "flows", "hourly": "hourly", "noise": "levels"}


def layer() -> Layer:
    return with_hash(replace(fake.bridge_layer(), id="urn:uuid:0192f3d0-00bb-7a55-9d7c-3b1f0a6e2cbb", sha256=""))


def sample(*, in_place: bool = False, layers: Sequence[Layer] | None = None) -> tuple[Run, dict[str, bytes]]:
    """A run that has ended well, and its outputs by ``branch/step.output``."""
    mine = (layer(),) if layers is None else tuple(layers)
    binding = fake.binding(layers=tuple(one.sha256 for one in mine))
    binding = replace(
        binding, inputs=tuple(replace(one, in_place=in_place and one.role == "receptors") for one in binding.inputs)
    )
    outputs: dict[str, bytes] = {}
    steps: list[StepRun] = []
    for branch in (BEFORE, AFTER) if mine else (AFTER,):
        flows = fake.hourly(closed=branch == AFTER)
        gave = {"assign": fake.quarters(flows), "hourly": flows, "noise": fake.levels(flows)}
        for number, step in enumerate(fake.STEPS):
            role = ROLES[step.name]
            port = output_port(bound_step(binding, step.name).card, step.wiring, role)
            body = canonical_json(gave[step.name], port)
            outputs[f"{branch}/{step.name}.{role}"] = body
            noise = step.name == "noise"
            steps.append(
                StepRun(
                    branch=branch,
                    name=step.name,
                    state=State.SUCCESSFUL,
                    progress=100,
                    started=NOW + timedelta(seconds=number),
                    finished=NOW + timedelta(seconds=number + 1),
                    outputs={role: hashlib.sha256(body).hexdigest()},
                    rows={role: len(gave[step.name])},
                    caveats=(fake.CAVEAT,) if noise else (),
                    job="https://plzen.example/jobs/7" if noise else None,
                    agreement=fake.AGREEMENT if noise else None,
                )
            )
    rows = {
        branch: {
            name.partition("/")[2]: read_canonical(body) for name, body in outputs.items() if name.startswith(branch)
        }
        for branch in (BEFORE, AFTER)
    }
    indicators = tuple(
        IndicatorValue(
            name=indicator.name,
            before=measure(indicator, rows[BEFORE]) if mine else None,
            after=measure(indicator, rows[AFTER]),
            unit=indicator.unit,
        )
        for indicator in fake.INDICATORS
    )
    hashes = {f"{one.branch}.{one.name}.{role}": sha256 for one in steps for role, sha256 in one.outputs.items()}
    run = Run(
        pid=PID,
        template=fake.SCENARIO,
        binding=binding,
        state=State.SUCCESSFUL,
        by="els",
        created=NOW,
        updated=NOW + timedelta(minutes=1),
        steps=tuple(steps),
        indicators=indicators,
        result=result_hash(hashes, indicators),
        log=("begun", "before: assign (Traffic assignment, version 1, here)", "ended"),
    )
    return run, outputs


class SampleRun:
    """The rows of a sample, as ``node.scenarios.runs.usecases.Runs`` gives them."""

    def __init__(self, run: Run, outputs: dict[str, bytes]) -> None:
        self._run, self._outputs = run, outputs

    async def output(self, run: Run, branch: str, name: str) -> tuple[Rows, Port]:
        body = self._outputs.get(f"{branch}/{name}")
        if body is None:
            raise NotFound(f"the run has no {branch}/{name}")
        step, _, role = name.partition(".")
        wiring = next(one.wiring for one in run.template.steps if one.name == step)
        return read_canonical(body), output_port(bound_step(run.binding, step).card, wiring, role)

    async def input(self, run: Run, role: str) -> tuple[Rows, Port]:
        bound = next(one for one in run.binding.inputs if one.role == role)
        if bound.in_place:
            raise InvalidInput(f"this node does not have the data of {role} stayed with {bound.origin}")
        if role == "trips":
            return [{"origin": "n1", "destination": "n2", "trips_per_hour": 40}], Port(role=role)
        return (fake.network() if role == "network" else fake.receptors()), Port(role=role)
