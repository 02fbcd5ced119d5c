"""A model's card and its code: what is filled in, what is refused, and in which words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo
from node.base.errors import HansaError, RemoteFault, TooLarge
from node.cage.cage import Cage
from node.scenarios.models.code import MOST_CODE
from node.scenarios.models.draft import filled_in, model_of
from node.scenarios.models.publication import DescribeWithCode, stored_code
from node.scenarios.records.cards import model_of as card_of
from node.semantics.description.cage_client import DescribeOptions, describe, describe_all
from node.semantics.model import CheckedDescription, Finding, Submission
from tests.fakes.stores.assets import MemoryAssets
from tests.unit.scenarios.records import record_of

CODE = '''\
from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from node.sdk import Crs, Decimals, Kind, Range, Step, Unit, model


class Flow(TypedDict):
    segmentId: str
    part: Literal["day", "night"]
    speed: Annotated[float, Unit("km/h"), Range(30, 130), "mean speed"]
    light: Annotated[float, Unit("{vehicles}/h")]
    note: NotRequired[str]


class Level(TypedDict):
    receptorId: str
    Lden: Annotated[float, Unit("dB[SPL]"), Decimals(1), Kind("https://example.org/A-weighted")]


@model(version="1.2.0", output="levels", title="Noise")
def noise(
    flows: Annotated[list[Flow], Step("PT1H"), Crs("EPSG:4326"), "vehicles in an hour"],
    greenFactor: Annotated[float, Unit("1"), Range(0, 2.5), "multiplies"] = 1.0,
    way: Literal["fast", "exact"] = "exact",
) -> list[Level]:
    """Noise at façades."""
    return []
'''

SHORT = """\
kind: model
id: noise
code: CODE
method: RLS-90
intended_use: Comparing measures
limits: No reflections
license: CC-BY-4.0
conditions: members
"""
FULL = (
    SHORT
    + """\
title: Noise of streets
version: "1.2.0"
deterministic: true
parameters:
  - {name: greenFactor, unit: "1", min: 0, max: 2.5, default: 1.0}
inputs:
  - role: flows
    title: Flows
    resolution: {time: PT1H}
    variables:
      - {name: speed, unit: km/h, min: 30, max: 130}
outputs:
  - role: levels
    variables:
      - {name: Lden, unit: "dB[SPL]", decimals: 1, kind: "https://example.org/A-weighted"}
"""
)


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage() as cage:
        yield cage


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def published(cage: Cage, submission: Submission, *texts: str) -> CheckedDescription:
    """What a node that holds ``texts`` makes of a submission, alone and among others alike."""
    files = {sha256(text): text.encode() for text in texts}
    options = DescribeOptions(base="https://x.example", me="did:web:x.example", my_name="X")

    async def described(draft: Submission, owner: str) -> CheckedDescription:
        return await describe(cage, draft, owner, **options)

    async def all_described(drafts: Sequence[Submission], owner: str) -> list[CheckedDescription | HansaError]:
        return await describe_all(cage, drafts, owner, **options)

    async def code(digest: str) -> bytes | None:
        return files.get(digest)

    describing = DescribeWithCode(described, all_described, cage=cage, code=code)
    [among_others] = await describing.describe_all([submission], "anna")
    if isinstance(among_others, HansaError):
        with pytest.raises(RemoteFault, match=f"^{re.escape(str(among_others))}$"):
            await describing(submission, "anna")
        raise among_others
    alone = await describing(submission, "anna")
    assert (among_others.iri, among_others.findings) == (alone.iri, alone.findings)
    return alone


def written(text: str, code: str = CODE, **changes: Any) -> Submission:
    fields = yaml.safe_load(text)
    fields["code"] = {"name": "noise.py", "sha256": sha256(code)}
    return Submission(fields={**fields, **changes})


def violations(described: CheckedDescription) -> list[Finding]:
    return [one for one in described.findings if one.severity == "violation"]


async def test_what_the_card_leaves_out_comes_from_the_code(cage: Cage) -> None:
    described = await published(cage, written(SHORT), CODE)
    assert violations(described) == []
    facts = described.extra or {}
    assert facts["code"] == sha256(CODE)
    assert described.titles == {"en": "Noise"}
    assert described.descriptions == {"en": "Noise at façades."}
    assert described.files == ()
    model = card_of(record_of(described))
    assert (model.code, model.release, model.deterministic) == (sha256(CODE), "1.2.0", True)
    (flows,) = model.inputs
    assert (flows.role, flows.crs, flows.step and flows.step.total_seconds()) == ("flows", ("EPSG:4326",), 3600)
    speed = flows.variable("speed")
    assert speed is not None
    assert (speed.unit, speed.minimum, speed.maximum) == ("km/h", 30, 130)
    assert {one.name for one in flows.variables} == {"segmentId", "part", "speed", "light", "note"}
    assert [one.name for one in flows.variables if not one.required] == ["note"]
    (levels,) = model.outputs
    lden = levels.variable("Lden")
    assert lden is not None
    assert (lden.unit, lden.quantity, lden.decimals) == ("dB[SPL]", "https://example.org/A-weighted", 1)
    assert {(one.name, one.default, one.maximum, one.values) for one in model.parameters} == {
        ("greenFactor", 1.0, 2.5, ()),
        ("way", "exact", None, ("fast", "exact")),
    }


async def test_what_only_people_know_stays_as_they_wrote_it(cage: Cage) -> None:
    described = await published(cage, written(FULL), CODE)
    assert violations(described) == []
    assert described.titles == {"en": "Noise of streets"}
    (flows,) = (described.extra or {})["inputs"]
    assert flows["title"] == {"en": "Flows"}
    assert {one["name"] for one in flows["variables"]} == {"segmentId", "part", "speed", "light", "note"}


@pytest.mark.parametrize(
    ("old", "new", "message", "field"),
    [
        ('"1.2.0"', '"1.3.0"', "version: the card says 1.3.0, the code says 1.2.0", "version"),
        ("deterministic: true", "deterministic: false", "deterministic: the card says False", "deterministic"),
        ("unit: km/h", "unit: m/s", "speed of flows, unit: the card says m/s, the code says km/h",
         "inputs.0.variables.0.unit"),
        ("min: 30", "min: 20", "speed of flows, minimum: the card says 20, the code says 30",
         "inputs.0.variables.0.min"),
        ("decimals: 1", "decimals: 2", "Lden of levels, decimals: the card says 2, the code says 1",
         "outputs.0.variables.0.decimals"),
        ("A-weighted", "B-weighted", "Lden of levels, quantity: the card says https://example.org/B-weighted",
         "outputs.0.variables.0.kind"),
        ("max: 2.5", "max: 2", "greenFactor, maximum: the card says 2, the code says 2.5", "parameters.0.max"),
        ("default: 1.0", "default: 1.5", "greenFactor, default: the card says 1.5, the code says 1.0",
         "parameters.0.default"),
        ("time: PT1H", "time: PT15M", "flows, resolution: the card says PT15M, the code says PT1H",
         "inputs.0.resolution.time"),
        ("role: flows", "role: traffic", "traffic is on the card, and not in the code", "inputs.0"),
        ("name: speed", "name: velocity", "velocity of flows is on the card, and not in the code",
         "inputs.0.variables.0"),
        ("name: greenFactor", "name: green", "green is on the card, and not in the code", "parameters.0"),
    ],
)  # fmt: skip
async def test_where_card_and_code_differ_it_is_said(
    cage: Cage, old: str, new: str, message: str, field: str
) -> None:
    assert old in FULL
    submission = written(FULL.replace(old, new, 1))
    (fields := submission.fields or {})["__lines__"] = {field: 7, field.rpartition(".")[0]: 5}
    (violation,) = violations(await published(cage, replace(submission, fields=fields), CODE))
    assert violation.message.startswith(message)
    assert violation.field == field
    assert violation.line == 7
    assert violation.remedy
    assert set(violation.translations) == {"nl", "fr", "de", "cs"}
    assert violation.rule in ("field:code-differs", "field:code-lacks")


async def test_a_bound_that_the_code_does_not_keep_is_not_promised(cage: Cage) -> None:
    card = FULL.replace("- {name: speed,", "- {name: light, unit: '{vehicles}/h', max: 5000}\n      - {name: speed,")
    (found,) = violations(await published(cage, written(card), CODE))
    assert found.message == "light of flows, maximum: the card says 5000, the code says nothing"


async def test_a_model_that_comes_as_rdf_is_compared_too(cage: Cage) -> None:
    first = await published(cage, written(FULL), CODE)
    document = Submission(kind="model", document=first.nquads, media_type="application/n-quads", iri=first.iri)
    assert violations(await published(cage, document, CODE)) == []
    other = CODE.replace('Unit("km/h")', 'Unit("m/s")')
    swapped = replace(document, document=first.nquads.replace(sha256(CODE).encode(), sha256(other).encode()))
    (violation,) = violations(await published(cage, swapped, other))
    assert violation.message == "speed of flows, unit: the card says km/h, the code says m/s"
    (violation,) = violations(await published(cage, document))
    assert "was not uploaded" in violation.message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(:\n", "noise.py, line 1: SyntaxError"),
        ("import os\nos.fork()\n", "noise.py, line 2: PermissionError"),
        ("", "no function is marked as the model"),
        (CODE.replace('Unit("km/h"), ', ""), "column speed of input flows is a number without unit"),
    ],
)
async def test_code_that_is_no_model_is_a_finding(cage: Cage, code: str, words: str) -> None:
    violation = next(
        one for one in violations(await published(cage, written(FULL, code), code)) if one.rule == "field:code-unfit"
    )
    assert words in violation.message
    assert violation.field == "code"
    assert "kód" in violation.translations["cs"]["message"]


@pytest.mark.parametrize(
    "code", ["noise.py", {"name": "noise.py", "sha256": "../etc/passwd"}, {"name": "x"}, "0" * 64]
)
async def test_code_that_is_not_here_is_a_finding(cage: Cage, code: Any) -> None:
    submission = Submission(fields={**yaml.safe_load(FULL), "code": code})
    assert [one.rule for one in violations(await published(cage, submission, CODE))][-1] == "field:code-unfit"


async def test_a_model_has_code_or_an_endpoint_or_neither(cage: Cage) -> None:
    endpoint = "https://models.example/processes/noise"
    both = violations(await published(cage, written(FULL, endpoint=endpoint), CODE))
    assert [one.message for one in both] == ["the model has code and an endpoint"]
    fields = yaml.safe_load(FULL)
    del fields["code"]
    described = await published(cage, Submission(fields={**fields, "description": "Noise"}))
    assert violations(described) == []
    described = await published(cage, Submission(fields={**fields, "description": "Noise", "endpoint": endpoint}))
    assert violations(described) == []


async def test_other_kinds_are_left_alone(cage: Cage) -> None:
    fields = {"kind": "schema", "id": "s", "title": "S", "code": "x", "definition": {"type": "object"}}
    described = await published(cage, Submission(fields=fields))
    assert any("code" in one.message for one in described.findings), "a schema has no code"
    assert not any(one.rule.startswith("field:code-") for one in described.findings)


@pytest.mark.parametrize("card", ["gent/traffic-model.yaml", "plzen/road-noise.yaml"])
async def test_the_demonstrations_cards_agree_with_their_code(cage: Cage, card: str) -> None:
    path = Path(demo.__file__).parent / "files" / card
    text = path.read_text("utf-8").replace("{gent}", "https://gent.example")
    fields = yaml.safe_load(text)
    code = (path.parent / fields["code"]).read_text("utf-8")
    fields["code"] = {"name": fields["code"], "sha256": sha256(code)}
    described = await published(cage, Submission(fields=fields), code)
    assert [one.message for one in described.findings if one.severity != "info"] == []


@pytest.mark.parametrize("odd", [5, "flows", [5], {"flows": {}}, [{"role": ["x"]}], [{"variables": "speed"}], [None]])
@pytest.mark.parametrize("field", ["inputs", "outputs", "parameters"])
async def test_odd_lists_break_nothing(cage: Cage, field: str, odd: Any) -> None:
    described = await published(cage, written(FULL, **{field: odd}), CODE)
    assert described.kind == "model"


def test_a_card_can_be_drafted_from_nothing() -> None:
    card = {
        "version": "1.0",
        "deterministic": True,
        "inputs": [{"role": "a", "variables": [{"name": "x", "type": "number", "unit": "m"}]}],
        "outputs": [{"role": "b", "variables": [{"name": "y", "type": "text"}], "required": False}],
        "parameters": [{"name": "p", "type": "number", "unit": "1", "default": 2, "values": [1, 2]}],
    }
    drafted = filled_in({}, card)
    assert drafted["inputs"] == [{"role": "a", "variables": [{"name": "x", "type": "number", "unit": "m"}]}]
    assert drafted["outputs"][0]["required"] is False
    model = model_of(card, "models/x")
    assert model.inputs[0].variables[0].unit == "m"
    assert not model.outputs[0].required
    assert model.parameters[0].values == (1, 2)


async def test_code_is_read_from_the_asset_store() -> None:
    assets = MemoryAssets()

    async def once(body: bytes) -> AsyncIterator[bytes]:
        yield body

    small = await assets.take_in(once(b"code"), limit=10)
    large = await assets.take_in(once(b"x" * (MOST_CODE + 1)), limit=MOST_CODE * 2)
    read = stored_code(assets)
    assert await read(small.sha256) == b"code"
    assert await read("0" * 64) is None
    with pytest.raises(TooLarge):
        await read(large.sha256)
