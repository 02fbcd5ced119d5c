"""Calls a model: checks the input rows, calls the function, checks and rounds the output rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.sdk.checks import checked_input, checked_output, checked_setting
from node.sdk.interface import Interface
from node.sdk.reports import Listener, listening
from node.sdk.signature import interface_of
from node.sdk.troubles import BadInput, BadOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Rows by output role, and their caveats (``code``, ``sentence``, ``facts``)."""

    outputs: dict[str, list[dict[str, Any]]]
    caveats: list[dict[str, Any]]


def call(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    progress: Listener | None = None,
) -> Result:
    """Call the model ``function``.

    Raises ``BadAnnotation``, ``BadInput`` before the function is called, ``BadOutput`` after it, and the errors of
    the function.
    """
    interface = interface_of(function)
    arguments, caveats = _inputs(interface, inputs)
    arguments |= _settings(interface, parameters or {})
    with listening(progress) as telling:
        answer = function(**arguments)
    outputs = _outputs(interface, answer)
    return Result(outputs=outputs, caveats=[*caveats, *telling.caveats])


def _inputs(interface: Interface, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    unknown = sorted(set(inputs) - set(interface.inputs))
    if unknown:
        raise BadInput(
            f"the model has no input {', '.join(unknown)}", remedy=f"its inputs are: {', '.join(interface.inputs)}"
        )
    arguments: dict[str, Any] = {}
    caveats: list[dict[str, Any]] = []
    for role, table in interface.inputs.items():
        if role in inputs:
            arguments[role], notes = checked_input(table, inputs[role])
            caveats += notes
        elif table.required:
            raise BadInput(f"input {role} is missing", remedy=f"give the rows of {role}")
    return arguments, caveats


def _settings(interface: Interface, parameters: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(parameters) - set(interface.parameters))
    if unknown:
        known = ", ".join(interface.parameters) or "none"
        raise BadInput(f"the model has no parameter {', '.join(unknown)}", remedy=f"its parameters are: {known}")
    settings = {}
    for name, setting in interface.parameters.items():
        if name in parameters:
            settings[name] = checked_setting(setting, parameters[name])
        elif setting.required:
            raise BadInput(f"parameter {name} is missing", remedy=f"give a value for {name}")
        else:
            settings[name] = setting.default
    return settings


def _outputs(interface: Interface, answer: Any) -> dict[str, list[dict[str, Any]]]:
    if interface.single:
        (role,) = interface.outputs
        return {role: checked_output(interface.outputs[role], answer)}
    if not isinstance(answer, Mapping):
        raise BadOutput("the model returned no map of outputs", remedy="return {role: rows} as annotated")
    unknown = sorted(str(role) for role in answer if role not in interface.outputs)
    if unknown:
        raise BadOutput(f"the model returned {', '.join(unknown)}, which its annotation does not name")
    outputs = {}
    for role, table in interface.outputs.items():
        if role in answer:
            outputs[role] = checked_output(table, answer[role])
        elif table.required:
            raise BadOutput(f"the model returned no {role}", remedy="return every output that the annotation names")
    return outputs
