"""A full processor of JSON-LD 1.1 (PyLD), which knows the official contexts of DSP 2025-1 and loads nothing else."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pyld import jsonld  # type: ignore[import-untyped]

from node.vocab.dsp import V2025_1
from tests.artefacts import data

PROFILE = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"


@cache
def official(address: str) -> str:
    """The official context of this address, as text; what it imports stands in it (JSON-LD 1.1 §4.1.10)."""
    name = {V2025_1.context: "dspace", PROFILE: "odrl"}[address]
    context = json.loads((data("dsp") / "context" / f"{name}.jsonld").read_text("utf-8"))["@context"]
    for term in context.values():
        scoped = term.get("@context") if isinstance(term, dict) else None
        if scoped and "@import" in scoped:
            imported = json.loads(official(scoped.pop("@import")))["@context"]
            term["@context"] = {**imported, **scoped}
    return json.dumps({"@context": context})


def _load(address: str, _: Any) -> dict[str, Any]:
    return {"contextUrl": None, "documentUrl": address, "document": json.loads(official(address))}


def expanded(message: Any) -> Any:
    """The expanded form: an array of one node."""
    return jsonld.expand(message, {"documentLoader": _load, "base": None})


def compacted(message: Any, context: Any) -> dict[str, Any]:
    """The same compacted with another context."""
    result: dict[str, Any] = jsonld.compact(
        expanded(message), context, {"documentLoader": _load, "base": None, "compactToRelative": False}
    )
    return result
