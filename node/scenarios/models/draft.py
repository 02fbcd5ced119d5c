"""Cards of models from the annotations of their code: a whole draft, or the missing parts of a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from node.scenarios.model import Model, Parameter, Port, Variable
from node.semantics.description.fields import fields_of
from node.semantics.description.forms import Field, find
from node.semantics.description.model_fields import INPUTS, OUTPUTS, PARAMETERS

PORTS: Final = (("inputs", INPUTS), ("outputs", OUTPUTS))
FACTS: Final = ("unit", "quantity", "minimum", "maximum", "decimals")
"""Facts that code and card state in the same form about a variable or parameter."""


def filled_in(fields: Mapping[str, Any], interface: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card, completed with the statements of the code that it lacks."""
    all_fields = dict(fields)
    every = fields_of("model")
    for name in ("version", "deterministic", "title", "description"):
        if interface.get(name) is not None and stated_as(fields, name, every) is None:
            text = name in ("title", "description")
            all_fields[name] = {"en": interface[name]} if text else interface[name]
    for name, field_ in PORTS:
        _fill_list(all_fields, name, field_, interface[name], _port, "role")
    if interface["parameters"]:
        _fill_list(all_fields, "parameters", PARAMETERS, interface["parameters"], _quantity, "name")
    return all_fields


def _fill_list(
    fields: dict[str, Any],
    name: str,
    field_: Field,
    interface: Sequence[Mapping[str, Any]],
    write_entry: Callable[[Mapping[str, Any]], dict[str, Any]],
    key: str,
) -> None:
    """Add the missing entries to the list ``name`` of ``fields``. The checks of the card report an invalid list."""
    place = stated_as(fields, name, (field_,)) or name
    value = fields.get(place)
    entries = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str | Mapping) for entry in entries):
        return
    waiting = {one[key]: write_entry(one) for one in interface}
    all_entries = []
    for entry in entries:
        members = {key: entry} if isinstance(entry, str) else dict(entry)
        name_key = stated_as(members, key, field_.fields)
        meant = waiting.pop(str(members.get(name_key)), None) if name_key else None
        all_entries.append(_merge(members, meant, field_) if meant else members)
    fields[place] = [*all_entries, *waiting.values()]


def _merge(fields: dict[str, Any], interface: Mapping[str, Any], field_: Field) -> dict[str, Any]:
    for name, value in interface.items():
        place = stated_as(fields, name, field_.fields)
        if place is None:
            fields[name] = value
        elif name == "variables":
            variables = find(field_.fields, "variables")
            assert variables is not None
            _fill_list(fields, name, variables, value, dict, "name")
    return fields


def _port(port: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input or output of the code as a card would write it."""
    fields: dict[str, Any] = {"role": port["role"]}
    if port.get("description"):
        fields["description"] = {"en": port["description"]}
    if port.get("schemas"):
        fields["schema"] = list(port["schemas"])
    if port.get("crs"):
        fields["crs"] = port["crs"][0]
    if port.get("required") is False:
        fields["required"] = False
    fields["variables"] = [_quantity(variable) for variable in port["variables"]]
    resolution = {"time": port.get("step"), "space": port.get("grain")}
    if any(value is not None for value in resolution.values()):
        fields["resolution"] = {name: value for name, value in resolution.items() if value is not None}
    return fields


def _quantity(quantity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variable or parameter of the code as a card would write it."""
    names = ("name", "type", "many", *FACTS, "default", "values")
    fields = {name: quantity[name] for name in names if quantity.get(name) is not None}
    if quantity.get("description"):
        fields["description"] = {"en": quantity["description"]}
    # By default a column is required, and a parameter is not.
    if "required" in quantity:
        fields["required"] = quantity["required"]
    return fields


def stated_as(entry: Mapping[str, Any], name: str, fields: tuple[Field, ...]) -> str | None:
    """Return the member under which ``entry`` states the field ``name``, whichever of its names it uses."""
    for key in entry:
        found = find(fields, str(key))
        if found is not None and found.name == name and entry[key] is not None:
            return str(key)
    return None


def model_of(interface: Mapping[str, Any], iri: str) -> Model:
    """Return a card made from the code alone, to run a model that is not published."""
    return Model(
        iri=iri,
        version=0,
        origin="",
        titles={},
        inputs=tuple(_as_port(one) for one in interface["inputs"]),
        outputs=tuple(_as_port(output) for output in interface["outputs"]),
        parameters=tuple(
            Parameter(
                name=parameter["name"],
                unit=parameter.get("unit"),
                default=parameter.get("default"),
                minimum=parameter.get("minimum"),
                maximum=parameter.get("maximum"),
                values=tuple(parameter.get("values", ())),
                type=parameter["type"],
                many=parameter.get("many", False),
                required=parameter.get("required", False),
            )
            for parameter in interface["parameters"]
        ),
        release=interface["version"],
        deterministic=interface["deterministic"],
    )


def _as_port(port: Mapping[str, Any]) -> Port:
    return Port(
        role=port["role"],
        variables=tuple(
            Variable(
                name=variable["name"],
                type=variable["type"],
                required=variable.get("required", True),
                **{name: variable.get(name) for name in FACTS},
            )
            for variable in port["variables"]
        ),
        required=port.get("required", True),
    )
