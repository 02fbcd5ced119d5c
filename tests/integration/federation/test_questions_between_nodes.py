"""Questions of people of one node on assets of another: delivered, answered, shown at both, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.catalogue.questions import arrivals
from tests.nodes import Pair, Running, publish, running
from tests.portal_browser import signed_in
from tests.terminal import typed
from tests.unit.portal.page import Page
from tests.waits import until

TEXT = "Is the bridge counted?"
ID = "urn:uuid:0190b6a0-0000-7000-8000-000000000001"


@pytest.fixture
def two(tmp_path: Path, sqlite_template: Path) -> Iterator[Pair]:
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        yield Pair(provider, consumer)


def known_at(consumer: Running, provider: Running, slug: str = "traffic-counts") -> str:
    """An asset of ``provider`` that ``consumer`` knows."""
    iri = str(publish(provider, slug)["iri"])
    with consumer.client() as client, consumer.http(headers=consumer.person()) as http:
        client.follow(provider.url)
        until("the asset arrives", lambda: http.get("/api/catalogue/record", params={"iri": iri}).status_code == 200)
    return iri


def public(node: Running, iri: str) -> list[str]:
    with node.http() as stranger:
        known = stranger.get("/api/catalogue/questions", params={"iri": iri}).json()["questions"]
        return [question["answer"] for question in known]


def waiting(node: Running) -> list[dict[str, Any]]:
    with node.client() as client:
        questions: list[dict[str, Any]] = client.questions.waiting()["questions"]
        return questions


def mine(node: Running) -> dict[str, Any]:
    with node.client() as client:
        return dict(client.questions.mine()["questions"][0])


def test_a_question_goes_to_the_publisher_and_its_answer_comes_back(two: Pair) -> None:
    iri = known_at(two.consumer, two.provider)
    with two.consumer.client() as asker, two.provider.client() as office:
        question = asker.questions.ask(iri, TEXT)
        assert question["publisher"] == two.provider.did
        (arrived,) = until("the question arrives", lambda: waiting(two.provider))
        assert (arrived["id"], arrived["text"], arrived["asker"]) == (question["id"], TEXT, two.consumer.did)
        assert arrived["person"] is None, "the name of the person stays at their node"
        until("the asker sees that it was delivered", lambda: mine(two.consumer)["delivered"])
        assert office.agenda()["waiting"]["items"][0]["code"] == "question"
        office.questions.answer(question["id"], "Yes.", public=True)
        until("the answer arrives", lambda: mine(two.consumer)["state"] == "answered")
        assert public(two.provider, iri) == public(two.consumer, iri) == ["Yes."]
        assert [item["code"] for item in asker.agenda()["news"]["items"]] == ["question-answered"]
        with two.consumer.http(headers={"Accept": "text/html"}) as stranger:
            assert "Yes." in stranger.get("/record", params={"iri": iri}).text
        office.questions.hide(question["id"], "It was wrong.")
        until("it is hidden there too", lambda: mine(two.consumer)["state"] == "hidden")
        assert public(two.provider, iri) == public(two.consumer, iri) == []
        assert mine(two.consumer)["reason"] == "It was wrong."


def test_a_private_answer_is_seen_by_the_asker_only(two: Pair) -> None:
    iri = known_at(two.consumer, two.provider)
    with two.consumer.client() as asker, two.provider.client() as office:
        question = asker.questions.ask(iri, TEXT, private=True)
        until("the question arrives", lambda: waiting(two.provider))
        office.questions.answer(question["id"], "For you.", public=False)
        until("the answer arrives", lambda: mine(two.consumer)["answer"] == "For you.")
    assert public(two.provider, iri) == public(two.consumer, iri) == []


def test_what_the_publisher_does_not_take_is_said_to_the_asker(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    iri = known_at(two.consumer, two.provider)
    monkeypatch.setattr(two.provider.node.questions.receive, "_me", "did:web:another.example")
    with two.consumer.client() as asker:
        asker.questions.ask(iri, TEXT)
    fault = until("the refusal is noted", lambda: mine(two.consumer)["deliveryFault"])
    assert "does not publish" in fault
    assert waiting(two.provider) == []


def test_a_question_that_cannot_be_delivered_does_not_wait(
    two: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    iri = known_at(two.consumer, two.provider)
    with monkeypatch.context() as forbidden_address, two.consumer.client() as asker:
        post = two.consumer.node.questions.post
        forbidden_address.setattr(post, "_address_of", lambda did: "https://10.0.0.1")
        question = asker.questions.ask(iri, TEXT)
        assert not question["undelivered"]
        until("the node gives it up", lambda: mine(two.consumer)["undelivered"])
    undelivered = mine(two.consumer)
    assert undelivered["deliveryFault"]
    assert "ask it again" in undelivered["remedy"]
    _, text = typed(two.consumer, capsys, "question", "list")
    assert "could not be delivered" in text
    assert "ask it again" in text
    with signed_in(two.consumer) as browser:
        for place in ("/questions", f"/record?iri={quote(iri, safe='')}"):
            page = Page(browser.get(place).text).text
            assert "could not be delivered" in page
            assert undelivered["deliveryFault"] in page
            assert "Ask the question again" in page
            assert "waits for an answer" not in page.replace("No question waits for an answer", "")
    with two.consumer.client() as asker:
        again = asker.questions.ask(iri, TEXT)
        assert again["id"] != question["id"]
        (arrived,) = until("it arrives", lambda: waiting(two.provider))
        assert arrived["id"] == again["id"]
        assert asker.questions.ask(iri, TEXT)["id"] == again["id"], "one that waits is not asked twice"


def send(two: Pair, path: str, body: dict[str, Any]) -> int:
    """Send a message as the consumer's node; return the status."""
    with two.provider.http(headers=two.consumer.as_participant(two.provider)) as http:
        return http.post(path, json=body).status_code


def test_participants_are_bounded_and_blocked_ones_turned_away(two: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    iri = str(publish(two.provider)["iri"])
    secret = str(publish(two.provider, "secret", audience="internal", conditions=None)["iri"])
    good = {"id": ID, "iri": iri, "text": TEXT}
    notices = "/notices/questions"
    with two.provider.http() as stranger:
        assert stranger.post(notices, json=good).status_code == 401
    assert send(two, notices, good) == 204
    assert send(two, notices, good) == 204, "the same again"
    assert send(two, notices, {**good, "text": "Another?"}) == 400, "another one with its id"
    for wrong in (
        {"id": "x"},
        {"id": None},
        {"text": ""},
        {"text": "x" * 3000},
        {"iri": "urn:nothing"},
        {"iri": secret},
        {"iri": None},
    ):
        assert send(two, notices, {**good, "id": ID[:-1] + "2", **wrong}) in (400, 404), wrong
    assert send(two, notices, {**good, "text": "x" * 70_000}) == 413
    assert send(two, "/notices/outcomes", {"id": ID, "state": "answered", "revision": 1}) == 404
    assert send(two, "/notices/outcomes", {"id": ID, "state": "open", "revision": 1}) == 400
    assert send(two, "/notices/outcomes", {"id": ID, "state": "answered", "revision": 0}) == 400
    assert [one["text"] for one in waiting(two.provider)] == [TEXT]
    monkeypatch.setattr(arrivals, "PER_PARTICIPANT", 2)
    assert send(two, notices, {**good, "id": ID[:-1] + "3", "text": "A second one?"}) == 204
    assert send(two, notices, {**good, "id": ID[:-1] + "4", "text": "A third one?"}) == 429
    monkeypatch.setattr(arrivals, "PER_PARTICIPANT", 50)
    monkeypatch.setattr(arrivals, "STRANGERS", 2)
    assert send(two, notices, {**good, "id": ID[:-1] + "5", "text": "A third one?"}) == 429
    with two.provider.client() as office:
        office.block(two.consumer.did, "It asked too much.")
        assert send(two, notices, {**good, "id": ID[:-1] + "6"}) == 403
        answered = office.questions.answer(ID, "Yes.", public=True)
        assert "blocked" in answered["deliveryFault"]
        assert public(two.provider, iri) == ["Yes."]


def test_a_node_does_not_ask_whom_it_has_blocked(two: Pair) -> None:
    iri = known_at(two.consumer, two.provider)
    with two.consumer.http(headers=two.consumer.person()) as http, two.consumer.client() as client:
        client.block(two.provider.did, "No.")
        refused = http.post("/api/questions", json={"iri": iri, "text": TEXT})
        assert refused.status_code == 409
        assert "unblock" in refused.json()["remedy"]
