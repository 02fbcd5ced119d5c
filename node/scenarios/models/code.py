"""Running the code of a model: parameters checked against the card, the cage, and the returned rows.

Everything that comes back was made by foreign code: the child could have written anything. Therefore it is measured
before it is parsed, and any irregularity counts as the model's failure, never ours.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from node.base.errors import HansaError, InvalidInput, LocalFault, NotConfined, Overloaded, TooLarge
from node.cage.model import AsyncCage, Limits
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Parameter, Rows
from node.scenarios.ports import Outcome, Progress
from node.scenarios.run_model import Caveat

RUN: Final = "scenarios.run_model"
# In the room of descriptions: publishing does not wait for models that run.
DESCRIBE: Final = "semantics.describe_model"

MODEL: Final = Limits(memory=512 << 20, cpu=60, wall=120.0, answer=128 << 20)
"""The limits of a model by default."""

READING: Final = Limits(memory=512 << 20, cpu=5, wall=10.0, answer=4 << 20)
"""The limits for reading a model's annotations."""

MOST_CODE: Final = 1 << 20
MOST_VALUES: Final = 4_000_000
"""The most values in the rows of all outputs: as Python objects they take twenty times the memory of their JSON."""

_LINES: Final = 200
_CAVEATS: Final = 200
_LONG: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOutcome:
    """A successful execution: its outputs, its log, and its resources (maximum bytes of memory)."""

    outcome: Outcome
    log: tuple[str, ...] = ()
    seconds: float = 0.0
    memory: int = 0


async def run_code(
    cage: AsyncCage,
    code: bytes,
    model: Model,
    inputs: Mapping[str, Rows],
    parameters: Mapping[str, Any],
    *,
    limits: Limits = MODEL,
    on_progress: Progress | None = None,
    patience: float | None = None,
) -> CodeOutcome:
    """Run ``code``, the function of ``model``, on ``inputs`` (role → rows) in a child of its own.

    ``on_progress`` receives the progress, and may raise to stop the code; cancelling the task ends the child at once.
    ``patience`` is how long to wait for a free place, in seconds. The outputs keep the order and the decimals that
    the code declares; values outside the range of validity give caveats.

    Raises ``InvalidInput`` for inputs and parameters that do not fit, ``ModelFailed`` for errors of the model,
    ``Overloaded`` if it exceeds a limit (``facts["limit"]``: time, processor, memory, depth, answer, progress,
    machine, queue), ``NotConfined`` if this machine cannot keep models from our files.
    """
    values = settle_parameters(model, parameters)
    _check_roles(model, inputs)
    name = file_name(model.iri)
    blobs = [code, *await asyncio.to_thread(_pack, inputs)]
    message = {"name": name, "roles": list(inputs), "parameters": values}
    try:
        answer, rows = await cage.call(
            RUN,
            message,
            blobs,
            limits=limits,
            on_message=None if on_progress is None else _hearing(on_progress),
            patience=patience,
        )
    except HansaError as fault:
        _translate(fault, name, limits)
    try:
        outputs = await asyncio.to_thread(_unpack, answer["roles"], rows, model)
        caveats = tuple(_caveat(caveat) for caveat in answer["caveats"][:_CAVEATS])
        log = tuple(str(line)[:_LONG] for line in answer["log"][:_LINES])
        return CodeOutcome(
            outcome=Outcome(outputs=outputs, caveats=caveats),
            log=log,
            seconds=float(answer["seconds"]),
            memory=int(answer["memory"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise _odd(name) from error


async def describe_code(cage: AsyncCage, code: bytes, name: str) -> dict[str, Any]:
    """Return the interface in the annotations of ``code``, as ``node.sdk.describe`` returns it. ``name`` is the file
    name.

    Raises ``InvalidInput`` for code that cannot be read or does not declare its inputs and outputs (``facts["line"]``
    if it is known), ``Overloaded`` for code that exceeds a limit while it is read, ``NotConfined`` if this machine
    cannot keep models from our files.
    """
    if len(code) > MOST_CODE:
        raise TooLarge(
            f"{name} has {len(code) >> 10} KB; a model may have {MOST_CODE >> 10}", remedy="give data to it as inputs"
        )
    try:
        answer, _ = await cage.call(DESCRIBE, {"name": name}, [code], limits=READING)
    except InvalidInput as fault:
        raise InvalidInput(fault.detail[:_LONG], remedy=fault.remedy[:_LONG], facts=fault.facts) from None
    except HansaError as fault:
        _translate(fault, name, READING)
    interface = answer.get("interface")
    if not isinstance(interface, dict):
        raise _odd(name)
    return interface


def file_name(iri: str) -> str:
    """Return the file name of a model for sentences: the last segment of its IRI."""
    return f"{iri.rstrip('/').rpartition('/')[2] or 'model'}.py"


def settle_parameters(model: Model, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters to run with: the given ones, and the card's defaults for the others.

    Raises ``InvalidInput`` for a parameter that is not in the card, and for a value outside its range.
    """
    parameters_by_name = {parameter.name: parameter for parameter in model.parameters}
    unknown = sorted(set(parameters) - set(parameters_by_name))
    if unknown:
        raise InvalidInput(
            f"{file_name(model.iri).removesuffix('.py')} has no parameter {', '.join(unknown)}",
            remedy=f"its parameters are: {', '.join(parameters_by_name) or 'none'}",
            facts={"parameters": unknown},
        )
    missing = [
        declaration.name
        for declaration in parameters_by_name.values()
        if declaration.required and parameters.get(declaration.name) is None
    ]
    if missing:
        raise InvalidInput(
            f"parameter {', '.join(missing)} is missing",
            remedy=f"give {', '.join(missing)}: there is no default",
            facts={"parameters": missing},
        )
    for name, value in parameters.items():
        check_parameter(parameters_by_name[name], value)
    defaults = {
        name: declaration.default
        for name, declaration in parameters_by_name.items()
        if declaration.default is not None
    }
    return {**defaults, **parameters}


def check_parameter(parameter: Parameter, value: Any) -> None:
    """Raises ``InvalidInput`` for a value that the card does not allow. The code itself checks types."""
    if parameter.many and isinstance(value, list):
        for item in value:
            check_parameter(parameter, item)
        return
    facts = {"parameter": parameter.name}
    if parameter.values and value not in parameter.values:
        raise InvalidInput(
            f"parameter {parameter.name} is {value!r}, which is not one of its values",
            remedy=f"one of: {', '.join(map(str, parameter.values))}",
            facts=facts,
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high) or math.isnan(value):
        unit = f" {parameter.unit}" if parameter.unit and parameter.unit != "1" else ""
        bounds = " and ".join(
            f"{word} {bound:g}{unit}" for word, bound in (("at least", low), ("at most", high)) if bound is not None
        )
        raise InvalidInput(
            f"parameter {parameter.name} is {value:g}{unit}, outside its range",
            remedy=f"give {bounds or 'a number'}",
            facts=facts,
        )


def _check_roles(model: Model, inputs: Mapping[str, Rows]) -> None:
    roles = {port.role for port in model.inputs}
    unknown = sorted(set(inputs) - roles)
    missing = [port.role for port in model.inputs if port.required and port.role not in inputs]
    if unknown or missing:
        what = [f"has no input {', '.join(unknown)}"] if unknown else []
        what += [f"needs {', '.join(missing)}"] if missing else []
        raise InvalidInput(
            f"{file_name(model.iri).removesuffix('.py')} {' and '.join(what)}",
            remedy=f"its inputs are: {', '.join(sorted(roles))}",
            facts={"inputs": [*unknown, *missing]},
        )


def _pack(inputs: Mapping[str, Rows]) -> list[bytes]:
    parts = []
    for role, rows in inputs.items():
        try:
            text = json.dumps(list(rows), allow_nan=False, default=dict, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(
                f"{role} does not consist of rows of JSON values: {error}"[:_LONG],
                remedy='give a list of rows such as [{"column": 1}]',
            ) from error
        parts.append(text.encode("ascii"))
    return parts


def _unpack(roles: Sequence[str], blobs: Sequence[bytes], model: Model) -> dict[str, Rows]:
    """Return the rows of each output. Raises ``ModelFailed``, and the errors of parsers for unreadable bytes."""
    name = file_name(model.iri)
    ports = {port.role: port for port in model.outputs}
    if len(set(roles)) != len(roles) or len(roles) != len(blobs) or not set(roles) <= set(ports):
        raise _odd(name)
    missing = [role for role, port in ports.items() if port.required and role not in roles]
    if missing:
        raise ModelFailed(
            f"{name} returned no {', '.join(missing)}",
            remedy="the card promises it: ask its owner to correct the model or the card",
            facts={"case": "missing", "model": name, "outputs": missing},
        )
    # Commas and brackets are counted before anything is parsed.
    values = sum(blob.count(mark) for blob in blobs for mark in (b",", b"[", b"{"))
    if values > MOST_VALUES:
        raise Overloaded(
            f"{name} returned more than {MOST_VALUES} values", remedy=_REMEDIES["answer"], facts={"limit": "answer"}
        )
    outputs: dict[str, Rows] = {}
    for role, blob in zip(roles, blobs, strict=True):
        rows = json.loads(blob, parse_constant=_no_constant)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _odd(name)
        outputs[role] = rows
    return outputs


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _caveat(answer: Mapping[str, Any]) -> Caveat:
    facts = answer.get("facts")
    small = isinstance(facts, dict) and len(json.dumps(facts)) <= 10 * _LONG
    return Caveat(
        code=str(answer["code"])[:60],
        sentence=str(answer["sentence"])[:_LONG],
        facts=dict(facts or {}) if small else {},
    )


def _hearing(on_progress: Progress) -> Callable[[dict[str, Any]], None]:
    def hear(value: dict[str, Any]) -> None:
        percent, text = value.get("percent"), value.get("text")
        if isinstance(percent, int):
            on_progress(min(100, max(0, percent)), text[:_LONG] if isinstance(text, str) else "")

    return hear


def _translate(fault: HansaError, name: str, limits: Limits) -> NoReturn:
    """Raise the error for callers of models that corresponds to ``fault`` of the cage."""
    if isinstance(fault, InvalidInput | ModelFailed):
        raise type(fault)(fault.detail[:_LONG], remedy=fault.remedy[:_LONG], facts=fault.facts) from None
    if isinstance(fault, Overloaded | TooLarge):
        limit = str(fault.facts.get("limit", "signal"))
        sentence = _SENTENCES.get(limit, "{name} was stopped: {detail}")
        raise Overloaded(
            sentence.format(
                name=name,
                detail=fault.detail[:_LONG],
                wall=limits.wall,
                cpu=limits.cpu,
                memory=limits.memory >> 20,
                answer=limits.answer >> 20,
            ),
            remedy=_REMEDIES.get(limit, "ask its owner to correct the model"),
            facts={
                "limit": limit,
                "model": name,
                "seconds": limits.cpu if limit == "processor" else limits.wall,
                "megabytes": (limits.answer if limit == "answer" else limits.memory) >> 20,
            },
        ) from None
    if isinstance(fault, NotConfined):
        raise NotConfined(f"this node does not run {name}: {fault.detail}", remedy=fault.remedy) from None
    if isinstance(fault, LocalFault):
        if "status" in fault.facts:
            raise ModelFailed(
                f"{name} ended its process (status {fault.facts['status']}) without an answer",
                remedy="a model ends by returning its outputs",
                facts={"case": "no-answer", "model": name, "status": fault.facts["status"]},
            ) from None
        if fault.facts.get("child") != "nonsense":
            raise fault
    raise _odd(name) from fault


def _odd(name: str) -> ModelFailed:
    return ModelFailed(
        f"{name} returned something other than rows of its outputs",
        remedy="ask its owner to correct the model",
        facts={"case": "no-rows", "model": name},
    )


_SENTENCES: Final[Mapping[str, str]] = {
    "time": "{name} was stopped after {wall:g} seconds",
    "processor": "{name} was stopped after {cpu} seconds of processor time",
    "memory": "{name} failed: it needs more than {memory} MB of memory, or is nested too deeply",
    "machine": "{name} was stopped because the machine ran short of memory",
    "depth": "{name} calls itself too deeply",
    "answer": "the outputs of {name} are larger than {answer} MB",
    "progress": "{name} reported its progress too often",
    "queue": "all places for models are in use",
}
_REMEDIES: Final[Mapping[str, str]] = {
    "time": "give it a smaller area or a shorter time; the setting model_seconds bounds it",
    "processor": "give it a smaller area or a shorter time; the setting model_seconds bounds it",
    "memory": "give it a smaller area or a shorter time; the setting model_memory bounds it",
    "machine": "try again later, or on a machine with more memory",
    "depth": "ask its owner to correct the model",
    "answer": "have it give fewer rows: a smaller area, a coarser step; the setting model_answer bounds them",
    "progress": "ask its owner to correct the model",
    "queue": "try again in a moment",
}
