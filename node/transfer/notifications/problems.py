"""Problems of a subscription: which of them end it, and their words for its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import Gone, HansaError, InvalidInput, LocalFault, NotAllowed, NotFound, TooLarge
from node.transfer.machine import SUSPENDED

NO_WORDS: Final[Mapping[str, Any]] = {"code": "", "error": "", "remedy": "", "reasons": ()}


def is_final(problem: HansaError) -> bool:
    """Return whether no later attempt makes sense: somebody refuses it. A paused transfer may go on."""
    if problem.facts.get("transferState") == SUSPENDED:
        return False
    return isinstance(problem, NotAllowed | NotFound | Gone | InvalidInput | TooLarge)


def words_of(problem: HansaError) -> dict[str, Any]:
    """Return in words what hinders a subscription; particulars of this node's own faults stay in its log."""
    is_public = not isinstance(problem, LocalFault) or problem.is_public
    reasons = problem.facts.get("reasons")
    return {
        "code": problem.code,
        "error": problem.detail if is_public else "the node had an internal error",
        "remedy": problem.remedy if is_public else "the reason is in the log of the node",
        "reasons": tuple(reasons[:10]) if isinstance(reasons, list) else (),
    }
