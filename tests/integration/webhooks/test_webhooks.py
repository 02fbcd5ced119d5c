"""Events of a node reach a program of the city, through terminal and API, in order and without anything secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import HansaClient, Refusal
from tests.integration.datasources.servers import standing
from tests.nodes import Running, agree, publish, receive, running
from tests.portal_browser import post, signed_in
from tests.simulator.webhook_receiver import WebhookReceiver
from tests.waits import until

PUBLISHED = "hansa.asset.published"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("webhooks")
    with (
        running(home / "ghent", template=sqlite_template) as ghent,
        running(home / "bruges", template=sqlite_template) as bruges,
    ):
        yield ghent, bruges


@pytest.fixture
def receiver() -> Iterator[tuple[WebhookReceiver, str]]:
    program = WebhookReceiver()
    with standing(program.app()) as url:
        yield program, f"{url}/events"


def register(client: HansaClient, program: WebhookReceiver, name: str, url: str, *kinds: str) -> None:
    program.secret = str(client.webhooks.add(name, url, kinds=kinds)["secret"])


def states(client: HansaClient, name: str) -> list[str]:
    return [delivery["state"] for delivery in client.webhooks.deliveries(name)]


def is_settled(client: HansaClient, name: str, count: int) -> bool:
    """Whether so many events were delivered, and none waits."""
    return states(client, name) == ["delivered"] * count


def test_a_terminal_registers_tests_and_follows_a_webhook(
    nodes: tuple[Running, Running],
    receiver: tuple[WebhookReceiver, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ghent, (program, url) = nodes[0], receiver
    monkeypatch.setenv("HANSA_NODE", str(ghent.folder))

    def command(*words: str) -> tuple[int, str]:
        status = run(["webhook", *words])
        output = capsys.readouterr()
        return status, output.out + output.err

    assert run(["--json", "webhook", "add", "airflow", url, "--kind", PUBLISHED]) == DONE
    registration = json.loads(capsys.readouterr().out)
    program.secret = registration["secret"]
    assert command("test", "airflow") == (DONE, "✓ delivered (204)\n")
    assert program.events[0]["type"] == "hansa.webhook.test"
    publish(ghent, "told")
    with ghent.client() as client:
        until("the event arrives", lambda: is_settled(client, "airflow", 1))
    event = program.events[1]
    assert event["data"]["title"] == {"en": "Told"}
    assert set(event) == {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "data",
    }
    assert (event["specversion"], event["source"], event["type"]) == ("1.0", ghent.did, PUBLISHED)
    assert program.headers[1]["content-type"].startswith("application/cloudevents+json")
    assert program.headers[1]["webhook-id"] == event["id"]
    status, text = command("show", "airflow")
    assert status == DONE
    assert "delivered (204), 1 attempt" in text
    assert registration["secret"] not in text
    program.fault = 500
    status, text = command("test", "airflow")
    assert (status, "the receiver failed (500)" in text) == (REFUSED, True)
    assert "airflow is paused" in command("pause", "airflow")[1]
    status, text = command("list")
    assert (status, "paused" in text) == (REFUSED, True)
    assert "airflow goes on" in command("resume", "airflow")[1]
    assert command("list")[0] == DONE
    assert PUBLISHED in command("kinds")[1]
    assert "there are no dead letters" in command("retry", "airflow")[1]
    assert "no longer a webhook" in command("remove", "airflow")[1]
    assert "no webhooks" in command("list")[1]


def test_sixty_four_events_at_once_arrive_once_each_and_in_order(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    ghent, (program, url) = nodes[0], receiver
    with ghent.client() as client:
        register(client, program, "crowd", url, PUBLISHED)
        for number in range(64):
            publish(ghent, f"crowd-{number}", data=None)
        until("all arrive", lambda: states(client, "crowd").count("delivered") == 50)
        until("the last arrives", lambda: len(program.events) == 64)
        client.webhooks.remove("crowd")
    assert [event["subject"].rpartition("/")[2] for event in program.events] == [f"crowd-{n}" for n in range(64)]
    assert len(set(program.ids())) == 64


def test_agreements_and_transfers_are_told_on_both_sides_and_nothing_secret(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    (ghent, bruges), (program, url) = nodes, receiver
    with ghent.client() as provider, bruges.client() as consumer:
        provider.webhooks.add("both", url, sign=False)
        consumer.webhooks.add("both", url, sign=False)
        iri = publish(ghent, "shared")["iri"]
        agreement = str(agree(bruges, iri)["agreementId"])
        receive(bruges, agreement)
        consumer.webhooks.test("both")
        kinds = {
            (ghent.did, PUBLISHED),
            (ghent.did, "hansa.negotiation.requested"),
            (ghent.did, "hansa.agreement.concluded"),
            (ghent.did, "hansa.transfer.completed"),
            (bruges.did, "hansa.agreement.concluded"),
            (bruges.did, "hansa.transfer.started"),
            (bruges.did, "hansa.transfer.completed"),
            (bruges.did, "hansa.data.received"),
        }
        until("all are told", lambda: kinds <= {(event["source"], event["type"]) for event in program.events})
        provider.webhooks.remove("both")
        consumer.webhooks.remove("both")
    arrival = next(event for event in program.events if event["type"] == "hansa.data.received")
    assert arrival["subject"] == agreement
    assert (arrival["data"]["asset"], arrival["data"]["verified"]) == (iri, True)
    told = json.dumps(program.events)
    for secret in ("authorization", "eyJ", "signature", "endpointProperties", "permission", "publisherName"):
        assert secret not in told
    assert all("webhook-signature" not in headers for headers in program.headers)


def test_a_receiver_that_is_gone_pauses_its_webhook_and_nothing_is_lost(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    ghent, (program, url) = nodes[0], receiver
    program.fault = 410

    def view(client: HansaClient) -> dict[str, Any]:
        return dict(client.webhooks.webhook("leaving"))

    with ghent.client() as client:
        register(client, program, "leaving", url, PUBLISHED)
        first = publish(ghent, "leaving-1")["iri"]
        until("it is paused", lambda: view(client)["state"] == "paused")
        assert view(client)["reason"] == "the receiver says that it is gone for good (410)"
        assert view(client)["waiting"] == 1
        second = publish(ghent, "leaving-2")["iri"]
        program.fault = 0
        client.webhooks.resume("leaving")
        until("both arrive", lambda: is_settled(client, "leaving", 2))
        client.webhooks.remove("leaving")
    assert [event["subject"] for event in program.events] == [first, second]
    assert program.attempts[0]["id"] == program.events[0]["id"], "the id is the same each time"


def test_a_busy_receiver_keeps_the_order_and_a_refused_event_lets_the_next_pass(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    ghent, (program, url) = nodes[0], receiver
    with ghent.client() as client:
        register(client, program, "moody", url)
        program.faults = [503, 302]
        program.refused_kinds = ("hansa.asset.withdrawn",)
        iri = publish(ghent, "moody")["iri"]
        client.withdraw(iri)
        last = publish(ghent, "moody-2")["iri"]
        until("the next passes", lambda: last in [event["subject"] for event in program.events])
        assert [event["type"] for event in program.events] == [PUBLISHED, PUBLISHED]
        refusal = client.webhooks.deliveries("moody")[1]
        assert (refusal["state"], refusal["answer"]) == ("waiting", "the receiver refuses the event (422)")
        program.refused_kinds = ()
        until("the refused one arrives", lambda: is_settled(client, "moody", 3))
        client.webhooks.remove("moody")
    assert program.events[-1]["type"] == "hansa.asset.withdrawn"
    assert len({attempt["id"] for attempt in program.attempts}) == 3


def test_a_removed_webhook_is_forgotten_whatever_waits_for_it(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    ghent, (program, url) = nodes[0], receiver
    program.fault = 500
    with ghent.client() as client:
        register(client, program, "removed", url)
        publish(ghent, "removed-1")
        until("an attempt is made", lambda: program.attempts)
        client.webhooks.remove("removed")
        program.fault = 0
        register(client, program, "removed", url)
        iri = publish(ghent, "removed-2")["iri"]
        until("the new one is told", lambda: is_settled(client, "removed", 1))
        client.webhooks.remove("removed")
    assert [event["subject"] for event in program.events] == [iri]


def test_refusals_name_a_remedy(nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]) -> None:
    _, url = receiver
    with nodes[0].client() as client:
        client.webhooks.add("taken", url)
        for name, address, kinds, words in (
            ("taken", url, (), "already"),
            ("Not a name", url, (), "is named by"),
            ("private", "https://10.0.0.1/events", (), "private"),
            ("plain", "http://city.example/events", (), "https"),
            ("odd", url, ("hansa.nothing",), "no events of the kind"),
        ):
            with pytest.raises(Refusal, match=words) as refusal:
                client.webhooks.add(name, address, kinds=kinds)
            assert refusal.value.remedy
        with pytest.raises(Refusal, match="no webhook"):
            client.webhooks.test("unknown")
        with pytest.raises(Refusal, match="no such dead letter"):
            client.webhooks.retry("taken", delivery="unknown")
        client.webhooks.remove("taken")


def test_pages_register_test_pause_and_remove(
    nodes: tuple[Running, Running], receiver: tuple[WebhookReceiver, str]
) -> None:
    ghent, (program, url) = nodes[0], receiver
    with signed_in(ghent) as browser:
        assert post(browser, "/webhooks", "/webhooks", name="Not a name", address=url).status_code == 400
        page = post(
            browser, "/webhooks", "/webhooks", name="paged", address=url, sign="yes", **{PUBLISHED: "yes"}
        ).text
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
        assert secret is not None
        program.secret = secret[0]
        assert secret[0] not in browser.get("/webhooks/paged").text
        assert "delivered (204)" in post(browser, "/webhooks/paged", "/webhooks/paged/test").text
        publish(ghent, "paged")
        until("the event is shown", lambda: "An asset was published" in browser.get("/webhooks/paged").text)
        until("it is delivered", lambda: "Delivered</" in browser.get("/webhooks/paged").text)
        assert post(browser, "/webhooks", "/webhooks/paged/pause").status_code == 303
        assert "Paused" in browser.get("/webhooks").text
        assert post(browser, "/webhooks", "/webhooks/paged/resume").status_code == 303
        assert post(browser, "/webhooks/paged", "/webhooks/paged/retry").status_code == 303
        assert post(browser, "/webhooks/paged", "/webhooks/paged/remove").status_code == 303
        assert browser.get("/webhooks/paged").status_code == 404
