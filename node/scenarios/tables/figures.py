"""Sums and means that do not depend on the order of rows, and levels that add up as energies.

``math.fsum`` rounds once, so that the order of rows and the version of Python do not matter. Levels (``dB[SPL]``) are
logarithms: two of 60 dB make 63, not 120.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from node.base.errors import InvalidInput
from node.scenarios.tables.units import Unit


def total(values: Sequence[float], unit: Unit | None = None) -> float:
    """Return the sum; 0 without values; for levels in decibels, the level of all sources together.

    Raises ``InvalidInput`` for an infinite sum, and for no levels at all, which have no sum.
    """
    if unit is None or not unit.level:
        return _finite(lambda: math.fsum(values))
    if not values:
        raise InvalidInput(
            f"levels cannot be added up without any value ({unit.code})", remedy="look at the conditions"
        )
    bel = float(unit.factor)
    return _finite(lambda: math.log10(math.fsum(math.pow(10, value * bel) for value in values)) / bel)


def mean(values: Sequence[float], weights: Sequence[float] | None = None, unit: Unit | None = None) -> float | None:
    """Return the mean, by energies for levels; None without values or weight, such as the speed of no vehicles.

    Raises ``InvalidInput`` for a negative weight.
    """
    shares = [1.0] * len(values) if weights is None else weights
    if any(weight < 0 for weight in shares):
        raise InvalidInput(f"a weight is negative: {min(shares):g}", remedy="use weights that are at least 0")
    if not any(shares):
        return None
    # Between 0 and 1, so that neither large nor small weights lose precision.
    most = max(shares)
    shares = [weight / most for weight in shares]
    bel = float(unit.factor) if unit is not None and unit.level else 0.0

    def compute() -> float:
        said = [math.pow(10, value * bel) for value in values] if bel else values
        found = math.fsum(value * weight for value, weight in zip(said, shares, strict=True)) / math.fsum(shares)
        return math.log10(found) / bel if bel else found

    return _finite(compute)


def _finite(compute: Callable[[], float]) -> float:
    try:
        figure = compute()
    except (OverflowError, ValueError, ZeroDivisionError):
        figure = math.nan
    if not math.isfinite(figure):
        raise InvalidInput("the figures are too large, or too small, to be added up", remedy="check their unit")
    return figure
