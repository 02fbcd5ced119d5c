"""Code that runs in the cage: a foreign model, on rows, in a child of its own.

The child has no file, no network and no process but itself, so the code may do anything; its errors are reported as
one sentence with the line of *its* file, and without data of ours.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import os
import resource
import sys
import time
import types
from collections.abc import Callable
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput
from node.cage.libraries import admitted_modules, importable, version_of
from node.cage.reports import tell
from node.scenarios.errors import ModelFailed
from node.sdk import BadAnnotation, BadInput, BadOutput, Trouble, call, describe, find_model

Answer = tuple[dict[str, Any], list[bytes]]

MOST_LINES: Final = 200
LONGEST_LINE: Final = 300
_ENDS: Final = 20

_MODULE: Final = "hansa_model"
_ONE_THREAD: Final = (
    *("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "ARROW_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
)


def run(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``scenarios.run_model``. ``message``: ``name`` (of the file), ``roles`` of the inputs, ``parameters``;
    ``blobs``: the code, then the rows of each role as JSON. Returns ``roles`` of the outputs, ``caveats``, ``log``,
    ``seconds``, ``memory`` (maximum bytes), and the rows of each output as JSON.

    Raises ``InvalidInput`` for rows and parameters that do not fit, ``ModelFailed`` for every error of the code.
    """
    name, log = message["name"], _Log()
    inputs = {role: json.loads(rows) for role, rows in zip(message["roles"], blobs[1:], strict=True)}
    code = blobs[0]
    blobs.clear()
    began = time.perf_counter()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            function = _function(code, name)
            result = call(function, inputs, message["parameters"], progress=log.progress)
        except BadInput as trouble:
            raise InvalidInput(trouble.sentence, remedy=trouble.remedy) from None
        except (MemoryError, RecursionError):
            raise
        except BaseException as error:  # noqa: BLE001 - sys.exit() and whatever else strangers think of
            raise _failure(error, name, log) from None
    seconds = time.perf_counter() - began
    rows = [
        json.dumps(each, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        for each in result.outputs.values()
    ]
    facts = {
        "roles": list(result.outputs),
        "caveats": result.caveats,
        "log": log.lines(),
        "seconds": round(seconds, 3),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    return facts, rows


def run_function(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``scenarios.run_function``: the rows that the function ``transform`` of a transformation makes.

    ``message``: ``name`` (of the file); ``blobs``: the code, and the rows as JSON unless the code is only read.
    Returns the rows as JSON. Raises ``InvalidInput`` for code without that function, ``ModelFailed`` for every other
    error of the code.
    """
    name, log = message["name"], _Log()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            function = getattr(_module(blobs[0], name), "transform", None)
            if not callable(function):
                raise InvalidInput(
                    f"{name} has no function transform",
                    remedy="write: def transform(rows): … with a list of rows in, and a list of rows out",
                )
            if len(blobs) == 1:
                return {}, []
            result = function(json.loads(blobs[1]))
            if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
                raise BadOutput("the function transform returns no list of rows", remedy="return a list of dict")
            try:
                return {}, [json.dumps(result, allow_nan=False, ensure_ascii=True).encode("ascii")]
            except (TypeError, ValueError) as error:
                raise BadOutput(
                    f"a row of the result is no JSON: {error}"[:LONGEST_LINE],
                    remedy="make rows of texts, numbers, true, false and None",
                ) from error
        except (MemoryError, RecursionError, InvalidInput):
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            raise _failure(error, name, log) from None


def describe_code(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``semantics.describe_model``: return the interface in the annotations of the code in ``blobs``, under
    ``interface``.

    Raises ``InvalidInput``, with the line if there is one.
    """
    name, log = message["name"], _Log()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            return {"interface": describe(_function(blobs[0], name))}, []
        except (MemoryError, RecursionError):
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            failed = _failure(error, name, log)
            raise InvalidInput(failed.detail, remedy=failed.remedy, facts=failed.facts) from None


def look_at_libraries(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Target ``scenarios.look_at_libraries``: the version of the module ``name``, imported as a model would, or
    ``trouble``."""
    _prepare_libraries()
    name = message["name"]
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever the module does when it is imported
        return {"trouble": f"{type(error).__name__}: {_words(error)}"[:LONGEST_LINE]}, []
    return {"version": str(getattr(module, "__version__", "")) or version_of(name)}, []


def _prepare_libraries() -> None:
    # A library's own threads would each take address space that a model does not have, and counted processor time.
    for variable in _ONE_THREAD:
        os.environ[variable] = "1"


def _import(name: str, *arguments: Any, **more: Any) -> Any:
    """``import`` for models: a module that this node does not admit is refused in words."""
    level = arguments[3] if len(arguments) > 3 else more.get("level", 0)
    if not level and not importable(name):
        top = name.partition(".")[0]
        known = ", ".join(("the standard library", "node.sdk", *admitted_modules()))
        raise ModuleNotFoundError(f"No module named {top!r} for models of this node, which have {known}", name=top)
    return builtins.__import__(name, *arguments, **more)


def _function(code: bytes, name: str) -> Callable[..., Any]:
    """Return the model's function."""
    return find_model(_module(code, name))


def _module(code: bytes, name: str) -> types.ModuleType:
    """Run the code as a registered module, since annotations are resolved by name; return the module."""
    _prepare_libraries()
    module = types.ModuleType(_MODULE)
    module.__file__ = name
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
    sys.modules[_MODULE] = module
    exec(compile(code, name, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what the cage is for
    return module


def _failure(error: BaseException, name: str, log: _Log) -> HansaError:
    """Return one sentence about the error in the code."""
    facts: dict[str, Any] = {"error": type(error).__name__[:60], "log": log.lines()[-_ENDS:], "model": name}
    if isinstance(error, BadAnnotation | BadOutput):
        trouble: Trouble = error
        return ModelFailed(f"{name}: {trouble.sentence}", remedy=trouble.remedy, facts=facts)
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == name else _line(error, name)
    if line is not None:
        facts |= {"line": line, "case": "line"}
    where = name if line is None else f"{name}, line {line}"
    if isinstance(error, SystemExit):
        facts["case"] = "ended-itself"
        return ModelFailed(f"{where}: the model ended itself (sys.exit)", remedy="return the outputs", facts=facts)
    words = error.msg if isinstance(error, SyntaxError) else _words(error)
    facts["words"] = words[:LONGEST_LINE]
    sentence = f"{where}: {facts['error']}: {words}" if words else f"{where}: {facts['error']}"
    return ModelFailed(sentence[:LONGEST_LINE], remedy=_remedy(error), facts=facts)


def _line(error: BaseException, name: str) -> int | None:
    """Return the innermost line of the model's own file."""
    number, place = None, error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == name:
            number = place.tb_lineno
        place = place.tb_next
    return number


def _words(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception of a stranger's making
        return ""


def _remedy(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "use what models may import here, or ask the operator of the node for it (setting model_libraries)"
    if isinstance(error, PermissionError | FileNotFoundError):
        return "a model cannot read files or open connections: give it what it needs as inputs"
    return "ask its owner to correct the model, or to state the inputs that it accepts"


class _Log(io.TextIOBase):
    """The output and progress messages of the model: the first lines, each of bounded length."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if len(self._lines) < MOST_LINES:
            *whole, rest = (self._line + text[: MOST_LINES * LONGEST_LINE]).split("\n")
            self._lines += [line[:LONGEST_LINE] for line in whole][: MOST_LINES - len(self._lines)]
            self._line = rest[:LONGEST_LINE]
        return len(text)

    def progress(self, percent: int, text: str) -> None:
        if text:
            self.write(f"{text}\n" if not self._line else f"\n{text}\n")
        tell({"percent": percent, "text": text})

    def lines(self) -> list[str]:
        return [*self._lines, self._line] if self._line else list(self._lines)
