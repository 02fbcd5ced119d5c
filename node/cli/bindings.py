"""Bindings as typed: options of ``run``, or a file that they change; ids of runs and layers from their ends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from node.base.errors import InvalidInput
from node.cli.yamls import read_description

if TYPE_CHECKING:
    from node.client import HansaClient

SHA256_LENGTH: Final = 64


def binding(
    scenario: str,
    inputs: Sequence[str] | None,
    sets: Sequence[str] | None,
    layers: Sequence[str] | None,
    in_place: Sequence[str] | None,
    windows: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the binding from the options, or from a file that the options change.

    Raises ``InvalidInput`` for an option that cannot be read. The node reports errors in the content of a file.
    """
    bound: dict[str, Any] = {"scenario": scenario}
    if scenario.endswith((".yaml", ".yml", ".json")):
        path = Path(scenario)
        if not path.is_file():
            raise InvalidInput(f"there is no file {scenario}", remedy="give a binding, or the address of a scenario")
        bound, _ = read_description(path)
    elif "@" in scenario and _is_number(scenario.rpartition("@")[2]):
        address, _, version = scenario.rpartition("@")
        bound = {"scenario": address, "version": int(version)}
    if inputs or in_place or windows:
        roles = bound["inputs"] = _members(bound, "inputs")
        for text in inputs or ():
            role, given = _pair(text, "--input", "role=dataset/NAME")
            roles[role] = _input(given)
        for role in in_place or ():
            roles[role] = _in_place(role, roles.get(role))
        for text in windows or ():
            role, period = _pair(text, "--window", "role=10m")
            members = _members_of_input(role, roles.get(role), "--window")
            roles[role] = {**members, "window": period}
    if sets:
        bound["parameters"] = _members(bound, "parameters")
        for text in sets:
            name, value = _pair(text, "--set", "name=value")
            bound["parameters"][name] = _value(value)
    if layers:
        earlier_layers = bound.get("layers") or []
        if not isinstance(earlier_layers, list):
            raise InvalidInput(f"layers of {scenario} is not a list", remedy="write layers: [NAME]")
        bound["layers"] = [*earlier_layers, *layers]
    return bound


def _members(bound: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = bound.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} of the binding is not a list of names with values", remedy=f"write {name}: {{…}}")
    return dict(value)


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name or not value:
        raise InvalidInput(f"{option} {text}: there is no name, or no value", remedy=f"write {option} {example}")
    return name, value


def _input(text: str) -> dict[str, Any]:
    address, _, file = text.partition("#")
    address, at, version = address.partition("@")
    members: dict[str, Any] = {"dataset": address}
    if at:
        if not _is_number(version):
            raise InvalidInput(f"{text}: {version or 'nothing'} is not a version", remedy="write dataset/NAME@2")
        members["version"] = int(version)
    if file:
        members["file"] = file
    return members


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _in_place(role: str, value: Any) -> dict[str, Any]:
    return {**_members_of_input(role, value, "--in-place"), "inPlace": True}


def _members_of_input(role: str, value: Any, option: str) -> Mapping[str, Any]:
    if value is None:
        raise InvalidInput(f"{option} {role}: that input is not bound", remedy=f"add --input {role}=…")
    members = {"dataset": value} if isinstance(value, str) else value
    if not isinstance(members, Mapping):
        raise InvalidInput(f"input {role} is neither an address nor an object", remedy=f"write {role}: dataset/NAME")
    return members


def with_windows(bound: Mapping[str, Any], check: Mapping[str, Any]) -> dict[str, Any]:
    """Return the binding with the windows of streams that its check has fixed: the run uses the same, and nothing is
    read twice."""
    inputs = dict(bound.get("inputs") or {})
    for role, entry in check["inputs"].items():
        if "window" in entry:
            window = {name: entry["window"][name] for name in ("from", "to", "position")}
            inputs[role] = {
                **_members_of_input(role, inputs.get(role, entry["dataset"]), "--window"),
                "window": window,
            }
    return {**bound, **({"inputs": inputs} if inputs else {})}


def _value(text: str) -> Any:
    """Return a number, true, false, null or another JSON value; else the text itself."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> NoReturn:
    # JSON has no NaN, although Python's reader accepts it.
    raise ValueError(name)


# ---- runs and layers by the ends of their ids ---------------------------------------------------------------


def whole(client: HansaClient, pid: str) -> str:
    """Return the pid for a pid or the end of one. Raises ``InvalidInput`` if no run, or more than one, ends so."""
    if pid.startswith("urn:"):
        return pid
    ending = [run["pid"] for run in client.scenarios.runs(limit=500) if run["pid"].endswith(pid)]
    if not ending:
        raise InvalidInput(f"there is no run {pid}", remedy="see the list: hansa run list")
    if len(ending) > 1:
        raise InvalidInput(f"{len(ending)} runs end in {pid}", remedy="give more of the id, as in hansa run list")
    return str(ending[0])


def whole_layers(client: HansaClient, names: Sequence[str] | None) -> list[str]:
    """Return the ids of change layers for ids or the ends of ids. A name without a match is returned unchanged: the
    node refuses it. Raises ``InvalidInput`` if more than one layer ends so."""
    return [whole_layer(client, name) for name in names or ()]


def whole_layer(client: HansaClient, name: str) -> str:
    """Return the id of a layer: see ``whole_layers``."""
    if name.startswith("urn:") or len(name) == SHA256_LENGTH:
        return name
    known = [str(layer["id"]) for layer in client.scenarios.layers()]
    ending = [name] if name in known else [one for one in known if one.endswith(name)]
    if len(ending) > 1:
        raise InvalidInput(f"{len(ending)} change layers end in {name}", remedy="hansa layer list")
    return ending[0] if ending else name


# ---- two of them ----------------------------------------------------------------------------------------------


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the differences of two bindings: place (``input network``, ``step noise``, …) → both values in words."""
    rows: dict[str, tuple[str, str]] = {}
    _differ(rows, "scenario", *(f"{side['scenario']} version {side['version']}" for side in (left, right)))
    for part, words_for in (("inputs", _input_words), ("steps", _step_words), ("parameters", str)):
        for name in sorted({*left[part], *right[part]}):
            one, other = (words_for(side[part][name]) if name in side[part] else "–" for side in (left, right))
            _differ(rows, f"{part.removesuffix('s')} {name}", one, other)
    _differ(rows, "layers", *(", ".join(each[:12] for each in side["layers"]) or "–" for side in (left, right)))
    return rows


def _differ(rows: dict[str, tuple[str, str]], place: str, left: str, right: str) -> None:
    if left != right:
        rows[place] = (left, right)


def _input_words(bound: Mapping[str, Any]) -> str:
    stays = ", stays with its owner" if bound.get("inPlace") else ""
    window = f", {window_words(bound['window'])}" if "window" in bound else ""
    return f"{bound['dataset']} version {bound['version']} {bound['file']}{window}{stays}"


def window_words(window: Mapping[str, Any]) -> str:
    """Return a window of a stream in words."""
    return f"{window['count']} observations from {window['from']} to {window['to']}"


def _step_words(bound: Mapping[str, Any]) -> str:
    return f"{bound['uses']} version {bound['version']}"


def pair_indicators(
    left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]
) -> list[tuple[str, Any, Any]]:
    """Return the indicators of two runs beside each other; None if a run has no indicator of that name."""
    one, other = ({each["name"]: each["after"] for each in side} for side in (left, right))
    return [(name, one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other))]
