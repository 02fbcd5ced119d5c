"""Signing in and out, and forms that only we may send."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from starlette.testclient import TestClient

from node.portal.settings import PortalSettings
from tests.fakes.portal.node import BASE, NEGOTIATION, FakeNode
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles
from tests.unit.portal.test_forms import ELSEWHERE

DECISION = "urn:uuid:0192f3b0-aaaa-7a55-9d7c-3b1f0a6e2c55"
CREDENTIAL = "urn:uuid:0192f3c0-0001-7a55-9d7c-3b1f0a6e2c77"

POSTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/sign-out", {}),
    (f"/decisions/{DECISION}", {"verdict": "approve"}),
    ("/deliveries/task-1/retry", {}),
    ("/deliveries/task-1/give-up", {}),
    (f"/issued/{CREDENTIAL}/revoke", {"reason": "x"}),
    (f"/issued/{CREDENTIAL}/suspend", {"reason": "x"}),
    (f"/issued/{CREDENTIAL}/reinstate", {}),
    ("/record/ask", {"iri": f"{BASE}/datasets/traffic-counts"}),
)


def test_in_and_out_again(visitor: TestClient, node: FakeNode) -> None:
    before = len(node.sessions)
    csrf = token(visitor, "/sign-in?next=/agreements")
    page = Page(visitor.get("/sign-in?next=/agreements").text)
    assert page.element("input", name="next")["value"] == "/agreements"
    answer = visitor.post("/sign-in", data={"csrf": csrf, "login": "els", "password": "gent", "next": "/agreements"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/agreements")
    assert len(node.sessions) == before + 1
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("hansa_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    inside = Page(visitor.get("/agreements").text)
    assert "els" in inside.text
    answer = visitor.post("/sign-out", data={"csrf": token(visitor, "/agreements")})
    assert answer.status_code == 303
    assert len(node.sessions) == before
    assert visitor.get("/agreements").status_code == 303


def test_over_tls_cookies_stay_on_tls(node: FakeNode) -> None:
    settings = PortalSettings(public_url="https://data.gent.example", secret=b"s" * 32)
    with browser(node, settings) as client:
        csrf = token(client, "/sign-in")
        answer = client.post("/sign-in", data={"csrf": csrf, "login": "els", "password": "gent"})
        assert answer.status_code == 303
        assert all(
            "Secure" in cookie for cookie in answer.headers.get_list("set-cookie") if "Max-Age=0" not in cookie
        )


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_sent_elsewhere_by_next(target: str, visitor: TestClient) -> None:
    page = visitor.get("/sign-in", params={"next": target})
    assert Page(page.text).element("input", name="next")["value"] == ""
    csrf = Page(page.text).element("input", name="csrf")["value"]
    answer = visitor.post("/sign-in", data={"csrf": csrf, "login": "els", "password": "gent", "next": target})
    assert answer.headers["location"] == "/decisions"
    assert visitor.get("/sign-in", params={"next": target}).headers["location"] == "/decisions"


@pytest.mark.parametrize(
    ("login", "password", "status"),
    [("els", "wrong", 401), ("nobody", "gent", 401), ("", "gent", 422), ("els", "", 422), ("x" * 5000, "y", 401)],
)
def test_a_failed_sign_in_says_so_beside_the_fields(
    login: str, password: str, status: int, visitor: TestClient
) -> None:
    csrf = token(visitor, "/sign-in")
    answer = visitor.post("/sign-in", data={"csrf": csrf, "login": login, "password": password})
    assert answer.status_code == status
    page = Page(answer.text)
    assert troubles(page) == []
    assert page.element("input", id="login")["value"] == login[:200]
    assert page.element("input", id="password").get("value") == ""
    assert page.element("input", id="password")["aria-describedby"] == "trouble"
    assert not [c for c in answer.headers.get_list("set-cookie") if c.startswith("hansa_session=")]


def test_nobody_signs_somebody_else_in(node: FakeNode) -> None:
    """Login CSRF: the attacker's own form and token do not fit the victim's browser."""
    with browser(node) as attacker, browser(node) as victim:
        csrf = token(attacker, "/sign-in")
        for data in ({"csrf": csrf}, {"csrf": ""}, {}):
            answer = victim.post("/sign-in", data={"login": "els", "password": "gent", **data})
            assert answer.status_code == 403
        victim.get("/sign-in")
        assert victim.post("/sign-in", data={"login": "els", "password": "gent", "csrf": csrf}).status_code == 403


@pytest.mark.parametrize(("path", "fields"), POSTS)
def test_a_form_from_elsewhere_changes_nothing(
    path: str, fields: dict[str, str], els: TestClient, node: FakeNode
) -> None:
    before = (len(node.sessions), node.pending[0], tuple(node.stuck), node.credentials[0], tuple(node.asked))
    foreign = token(els, "/decisions")[:-1] + "x"
    for extra in ({}, {"csrf": ""}, {"csrf": foreign}):
        answer = els.post(path, data={"other": "field", **fields, **extra})
        assert answer.status_code == 403
        assert troubles(Page(answer.text)) == []
    assert els.get(path).status_code in (404, 405)
    assert before == (len(node.sessions), node.pending[0], tuple(node.stuck), node.credentials[0], tuple(node.asked))


@pytest.mark.parametrize(("path", "fields"), POSTS)
def test_strangers_do_not_post(path: str, fields: dict[str, str], visitor: TestClient) -> None:
    csrf = token(visitor, "/sign-in")
    answer = visitor.post(path, data={**fields, "csrf": csrf})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


def test_the_token_of_one_person_does_not_serve_another(els: TestClient, node: FakeNode) -> None:
    with browser(node) as jan:
        jan.cookies.set("hansa_session", "jan-session")
        csrf = token(jan, "/decisions")
        assert els.post(f"/decisions/{DECISION}", data={"csrf": csrf, "verdict": "approve"}).status_code == 403
        allowed = jan.post(f"/decisions/{DECISION}", data={"csrf": csrf, "verdict": "approve"})
        assert allowed.status_code == 403
        assert "you need the role steward or signatory" in allowed.text
        assert "ask an operator of this node" in allowed.text


def test_a_decision_is_taken_once(els: TestClient, node: FakeNode) -> None:
    csrf = token(els, "/decisions")
    path = f"/decisions/{quote(DECISION, safe='')}"
    without = els.post(path, data={"csrf": csrf, "verdict": "refuse", "reason": " "})
    assert without.status_code == 303
    again = Page(els.get(without.headers["location"]).text)
    assert again.element("textarea")["aria-invalid"] == "true"
    assert node.pending[0].decision.decided_at is None
    answer = els.post(path, data={"csrf": csrf, "verdict": "approve", "reason": ""})
    assert answer.headers["location"] == "/decisions?done=approved"
    assert node.pending[0].decision.approved is True
    assert "Approved." in els.get(answer.headers["location"]).text
    late = els.post(path, data={"csrf": csrf, "verdict": "refuse", "reason": "no"})
    assert late.headers["location"] == "/decisions?done=already"
    assert els.post(path, data={"csrf": csrf, "verdict": "perhaps"}).status_code == 400
    assert els.post("/decisions/unknown", data={"csrf": csrf, "verdict": "approve"}).status_code == 404


def test_admitting_a_member(els: TestClient, node: FakeNode) -> None:
    page = Page(els.get("/applications").text)
    form = page.element("form", class_="form decide")
    data = {e["name"]: e["value"] for e in form.inside if e.get("type") == "hidden"}
    answer = els.post(form["action"], data={**data, "verdict": "approve"})
    assert answer.headers["location"] == "/applications?done=approved"
    assert node.applied[0].decision == ""


def test_revoking_takes_a_reason(els: TestClient, node: FakeNode) -> None:
    csrf = token(els, "/issued")
    path = f"/issued/{CREDENTIAL}/revoke"
    without = els.post(path, data={"csrf": csrf, "reason": "  "})
    assert "trouble=" in without.headers["location"]
    assert node.credentials[0].credential.revoked_at is None
    done = els.post(path, data={"csrf": csrf, "reason": "left the region"})
    assert done.headers["location"] == "/issued?done=revoked"
    assert node.credentials[0].credential.revoked_why == "left the region"


def test_suspending_takes_a_reason_and_ends(els: TestClient, node: FakeNode) -> None:
    page = Page(els.get("/issued").text)
    actions = [unquote(form["action"]) for form in page.elements if form.tag == "form"]
    suspensions = [action for action in actions if action.endswith("/suspend")]
    path = f"/issued/{CREDENTIAL}/suspend"
    assert path in suspensions
    assert len(suspensions) == 2, "not where the credential has no list for it, is suspended or is revoked"
    csrf = token(els, "/issued")
    without = els.post(path, data={"csrf": csrf, "reason": "  "})
    assert "trouble=suspended" in without.headers["location"]
    assert "aria-invalid" in els.get(without.headers["location"]).text
    assert node.credentials[0].credential.suspended_at is None
    done = els.post(path, data={"csrf": csrf, "reason": "under review"})
    assert done.headers["location"] == "/issued?done=suspended"
    assert node.credentials[0].credential.suspended_why == "under review"
    assert "under review" in els.get("/issued").text
    done = els.post(f"/issued/{CREDENTIAL}/reinstate", data={"csrf": csrf})
    assert done.headers["location"] == "/issued?done=reinstated"
    assert node.credentials[0].credential.suspended_at is None


def test_giving_a_delivery_up(els: TestClient, node: FakeNode) -> None:
    answer = els.post("/deliveries/task-1/give-up", data={"csrf": token(els, "/deliveries")})
    assert answer.headers["location"] == "/deliveries?done=given-up"
    assert node.dead_count == ["task-1"]
    assert "Cancelled." in els.get("/deliveries?done=given-up").text


def test_trying_a_delivery_again(els: TestClient, node: FakeNode) -> None:
    answer = els.post("/deliveries/task-1/retry", data={"csrf": token(els, "/deliveries")})
    assert answer.headers["location"] == "/deliveries?done=retried"
    assert node.retried == ["task-1"]
    assert "Everything was delivered" in els.get("/deliveries").text


def test_an_ended_session_makes_a_stranger(visitor: TestClient) -> None:
    visitor.cookies.set("hansa_session", "long gone")
    assert visitor.get("/").status_code == 200
    assert visitor.get("/decisions").status_code == 303
    assert visitor.post("/sign-out", data={"csrf": "x"}).status_code == 303


@pytest.mark.parametrize(
    "path", ["/", "/datasets/traffic-counts", "/search.csv", "/search.rss", "/nowhere", "/sign-in"]
)
def test_caches_never_mix_readers_up(path: str, visitor: TestClient, node: FakeNode) -> None:
    answer = visitor.get(path)
    for name in ("Authorization", "Cookie", "Accept-Language", "Accept"):
        assert name in answer.headers["vary"]
    assert answer.headers["cache-control"] in ("no-cache", "private, no-store")
    other = visitor.get(path, headers={"Authorization": "Bearer brugge"})
    assert other.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/broken", f"/processes/{NEGOTIATION}"])
def test_pages_carry_the_headers_that_protect_readers(path: str, els: TestClient) -> None:
    headers = els.get(path).headers
    if "text/html" in headers.get("content-type", ""):
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
    assert headers.get("x-content-type-options") == "nosniff"
    assert headers.get("referrer-policy") == "same-origin"


def test_a_wished_language_is_remembered(visitor: TestClient) -> None:
    answer = visitor.get("/?lang=cs", headers={"Accept-Language": "nl"})
    assert Page(answer.text).element("html")["lang"] == "cs"
    assert any(c.startswith("hansa_lang=cs") for c in answer.headers.get_list("set-cookie"))
    assert Page(visitor.get("/", headers={"Accept-Language": "nl"}).text).element("html")["lang"] == "cs"
    assert "set-cookie" not in visitor.get("/?lang=%22%3E%3Cscript%3E").headers
