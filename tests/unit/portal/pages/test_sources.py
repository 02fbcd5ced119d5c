"""Data sources on their page: listed, registered, tested in words, removed; a secret goes in and never comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from node.base.jsons import read_object
from node.identity.model import UserRole
from tests.fakes.portal.data_sources import SECRET
from tests.fakes.portal.node import BASE, ELS, FakeNode
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

ORIGIN = {"Origin": BASE}
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def steward(node: FakeNode) -> TestClient:
    node.sessions["steward-session"] = replace(ELS, roles=frozenset({UserRole.STEWARD}))
    client = browser(node)
    client.cookies.set("hansa_session", "steward-session")
    return client


def csrf(client: TestClient) -> str:
    """The token of the forms of the page."""
    return str(client.get("/sources").text.partition('name="csrf" value="')[2].partition('"')[0])


def test_the_list_has_everything_but_the_secret(steward: TestClient) -> None:
    answer = steward.get("/sources", headers=ENGLISH)
    assert answer.status_code == 200
    for words in (
        "city-database",
        "Database (PostgreSQL, PostGIS)",
        "memory:here",
        "as user reader, password sealed",
    ):
        assert words in answer.text, words
    assert "Most reads by one partner in a minute: <bdi>60</bdi>" in answer.text
    assert SECRET not in answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert troubles(Page(answer.text)) == []


def test_a_secret_is_stored_sealed_and_comes_back_on_no_page(steward: TestClient, node: FakeNode) -> None:
    fields = {
        "csrf": csrf(steward),
        "name": "Layers!",
        "kind": "features",
        "address": "memory:layers",
        "scheme": "bearer",
        "user": "not-for-a-token",
        "secret": "typed-by-els-0815",
    }
    answer = steward.post("/sources", data=fields, headers={**ORIGIN, **ENGLISH})
    assert answer.status_code == 400
    assert 'value="Layers!"' in answer.text
    assert "typed-by-els-0815" not in answer.text
    assert troubles(Page(answer.text)) == []
    answer = steward.post(
        "/sources", data={**fields, "name": "layers"}, headers={**ORIGIN, **ENGLISH}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/sources?done=data-source-added#source-layers")
    page = steward.get("/sources?done=data-source-added", headers=ENGLISH).text
    assert "Test it before you offer" in page
    assert "with a token, sealed" in page
    assert "typed-by-els-0815" not in page
    with node.data_sources._uow.read() as tx:
        stored = node.data_sources._store.get(tx, "layers")
    assert stored is not None
    assert stored.secret is not None
    assert b"typed-by-els-0815" not in stored.secret
    assert read_object(node.data_sources._keyring.unwrap(stored.secret))["secret"] == "typed-by-els-0815"
    # Registered again with nothing typed, it keeps its secret; at another address it does not.
    rest = {**fields, "name": "layers", "scheme": "", "user": "", "secret": ""}
    steward.post("/sources", data=rest, headers=ORIGIN)
    assert "with a token, sealed" in steward.get("/sources", headers=ENGLISH).text
    steward.post("/sources", data={**rest, "address": "memory:elsewhere"}, headers=ORIGIN)
    assert "with a token, sealed" not in steward.get("/sources", headers=ENGLISH).text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "https://elsewhere.example"}, "this is no memory"),
        ({"kind": "carrier-pigeon"}, "there is no kind of data source"),
        ({"scheme": "", "secret": "x"}, "choose the kind"),
        ({"scheme": "magic"}, "there is no such kind of credentials"),
        ({"reads_per_minute": "many"}, "is a number"),
        ({"name": ""}, "a data source is named by"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form(steward: TestClient, changes: dict[str, str], words: str) -> None:
    fields = {"csrf": csrf(steward), "name": "new", "kind": "features", "address": "memory:x", **changes}
    answer = steward.post("/sources", data=fields, headers={**ORIGIN, **ENGLISH})
    assert answer.status_code == 400
    assert words in answer.text
    assert 'role="alert"' in answer.text


def test_an_option_is_asked_for_and_taken_where_a_kind_has_it(steward: TestClient) -> None:
    page = Page(steward.get("/sources", headers=ENGLISH).text)
    kinds = {
        control.get("id"): field.get("data-of")
        for field in page.all("div", class_="field")
        for control in field.inside
        if control.get("id").startswith("option-") and control.tag == "input"
    }
    assert kinds == {"option-schema": "postgis", "option-version": "mqtt", "option-reads_per_minute": ""}
    fields = {"csrf": csrf(steward), "name": "new", "kind": "features", "address": "memory:x", "schema": "public"}
    answer = steward.post("/sources", data=fields, headers={**ORIGIN, **ENGLISH})
    assert answer.status_code == 400
    assert "has no option" in answer.text
    assert steward.post("/sources", data={**fields, "kind": "postgis"}, headers=ORIGIN).status_code == 303


def test_the_test_speaks_in_words(steward: TestClient) -> None:
    token = {"csrf": csrf(steward)}
    works = steward.post("/sources/city-database/test", data=token, headers={**ORIGIN, **ENGLISH})
    assert works.status_code == 200
    assert "has 2 items that you could share" in works.text
    assert "<code>points</code>" in works.text
    assert troubles(Page(works.text)) == []
    fails = steward.post("/sources/gis/test", data=token, headers={**ORIGIN, **ENGLISH})
    assert "has nothing that could be shared" in fails.text
    absent = {**token, "item": "nothing/here"}
    answer = steward.post("/sources/city-database/test", data=absent, headers={**ORIGIN, **ENGLISH})
    assert "there is no such item" in answer.text
    assert steward.post("/sources/unknown/test", data=token, headers=ORIGIN).status_code == 404


def test_it_is_removed_and_only_by_its_own_form(steward: TestClient) -> None:
    assert steward.post("/sources/gis/remove", data={"csrf": "x"}, headers=ORIGIN).status_code == 403
    token = {"csrf": csrf(steward)}
    answer = steward.post("/sources/gis/remove", data=token, headers=ORIGIN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sources?done=data-source-removed")
    assert 'id="source-gis"' not in steward.get("/sources").text
    assert steward.post("/sources/gis/remove", data=token, headers=ORIGIN).status_code == 404


def test_only_stewards_see_the_page_and_its_link(node: FakeNode, steward: TestClient) -> None:
    assert 'href="/sources"' in steward.get("/about").text
    node.sessions["publisher-session"] = replace(ELS, roles=frozenset({UserRole.PUBLISHER}))
    with browser(node) as publisher:
        publisher.cookies.set("hansa_session", "publisher-session")
        assert 'href="/sources"' not in publisher.get("/about").text
        answer = publisher.get("/sources", headers=ENGLISH)
        assert answer.status_code == 403
        assert "memory:here" not in answer.text


def test_a_broker_shows_the_streams_that_take_its_messages_with_their_connections(steward: TestClient) -> None:
    answer = steward.get("/sources", headers=ENGLISH)
    for words in (
        "Message broker (MQTT)",
        "city/air/+",
        "1234 messages",
        "Connected since",
        "some may be lost",
        "Not connected",
        "the broker cannot be reached",
    ):
        assert words in answer.text, words
    assert answer.text.count("Connect a stream") == 2, "the summary and the button, of the one broker"
    assert troubles(Page(answer.text)) == []


def test_a_stream_is_connected_and_disconnected(steward: TestClient, node: FakeNode) -> None:
    fields = {
        "csrf": csrf(steward),
        "stream": "noise",
        "topic": "city/noise/+",
        "form": "json",
        "take": "*=payload\r\n\r\nplace = topic:3",
    }
    answer = steward.post("/sources/sensors/streams", data=fields, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sources?done=broker-connected#source-sensors")
    person = replace(ELS, roles=frozenset({UserRole.STEWARD}))
    view = node.broker_subscriptions.of_stream("noise", person)
    assert view is not None
    assert view.subscription.members == {"*": "payload", "place": "topic:3"}
    answer = steward.post(
        "/sources/sensors/streams/noise/remove", data={"csrf": fields["csrf"]}, headers={**ORIGIN, **ENGLISH}
    )
    assert answer.status_code == 303
    assert node.broker_subscriptions.of_stream("noise", person) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topic": "city/#/x"}, "this is no topic"),
        ({"take": "place"}, "names no member"),
        ({"take": "place=nowhere"}, "no place in a message"),
        ({"form": "xml"}, "no format"),
        ({"stream": "unknown"}, "there is no stream"),
    ],
)
def test_a_form_with_a_fault_comes_back_with_what_was_typed(
    steward: TestClient, changes: dict[str, str], words: str
) -> None:
    fields = {"csrf": csrf(steward), "stream": "noise", "topic": "city/a", "form": "json", "take": "", **changes}
    answer = steward.post("/sources/sensors/streams", data=fields, headers={**ORIGIN, **ENGLISH})
    assert answer.status_code in (400, 404)
    assert words in answer.text
    assert 'id="source-trouble"' not in answer.text
    assert f'value="{fields["topic"]}"' in answer.text
    assert troubles(Page(answer.text)) == []
