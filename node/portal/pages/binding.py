"""Binding a scenario to data: a form whose every state has an address, checked before anything runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from node.base.errors import InvalidInput, NotFound
from node.base.jsons import read_object
from node.catalogue.model import Record
from node.identity.roles import UseCase, allowed
from node.portal.cities import cities
from node.portal.markup import unit
from node.portal.pages.runs import scenarios_of
from node.portal.pages.scenario_parts import template_chain
from node.portal.views.scenarios import Candidate
from node.portal.visit import Visit
from node.scenarios.findings import ERROR, Finding
from node.scenarios.model import BoundInput, Layer, Parameter, Port, Template
from node.scenarios.run_view import window_json

if TYPE_CHECKING:
    from node.portal.responder import Responder


_NO_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An entry of a list of candidates: ``value`` is the form's spelling of it."""

    value: str
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowField:
    """The observations of a stream as they are typed: ``last``, or ``start`` and ``end`` in UTC. ``pin`` is the
    window that the last check has fixed: beginning, end and position; its times are shown to the second."""

    last: str = ""
    start: str = ""
    end: str = ""
    pin: str = ""

    def request(self) -> dict[str, str]:
        """Return the window for a binding: the fixed one unless another is typed. Empty if nothing is typed."""
        if self.last:
            return {"last": self.last}
        beginning, end, position = [*self.pin.split(" ", 2), "", "", ""][:3]
        if position and _is_shown(self.start, beginning) and _is_shown(self.end, end):
            return {"from": beginning, "to": end, "position": position}
        period = {"from": _utc(self.start), "to": _utc(self.end)}
        return period if any(period.values()) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleField:
    """One input with the assets that fit, the chosen one, and the findings about it. ``has_streams``: some of them
    are streams, of which a window is chosen."""

    port: Port
    choices: tuple[Choice, ...]
    choice: str
    findings: tuple[Finding, ...]
    has_streams: bool = False
    window: WindowField = WindowField()
    bound: BoundInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterField:
    parameter: Parameter
    value: str
    unit: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerField:
    """A layer that fits one of the chosen inputs, with its place in the stack (0: not chosen)."""

    layer: Layer
    place: int
    findings: tuple[Finding, ...]


async def bind(responder: Responder, visit: Visit) -> Response:
    """``/scenario/bind?template=``: choose and check. ``input.<role>``, ``param.<name>`` and ``layer`` (repeated,
    in the order of the stack) are the choices; with any input chosen the check is made at once."""
    scenarios, caller = scenarios_of(responder), visit.caller
    query = visit.parameters()
    values = dict(query)
    iri = values.get("template", "")
    if not iri:
        raise InvalidInput(
            "no scenario is chosen", remedy="start on the page of a scenario", facts={"case": "no-scenario"}
        )
    version = _version(values.get("version", ""))
    template = await scenarios.templates.get(iri, caller, version=version)
    candidates = await scenarios.templates.candidates(template.inputs, caller)
    choices_by_role = {role: _choices(files) for role, files in candidates.items()}
    asked = any(name.startswith("input.") for name, _ in query)
    pins_by_role = {role: values.get(f"input.{role}", "") for role in choices_by_role}
    if not asked:
        # The nearest candidate is preselected, so that a template of this node can run at once.
        pins_by_role = {role: _likeliest(choices) for role, choices in choices_by_role.items()}
    layers_in_order = _layers_in_order(query, values)
    layers = [
        layer
        for target in dict.fromkeys(_read_choice(value)[0] for value in pins_by_role.values() if value)
        for layer in await scenarios.layers.of(target)
    ]
    live = {choice.value for choices in choices_by_role.values() for choice in choices if choice.candidate.is_live}
    windows = {role: _window(role, values) for role, value in pins_by_role.items() if value in live}
    request = _request(template, version, pins_by_role, values, layers_in_order, windows)
    bound = await scenarios.runs.check(request, caller) if asked else None
    inputs = (
        {bound_input.role: bound_input for bound_input in bound.binding.inputs} if bound and bound.binding else {}
    )
    fixed_query = _fixed_query(query, windows, {pin.role: pin for pin in bound.inputs} if bound else {})
    if fixed_query is not None:
        # The address of a check has the window that it read: who looks at it again reads the same, and not anew.
        return responder.go(visit, f"{visit.url('/scenario/bind')}?{urlencode(fixed_query)}")
    _fix_windows(request, inputs)
    findings = bound.findings if bound else ()
    pins = bound.binding.pins if bound and bound.binding else ()
    city_names = await cities(responder.node, caller, {pin.origin: pin.origin_name for pin in pins})
    return responder.render(
        visit,
        "bind.html",
        template_=template,
        version=version,
        roles=[
            RoleField(
                port=role,
                choices=choices_by_role[role.role],
                choice=pins_by_role[role.role],
                findings=_at(findings, f"input {role.role}"),
                has_streams=any(choice.candidate.is_live for choice in choices_by_role[role.role]),
                window=_window(role.role, values),
                bound=inputs.get(role.role),
            )
            for role in template.inputs
        ],
        parameters=[
            ParameterField(
                parameter=parameter,
                value=values.get(f"param.{parameter.name}", _plain(parameter.default)),
                unit=unit(parameter.unit) if parameter.unit not in (None, "1") else "",
                findings=_at(findings, f"parameter {parameter.name}"),
            )
            for parameter in template.parameters
        ],
        layers=[
            LayerField(
                layer=layer,
                place=layers_in_order.index(layer.id) + 1 if layer.id in layers_in_order else 0,
                findings=_at(findings, f"layer {layer.id}", f"layer {layer.title}"),
            )
            for layer in layers
        ],
        elsewhere=_elsewhere(findings, template, layers),
        bound=bound,
        sound=bool(bound and bound.binding),
        may_publish=allowed(caller, UseCase.PUBLISH),
        stops=[one for one in findings if one.severity == ERROR],
        transformations=await _transformations(responder, visit, findings),
        binding=json.dumps(request, ensure_ascii=False),
        cities=city_names,
        picture=await template_chain(
            responder, visit, template, city_names, missing=[r for r, c in pins_by_role.items() if not c]
        ),
        targets={
            (choice.candidate.iri, choice.candidate.file): choice.candidate.titles
            for role, choices in choices_by_role.items()
            for choice in choices
            if choice.value == pins_by_role[role] and not choice.candidate.is_live
        },
    )


async def start(responder: Responder, visit: Visit) -> Response:
    """``POST /scenario/start``: run the checked binding; it is checked again, since time has passed."""
    run = await scenarios_of(responder).runs.start(read_object(visit.fields.get("binding", "")), visit.caller)
    return responder.go(visit, visit.url(f"/runs/{quote(run.pid, safe='')}", done="started"))


def _request(
    template: Template,
    version: int | None,
    choices: Mapping[str, str],
    values: Mapping[str, str],
    layers: list[str],
    windows: Mapping[str, WindowField],
) -> dict[str, Any]:
    """Return the binding as ``node.scenarios.runs.request`` reads it."""
    inputs: dict[str, dict[str, Any]] = {}
    for role, value in choices.items():
        if value:
            dataset, number, place, file = _read_choice(value)
            inputs[role] = {"dataset": dataset, "version": number, "file": file, "inPlace": place}
            if role in windows and (window := windows[role].request()):
                inputs[role]["window"] = window
    parameters = {}
    for parameter in template.parameters:
        text = values.get(f"param.{parameter.name}", "").strip()
        if text:
            parameters[parameter.name] = _value(parameter, text)
    return {
        "scenario": template.iri,
        "version": version or template.version,
        "inputs": inputs,
        "parameters": parameters,
        "layers": layers,
    }


def _window(role: str, values: Mapping[str, str]) -> WindowField:
    last, start, end, pin = (values.get(f"{name}.{role}", "").strip() for name in ("last", "from", "to", "pin"))
    return WindowField(last=last, start=start, end=end, pin=pin)


def _field_text(time: str) -> str:
    """Return a time in UTC as a field of a form shows it."""
    return time[:19]


def _is_shown(text: str, time: str) -> bool:
    """Return whether a field has the text that shows ``time``; browsers leave out seconds that are zero."""
    display = _field_text(time)
    return text == display or (display.endswith(":00") and text == display[:-3])


def _fixed_query(
    query: Sequence[tuple[str, str]], windows: Mapping[str, WindowField], inputs: Mapping[str, BoundInput]
) -> list[tuple[str, str]] | None:
    """Return the query with the windows that a check has fixed; None if it has them already."""
    pins = {
        role: window_json(bound.window)
        for role, bound in inputs.items()
        if bound.window is not None and role in windows and "position" not in windows[role].request()
    }
    if not pins:
        return None
    names = {f"{name}.{role}" for role in pins for name in ("last", "from", "to", "pin")}
    pairs = [(name, value) for name, value in query if name not in names]
    for role, pin in pins.items():
        pairs += [(f"from.{role}", _field_text(pin["from"])), (f"to.{role}", _field_text(pin["to"]))]
        pairs.append((f"pin.{role}", f"{pin['from']} {pin['to']} {pin['position']}"))
    return pairs


def _utc(text: str) -> str:
    """Return a time that a browser sends without a zone as one in UTC."""
    return f"{text}Z" if _NO_ZONE.fullmatch(text) else text


def _fix_windows(request: Mapping[str, Any], inputs: Mapping[str, BoundInput]) -> None:
    """Put the windows that the check has fixed into the binding: the run uses the same observations."""
    for role, bound in inputs.items():
        if bound.window is not None:
            window = window_json(bound.window)
            request["inputs"][role]["window"] = {name: window[name] for name in ("from", "to", "position")}


def _value(parameter: Parameter, text: str) -> Any:
    """Return the typed text as a value of the parameter's type; the check judges it."""
    for choice in parameter.values:
        if _plain(choice) == text:
            return choice
    if isinstance(parameter.default, bool):
        return text in ("true", "yes", "1", "on")
    if parameter.unit is not None or isinstance(parameter.default, int | float):
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return text
        return int(number) if number.is_integer() and "." not in text and "," not in text else number
    return text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(candidates: Sequence[Candidate]) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            value=f"{candidate.iri} {candidate.version} {'place' if candidate.in_place else 'here'} {candidate.file}",
            candidate=candidate,
        )
        for candidate in candidates
    )


def _likeliest(choices: Sequence[Choice]) -> str:
    return next((choice.value for choice in choices if not choice.candidate.doubt), "")


def _read_choice(value: str) -> tuple[str, int | None, bool, str | None]:
    """Return (dataset, version, whether in place, file). An IRI has no blanks; the name of a file may have some."""
    dataset, *rest = value.split(" ", 3)
    return (
        dataset,
        _version(rest[0]) if rest else None,
        len(rest) > 1 and rest[1] == "place",
        rest[2] if len(rest) > 2 else None,
    )


def _layers_in_order(query: Sequence[tuple[str, str]], values: Mapping[str, str]) -> list[str]:
    """Return the chosen layers in the order of the stack: by ``order.<id>``, else in the order of the form."""
    layer_ids = list(dict.fromkeys(value for name, value in query if name == "layer"))

    def place(layer: str) -> int:
        text = values.get(f"order.{layer}", "")
        return int(text) if text.isdecimal() and len(text) < 4 else layer_ids.index(layer) + 1

    return sorted(layer_ids, key=place)


def _version(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < len(text) < 10 and int(text) else None


def _at(findings: Sequence[Finding], *places: str) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.place in places)


def _elsewhere(findings: Sequence[Finding], template: Template, layers: Sequence[Layer]) -> list[Finding]:
    """Return the findings that belong to no field: steps and wires between them."""
    fields = {f"input {role.role}" for role in template.inputs}
    fields |= {f"parameter {parameter.name}" for parameter in template.parameters}
    fields |= {place for layer in layers for place in (f"layer {layer.id}", f"layer {layer.title}")}
    return [one for one in findings if one.place not in fields]


async def _transformations(responder: Responder, visit: Visit, findings: Sequence[Finding]) -> dict[str, Record]:
    """Return the transformations that would remedy a finding, as far as the reader may see them."""
    records = {}
    for iri in dict.fromkeys(iri for one in findings for iri in one.transformations):
        try:
            records[iri] = await responder.node.catalogue.browse.record(iri, visit.caller)
        except NotFound:
            continue
    return records
