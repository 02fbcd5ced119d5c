"""The mismatches between a source and the target that takes its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.scenarios.model import Port

ERROR: Final = "violation"
"""The run is impossible, or its figures would be wrong."""
WARNING: Final = "warning"
"""The run is possible, but a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A mismatch between a source and a target.

    ``code`` is stable, ``have`` and ``need`` are the two sides, ``facts`` are the values in the sentence.
    """

    code: str
    sentence: str
    remedy: str = ""
    variable: str = ""
    have: str = ""
    need: str = ""
    severity: str = ERROR
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


def input_words(source: Port, target: Port) -> str:
    """Return the name of the input in a sentence that names its source."""
    return f"the input {target.role}" if source.role == target.role else target.role or "the other side"
