"""Questions to the node of a provider over HTTP, and its answers. Redirects are not followed: the token is for the
address that the provider named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.adapters.egress.client import Egress, Lane
from node.adapters.egress.refusals import refusal_of
from node.base.jsons import canonical
from node.semantics.profiles.feature_queries_client import GEOJSON, FeatureQuestion
from node.semantics.profiles.graph_queries_client import LIMITS as GRAPH_LIMITS
from node.semantics.profiles.graph_queries_client import GraphQuestion
from node.semantics.profiles.table_queries_client import FORMS, LIMITS
from node.transfer.queries.requests import VERSION_HEADER, PartnerAnswer, Question

_WAIT: Final = 60.0
"""Seconds for an answer: the provider's limit, its queue, and the way."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A question over HTTP: ``path`` is what follows the address, ``most`` the bytes of the longest answer."""

    method: str
    headers: Mapping[str, str]
    body: bytes | None
    media_type: str
    most: int
    path: str = ""


class SendQuestion:
    """Sends questions to providers."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def __call__(self, endpoint: str, authorization: str, question: Question) -> PartnerAnswer:
        """Return the answer. Raises the provider's refusal in its own words, ``PeerUnreachable``, ``TooLarge`` and
        ``ForbiddenAddress``."""
        call = _call(question)
        answer = await self._egress.request(
            call.method,
            f"{endpoint}{call.path}",
            headers={"Authorization": authorization, **call.headers},
            body=call.body,
            timeout=_WAIT,
            max_bytes=call.most,
            allow_redirects=0,
            lane=Lane.BYTES,
        )
        if answer.status != 200:
            raise refusal_of(answer, also=("use",))
        return PartnerAnswer(
            body=answer.body,
            # What a stranger states is not believed: a browser must not be shown a page.
            media_type=call.media_type,
            count=_number(answer.headers.get("hansa-rows", "")),
            more=answer.headers.get("hansa-more") == "true",
            partial=answer.headers.get("hansa-partial") == "true",
            version=_number(answer.headers.get(VERSION_HEADER.lower(), "")),
        )


def _call(question: Question) -> _Call:
    if isinstance(question, GraphQuestion):
        headers = {"Content-Type": "application/sparql-query", "Accept": question.media_type}
        return _Call("POST", headers, question.sparql.encode(), question.media_type, GRAPH_LIMITS.answer)
    if isinstance(question, FeatureQuestion):
        return _Call("GET", {"Accept": GEOJSON}, None, GEOJSON, LIMITS.answer, f"/{question.path}")
    body = canonical({"sql": question.sql, "form": question.form})
    return _Call("POST", {"Content-Type": "application/json"}, body, FORMS[question.form], LIMITS.answer)


def _number(text: str) -> int | None:
    """Return the number in a header of the provider; None if there is none, or not one of at most ten digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
