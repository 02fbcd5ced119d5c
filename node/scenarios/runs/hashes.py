"""Identity of a binding and of its result: the same hash, on any node and at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.base.errors import InvalidInput
from node.base.jsons import digest
from node.scenarios.model import Binding
from node.scenarios.run_model import IndicatorValue


def binding_key(binding: Binding) -> str:
    """Return the SHA-256 over all that determines the result: template, versions and hashes of inputs and steps,
    parameters, layers in their order, and whether data stay with their owner.

    The person, the agreement and the place of the bytes are not part of it. Raises ``InvalidInput`` for a parameter
    that is not JSON.
    """
    try:
        return digest(_determining(binding), fractions=True)
    except ValueError as error:
        raise InvalidInput(
            f"the parameters cannot be written as JSON: {error}", remedy="write finite numbers"
        ) from None


def _determining(binding: Binding) -> dict[str, Any]:
    return {
        "template": {"iri": binding.template, "version": binding.version, "sha256": binding.template_sha256},
        "inputs": {
            bound.role: {"iri": bound.iri, "version": bound.version, "file": bound.file, "sha256": bound.sha256}
            # For data that stay with their owner, small cells may be left out, which changes the result.
            | ({"inPlace": True} if bound.in_place else {})
            # Its position is written in another way each time for some readers: the hash stands for it.
            | ({"window": bound.period} if bound.window else {})
            for bound in binding.inputs
        },
        "steps": {
            step.name: {"iri": step.iri, "version": step.version, "sha256": step.sha256} for step in binding.steps
        },
        "parameters": dict(binding.parameters),
        "layers": list(binding.layers),
    }


def result_hash(outputs: Mapping[str, str], indicators: Sequence[IndicatorValue]) -> str:
    """Return the SHA-256 over a result: the indicators, and the hash of the rows of each output
    (``branch.step.output``).

    The order of either does not matter.
    """
    return digest(
        {
            "outputs": dict(outputs),
            "indicators": {
                indicator.name: {"before": indicator.before, "after": indicator.after, "unit": indicator.unit}
                for indicator in indicators
            },
        },
        fractions=True,
    )
