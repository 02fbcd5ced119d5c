"""API tokens end with the password and not after their term; a password that somebody else set binds nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from node.base.jsons import read_object
from node.cli.app import app_for
from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.nodes import Pair, Running, publish, running

OWN, GIVEN, NEXT = "the first long password", "a password from the operator", "a password of her own"


def call(node: Running, method: str, path: str, headers: dict[str, str], **options: Any) -> httpx2.Response:
    with node.http() as http:
        return http.request(method, path, headers=headers, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def session(node: Running, login: str, password: str) -> dict[str, str]:
    """Somebody who signs in on the pages: the headers of what their browser sends."""
    with node.http(follow_redirects=False) as http:
        form = http.get("/sign-in").text
        csrf = form.split('name="csrf" value="')[1].split('"')[0]
        answer = http.post("/sign-in", data={"csrf": csrf, "login": login, "password": password})
        assert answer.status_code == 303, answer.status_code
        return {"Cookie": f"hansa_session={http.cookies['hansa_session']}", "Sec-Fetch-Site": "same-origin"}


def create_token(node: Running, headers: dict[str, str], **body: Any) -> httpx2.Response:
    return call(node, "POST", "/api/tokens", headers, json={"label": "laptop", "days": 3, **body})


def entries(node: Running, login: str) -> list[dict[str, Any]]:
    with node.node.parts.stores.uow.read() as tx:
        found = node.node.parts.stores.ledger.history(tx, f"account {login}", EntryKind.NODE)
    return [{**read_object(one.body), "by": one.by} for one in found]


def let_in(node: Running, login: str, *roles: UserRole) -> dict[str, str]:
    """An account of long standing with an API token."""
    accounts = node.node.people.users.accounts
    accounts.add_locally(login, login, roles, OWN)
    return bearer(accounts.issue_token(login, "test", timedelta(days=1)))


class TestTokens:
    def test_making_one_takes_the_password(self, pair: Pair) -> None:
        node = pair.provider
        theirs = let_in(node, "ann", UserRole.PUBLISHER)
        before = len(call(node, "GET", "/api/tokens", theirs).json())
        assert create_token(node, theirs).status_code == 400
        assert create_token(node, theirs, password="not her password").status_code == 403
        assert len(call(node, "GET", "/api/tokens", theirs).json()) == before
        answer = create_token(node, theirs, password=OWN)
        assert answer.status_code == 201
        assert call(node, "GET", "/api/node", bearer(answer.json()["token"])).status_code == 200

    def test_a_password_is_not_guessed_at_this_door(self, pair: Pair) -> None:
        theirs = let_in(pair.provider, "guessed", UserRole.AUDITOR)
        statuses = [create_token(pair.provider, theirs, password=f"guess number {n}").status_code for n in range(7)]
        assert statuses[:5] == [403] * 5
        assert statuses[-1] == 429

    def test_the_term_is_capped_by_a_setting(self, tmp_path: Path, sqlite_template: Path) -> None:
        with running(tmp_path / "strict", template=sqlite_template, token_days=30) as node:
            theirs = let_in(node, "ann", UserRole.PUBLISHER)
            assert create_token(node, theirs, password=OWN, days=30).status_code == 201
            refused = create_token(node, theirs, password=OWN, days=31)
            assert refused.status_code == 400
            assert "30 days" in refused.json()["detail"]

    def test_a_year_is_the_longest_unless_said_otherwise(self, pair: Pair) -> None:
        theirs = let_in(pair.provider, "long", UserRole.PUBLISHER)
        assert create_token(pair.provider, theirs, password=OWN, days=365).status_code == 201
        assert create_token(pair.provider, theirs, password=OWN, days=3650).status_code == 400

    @pytest.mark.parametrize("keep", [False, True])
    def test_they_end_with_the_password_unless_told_otherwise(self, pair: Pair, keep: bool) -> None:
        node, login = pair.provider, f"changes-{keep}".lower()
        theirs = let_in(node, login, UserRole.PUBLISHER)
        other = bearer(create_token(node, theirs, password=OWN).json()["token"])
        inside = session(node, login, OWN)
        body = {"password": NEXT, "old": OWN, **({"keepTokens": True} if keep else {})}
        assert call(node, "PUT", f"/api/accounts/{login}/password", theirs, json=body).status_code == 204
        for headers in (theirs, other):
            assert call(node, "GET", "/api/node", headers).status_code == (200 if keep else 401)
        assert call(node, "GET", "/api/node", inside).status_code == 401, "sessions end whatever is kept"
        assert entries(node, login)[-1]["tokensEnded"] == (0 if keep else 2)

    def test_the_terminal_on_the_machine_goes_on(self, running_node: Running) -> None:
        """Whoever reads the file ``token`` reads the node's keys beside it: no password guards those."""
        body = {"password": NEXT, "old": running_node.password}
        assert call(running_node, "PUT", "/api/accounts/admin/password", running_node.person(), json=body).is_success
        assert publish(running_node, "still")["version"] == 1


class TestPasswordsOfOthers:
    def test_a_signatory_binds_nothing_until_the_password_is_her_own(self, pair: Pair) -> None:
        node = pair.consumer
        iri = publish(pair.provider, "binding")["iri"]
        theirs = let_in(node, "sig", UserRole.SIGNATORY)
        path, ask = "/api/accounts/sig/password", {"json": {"dataset": iri}}
        kept = {"password": GIVEN, "keepTokens": True}
        assert call(node, "PUT", path, node.person(), json=kept).status_code == 204
        for headers in (theirs, session(node, "sig", GIVEN)):
            assert call(node, "GET", "/api/agreements", headers).status_code == 200, "she may look"
            refused = call(node, "POST", "/api/negotiations", headers, **ask)
            assert refused.status_code == 403
            assert "admin set the password" in refused.json()["detail"]
            assert "hansa user sig --password" in refused.json()["remedy"]
        changed = call(node, "PUT", path, theirs, json={"password": NEXT, "old": GIVEN, "keepTokens": True})
        assert changed.status_code == 204
        assert call(node, "POST", "/api/negotiations", theirs, **ask).status_code == 202
        assert [(one["event"], one["by"]) for one in entries(node, "sig")][-2:] == [
            ("password-changed", "admin"),
            ("password-changed", "sig"),
        ]
        assert entries(node, "sig")[-2]["setByAnother"] is True

    @pytest.mark.parametrize("role", [one for one in UserRole if one is not UserRole.AUDITOR])
    def test_every_role_but_the_auditors_binds(self, pair: Pair, role: UserRole) -> None:
        node, login = pair.provider, f"new-{role}"
        new = {"login": login, "roles": [role], "password": GIVEN}
        assert call(node, "POST", "/api/accounts", node.person(), json=new).status_code == 201
        headers = session(node, login, GIVEN)
        for method, path, body in (
            ("POST", "/api/records", {"fields": {"kind": "dataset"}}),
            ("POST", "/api/negotiations", {"dataset": "http://127.0.0.1:1/datasets/x"}),
            ("POST", "/api/accounts", {**new, "login": "eve"}),
            ("POST", "/api/blocks", {"did": "did:web:x.example", "reason": "x"}),
            ("POST", "/api/members", {"url": "http://127.0.0.1:1"}),
            ("POST", "/api/runs", {"scenario": "urn:x"}),
        ):
            assert call(node, method, path, headers, json=body).status_code == 403, (role, path)

    def test_the_pages_say_so_and_lead_to_the_change(self, pair: Pair) -> None:
        node = pair.provider
        let_in(node, "els", UserRole.SIGNATORY)
        assert call(node, "PUT", "/api/accounts/els/password", node.person(), json={"password": GIVEN}).is_success
        cookie = session(node, "els", GIVEN)
        with node.http(follow_redirects=False, headers=cookie) as http:
            told = http.get("/decisions").text
            assert "admin set the password of this account" in told
            assert 'href="/account"' in told
            page = http.get("/account").text
            csrf = page.split('name="csrf" value="')[1].split('"')[0]
            form = {"csrf": csrf, "old": GIVEN, "password": NEXT, "again": NEXT}
            assert http.post("/account/password", data={**form, "csrf": "x"}).status_code == 403
            assert http.post("/account/password", data={**form, "again": "something else"}).status_code == 422
            assert http.post("/account/password", data={**form, "old": "a wrong password"}).status_code == 403
            answer = http.post("/account/password", data=form)
            assert answer.status_code == 303
            new = {**cookie, "Cookie": f"hansa_session={answer.cookies['hansa_session']}"}
        assert call(node, "GET", "/api/node", cookie).status_code == 401
        with node.http(headers=new) as http:
            assert "admin set the password of this account" not in http.get("/decisions").text
            assert "admin set the password" in http.get("/account").text, "what was done is still told"

    def test_no_page_denies_a_role_that_waits_for_the_password(self, pair: Pair) -> None:
        node = pair.provider
        new = {"login": "pia", "roles": ["publisher", "signatory", "operator"], "password": GIVEN}
        assert call(node, "POST", "/api/accounts", node.person(), json=new).status_code == 201
        with node.http(headers=session(node, "pia", GIVEN)) as http:
            for path in ("/publish", "/imports", "/region", "/keys"):
                text = http.get(path).raise_for_status().text
                until = "You cannot publish, decide, sign or revoke until you choose your own password."
                assert f"admin set the password of this account. {until}" in text, path
                assert "you need the role" not in text.lower(), path
        let_in(node, "aud", UserRole.AUDITOR)
        with node.http(headers=session(node, "aud", OWN)) as http:
            for path in ("/publish", "/imports", "/region", "/keys"):
                assert "you need the role" in http.get(path).raise_for_status().text.lower(), path

    def test_tokens_are_made_and_ended_on_the_page(self, pair: Pair) -> None:
        node = pair.provider
        let_in(node, "kai", UserRole.AUDITOR)
        with node.http(follow_redirects=False, headers=session(node, "kai", OWN)) as http:
            csrf = http.get("/account").text.split('name="csrf" value="')[1].split('"')[0]
            form = {"csrf": csrf, "label": "notebook", "days": "30", "password": OWN}
            assert http.post("/account/tokens", data={**form, "password": "a wrong one"}).status_code == 403
            assert http.post("/account/tokens", data={**form, "days": "x"}).status_code == 422
            shown = http.post("/account/tokens", data=form)
            assert shown.status_code == 200
            token = re.findall(r"hansa_[\w-]{43}", shown.text)[0]
            assert call(node, "GET", "/api/node", bearer(token)).status_code == 200
            assert token not in http.get("/account").text, "it is shown once"
            sha256 = next(one["sha256"] for one in call(node, "GET", "/api/tokens", bearer(token)).json())
            ended = http.post(f"/account/tokens/{sha256}/end", data={"csrf": csrf})
            assert ended.status_code == 303

    def test_the_terminal_says_so(self, pair: Pair) -> None:
        node, run = pair.provider, CliRunner()
        theirs = let_in(node, "kim", UserRole.SIGNATORY)["Authorization"].split()[1]

        def hansa(*words: str, typed: str = "", token: str = "") -> Any:
            env = {"HANSA_TOKEN": token} if token else {}
            return run.invoke(app_for(), [*words, "--node", str(node.folder)], input=typed, env=env)

        given = hansa("user", "kim", "--password", "--keep-tokens", typed=f"{GIVEN}\n{GIVEN}\n")
        assert given.exit_code == 0, given.output
        line = next(one for one in hansa("user").output.splitlines() if one.startswith("kim"))
        assert "password set by admin" in line
        refused = hansa("join", "https://region.example", token=theirs)
        assert refused.exit_code != 0
        assert "admin set the password" in str(refused.exception)
        own = hansa("user", "kim", "--password", typed=f"{NEXT}\n{NEXT}\n{GIVEN}\n", token=theirs)
        assert own.exit_code == 0, own.output
        assert call(node, "GET", "/api/node", bearer(theirs)).status_code == 401, "her tokens ended with it"
