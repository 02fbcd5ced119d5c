"""Indicators of a scenario, and the differences between two runs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import GEOMETRY, Indicator, Row, Rows
from node.scenarios.tables import figures, units
from node.scenarios.tables.conditions import Where, parse_where
from node.scenarios.tables.files import is_figure
from node.scenarios.tables.rows import check_key, round_figure
from node.scenarios.tables.units import Unit

WAYS: Final = ("sum", "mean", "max", "min", "count")
_MEMBERS: Final = frozenset({"of", "where", "weighted_by", *WAYS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A checked definition: the source of the rows (``of``), the column, and the operation."""

    of: str
    way: str
    column: str
    where: Where
    weight: str = ""


def parse_measure(indicator: Indicator) -> Measure:
    """Read the definition of an indicator: ``{of: noise.levels, sum: residents, where: {Lden: {above: 55}}}``.

    ``count`` counts the rows, or those with a value in a column. Raises ``InvalidInput``, which names the member.
    """
    definition, name = indicator.definition, f"indicator {indicator.name}"
    if unknown := sorted(set(map(str, definition)) - _MEMBERS):
        raise _bad(f"{name}: {unknown[0]}", "is not known", f"the members are {', '.join(sorted(_MEMBERS))}")
    of = definition.get("of")
    if not isinstance(of, str) or not of:
        raise _bad(f"{name}: of", "names no output", "write the step and its output: noise.levels")
    ways = [way for way in WAYS if way in definition]
    if len(ways) != 1:
        raise _bad(name, f"says {' and '.join(ways) or 'not how'} it is measured", f"say one of {', '.join(WAYS)}")
    way, column = ways[0], definition[ways[0]]
    if way == "count" and (column is True or column == "*"):
        column = ""
    elif not isinstance(column, str) or not column:
        raise _bad(f"{name}: {way}", "names no column", "write the name of a column")
    weight = definition.get("weighted_by", "")
    if "weighted_by" in definition and (not isinstance(weight, str) or not weight or way != "mean"):
        raise _bad(
            f"{name}: weighted_by", "names no column, or stands without mean", "write {mean: …, weighted_by: …}"
        )
    return Measure(
        of=of, way=way, column=column, where=parse_where(definition.get("where"), f"{name}: where"), weight=weight
    )


def measure(indicator: Indicator, outputs: Mapping[str, Rows]) -> float:
    """Return the figure over ``outputs`` (``step.output`` or the role of an input → rows), rounded to its decimals.

    Rows with an empty column are left out. Levels (a unit such as ``dB[SPL]``) are added and averaged as energies.
    Raises ``InvalidInput`` if the rows or the column are missing or hold no figures, or if there are no figures for a
    mean, a maximum or a minimum.
    """
    measure_of = parse_measure(indicator)
    if measure_of.of not in outputs:
        raise InvalidInput(
            f"the indicator {indicator.name} uses {measure_of.of}, which does not exist",
            remedy=f"there are {', '.join(sorted(outputs))}" if outputs else "the chain gives nothing",
            facts={"indicator": indicator.name, "of": measure_of.of},
        )
    rows = outputs[measure_of.of]
    needed = [name for name in (measure_of.column, measure_of.weight, *measure_of.where.columns) if name]
    if rows and (missing := [name for name in needed if not any(name in row for row in rows)]):
        raise InvalidInput(
            f"the indicator {indicator.name} needs {missing[0]}, which {measure_of.of} does not have",
            remedy=f"it has {', '.join(sorted({name for row in rows for name in row}))}",
            facts={"indicator": indicator.name, "member": missing[0]},
        )
    choice = [(index, row) for index, row in enumerate(rows) if measure_of.where.holds(row)]
    if measure_of.way == "count":
        return float(sum(not measure_of.column or row.get(measure_of.column) is not None for _, row in choice))
    used = (measure_of.column, measure_of.weight) if measure_of.weight else (measure_of.column,)
    complete = [(index, row) for index, row in choice if all(row.get(name) is not None for name in used)]
    values = [_figure(indicator, row, measure_of.column, index) for index, row in complete]
    weights = (
        [_figure(indicator, row, measure_of.weight, index) for index, row in complete] if measure_of.weight else None
    )
    figure = _combine(measure_of.way, values, weights, _unit(indicator))
    if figure is None:
        raise InvalidInput(
            f"the indicator {indicator.name} has no {measure_of.way} of {measure_of.column}: no row is left",
            remedy="look at its conditions and at the rows",
            facts={"indicator": indicator.name, "of": measure_of.of, "rows": len(rows)},
        )
    return round_figure(float(figure), indicator.decimals) + 0.0


def _combine(way: str, values: Sequence[float], weights: Sequence[float] | None, unit: Unit | None) -> float | None:
    if way == "sum":
        return figures.total(values, unit) if values or unit is None or not unit.level else None
    if way == "mean":
        return figures.mean(values, weights, unit)
    if not values:
        return None
    return max(values) if way == "max" else min(values)


def _unit(indicator: Indicator) -> Unit | None:
    try:
        return units.parse(indicator.unit) if indicator.unit else None
    except InvalidInput:
        return None


def _figure(indicator: Indicator, row: Row, name: str, index: int) -> float:
    value: Any = row[name]
    if not is_figure(value):
        raise InvalidInput(
            f"row {index + 1} has {str(value)[:40]!r} as {name}, and the indicator {indicator.name} needs a number",
            remedy="correct this value in the data, or choose another column for the indicator",
            facts={"indicator": indicator.name, "row": index + 1, "member": name},
        )
    number: float = value
    return number


def difference(before: Rows, after: Rows, key: Sequence[str], columns: Sequence[str]) -> Rows:
    """Return the differences between two sets of rows: for each key of either, and for each column,
    ``{column}_before``, ``{column}_after`` and ``{column}_change``: after minus before, with twelve digits, None if
    either is not a figure.

    Rows stand in the order of ``before``, with new rows after them; the geometry is that of ``after``, if it has one.
    Raises ``InvalidInput`` if the key does not identify each row.
    """
    check_key(before, key)
    check_key(after, key)

    def by_key(rows: Rows) -> dict[tuple[Any, ...], Row]:
        return {tuple(row.get(name) for name in key): row for row in rows}

    first, second = by_key(before), by_key(after)
    nothing: Row = {}
    differences = []
    for names in dict.fromkeys([*first, *second]):
        was, is_ = first.get(names, nothing), second.get(names, nothing)
        row: dict[str, Any] = dict(zip(key, names, strict=True))
        for column in columns:
            old, new = was.get(column), is_.get(column)
            row[f"{column}_before"], row[f"{column}_after"] = old, new
            row[f"{column}_change"] = _change(old, new)
        if geometry := is_.get(GEOMETRY) or was.get(GEOMETRY):
            row[GEOMETRY] = geometry
        differences.append(row)
    return differences


def _change(old: Any, new: Any) -> float | None:
    if not is_figure(old) or not is_figure(new):
        return None
    change = float(new) - float(old)
    return round_figure(change) if is_figure(change) else None


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{path} {why}", remedy=remedy, facts={"at": path})
