"""Carrying out a column mapping: rows in, rows out. The language is that of ``mapping_grammar``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from node.base.errors import InvalidInput
from node.scenarios.model import Row, Rows
from node.scenarios.tables import figures, spans
from node.scenarios.tables.daytimes import Moment
from node.scenarios.tables.files import is_figure
from node.scenarios.tables.mapping_grammar import ALL, ColumnMapping, Rule, parse_mapping
from node.scenarios.tables.rows import round_figure

Instant = datetime | timedelta


@dataclass(slots=True)
class _Group:
    """The rows that become one row, each with its number and its time."""

    rows: list[tuple[int, Row, Instant | None]] = field(default_factory=list)


def transform(definition: Any, rows: Rows) -> Rows:
    """Carry out a column mapping; with a group, in the order of its values.

    ``definition`` is an object, its JSON, or a ``ColumnMapping``. Raises ``InvalidInput``, which names the wrong
    member of the definition, or the row and member to which it cannot be applied.
    """
    mapping = definition if isinstance(definition, ColumnMapping) else parse_mapping(definition)
    if not rows:
        return []
    present = {name for row in rows for name in row}
    if missing := [name for name in mapping.reads if name not in present]:
        raise InvalidInput(
            f"the rows have no column {missing[0]}",
            remedy=f"they have {', '.join(sorted(present))}",
            facts={"member": missing[0], "missing": missing},
        )
    moments = {name: _moments(parts.column, mapping, name, rows) for name, parts in mapping.dayparts.items()}
    if mapping.group:
        return _group(mapping, rows, moments)
    return _row_by_row(mapping, rows, moments)


def _moments(column: str, mapping: ColumnMapping, name: str, rows: Rows) -> list[Moment]:
    """Return the time of each row, checked against the declared step, which is used to count hours."""
    parts = mapping.dayparts[name]
    read: dict[Any, Moment] = {}
    instants = []
    for index, row in enumerate(rows):
        value = row.get(column)
        try:
            if value not in read:
                read[value] = parts.moment(value)
        except (InvalidInput, TypeError) as error:
            why = error.detail if isinstance(error, InvalidInput) else "it is not a time"
            remedy = error.remedy if isinstance(error, InvalidInput) else ""
            raise _bad_row(index, column, why, remedy) from None
        instants.append(read[value])
    if len({isinstance(moment.instant, datetime) for moment in instants}) > 1:
        raise InvalidInput(f"{column} holds clock times and timestamps", remedy="use one form for all of them")
    if mapping.step is not None:
        _check_step(column, mapping.step, instants)
    return instants


def _check_step(column: str, step: timedelta, moments: Sequence[Moment]) -> None:
    for index, moment in enumerate(moments):
        if step < timedelta(days=1) and moment.clock % step:
            raise _bad_row(
                index,
                column,
                f"its time is not at a whole step of {spans.step_text(step)}",
                "state the step that the rows have",
            )
    # Clock times first: a table holds one kind only.
    instants: list[Any] = sorted({moment.instant for moment in moments})
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    if gaps and min(gaps) > step:
        raise InvalidInput(
            f"the rows are {spans.step_words(min(gaps))} apart, and the definition says that each stands for "
            f"{spans.step_words(step)}",
            remedy="state the step that the rows have",
            facts={"member": column, "step": spans.step_text(step), "apart": spans.step_text(min(gaps))},
        )


def _group(mapping: ColumnMapping, rows: Rows, moments: Mapping[str, list[Moment]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], _Group] = {}
    moment = next(iter(moments.values()), None)
    for index, row in enumerate(rows):
        names = [_group_value(mapping, name, row, index, moments) for name in mapping.group]
        if any(name is None for name in names):
            continue
        group = groups.setdefault(tuple(names), _Group())
        group.rows.append((index, row, moment[index].instant if moment else None))
    rows_out = []
    for values, group in sorted(groups.items(), key=lambda one: [(isinstance(v, str), v) for v in one[0]]):
        row = dict(zip(mapping.group, values, strict=True))
        for rule in mapping.rules:
            row[rule.name] = _aggregate(rule, group, mapping.step)
        rows_out.append(row)
    return rows_out


def _group_value(
    mapping: ColumnMapping, name: str, row: Row, index: int, moments: Mapping[str, list[Moment]]
) -> str | int | float | None:
    """Return a value of the group's key; None if the row is left out."""
    if name in mapping.dayparts:
        try:
            return mapping.dayparts[name].part_of(moments[name][index])
        except InvalidInput as error:
            raise _bad_row(index, mapping.dayparts[name].column, error.detail, error.remedy) from None
    column = mapping.renames[name].column if name in mapping.renames else name
    value = row.get(column)
    if isinstance(value, str | int | float):
        return value
    raise _bad_row(index, column, "it has no text or number to group by" if value is None else "it is neither", "")


def _aggregate(rule: Rule, group: _Group, step: timedelta | None) -> Any:
    if rule.action == "constant":
        return rule.value
    rows_that_count = [row for row in group.rows if rule.where.holds(row[1])]
    if rule.action == "count":
        return len(rows_that_count)
    if rule.action == "first":
        return next((row[rule.column] for _, row, _ in rows_that_count if row.get(rule.column) is not None), None)
    # A missing figure, or a figure with a missing weight, is left out, and so is its time.
    needed = (rule.column, rule.weight) if rule.weight else (rule.column,)
    complete_rows = [row for row in group.rows if all(row[1].get(name) is not None for name in needed)]
    values = [
        (_figure(row, rule.column, index), row, index) for index, row, _ in complete_rows if rule.where.holds(row)
    ]
    plain = [value for value, _, _ in values]
    if not complete_rows or (not plain and rule.action != "sum"):
        return None
    if rule.action == "sum":
        if rule.level is not None and not plain:
            return None
        return _sum(rule, plain, {instant for _, _, instant in complete_rows}, step)
    if rule.action == "mean":
        weights = [_figure(row, rule.weight, index) for _, row, index in values] if rule.weight else None
        return _convert(rule, figures.mean(plain, weights, rule.level))
    return _convert(rule, min(plain) if rule.action == "min" else max(plain))


def _sum(rule: Rule, values: Sequence[float], instants: set[Instant | None], step: timedelta | None) -> Any:
    total = figures.total(values, rule.level)
    if rule.per is None or step is None:
        return _convert(rule, total)
    # The hours with rows of the group, whether or not the condition holds for them: a quarter of an hour without
    # lorries counts, an unmeasured one does not.
    seconds = Fraction(len(instants) * (step // timedelta(microseconds=1)), 1_000_000)
    return _scale(rule, total, rule.scale / seconds)


def _convert(rule: Rule, value: float | None) -> float | None:
    return None if value is None else _scale(rule, value, rule.scale)


def _scale(rule: Rule, value: float, scale: Fraction) -> float:
    try:
        product = float(Fraction(repr(value)) * scale + rule.shift)
    except OverflowError:
        raise InvalidInput(f"{rule.name} becomes too large a number", remedy="check the units") from None
    return round_figure(product, rule.decimals)


def _row_by_row(mapping: ColumnMapping, rows: Rows, moments: Mapping[str, list[Moment]]) -> list[dict[str, Any]]:
    rows_out = []
    for index, row in enumerate(rows):
        names = list(row) if mapping.keep == (ALL,) else mapping.keep
        renamed = {rule.column for rule in mapping.rules if rule.action == "rename"}
        out = {name: row.get(name) for name in names if name not in renamed or name in mapping.keep}
        parts = {name: _group_value(mapping, name, row, index, moments) for name in mapping.dayparts}
        if any(part is None for part in parts.values()):
            continue
        out |= parts
        for rule in mapping.rules:
            value = rule.value if rule.action == "constant" else row.get(rule.column)
            if rule.action == "rename" and value is not None and (rule.unit is not None or rule.decimals is not None):
                value = _convert(rule, _figure(row, rule.column, index))
            out[rule.name] = value
        rows_out.append(out)
    return rows_out


def _figure(row: Row, column: str, index: int) -> float:
    value: Any = row.get(column)
    if not is_figure(value):
        raise _bad_row(index, column, f"it is {str(value)[:40]!r}, which is not a number", "correct the row")
    number: float = value
    return number


def _bad_row(index: int, column: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"row {index + 1}, {column}: {why}", remedy=remedy, facts={"row": index + 1, "member": column}
    )
