"""The refusals of the nodes of providers (RFC 9457), as errors with the provider's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from node.adapters.egress.client import Answer
from node.base.errors import (
    Conflict,
    Gone,
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    TooMany,
    Unauthenticated,
)
from node.base.jsons import read_object
from node.base.plaintext import one_line

_REFUSALS: Final[dict[int, type[HansaError]]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    429: TooMany,
    503: Overloaded,
}
_TELLING: Final = ("reasons", "transferState", "retryAfter")


def refusal_of(answer: Answer, *, also: Sequence[str] = ()) -> HansaError:
    """Return the error that a provider's answer stands for, with its own words and its remedy, each in one line
    without control characters, and those of its facts that are told to people; ``also`` names further facts."""
    problem: dict[str, Any] = {}
    if "json" in answer.headers.get("content-type", ""):
        try:
            problem = read_object(answer.body)
        except InvalidInput:
            problem = {}
    kind = _REFUSALS.get(answer.status)
    detail, remedy = problem.get("detail"), problem.get("remedy")
    if kind is None or not isinstance(detail, str):
        return PeerUnreachable(f"the provider answers with status {answer.status}")
    facts: dict[str, Any] = {str(name): problem[name] for name in (*_TELLING, *also) if name in problem}
    words = one_line(remedy[:500]) if isinstance(remedy, str) else ""
    return kind(f"the provider: {one_line(detail[:500])}", remedy=words, facts=facts)
