"""A second factor through every door: pages, HTTP API, terminal."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from typer.testing import CliRunner

from node.base.jsons import read_object
from node.cli.app import app_for
from node.identity.accounts import totp
from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.fakes.people import person
from tests.integration.people.test_reset_passwords import NEXT, OWN, bearer, call, entries, let_in
from tests.nodes import Pair, Running, publish, running


def shown(node: Running, login: str, *, away: int = 0) -> str:
    """What the authenticator app of ``login`` shows, so many steps from now."""
    factor = node.node.people.users.second_factor
    with node.node.parts.stores.uow.read() as tx:
        secret = factor._secret(tx, login)
    assert secret is not None
    return totp.code_at(secret, int(time.time()) // totp.PERIOD + away)


def forget_steps(node: Running, login: str) -> None:
    """As if half a minute had passed since the last code: what was used before may be used again."""
    stores = node.node.parts.stores
    with stores.uow.begin() as tx:
        kept = stores.identity.second_factor(tx, login)
        assert kept is not None
        stores.identity.keep_second_factor(tx, login, kept)


def csrf(page: httpx2.Response) -> str:
    return page.text.split('name="csrf" value="')[1].split('"')[0]


def browser(node: Running) -> httpx2.Client:
    return node.http(follow_redirects=False, headers={"Sec-Fetch-Site": "same-origin"})


def enrolled(node: Running, login: str) -> list[str]:
    """The account has a second factor; its recovery codes."""
    headers = bearer(node.node.people.users.accounts.issue_token(login, "enrol", timedelta(hours=1)))
    begun = call(node, "POST", "/api/second-factor", headers, json={"password": OWN})
    assert begun.status_code == 201
    confirmed = call(node, "POST", "/api/second-factor/confirm", headers, json={"code": shown(node, login)})
    assert confirmed.status_code == 200, confirmed.text
    forget_steps(node, login)
    return list(confirmed.json()["recoveryCodes"])


class TestPages:
    def test_from_setting_up_to_signing_in_to_removing(self, pair: Pair) -> None:
        node = pair.provider
        let_in(node, "els", UserRole.SIGNATORY)
        with browser(node) as http:
            form = {"csrf": csrf(http.get("/sign-in")), "login": "els", "password": OWN}
            assert http.post("/sign-in", data=form).status_code == 303
            token = csrf(http.get("/account"))
            begin = {"csrf": token, "password": OWN}
            assert http.post("/account/second-factor", data={**begin, "csrf": "x"}).status_code == 403
            assert http.post("/account/second-factor", data={**begin, "password": "wrong"}).status_code == 403
            begun = http.post("/account/second-factor", data=begin)
            assert begun.status_code == 200
            assert "<svg" in begun.text
            assert "otpauth://totp/" in begun.text
            assert begun.headers["cache-control"] == "private, no-store"
            confirm = "/account/second-factor/confirm"
            assert http.post(confirm, data={"csrf": token, "code": "12"}).status_code == 403
            done = http.post(confirm, data={"csrf": token, "code": shown(node, "els")})
            assert done.status_code == 200
            codes = re.findall(r"<code>((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})</code>", done.text)
            assert len(codes) == 10
            assert codes[0] not in http.get("/account").text, "they are shown once"
            assert http.get("/api/node").status_code == 200, "the session goes on"
        forget_steps(node, "els")
        with browser(node) as http:
            form = {"csrf": csrf(http.get("/sign-in")), "login": "els", "password": OWN, "next": "/agreements"}
            answer = http.post("/sign-in", data=form)
            assert answer.headers["location"] == "/sign-in/code?next=%2Fagreements"
            assert "hansa_session" not in answer.cookies
            assert http.get("/api/node").status_code == 401, "half a sign-in opens nothing"
            page = http.get("/sign-in/code?next=/agreements")
            code = {"csrf": csrf(page), "next": "/agreements"}
            assert (
                http.post("/sign-in/code", data={**code, "code": shown(node, "els"), "csrf": "x"}).status_code == 403
            )
            assert http.post("/sign-in/code", data={**code, "code": "000"}).status_code == 401
            inside = http.post("/sign-in/code", data={**code, "code": shown(node, "els")})
            assert (inside.status_code, inside.headers["location"]) == (303, "/agreements")
            token = csrf(http.get("/account"))
            remove = {"csrf": token, "password": OWN, "code": "000000"}
            assert http.post("/account/second-factor/remove", data=remove).status_code == 403
            assert http.post("/account/second-factor/remove", data={**remove, "code": codes[1]}).status_code == 303
            assert "Set up a second factor" in http.get("/account").text
        assert [one["event"] for one in entries(node, "els")][-3:] == [
            "second-factor-added",
            "recovery-code-used",
            "second-factor-removed",
        ]

    def test_where_it_is_required_the_pages_lead_to_it(self, tmp_path: Path, sqlite_template: Path) -> None:
        with running(tmp_path / "strict", template=sqlite_template, second_factor="required") as node:
            assert publish(node, "by-terminal")["version"] == 1, "the terminal beside the keys goes on"
            theirs = let_in(node, "pub", UserRole.PUBLISHER)
            refused = call(node, "POST", "/api/records", theirs, json={"fields": {"kind": "dataset"}})
            assert refused.status_code == 403
            assert "asks for a second factor" in refused.json()["detail"]
            with browser(node) as http:
                form = {"csrf": csrf(http.get("/sign-in")), "login": "pub", "password": OWN}
                assert http.post("/sign-in", data=form).status_code == 303
                assert "This node requires a second factor" in http.get("/decisions").text
                token = csrf(http.get("/account"))
                http.post("/account/second-factor", data={"csrf": token, "password": OWN})
                code = {"csrf": token, "code": shown(node, "pub")}
                assert http.post("/account/second-factor/confirm", data=code).status_code == 200
                assert "This node requires a second factor" not in http.get("/decisions").text
                answer = http.post("/api/records", json={"fields": {"kind": "dataset"}})
                assert answer.status_code not in (401, 403)
            assert call(node, "POST", "/api/records", theirs, json={}).status_code == 403


class TestApi:
    def test_a_token_takes_password_and_code(self, pair: Pair) -> None:
        node = pair.consumer
        iri = publish(pair.provider, "factor")["iri"]
        theirs = let_in(node, "ann", UserRole.SIGNATORY)
        codes = enrolled(node, "ann")
        assert call(node, "GET", "/api/agreements", theirs).status_code == 200
        refused = call(node, "POST", "/api/negotiations", theirs, json={"dataset": iri})
        assert refused.status_code == 403
        assert "without the code of your second factor" in refused.json()["detail"]
        request = {"label": "laptop", "password": OWN}
        without = call(node, "POST", "/api/tokens", theirs, json=request)
        assert (without.status_code, without.json()["code"]) == (403, "second-factor-needed")
        assert call(node, "POST", "/api/tokens", theirs, json={**request, "code": "000000"}).status_code == 403
        made = call(node, "POST", "/api/tokens", theirs, json={**request, "code": shown(node, "ann")})
        assert made.status_code == 201
        fresh = bearer(made.json()["token"])
        assert call(node, "POST", "/api/negotiations", fresh, json={"dataset": iri}).status_code == 202
        state = call(node, "GET", "/api/second-factor", theirs).json()
        assert (state["recoveryCodes"], state["required"]) == (10, False)
        remove = {"password": OWN, "code": codes[0]}
        assert call(node, "POST", "/api/second-factor/remove", fresh, json=remove).status_code == 204

    def test_an_operator_takes_it_away_and_that_is_seen(self, pair: Pair) -> None:
        node = pair.provider
        theirs = let_in(node, "lost", UserRole.SIGNATORY)
        enrolled(node, "lost")
        path = "/api/accounts/lost/second-factor"
        assert call(node, "DELETE", path, theirs).status_code == 403
        assert call(node, "DELETE", "/api/accounts/admin/second-factor", node.person()).status_code == 400
        assert call(node, "DELETE", path, node.person()).status_code == 204
        refused = call(node, "POST", "/api/negotiations", theirs, json={"dataset": "http://127.0.0.1:1/datasets/x"})
        assert "admin removed the second factor" in refused.json()["detail"]
        assert entries(node, "lost")[-1]["byAnother"] is True

    def test_the_password_change_ends_what_was_half_done(self, pair: Pair) -> None:
        node = pair.provider
        let_in(node, "half", UserRole.SIGNATORY)
        enrolled(node, "half")
        with browser(node) as http:
            form = {"csrf": csrf(http.get("/sign-in")), "login": "half", "password": OWN}
            assert http.post("/sign-in", data=form).headers["location"] == "/sign-in/code"
            page = http.get("/sign-in/code")
            node.node.people.users.accounts.set_password("half", NEXT, by=person("half"))
            late = http.post("/sign-in/code", data={"csrf": csrf(page), "code": shown(node, "half")})
            assert late.status_code == 401
            assert "hansa_session" not in late.cookies


class TestTerminal:
    def test_set_up_used_and_removed(self, pair: Pair, monkeypatch: Any) -> None:
        node, run = pair.provider, CliRunner()
        token = let_in(node, "kim", UserRole.SIGNATORY)["Authorization"].split()[1]

        def hansa(*words: str, typed: str = "") -> Any:
            return run.invoke(
                app_for(), [*words, "--node", str(node.folder)], input=typed, env={"HANSA_TOKEN": token}
            )

        # The secret is known once the terminal has shown it: what the app would show is typed then.
        import typer

        prompt = typer.prompt

        def typing(text: str, **options: Any) -> Any:
            return shown(node, "kim") if "app shows" in text else prompt(text, **options)

        monkeypatch.setattr(typer, "prompt", typing)
        added = hansa("user", "kim", "--second-factor", typed=f"{OWN}\n")
        assert added.exit_code == 0, added.output
        codes = re.findall(r"(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}", added.output)
        assert len(codes) == 10
        made = hansa("token", "new", "a test", typed=f"{OWN}\n{codes[0]}\n")
        assert made.exit_code == 0, made.output
        removed = hansa("user", "kim", "--no-second-factor", typed=f"{OWN}\n{codes[1]}\n")
        assert removed.exit_code == 0, removed.output
        another = hansa("user", "admin", "--second-factor")
        assert another.exit_code != 0
        assert "acts for kim" in str(another.exception)

    def test_an_operator_resets_it(self, pair: Pair) -> None:
        node, run = pair.provider, CliRunner()
        let_in(node, "leo", UserRole.SIGNATORY)
        enrolled(node, "leo")
        reset = run.invoke(app_for(), ["user", "leo", "--reset-second-factor", "--node", str(node.folder)])
        assert reset.exit_code == 0, reset.output
        people = run.invoke(app_for(), ["user", "--node", str(node.folder)]).output
        line = next(one for one in people.splitlines() if one.startswith("leo"))
        assert "second factor removed by admin" in line
        with node.node.parts.stores.uow.read() as tx:
            last = node.node.parts.stores.ledger.history(tx, "account leo", EntryKind.NODE)[-1]
        assert (read_object(last.body)["event"], last.by) == ("second-factor-removed", "admin")
