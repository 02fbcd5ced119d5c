"""Manifests: what the provider signed, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.jsons import canonical
from node.exchange.manifest import TYPE, Manifest, ManifestInvalid, Seal, read_kept, signing_key_id, verify_manifest
from node.identity.jose import b64url, unb64url
from tests.fakes.keys import public_jwk
from tests.fakes.provider import CONSUMER, PROVIDER, SeedKeyRing

KEYS = SeedKeyRing(PROVIDER)
MANIFEST = Manifest(
    transfer="urn:uuid:1",
    agreement="urn:uuid:2",
    asset="https://provider.example/datasets/traffic-counts",
    version=3,
    name="tellingen.csv",
    media_type="text/csv",
    size=47_000_000,
    sha256="ab" * 32,
    sealed=Seal(recipient="age1qqq", size=47_011_000),
    provider=PROVIDER,
    consumer=CONSUMER,
    issued=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    record_sha256="cd" * 32,
)


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    return KEYS.sign_jws(header or {"typ": TYPE}, canonical(claims))


@pytest.mark.parametrize("manifest", [MANIFEST, replace(MANIFEST, sealed=None), replace(MANIFEST, size=0)])
def test_there_and_back(manifest: Manifest) -> None:
    jws = manifest.sign(KEYS)
    assert signing_key_id(jws) == f"{PROVIDER}#key-1"
    assert verify_manifest(jws, public_jwk(KEYS)) == manifest
    assert read_kept(jws) == manifest


def test_every_changed_character_is_noticed() -> None:
    jws = MANIFEST.sign(KEYS)
    for place in range(0, len(jws), 3):
        other = "A" if jws[place] != "A" else "B"
        with pytest.raises(ManifestInvalid):
            verify_manifest(jws[:place] + other + jws[place + 1 :], public_jwk(KEYS))


def test_another_key_did_not_sign_it() -> None:
    with pytest.raises(ManifestInvalid):
        verify_manifest(MANIFEST.sign(KEYS), public_jwk(SeedKeyRing(CONSUMER)))


def test_a_stranger_cannot_sign_for_the_provider() -> None:
    stranger = SeedKeyRing("did:web:stranger.example")
    with pytest.raises(ManifestInvalid, match="somebody other"):
        verify_manifest(MANIFEST.sign(stranger), public_jwk(stranger))


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {**public_jwk(KEYS), "use": "enc"},
        {**public_jwk(KEYS), "key_ops": ["deriveBits"]},
        {**public_jwk(KEYS), "crv": "P-384"},
        {**public_jwk(KEYS), "x": b64url(bytes(32))},
    ],
)
def test_keys_that_are_no_signing_keys_of_p256(key: dict[str, Any]) -> None:
    with pytest.raises(ManifestInvalid):
        verify_manifest(MANIFEST.sign(KEYS), key)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"typ": "JWT"},
        {"crit": ["b64"], "b64": False},
        {"jwk": public_jwk(KEYS)},
        {"kid": None},
        {"kid": "key-1"},
        {"extra": 1},
    ],
)
def test_headers_that_are_not_ours(change: dict[str, Any]) -> None:
    head, payload, signature = MANIFEST.sign(KEYS).split(".")
    header = {**json.loads(unb64url(head)), **change}
    forged = f"{b64url(canonical(header))}.{payload}.{signature}"
    with pytest.raises(ManifestInvalid):
        verify_manifest(forged, public_jwk(KEYS))


TEXTS = ("transfer", "agreement", "asset", "name", "mediaType", "aud")
VALUES: tuple[Any, ...] = (None, [], -1, True, 1.5, {"size": "x"}, "xxx")
WRONG = [
    (name, value)
    for name in sorted(MANIFEST.to_json())
    for value in VALUES
    if not (name in TEXTS and value == "xxx") and not (name == "sealed" and value is None)
]


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {}, {"typ": TYPE, "cty": "x"}])
def test_other_tokens_of_the_provider_are_no_manifests(header: dict[str, Any]) -> None:
    """A token that the provider signed for another purpose, with claims that would do."""
    with pytest.raises(ManifestInvalid, match="header"):
        verify_manifest(KEYS.sign_jws(header, canonical(MANIFEST.to_json())), public_jwk(KEYS))


def test_no_algorithm_but_es256() -> None:
    """The provider's ledger key is in its DID document too, and must not sign manifests."""
    header = {"typ": TYPE, "alg": "EdDSA", "kid": f"{PROVIDER}#log-1"}
    message = f"{b64url(canonical(header))}.{b64url(canonical(MANIFEST.to_json()))}"
    key = {"kty": "OKP", "crv": "Ed25519", "x": b64url(KEYS.log_public_key())}
    with pytest.raises(ManifestInvalid, match="ES256"):
        verify_manifest(f"{message}.{b64url(KEYS.sign_log(message.encode()))}", key)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_claims_of_the_wrong_kind(name: str, value: Any) -> None:
    claims = {**MANIFEST.to_json(), name: value}
    jws = KEYS.sign_jws({"typ": TYPE}, json.dumps(claims).encode())
    with pytest.raises(ManifestInvalid):
        verify_manifest(jws, public_jwk(KEYS))


@pytest.mark.parametrize("name", sorted(set(MANIFEST.to_json()) - {"sealed"}))
def test_missing_claims(name: str) -> None:
    claims = MANIFEST.to_json()
    del claims[name]
    with pytest.raises(ManifestInvalid):
        verify_manifest(signed(claims), public_jwk(KEYS))


@pytest.mark.parametrize("jws", ["", "a.b", "a.b.c", "..", "a" * 20_000, "é.é.é", MANIFEST.sign(KEYS) + "."])
def test_what_is_no_jws(jws: str) -> None:
    with pytest.raises(ManifestInvalid):
        verify_manifest(jws, public_jwk(KEYS))


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"a":1,"a":2}', b"\xff", b'{"iat":1e400}'])
def test_payloads_that_are_no_object(payload: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        verify_manifest(KEYS.sign_jws({"typ": TYPE}, payload), public_jwk(KEYS))


def test_a_moment_out_of_range() -> None:
    with pytest.raises(ManifestInvalid):
        verify_manifest(signed({**MANIFEST.to_json(), "iat": 10**15}), public_jwk(KEYS))


def test_what_is_expected_of_it() -> None:
    MANIFEST.expect(agreement="urn:uuid:2", consumer=CONSUMER)
    with pytest.raises(ManifestInvalid, match="agreement"):
        MANIFEST.expect(consumer=CONSUMER, agreement="urn:uuid:3")
