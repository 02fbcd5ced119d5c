"""Answers of processes elsewhere, in any form, read as the rows of a model's outputs.

Services answer one request in many forms: a map of outputs (OGC 18-062r2 §7.11.4, ``document``), a list of
``{"id", "value"}``, the bare value of a single output (``raw``), any of these below ``outputs`` and in a list of one
more (pygeoapi). An output is rows, a FeatureCollection, one object (a row), one value where the card declares one
column, or a link to any of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, Overloaded
from node.base.jsons import read_json
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Port, Rows
from node.scenarios.models.code import MOST_VALUES
from node.scenarios.models.requests import FEATURES, as_json, read_input
from node.scenarios.ports import Reference
from node.scenarios.run_model import Caveat

_OUTPUTS: Final = "outputs"
_SINGLE: Final = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A parsed answer: the value of each output as received, and the caveats in the answer."""

    values: Mapping[str, Any]
    caveats: tuple[Caveat, ...] = ()

    @property
    def links(self) -> dict[str, str]:
        """Return the addresses of the outputs that are given by reference."""
        return {role: found for role, value in self.values.items() if (found := _link_address(value))}


def parsed_answer(model: Model, body: bytes) -> ModelAnswer:
    """Return the outputs of ``model`` in an answer, by role. Raises ``ModelFailed`` for a body that is not JSON,
    ``Overloaded`` for more values than a step takes."""
    _count(body)
    try:
        document = read_json(body)
    except InvalidInput as error:
        raise _not_rows(error) from error
    roles = [port.role for port in model.outputs]
    said = document.get("caveats") if isinstance(document, Mapping) and "caveats" not in roles else None
    listed = [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []
    return ModelAnswer(values=_by_role(model, document), caveats=tuple(_caveat(one) for one in listed))


def one_value(model: Model, role: str, body: bytes) -> Any:
    """Return the value in the document to which the link of one output leads. Raises as ``parsed_answer``."""
    _count(body)
    try:
        document = read_json(body)
    except InvalidInput as error:
        raise _not_rows(error) from error
    if isinstance(document, Mapping) and document.get("type") != FEATURES:
        named = _by_role(model, document)
        return named.get(role, document)
    return document


def rows_of(model: Model, values: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the rows of each output. Raises ``ModelFailed`` for a missing output and for values that are not
    rows."""
    ports = {port.role: port for port in model.outputs}
    try:
        outputs = {role: _rows(ports[role], value) for role, value in values.items()}
    except InvalidInput as error:
        raise _not_rows(error) from error
    missing = [port.role for port in model.outputs if port.required and port.role not in outputs]
    if missing:
        raise ModelFailed(
            f"the service returned no {', '.join(missing)}",
            remedy="ask its owner to correct the model's card",
            facts={"case": "missing", "model": model.iri.rpartition("/")[2], "outputs": missing},
        )
    return outputs


def _count(body: bytes) -> None:
    # Commas and brackets are counted before anything is parsed: objects take twenty times the memory of their text.
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise Overloaded(
            f"the service returned more than {MOST_VALUES} values",
            remedy="ask for fewer rows: a smaller area, a coarser step",
            facts={"limit": "answer"},
        )


def _by_role(model: Model, document: Any) -> dict[str, Any]:
    roles = [port.role for port in model.outputs]
    if isinstance(document, Mapping) and _OUTPUTS in document and _OUTPUTS not in roles:
        document = document[_OUTPUTS]
        if isinstance(document, list) and len(document) == 1:
            # The service wraps a process's output in a list unchanged, even if the output is a list itself.
            document = document[0]
    if isinstance(document, list) and document and all(isinstance(one, Mapping) and "id" in one for one in document):
        named = {str(one["id"]): one.get("value", one if _link_address(one) else None) for one in document}
        if set(named) & set(roles):
            return {role: named[role] for role in roles if role in named}
    if isinstance(document, Mapping):
        if _names_itself(model, document):
            return {str(document["id"]): document["value"]}
        if set(document) & set(roles):
            return {role: document[role] for role in roles if role in document}
    return {roles[0]: document} if len(roles) == 1 else {}


def _names_itself(model: Model, document: Mapping[str, Any]) -> bool:
    """Return whether the object is a named output, and not a row that happens to have these columns."""
    port = next((port for port in model.outputs if port.role == document.get("id")), None)
    if port is None or "value" not in document:
        return False
    return not {"id", "value"} <= {variable.name for variable in port.variables}


def _rows(port: Port, value: Any) -> Rows:
    if isinstance(value, Mapping) and set(value) <= {"value", "mediaType", "encoding", "schema"} and "value" in value:
        value = value["value"]
    if isinstance(value, Mapping) and value.get("type") != FEATURES and not _link_address(value):
        value = [_row(port, value)]
    if isinstance(value, _SINGLE) and len(port.variables) == 1:
        value = [{port.variables[0].name: value}]
    rows = read_input(port.role, value)
    if isinstance(rows, Reference):
        raise InvalidInput(f"{port.role} is a reference", remedy="return the rows themselves")
    return rows


def _row(port: Port, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object as the only row of an output. Raises ``InvalidInput`` if it has none of the columns."""
    columns = [variable.name for variable in port.variables]
    if columns and not set(columns) & set(value):
        raise InvalidInput(
            f"{port.role} has none of {', '.join(columns)}",
            remedy="name the outputs as the description of the model does",
        )
    return value


def _link_address(value: Any) -> str:
    """Return the address of an output given by reference (OGC 18-062r2, ``link``); empty for any other value."""
    if isinstance(value, Mapping) and "value" not in value and isinstance(value.get("href"), str):
        return str(value["href"])
    return ""


def _not_rows(error: InvalidInput) -> ModelFailed:
    return ModelFailed(f"the service's answer cannot be read as rows: {error.detail}")


def _caveat(answer: Mapping[str, Any]) -> Caveat:
    facts = answer.get("facts")
    return Caveat(
        code=str(answer.get("code", "caveat"))[:60],
        sentence=str(answer.get("sentence", ""))[:400],
        facts=dict(facts) if isinstance(facts, Mapping) and len(as_json(facts)) <= 4000 else {},
    )
