"""The page about the node's keys, in a browser's requests: who sees it, and new keys for old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from node.base.jsons import read_object
from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.integration.people.test_reset_passwords import OWN, let_in, session
from tests.integration.people.test_second_factors import enrolled, shown
from tests.nodes import Running, Start, until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, start: Start) -> Iterator[Running]:
    with start(tmp_path_factory.mktemp("keys") / "node") as node:
        yield node


@contextmanager
def signed_in(node: Running, login: str) -> Iterator[httpx2.Client]:
    with node.http(follow_redirects=False, headers=session(node, login, OWN)) as http:
        yield http


def form(page: httpx2.Response, *kinds: str) -> dict[str, str]:
    """What a browser sends where these kinds are ticked and the password is typed."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf is not None
    ids = dict(re.findall(r'name="(signing|log|sealing)" value="(#[a-z]+-\d+)"', page.text))
    assert set(ids) == {"signing", "log", "sealing"}
    return {"csrf": csrf[1], "password": OWN, **{kind: ids[kind] for kind in kinds}}


def keys(node: Running) -> dict[str, str]:
    with node.client() as client:
        found = client.keys()
    return {key["id"]: key["state"] for key in found}


def test_an_operator_replaces_a_key_and_sees_the_old_one(node: Running) -> None:
    let_in(node, "olga", UserRole.OPERATOR)
    before = keys(node)
    with signed_in(node, "olga") as http:
        page = http.get("/keys")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "private, no-store"
        assert '<a href="/keys" aria-current="page">Keys</a>' in page.text
        assert all(f"<code>{name}</code>" in page.text for name in before)
        assert "hansa keys revoke &#39;#key-1&#39; --as-of now" in page.text
        filled = form(page, "signing", "log")
        answer = http.post("/keys/replace", data=filled)
        assert (answer.status_code, answer.headers["location"]) == (303, "/keys?done=keys-replaced")
        page = http.get(answer.headers["location"])
        assert "The new keys are in use." in page.text
        assert "Earlier keys" in page.text
        after = keys(node)
        assert {name for name, state in after.items() if state == "in use"} == {"#key-2", "#log-2", "#seal-1"}
        # The same form once more replaces nothing.
        again = http.post("/keys/replace", data=filled)
        assert again.headers["location"] == "/keys?done=already-replaced"
        assert "the keys had already been replaced" in http.get(again.headers["location"]).text
        assert keys(node) == after

    def replaced_by_olga() -> list[str]:
        with node.node.parts.stores.uow.read() as tx:
            found = node.node.parts.stores.ledger.since(tx, 0, limit=10_000)
        bodies = [(entry.by, read_object(entry.body)) for entry in found if entry.kind is EntryKind.NODE]
        return [body["id"] for by, body in bodies if by == "olga" and body.get("event") == "key"]

    until("the ledger names who did it", lambda: set(replaced_by_olga()) == {"#key-1", "#key-2", "#log-1", "#log-2"})


def test_a_revoked_key_is_shown_with_its_moment_and_reason(node: Running) -> None:
    let_in(node, "otto", UserRole.OPERATOR)
    with node.client() as client:
        client.revoke_key("#seal-1", "2026-01-01T10:00:00Z", "the disk was <sold>")
    with signed_in(node, "otto") as http:
        text = http.get("/keys", headers={"Accept-Language": "nl"}).text
    assert "Ingetrokken met ingang van" in text
    assert "the disk was &lt;sold&gt;" in text
    assert "2026-01-01T10:00:00+00:00" in text


def test_forms_without_password_tick_or_token_change_nothing(node: Running) -> None:
    let_in(node, "omar", UserRole.OPERATOR)
    before = keys(node)
    with signed_in(node, "omar") as http:
        filled = form(http.get("/keys"), "sealing")
        for change, status, words in (
            ({"password": "wrong"}, 403, "The current password is wrong."),
            ({"sealing": ""}, 422, "Choose at least one key."),
            ({"csrf": "x"}, 403, "does not belong to your session"),
        ):
            answer = http.post("/keys/replace", data={**filled, **change})
            assert answer.status_code == status, change
            assert words in answer.text
    assert keys(node) == before


def test_others_read_the_keys_and_are_told_which_role_replacing_takes(node: Running) -> None:
    let_in(node, "stef", UserRole.STEWARD, UserRole.SIGNATORY, UserRole.AUDITOR)
    before = keys(node)
    with signed_in(node, "stef") as http:
        page = http.get("/keys")
        assert page.status_code == 200
        assert all(f"<code>{name}</code>" in page.text for name in before)
        assert "To replace them, you need the role “Operator”." in page.text
        for operators in ("/keys/replace", "hansa keys revoke", "hansa token list", 'name="password"'):
            assert operators not in page.text
        csrf = re.search(r'name="csrf" value="([^"]+)"', http.get("/account").text)
        assert csrf is not None
        data = {"csrf": csrf[1], "password": OWN, "signing": next(iter(before))}
        for sent in (data, {**data, "signing": ""}):
            answer = http.post("/keys/replace", data=sent)
            assert answer.status_code == 403
            assert "you need the role operator" in answer.text
            assert "#key-1" not in answer.text
    with node.http(follow_redirects=False) as http:
        assert http.get("/keys").headers["location"] == "/sign-in?next=%2Fkeys"
        assert http.post("/keys/replace", data={"signing": "#key-1"}).status_code in (303, 403)
    assert keys(node) == before


def test_a_second_factor_is_asked_for_too(node: Running) -> None:
    let_in(node, "odile", UserRole.OPERATOR)
    before = keys(node)
    browser = session(node, "odile", OWN)  # Signed in before the second factor was set up.
    with node.http(follow_redirects=False, headers=browser) as http:
        stale = form(http.get("/keys"), "sealing")
        enrolled(node, "odile")
        assert 'name="password"' not in http.get("/keys").text, "a session without the code has lost the role"
        answer = http.post("/keys/replace", data=stale)
        assert answer.status_code == 403
        assert "without your second factor" in answer.text
        assert keys(node) == before
    with node.http(follow_redirects=False, headers={"Sec-Fetch-Site": "same-origin"}) as http:
        csrf = re.search(r'name="csrf" value="([^"]+)"', http.get("/sign-in").text)
        assert csrf is not None
        step = http.post("/sign-in", data={"csrf": csrf[1], "login": "odile", "password": OWN})
        csrf = re.search(r'name="csrf" value="([^"]+)"', http.get("/sign-in/code").text)
        assert csrf is not None, step.text
        assert http.post("/sign-in/code", data={"csrf": csrf[1], "code": shown(node, "odile")}).status_code == 303
        filled = form(http.get("/keys"), "sealing")
        for code in ("", "000000"):
            refused = http.post("/keys/replace", data={**filled, "code": code})
            assert refused.status_code == 403
            assert "This code is wrong" in refused.text
            assert keys(node) == before
        done = http.post("/keys/replace", data={**filled, "code": shown(node, "odile", away=1)})
        assert done.headers["location"] == "/keys?done=keys-replaced"
    assert keys(node) != before
