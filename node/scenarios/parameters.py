"""Values of parameters against what is declared of them: bounds, allowed values, units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from node.base.errors import InvalidInput
from node.scenarios import units
from node.scenarios.findings import Finding
from node.scenarios.model import Model, Parameter, Template


def beyond(parameter: Parameter, value: Any) -> str:
    """Why ``value`` cannot be that of ``parameter``, in words; empty where it can."""
    unit = f" {parameter.unit}" if parameter.unit and parameter.unit != "1" else ""
    if parameter.values and not any(_same(value, one) for one in parameter.values):
        return f"{parameter.name} is one of {', '.join(map(str, parameter.values))}, not {_shown(value)}"
    bounded = parameter.minimum is not None or parameter.maximum is not None
    if not bounded:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float) or _is_nan(value):
        return f"{parameter.name} is a number{' in' + unit if unit else ''}, not {_shown(value)}"
    if parameter.minimum is not None and value < parameter.minimum:
        return f"{parameter.name} is at least {parameter.minimum:g}{unit}, not {_shown(value)}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"{parameter.name} is at most {parameter.maximum:g}{unit}, not {_shown(value)}"
    return ""


def _is_nan(value: float) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _same(value: Any, allowed: Any) -> bool:
    # True is not 1 to anybody who reads it.
    return isinstance(value, bool) == isinstance(allowed, bool) and bool(value == allowed)


def _shown(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)[:40] if isinstance(value, int | float) else repr(value)[:80]


def bound_parameters(
    template: Template, models: Iterable[Model], given: Mapping[str, Any], *, complete: bool = True
) -> tuple[dict[str, Any], list[Finding]]:
    """The value of each parameter (the given one, else the template's default, else it is left to the model), and
    what is wrong with them: a name that nobody declares, a value beyond the bounds of the template or of a model
    that takes it, a model that reads it in another unit.

    Without ``complete`` some model is not known, and a name that nobody declares may be one of its.
    """
    declared: dict[str, list[tuple[str, Parameter]]] = {}
    for one in template.parameters:
        declared.setdefault(one.name, []).append(("the scenario", one))
    for model in models:
        for one in model.parameters:
            declared.setdefault(one.name, []).append((model.titles.get("en") or model.iri, one))
    found: list[Finding] = []
    values = {one.name: one.default for one in template.parameters if one.default is not None}
    for name, value in given.items():
        if name in declared:
            values[name] = value
        elif complete:
            found.append(
                Finding(
                    place=f"parameter {name}",
                    code="unknown-parameter",
                    sentence=f"there is no parameter {name}",
                    remedy=f"there are: {', '.join(declared)}" if declared else "leave it out",
                )
            )
    for name, value in values.items():
        place = f"parameter {name}"
        wrong = next((said for _, one in declared[name] if (said := beyond(one, value))), "")
        if wrong:
            found.append(Finding(place=place, code="beyond-its-bounds", sentence=wrong, remedy="give another value"))
        found += [Finding(place=place, code="other-unit", sentence=said) for said in _units(declared[name])]
    return values, found


def _units(declared: list[tuple[str, Parameter]]) -> list[str]:
    """Where two declare the same parameter in different units: one value cannot be right for both."""
    (who, first), *others = declared
    return [
        f"{first.name} is in {first.unit} for {who}, and in {other.unit} for {whom}"
        for whom, other in others
        if first.unit and other.unit and not _same_unit(first.unit, other.unit)
    ]


def _same_unit(one: str, other: str) -> bool:
    try:
        compared = units.compare(one, other)
    except InvalidInput:
        return one == other
    return compared.relation is units.Relation.SAME
