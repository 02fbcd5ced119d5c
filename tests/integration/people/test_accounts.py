"""People of a node: who is kept out, which tokens there are, how a password is changed, and what the ledger keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from node.base.jsons import read_object
from node.cli.app import app_for
from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.nodes import Pair, Running, publish, until

OLD, NEW = "the first long password", "another long password"


def let_in(node: Running, login: str, *roles: UserRole) -> dict[str, str]:
    """An account with an API token: the header of its requests."""
    accounts = node.node.people.users.accounts
    accounts.add_locally(login, login, roles, OLD)
    return {"Authorization": f"Bearer {accounts.issue_token(login, 'test', timedelta(days=1))}"}


def call(node: Running, method: str, path: str, headers: dict[str, str], **options: Any) -> httpx2.Response:
    with node.http() as http:
        return http.request(method, path, headers=headers, **options)


def events(node: Running, login: str) -> list[tuple[str, str]]:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.ledger.history(tx, f"account {login}", EntryKind.NODE)
    return [(str(read_object(one.body)["event"]), one.by) for one in found]


def test_whoever_is_shut_out_is_out_at_once(pair: Pair) -> None:
    node = pair.provider
    theirs = let_in(node, "els", UserRole.STEWARD)
    session = node.node.people.users.accounts.issue_token("els", "portal", timedelta(hours=1), kind="session")
    cookie = {"Cookie": f"hansa_session={session}", "Sec-Fetch-Site": "same-origin"}
    assert call(node, "GET", "/api/node", theirs).status_code == 200
    assert call(node, "GET", "/api/node", cookie).status_code == 200
    assert call(node, "PATCH", "/api/accounts/els", theirs, json={"disabled": True}).status_code == 403
    shut = call(node, "PATCH", "/api/accounts/els", node.person(), json={"disabled": True})
    assert shut.json()["disabled"] is True
    for headers in (theirs, cookie):
        assert call(node, "GET", "/api/node", headers).status_code == 401
    assert call(node, "PATCH", "/api/accounts/els", node.person(), json={"disabled": False}).status_code == 200
    assert call(node, "GET", "/api/node", theirs).status_code == 401, "what has ended stays so"
    assert [event for event, _ in events(node, "els")][-2:] == ["account-disabled", "account-enabled"]


def test_nobody_locks_the_last_door(pair: Pair) -> None:
    node = pair.provider
    for login, disabled, status in (("admin", True, 409), ("nobody", True, 404), ("admin", False, 200)):
        answer = call(node, "PATCH", f"/api/accounts/{login}", node.person(), json={"disabled": disabled})
        assert answer.status_code == status
    second = let_in(node, "second", UserRole.OPERATOR)
    assert call(node, "PATCH", "/api/accounts/second", second, json={"disabled": True}).status_code == 409


def test_tokens_are_listed_and_revoked(pair: Pair) -> None:
    node = pair.provider
    theirs, others = let_in(node, "ann", UserRole.AUDITOR), let_in(node, "bob", UserRole.AUDITOR)
    token = call(node, "POST", "/api/tokens", theirs, json={"label": "laptop", "days": 3, "password": OLD}).json()
    listed = call(node, "GET", "/api/tokens", theirs).json()
    assert [(one["label"], one["login"]) for one in listed] == [("test", "ann"), ("laptop", "ann")]
    assert token["token"] not in str(listed)
    assert call(node, "GET", "/api/tokens?all=true", theirs).status_code == 403
    everybody = call(node, "GET", "/api/tokens?all=true", node.person()).json()
    assert {"ann", "bob", "admin"} <= {one["login"] for one in everybody}
    assert call(node, "DELETE", f"/api/tokens/{token['sha256']}", others).status_code == 404
    laptop = {"Authorization": f"Bearer {token['token']}"}
    assert call(node, "GET", "/api/node", laptop).status_code == 200
    assert call(node, "DELETE", f"/api/tokens/{token['sha256']}", theirs).json()["label"] == "laptop"
    assert call(node, "GET", "/api/node", laptop).status_code == 401
    assert events(node, "ann")[-1] == ("token-revoked", "ann")


def test_ones_own_password_is_changed_with_the_old_one(pair: Pair) -> None:
    node = pair.provider
    theirs = let_in(node, "jo", UserRole.PUBLISHER)
    path, options = "/api/accounts/jo/password", {"keepTokens": True}
    assert call(node, "PUT", path, theirs, json={"password": NEW}).status_code == 400
    assert call(node, "PUT", path, theirs, json={"password": NEW, "old": "a wrong password"}).status_code == 403
    assert call(node, "PUT", path, theirs, json={"password": NEW, "old": OLD, **options}).status_code == 204
    assert call(node, "PUT", path, node.person(), json={"password": OLD, **options}).status_code == 204, (
        "an operator helps out"
    )
    assert events(node, "jo")[-2:] == [("password-changed", "jo"), ("password-changed", "admin")]
    for _ in range(7):
        guessed = call(node, "PUT", path, theirs, json={"password": NEW, "old": "a wrong password"})
    assert guessed.status_code == 429


@pytest.mark.parametrize("role", list(UserRole))
def test_who_may_begin_what_binds_the_city(pair: Pair, role: UserRole) -> None:
    iri = publish(pair.provider, f"binding-{role}")["iri"]
    headers = let_in(pair.consumer, f"only-{role}", role)
    answer = call(pair.consumer, "POST", "/api/negotiations", headers, json={"dataset": iri})
    assert answer.status_code == (202 if role in (UserRole.STEWARD, UserRole.SIGNATORY) else 403)


def test_in_the_terminal(pair: Pair) -> None:
    node, run = pair.provider, CliRunner()
    let_in(node, "kim", UserRole.STEWARD)

    def hansa(*words: str, typed: str = "") -> str:
        result = run.invoke(app_for(), [*words, "--node", str(node.folder)], input=typed)
        assert result.exit_code == 0, result.output
        return result.output

    assert "kim may no longer sign in" in hansa("user", "kim", "--disable")
    assert "disabled" in next(one for one in hansa("user").splitlines() if one.startswith("kim"))
    assert "kim may sign in again" in hansa("user", "kim", "--enable")
    assert "token for a test" in hansa("token", "new", "a test", typed=f"{node.password}\n")
    name = next(one.split()[0] for one in hansa("token", "list").splitlines() if "a test" in one)
    assert "revoked the token for a test" in hansa("token", "revoke", name)
    assert until("it is gone", lambda: "a test" not in hansa("token", "list", "--all"))
    hansa("user", "kim", "--password", typed=f"{NEW}\n{NEW}\n")
