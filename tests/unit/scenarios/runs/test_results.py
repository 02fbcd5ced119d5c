"""What a binding and a result are known by: everything that counts, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.base.errors import InvalidInput
from node.scenarios.model import Binding, BoundInput, BoundStep, Transformation
from node.scenarios.run_model import IndicatorValue
from node.scenarios.runs.hashes import binding_key, result_hash

CARD = Transformation(iri="urn:t", version=1, titles={}, language="column mapping", definition={})
INPUT = BoundInput(
    role="network", iri="urn:d", version=2, file="n.geojson", sha256="11", media_type="application/geo+json",
    origin="did:web:gent.example", titles={},
)  # fmt: skip
STEP = BoundStep(name="assign", iri="urn:m", version=1, sha256="22", origin="did:web:gent.example", card=CARD)
BINDING = Binding(
    template="urn:s", version=1, template_sha256="33", inputs=(INPUT, replace(INPUT, role="trips")), steps=(STEP,),
    parameters={"demandFactor": 1.5, "part": "day"}, layers=("44", "55"), key="",
)  # fmt: skip
MEASURED = (IndicatorValue(name="a", before=1.5, after=2.0, unit="h"), IndicatorValue(name="b", before=None, after=3))


def test_what_does_not_count_does_not_change_the_key() -> None:
    key = binding_key(BINDING)
    assert len(key) == 64
    for same in (
        replace(BINDING, key=key),
        replace(BINDING, inputs=BINDING.inputs[::-1]),
        replace(BINDING, parameters={"part": "day", "demandFactor": 1.50}),
        replace(BINDING, inputs=tuple(replace(one, agreement="urn:a") for one in BINDING.inputs)),
        replace(
            BINDING, inputs=tuple(replace(one, origin="did:web:other", titles={"en": "x"}) for one in BINDING.inputs)
        ),
        replace(BINDING, steps=(replace(STEP, agreement="urn:a"),)),
    ):
        assert binding_key(same) == key


def test_everything_that_counts_changes_the_key() -> None:
    others = [
        replace(BINDING, template="urn:other"),
        replace(BINDING, version=2),
        replace(BINDING, template_sha256="34"),
        replace(BINDING, layers=("55", "44")),
        replace(BINDING, layers=()),
        replace(BINDING, parameters={}),
        replace(BINDING, parameters={**BINDING.parameters, "demandFactor": 1.6}),
        replace(BINDING, parameters={**BINDING.parameters, "demandFactor": "1.5"}),
        replace(BINDING, inputs=(INPUT,)),
        replace(BINDING, inputs=(replace(INPUT, sha256="12"), BINDING.inputs[1])),
        replace(BINDING, inputs=(replace(INPUT, in_place=True), BINDING.inputs[1])),
        replace(BINDING, inputs=(replace(INPUT, version=3), BINDING.inputs[1])),
        replace(BINDING, inputs=(replace(INPUT, file="o.geojson"), BINDING.inputs[1])),
        replace(BINDING, steps=(replace(STEP, version=2),)),
        replace(BINDING, steps=(replace(STEP, sha256="23"),)),
        replace(BINDING, steps=(replace(STEP, name="other"),)),
    ]
    assert len({binding_key(one) for one in [BINDING, *others]}) == len(others) + 1


def test_parameters_are_json() -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        binding_key(replace(BINDING, parameters={"x": float("nan")}))


def test_the_hash_of_a_result() -> None:
    outputs = {"after.noise.levels": "aa", "before.noise.levels": "bb"}
    known = result_hash(outputs, MEASURED)
    assert known == result_hash(dict(reversed(outputs.items())), MEASURED[::-1])
    assert known == "423216d94f6f5ef1abcb857c670b45359e4cb0797ef10bf5f21f0b8c181b39c4"
    assert known != result_hash({**outputs, "after.noise.levels": "ab"}, MEASURED)
    assert known != result_hash(outputs, MEASURED[:1])
    assert known != result_hash(outputs, (replace(MEASURED[0], before=None), MEASURED[1]))
    assert known != result_hash(outputs, (replace(MEASURED[0], after=2.1), MEASURED[1]))
