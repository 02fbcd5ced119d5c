"""Questions to the node of a provider over HTTP, and its answers. Redirects are not followed: the token is for the
address that the provider named."""

from __future__ import annotations

from typing import Final

from node.adapters.egress.client import Egress, Lane
from node.adapters.egress.refusals import refusal_of
from node.base.jsons import canonical
from node.semantics.profiles.table_queries_client import FORMS, LIMITS, TableQuestion
from node.transfer.queries.requests import PartnerAnswer

_WAIT: Final = 60.0
"""Seconds for an answer: the provider's limit, its queue, and the way."""


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
            raise refusal_of(answer, also=("use",))
        rows = answer.headers.get("hansa-rows", "")
        return PartnerAnswer(
            body=answer.body,
            # What a stranger states is not believed: a browser must not be shown a page.
            media_type=FORMS[question.form],
            count=int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 10 else None,
            more=answer.headers.get("hansa-more") == "true",
            partial=answer.headers.get("hansa-partial") == "true",
        )
