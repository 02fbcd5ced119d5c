"""Questions to the node of a provider over HTTP, and its answers. Redirects are not followed: the token is for the
address that the provider named."""

from __future__ import annotations

from typing import Any, Final

from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import (
    Conflict,
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
from node.base.jsons import canonical, read_object
from node.semantics.profiles.table_queries_client import FORMS, LIMITS, TableQuestion
from node.transfer.queries.requests import PartnerAnswer

_WAIT: Final = 60.0
"""Seconds for an answer: the provider's limit, its queue, and the way."""
_REFUSALS: Final[dict[int, type[HansaError]]] = {
    400: InvalidInput,
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: TooLarge,
    429: TooMany,
    503: Overloaded,
}
_TELLING: Final = ("reasons", "transferState", "retryAfter", "use")


class SendQuestion:
    """Sends questions to providers."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def __call__(self, endpoint: str, authorization: str, question: TableQuestion) -> PartnerAnswer:
        """Return the answer. Raises the provider's refusal in its own words, ``PeerUnreachable``, ``TooLarge`` and
        ``ForbiddenAddress``."""
        answer = await self._egress.request(
            "POST",
            endpoint,
            headers={"Authorization": authorization, "Content-Type": "application/json"},
            body=canonical({"sql": question.sql, "form": question.form}),
            timeout=_WAIT,
            max_bytes=LIMITS.answer,
            allow_redirects=0,
            lane=Lane.BYTES,
        )
        if answer.status != 200:
            raise _refusal(answer)
        rows = answer.headers.get("hansa-rows", "")
        return PartnerAnswer(
            body=answer.body,
            # What a stranger states is not believed: a browser must not be shown a page.
            media_type=FORMS[question.form],
            count=int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 10 else None,
            more=answer.headers.get("hansa-more") == "true",
            partial=answer.headers.get("hansa-partial") == "true",
        )


def _refusal(answer: Answer) -> HansaError:
    """Return the error that a provider's answer stands for, with its own words and remedy (RFC 9457)."""
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
    facts: dict[str, Any] = {str(name): problem[name] for name in _TELLING if name in problem}
    return kind(f"the provider: {detail[:500]}", remedy=remedy[:500] if isinstance(remedy, str) else "", facts=facts)
