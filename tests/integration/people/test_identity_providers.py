"""Sign-in with an identity provider: as it should be, and with every answer that a provider must not give."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from demo.nodes import free_ports
from node.base.errors import InvalidInput
from node.cli.diagnosis import Finding, examine
from node.settings import load
from tests.identity_provider import CLIENT, GROUPS, SECRET, FakeProvider, provider
from tests.integration.people.test_accounts import call, events
from tests.integration.people.test_users import PASSWORD, member, sign_in, visitor
from tests.nodes import Running, running
from tests.portal_browser import post, signed_in

CALLBACK = "/sign-in/with/city/callback"
LOGOUT = "/sign-in/with/city/logout"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with provider() as known:
        yield known


@pytest.fixture
def node(fake: FakeProvider, tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    city = settings_of(fake.issuer, levels={"signatory": ["urn:high"]})
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template, identity_providers={"city": city}) as started:
        yield started


def settings_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """A provider's settings; its secret is in a file that stands beside the data folder."""
    return {"name": "City login", "issuer": issuer, "client_id": CLIENT, "roles": GROUPS, **changes}


@pytest.fixture(autouse=True)
def _with_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client secret that the file would have: a node of a test is made before there could be a file in it."""
    from node.settings import providers

    original = providers.provider_of

    def with_secret(*settings: Any) -> Any:
        return replace(original(*settings), client_secret=SECRET)

    monkeypatch.setattr("node.bootstrap.people.provider_of", with_secret)


def begin(client: httpx2.Client, **query: str) -> str:
    """Where the browser is led to."""
    answer = client.get("/sign-in/with/city", params=query)
    assert answer.status_code == 303, answer.text[:300]
    return str(answer.headers["location"])


def arrive(client: httpx2.Client, fake: FakeProvider, person: str = "anna", **query: str) -> httpx2.Response:
    """Go to the provider, sign in there, and come back."""
    code, state = fake.authorize(begin(client, **query), person)
    return client.get(CALLBACK, params={"code": code, "state": state, "iss": fake.issuer})


def test_there_and_back(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna:
        assert "Sign in with City login" in anna.get("/sign-in").text
        assert 'name="password"' in anna.get("/sign-in").text, "local accounts stay the way back in"
        back = arrive(anna, fake, next="/agreements")
        assert (back.status_code, back.headers["location"]) == (303, "/account?done=level")
        page = anna.get("/account?done=level").text
        assert "anna@city" in page
        assert "need a stronger sign-in" in page
        assert "hansa_provider" not in anna.cookies
        assert fake.redeemed[-1]["redirect_uri"] == f"{node.url}{CALLBACK}"
    assert events(node, "anna@city") == [("account-added", "provider city")]
    listed = {one["login"]: one for one in call(node, "GET", "/api/accounts", node.person()).json()}
    assert (listed["anna@city"]["issuer"], listed["anna@city"]["subject"]) == (fake.issuer, "anna")
    assert listed["anna@city"]["roles"] == ["auditor", "signatory", "steward"]


def test_a_role_that_needs_a_level_works_with_it_only(node: Running, fake: FakeProvider) -> None:
    deciding = {"json": {"dataset": "urn:x"}}
    for level, works in (("urn:low", False), ("urn:high", True)):
        fake.claims = {"acr": level, "groups": ["stewards"]}
        with visitor(node) as anna:
            back = arrive(anna, fake, next="/agreements")
            assert back.headers["location"] == ("/agreements" if works else "/account?done=level")
            session = {"Cookie": f"hansa_session={anna.cookies['hansa_session']}", "Sec-Fetch-Site": "same-origin"}
            body = {"json": {"did": "did:web:x.example", "reason": "x"}}
            assert call(node, "POST", "/api/blocks", session, **body).status_code == (200 if works else 403) or works
            refused = call(node, "POST", "/api/blocks", session, **body).status_code == 403
            assert refused is not works
            assert call(node, "POST", "/api/negotiations", session, **deciding).status_code != 403, "a steward may"


def test_groups_give_and_take_roles(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as first, visitor(node) as second:
        arrive(first, fake)
        assert first.get("/account").status_code == 200
        fake.claims = {"groups": ["staff"]}
        arrive(second, fake)
        assert events(node, "anna@city")[-1] == ("roles-changed", "provider city")
        assert "Data steward" not in first.get("/account").text, "the session that was open has lost the roles too"
        fake.claims = {"groups": []}
        refused = arrive(second, fake)
        assert (refused.status_code, "give you no role" in refused.text) == (403, True)
    fake.claims = {"groups": ["operator", "admin", 7, None]}
    with visitor(node) as eve:
        assert arrive(eve, fake, "eve").status_code == 403
        assert "hansa_session" not in eve.cookies
    assert "eve@city" not in call(node, "GET", "/api/accounts", node.person()).text


def test_the_doctor_looks_at_providers(node: Running, fake: FakeProvider) -> None:
    def finding() -> Finding:
        (about,) = [one for one in examine(node.folder) if "City login" in one.text]
        return about

    assert (finding().well, finding().text) == (True, f"people can sign in with City login: {fake.issuer} answers")
    fake.metadata = {"code_challenge_methods_supported": ["plain"]}
    assert (finding().well, finding().remedy) == (False, "allow S256 for this client there")
    fake.metadata = {"issuer": "https://evil.example"}
    assert (finding().well, "another issuer" in finding().text) == (False, True)
    fake.metadata = {}
    fake.broken = True
    assert not finding().well


def test_roles_of_groups_cannot_be_changed_here(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna, signed_in(node) as admin:
        arrive(anna, fake)
        before = call(node, "GET", "/api/accounts/anna@city", node.person()).json()["roles"]
        page = admin.get("/users/anna@city").text
        assert "The roles come from the groups there" in page
        assert "/users/anna@city/roles" not in page.replace("%40", "@")
        answer = post(admin, "/users/admin", "/users/anna@city/roles", **{"role-operator": "yes"})
        assert (answer.status_code, "groups at the identity provider" in answer.text) == (409, True)
        refused = call(node, "PATCH", "/api/accounts/anna@city", node.person(), json={"roles": ["operator"]})
        assert (refused.status_code, refused.json()["remedy"]) == (
            409,
            "change the groups there, or block the account",
        )
        assert call(node, "GET", "/api/accounts/anna@city", node.person()).json()["roles"] == before


def test_people_are_told_apart_by_issuer_and_subject(node: Running, fake: FakeProvider) -> None:
    member(
        node,
        "admin2",
    )
    fake.claims = {"preferred_username": "admin", "email": "admin@ghent.example", "name": "Administrator"}
    with visitor(node) as impostor:
        arrive(impostor, fake, "mallory")
        page = impostor.get("/account").text
        assert "admin@city" in page
        assert "Operator" not in page.partition("<dl")[2].partition("</dl>")[0]
    with visitor(node) as another:
        arrive(another, fake, "second")
        assert "admin-2@city" in another.get("/account").text
    fake.claims = {"preferred_username": "<script>", "name": "<img src=x>"}
    with visitor(node) as third:
        arrive(third, fake, "third")
        page = third.get("/account").text
        assert "<img src=x>" not in page
        assert "script@city" in page


def test_local_passwords_and_links_are_for_local_accounts(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna, signed_in(node) as admin:
        arrive(anna, fake)
        for method, path, body in (
            ("POST", "/api/accounts/anna@city/link", None),
            ("PUT", "/api/accounts/anna@city/password", {"password": PASSWORD}),
        ):
            assert call(node, method, path, node.person(), json=body).status_code == 409
        with visitor(node) as guesser:
            assert sign_in(guesser, "anna@city", "none").status_code == 401
        assert "signs in with" in admin.get("/users/anna@city").text
        assert post(admin, "/users/anna@city", "/users/anna@city/block", reason="x").status_code == 303
        assert anna.get("/account").status_code == 303
        blocked = arrive(anna, fake)
        assert (blocked.status_code, "is blocked" in blocked.text) == (403, True)


def other_key(fake: FakeProvider) -> None:
    fake.key = RSAKey.generate_key(2048, {"kid": "one"})


WRONG: dict[str, Callable[[FakeProvider], Any]] = {
    "issuer": lambda fake: fake.claims.update(iss="https://evil.example"),
    "audience": lambda fake: fake.claims.update(aud="another"),
    "audiences without the party": lambda fake: fake.claims.update(aud=[CLIENT, "another"]),
    "authorized party": lambda fake: fake.claims.update(azp="another"),
    "expired": lambda fake: fake.claims.update(exp=int(time.time()) - 120),
    "no expiry": lambda fake: fake.claims.update(exp=None),
    "from the future": lambda fake: fake.claims.update(nbf=int(time.time()) + 900),
    "nonce": lambda fake: fake.claims.update(nonce="another"),
    "no nonce": lambda fake: fake.claims.update(nonce=None),
    "no subject": lambda fake: fake.claims.update(sub=None),
    "a subject that is no text": lambda fake: fake.claims.update(sub={"a": 1}),
    "hash of the access token": lambda fake: fake.claims.update(at_hash="x"),
    "alg none": lambda fake: setattr(fake, "algorithm", "none"),
    "signed with the public key": lambda fake: setattr(fake, "algorithm", "HS256"),
    "another key": other_key,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_id_token_opens_nothing(node: Running, fake: FakeProvider, wrong: str) -> None:
    WRONG[wrong](fake)
    with visitor(node) as anna:
        refused = arrive(anna, fake)
        assert refused.status_code == 401
        assert "was not valid" in refused.text
        assert "hansa_session" not in anna.cookies
        assert "hansa_provider" not in anna.cookies
    assert "anna@city" not in call(node, "GET", "/api/accounts", node.person()).text


def test_an_answer_counts_once_and_in_its_own_browser(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna, visitor(node) as mallory:
        code, state = fake.authorize(begin(anna))
        pending = anna.cookies["hansa_provider"]
        answer = {"code": code, "state": state}
        assert mallory.get(CALLBACK, params=answer).status_code == 401, "a browser that has not asked"
        own, _ = fake.authorize(begin(mallory))
        assert mallory.get(CALLBACK, params=answer).status_code == 401, "a browser that asked for something else"
        mixed = {"code": own, "state": state}
        assert mallory.get(CALLBACK, params=mixed).status_code == 401
        for wrong in ({**answer, "state": "x"}, {"state": state}, {"code": code}, {}, {**answer, "iss": "https://x"}):
            assert anna.get(CALLBACK, params=wrong).status_code == 401
            anna.cookies.set("hansa_provider", pending, domain="127.0.0.1", path="/")
        assert anna.get(CALLBACK, params=answer).status_code == 303
        anna.cookies.delete("hansa_session")
        anna.cookies.set("hansa_provider", pending, domain="127.0.0.1", path="/")
        fake.codes[code] = fake.codes.get(code, {})
        assert anna.get(CALLBACK, params=answer).status_code == 401, "a state that was used before"
        for junk in ("", "x", "A" * 4000, pending[:-8] + "AAAAAAAA"):
            anna.cookies.set("hansa_provider", junk, domain="127.0.0.1", path="/")
            assert anna.get(CALLBACK, params=answer).status_code == 401


def test_a_code_of_another_browser_fails_at_the_verifier(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna, visitor(node) as mallory:
        stolen, _ = fake.authorize(begin(anna))
        _, state = fake.authorize(begin(mallory))
        refused = mallory.get(CALLBACK, params={"code": stolen, "state": state})
        assert refused.status_code == 401
        assert fake.redeemed, "the code went to the provider, whose check of the verifier failed"


def test_a_session_that_was_there_before_does_not_go_on(node: Running, fake: FakeProvider) -> None:
    member(node, "local")
    with visitor(node) as anna:
        sign_in(anna, "local")
        old = anna.cookies["hansa_session"]
        arrive(anna, fake)
        assert anna.cookies["hansa_session"] != old
        stale = {"Cookie": f"hansa_session={old}"}
        assert call(node, "GET", "/api/node", stale).status_code == 401


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_the_way_back_stays_on_this_site(node: Running, fake: FakeProvider, target: str) -> None:
    fake.claims = {"groups": ["staff"]}
    with visitor(node) as anna:
        assert arrive(anna, fake, next=target).headers["location"] == "/decisions"


def test_a_provider_that_is_down_broken_or_another(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna:
        fake.metadata = {"issuer": "https://evil.example"}
        down = anna.get("/sign-in/with/city")
        assert (down.status_code, "cannot be reached" in down.text) == (503, True)
    fake.metadata, fake.broken = {}, True
    with visitor(node) as anna:
        assert anna.get("/sign-in/with/nobody").status_code == 404
        assert sign_in(anna, "admin", node.password).status_code == 303, "local accounts are the way back in"


def test_a_provider_that_fails_while_the_code_is_redeemed(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna:
        code, state = fake.authorize(begin(anna))
        fake.broken = True
        assert anna.get(CALLBACK, params={"code": code, "state": state}).status_code == 503
        assert "hansa_session" not in anna.cookies


def test_a_slow_provider_is_given_up(node: Running, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.adapters.oidc.client.SECONDS", 0.3)
    fake.delay = 1.5
    with visitor(node) as anna:
        assert anna.get("/sign-in/with/city").status_code == 503


def test_signing_out_here_leads_to_the_provider(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna:
        arrive(anna, fake)
        out = post(anna, "/account", "/sign-out")
        assert out.status_code == 200
        address = re.search(r'href="([^"]+/logout[^"]+)"', out.text)
        assert address is not None
        query = parse_qs(urlsplit(address[1].replace("&amp;", "&")).query)
        assert query["client_id"] == [CLIENT]
        assert query["post_logout_redirect_uri"] == [f"{node.url}/"]
        assert query["id_token_hint"][0].count(".") == 2
        assert anna.get("/account").status_code == 303
        arrive(anna, fake)
        fake.metadata = {"end_session_endpoint": None}


def test_signing_out_at_the_provider_ends_the_session_here(node: Running, fake: FakeProvider) -> None:
    with visitor(node) as anna, visitor(node) as bert, visitor(node) as op:
        for browser, name in ((anna, "anna"), (bert, "bert")):
            arrive(browser, fake, name)

        def tell(token: str) -> int:
            return op.post(LOGOUT, data={"logout_token": token}, headers={"Origin": "null"}).status_code

        fake_sid = "session of anna"
        for wrong in (
            fake.logout_token(aud="another", sid=fake_sid),
            fake.logout_token(iss="https://evil.example", sid=fake_sid),
            fake.logout_token(nonce="n", sid=fake_sid),
            fake.logout_token(events={}, sid=fake_sid),
            fake.logout_token(jti=None, sid=fake_sid),
            fake.logout_token(iat=int(time.time()) - 3600, sid=fake_sid),
            fake.logout_token(),
            "",
            "x.y.z",
        ):
            assert tell(wrong) == 400
        fake.algorithm = "none"
        assert tell(fake.logout_token(sid=fake_sid)) == 400
        fake.algorithm = "RS256"
        assert anna.get("/account").status_code == 200, "nothing of that ended a session"
        token = fake.logout_token(sid=fake_sid)
        assert tell(token) == 200
        assert (anna.get("/account").status_code, bert.get("/account").status_code) == (303, 200)
        assert tell(token) == 400, "a token counts once"
        assert tell(fake.logout_token(jti="j2", sub="bert")) == 200
        assert bert.get("/account").status_code == 303
        assert tell(fake.logout_token(jti="j3", sub="nobody")) == 200


def test_keys_that_the_provider_replaced(node: Running, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    monkeypatch.setattr("node.adapters.oidc.client._AGAIN", timedelta())
    with visitor(node) as anna, visitor(node) as bert:
        arrive(anna, fake)
        fake.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
        fake.keys = [fake.key]
        assert arrive(bert, fake, "bert").status_code == 303


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "http://login.example"}, "is not the address of an issuer"),
        ({"issuer": "login"}, "is not the address of an issuer"),
        ({"scopes": ["profile"]}, "scopes must have openid"),
        ({"roles": {"staff": ["king"]}}, "must be one of: publisher, steward"),
        ({"client_secret_file": "nowhere"}, "there is no file nowhere"),
        ({"client_id": ""}, "must not be empty"),
        ({"klient": "x"}, "no setting of this name"),
    ],
)
def test_wrong_settings_are_named_at_the_start(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    from node.settings import write

    city = {**settings_of("https://login.example"), **changes}
    write(tmp_path, {"name": "x", "public_url": "http://127.0.0.1:1", "identity_providers": {"city": city}})
    with pytest.raises(InvalidInput, match=words):
        load(tmp_path)


# ---- npm's oidc-provider --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Starts npm's ``oidc-provider`` for the node at an address; returns its issuer. Skips where it cannot be had."""
    npm, engine = shutil.which("npm"), shutil.which("node")
    if npm is None or engine is None:
        pytest.skip("no npm here: oidc-provider cannot be installed")
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hansa-tests" / "oidc-provider"
    if not (folder / "node_modules" / "oidc-provider").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "oidc-provider@9.13.3"]
        if subprocess.run(install, capture_output=True, check=False, timeout=300).returncode != 0:
            pytest.skip("npm cannot install oidc-provider here")
    script = folder / "city-login.mjs"
    shutil.copy(Path(__file__).resolve().parents[2] / "data" / "city-login.mjs", script)
    processes: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> str:
        (port,) = free_ports(1)
        processes.append(subprocess.Popen([engine, script, str(port), url, SECRET]))
        for _ in range(200):
            try:
                httpx2.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration", trust_env=False)
            except httpx2.HTTPError:
                time.sleep(0.1)
            else:
                return f"http://127.0.0.1:{port}"
        raise AssertionError("oidc-provider does not start")

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_with_a_real_provider(real_provider: Callable[[str], str], tmp_path: Path, sqlite_template: Path) -> None:
    (port,) = free_ports(1)
    issuer = real_provider(f"http://127.0.0.1:{port}")
    city = settings_of(issuer, scopes=["openid", "profile", "groups"], levels={"signatory": ["urn:eidas:high"]})
    with (
        running(tmp_path / "node", template=sqlite_template, port=port, identity_providers={"city": city}) as node,
        visitor(node) as here,
        httpx2.Client(trust_env=False, follow_redirects=False) as there,
    ):
        address = begin(here)
        for _ in range(8):
            answer = there.get(address)
            if answer.status_code == 200:
                answer = there.post(str(answer.url), data={"user": "anna", "password": "anna-secret"})
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(f"{node.url}{CALLBACK}"):
                break
        back = here.get(address)
        assert back.headers["location"] == "/decisions", back.text[:2000]
        assert "anna@city" in here.get("/account").text
        assert here.get(address).status_code == 401, "the same answer again"
        out = post(here, "/account", "/sign-out")
        link = re.search(r'href="([^"]+id_token_hint[^"]+)"', out.text)
        assert link is not None
        confirm = there.get(link[1].replace("&amp;", "&"))
        assert confirm.status_code == 200
        # Signed in again, and out at the provider: its back channel ends the session here.
        address = begin(here)
        for _ in range(8):
            answer = there.get(address)
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(f"{node.url}{CALLBACK}"):
                break
        assert here.get(address).status_code == 303
        confirm = there.get(f"{issuer}/session/end")
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', confirm.text))
        form = re.search(r'action="([^"]+)"', confirm.text)
        assert form is not None
        ended = there.post(form[1], data={**fields, "logout": "yes"})
        assert ended.status_code < 400, ended.text
        for _ in range(100):
            if here.get("/account").status_code == 303:
                break
            time.sleep(0.05)
        assert here.get("/account").status_code == 303, json.dumps(fields)
