"""The chain of a scenario: the source of each input, and the declarations of both ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from node.base.errors import InvalidInput
from node.scenarios.chain import interfaces
from node.scenarios.model import AFTER, BEFORE, Binding, BoundStep, Model, Port, Rows, Transformation
from node.scenarios.ports import Outcome, Reference
from node.scenarios.run_model import Run


def branches(binding: Binding) -> tuple[str, ...]:
    """Return the branches of a run: one without change layers, or both."""
    return (BEFORE, AFTER) if binding.layers else (AFTER,)


def bound_step(binding: Binding, name: str) -> BoundStep:
    """Return the step of that name, pinned."""
    return next(step for step in binding.steps if step.name == name)


def step_inputs(card: Model | Transformation, wiring: Mapping[str, str]) -> tuple[Port, ...]:
    """Return the inputs of a step's card. A transformation that names none has the roles that are wired to it."""
    if isinstance(card, Transformation) and not card.inputs:
        return _with_roles(interfaces.input_ports(card), wiring)
    return card.inputs


def step_outputs(card: Model | Transformation, wiring: Mapping[str, str]) -> tuple[Port, ...]:
    """Return the outputs of a step's card; a transformation that names none has one, named like its input."""
    if isinstance(card, Transformation) and not card.outputs:
        return _with_roles(interfaces.output_ports(card), wiring)
    return card.outputs


def _with_roles(ports: tuple[Port, ...], wiring: Mapping[str, str]) -> tuple[Port, ...]:
    return tuple(replace(port, role=role) for port, role in zip(ports, wiring, strict=False))


def output_port(card: Model | Transformation, wiring: Mapping[str, str], role: str) -> Port:
    """Return the output of that role; one without declared columns if nothing declares it."""
    return next(
        (step_output for step_output in step_outputs(card, wiring) if step_output.role == role), Port(role=role)
    )


def input_port(run: Run, role: str) -> Port:
    """Return the template's port of a role, with the columns and units that the models wired to it declare."""
    port_of_role = next(one for one in run.template.inputs if one.role == role)
    names = {variable.name for variable in port_of_role.variables}
    further = []
    for step in run.template.steps:
        for port in step_inputs(bound_step(run.binding, step.name).card, step.wiring):
            if step.wiring.get(port.role) == role:
                further += [variable for variable in port.variables if variable.name not in names]
                names |= {variable.name for variable in port.variables}
    return replace(port_of_role, variables=(*port_of_role.variables, *further))


def source_port(port: Port, requirement: Port, rows: Rows | None) -> Port:
    """Return the port of a bound input: its dataset's description, completed by the template.

    A table has columns and no units; the template to which it is bound declares the units. A column that is not in
    ``rows`` does not exist for any step; rows that are elsewhere (None) are assumed to have it.
    """
    variables = {one.name: one for one in port.variables}
    for variable in requirement.variables:
        if rows and not any(variable.name in row for row in rows):
            continue
        if variable.name not in variables or variables[variable.name].unit is None:
            variables[variable.name] = variable
    return replace(port, variables=tuple(variables.values()), step=port.step or requirement.step)


def taken_on_trust(source: Port, target: Port) -> Port:
    """Return ``source`` with the columns of ``target``: data that stay with their owner cannot be inspected here.
    Their node checks the columns before the model reads them."""
    known = {variable.name for variable in source.variables}
    unseen = [variable for variable in target.variables if variable.name not in known]
    return replace(source, variables=(*source.variables, *unseen))


def run_transformation(
    card: Transformation,
    wiring: Mapping[str, str],
    inputs: Mapping[str, Rows | Reference],
    transform: Callable[[Transformation, Rows], Rows],
) -> Outcome:
    """Carry out a transformation, by ``transform``: one input, one output.

    Raises ``InvalidInput`` if its definition or its rows do not allow it, or if the rows are elsewhere.
    """
    if len(inputs) != 1:
        raise InvalidInput(
            f"{card.titles.get('en') or card.iri} takes one input, and {len(inputs)} are wired to it",
            remedy="wire one input to it",
        )
    ((role, rows),) = inputs.items()
    if isinstance(rows, Reference):
        raise InvalidInput(
            f"the data of {role} stay with their owner: they cannot be transformed here",
            remedy="let the model that may visit them read them directly",
        )
    (target,) = step_outputs(card, wiring)[:1] or (Port(role=role),)
    return Outcome(outputs={target.role: transform(card, rows)})
