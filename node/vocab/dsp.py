"""The Dataspace Protocol as facts: versions, contexts, paths. A version is a value, not a copy of modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DspVersion:
    """One version of the protocol: its name, its path below the node's root, its JSON-LD context."""

    name: str
    path: str
    context: str


V2025_1: Final = DspVersion(
    name="2025-1",
    path="/dsp/2025-1",
    context="https://w3id.org/dspace/2025/1/context.jsonld",
)

VERSIONS: Final = {V2025_1.name: V2025_1}

PULL: Final = "HttpData-PULL"
PUSH: Final = "HttpData-PUSH"
HTTP_ENDPOINT: Final = "https://w3id.org/idsa/v4.1/HTTP"
EXECUTE: Final = "https://w3id.org/hansa/ns#ProcessExecution"
"""The transfer format of calling a model: its data address is the end point of the execution."""
