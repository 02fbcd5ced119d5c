"""The agenda of people: on the first page, in the API and in the terminal; by role, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.base.work import Task
from node.catalogue.harvest.schedule import ScheduledSource
from node.cli.exits import REFUSED
from node.cli.main import run
from node.identity.model import UserRole
from node.worker import status as status_of_nodes
from node.worker.views import FollowLedger
from tests.nodes import CSV, Pair, Running, agree, publish, running
from tests.portal_browser import signed_in
from tests.terminal import asked, typed
from tests.unit.portal.page import Page, troubles

EMPTY = {"total": 0, "items": []}


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "gent", template=sqlite_template) as started:
        yield started


def agenda(node: Running, role: UserRole | None = None) -> Any:
    """The agenda of the administrator, or of a person with one role."""
    headers = node.person()
    if role is not None:
        token = node.node.people.users.accounts.issue_token(str(role), "agenda", timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
    with node.http(headers=headers) as client:
        answer = client.get("/api/agenda")
    assert answer.status_code == 200, answer.text
    return answer.json()


def break_things(node: Running) -> None:
    """Three dead letters, a source that fails, and a webhook that is paused."""
    stores, now = node.node.parts.stores, node.node.parts.clock.now()
    paused = ScheduledSource(
        name="ghent", url="https://x.example/", every="1d", by="admin", at=now, due=None, failures=2, options={}
    )
    with stores.uow.begin() as tx:
        for number in range(3):
            task = Task(
                id=f"urn:dead:{number}",
                topic="x",
                lane="https://x.example",
                subject="urn:x",
                body=b"",
                due=now,
                dead=True,
            )
            stores.outbox.put(tx, task)
        stores.catalogue.schedules.save_source(tx, paused)
    with node.client() as client:
        client.webhooks.add("night-job", "http://127.0.0.1:9/events")
        client.webhooks.pause("night-job")


def test_when_nothing_waits_the_page_the_api_and_the_terminal_say_so(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agenda(node) == {"waiting": EMPTY, "ending": EMPTY, "failing": EMPTY, "news": EMPTY}
    status, text = typed(node, capsys, "status")
    assert status == 0
    assert "nothing waits for you" in text
    with signed_in(node) as browser:
        page = Page(browser.get("/").text)
        assert troubles(page) == []
        assert "Nothing waits for you, nothing ends soon, and everything works." in page.text
    with node.http() as client:
        assert client.get("/api/agenda").status_code == 401
        assert "Your work" not in client.get("/", headers={"Accept": "text/html"}).text


def test_what_broke_is_named_with_its_page_for_those_who_can_mend_it(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    break_things(node)
    failing = agenda(node)["failing"]
    assert failing["total"] == 5
    assert [(item["code"], item["path"], item["count"]) for item in failing["items"]] == [
        ("deliveries", "/deliveries", 3),
        ("harvest", "/imports/ghent", 2),
        ("webhook-paused", "/webhooks/night-job", 0),
    ]
    with signed_in(node) as browser:
        page = Page(browser.get("/").text)
        assert {"/deliveries", "/imports/ghent"} <= set(page.links())
        assert "3 messages could not be delivered" in page.text
        assert "The webhook is paused: admin paused it." in page.text
        for item in failing["items"]:
            assert browser.get(item["path"]).status_code == 200
    status, text = typed(node, capsys, "status")
    assert status == REFUSED
    assert "hansa harvest list ghent" in text
    assert "webhook night-job is paused: admin paused it" in text
    accounts = node.node.people.users.accounts
    for role, codes in (
        (UserRole.OPERATOR, ["deliveries"]),
        (UserRole.PUBLISHER, ["harvest"]),
        (UserRole.STEWARD, ["harvest", "webhook-paused"]),
        (UserRole.AUDITOR, []),
    ):
        accounts.add_locally(str(role), str(role), [role], "a long password of one role")
        found = agenda(node, role)
        assert [item["code"] for item in found["failing"]["items"]] == codes


def test_requests_wait_for_those_who_decide_and_agreements_end_for_all(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    now = pair.provider.node.parts.clock.now()
    soon, late = (f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (9, 90))
    iris = []
    for slug, end in (("soon", soon), ("late", late)):
        rules = {"permission": [{"action": "use", "constraint": [
            {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": {"@value": end, "@type": "xsd:dateTime"}}
        ]}]}  # fmt: skip
        iris.append(str(publish(pair.provider, slug, data=CSV, conditions=rules)["iri"]))
        agree(pair.consumer, iris[-1])
    for node in (pair.provider, pair.consumer):
        ending = agenda(node)["ending"]
        assert [(item["code"], item["at"][:10]) for item in ending["items"]] == [("agreement-ends", soon[:10])]
        assert ending["total"] == 1
        with signed_in(node) as browser:
            [link] = [link for link in Page(browser.get("/").text).links() if link.startswith("/agreements/")]
            assert browser.get(link).status_code == 200
    assert asked(pair.consumer, capsys, "status")["ending"]["total"] == 1


def test_many_requests_are_counted_and_few_are_read(node: Running) -> None:
    from node.negotiation.model import PendingDecision

    stores, now = node.node.parts.stores, node.node.parts.clock.now()
    with stores.uow.begin() as tx:
        for number in range(300):
            stores.negotiation.decisions.add(
                tx,
                PendingDecision(
                    id=f"urn:d:{number}",
                    kind="negotiation",
                    subject=f"urn:n:{number}",
                    peer="did:web:x.example",
                    peer_name=f"City {number}",
                    summary={"en": "x"},
                    details={"title": {"en": f"Set {number}"}},
                    at=now + timedelta(seconds=number),
                ),
            )
    waiting = agenda(node)["waiting"]
    assert waiting["total"] == 300
    assert [item["titles"]["en"] for item in waiting["items"]] == [f"Set {number}" for number in range(5)]
    with signed_in(node) as browser:
        page = Page(browser.get("/").text)
        assert troubles(page) == []
        assert "and 295 more" in page.text
        assert page.all("span", class_="bubble")[0].text.startswith("99+")


def test_a_catalogue_that_is_shown_in_part_is_said_everywhere(
    node: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for slug in ("first", "second"):
        publish(node, slug, data=None, conditions=None)
    positions = {"feed": 10_000, "graph": 10_000, "search": 1}
    monkeypatch.setattr(FollowLedger, "positions", positions)
    monkeypatch.setattr(status_of_nodes, "MOST_BEHIND", 0)
    with node.http() as stranger:
        answer = stranger.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "behind")
    percent = answer.json()["views"]["search"]
    assert 0 < percent < 100
    assert agenda(node)["failing"]["items"][0] == {"code": "views", "path": "/search", "percent": percent}
    status, text = typed(node, capsys, "status")
    assert status == 1
    assert f"search, SPARQL and feed show at least {percent} % of the catalogue" in text
    with signed_in(node) as browser:
        page = Page(browser.get("/").text)
        assert troubles(page) == []
        assert "The catalogue is not shown in full yet" in page.text
        assert f"at least {percent} % of it" in page.text
    assert run(["doctor", str(node.folder)]) == REFUSED
    shown = "".join(capsys.readouterr())
    assert f"its views are being filled: feed 100 %, graph 100 %, search {percent} %" in shown
    assert "not a ready node" not in shown


def test_a_search_while_its_index_is_filled_says_that_results_are_missing(
    node: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(node, "first", data=None, conditions=None)

    def shown() -> tuple[bool, bool, bool]:
        with node.http() as stranger:
            partial = stranger.get("/api/catalogue/search").json()["partial"]
            page = stranger.get("/search", headers={"Accept": "text/html", "Accept-Language": "en"}).text
        assert troubles(Page(page)) == []
        _, text = typed(node, capsys, "find")
        return partial, "so results are missing" in page, "so results are missing" in text

    assert shown() == (False, False, False)
    monkeypatch.setattr(FollowLedger, "is_filling", lambda _, view: view == "search")
    assert shown() == (True, True, True)
    status, text = typed(node, capsys, "find", "--all")
    assert (status, "so results are missing" in text) == (0, True)
