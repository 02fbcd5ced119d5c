"""Draft the mapping that puts rows of a finer step together: quarters of an hour become hours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.chain.interfaces import fits
from node.scenarios.chain.mismatch import ERROR
from node.scenarios.model import Port, Row, Rows, Variable
from node.scenarios.tables import mapping_grammar, spans, units
from node.scenarios.tables.windows import Windows
from node.scenarios.transformations.column_matches import RESERVED, per_step, propose
from node.scenarios.transformations.schema_fields import end_of_port, known_unit

LOOKED_AT: Final = 2_000
"""Rows in which the column with the time is searched."""
_DEFAULT: Final = "window"
_TIME: Final = re.compile("time|hour|moment|begin|start|period|date|tijd|uur|zeit|stunde|heure|debut|cas|hodin")
"""Words in the names of columns with times, in the languages of this node."""


def missing_window(source: Port, target: Port, rows: Rows | None) -> dict[str, Any]:
    """Return the definition of a column mapping that makes rows of ``source`` fit the longer step of ``target``;
    empty if none can be drafted without a guess.

    ``rows`` are the rows of the source: one column of them holds times, and together with the columns that the target
    asks for without a unit it says which row is which. Rates and levels are averaged, amounts are added up.
    """
    sample = list(islice(rows or (), LOOKED_AT))
    if source.step is None or target.step is None or not sample or not target.variables:
        return {}
    if spans.compare_steps(source.step, target.step) is not spans.Order.FINER:
        return {}
    times = _time_columns(sample, source)
    if len(times) != 1:
        return {}
    definition = _definition(source, target, times[0], sample)
    if not definition:
        return {}
    try:
        mapping = mapping_grammar.parse_mapping(definition)
    except InvalidInput:
        return {}
    made = replace(mapping_grammar.output_port(mapping, schemas=target.schemas), role=source.role)
    return {} if any(mismatch.severity == ERROR for mismatch in fits(made, target)) else definition


def _definition(source: Port, target: Port, time: str, sample: Sequence[Row]) -> dict[str, Any]:
    assert source.step is not None
    assert target.step is not None
    columns = {
        column.field.name: column.source.name
        for column in propose(end_of_port(_with_columns(source, sample)), end_of_port(target)).columns
        if column.source is not None
    }
    window = next((name for name, column in columns.items() if column == time), "")
    unmatched = [need.name for need in target.variables if need.name not in columns and need.unit is None]
    if not window and len(alike := [name for name in unmatched if _TIME.search(name.casefold())]) == 1:
        window = alike[0]
    names = window or (time if time not in columns and target.variable(time) is None else _DEFAULT)
    units_of: dict[str, str] = {}
    rules: dict[str, Any] = {names: {"of": time, "window": spans.step_text(target.step)}}
    keys: list[str] = []
    for need in target.variables:
        if need.name == window:
            continue
        column = columns.get(need.name)
        if column is None or need.name in RESERVED:
            if need.required:
                return {}
        elif need.unit in (None, "1") and not need.decimals:
            keys.append(need.name)
            if need.name != column:
                rules[need.name] = {"rename": column}
        else:
            rule, unit = _figure(source, need, column)
            if not rule:
                return {}
            rules[need.name] = rule
            if unit:
                units_of[column] = unit
    key_columns = [columns[name] for name in keys]
    if not units_of or len({tuple(str(row.get(name)) for name in (*key_columns, time)) for row in sample}) < len(
        sample
    ):
        # Several rows of a key have the same time: what tells them apart is not known.
        return {}
    return {"step": spans.step_text(source.step), "units": units_of, "group": [names, *keys], **rules}


def _figure(source: Port, need: Variable, column: str) -> tuple[dict[str, Any], str]:
    """Return the rule that puts figures of ``column`` together, and their unit; no rule if that would be a guess."""
    have = source.variable(column)
    unit, target = known_unit(have.unit if have else None), known_unit(need.unit)
    if unit is None or target is None:
        return {}, ""
    decimals = {"decimals": need.decimals} if need.decimals is not None else {}
    if _fit(unit, target):
        # Counted things have a name ({vehicles}), shares and ratios have none.
        is_amount = not any(units.parse(unit).dimension) and "{" in unit
        return {("sum" if is_amount else "mean"): column, "unit": target, **decimals}, unit
    rate = per_step(unit, source.step)
    if rate is not None and _fit(rate, target):
        return {"mean": column, "unit": target, **decimals}, rate
    return {}, ""


def _fit(have: str, need: str) -> bool:
    comparison = units.compare(have, need)
    return comparison.relation is not units.Relation.INCOMPATIBLE and not comparison.words_differ


def _with_columns(source: Port, sample: Sequence[Row]) -> Port:
    """Return ``source`` with the columns of its rows that its description lacks."""
    names = dict.fromkeys(name for row in sample for name in row)
    others = tuple(Variable(name=str(name)) for name in names if source.variable(str(name)) is None)
    return replace(source, variables=(*source.variables, *others))


def _time_columns(sample: Sequence[Row], source: Port) -> list[str]:
    """Return the columns whose values are all times."""
    names = dict.fromkeys(str(name) for row in sample for name in row)
    return [name for name in names if _is_time([row.get(name) for row in sample], source.variable(name))]


def _is_time(values: Sequence[Any], variable: Variable | None) -> bool:
    if not all(isinstance(value, str) for value in values) or (variable is not None and variable.unit):
        return False
    windows = Windows("", spans.parse_step("PT1H"))
    try:
        for value in dict.fromkeys(values):
            windows.moment(value)
    except InvalidInput:
        return False
    return True
