"""Self-issued tokens: the good one passes, every attack is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from node.base.errors import InvalidInput, Unauthenticated
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.identity.documents import UnknownKey
from node.identity.jose import BadSignature, b64url, read_jws, unb64url, verify_jws
from node.identity.messages import read_scope
from node.identity.model import DidDocument
from node.identity.tokens import IdToken, make_token, read_token, verify_token
from tests.fakes.keys import public_jwk
from tests.simulator.peer_documents import NOW, HandClock, Participant

ME = "did:web:me.example"
ALICE = Participant("alice.example")
MALLORY = Participant("mallory.example")
SECONDS = int(NOW.timestamp())


def check(token: str, *, sender: Participant = ALICE, **options: Any) -> IdToken:
    read = read_token(token, audience=ME, now=NOW, **options)
    return verify_token(read, DidDocument(id=sender.did, raw=sender.document()))


class TestGoodTokens:
    def test_the_good_one_passes(self) -> None:
        token = check(ALICE.token(ME, token="opaque"))
        assert (token.issuer, token.access_token) == (ALICE.did, "opaque")
        assert token.expires == NOW.replace(microsecond=0) + timedelta(minutes=5)

    def test_ours_pass_too_and_no_two_have_one_jti(self) -> None:
        tokens = [check(make_token(ALICE.keyring, ME, NOW)) for _ in range(3)]
        assert len({token.jti for token in tokens}) == 3

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": [ME]},
            {"nbf": SECONDS},
            {"nbf": SECONDS + 29},
            {"iat": SECONDS + 29},
            {"iat": SECONDS + 0.5},
            {"exp": SECONDS - 29, "iat": SECONDS - 200},
            {"exp": SECONDS + 600},
            {"header": {"typ": None}},
            {"header": {"typ": "application/jwt"}},
            {"header": {"kid": "#key-1"}},
            {"unknown": {"a": [1]}},
        ],
    )
    def test_what_is_tolerated(self, changes: dict[str, Any]) -> None:
        assert check(ALICE.token(ME, **changes)).issuer == ALICE.did


ATTACKS: dict[str, dict[str, Any]] = {
    "no iss": {"iss": None},
    "iss is no DID": {"iss": "alice"},
    "iss is a list": {"iss": [ALICE.did]},
    "no sub": {"sub": None},
    "iss is not sub": {"sub": MALLORY.did},
    "no aud": {"aud": None},
    "aud of another": {"aud": MALLORY.did},
    "aud is a prefix": {"aud": ME[:-1]},
    "aud is longer": {"aud": ME + ":x"},
    "aud is a URL": {"aud": "https://me.example/token"},
    "aud has two values": {"aud": [ME, MALLORY.did]},
    "aud is empty": {"aud": []},
    "no jti": {"jti": None},
    "jti empty": {"jti": ""},
    "jti is a number": {"jti": 7},
    "jti overlong": {"jti": "x" * 257},
    "no exp": {"exp": None},
    "expired 31 s ago": {"exp": SECONDS - 31, "iat": SECONDS - 200},
    "expired 60 s ago": {"exp": SECONDS - 60, "iat": SECONDS - 200},
    "exp in the year 2286": {"exp": 9999999999},
    "exp is text": {"exp": str(SECONDS + 60)},
    "exp is true": {"exp": True},
    "exp is negative": {"exp": -1},
    "exp is huge": {"exp": 10**30},
    "no iat": {"iat": None},
    "iat in 31 s": {"iat": SECONDS + 31},
    "iat in 60 s": {"iat": SECONDS + 60},
    "iat in an hour": {"iat": SECONDS + 3600, "exp": SECONDS + 3700},
    "iat long ago": {"iat": SECONDS - 400},
    "nbf in 31 s": {"nbf": SECONDS + 31},
    "nbf is text": {"nbf": "now"},
    "brings its own key": {"sub_jwk": {"kty": "EC"}},
    "token is no text": {"token": {"a": 1}},
    "typ of a credential": {"header": {"typ": "vc+jwt"}},
    "typ of an access token": {"header": {"typ": "at+jwt"}},
    "typ is a list": {"header": {"typ": ["JWT"]}},
    "kid of another DID": {"header": {"kid": f"{MALLORY.did}#key-1"}},
    "kid is no DID URL": {"header": {"kid": "key-1"}},
    "kid is a number": {"header": {"kid": 1}},
    "kid unknown": {"header": {"kid": f"{ALICE.did}#key-9"}},
    "kid of the log key": {"header": {"kid": f"{ALICE.did}#log-1"}},
    "kid of the sealing key": {"header": {"kid": f"{ALICE.did}#seal-1"}},
    "no kid though there are three keys": {"header": {"kid": ""}},
    "jwk in the header": {"header": {"jwk": public_jwk(ALICE.keyring)}},
    "jku in the header": {"header": {"jku": "https://mallory.example/jwks"}},
    "x5u in the header": {"header": {"x5u": "https://mallory.example/x"}},
    "x5c in the header": {"header": {"x5c": ["MII"]}},
    "crit": {"header": {"crit": ["exp"]}},
    "crit is empty": {"header": {"crit": []}},
    "b64": {"header": {"b64": False}},
    "zip": {"header": {"zip": "DEF"}},
    "alg none": {"header": {"alg": "none"}},
    "alg None": {"header": {"alg": "None"}},
    "alg HS256": {"header": {"alg": "HS256"}},
    "alg ES512": {"header": {"alg": "ES512"}},
    "alg of another key kind": {"header": {"alg": "EdDSA"}},
    "alg RSA over a P-256 key": {"header": {"alg": "RS256"}},
    "no alg": {"header": {"alg": None}},
    "alg is a list": {"header": {"alg": ["ES256"]}},
}


class TestAttacks:
    @pytest.mark.parametrize("name", ATTACKS)
    def test_refused(self, name: str) -> None:
        with pytest.raises(Unauthenticated):
            check(ALICE.token(ME, **ATTACKS[name]))

    def test_signed_by_somebody_else(self) -> None:
        token = MALLORY.token(ME, iss=ALICE.did, sub=ALICE.did, header={"kid": f"{ALICE.did}#key-1"})
        with pytest.raises(Unauthenticated, match="signature"):
            check(token)

    def test_ones_own_good_key_for_a_strangers_name(self) -> None:
        token = MALLORY.token(ME, iss=ALICE.did, sub=ALICE.did)
        with pytest.raises(Unauthenticated, match="another DID"):
            check(token, sender=MALLORY)

    def test_a_document_that_is_not_the_issuers(self) -> None:
        read = read_token(ALICE.token(ME), audience=ME, now=NOW)
        with pytest.raises(Unauthenticated):
            verify_token(read, DidDocument(id=MALLORY.did, raw=MALLORY.document()))

    def test_a_token_of_our_own_reflected(self) -> None:
        me = Participant("me.example")
        with pytest.raises(Unauthenticated, match="this node itself"):
            read_token(me.token(ME), audience=ME, now=NOW)

    def test_the_public_key_as_hmac_secret_in_every_encoding(self) -> None:
        x, y = (int.from_bytes(unb64url(public_jwk(ALICE.keyring)[axis])) for axis in "xy")
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        encodings = serialization.Encoding
        spki, openssh = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.OpenSSH
        secrets = [
            public.public_bytes(encodings.PEM, spki),
            public.public_bytes(encodings.DER, spki),
            public.public_bytes(encodings.OpenSSH, openssh),
            json.dumps(public_jwk(ALICE.keyring)).encode(),
        ]
        head = {"alg": "HS256", "kid": f"{ALICE.did}#key-1"}
        payload = ALICE.token(ME).split(".")[1]
        for secret in secrets:
            signing_input = f"{b64url(json.dumps(head).encode())}.{payload}"
            mac = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
            with pytest.raises(Unauthenticated, match="algorithm"):
                check(f"{signing_input}.{b64url(mac)}")

    def test_every_changed_character_of_payload_and_signature(self) -> None:
        token = ALICE.token(ME)
        head_end = token.index(".") + 1
        for place in range(head_end, len(token)):
            if token[place] == ".":
                continue
            other = "A" if token[place] != "A" else "B"
            with pytest.raises(Unauthenticated):
                check(token[:place] + other + token[place + 1 :])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            "....",
            "é.b.c",
            "e30.e30.",
            "e30.e30.e30",
            "[].e30.AA",
            "A" * 20000,
        ],
    )
    def test_what_is_no_jws(self, text: str) -> None:
        with pytest.raises(Unauthenticated):
            check(text)

    def test_more_or_fewer_parts_than_three(self) -> None:
        head, payload, signature = ALICE.token(ME).split(".")
        for text in (
            f"{head}.{payload}",
            f"{head}.{payload}.{signature}.{signature}",
            f"{head}.{payload}.{signature}.",
        ):
            with pytest.raises(Unauthenticated, match="not a compact JWS"):
                check(text)

    def test_the_reason_is_the_first_that_applies(self) -> None:
        """Behind each of these stands a second check; the first must not be missing for all that."""
        for changes, reason in (
            ({"iss": "alice", "sub": "alice"}, "iss of the token is not a DID"),
            ({"header": {"kid": f"{MALLORY.did}#key-1"}}, "another DID than its iss"),
            ({"header": {"kid": 1}}, "must be texts"),
            ({"header": {"typ": [1]}}, "must be texts"),
            ({"exp": -1}, "out of range"),
            ({"exp": 2**50}, "out of range"),
        ):
            with pytest.raises(Unauthenticated, match=reason):
                check(ALICE.token(ME, **changes))

    def test_longer_than_16_kib(self) -> None:
        with pytest.raises(Unauthenticated, match="longer"):
            check(ALICE.token(ME, padding="x" * 16384))

    @pytest.mark.parametrize("payload", [b"[]", b'"x"', b"{", b'{"iss":1,"iss":2}', b'{"exp":NaN}', b"\xff", b""])
    def test_payloads_that_are_no_claims(self, payload: bytes) -> None:
        with pytest.raises(Unauthenticated):
            check(ALICE.sign({"typ": "JWT"}, payload))

    def test_a_key_without_the_right_purpose(self) -> None:
        raw = ALICE.document(lambda document: document.update(capabilityInvocation=[]))
        with pytest.raises(Unauthenticated, match="capabilityInvocation"):
            verify_token(read_token(ALICE.token(ME), audience=ME, now=NOW), DidDocument(id=ALICE.did, raw=raw))

    @pytest.mark.parametrize(
        "change", [{"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "ES384"}, {"x": "AA"}, {"crv": "P-384"}]
    )
    def test_a_key_that_says_it_is_for_something_else(self, change: dict[str, Any]) -> None:
        raw = ALICE.document()
        raw["verificationMethod"][0]["publicKeyJwk"].update(change)
        with pytest.raises(Unauthenticated):
            verify_token(read_token(ALICE.token(ME), audience=ME, now=NOW), DidDocument(id=ALICE.did, raw=raw))

    def test_an_unknown_key_is_worth_a_second_look(self) -> None:
        with pytest.raises(UnknownKey):
            check(ALICE.token(ME, header={"kid": f"{ALICE.did}#key-2"}))


class TestJws:
    def test_second_spellings_of_base64url_are_refused(self) -> None:
        assert unb64url("QQ") == b"A"
        for text in ("QQ==", "QR", "Q", "Q Q", "Q+", "Q/", "QQ\n", "ＱＱ"):
            with pytest.raises(InvalidInput):
                unb64url(text)

    @pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "ES384", "RS256", "PS256"])
    def test_algorithms_of_peers(self, alg: str) -> None:
        jwk, sign = _key_for(alg)
        head = b64url(json.dumps({"alg": alg}).encode())
        token = f"{head}.e30.{b64url(sign(f'{head}.e30'.encode()))}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            verify_jws(read_jws(token), jwk)
        with pytest.raises(BadSignature):
            verify_jws(read_jws(f"{head}.{b64url(b'[1]')}.{token.rpartition('.')[2]}"), jwk)
        other = b64url(json.dumps({"alg": "ES256"}).encode())
        with pytest.raises(BadSignature, match="does not fit"):
            verify_jws(read_jws(f"{other}.e30.{token.rpartition('.')[2]}"), jwk)

    def test_short_rsa_keys_are_refused(self) -> None:
        jwk, sign = _key_for("RS256", bits=1024)
        head = b64url(b'{"alg":"RS256"}')
        with pytest.raises(BadSignature):
            verify_jws(read_jws(f"{head}.e30.{b64url(sign(f'{head}.e30'.encode()))}"), jwk)


def _key_for(alg: str, bits: int = 2048) -> tuple[dict[str, Any], Any]:
    if alg in ("EdDSA", "Ed25519"):
        edwards = ed25519.Ed25519PrivateKey.generate()
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(edwards.public_key().public_bytes_raw())}, edwards.sign
    if alg == "ES384":
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        curve = ec.generate_private_key(ec.SECP384R1())
        point = curve.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-384", "x": b64url(point.x.to_bytes(48)), "y": b64url(point.y.to_bytes(48))}

        def sign(message: bytes) -> bytes:
            r, s = decode_dss_signature(curve.sign(message, ec.ECDSA(hashes.SHA384())))
            return r.to_bytes(48) + s.to_bytes(48)

        return jwk, sign
    key = rsa.generate_private_key(65537, bits)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64url(numbers.n.to_bytes(bits // 8)), "e": base64.b64encode(b"\1\0\1").decode()}
    scheme = padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return jwk, lambda message: key.sign(message, scheme, hashes.SHA256())


class TestAccessTokens:
    clock = HandClock()
    access = AccessTokens(ALICE.keyring, clock)
    scope = "org.eclipse.dspace.dcp.vc.type:MembershipCredential:read"

    def test_grants_what_it_says_to_whom_it_says(self) -> None:
        assert self.access.check(self.access.grant(ME, [self.scope]), ME) == (read_scope(self.scope),)
        assert self.access.check(self.access.grant(ME), ME)[0].value == "*"

    def test_no_other_verifier_can_use_it(self) -> None:
        with pytest.raises(Unauthenticated):
            self.access.check(self.access.grant(ME), MALLORY.did)

    def test_it_ends(self) -> None:
        clock = HandClock()
        access = AccessTokens(ALICE.keyring, clock)
        token = access.grant(ME)
        clock.forward(300 + 29)
        access.check(token, ME)
        clock.forward(2)
        with pytest.raises(Unauthenticated, match="expired"):
            access.check(token, ME)

    @pytest.mark.parametrize("token", [None, "", "faketoken", "é", "A" * 5000, b64url(bytes(64))])
    def test_made_up_tokens(self, token: str | None) -> None:
        with pytest.raises(Unauthenticated):
            self.access.check(token, ME)

    def test_other_wrapped_secrets_are_no_access_tokens(self) -> None:
        for secret in (b"{}", b"secret", b'{"use":"session","for":"did:web:me.example"}'):
            with pytest.raises(Unauthenticated):
                self.access.check(b64url(ALICE.keyring.wrap(secret)), ME)

    def test_each_request_has_a_token_of_its_own(self) -> None:
        outgoing = OutgoingTokens(ALICE.keyring, self.clock, self.access, wallet_mark=lambda: "abc")
        first, second = (check(outgoing.bearer(ME, [self.scope])) for _ in range(2))
        assert first.jti != second.jti
        assert first.wallet == "abc"
        assert self.access.check(first.access_token, ME) == (read_scope(self.scope),)
        assert check(outgoing.answering(ME, "given")).access_token == "given"
        assert check(outgoing.answering(ME, None)).access_token is None
