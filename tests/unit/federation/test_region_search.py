"""Results of a region in forms that are none: said to, and nothing of them shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from node.base.errors import NotAllowed, PeerUnreachable
from node.catalogue.region.search import SearchRegion
from node.identity.model import ANONYMOUS, Caller, UserRole

pytestmark = pytest.mark.asyncio

ANNA = Caller(did="did:web:city.example", account="anna", roles=frozenset({UserRole.PUBLISHER}))
NOISE = (("q", "noise"),)
HIT = b'{"iri": "https://x.example/d", "at": "2026-11-25"}'


def region(body: bytes, status: int = 200) -> SearchRegion:
    async def forward(*_: str | bytes | Mapping[str, str]) -> tuple[int, str, bytes]:
        return status, "application/json", body

    return SearchRegion(forward, lambda: "did:web:region.example")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"total": 1}',
        b'{"total": "many", "hits": []}',
        b'{"total": 1, "hits": {}}',
        b'{"total": 1, "hits": ["x"]}',
        b'{"total": 1, "hits": [{}]}',
        b'{"total": 1, "hits": [{"iri": "x", "at": "soon"}]}',
        b"[" * 5000,
    ],
)
async def test_other_answers_are_no_results(body: bytes) -> None:
    with pytest.raises(PeerUnreachable):
        await region(body)(NOISE, ANNA, language="en", offset=0, limit=20)


async def test_a_region_sends_no_more_than_it_is_asked_for() -> None:
    body = b'{"total": -5, "hits": [' + b",".join([HIT] * 50) + b"]}"
    results = await region(body)(NOISE, ANNA, language="en", offset=0, limit=20)
    assert (results.total, len(results.hits), results.hits[0].title) == (0, 20, "")


async def test_a_refusal_of_the_region_and_strangers_here() -> None:
    with pytest.raises(PeerUnreachable, match="status 403"):
        await region(b"{}", 403)(NOISE, ANNA, language="en", offset=0, limit=20)
    with pytest.raises(NotAllowed):
        await region(b"{}")(NOISE, ANONYMOUS, language="en", offset=0, limit=20)


async def test_facets_in_other_forms_are_left_out() -> None:
    body = b'{"total": 0, "hits": [], "facets": {"format": {"CSV": 2, "PDF": "many"}, "year": [2026], "kind": 3}}'
    results = await region(body)(NOISE, ANNA, language="en", offset=0, limit=20)
    assert results.facets == {"format": {"CSV": 2}}
    earlier = await region(b'{"total": 0, "hits": [], "facets": []}')(NOISE, ANNA, language="en", offset=0, limit=20)
    assert earlier.facets == {}
