"""Execute requests of OGC API Processes (OGC 18-062r2 §7.11): read strictly, checked against a model's card, written.

Inputs and parameters share one map. An input is rows by value (a list of objects, a FeatureCollection, or either of
them as the ``value`` of an object), or a reference to a file of a dataset of the node that runs the model:
``{"href": "<dataset>#v<version>", "file": name}``. A parameter is its value, or an object with the ``value``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.base.jsons import read_object
from node.scenarios.model import Model, Port, Rows
from node.scenarios.models.code import MOST_VALUES, settle_parameters
from node.scenarios.ports import Reference
from node.scenarios.tables.files import MAX_ROWS, from_features
from node.scenarios.tables.rows import columns

MOST_BYTES: Final = 64 << 20
"""The most bytes of a request, and of an answer of another service, that are read."""

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""Longitude and latitude in degrees: the default for the coordinates of a bounding box."""

RAW: Final = "raw"
DOCUMENT: Final = "document"
FEATURES: Final = "FeatureCollection"

_VERSION_IRI: Final = re.compile(r"(https?://[^\s#]+)#v([1-9]\d{0,8})")
_MEMBERS: Final = frozenset({"inputs", "outputs", "response", "subscriber", "mode"})
_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An execute request. ``outputs`` are the requested roles, None for all of them."""

    inputs: Mapping[str, Rows | Reference]
    parameters: Mapping[str, Any]
    outputs: tuple[str, ...] | None = None
    response: str = RAW


def read_request(model: Model, body: bytes) -> Request:
    """Return the request in ``body``, which fits the card of ``model``.

    Raises ``InvalidInput`` that names the member and the names that exist, ``TooLarge`` beyond the caps.
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(
            f"a request has at most {MOST_BYTES >> 20} MB here",
            remedy="give a smaller area, or name a dataset of this node by reference",
        )
    # Commas and brackets are counted before anything is parsed: objects take twenty times the memory of their text.
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise TooLarge(f"a request has at most {MOST_VALUES} values here", remedy="give a smaller area")
    members = read_object(body)
    _only(members)
    values = members.get("inputs", {})
    if not isinstance(values, Mapping):
        raise InvalidInput("inputs is not an object", remedy='send {"inputs": {"name": value}}')
    inputs, parameters = _divide(model, values)
    _check_inputs(model, inputs)
    settle_parameters(model, parameters)
    return Request(
        inputs=inputs,
        parameters=parameters,
        outputs=_outputs(model, members.get("outputs")),
        response=_response(members.get("response", RAW)),
    )


def write_request(request: Request) -> bytes:
    """Return the request in the form that is hashed: members sorted, without members that were not given."""
    members: dict[str, Any] = {
        "inputs": {**{role: value_of(one) for role, one in request.inputs.items()}, **request.parameters},
        "response": request.response,
    }
    if request.outputs is not None:
        members["outputs"] = {role: {"transmissionMode": "value"} for role in request.outputs}
    return as_json(members)


def value_of(value: Rows | Reference) -> Any:
    """Return rows or a reference as a member of ``inputs``."""
    if isinstance(value, Reference):
        return {"href": f"{value.iri}#v{value.version}", **({"file": value.file} if value.file else {})}
    return list(value)


def as_json(value: Any) -> bytes:
    """Return JSON with sorted members and without blanks: the same value gives the same bytes.

    It is not ``canonical``, which is written in Python and too slow: the rows of a request or a result are many
    megabytes. It is sent, and stored beside the hash of these bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read_input(name: str, value: Any) -> Rows | Reference:
    """Return rows or a reference, from any of their forms. Raises ``InvalidInput``, which names the input."""
    if isinstance(value, Mapping) and "href" in value:
        return _reference(name, value)
    if isinstance(value, Mapping) and "value" in value and value.get("type") != FEATURES:
        value = value["value"]
    if isinstance(value, Mapping) and value.get("type") == FEATURES:
        return from_features(value)
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise InvalidInput(
            f"input {name} is neither a list of rows nor a FeatureCollection nor a reference",
            remedy=f'send {{"{name}": [{{"column": value}}]}} or {{"{name}": {{"href": "<dataset>#v1"}}}}',
            facts={"input": name},
        )
    if len(value) > MAX_ROWS:
        raise TooLarge(
            f"input {name} has {len(value)} rows, at most {MAX_ROWS} are read",
            remedy="send a part of the rows, or a summary of them",
            facts={"input": name},
        )
    return value


def _divide(model: Model, values: Mapping[str, Any]) -> tuple[dict[str, Rows | Reference], dict[str, Any]]:
    roles = {port.role for port in model.inputs}
    names = {parameter.name for parameter in model.parameters}
    unknown = sorted(str(name) for name in set(values) - roles - names)
    if unknown:
        raise InvalidInput(
            f"the process has no input {_list_names(unknown)}",
            remedy=f"inputs: {_list_names(sorted(roles))}; parameters: {_list_names(sorted(names - roles))}",
            facts={"inputs": unknown[:_NAMED]},
        )
    inputs = {name: read_input(name, value) for name, value in values.items() if name in roles}
    lists = {parameter.name for parameter in model.parameters if parameter.many}
    parameters = {
        name: _box(name, value) if name in lists else _plain(value)
        for name, value in values.items()
        if name not in roles
    }
    return inputs, parameters


def _check_inputs(model: Model, inputs: Mapping[str, Rows | Reference]) -> None:
    missing = [port.role for port in model.inputs if port.required and port.role not in inputs]
    if missing:
        raise InvalidInput(
            f"input {_list_names(missing)} is missing",
            remedy=f"inputs: {_list_names([port.role for port in model.inputs])}",
            facts={"inputs": missing},
        )
    for port in model.inputs:
        rows = inputs.get(port.role)
        if rows and not isinstance(rows, Reference):
            _check_columns(port, rows)


def _check_columns(port: Port, rows: Rows) -> None:
    present = set(columns(rows))
    lacking = [variable.name for variable in port.variables if variable.name not in present]
    if lacking:
        raise InvalidInput(
            f"the rows of {port.role} have no {_list_names(lacking)}",
            remedy=f"they have: {_list_names(sorted(present))}",
            facts={"input": port.role, "columns": lacking},
        )


def _outputs(model: Model, outputs: Any) -> tuple[str, ...] | None:
    """Return the roles in ``outputs``, a map of outputs to forms of transmission. Only ``value`` is offered."""
    if outputs is None or outputs == {}:
        return None
    if not isinstance(outputs, Mapping):
        raise InvalidInput("outputs is not an object", remedy='send {"outputs": {"name": {}}}')
    roles = [port.role for port in model.outputs]
    unknown = sorted(str(name) for name in outputs if name not in roles)
    if unknown:
        raise InvalidInput(
            f"the process has no output {_list_names(unknown)}",
            remedy=f"outputs: {_list_names(roles)}",
            facts={"outputs": unknown[:_NAMED]},
        )
    for name, how in outputs.items():
        if isinstance(how, Mapping) and how.get("transmissionMode", "value") != "value":
            raise InvalidInput(
                f"this node returns output {name} only by value",
                remedy="remove transmissionMode",
                facts={"output": name},
            )
    return tuple(role for role in roles if role in outputs)


def _response(value: Any) -> str:
    if value not in (RAW, DOCUMENT):
        raise InvalidInput("response is neither raw nor document", remedy=f'send "response": "{DOCUMENT}"')
    return str(value)


def _only(members: Mapping[str, Any]) -> None:
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        raise InvalidInput(
            f"an execute request has no member {_list_names(unknown)}",
            remedy=f"it has: {_list_names(sorted(_MEMBERS))}",
        )
    if members.get("subscriber") is not None:
        raise InvalidInput(
            "this node sends no callbacks", remedy="remove subscriber, and ask for the status of the job"
        )


def _reference(name: str, value: Mapping[str, Any]) -> Reference:
    match = _VERSION_IRI.fullmatch(str(value["href"]))
    file = value.get("file", "")
    if match is None or not isinstance(file, str):
        raise InvalidInput(
            f"input {name} refers to something that is not a version of a dataset",
            remedy='send {"href": "<address of the dataset>#v<number>", "file": "<name>"}',
            facts={"input": name},
        )
    return Reference(iri=match[1], version=int(match[2]), file=file)


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and set(value) <= {"value", "mediaType"} else value


def _box(name: str, value: Any) -> Any:
    """Return a list; or the numbers of a bounding box in the form of OGC 18-062r2 (bbox.yaml), in longitude and
    latitude."""
    if not isinstance(value, Mapping) or "bbox" not in value:
        return _plain(value)
    crs = value.get("crs", CRS84)
    if crs != CRS84 or not isinstance(value["bbox"], list):
        raise InvalidInput(
            f"{name} is a bounding box in {str(crs)[:120]}",
            remedy=f'send {{"bbox": [west, south, east, north]}} in degrees, or the same with "crs": "{CRS84}"',
            facts={"input": name},
        )
    return value["bbox"]


def _list_names(names: Sequence[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:_NAMED]) or "none"
    return f"{shown} …" if len(names) > _NAMED else shown
