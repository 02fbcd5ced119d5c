"""Users of a node: invited, given roles, blocked and deleted, in the browser, in the terminal and over the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from node.cli.app import app_for
from node.identity.accounts.hashes import token_hash
from node.identity.model import Browser, UserRole
from tests.integration.people.test_accounts import call, events, let_in
from tests.nodes import Running
from tests.portal_browser import csrf_of, post, signed_in

PASSWORD = "the long password of a user"


@contextmanager
def visitor(node: Running) -> Iterator[httpx2.Client]:
    """A browser in which nobody has signed in."""
    headers = {
        "Accept": "text/html",
        "Accept-Language": "en",
        "Origin": node.url,
        "User-Agent": "Firefox/130.0 Linux",
    }
    with node.http(headers=headers, timeout=60) as client:
        yield client


def sign_in(client: httpx2.Client, login: str, password: str = PASSWORD) -> Any:
    return post(client, "/sign-in", "/sign-in", login=login, password=password, next="/")


def link_on(page: str, node: Running) -> str:
    """The one-time link that a page shows, as a path."""
    shown = re.search(r'class="whole">([^<]+)</code>', page)
    assert shown is not None
    assert shown[1].startswith(f"{node.url}/invitation/")
    return shown[1].removeprefix(node.url)


def accept(client: httpx2.Client, link: str, password: str = PASSWORD, **changes: str) -> Any:
    fields = {"secret": link.rpartition("/")[2], "password": password, "again": password, **changes}
    return post(client, link, "/invitation", **fields)


def member(node: Running, login: str, *roles: UserRole) -> None:
    node.node.people.users.accounts.add_locally(login, login, roles, PASSWORD)


def test_from_an_invitation_to_the_first_session(running_node: Running) -> None:
    node = running_node
    with signed_in(node) as admin, visitor(node) as other, visitor(node) as late:
        assert "/users" in admin.get("/").text
        invited = post(admin, "/users", "/users", login="an.nieuw", name="An Nieuw", **{"role-steward": "yes"})
        assert invited.status_code == 200
        link = link_on(invited.text, node)
        secret = link.rpartition("/")[2]
        assert secret not in admin.get("/users").text, "it is shown once"
        assert secret not in admin.get("/users/an.nieuw").text
        assert "no-store" in invited.headers["cache-control"]
        form = other.get(link)
        assert "An Nieuw" in form.text
        assert form.headers["referrer-policy"] == "no-referrer"
        assert accept(other, link, again="another one").status_code == 422
        assert accept(other, link, password="short", again="short").status_code == 422
        late.get(link)  # Whoever looks at the link uses nothing up.
        stolen = csrf_of(late.get(link).text)
        taken = accept(other, link)
        assert (taken.status_code, taken.headers["location"]) == (303, "/account?done=password-chosen")
        account = other.get("/account").text
        assert "admin made a one-time link" in account, "its owner reads for ever who could have used it"
        assert "Data steward" in account
        again = late.post(
            "/invitation", data={"csrf": stolen, "secret": secret, "password": PASSWORD, "again": PASSWORD}
        )
        assert again.status_code == 404
        assert "This link was used" in again.text
        assert sign_in(late, "an.nieuw").status_code == 303
    assert events(node, "an.nieuw") == [
        ("account-added", "admin"),
        ("link-made", "admin"),
        ("password-chosen", "an.nieuw"),
    ]


def test_a_link_for_a_lost_password(running_node: Running) -> None:
    node = running_node
    theirs = let_in(node, "els", UserRole.AUDITOR)
    with signed_in(node) as admin, visitor(node) as els:
        first = link_on(post(admin, "/users/els", "/users/els/link").text, node)
        second = link_on(post(admin, "/users/els", "/users/els/link").text, node)
        assert els.get(first).status_code == 404, "a new link ends the earlier one"
        assert sign_in(els, "els", "the first long password").status_code == 303, "until it is used, nothing changes"
        old = els.cookies["hansa_session"]
        assert accept(els, second).status_code == 303
        assert els.cookies["hansa_session"] != old, "a session that was there before does not go on"
        assert call(node, "GET", "/api/node", theirs).status_code == 401
        stale = {"Cookie": f"hansa_session={old}"}
        assert call(node, "GET", "/api/node", stale).status_code == 401
        assert post(admin, "/users/els", "/users/els/block", reason="has left").status_code == 303
        third = call(node, "POST", "/api/accounts/els/link", node.person())
        assert third.status_code == 404, "there are no links for blocked accounts"


def test_a_link_is_not_in_place_of_a_second_factor(running_node: Running) -> None:
    node = running_node
    member(node, "kim", UserRole.AUDITOR)
    with node.node.parts.stores.uow.begin() as tx:
        node.node.parts.stores.identity.keep_second_factor(tx, "kim", "c2VjcmV0")
        node.node.parts.stores.identity.confirm_second_factor(tx, "kim", node.node.parts.clock.now(), [])
    link = call(node, "POST", "/api/accounts/kim/link", node.person()).json()["url"].removeprefix(node.url)
    with visitor(node) as kim:
        taken = accept(kim, link)
        assert taken.headers["location"].startswith("/sign-in")
        assert "hansa_session" not in kim.cookies


def test_a_change_of_roles_works_at_once_in_open_sessions(running_node: Running) -> None:
    node = running_node
    theirs = let_in(node, "piet", UserRole.PUBLISHER)
    with signed_in(node) as admin, visitor(node) as piet:
        assert sign_in(piet, "piet", "the first long password").status_code == 303
        assert piet.get("/users").status_code == 403
        assert call(node, "GET", "/api/accounts", theirs).status_code == 403
        changed = post(admin, "/users/piet", "/users/piet/roles", **{"role-operator": "yes", "role-auditor": "yes"})
        assert changed.headers["location"] == "/users/piet?done=roles-changed"
        assert piet.get("/users").status_code == 200
        assert call(node, "GET", "/api/accounts", theirs).status_code == 200
        form = piet.get("/users/admin").text
        assert post(admin, "/users/piet", "/users/piet/roles", **{"role-auditor": "yes"}).status_code == 303
        late = piet.post("/users/admin/roles", data={"csrf": csrf_of(form), "role-auditor": "yes"})
        assert late.status_code == 403, "a form that was open before does nothing more"
        assert call(node, "GET", "/api/accounts", theirs).status_code == 403
        page = admin.get("/users/piet").text
    assert "Roles changed" in page
    assert events(node, "piet")[-2:] == [("roles-changed", "admin"), ("roles-changed", "admin")]


def test_there_is_always_an_operator(running_node: Running) -> None:
    node = running_node
    with signed_in(node) as admin:
        only = {"role-auditor": "yes"}
        own = post(admin, "/users/admin", "/users/admin/roles", **only)
        assert (own.status_code, "take the role Operator from yourself" in own.text) == (409, True)
        assert (
            call(node, "PATCH", "/api/accounts/admin", node.person(), json={"roles": ["auditor"]}).status_code == 409
        )
        assert call(node, "DELETE", "/api/accounts/admin", node.person()).status_code == 409
        assert post(admin, "/users/admin", "/users/admin/roles").status_code == 422, "an account without a role"
        post(admin, "/users", "/users", login="second", name="", **{"role-operator": "yes"})
    second = let_in(node, "third", UserRole.OPERATOR)
    assert call(node, "PATCH", "/api/accounts/third", node.person(), json={"disabled": True}).status_code == 200
    call(node, "PATCH", "/api/accounts/third", node.person(), json={"disabled": False})
    token = node.node.people.users.accounts.issue_token("third", "test", timedelta(days=1))
    second = {"Authorization": f"Bearer {token}"}
    assert call(node, "DELETE", "/api/accounts/admin", second).status_code == 204
    refused = call(node, "PATCH", "/api/accounts/third", second, json={"roles": ["auditor"]})
    assert refused.status_code == 409
    with node.node.parts.stores.uow.read() as tx:
        operators = [
            account.login
            for account in node.node.parts.stores.identity.accounts(tx)
            if UserRole.OPERATOR in account.roles and not account.is_invited
        ]
    assert operators == ["third"], "somebody who was invited and never came is not the operator that stays"


def test_blocked_with_a_reason_and_let_in_again(running_node: Running) -> None:
    node = running_node
    with signed_in(node) as admin, visitor(node) as mia:
        member(node, "mia", UserRole.STEWARD)
        assert sign_in(mia, "mia").status_code == 303
        assert post(admin, "/users/mia", "/users/mia/block", reason=" ").status_code == 422
        assert post(admin, "/users/mia", "/users/mia/block", reason="<b>has left</b>").status_code == 303
        assert mia.get("/account").status_code == 303, "her session ended"
        assert sign_in(mia, "mia").status_code == 401
        page = admin.get("/users/mia").text
        assert "&lt;b&gt;has left&lt;/b&gt;" in page
        assert "<b>has left" not in page
        assert post(admin, "/users/mia", "/users/mia/unblock").status_code == 303
        assert sign_in(mia, "mia").status_code == 303


def test_a_deleted_account_leaves_its_login_and_nothing_else(running_node: Running) -> None:
    node = running_node
    theirs = let_in(node, "gone", UserRole.AUDITOR)
    with signed_in(node) as admin:
        removed = post(admin, "/users/gone", "/users/gone/remove")
        assert removed.headers["location"] == "/users?done=user-removed"
        assert call(node, "GET", "/api/node", theirs).status_code == 401
        assert admin.get("/users/gone").status_code == 404
        again = post(admin, "/users", "/users", login="gone", name="Another", **{"role-operator": "yes"})
        assert (again.status_code, "is or was in use" in again.text) == (409, True)
    with visitor(node) as gone:
        assert sign_in(gone, "gone", "the first long password").status_code == 401
    with node.node.parts.stores.uow.read() as tx:
        assert node.node.parts.stores.identity.account(tx, "gone") is None
    assert events(node, "gone")[-1] == ("account-removed", "admin")


def test_sessions_are_shown_and_ended(running_node: Running) -> None:
    node = running_node
    member(node, "lea", UserRole.AUDITOR)
    with signed_in(node) as admin, visitor(node) as lea, visitor(node) as phone:
        phone.headers["User-Agent"] = "<script>alert(1)</script> Chrome/120 Android"
        for browser in (lea, phone):
            assert sign_in(browser, "lea").status_code == 303
        page = lea.get("/account").text
        assert "Firefox, Linux" in page
        assert "Chrome, Android" in page
        assert "from 127.0.0.1" in page
        assert "<script>alert" not in page
        name = token_hash(phone.cookies["hansa_session"])
        foreign = post(admin, "/account", f"/account/sessions/{name}/end")
        assert foreign.status_code == 404, "nobody ends the session of another person here"
        assert post(lea, "/account", f"/account/sessions/{name}/end").status_code == 303
        assert phone.get("/account").status_code == 303
        assert sign_in(phone, "lea").status_code == 303
        assert post(lea, "/account", "/account/sessions/end").status_code == 303
        assert (phone.get("/account").status_code, lea.get("/account").status_code) == (303, 200)
        listed = call(node, "GET", "/api/accounts/lea", node.person()).json()["sessions"]
        assert [(one["address"], one["used"] is not None) for one in listed] == [("127.0.0.1", True)]
        assert post(admin, "/users/lea", "/users/lea/sessions/end").status_code == 303
        assert lea.get("/account").status_code == 303
    assert events(node, "lea")[-1] == ("sessions-ended", "admin")


def test_a_token_with_some_of_the_roles(running_node: Running) -> None:
    node = running_node
    with signed_in(node) as admin:
        fields = {"label": "nightly", "days": "3", "password": node.password, "rights": "some", "role-auditor": "yes"}
        made = post(admin, "/account", "/account/tokens", **fields)
        token = re.search(r"hansa_[A-Za-z0-9_-]{43}", made.text)
        assert token is not None
        headers = {"Authorization": f"Bearer {token[0]}"}
        assert call(node, "GET", "/metrics", headers).status_code == 200
        assert call(node, "GET", "/api/accounts", headers).status_code == 403
        shown = next(
            one for one in call(node, "GET", "/api/tokens", node.person()).json() if one["label"] == "nightly"
        )
        assert shown["roles"] == ["auditor"]
        assert shown["used"] is not None
        name = token_hash(token[0])
        assert post(admin, "/users/admin", f"/users/admin/tokens/{name}/end").status_code == 303
        assert call(node, "GET", "/metrics", headers).status_code == 401
    theirs = let_in(node, "jo", UserRole.AUDITOR)
    body = {"label": "x", "password": "the first long password", "roles": ["operator"]}
    assert call(node, "POST", "/api/tokens", theirs, json=body).status_code == 400


def test_the_language_goes_with_the_person(running_node: Running) -> None:
    node = running_node
    member(node, "jana", UserRole.AUDITOR)
    with visitor(node) as jana, visitor(node) as elsewhere:
        sign_in(jana, "jana")
        assert post(jana, "/account", "/account/language", language="cs").status_code == 303
        assert '<html lang="cs">' in jana.get("/account").text
        assert post(jana, "/account", "/account/language", language="xx").status_code == 400
        sign_in(elsewhere, "jana")
        assert '<html lang="cs">' in elsewhere.get("/account").text


FORMS = ("roles", "link", "block", "unblock", "sessions/end", "second-factor/remove", "remove")


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_other_sites_do_nothing(running_node: Running, form: str) -> None:
    node = running_node
    member(node, "max", UserRole.AUDITOR)
    with signed_in(node) as admin, visitor(node) as other:
        foreign = csrf_of(other.get("/sign-in").text)
        fields = {"role-operator": "yes", "reason": "x"}
        for token in ("", "x" * 64, foreign):
            assert admin.post(f"/users/max/{form}", data={"csrf": token, **fields}).status_code == 403
        evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        own = csrf_of(admin.get("/users/max").text)
        crossed = admin.post(f"/users/max/{form}", data={"csrf": own, **fields}, headers=evil)
        assert crossed.status_code == 403
    assert [event for event, _ in events(node, "max")] == ["account-added"]


def test_a_form_for_an_invitation_belongs_to_one_browser(running_node: Running) -> None:
    node = running_node
    made = call(node, "POST", "/api/accounts", node.person(), json={"login": "zoe", "roles": ["auditor"]}).json()
    link = made["link"]["url"].removeprefix(node.url)
    with visitor(node) as zoe, visitor(node) as other:
        token = csrf_of(other.get(link).text)
        zoe.get(link)
        fields = {"secret": link.rpartition("/")[2], "password": PASSWORD, "again": PASSWORD}
        assert zoe.post("/invitation", data={"csrf": token, **fields}).status_code == 403
        for wrong in ("", "x", "x" * 5000, "../..", token_hash(fields["secret"])):
            answer = post(zoe, link, "/invitation", **{**fields, "secret": wrong})
            assert answer.status_code == 404
        assert zoe.get("/invitation/nothing").status_code == 404


def test_of_many_who_use_a_link_at_once_one_gets_in(running_node: Running) -> None:
    from concurrent.futures import ThreadPoolExecutor

    node = running_node
    made = call(node, "POST", "/api/accounts", node.person(), json={"login": "many", "roles": ["auditor"]}).json()
    secret = made["link"]["url"].rpartition("/")[2]
    links = node.node.people.users.invitations

    def attempt(number: int) -> bool:
        try:
            links.accept(secret, f"{PASSWORD} {number}")
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_in_the_terminal(running_node: Running) -> None:
    node, run = running_node, CliRunner()

    def hansa(*words: str, status: int = 0) -> str:
        result = run.invoke(app_for(), [*words, "--node", str(node.folder)])
        assert result.exit_code == status, result.output
        return result.output

    invited = hansa("user", "kim", "--name", "Kim", "--role", "steward", "--invite")
    assert "/invitation/" in invited.replace("\n", "")
    assert "invited by admin" in hansa("user")
    assert "/invitation/" in hansa("user", "kim", "--link").replace("\n", "")
    assert "kim has the roles auditor, publisher" in hansa(
        "user", "kim", "--set-role", "auditor", "--set-role", "publisher"
    )
    browser = Browser(address="192.0.2.1", agent="x")
    node.node.people.users.accounts.issue_token("kim", "portal", timedelta(hours=1), kind="session", browser=browser)
    shown = hansa("user", "kim", "--show")
    assert "192.0.2.1" in shown
    assert "roles-changed  by admin" in shown
    assert "1 session of kim ended" in hansa("user", "kim", "--end-sessions")
    assert "no longer sign in" in hansa("user", "kim", "--disable", "--reason", "has left")
    assert "has left" in hansa("user")
    assert "was deleted" in hansa("user", "kim", "--delete")
    assert "kim" not in hansa("user")
    hansa("user", "admin", "--delete", status=1)
