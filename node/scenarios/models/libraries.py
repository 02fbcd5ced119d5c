"""Libraries that models can import, detected by importing them as a model would."""

from __future__ import annotations

from typing import Final

from node.base.errors import HansaError
from node.cage.cage import Cage
from node.cage.model import Limits

_LOOK: Final = "scenarios.look_at_libraries"


def look_at(cage: Cage, name: str, limits: Limits) -> tuple[str, str]:
    """Return the version of the module ``name`` (empty if it states none), and the problem with it (empty if there is
    none). ``limits`` are those of a model: a module that exceeds them cannot be used."""
    try:
        answer, _ = cage.call_sync(_LOOK, {"name": name}, limits=limits)
    except HansaError as error:
        return "", error.detail
    return str(answer.get("version", ""))[:60], str(answer.get("trouble", ""))
