"""A partner subscribes in the form of NGSI-LD to a stream under contract, and is notified as long as that stands."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from demo.nodes import free_ports
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.transfer.live import glances
from node.transfer.notifications.model import key_of
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.notifications.receiver import Receiver, receiving
from tests.integration.datasources.streams import describe, observation, send
from tests.integration.datasources.test_table_queries import counted_offer
from tests.nodes import Running, Start, until
from tests.portal_browser import post, signed_in
from tests.waits import until as until_soon

ROOT = "/ngsi-ld/v1/subscriptions"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any
) -> Iterator[tuple[Running, Running]]:
    from tests.nodes import running

    home = tmp_path_factory.mktemp("notifications")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def opened(nodes: tuple[Running, Running], name: str, **options: Any) -> Opened:
    city, partner = nodes
    describe(city, name)
    return open_live(partner, share(city, "streams", name, slug=name, format="JSON", **options))


def wish(receiver: Receiver, path: str = "/notify", **members: Any) -> dict[str, Any]:
    notification = members.pop("notification", {})
    endpoint = {"uri": f"{receiver.url}{path}", **notification.get("endpoint", {})}
    return {
        "type": "Subscription",
        "entities": [{"type": "Counter"}],
        **members,
        "notification": {**notification, "endpoint": endpoint},
    }


def ask(stream: Opened, method: str, place: str = "", body: Any = None, **headers: str) -> httpx2.Response:
    with httpx2.Client(timeout=60, trust_env=False) as client:
        sent = {"Authorization": stream.authorization, "Content-Type": "application/json", **headers}
        content = None if body is None else json.dumps(body)
        return client.request(method, f"{stream.endpoint}{ROOT}{place}", headers=sent, content=content)


def subscribe(stream: Opened, document: dict[str, Any]) -> str:
    """Subscribe; return the address of the subscription below all of them."""
    answer = ask(stream, "POST", body=document)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"]).partition(ROOT)[2]


def test_a_partner_is_notified_of_each_observation_until_it_deletes_the_subscription(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "told")
    send(city, "told", observation(0))
    headers = [{"key": "Authorization", "value": "Bearer partner-token"}]
    signing = [{"key": "webhook-secret", "value": SECRET}]
    before = len(accesses(city, stream.agreement))
    place = subscribe(
        stream, wish(receiver, notification={"endpoint": {"receiverInfo": headers, "notifierInfo": signing}})
    )
    send(city, "told", observation(1), observation(2))
    until("two have come", lambda: receiver.values() == [1, 2])
    post = receiver.posts[0]
    assert (post.path, post.headers["authorization"]) == ("/notify", "Bearer partner-token")
    assert post.headers["content-type"] == "application/json"
    assert "ngsi-ld-core-context" in post.headers["link"]
    name = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode()
    signature = base64.b64encode(hmac.new(bytes(range(32)), name + post.body, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{signature}"
    document = post.document
    assert (document["type"], document["subscriptionId"]) == ("Notification", place.removeprefix("/"))
    assert document["data"][0] == {
        "id": "urn:ngsi-ld:Counter:s1",
        "type": "Counter",
        "at": {"type": "Property", "value": "2026-01-01T00:01:00Z", "observedAt": "2026-01-01T00:01:00.000000Z"},
        "bikes": {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:01:00.000000Z"},
        "station": {"type": "Property", "value": "s1", "observedAt": "2026-01-01T00:01:00.000000Z"},
    }
    with httpx2.Client(trust_env=False, headers={"Authorization": stream.authorization}) as client:
        other = client.post(f"{stream.endpoint}/v2/subscriptions", json={})
        assert (other.status_code, "/ngsi-ld/v1/subscriptions" in other.json()["remedy"]) == (400, True)
        assert client.post(f"{stream.endpoint}/v2/subscriptions", headers={"Authorization": "x"}).status_code != 400
    shown = ask(stream, "GET", place)
    assert "partner-token" not in shown.text
    assert SECRET not in shown.text
    view = shown.json()
    assert (view["status"], view["isActive"]) == ("active", True)
    assert view["notification"]["timesSent"] >= 1
    assert view["notification"]["endpoint"]["receiverInfo"] == [{"key": "Authorization", "value": "(not shown)"}]
    listed = ask(stream, "GET")
    assert ([each["id"] for each in listed.json()], listed.headers["ngsild-results-count"]) == ([view["id"]], "1")
    recorded = [event["asked"] for event in accesses(city, stream.agreement)[before:] if "asked" in event]
    assert f"subscription {view['id']}" in recorded
    assert ask(stream, "DELETE", place).status_code == 204
    assert ask(stream, "GET", place).status_code == 404
    send(city, "told", observation(3))
    time.sleep(1.5)
    assert receiver.values() == [1, 2]


def test_only_what_is_wanted_is_sent_in_the_form_that_is_wanted(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "wanted")
    subscribe(stream, wish(receiver, "/many", q="bikes>=8", notification={"format": "keyValues"}))
    one = {"type": "Counter", "id": "urn:ngsi-ld:Counter:s2"}
    subscribe(
        stream, wish(receiver, "/one", entities=[one], notification={"format": "concise", "attributes": ["bikes"]})
    )
    subscribe(stream, wish(receiver, "/wet", watchedAttributes=["wet"]))
    linked = {"endpoint": {"accept": "application/ld+json"}}
    subscribe(stream, wish(receiver, "/linked", q='station=="s4"', notification=linked))
    send(city, "wanted", *map(observation, range(10)), {**observation(10), "wet": True})
    until(
        "all have come",
        lambda: [len(receiver.values(path=path)) for path in ("/many", "/one", "/wet", "/linked")] == [3, 2, 1, 2],
    )
    by_path = {post.path: post for post in receiver.posts}
    assert by_path["/many"].entities[0] == {
        "id": "urn:ngsi-ld:Counter:s3",
        "type": "Counter",
        "at": "2026-01-01T00:08:00Z",
        "bikes": 8,
        "station": "s3",
    }
    assert by_path["/one"].entities[0] == {
        "id": "urn:ngsi-ld:Counter:s2",
        "type": "Counter",
        "bikes": {"value": 2, "observedAt": "2026-01-01T00:02:00.000000Z"},
    }
    assert receiver.values("wet", "/wet") == [True]
    post = next(post for post in receiver.posts if post.path == "/linked")
    assert post.headers["content-type"] == "application/ld+json"
    assert post.document["@context"].startswith("https://uri.etsi.org/ngsi-ld/")


def test_a_part_of_the_agreement_holds_for_notifications(nodes: tuple[Running, Running], receiver: Receiver) -> None:
    city, _ = nodes
    rows = [{"column": "bikes", "operator": "lt", "value": 4}]
    part = {"columns": ["station", "bikes"], "rows": rows, "conceal": {"station": "pseudonym"}}
    stream = opened(nodes, "part-told", conditions={"template": "open", "part": part})
    subscribe(stream, wish(receiver))
    send(city, "part-told", *map(observation, range(10)))
    until("four have come", lambda: receiver.values() == [0, 1, 2, 3])
    entities = [entity for post in receiver.posts for entity in post.entities]
    assert all(set(entity) <= {"id", "type", "bikes", "station"} for entity in entities), "no time"
    assert not any(f":s{number}" in json.dumps(entities) for number in range(5)), "no station by its name"


def test_the_end_of_the_permission_ends_the_subscription_without_a_timer_and_says_why(
    nodes: tuple[Running, Running],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    city, _ = nodes
    monkeypatch.setattr(glances, "_GLANCE_SECONDS", 3600.0)  # Only the commit lets the node look.
    stream = opened(nodes, "revoked")
    place = subscribe(stream, wish(receiver))
    send(city, "revoked", observation(1))
    until("it runs", lambda: receiver.values() == [1])
    pid = transfer_here(city, stream)
    with city.client() as client:
        begin = time.monotonic()
        client.steer(pid, "terminate", reason="the counters are sold")
    until_soon("the end is told", lambda: receiver.posts[-1].document.get("end"))
    assert receiver.posts[-1].at - begin < 5, "a second, and what a busy machine adds"
    end = receiver.posts[-1].document["end"]
    assert receiver.posts[-1].entities == []
    assert "the counters are sold" in end["reason"]
    assert (end["code"], bool(end["reasons"])) == ("not-allowed", True)
    send(city, "revoked", observation(2))
    refusal = ask(stream, "GET", place)
    assert refusal.status_code in (403, 404)
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["stream", "subscribers"]) == DONE
    output = capsys.readouterr().out
    assert "the counters are sold" in output
    assert receiver.url in output
    assert "/notify" not in output, "the path may be a secret of the partner"
    assert receiver.values() == [1]


def test_a_paused_transfer_goes_on_where_it_was(nodes: tuple[Running, Running], receiver: Receiver) -> None:
    city, _ = nodes
    stream = opened(nodes, "paused")
    subscribe(stream, wish(receiver))
    send(city, "paused", observation(1))
    until("it runs", lambda: receiver.values() == [1])
    pid = transfer_here(city, stream)
    with city.client() as client:
        client.steer(pid, "suspend", reason="maintenance")
        views = until("it is hindered", lambda: failing(city, stream))
        assert "maintenance" in views[0]["error"]
        send(city, "paused", observation(2))
        until("the partner knows", lambda: client.transfer_state(pid)["state"] == "SUSPENDED")
        until("it can be resumed", lambda: resumed(city, pid))
    until("it goes on", lambda: receiver.values() == [1, 2])


def failing(city: Running, stream: Opened) -> list[dict[str, Any]]:
    with city.client() as client:
        views = client.subscribers.all()
    return [view for view in views if view["agreement"] == stream.agreement and view["state"] == "failing"]


def resumed(city: Running, pid: str) -> bool:
    from node.client import Refusal

    with city.client() as client:
        try:
            client.steer(pid, "resume")
        except Refusal:
            return False
    return True


def test_what_the_receiver_does_not_take_is_tried_again_in_order(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "again")
    receiver.status = 503
    place = subscribe(stream, wish(receiver))
    send(city, "again", observation(1))
    until("it was refused", lambda: len(receiver.posts) >= 1)
    send(city, "again", observation(2))
    view = until("that is seen", lambda: failed(ask(stream, "GET", place).json()))
    assert "busy" in view["notification"]["error"]
    assert failing(city, stream)[0]["failingSince"]
    receiver.status, before = 204, len(receiver.posts)
    until("all have come", lambda: [2 in receiver.values(), 1 in receiver.values()] == [True, True])
    later = receiver.posts[before:]
    assert [entity["bikes"]["value"] for post in later for entity in post.entities] == [1, 2]
    assert later[0].body == receiver.posts[0].body, "the same notification"
    assert later[0].headers["webhook-id"] == receiver.posts[0].headers["webhook-id"]
    shown = ask(stream, "GET", place).json()["notification"]
    assert (shown["status"], shown["timesFailed"] >= 1) == ("ok", True)


def failed(view: dict[str, Any]) -> dict[str, Any] | None:
    return view if view["notification"]["status"] == "failed" else None


def test_a_receiver_that_is_gone_pauses_the_subscription_which_its_owner_resumes(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "gone-receiver")
    receiver.status = 410
    place = subscribe(stream, wish(receiver))
    send(city, "gone-receiver", observation(1))
    until("it is paused", lambda: ask(stream, "GET", place).json()["status"] == "paused")
    send(city, "gone-receiver", observation(2))
    receiver.status = 204
    assert ask(stream, "PATCH", place, {"isActive": True}).status_code == 204
    until("both have come", lambda: sorted(set(receiver.values())) == [1, 2])
    assert ask(stream, "PATCH", place, {"isActive": False}).status_code == 204
    time.sleep(1.5)
    send(city, "gone-receiver", observation(3))
    time.sleep(1)
    assert 3 not in receiver.values()
    moved = {"notification": {"endpoint": {"uri": f"{receiver.url}/moved"}}, "isActive": True}
    assert ask(stream, "PATCH", place, moved).status_code == 204
    until("what was missed has come", lambda: receiver.values(path="/moved")[-1:] == [3])


def test_what_a_receiver_refuses_is_set_aside_and_sent_again_when_asked(
    nodes: tuple[Running, Running],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from node.transfer.notifications import delivery

    monkeypatch.setattr(delivery, "TRIES", 1)
    city, _ = nodes
    stream = opened(nodes, "refused-content")
    receiver.refuses = '"value":13'
    place = subscribe(stream, wish(receiver))
    send(city, "refused-content", observation(13))
    until("it is set aside", lambda: ask(stream, "GET", place).json()["notification"]["deadLetters"] == 1)
    send(city, "refused-content", observation(14))
    until("the next one comes", lambda: receiver.values()[-1] == 14)
    (view,) = [view for view in subscribers(city) if view["agreement"] == stream.agreement]
    assert (view["dead"], view["state"]) == (1, "active")
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["stream", "resend", view["key"]]) == REFUSED
    assert "1 left" in "".join(capsys.readouterr())
    with signed_in(city) as browser:
        assert 'href="/subscribers?asset=' in browser.get(urlsplit(stream.iri).path).text
        listed = browser.get(f"/subscribers?asset={quote(stream.iri, safe='')}").text
        assert "1 notification was refused" in listed
        assert receiver.url in listed
        answer = post(browser, "/subscribers", f"/subscribers/{view['key']}/resend")
        assert (answer.status_code, "1 is left" in answer.text) == (200, True)
    receiver.refuses, before = "", len(receiver.posts)
    assert run(["stream", "resend", view["key"]]) == DONE
    assert [entity["bikes"]["value"] for post in receiver.posts[before:] for entity in post.entities] == [13]
    assert ask(stream, "GET", place).json()["notification"]["deadLetters"] == 0
    assert run(["stream", "unsubscribe", view["key"]]) == DONE
    assert ask(stream, "GET", place).status_code == 404
    assert run(["stream", "unsubscribe", view["key"]]) != DONE


def subscribers(city: Running) -> list[dict[str, Any]]:
    with city.client() as client:
        return list(client.subscribers.all())


def test_each_notification_is_a_use_where_uses_count(nodes: tuple[Running, Running], receiver: Receiver) -> None:
    city, _ = nodes
    stream = opened(nodes, "counted-told", conditions=counted_offer(3))
    subscribe(stream, wish(receiver))
    for number in range(1, 6):
        send(city, "counted-told", observation(number))
        until_soon("it came, or the end", lambda number=number: came_or_ended(receiver, number))
    assert receiver.values() == [1, 2, 3]
    assert receiver.posts[-1].document["end"]["code"] == "not-allowed"
    uses = [event["use"] for event in accesses(city, stream.agreement) if event.get("use")]
    assert uses == [1, 2, 3]


def came_or_ended(receiver: Receiver, number: int) -> bool:
    return number in receiver.values() or any("end" in post.document for post in receiver.posts)


def test_a_subscription_expires(nodes: tuple[Running, Running], receiver: Receiver) -> None:
    from datetime import UTC, datetime, timedelta

    city, _ = nodes
    stream = opened(nodes, "expiring")
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    place = subscribe(stream, wish(receiver, expiresAt=soon))
    send(city, "expiring", observation(1))
    until("it came", lambda: receiver.values() == [1])
    until("it expires", lambda: ask(stream, "GET", place).json()["status"] == "expired")
    send(city, "expiring", observation(2))
    time.sleep(1)
    assert receiver.values() == [1]


def test_a_subscriber_who_wants_to_hear_seldom_gets_the_latest_of_each_entity(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "seldom")
    subscribe(stream, wish(receiver, throttling=3))
    send(city, "seldom", observation(0))
    until("the first comes at once", lambda: receiver.values() == [0])
    for number in range(1, 11):
        send(city, "seldom", observation(number))
    until("the others come together", lambda: len(receiver.posts) == 2)
    assert receiver.posts[1].at - receiver.posts[0].at > 2
    assert sorted(receiver.values()[1:]) == [6, 7, 8, 9, 10]


def to(**endpoint: Any) -> dict[str, Any]:
    return {"notification": {"endpoint": {"uri": "https://b.example/", **endpoint}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "Subscribe"}, "type is not Subscription"),
        ({"entities": []}, "entities is no list"),
        ({"entities": [{"type": "Counter", "idPattern": ".*"}]}, "idPattern"),
        ({"entities": None}, "neither entities nor watchedAttributes"),
        ({"geoQ": {"georel": "near"}}, "geoQ"),
        ({"timeInterval": 5}, "timeInterval"),
        ({"q": "bikes>20|wet"}, "q is no query"),
        ({"q": "bikes~=.*"}, "q is no query"),
        ({"throttling": -1}, "throttling"),
        ({"throttling": True}, "throttling"),
        ({"expiresAt": "soon"}, "expiresAt is no time"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "in the past"),
        ({"isActive": "yes"}, "isActive"),
        ({"id": "one two"}, "id is no URI"),
        ({"@context": {"a": "b"}}, "@context"),
        ({"notification": {}}, "endpoint"),
        (to(uri="http://10.0.0.1/x"), ""),
        (to(uri="mqtt://b.example/x"), ""),
        (to(accept="application/geo+json"), "accept"),
        (to(receiverInfo=[{"key": "Host", "value": "x"}]), "no header that a subscription may set"),
        (to(receiverInfo=[{"key": "A", "value": "x\r\ny"}]), "no key with a value"),
        (to(notifierInfo=[{"key": "webhook-secret", "value": "short"}]), "Standard Webhooks"),
        ({"notification": {"format": "geo", "endpoint": {"uri": "https://b.example/"}}}, "format"),
    ],
)
def test_what_this_node_would_not_do_is_refused_and_not_ignored(
    nodes: tuple[Running, Running], receiver: Receiver, changes: dict[str, Any], words: str
) -> None:
    stream = opened(nodes, "strict")
    document = {**wish(receiver), **changes}
    document = {name: value for name, value in document.items() if value is not None}
    answer = ask(stream, "POST", body=document)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["detail"]
    assert answer.json()["remedy"]
    assert ask(stream, "GET").json() == []


def test_strangers_other_methods_and_other_data_are_refused(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, partner = nodes
    stream = opened(nodes, "doors")
    place = subscribe(stream, wish(receiver, id="urn:ngsi-ld:Subscription:mine"))
    assert place == "/urn:ngsi-ld:Subscription:mine"
    assert ask(stream, "POST", body=wish(receiver, id="urn:ngsi-ld:Subscription:mine")).status_code == 409
    stranger = Opened(stream.iri, stream.agreement, stream.transfer, stream.endpoint, "Bearer " + "x" * 43)
    other = opened(nodes, "doors-of-another")
    mixed = Opened(stream.iri, stream.agreement, stream.transfer, stream.endpoint, other.authorization)
    for each in (stranger, mixed):
        assert ask(each, "GET").status_code == 404
        assert ask(each, "POST", body=wish(receiver)).status_code == 404
        assert ask(each, "DELETE", place).status_code == 404
    assert ask(other, "GET", place).status_code == 404
    assert ask(stream, "PUT", place, wish(receiver)).status_code in (404, 405)
    assert ask(stream, "POST", body=wish(receiver), **{"Content-Type": "text/plain"}).status_code == 415
    big = wish(receiver, description="x" * 70_000)
    assert ask(stream, "POST", body=big).status_code == 413
    assert ask(stream, "PATCH", place, {"id": "urn:x:y"}).status_code == 400
    assert ask(stream, "PATCH", place, {"throttling": 5}).status_code == 204
    assert ask(stream, "GET", place).json()["throttling"] == 5
    assert ask(stream, "PATCH", place, {"throttling": "urn:ngsi-ld:null"}).status_code == 204
    assert "throttling" not in ask(stream, "GET", place).json()
    with city.http() as http:
        assert http.get("/api/subscribers").status_code == 401
    with partner.client() as client:
        assert client.subscribers.all() == []


def test_sixty_four_subscribers_each_get_everything_in_order_and_a_stalled_one_delays_nobody(
    nodes: tuple[Running, Running], receiver: Receiver
) -> None:
    city, _ = nodes
    stream = opened(nodes, "crowd")
    with receiving() as stalled:
        stalled.status = 503
        subscribe(stream, wish(stalled))
        for number in range(64):
            subscribe(stream, wish(receiver, f"/{number}", notification={"format": "keyValues"}))
        for number in range(0, 100, 10):
            send(city, "crowd", *map(observation, range(number, number + 10)))
        expected = list(range(100))
        until(
            "all have all",
            lambda: all(receiver.values(path=f"/{number}") == expected for number in range(64)),
        )
        until("the stalled one was called", lambda: len(stalled.posts) > 0)
        views = [view for view in subscribers(city) if view["agreement"] == stream.agreement]
        assert sorted(view["entities"] for view in views) == [0, *[100] * 64]
    answers = [ask(stream, "POST", body=wish(receiver, id=f"urn:ngsi-ld:Subscription:{n}")) for n in range(65, 102)]
    assert {answer.status_code for answer in answers} == {201, 409}
    assert len(ask(stream, "GET").json()) == 100, "no more than a hundred of one transfer"
    assert len(ask(stream, "GET", "?limit=10&offset=95").json()) == 5


def test_another_process_goes_on_where_one_has_ended(
    start: Start, tmp_path: Any, sqlite_template: Any, receiver: Receiver
) -> None:
    from tests.nodes import running

    with start(tmp_path / "city") as city, running(tmp_path / "partner", template=sqlite_template) as partner:
        if city.node.parts.settings.is_embedded:
            pytest.skip("one process alone uses SQLite")
        describe(city, "shared")
        stream = open_live(partner, share(city, "streams", "shared", slug="shared", format="JSON"))
        beside = shutil.ignore_patterns("graph", "search", "*.lock")
        shutil.copytree(tmp_path / "city", tmp_path / "second", ignore=beside)
        port = free_ports(1)[0]
        token = city.person()
        with running(tmp_path / "second", port=port) as second:
            key = subscribe(stream, wish(receiver)).removeprefix("/")

            def send_to_second(*numbers: int) -> None:
                address = f"http://127.0.0.1:{port}/api/streams/shared/observations"
                body = [observation(number) for number in numbers]
                httpx2.post(address, json=body, headers=token, trust_env=False).raise_for_status()

            send_to_second(*range(5))
            until("they have come", lambda: receiver.values() == list(range(5)))
            send(city, "shared", *map(observation, range(5, 10)))
            until("they have come too", lambda: receiver.values() == list(range(10)))
            time.sleep(2)
            assert receiver.values() == list(range(10)), "nothing is sent twice while both are there"
            name = key_of(transfer_here(city, stream), key)
            workers = [each.node.datasources.windows.notifications.delivery for each in (city, second)]
            assert [worker.progress(name) is not None for worker in workers].count(True) == 1
            city.stop()
            send_to_second(*range(10, 15))
            until("the other one goes on", lambda: receiver.values()[-1:] == [14], seconds=40)
            assert sorted(set(receiver.values())) == list(range(15))
            assert workers[1].progress(name) is not None
