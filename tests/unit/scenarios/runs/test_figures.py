"""Sums and means."""

from __future__ import annotations

import pytest

from node.base.errors import InvalidInput
from node.scenarios.tables.figures import mean, total
from node.scenarios.tables.units import Unit, parse

SPL = parse("dB[SPL]")


def test_figures_are_added_up_without_loss() -> None:
    assert total([0.1] * 10) == 1.0
    assert total([1e16, 1.0, -1e16]) == 1.0
    assert total([]) == 0
    assert mean([0.1, 0.2, 0.3]) == pytest.approx(0.2)
    assert mean([10, 20], [1, 3]) == 17.5
    assert mean([]) is None
    assert mean([10, 20], [0, 0]) is None


def test_levels_add_up_as_energies() -> None:
    assert total([60, 60], SPL) == pytest.approx(63.0103, abs=1e-4)
    assert mean([60, 60], None, SPL) == pytest.approx(60)
    assert mean([50, 60], None, SPL) == pytest.approx(57.4036, abs=1e-4)
    assert mean([60, 0], [1, 1], SPL) == pytest.approx(60 - 3.0103, abs=1e-4)
    assert mean([6, 6], None, parse("B[SPL]")) == pytest.approx(6)
    assert mean([50, 60], None, parse("dB")) == 55


@pytest.mark.parametrize(
    ("values", "weights", "unit"),
    [([1e308, 1e308], None, None), ([1e5], None, SPL), ([1.0], [-1.0], None), ([-1e5], [1.0], SPL)],
)
def test_what_cannot_be_averaged_is_refused(
    values: list[float], weights: list[float] | None, unit: Unit | None
) -> None:
    with pytest.raises(InvalidInput):
        mean(values, weights, unit)


@pytest.mark.parametrize(("values", "unit"), [([1e308, 1e308], None), ([1e5], SPL), ([], SPL)])
def test_what_cannot_be_added_up_is_refused(values: list[float], unit: Unit | None) -> None:
    with pytest.raises(InvalidInput):
        total(values, unit)
