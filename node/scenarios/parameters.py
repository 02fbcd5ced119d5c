"""Values of parameters against their bounds, in words."""

from __future__ import annotations

from typing import Any

from node.scenarios.model import Parameter


def beyond(parameter: Parameter, value: Any) -> str:
    """Why ``value`` cannot be that of ``parameter``, in words; empty where it can."""
    unit = f" {parameter.unit}" if parameter.unit and parameter.unit != "1" else ""
    if parameter.values and value not in parameter.values:
        return f"{parameter.name} is one of {', '.join(map(str, parameter.values))}, not {value}"
    bounded = parameter.minimum is not None or parameter.maximum is not None
    if not bounded:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{parameter.name} is a number{' in' + unit if unit else ''}, not {value!r}"
    if parameter.minimum is not None and value < parameter.minimum:
        return f"{parameter.name} is at least {parameter.minimum:g}{unit}, not {value:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"{parameter.name} is at most {parameter.maximum:g}{unit}, not {value:g}"
    return ""
