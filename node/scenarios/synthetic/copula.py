"""Relations between columns: a Gaussian copula, in pure Python.

Each column is converted to normal scores by its ranks; the correlations of the scores are kept, and normal numbers
with these correlations are drawn and converted back. Monotonic relations survive (more of this, more of that); others
do not (a peak at noon against the hours), unless the levels of a column have been put in the order of another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

NORMAL: Final = NormalDist()
_SHRUNK: Final = 0.995
"""Correlations are reduced slightly, so that the matrix has a root even if columns repeat one another."""
_NEAR_NOTHING: Final = 1e-9

Scores = list[float | None]


def scores(places: Sequence[float | None]) -> Scores:
    """Return the normal scores of a column by its ranks; equal values have equal scores, missing values none."""
    present = sorted((place, number) for number, place in enumerate(places) if place is not None)
    result: Scores = [None] * len(places)
    start = 0
    while start < len(present):
        end = start
        while end < len(present) and present[end][0] == present[start][0]:
            end += 1
        score = NORMAL.inv_cdf(((start + end - 1) / 2 + 0.5) / len(present))
        for _, number in present[start:end]:
            result[number] = score
        start = end
    return result


def correlation(left: Scores, right: Scores) -> float:
    """Return Pearson's correlation over the rows that have both; 0 if one of them does not vary."""
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    if len(pairs) < 2:
        return 0.0
    mean_a, mean_b = (math.fsum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    spread_a, spread_b = (
        math.fsum((pair[side] - mean) ** 2 for pair in pairs) for side, mean in ((0, mean_a), (1, mean_b))
    )
    if spread_a < _NEAR_NOTHING or spread_b < _NEAR_NOTHING:
        return 0.0
    joint = math.fsum((a - mean_a) * (b - mean_b) for a, b in pairs)
    return max(min(joint / math.sqrt(spread_a * spread_b), 1.0), -1.0)


def root(columns: Sequence[Scores]) -> list[list[float]]:
    """Return the lower triangular root (Cholesky) of the matrix of correlations of ``columns``.

    A matrix without a root, due to rounding or pairs over different rows, is made a little more independent.
    """
    size = len(columns)
    matrix = [[1.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            matrix[i][j] = matrix[j][i] = correlation(columns[i], columns[j]) * _SHRUNK
    while (found := _cholesky(matrix)) is None:
        matrix = [[value if i == j else value * 0.9 for j, value in enumerate(row)] for i, row in enumerate(matrix)]
    return found


def draw(lower: Sequence[Sequence[float]], constants: Mapping[int, float], fresh: Sequence[float]) -> list[float]:
    """Return a row of normal numbers with the correlations of ``lower``; ``constants`` (by column) stay as they are.

    ``fresh`` are independent normal numbers, one for each column. Known columns should come first, since each column
    is drawn given those before it.
    """
    independent: list[float] = []
    row: list[float] = []
    for number, line in enumerate(lower):
        before = math.fsum(line[other] * independent[other] for other in range(number))
        if number in constants:
            independent.append((constants[number] - before) / line[number])
            row.append(constants[number])
        else:
            independent.append(fresh[number])
            row.append(before + line[number] * fresh[number])
    return row


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]] | None:
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(lower[i][k] * lower[j][k] for k in range(j))
            if i != j:
                lower[i][j] = rest / lower[j][j]
            elif rest < 1e-6:
                return None
            else:
                lower[i][i] = math.sqrt(rest)
    return lower
