"""The port to identity providers, over OpenID Connect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from node.adapters.egress.client import Egress
from node.adapters.oidc.client import OidcProviders
from node.base.clock import SystemClock
from node.base.errors import InvalidInput, PeerUnreachable, Unauthenticated
from node.identity.accounts.providers import Attempt, IdentityProvider, Providers
from tests.identity_provider import CLIENT, SECRET, FakeProvider, provider

BACK = "https://data.ghent.example/sign-in/with/city/callback"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with provider() as known:
        yield known


@pytest.fixture
async def client() -> AsyncIterator[Providers]:
    async with Egress(allow_loopback=True) as egress:
        yield OidcProviders(egress, SystemClock())


def city(fake: FakeProvider) -> IdentityProvider:
    return IdentityProvider(id="city", name="City", issuer=fake.issuer, client_id=CLIENT, client_secret=SECRET)


def attempt() -> Attempt:
    now = datetime.now(UTC)
    return Attempt(provider="city", state="s", nonce="n", verifier="v" * 50, target="/", at=now)


async def test_a_person_is_proven(client: Providers, fake: FakeProvider) -> None:
    address = await client.sign_in_address(city(fake), attempt(), BACK)
    query = parse_qs(urlsplit(address).query)
    assert (query["redirect_uri"], query["scope"], query["nonce"]) == ([BACK], ["openid profile"], ["n"])
    code, _ = fake.authorize(address)
    proof = await client.proof(city(fake), attempt(), code, BACK)
    assert (proof.subject, proof.groups, proof.session) == ("anna", ("stewards", "staff"), "session of anna")
    with pytest.raises(Unauthenticated):
        await client.proof(city(fake), attempt(), code, BACK)
    out = await client.sign_out_address(city(fake), proof.id_token, "https://data.ghent.example/")
    assert parse_qs(urlsplit(out).query)["id_token_hint"] == [proof.id_token]


async def test_the_end_of_a_session_is_read(client: Providers, fake: FakeProvider) -> None:
    end = await client.end_of_session(city(fake), fake.logout_token(sid="x"))
    assert (end.id, end.session, end.subject) == ("j1", "x", "")
    with pytest.raises(InvalidInput):
        await client.end_of_session(city(fake), fake.logout_token(sid="x", aud="another"))


async def test_a_provider_that_is_not_there(client: Providers, fake: FakeProvider) -> None:
    fake.broken = True
    with pytest.raises(PeerUnreachable):
        await client.sign_in_address(city(fake), attempt(), BACK)
    with pytest.raises(PeerUnreachable):
        await client.sign_out_address(city(fake), "t", BACK)


async def test_calls_keep_to_the_rules_of_the_egress(fake: FakeProvider) -> None:
    async with Egress(allow_loopback=False) as egress:
        with pytest.raises(PeerUnreachable):
            await OidcProviders(egress, SystemClock()).sign_in_address(city(fake), attempt(), BACK)
