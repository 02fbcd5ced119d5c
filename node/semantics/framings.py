"""Rows through JSON-LD: rows get a meaning by a context, and a frame says which rows come out, and in which form.

Each row is a node object of JSON-LD 1.1, and each node of the framed result is a row. No context is ever loaded:
those in the definition stand there in full, or are named among ``BUNDLED``. The framing runs in the cage, where there
is no network either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.base.jsons import read_object
from node.vocab.namespaces import PREFIXES

MOST_ROWS: Final = 20_000
MOST_DEPTH: Final = 30
_CONTEXT: Final = "@context"
_LOADING: Final = ("@import", _CONTEXT)
_REMEDY: Final = "write context: and frame: as objects; see the guide about transformations"

BUNDLED: Final[Mapping[str, Mapping[str, Any]]] = {"prefixes": dict(PREFIXES)}
"""Contexts that a definition can name: ``prefixes`` are those of all vocabularies in use here."""


def read_framing(definition: Any) -> dict[str, Any]:
    """Return ``context`` and ``frame`` of a definition, with bundled contexts in full. Raises ``InvalidInput`` if it
    is no framing, is nested too deeply, or names a context by an address."""
    if isinstance(definition, str):
        definition = read_object(definition)
    if not isinstance(definition, Mapping) or not isinstance(definition.get("frame"), Mapping):
        raise InvalidInput("the definition has no frame", remedy=_REMEDY)
    unknown = sorted(str(name) for name in definition if name not in ("context", "frame"))
    if unknown:
        raise InvalidInput(f"{unknown[0][:80]} is not known here", remedy=_REMEDY)
    frame = _with_bundled(definition["frame"], 0)
    return {"context": _context(definition.get("context", {}), 0), "frame": frame}


def caged_frame(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.frame`` of the cage: ``definition``; one blob, the rows as JSON. Returns the rows of the
    result as JSON."""
    return {}, [json.dumps(frame_rows(message["definition"], json.loads(blobs[0]))).encode()]


def frame_rows(definition: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that a frame makes of ``rows``. Raises ``InvalidInput`` if the definition or a row is not
    JSON-LD, or a row brings a context of its own, and ``TooLarge`` beyond ``MOST_ROWS``."""
    framing = read_framing(definition)
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"there are {len(rows)} rows, and a frame takes {MOST_ROWS}", remedy="use SQL or a query")
    for index, row in enumerate(rows):
        if any(name in _LOADING for name in _names(row, 0)):
            raise InvalidInput(f"row {index + 1} brings a context of its own", remedy="remove @context from the data")
    from pyld import jsonld  # type: ignore[import-untyped]

    options = {"documentLoader": _refuse, "processingMode": "json-ld-1.1", "omitGraph": False, "ordered": True}
    try:
        result = jsonld.frame({_CONTEXT: framing["context"], "@graph": rows}, framing["frame"], options)
    except jsonld.JsonLdError as error:
        raise InvalidInput(
            f"the frame cannot be carried out: {_reason(error)}", remedy="correct the context or the frame"
        ) from error
    except RecursionError as error:
        raise InvalidInput("the data or the frame are nested too deeply", remedy="write a flatter frame") from error
    nodes = result.get("@graph", [])
    return [dict(node) for node in (nodes if isinstance(nodes, list) else [nodes])]


def _refuse(address: str, _options: Any) -> Any:
    raise InvalidInput(f"the context {address[:200]} is not loaded", remedy=_load_remedy())


def _context(value: Any, depth: int) -> Any:
    """Return a context with bundled ones in full. Raises ``InvalidInput`` for one that would have to be loaded."""
    if isinstance(value, str):
        if value not in BUNDLED:
            raise InvalidInput(f"the context {value[:200]} is not loaded", remedy=_load_remedy())
        return dict(BUNDLED[value])
    if isinstance(value, list):
        return [_context(part, depth + 1) for part in value]
    return value if value is None else _with_bundled(value, depth)


def _with_bundled(value: Any, depth: int) -> Any:
    if depth > MOST_DEPTH:
        raise InvalidInput("the definition is nested too deeply", remedy="write a flatter frame")
    if isinstance(value, list):
        return [_with_bundled(part, depth + 1) for part in value]
    if not isinstance(value, Mapping):
        return value
    if "@import" in value:
        raise InvalidInput(f"the context {str(value['@import'])[:200]} is not loaded", remedy=_load_remedy())
    return {
        str(name): _context(part, depth + 1) if name == _CONTEXT else _with_bundled(part, depth + 1)
        for name, part in value.items()
    }


def _names(value: Any, depth: int) -> Iterator[str]:
    if depth > MOST_DEPTH:
        raise InvalidInput("a row is nested too deeply", remedy="write flatter data")
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield str(name)
            yield from _names(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from _names(part, depth + 1)


def _load_remedy() -> str:
    return f"write the context itself, or name one that comes with the node: {', '.join(BUNDLED)}"


def _reason(error: Any) -> str:
    """Return the innermost reason of a processor's error, in one line."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    text = error.args[0] if error.args else ""
    return " ".join(str(text[0] if isinstance(text, tuple) and text else text).split())[:300]
