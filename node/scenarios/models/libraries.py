"""Which libraries models can import, found by importing them as a model would."""

from __future__ import annotations

from typing import Final

from node.base.errors import HansaError
from node.cage.cage import Cage
from node.cage.model import Limits

_LOOK: Final = "scenarios.look_at_libraries"


def look_at(cage: Cage, name: str, limits: Limits) -> tuple[str, str]:
    """The version of the module ``name`` (empty where it does not say), and what is wrong with it (empty where
    nothing is). ``limits`` are those of a model: what does not fit into them cannot be used."""
    try:
        answer, _ = cage.call_sync(_LOOK, {"name": name}, limits=limits)
    except HansaError as error:
        return "", error.detail
    return str(answer.get("version", ""))[:60], str(answer.get("trouble", ""))
