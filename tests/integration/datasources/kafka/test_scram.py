"""Signing in to Kafka with SCRAM: the example of RFC 7677, and brokers that do not play by the rules.

A broker of Kafka itself with SCRAM is not among the live peers.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.adapters.datasources.brokers.kafka.connector import KafkaConnector
from node.adapters.datasources.brokers.kafka.failures import failure
from node.adapters.datasources.brokers.kafka.link import BoundedScram, KafkaLink, Login, UnprovenBroker
from node.adapters.egress import Egress
from node.base.errors import InvalidInput
from node.datasources.errors import DataSourceRefuses
from node.datasources.model import Credentials, Scheme, Setup

CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
NONCE = f"{CLIENT_NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
FIRST = f"r={NONCE},s={SALT},i=4096"
FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
"""The words of the server in RFC 7677, 3."""


async def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client of the example, as a connection makes it."""
    login = Login(is_secure=True, user="user", password="pencil", mechanism="SCRAM-SHA-256")
    authenticator = KafkaLink("127.0.0.1", "localhost", 9, login).authenticator_scram()
    assert isinstance(authenticator, BoundedScram)
    monkeypatch.setattr(authenticator, "_nonce", CLIENT_NONCE)
    assert await authenticator.step(None) == (f"n,,n=user,r={CLIENT_NONCE}".encode(), True)
    return authenticator


async def test_the_example_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    proof, _ = await authenticator.step(FIRST.encode())
    assert proof.decode() == f"c=biws,r={NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert await authenticator.step(FINAL.encode()) is None


@pytest.mark.parametrize(
    "first",
    [
        f"r={NONCE},s={SALT},i=1",
        f"r={NONCE},s={SALT},i=4095",
        f"r={NONCE},s={SALT},i=2147483647",
        f"r={NONCE},s={SALT},i=many",
        f"r={NONCE},s=,i=4096",
        f"r={NONCE},s={'A' * 2000},i=4096",
        f"r={CLIENT_NONCE},s={SALT},i=4096",
        f"r=another{NONCE},s={SALT},i=4096",
        f"r={NONCE},i=4096",
        "nonsense",
        "",
    ],
)
async def test_a_broker_that_asks_for_harm_gets_no_proof(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    async with asyncio.timeout(5):
        with pytest.raises(UnprovenBroker) as raised:
            await authenticator.step(first.encode())
    words = failure(raised.value)
    assert isinstance(words, DataSourceRefuses)
    assert words.remedy
    assert "pencil" not in words.detail


@pytest.mark.parametrize("final", ["v=AAAA", "e=invalid-proof", "", FINAL[:-6] + "AAAA="])
async def test_a_broker_that_does_not_know_the_password_is_left(final: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = await client(monkeypatch)
    await authenticator.step(FIRST.encode())
    with pytest.raises(UnprovenBroker, match="does not know the password"):
        await authenticator.step(final.encode())


@pytest.mark.parametrize("way", ["plain", "scram-sha-256", "scram-sha-512"])
async def test_a_steward_chooses_the_way(way: str) -> None:
    credentials = Credentials(scheme=Scheme.BASIC, name="user", secret="pencil")
    async with Egress(allow_loopback=True) as egress:
        connector = KafkaConnector(egress)
        connector.check(
            Setup(name="k", address="kafka://localhost:9092", credentials=credentials, options={"sasl": way})
        )
        wrong = Setup(name="k", address="kafka://localhost:9092", credentials=credentials, options={"sasl": "md5"})
        with pytest.raises(InvalidInput, match="no way to sign in") as raised:
            connector.check(wrong)
        assert way in raised.value.remedy
