"""Events of a node reach a topic of an MQTT broker, by terminal, API and page; refused, cut off, paused, resumed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import HansaClient, Refusal
from tests.integration.datasources.mosquitto import (
    PASSWORD,
    READER,
    READER_PASSWORD,
    USER,
    Mosquitto,
    mosquitto,
)
from tests.nodes import Running, publish, running
from tests.portal_browser import post, signed_in
from tests.waits import until

PUBLISHED = "hansa.asset.published"


def is_genuine(properties: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the signature fits, computed apart from the node's own code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{properties['webhook-id']}.{properties['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(f"v1,{expected}", properties.get("webhook-signature", ""))


class Listener:
    """Takes what comes for a topic, in a thread of its own."""

    def __init__(self, broker: Mosquitto, topic: str) -> None:
        self.messages: list[tuple[str, dict[str, str], bytes]] = []
        self._broker = broker
        self._topic = topic
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(20)

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, _, body in self.messages]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        client = aiomqtt.Client(
            "127.0.0.1",
            self._broker.port,
            username=READER,
            password=READER_PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V5,
        )
        async with client:
            await client.subscribe(self._topic, qos=1)
            self._ready.set()
            async for message in client.messages:
                properties: Any = message.properties
                pairs = dict(getattr(properties, "UserProperty", []))
                self.messages.append((getattr(properties, "ContentType", ""), pairs, bytes(message.payload)))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("events") / "mosquitto") as server:
        yield server


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, broker: Mosquitto) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("cities") / "ghent", template=sqlite_template) as node:
        with node.client() as client:
            sign_in(client, broker, USER, PASSWORD)
        yield node


def sign_in(client: HansaClient, broker: Mosquitto, user: str, password: str, **options: str) -> None:
    credentials = {"scheme": "basic", "name": user, "secret": password}
    client.data_sources.add("bus", "mqtt", broker.address, credentials=credentials, options=options)


@pytest.fixture
def listener(broker: Mosquitto, request: pytest.FixtureRequest) -> Iterator[Listener]:
    opened = Listener(broker, f"city/{request.node.name}")
    yield opened
    opened.close()


def states(client: HansaClient, name: str) -> list[str]:
    return [delivery["state"] for delivery in client.webhooks.deliveries(name)]


def test_terminal(
    city: Running, listener: Listener, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["--json", "webhook", "add", "bus-job", "broker:bus/city/test_terminal", "--kind", PUBLISHED]) == DONE
    secret = json.loads(capsys.readouterr().out)["secret"]
    assert run(["webhook", "test", "bus-job"]) == DONE
    assert capsys.readouterr().out == "✓ the broker has the event\n"
    publish(city, "told")
    with city.client() as client:
        until("the event is there", lambda: states(client, "bus-job") == ["delivered"])
    until("both events", lambda: len(listener.messages) == 2)
    kind, properties, body = listener.messages[1]
    event = json.loads(body)
    assert kind == "application/cloudevents+json; charset=UTF-8"
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", PUBLISHED, city.did)
    assert properties["webhook-id"] == event["id"]
    assert is_genuine(properties, body, secret)
    assert not is_genuine(properties, body + b" ", secret)
    assert PASSWORD not in body.decode()
    assert run(["webhook", "show", "bus-job"]) == DONE
    assert "broker:bus/city/test_terminal" in capsys.readouterr().out
    assert run(["webhook", "remove", "bus-job"]) == DONE


def test_page(city: Running, listener: Listener) -> None:
    with signed_in(city) as browser:
        assert "broker:" in browser.get("/webhooks").text
        for address in ("broker:nobody/x", "broker:bus", "broker:bus/a/#", "broker:10.0.0.1/x", "broker:bus/$SYS/x"):
            answer = post(browser, "/webhooks", "/webhooks", name="odd", address=address)
            assert answer.status_code == 400, address
        form = post(browser, "/webhooks", "/webhooks", name="paged", address="broker:bus/city/test_page")
        assert form.status_code in (200, 303)
        assert "the broker has the event" in post(browser, "/webhooks/paged", "/webhooks/paged/test").text
        assert "broker:bus/city/test_page" in browser.get("/webhooks").text
        assert post(browser, "/webhooks/paged", "/webhooks/paged/remove").status_code == 303
    until("the event", lambda: listener.types() == ["hansa.webhook.test"])


def test_faults(city: Running, broker: Mosquitto, listener: Listener) -> None:
    """What a broker refuses waits, and comes in its order when it is allowed; a pause is a pause."""
    with city.client() as client:
        client.webhooks.add("waits", "broker:bus/city/test_faults", kinds=[PUBLISHED], sign=False)
        sign_in(client, broker, READER, READER_PASSWORD)
        trial = client.webhooks.test("waits")
        assert (trial["passed"], trial["answer"]) == (False, "the broker refuses messages for this topic")
        sign_in(client, broker, USER, "not-this-one")
        publish(city, "first")
        until("an attempt", lambda: any(each["attempts"] for each in client.webhooks.deliveries("waits")))
        assert "refuses the credentials" in client.webhooks.deliveries("waits")[0]["answer"]
        client.data_sources.remove("bus")
        trial = client.webhooks.test("waits")
        assert "there is no data source bus" in trial["answer"]
        sign_in(client, broker, USER, PASSWORD)
        client.webhooks.pause("waits")
        publish(city, "second")
        client.webhooks.resume("waits")
        until("both", lambda: states(client, "waits") == ["delivered", "delivered"], 60)
        titles = [json.loads(body)["data"]["title"]["en"] for _, _, body in listener.messages]
        assert titles == ["First", "Second"]
        assert "webhook-signature" not in listener.messages[0][1]
        client.webhooks.remove("waits")


def test_an_earlier_version_of_mqtt_has_the_event_without_properties(city: Running, broker: Mosquitto) -> None:
    listener = Listener(broker, "city/earlier")
    with city.client() as client:
        sign_in(client, broker, USER, PASSWORD, version="3.1.1")
        client.webhooks.add("earlier", "broker:bus/city/earlier")
        assert client.webhooks.test("earlier")["passed"]
        client.webhooks.remove("earlier")
        sign_in(client, broker, USER, PASSWORD)
    until("the event", lambda: listener.types() == ["hansa.webhook.test"])
    assert listener.messages[0][:2] == ("", {})
    listener.close()


@pytest.mark.parametrize(
    ("address", "word"),
    [("broker:", "no broker"), ("broker:bus/", "no broker"), ("broker:streams/x", "takes no events"),
     ("broker:bus/a/+", "no topic"), ("broker:../x", "no data source"), ("broker://bus/x", "no broker")],
)  # fmt: skip
def test_an_address_that_names_no_topic_is_refused_in_words(city: Running, address: str, word: str) -> None:
    with city.client() as client, pytest.raises(Refusal) as caught:
        client.webhooks.add("odd", address)
    assert caught.value.http_status == 400
    assert word in str(caught.value)


def test_the_terminal_says_what_is_wrong(city: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["webhook", "add", "odd", "broker:nobody/x", "--node", str(city.folder)]) != DONE
    assert "hansa source add nobody kafka ADDRESS" in capsys.readouterr().err
