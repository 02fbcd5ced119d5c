"""Rules for results that an algorithm computes at the owner of the data: figures about enough people, few requests.

The rule of small cells (``hz:minimumCellSize``), applied to an answer before it leaves its owner's node:

1. A cell that covers fewer people than the minimum is left out. A cell that covers nobody is left out too (a zero
   shows where nobody is), and a cell that does not state how many people it covers.
2. A *one-value group* is left out whole: if everybody of a group is in the same cell, the cell reveals about each of
   them what it reveals about all. Groups are the cells that agree in all members of the key but the last.
3. Totals are computed anew from the remaining cells; otherwise subtraction would give a cell that was left out.
   Figures of a total that are not sums are emptied, and a total that then covers too few people is left out as well.

The choice of cells depends on the key and the counts alone, never on the other figures: requests with other
parameters over the same data have the same gaps each time, so the gaps reveal nothing.

Against *differencing* (asking twice, slightly differently, and subtracting) there is a budget: under one agreement,
one version of the data answers at most ``QUESTIONS`` different requests (``allowance``); a repeated request does not
count again.

This does **not** protect against: two parties, or two agreements, that combine their answers; two versions of the
data, subtracted; *dominance* (one large contributor makes up a figure over many people); a figure that reveals
something about a place that is known otherwise; a model that is written to reveal its input, which is why owners
admit a model by its hash; knowledge from other sources. Nothing is rounded and no noise is added. If that matters, a
person checks the answer before it is released (``odrl:obtainConsent``), or the data give no answers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput

Row = Mapping[str, Any]

TOTALS: Final = frozenset({"total", "totaal", "celkem", "gesamt", "all", "*"})
"""Values of a member of the key that make a row the total of its group."""

QUESTIONS: Final = 20
"""Different requests that one version of the data answers under one agreement, if nothing else is agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The released rows. ``suppressions`` is the number of rows left out; ``sentence`` states it, empty for 0."""

    rows: tuple[Row, ...]
    suppressions: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The answer to one more request. ``remainder``: how many different requests are still answered after this one;
    ``reason`` and ``remedy`` explain a refusal."""

    allowed: bool
    remainder: int
    reason: str = ""
    remedy: str = ""


def suppress(
    rows: Sequence[Row], *, count_column: str, minimum: int, key: Sequence[str] = (), sums: Collection[str] = ()
) -> Release:
    """Return the rows that may leave, in their order.

    ``count_column`` is the number of people that a row covers; ``key`` are the members that name a row, the breakdown
    last; ``sums`` are the figures of a total that are sums of its cells, beside the count. Raises ``InvalidInput``
    for a minimum below 1, and if no row has the count column.
    """
    if minimum < 1:
        raise InvalidInput(
            "a minimum number of people is at least 1",
            remedy="give a whole number of at least 1",
            facts={"minimum": minimum},
        )
    if rows and not any(count_column in row for row in rows):
        raise InvalidInput(
            f"no row states how many people it covers: the column {count_column} is missing",
            remedy=f"make the model return a column {count_column}",
            facts={"column": count_column},
        )
    totals = {index for index, row in enumerate(rows) if _is_total(row, key)}
    visible = _cells(rows, totals, count_column, minimum, key)
    rest: dict[int, Row] = {index: rows[index] for index in visible}
    for index in totals:
        total = _total(rows, index, visible, totals, count_column, key, sums)
        if _count(total, count_column) >= minimum:
            rest[index] = total
    count = len(rows) - len(rest)
    return Release(
        rows=tuple(rest[index] for index in sorted(rest)),
        suppressions=count,
        sentence=_sentence(count, len(rows), minimum),
    )


def fewest(rows: Sequence[Row], *, count_column: str) -> int:
    """Return the lowest number of people that a figure covers: the fact ``hz:minimumCellSize`` of a table. Return 0
    for a table without rows, and if a row has no number."""
    return max(int(min((_count(row, count_column) for row in rows), default=0)), 0)


def allowance(earlier: Collection[str], request: str, *, limit: int = QUESTIONS) -> Allowance:
    """Return whether ``request`` is answered under an agreement that was used for the requests ``earlier`` before.

    Requests are named by a hash of all that determines the answer (inputs, parameters, version of the model), and
    requests to another version of the data are not among ``earlier``. The caller keeps the account: it stores every
    answered request in the transaction that answers it. A repeated request costs nothing, since its answer is the
    same.
    """
    different = set(earlier)
    if request in different:
        return Allowance(allowed=True, remainder=max(limit - len(different), 0))
    if len(different) < limit:
        return Allowance(allowed=True, remainder=limit - len(different) - 1)
    return Allowance(
        allowed=False,
        remainder=0,
        reason=f"under this agreement, this version of the data has answered {len(different)} different requests, "
        f"and {limit} is the limit: many answers together can reveal single people, even if each is harmless",
        remedy="use one of the answers that you have, or ask the owner of the data for a new agreement",
    )


def _cells(
    rows: Sequence[Row], totals: Collection[int], count_column: str, minimum: int, key: Sequence[str]
) -> set[int]:
    cells = [index for index in range(len(rows)) if index not in totals]
    visible = {index for index in cells if _count(rows[index], count_column) >= minimum}
    if len(key) < 2:
        return visible
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index in cells:
        groups.setdefault(_group(rows[index], key[:-1]), []).append(index)
    for members in groups.values():
        peopled = [index for index in members if not _count(rows[index], count_column) <= 0]
        if len(members) > 1 and len(peopled) == 1:
            visible -= set(members)
    return visible


def _total(
    rows: Sequence[Row],
    index: int,
    visible: Collection[int],
    totals: Collection[int],
    count_column: str,
    key: Sequence[str],
    sums: Collection[str],
) -> Row:
    """Return the total at ``index``, of the remaining cells; unchanged if none of its cells was left out."""
    row = rows[index]
    names = [name for name in key if str(row.get(name)).casefold() not in TOTALS]
    within = [
        other
        for other in range(len(rows))
        if other not in totals and all(rows[other].get(name) == row.get(name) for name in names)
    ]
    if all(other in visible for other in within):
        return row
    columns = {count_column, *sums}
    rest = [rows[other] for other in within if other in visible]
    total: dict[str, Any] = {}
    for name, value in row.items():
        if name in columns:
            total[name] = _sum([row.get(name) for row in rest])
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in key:
            total[name] = None
        else:
            total[name] = value
    return total


def _is_total(row: Row, key: Sequence[str]) -> bool:
    return any(isinstance(row.get(name), str) and row[name].casefold() in TOTALS for name in key)


def _group(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(repr(row.get(name)) for name in names)


def _count(row: Row, column: str) -> float:
    """Return how many people a row covers; -1 if the column has no number."""
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return -1
    return value


def _sum(values: Sequence[Any]) -> float | int:
    figures = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if all(isinstance(value, int) for value in figures):
        return sum(figures)
    return math.fsum(figures)


def _sentence(count: int, of: int, minimum: int) -> str:
    if not count:
        return ""
    were = "figure was" if count == 1 else "figures were"
    return f"{count} of {of} {were} left out: each covers fewer than {minimum} people, or would reveal single people"
