"""E-mails about subscriptions: confirmed by the owner of the address, one digest, stopped by its link."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from node.base.errors import InvalidInput
from node.settings import Settings
from tests.mail_sink import MailSink, mail_sink
from tests.nodes import Running, publish, running
from tests.portal_browser import csrf_of, post, signed_in
from tests.unit.portal.page import Page, troubles

ADDRESS = "eva@ghent.example"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as started:
        yield started


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path, sink: MailSink) -> Iterator[Running]:
    settings = {"mail_server": sink.address, "mail_from": "data@ghent.example"}
    with running(tmp_path / "gent", template=sqlite_template, **settings) as started:
        yield started


def arrived(sink: MailSink, count: int) -> str:
    """The text of the newest message, once there are ``count``."""
    for _ in range(200):
        if len(sink.messages) >= count:
            break
        time.sleep(0.05)
    assert len(sink.messages) == count
    return str(sink.messages[-1].get_content())


def link(text: str) -> str:
    match = re.search(r"https?://\S+(/subscriptions/mail/\S+)", text)
    assert match is not None, text
    return match[1]


def queue(node: Running) -> int:
    """What the timer does every minute."""
    return asyncio.run(node.node.operation.subscriptions.mail.queue_due())


def answer(node: Running, path: str, act: str) -> httpx2.Response:
    """Press a button of the page behind a link, as somebody who is not signed in."""
    headers = {"Accept": "text/html", "Accept-Language": "en", "Origin": node.url}
    with node.http(headers=headers) as browser:
        page = browser.get(path)
        assert page.status_code == 200
        assert troubles(Page(page.text)) == []
        return browser.post(path, data={"csrf": csrf_of(page.text), "do": act})


def make_due(node: Running) -> None:
    """A day goes by."""
    stores = node.node.parts.stores
    with stores.uow.begin() as tx:
        known = stores.catalogue.subscriptions.subscriber(tx, "admin")
        assert known is not None
        assert known.mail_due is not None
        stores.catalogue.subscriptions.save_subscriber(
            tx, replace(known, mail_due=known.mail_due - timedelta(days=1))
        )


def test_a_digest_comes_after_the_owner_confirmed_and_ends_with_its_link(node: Running, sink: MailSink) -> None:
    iri = publish(node, "bicycle-counts")["iri"]
    with node.http(headers=node.person()) as client:
        client.post("/api/subscriptions", json={"iri": iri})
        client.post("/api/subscriptions", json={"search": {"q": ["bicycle"]}, "name": "Bikes"})
        assert client.put("/api/subscriptions/mail", json={"address": ADDRESS}).status_code == 202
        assert client.put("/api/subscriptions/mail", json={"address": ADDRESS}).status_code == 429
        question = arrived(sink, 1)
        assert sink.recipients == [ADDRESS]
        assert sink.messages[0]["From"] == "data@ghent.example"
        publish(node, "bicycle-counts", title="Bicycle counts, newer")
        publish(node, "bicycle-lanes", title="Pistes cyclables: bicycle")
        publish(node, "bicycle-thefts", title="Bicycle thefts, secret", audience="internal", conditions=None)
        assert queue(node) == 0, "nobody confirmed the address yet"
        assert answer(node, link(question), "confirm").status_code == 200
        assert client.get("/api/subscriptions").json()["mail"] == {"address": ADDRESS, "confirmed": True}
        assert queue(node) == 1
        text = arrived(sink, 2)
        assert "Bicycle counts, newer: version 2 was published" in text
        assert "New for the search “Bikes”:" in text
        assert "Pistes cyclables: bicycle" in text
        assert "secret" not in text
        assert "(an asset that is not public)" in text
        assert f"{node.url}/datasets/bicycle-lanes" in text
        publish(node, "bicycle-parking")
        assert queue(node) == 0, "one digest a day"
        make_due(node)
        assert queue(node) == 1
        later = arrived(sink, 3)
        assert "Bicycle parking" in later
        assert "Bicycle counts" not in later
        assert len(client.get("/api/agenda").json()["news"]["items"]) == 2, "an e-mail does not count as seen"
        assert answer(node, link(later), "stop").status_code == 200
        assert client.get("/api/subscriptions").json()["mail"] is None
        with node.http(headers={"Accept": "text/html"}) as stranger:
            assert stranger.get(link(later)).status_code == 404
            assert stranger.get("/subscriptions/mail/made-up").status_code == 404
        publish(node, "bicycle-pumps")
        assert queue(node) == 0


def test_the_message_is_queued_until_the_mail_server_answers(node: Running, sink: MailSink) -> None:
    sink.replies[ADDRESS] = "451 try again"
    with node.http(headers=node.person()) as client:
        client.put("/api/subscriptions/mail", json={"address": ADDRESS})
        for _ in range(100):
            if client.get("/api/deliveries").json()["waiting"]:
                break
            time.sleep(0.05)
        sink.replies.clear()
        assert "confirm" in str(arrived(sink, 1)).lower()


def test_the_page_takes_an_address_and_refuses_another_text(node: Running, sink: MailSink) -> None:
    with signed_in(node) as browser:
        refused = post(browser, "/subscriptions", "/subscriptions/mail", address="not an address")
        assert refused.status_code == 422
        assert "Write an e-mail address" in refused.text
        assert post(browser, "/subscriptions", "/subscriptions/mail", address=ADDRESS).status_code == 303
        page = Page(browser.get("/subscriptions").text)
        assert troubles(page) == []
        assert "Not confirmed yet" in page.text
        assert post(browser, "/subscriptions", "/subscriptions/mail/end").status_code == 303
        assert ADDRESS not in browser.get("/subscriptions").text


@pytest.mark.parametrize(
    "address", ["", "eva", "eva@x", "a@x.example\r\nBcc: b@x.example", "a b@x.example", "@x.example"]
)
def test_what_is_not_an_address_is_refused(node: Running, sink: MailSink, address: str) -> None:
    with node.http(headers=node.person()) as client:
        refused = client.put("/api/subscriptions/mail", json={"address": address})
        assert refused.status_code == 400
        assert refused.json()["remedy"]
        assert client.get("/api/subscriptions").json()["mail"] is None
    assert sink.messages == []


def test_a_node_without_a_mail_server_says_so(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "brno", template=sqlite_template) as node, node.http(headers=node.person()) as client:
        refused = client.put("/api/subscriptions/mail", json={"address": ADDRESS})
        assert refused.status_code == 409
        assert "mail_server" in refused.json()["remedy"]
        with signed_in(node) as browser:
            assert "E-mail address" not in browser.get("/subscriptions").text


@pytest.mark.parametrize(
    ("server", "sender"),
    [
        ("http://x.example", "a@x.example"),
        ("smtp://", "a@x.example"),
        ("smtp://u:p@x.example", "a@x.example"),
        ("smtp://x.example", ""),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, server: str, sender: str) -> None:
    with pytest.raises((InvalidInput, ValueError), match="mail_"):
        Settings(folder=tmp_path, public_url="https://x.example", mail_server=server, mail_from=sender)
