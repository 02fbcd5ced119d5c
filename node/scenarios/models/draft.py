"""From the annotations of a model's code to its card: a whole draft, or what a card leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from node.scenarios.model import Model, Parameter, Port, Variable
from node.semantics.description.fields import INPUTS, OUTPUTS, PARAMETERS, fields_of
from node.semantics.description.forms import Field, find

PORTS: Final = (("inputs", INPUTS), ("outputs", OUTPUTS))
FACTS: Final = ("unit", "quantity", "minimum", "maximum", "decimals")
"""What code and card say alike of a variable or parameter."""


def filled_in(fields: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The card with everything that the code says and the card does not."""
    made = dict(fields)
    every = fields_of("model")
    for name in ("version", "deterministic", "title", "description"):
        if said.get(name) is not None and stated_as(fields, name, every) is None:
            text = name in ("title", "description")
            made[name] = {"en": said[name]} if text else said[name]
    for name, field_ in PORTS:
        _fill_list(made, name, field_, said[name], _port, "role")
    if said["parameters"]:
        _fill_list(made, "parameters", PARAMETERS, said["parameters"], _quantity, "name")
    return made


def _fill_list(
    made: dict[str, Any],
    name: str,
    field_: Field,
    said: Sequence[Mapping[str, Any]],
    written: Callable[[Mapping[str, Any]], dict[str, Any]],
    key: str,
) -> None:
    """Add to the list ``name`` of ``made`` what it lacks. A list that is no list is left to those who check it."""
    place = stated_as(made, name, (field_,)) or name
    given = made.get(place)
    entries = [] if given is None else given if isinstance(given, list) else [given]
    if not all(isinstance(entry, str | Mapping) for entry in entries):
        return
    waiting = {one[key]: written(one) for one in said}
    kept = []
    for entry in entries:
        stated = {key: entry} if isinstance(entry, str) else dict(entry)
        name_key = stated_as(stated, key, field_.fields)
        meant = waiting.pop(str(stated.get(name_key)), None) if name_key else None
        kept.append(_merged(stated, meant, field_) if meant else stated)
    made[place] = [*kept, *waiting.values()]


def _merged(stated: dict[str, Any], meant: Mapping[str, Any], field_: Field) -> dict[str, Any]:
    for name, value in meant.items():
        place = stated_as(stated, name, field_.fields)
        if place is None:
            stated[name] = value
        elif name == "variables":
            variables = find(field_.fields, "variables")
            assert variables is not None
            _fill_list(stated, name, variables, value, dict, "name")
    return stated


def _port(said: Mapping[str, Any]) -> dict[str, Any]:
    """An input or output of the code as a card would write it."""
    made: dict[str, Any] = {"role": said["role"]}
    if said.get("description"):
        made["description"] = {"en": said["description"]}
    if said.get("schemas"):
        made["schema"] = list(said["schemas"])
    if said.get("crs"):
        made["crs"] = said["crs"][0]
    if said.get("required") is False:
        made["required"] = False
    made["variables"] = [_quantity(variable) for variable in said["variables"]]
    resolution = {"time": said.get("step"), "space": said.get("grain")}
    if any(value is not None for value in resolution.values()):
        made["resolution"] = {name: value for name, value in resolution.items() if value is not None}
    return made


def _quantity(said: Mapping[str, Any]) -> dict[str, Any]:
    """A variable or parameter of the code as a card would write it."""
    names = ("name", "type", "many", *FACTS, "default", "values")
    made = {name: said[name] for name in names if said.get(name) is not None}
    if said.get("description"):
        made["description"] = {"en": said["description"]}
    # A column is required unless it says otherwise, a parameter is not.
    if "required" in said:
        made["required"] = said["required"]
    return made


def stated_as(entry: Mapping[str, Any], name: str, fields: tuple[Field, ...]) -> str | None:
    """The member under which ``entry`` states the field ``name``, whichever of its names it uses."""
    for given in entry:
        found = find(fields, str(given))
        if found is not None and found.name == name and entry[given] is not None:
            return str(given)
    return None


def model_of(said: Mapping[str, Any], iri: str) -> Model:
    """A card of nothing but what the code says: to run a model that is not published."""
    return Model(
        iri=iri,
        version=0,
        origin="",
        titles={},
        inputs=tuple(_as_port(one) for one in said["inputs"]),
        outputs=tuple(_as_port(output) for output in said["outputs"]),
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
            for parameter in said["parameters"]
        ),
        release=said["version"],
        deterministic=said["deterministic"],
    )


def _as_port(said: Mapping[str, Any]) -> Port:
    return Port(
        role=said["role"],
        variables=tuple(
            Variable(
                name=variable["name"],
                type=variable["type"],
                required=variable.get("required", True),
                **{name: variable.get(name) for name in FACTS},
            )
            for variable in said["variables"]
        ),
        required=said.get("required", True),
    )
