"""Checks values of parameters against their declarations: bounds, allowed values, units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from node.base.errors import InvalidInput
from node.scenarios.findings import Finding
from node.scenarios.model import Model, Parameter, Template
from node.scenarios.tables import units


def beyond(parameter: Parameter, value: Any) -> str:
    """Return why ``value`` is not allowed for ``parameter``, in words; empty if it is allowed."""
    case, low, high = _beyond(parameter, value), parameter.minimum, parameter.maximum
    unit = f" {written}" if (written := units.words(parameter.unit)) else ""
    limits = {
        "values": f"is one of {', '.join(map(str, parameter.values))}",
        "number": f"is a number{' in' + unit if unit else ''}",
        "minimum": f"is at least {low if low is None else f'{low:g}'}{unit}",
        "maximum": f"is at most {high if high is None else f'{high:g}'}{unit}",
    }
    return f"{parameter.name} {limits[case]}, not {_display_text(value)}" if case else ""


def _beyond(parameter: Parameter, value: Any) -> str:
    """Return the fault of ``value`` as the case of a finding; empty if ``value`` is right."""
    if parameter.many and isinstance(value, list):
        return next((case for item in value if (case := _beyond(replace(parameter, many=False), item))), "")
    if parameter.values and not any(_same(value, one) for one in parameter.values):
        return "values"
    if parameter.minimum is None and parameter.maximum is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float) or _is_nan(value):
        return "number"
    if parameter.minimum is not None and value < parameter.minimum:
        return "minimum"
    return "maximum" if parameter.maximum is not None and value > parameter.maximum else ""


def _is_nan(value: float) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _same(value: Any, choice: Any) -> bool:
    # True does not mean 1 to a reader.
    return isinstance(value, bool) == isinstance(choice, bool) and bool(value == choice)


def _display_text(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)[:40] if isinstance(value, int | float) else repr(value)[:80]


def bound_parameters(
    template: Template, models: Iterable[Model], choices: Mapping[str, Any], *, complete: bool = True
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the value of each parameter (the given one, else the template's default, else the model decides), and
    the findings about them: an undeclared name, a value beyond the bounds of the template or of a model that takes
    it, a model that reads it in another unit.

    Without ``complete``, some model is unknown, and an undeclared name may belong to it.
    """
    parameters: dict[str, list[tuple[str, Parameter]]] = {}
    for declaration in template.parameters:
        parameters.setdefault(declaration.name, []).append(("the scenario", declaration))
    for model in models:
        for declaration in model.parameters:
            parameters.setdefault(declaration.name, []).append((model.titles.get("en") or model.iri, declaration))
    findings: list[Finding] = []
    values = {parameter.name: parameter.default for parameter in template.parameters if parameter.default is not None}
    for name, value in choices.items():
        if name in parameters:
            values[name] = value
        elif complete:
            findings.append(
                Finding(
                    place=f"parameter {name}",
                    code="unknown-parameter",
                    sentence=f"the parameter {name} does not exist",
                    remedy=f"there are: {', '.join(parameters)}" if parameters else "remove it",
                    facts={"name": name, "known": list(parameters)},
                )
            )
    for name, value in values.items():
        place = f"parameter {name}"
        wrong = next((declaration for _, declaration in parameters[name] if _beyond(declaration, value)), None)
        if wrong is not None:
            findings.append(
                Finding(
                    place=place,
                    code="beyond-its-bounds",
                    sentence=beyond(wrong, value),
                    remedy="give another value",
                    facts=_facts(wrong, value),
                )
            )
        findings += _units(place, parameters[name])
    return values, findings


def _facts(parameter: Parameter, value: Any) -> dict[str, Any]:
    return {
        "case": _beyond(parameter, value),
        "name": parameter.name,
        "value": _display_text(value),
        "values": list(parameter.values),
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "unit": parameter.unit,
    }


def _units(place: str, declarations: list[tuple[str, Parameter]]) -> list[Finding]:
    """Return findings for a parameter that is declared in different units: one value cannot be right for both."""
    (who, first), *others = declarations
    return [
        Finding(
            place=place,
            code="other-unit",
            sentence=f"{first.name} is in {units.words(first.unit)} for {who}, "
            f"and in {units.words(other.unit)} for {whom}",
            facts={"name": first.name, "haveUnit": first.unit, "who": who, "needUnit": other.unit, "whom": whom},
        )
        for whom, other in others
        if first.unit and other.unit and not _same_unit(first.unit, other.unit)
    ]


def _same_unit(left: str, right: str) -> bool:
    try:
        comparison = units.compare(left, right)
    except InvalidInput:
        return left == right
    return comparison.relation is units.Relation.SAME
