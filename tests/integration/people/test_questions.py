"""Questions on assets of one's own node: asked, answered publicly or privately, refused, hidden."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.catalogue.questions.model import LONGEST_QUESTION, PER_PERSON
from node.cli.main import run
from node.identity.model import ALL_ROLES, Caller, UserRole
from node.ledger.model import EntryKind
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.mail_sink import MailSink, mail_sink
from tests.nodes import Running, publish, running
from tests.portal_browser import post, signed_in
from tests.terminal import asked, typed
from tests.unit.portal.page import Page, troubles
from tests.waits import until

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "answer-questions.md"
TEXT = "Is <b>the bridge</b> counted?"
OFFICE = Caller(did="did:web:x", account="admin", roles=ALL_ROLES)


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as started:
        yield started


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path, sink: MailSink) -> Iterator[Running]:
    settings = {"mail_server": sink.address, "mail_from": "data@ghent.example"}
    with running(tmp_path / "gent", template=sqlite_template, **settings) as started:
        yield started


def person(node: Running, login: str, *roles: UserRole) -> dict[str, str]:
    accounts = node.node.people.users.accounts
    accounts.add_locally(login, login.title(), roles, "a long password for them")
    return {"Authorization": f"Bearer {accounts.issue_token(login, 'x', timedelta(hours=1))}"}


def ask(client: httpx2.Client, iri: str, text: str = TEXT, **members: Any) -> dict[str, Any]:
    answer = client.post("/api/questions", json={"iri": iri, "text": text, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def act(client: httpx2.Client, question: dict[str, Any], verb: str, **body: Any) -> httpx2.Response:
    return client.post(f"/api/questions/{question['id']}/{verb}", json=body)


def public(client: httpx2.Client, iri: str) -> list[str]:
    answer = client.get("/api/catalogue/questions", params={"iri": iri})
    assert answer.status_code == 200, answer.text
    return [question["answer"] for question in answer.json()["questions"]]


def agenda(client: httpx2.Client, part: str) -> list[str]:
    return [item["code"] for item in client.get("/api/agenda").json()[part]["items"]]


def test_a_public_answer_is_for_everybody_until_it_is_hidden(node: Running) -> None:
    iri = publish(node)["iri"]
    eve = person(node, "eve", UserRole.AUDITOR)
    with node.http(headers=node.person()) as office, node.http(headers=eve) as asker, node.http() as stranger:
        question = ask(asker, iri)
        assert ask(asker, iri)["id"] == question["id"], "a double click asks once"
        assert question["state"] == "open"
        assert agenda(office, "waiting") == ["question"]
        assert agenda(asker, "waiting") == []
        assert public(stranger, iri) == []
        refused = act(asker, question, "answer", text="Yes.", public=True)
        assert refused.status_code == 403
        assert act(office, question, "answer", text="Yes.", public=True).json()["public"]
        assert public(stranger, iri) == ["Yes."]
        assert agenda(office, "waiting") == []
        assert agenda(asker, "news") == ["question-answered"]
        assert asker.post("/api/questions/seen").status_code == 204
        assert agenda(asker, "news") == []
        page = stranger.get(iri, headers={"Accept": "text/html"})
        assert "Is &lt;b&gt;the bridge&lt;/b&gt; counted?" in page.text
        assert "Yes." in page.text
        assert "eve" not in Page(page.text).text.split(), "strangers read no names of people"
        assert act(office, question, "refuse", reason="No.").status_code == 409
        assert act(office, question, "hide", reason="It names a person.").status_code == 200
        assert act(office, question, "hide", reason="It names a person.").status_code == 409
        assert public(stranger, iri) == []
        assert "the bridge" not in stranger.get(iri, headers={"Accept": "text/html"}).text
        (mine,) = asker.get("/api/questions").json()["questions"]
        assert (mine["state"], mine["reason"], mine["public"]) == ("hidden", "It names a person.", False)
        act(office, question, "answer", text="Yes, it is.", public=True)
        assert public(stranger, iri) == ["Yes, it is."]
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        entries = stores.ledger.history(tx, f"question:{question['id']}", EntryKind.NODE)
    bodies = [entry.body.decode() for entry in entries]
    assert len(bodies) == 4
    assert "It names a person." in bodies[2]
    assert "bridge" not in "".join(bodies), "the ledger holds no text of a question"


def test_a_private_answer_and_an_open_question_are_for_the_asker_only(node: Running) -> None:
    iri = publish(node)["iri"]
    eve, jan = person(node, "eve", UserRole.AUDITOR), person(node, "jan", UserRole.AUDITOR)
    with (
        node.http(headers=node.person()) as office,
        node.http(headers=eve) as asker,
        node.http(headers=jan) as other,
        node.http() as stranger,
    ):
        wish = ask(asker, iri, "A private matter?", private=True)
        waits = ask(asker, iri, "A waiting matter?")
        secret = ask(asker, iri, "A matter answered to me?")
        assert act(office, wish, "answer", text="SECRET", public=True).status_code == 409
        assert act(office, wish, "answer", text="SECRET one", public=False).status_code == 200
        assert act(office, secret, "answer", text="SECRET two", public=False).status_code == 200
        places = [
            "/api/catalogue/search?q=matter",
            f"/api/catalogue/questions?iri={iri}",
            "/catalog.ttl",
            "/feed",
            f"/record.ttl?iri={iri}",
            "/api/catalogue/record?iri=" + iri,
            "/search?q=matter",
            iri,
        ]
        for client in (stranger, other):
            for place in places:
                for accept in ("text/html", "application/json"):
                    text = client.get(place, headers={"Accept": accept}, follow_redirects=True).text
                    assert "SECRET" not in text, place
                    assert f"{waits['text']}" not in text, place
        assert other.get("/api/questions").json()["questions"] == []
        assert other.get("/api/questions", params={"list": "waiting"}).status_code == 403
        assert {one["answer"] for one in asker.get("/api/questions").json()["questions"]} == {
            None,
            "SECRET one",
            "SECRET two",
        }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": " \n "}, 400),
        ({"text": "\u202e\0\u200b"}, 400),
        ({"text": "x" * (LONGEST_QUESTION + 1)}, 400),
        ({"text": "Why so?", "iri": "urn:nothing"}, 404),
        ({"text": "Why so?", "login": "jan"}, 400),
        ({"text": 7}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_remedy(node: Running, body: dict[str, Any], status: int) -> None:
    iri = publish(node)["iri"]
    with node.http(headers=node.person()) as client:
        answer = client.post("/api/questions", json={"iri": iri, **body})
        assert answer.status_code == status, answer.text
        assert answer.json()["remedy"]
        assert client.get("/api/questions").json()["questions"] == []


def test_a_person_asks_a_few_questions_an_hour_and_leaves_no_name(node: Running) -> None:
    iri = publish(node)["iri"]
    eve = person(node, "eve", UserRole.PUBLISHER)
    with node.http(headers=eve) as asker, node.http(headers=node.person()) as office:
        for number in range(PER_PERSON):
            question = ask(asker, iri, f"Question {number}?")
        refused = asker.post("/api/questions", json={"iri": iri, "text": "One more?"})
        assert (refused.status_code, refused.json()["remedy"]) == (429, "ask again in an hour")
        act(asker, question, "answer", text="I know it myself.", public=True)
        assert agenda(asker, "news") == [], "nobody is told of their own answer"
        node.node.people.users.oversight.remove("eve", by=OFFICE)
        for box in ("waiting", "settled"):
            known = office.get("/api/questions", params={"list": box}).json()["questions"]
            assert known
            assert {one["person"] for one in known} == {None}
        with signed_in(node) as browser:
            assert "eve" not in Page(browser.get("/questions").text).text.split()


def test_an_asset_that_is_not_seen_has_no_questions(node: Running) -> None:
    iri = publish(node, audience="internal", conditions=None)["iri"]
    with node.http(headers=node.person()) as office, node.http() as stranger:
        act(office, ask(office, iri), "answer", text="For us.", public=True)
        assert public(office, iri) == ["For us."]
        assert stranger.get("/api/catalogue/questions", params={"iri": iri}).status_code == 404


def test_the_terminal_asks_answers_refuses_and_hides(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    iri = publish(node)["iri"]
    first = asked(node, capsys, "question", "ask", iri, TEXT)["id"]
    second = asked(node, capsys, "question", "ask", iri, "Another one?", "--private")["id"]
    status, text = typed(node, capsys, "status")
    assert (status, text.count("hansa question list --waiting")) == (0, 2)
    assert TEXT in typed(node, capsys, "question", "list", "--waiting")[1]
    status, text = typed(node, capsys, "question", "answer", first, "Yes.")
    assert status != 0
    assert "--public" in text
    assert typed(node, capsys, "question", "answer", first, "Yes.", "--public")[0] == 0
    assert "Yes." in typed(node, capsys, "question", "list", "--asset", iri)[1]
    assert typed(node, capsys, "question", "hide", first, "--reason", "Old.")[0] == 0
    assert typed(node, capsys, "question", "refuse", second, "--reason", "Not ours.")[0] == 0
    assert [one["reason"] for one in asked(node, capsys, "question", "list", "--settled")["questions"]] == [
        "Not ours.",
        "Old.",
    ]
    assert typed(node, capsys, "question", "seen")[0] == 0
    assert typed(node, capsys, "question", "list", "--settled", "--waiting")[0] != 0


def test_the_pages_ask_and_answer(node: Running) -> None:
    iri = publish(node)["iri"]
    path = iri.removeprefix(node.url)
    with signed_in(node) as browser:
        page = Page(browser.get(path).text)
        assert troubles(page) == []
        for text in (TEXT, "A private one?", "A bad one?"):
            private = {"private": "yes"} if "private" in text else {}
            sent = post(browser, path, "/questions", iri=iri, back=path, text=text, **private)
            assert (sent.status_code, sent.headers["location"]) == (303, f"{path}#questions")
        assert TEXT in Page(browser.get(path).text).text
        assert "3" in Page(browser.get("/").text).text
        assert "Questions that wait" in browser.get("/agreements").text
        with node.http(headers=node.person()) as office:
            waiting = {
                one["text"]: one["id"] for one in office.get("/api/questions?list=waiting").json()["questions"]
            }
        empty = post(browser, "/questions", f"/questions/{waiting[TEXT]}", text=" ", do="public")
        assert "trouble=" in empty.headers["location"]
        assert troubles(Page(browser.get(empty.headers["location"]).text)) == []
        for text, verb in ((TEXT, "public"), ("A private one?", "private"), ("A bad one?", "refuse")):
            sent = post(browser, "/questions", f"/questions/{waiting[text]}", text="Because.", do=verb)
            assert sent.headers["location"] == f"/questions?done={verb}"
            assert troubles(Page(browser.get(sent.headers["location"]).text)) == []
        with node.http(headers={"Accept": "text/html"}) as stranger:
            text = stranger.get(path).text
            assert "Because." in text
            assert "A private one?" not in text
            assert "A bad one?" not in text
            assert stranger.get("/questions").status_code == 303
        assert post(browser, "/questions", f"/questions/{waiting[TEXT]}", text="Old.", do="hide").status_code == 303
        assert browser.post("/questions", data={"iri": iri, "text": "No token?"}).status_code == 403
        assert post(browser, "/questions", f"/questions/{waiting[TEXT]}", text="x").status_code == 400


def test_e_mails_name_no_question_and_come_once(node: Running, sink: MailSink) -> None:
    iri = publish(node, "air-quality")["iri"]
    stores = node.node.parts.stores
    eve = person(node, "eve", UserRole.AUDITOR)
    with node.http(headers=node.person()) as office, node.http(headers=eve) as asker:
        for client, address in ((office, "office@x.example"), (asker, "eve@x.example")):
            assert client.put("/api/subscriptions/mail", json={"address": address}).status_code == 202
        until("both were asked", lambda: len(sink.messages) == 2)
        with stores.uow.begin() as tx:
            for login in ("admin", "eve"):
                known = stores.catalogue.subscriptions.hold(tx, login)
                confirmed = replace(known, mail_confirmed=known.mail_asked)
                stores.catalogue.subscriptions.save_subscriber(tx, confirmed)
        mail = node.node.questions.mail
        first = ask(asker, iri)
        assert asyncio.run(mail.queue_due()) == 1
        ask(asker, iri, "Another one?")
        assert asyncio.run(mail.queue_due()) == 0, "many questions make few e-mails"
        until("the office has it", lambda: len(sink.messages) == 3)
        text = str(sink.messages[-1].get_content())
        assert sink.recipients[-1] == "office@x.example"
        assert f"{node.url}/questions" in text
        assert "bridge" not in text
        act(office, first, "answer", text="Yes.", public=False)
        assert asyncio.run(mail.queue_due()) == 1
        assert asyncio.run(mail.queue_due()) == 0
        until("the asker has it", lambda: len(sink.messages) == 4)
        text = str(sink.messages[-1].get_content())
        assert sink.recipients[-1] == "eve@x.example"
        assert "Air quality" in text
        assert "Yes." not in text


def test_the_how_to_guide_as_it_stands(
    node: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(node, "bicycle-counters")
    monkeypatch.setenv("HANSA_NODE", str(node.folder))
    commands = 0
    for step in steps(HOW_TO.read_text("utf-8")):
        assert isinstance(step, Typed)
        with node.client() as client:
            ids = [question["id"] for question in client.questions.mine()["questions"]]
        command = step.command.replace("https://data.ghent.example", node.url)
        if ids:
            command = command.replace("urn:uuid:0190b6a0-0000-7000-8000-000000000001", ids[0])
        status = run(shlex.split(command.removeprefix("hansa ")))
        shown = capsys.readouterr()
        assert status == 0, shown.out + shown.err
        assert missing(step.shown, shown.out + shown.err) == [], shown.out + shown.err
        commands += 1
    assert commands == 6
