"""Tokens that do not hold, at every door that takes tokens: 401 in words, nothing done, the token not repeated."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.identity.jose import b64url
from node.identity.model import UserRole
from tests.conformance.dsp import faults
from tests.fakes.keys import public_jwk
from tests.integration.hostile import footprint, read_problem
from tests.nodes import Pair, Running, publish, running

NOW = time.time
PASSWORD = "a long password for tests"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


# ---- people ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(pair: Pair) -> Running:
    publish(pair.provider, "counts")
    return pair.provider


def _expired(node: Running) -> str:
    return node.node.people.users.accounts.issue_token("admin", "old", timedelta(seconds=-1))


def _session(node: Running) -> str:
    return node.node.people.users.accounts.issue_token("admin", "portal", timedelta(hours=1), kind="session")


WRONG_PEOPLE: dict[str, Callable[[Running], list[tuple[str, str]]]] = {
    "nothing": lambda node: [],
    "an unknown token": lambda node: [("Authorization", "Bearer hansa_" + "x" * 43)],
    "an expired token": lambda node: [("Authorization", f"Bearer {_expired(node)}")],
    "a session as a token": lambda node: [("Authorization", f"Bearer {_session(node)}")],
    "a good token cut short": lambda node: [("Authorization", f"Bearer {node.token[:-1]}")],
    "a good token in other letters": lambda node: [("Authorization", f"Bearer {node.token.swapcase()}")],
    "a good token without its scheme": lambda node: [("Authorization", node.token)],
    "a good token as Basic": lambda node: [("Authorization", f"Basic {node.token}")],
    "two headers, one of them good": lambda node: [
        ("Authorization", f"Bearer {node.token}"),
        ("Authorization", "Bearer other"),
    ],
    "a token of enormous length": lambda node: [("Authorization", "Bearer " + "x" * 30_000)],
    "an empty token": lambda node: [("Authorization", "Bearer")],
    "a hash instead of the token": lambda node: [
        ("Authorization", "Bearer " + hashlib.sha256(node.token.encode()).hexdigest())
    ],
    "an unknown session": lambda node: [("Cookie", "hansa_session=hansa_s_" + "x" * 43)],
    "an API token as session": lambda node: [("Cookie", f"hansa_session={node.token}")],
}


@pytest.mark.parametrize("name", WRONG_PEOPLE)
def test_tokens_of_people_that_do_not_hold(node: Running, name: str) -> None:
    headers = WRONG_PEOPLE[name](node)
    before = footprint(node)
    with node.http() as http:
        for method, path, body in (
            ("GET", "/api/node", None),
            ("POST", "/api/records", {"fields": {"kind": "dataset"}}),
            ("POST", "/api/tokens", {"label": "x"}),
        ):
            answer = http.request(method, path, json=body, headers=headers)
            read_problem(answer, 401)
            for _, value in headers:
                assert value.split("=")[-1].split()[-1][:20] not in answer.text or len(value) < 20
    assert footprint(node) == before


def test_a_token_ends_when_its_owner_is_shut_out(running_node: Running) -> None:
    node, accounts = running_node, running_node.node.people.users.accounts
    accounts.add_locally("jo", "Jo", [UserRole.AUDITOR], PASSWORD)
    headers = {"Authorization": f"Bearer {accounts.issue_token('jo', 'x', timedelta(hours=1))}"}
    with node.http(headers=headers) as http:
        assert http.get("/api/node").status_code == 200
        refused = read_problem(http.post("/api/records", json={"fields": {"kind": "dataset"}}), 403)
        assert "role" in refused["detail"]
        for method, path in (
            ("POST", "/api/accounts"),
            ("GET", "/api/accounts"),
            ("DELETE", "/api/records?iri=urn:x"),
        ):
            answer = http.request(method, path, json={"login": "x", "roles": ["steward"], "password": PASSWORD})
            read_problem(answer, 403)


def test_signing_in_says_the_same_whatever_is_wrong_and_slows_down(running_node: Running) -> None:
    texts, statuses = set(), []
    with running_node.http() as http:

        def attempt(login: str, password: str) -> httpx2.Response:
            csrf = CSRF.search(http.get("/sign-in").text)
            assert csrf is not None
            answer = http.post("/sign-in", data={"login": login, "password": password, "csrf": csrf[1]})
            assert password not in answer.text
            texts.add(CSRF.sub("", answer.text).replace(login, "")) if answer.status_code == 401 else None
            return answer

        for login in ["admin", "nobody"] * 7:
            answer = attempt(login, "wrong password")
            statuses.append(answer.status_code)
            assert "hansa_session" not in answer.headers.get("set-cookie", "")
        assert set(statuses) == {401, 429}, statuses
        right = attempt("admin", running_node.password)
        assert right.status_code == 429, "guessing right does not help while one has to wait"
        without = http.post("/sign-in", data={"login": "admin", "password": running_node.password})
        assert without.status_code == 403, "a form of another site signs nobody in"
    assert len(texts) == 1


# ---- participants ---------------------------------------------------------------------------------------------


def sign(node: Running, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A token signed with the node's own key, saying whatever is wanted."""
    body = json.dumps(claims).encode()
    return node.node.parts.keyring.sign_jws({"typ": "JWT", **(header or {})}, body)


def claims(pair: Pair, **changes: Any) -> dict[str, Any]:
    """The claims of a good token of the consumer for the provider, but for ``changes``; None leaves one out."""
    now = int(NOW())
    good = {
        "iss": pair.consumer.did,
        "sub": pair.consumer.did,
        "aud": pair.provider.did,
        "jti": f"{NOW()}",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def by_hand(header: dict[str, Any], body: dict[str, Any], key: bytes | None = None) -> str:
    """A token with any header; ``key`` signs it with HMAC, None leaves the signature empty."""
    text = ".".join(b64url(json.dumps(part).encode()) for part in (header, body))
    signature = hmac.new(key, text.encode(), hashlib.sha256).digest() if key is not None else b""
    return f"{text}.{b64url(signature)}"


def _tampered(pair: Pair) -> str:
    header, _, signature = sign(pair.consumer, claims(pair)).split(".")
    return f"{header}.{b64url(json.dumps(claims(pair, jti='another')).encode())}.{signature}"


def _public_key_pem(pair: Pair) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    private = load_pem_private_key((pair.consumer.folder / "keys" / "key-1.pem").read_bytes(), None)
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


KID = "#key-1"
WRONG_PARTICIPANTS: dict[str, Callable[[Pair], str]] = {
    "for another audience": lambda pair: sign(pair.consumer, claims(pair, aud="did:web:other.example")),
    "for the address instead of the DID": lambda pair: sign(pair.consumer, claims(pair, aud=pair.provider.url)),
    "for several audiences": lambda pair: sign(
        pair.consumer, claims(pair, aud=[pair.provider.did, "did:web:other.example"])
    ),
    "for an audience of which ours is a prefix": lambda pair: sign(
        pair.consumer, claims(pair, aud=pair.provider.did + "0")
    ),
    "without audience": lambda pair: sign(pair.consumer, claims(pair, aud=None)),
    "expired": lambda pair: sign(
        pair.consumer, claims(pair, iat=int(NOW()) - 400, nbf=int(NOW()) - 400, exp=int(NOW()) - 100)
    ),
    "not valid yet": lambda pair: sign(pair.consumer, claims(pair, nbf=int(NOW()) + 200)),
    "from the future": lambda pair: sign(
        pair.consumer, claims(pair, iat=int(NOW()) + 200, nbf=int(NOW()) + 200, exp=int(NOW()) + 400)
    ),
    "for ever": lambda pair: sign(pair.consumer, claims(pair, exp=9_999_999_999)),
    "with a moment that is no number": lambda pair: sign(pair.consumer, claims(pair, exp="tomorrow")),
    "with a moment beyond all numbers": lambda pair: sign(pair.consumer, claims(pair, exp=10**300)),
    "without expiry": lambda pair: sign(pair.consumer, claims(pair, exp=None)),
    "without jti": lambda pair: sign(pair.consumer, claims(pair, jti=None)),
    "about somebody else": lambda pair: sign(pair.consumer, claims(pair, sub="did:web:other.example")),
    "of somebody else, signed by us": lambda pair: sign(
        pair.consumer, claims(pair, iss="did:web:other.example", sub="did:web:other.example")
    ),
    "claiming to be the provider": lambda pair: sign(
        pair.consumer, claims(pair, iss=pair.provider.did, sub=pair.provider.did)
    ),
    "of an issuer that is no DID": lambda pair: sign(pair.consumer, claims(pair, iss="consumer", sub="consumer")),
    "of a DID inside": lambda pair: sign(
        pair.consumer, claims(pair, iss="did:web:169.254.169.254", sub="did:web:169.254.169.254")
    ),
    "of another kind": lambda pair: sign(pair.consumer, claims(pair), {"typ": "vc+jwt"}),
    "unsigned": lambda pair: by_hand({"alg": "none", "typ": "JWT"}, claims(pair)),
    "unsigned in capitals": lambda pair: by_hand(
        {"alg": "NONE", "typ": "JWT", "kid": pair.consumer.did + KID}, claims(pair)
    ),
    "signed with the public key as a secret": lambda pair: by_hand(
        {"alg": "HS256", "typ": "JWT", "kid": pair.consumer.did + KID}, claims(pair), _public_key_pem(pair)
    ),
    "signed with nothing": lambda pair: by_hand(
        {"alg": "ES256", "typ": "JWT", "kid": pair.consumer.did + KID}, claims(pair)
    ),
    "changed after signing": _tampered,
    "bringing its own key": lambda pair: by_hand(
        {"alg": "ES256", "typ": "JWT", "jwk": public_jwk(pair.consumer.node.parts.keyring)}, claims(pair)
    ),
    "naming where its key is": lambda pair: by_hand(
        {"alg": "ES256", "typ": "JWT", "jku": "http://127.0.0.1:1/"}, claims(pair)
    ),
    "with an extension that must be understood": lambda pair: by_hand(
        {"alg": "ES256", "typ": "JWT", "crit": ["x"], "x": 1}, claims(pair)
    ),
    "too long": lambda pair: sign(pair.consumer, claims(pair, x="y" * 20_000)),
    "of three parts that are nothing": lambda pair: "a.b.c",
    "of three empty parts": lambda pair: "..",
    "in characters that are none": lambda pair: "ü.ü.ü",
}


@pytest.mark.parametrize("name", WRONG_PARTICIPANTS)
def test_tokens_of_participants_that_do_not_hold(pair: Pair, node: Running, name: str) -> None:
    """At the protocol, the credentials, the data, the feed, the search and the query door alike."""
    before = footprint(node)
    with node.http() as http:
        for method, path in (
            ("POST", "/dsp/2025-1/catalog/request"),
            ("POST", "/dsp/2025-1/negotiations/request"),
            ("GET", "/dsp/2025-1/negotiations/urn:uuid:1"),
            ("POST", "/dsp/2025-1/transfers/request"),
            ("POST", "/dcp/presentations/query"),
            ("POST", "/data/urn:uuid:1/token"),
            ("GET", "/feed"),
            ("GET", "/api/catalogue/search"),
            ("GET", "/sparql?query=ASK%7B%7D"),
            ("GET", "/api/node"),
        ):
            # A fresh one each time: what is wrong with it must be the reason, not that it was seen before.
            token = WRONG_PARTICIPANTS[name](pair)
            headers = {b"Authorization": f"Bearer {token}".encode()}
            answer = http.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
            # Below the path of a process a stranger meets what whoever guesses meets (DSP 2025-1 §8.1).
            wanted = 404 if "/negotiations/urn" in path else 401
            assert answer.status_code == wanted, f"{path}: {answer.status_code} {answer.text[:300]}"
            assert wanted == 404 or answer.headers["www-authenticate"].startswith("Bearer")
            if path.startswith("/dsp"):
                assert faults(answer.json()) == []
            else:
                read_problem(answer, 401)
            assert len(token) < 10 or token not in answer.text
    assert footprint(node) == before


def test_a_token_is_good_once(pair: Pair, node: Running) -> None:
    """Also at another door, and after the node was started anew (threat 47)."""
    token = {"Authorization": f"Bearer {sign(pair.consumer, claims(pair))}"}
    with node.http() as http:
        assert http.get("/feed", headers=token).status_code == 200
        for path in ("/feed", "/api/catalogue/search", "/dsp/2025-1/catalog/datasets/x", "/api/node"):
            answer = http.get(path, headers=token)
            assert answer.status_code == 401
            assert "used before" in answer.text


def test_replays_at_the_same_instant(pair: Pair, node: Running) -> None:
    token = {"Authorization": f"Bearer {sign(pair.consumer, claims(pair))}"}
    with node.http() as http, ThreadPoolExecutor(8) as crowd:
        statuses = list(crowd.map(lambda _: http.get("/feed", headers=token).status_code, range(24)))
    assert sorted(statuses) == [200] + [401] * 23


def test_a_replay_after_a_restart(tmp_path: Path, sqlite_template: Path, pair: Pair) -> None:
    folder = tmp_path / "again"
    with running(folder, template=sqlite_template) as first:
        port = int(first.url.rpartition(":")[2])
        other = Pair(first, pair.consumer)
        token = {"Authorization": f"Bearer {sign(pair.consumer, claims(other))}"}
        with first.http() as http:
            assert http.get("/feed", headers=token).status_code == 200
    with running(folder, port=port) as second, second.http() as http:
        assert http.get("/feed", headers=token).status_code == 401


def test_a_participants_token_opens_no_management(pair: Pair, node: Running) -> None:
    with node.http() as http:
        for method, path in (("GET", "/api/node"), ("GET", "/api/agreements"), ("POST", "/api/tokens")):
            answer: httpx2.Response = http.request(
                method,
                path,
                json={"label": "x"} if method == "POST" else None,
                headers=pair.consumer.as_participant(node),
            )
            read_problem(answer, 401)


def test_a_persons_token_speaks_for_no_participant(pair: Pair, node: Running) -> None:
    with node.http(headers=node.person()) as http:
        assert http.post("/dsp/2025-1/catalog/request", json={}).status_code == 401
        read_problem(http.post("/dcp/presentations/query", json={}), 401)
        read_problem(http.post("/data/urn:uuid:1/token"), 401)
    with node.http(headers=pair.consumer.person()) as http:
        read_problem(http.get("/api/node"), 401)
