"""A request to run a scenario: JSON in, checked values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput
from node.datasources.streams.windows import LONGEST, WindowQuestion
from node.semantics.kinds import iri_meant

_INPUT: Final = frozenset({"dataset", "version", "file", "inPlace", "window"})
_WINDOW: Final = frozenset({"from", "to", "last", "position"})
_USED: Final = frozenset({"iri", "version"})
_MEMBERS: Final = frozenset({"scenario", "version", "inputs", "uses", "parameters", "layers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequest:
    """The request to bind a role. Without ``version`` it means the newest one, without ``file`` the only one.
    ``in_place``: the bytes are to stay with their owner, who runs the model on them. ``window``: the observations of
    a stream that are meant."""

    dataset: str
    version: int | None = None
    file: str | None = None
    in_place: bool = False
    window: WindowQuestion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRequest:
    """The request that a step uses something else than the template's model or transformation."""

    iri: str
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRequest:
    """A binding as a person writes it. ``layers`` are SHA-256 or ids of change layers, in order."""

    scenario: str
    version: int | None = None
    inputs: Mapping[str, InputRequest] = field(default_factory=dict)
    uses: Mapping[str, UseRequest] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[str, ...] = ()


def binding_request(body: Mapping[str, Any], base: str) -> BindingRequest:
    """Read a binding. An input may be the address of a dataset alone; ``dataset/slug`` is one of the node at
    ``base``.

    Raises ``InvalidInput`` naming the member.
    """
    _only(body, _MEMBERS, "the binding")
    layers = [] if body.get("layers") is None else body["layers"]
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        raise InvalidInput("layers is not a list of layers", remedy="name them as in: hansa layer list")
    return BindingRequest(
        scenario=iri_meant(_text(body, "scenario", "the binding"), base),
        version=_number(body, "version", "the binding"),
        inputs={role: _input(role, one, base) for role, one in _object(body, "inputs").items()},
        uses={step: _use(step, one, base) for step, one in _object(body, "uses").items()},
        parameters=dict(_object(body, "parameters")),
        layers=tuple(layers),
    )


def _input(role: str, value: Any, base: str) -> InputRequest:
    place = f"input {role}"
    members = {"dataset": value} if isinstance(value, str) else value
    if not isinstance(members, Mapping):
        raise InvalidInput(
            f"{place} is neither an address nor an object", remedy=f"bind {role}: https://…/datasets/…"
        )
    _only(members, _INPUT, place)
    in_place, name = members.get("inPlace", False), members.get("file")
    if not isinstance(in_place, bool) or not isinstance(name, str | None):
        raise InvalidInput(
            f"{place}: inPlace is true or false, and file the name of a file",
            remedy="write inPlace: true, and file: counts.csv",
        )
    window = None if members.get("window") is None else _window(members["window"], place)
    if window is not None and in_place:
        raise InvalidInput(
            f"{place}: a window of a stream is fetched, and cannot stay with its owner", remedy="leave out inPlace"
        )
    return InputRequest(
        dataset=iri_meant(_text(members, "dataset", place), base),
        version=_number(members, "version", place),
        file=name,
        in_place=in_place,
        window=window,
    )


def _window(value: Any, place: str) -> WindowQuestion:
    """Read a window: ``{from, to}`` or ``{last}``, or as text ``T1/T2`` or ``10m``."""
    if isinstance(value, str):
        start, slash, end = value.partition("/")
        value = {"from": start, "to": end} if slash else {"last": value}
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise InvalidInput(
            f"{place}: the window is neither a text nor an object of texts",
            remedy='write window: 10m, or window: {from: "2026-11-22T08:00:00Z", to: "2026-11-22T09:00:00Z"}',
        )
    _only(value, _WINDOW, f"the window of {place}")
    try:
        question = WindowQuestion.read(value)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.detail}", remedy=error.remedy) from error
    if question.last is not None and (question.position or question.last > LONGEST):
        raise InvalidInput(
            f"{place}: the last so many minutes have no position yet, and are at most {LONGEST.days} days",
            remedy="write window: 10m",
        )
    return question


def _use(step: str, value: Any, base: str) -> UseRequest:
    place = f"step {step}"
    members = {"iri": value} if isinstance(value, str) else value
    if not isinstance(members, Mapping):
        raise InvalidInput(
            f"{place} is neither an address nor an object",
            remedy="write the address of a model, or an object with iri:",
        )
    _only(members, _USED, place)
    return UseRequest(iri=iri_meant(_text(members, "iri", place), base), version=_number(members, "version", place))


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = {} if body.get(name) is None else body[name]
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is not an object", remedy=f'write "{name}": {{…}}')
    return value


def _only(members: Mapping[str, Any], names: frozenset[str], place: str) -> None:
    odd = sorted(set(members) - names)
    if odd:
        raise InvalidInput(
            f"{place} has members that are not known: {', '.join(odd)[:200]}",
            remedy=f"known are: {', '.join(sorted(names))}",
        )


def _text(members: Mapping[str, Any], name: str, place: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{place} lacks {name}", remedy=f"give {name} as text")
    return value


def _number(members: Mapping[str, Any], name: str, place: str) -> int | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{place}: {name} must be the number of a version", remedy="versions are numbered from 1")
    return value
