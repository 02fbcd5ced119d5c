"""Live data that do not move are named in the terminal, on the pages and by the API, with reason and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.nodes import free_ports
from node.cli.exits import REFUSED
from node.identity.model import UserRole
from node.transfer.bridges.model import Bridge, BridgeProgress
from node.transfer.notifications.model import PartnerSubscription, SubscriptionProgress
from tests.integration.datasources.streams import describe
from tests.nodes import Running, running, until
from tests.portal_browser import signed_in
from tests.terminal import typed
from tests.unit.portal.page import Page, troubles

AT = datetime(2026, 11, 20, 8, 5, tzinfo=UTC)
LONG = timedelta(days=300)


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "gent", template=sqlite_template) as started:
        yield started


def break_things(node: Running) -> None:
    """A broker that is away, a bridge that has ended, and a subscriber that answers nothing."""
    describe(node, "noise")
    with node.client() as client:
        client.data_sources.add("sensors", "mqtt", f"mqtt://127.0.0.1:{free_ports(1)[0]}")
        client.streams.connect("noise", "sensors", "city/noise")
    stores = node.node.parts.stores
    bridge = Bridge(
        id="b1",
        agreement="urn:uuid:00000000-0000-7000-8000-000000000001",
        file="",
        source="bus",
        topic="city/counters",
        key="",
        start=None,
        by="admin",
        at=AT,
    )
    over = BridgeProgress(ended=AT, code="not-allowed", error="the agreement has ended", error_at=AT)
    document = {"notification": {"endpoint": {"uri": "https://b.example/secret"}}, "id": "urn:x:1"}
    subscription = PartnerSubscription(
        key="k1",
        id="urn:x:1",
        transfer="urn:uuid:1",
        agreement="urn:uuid:00000000-0000-7000-8000-000000000002",
        partner="did:web:partner.example",
        document=document,
        at=AT,
    )
    hindered = SubscriptionProgress(error="the receiver failed (500)", code="peer-unreachable", failing_since=AT)
    now = node.node.parts.clock.now()
    with stores.uow.begin() as tx:
        stores.transfer.bridges.put(tx, bridge, over)
        stores.transfer.subscriptions.put(tx, subscription, replace(hindered, failures=3))
        # Another process works for it.
        stores.transfer.subscriptions.claim(tx, owner="other", now=now, until=now + LONG)


def failing(node: Running, role: UserRole | None = None) -> list[dict[str, Any]]:
    headers = node.person()
    if role is not None:
        token = node.node.people.users.accounts.issue_token(str(role), "agenda", timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
    with node.http(headers=headers) as client:
        return list(client.get("/api/agenda").json()["failing"]["items"])


def test_what_does_not_move_is_named_with_reason_and_time(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    with signed_in(node) as browser:
        page = Page(browser.get("/operate").text)
        assert "Live data are moving" in page.text
    break_things(node)
    items = until("the broker is missed", lambda: failing(node) if len(failing(node)) == 3 else None)
    assert [(item["code"], item["name"]) for item in items] == [
        ("broker", "noise"),
        ("bridge-ended", "broker:bus/city/counters"),
        ("subscriber", "did:web:partner.example"),
    ]
    assert items[1]["error"] == "the agreement has ended"
    assert {item["since"] for item in items[1:]} == {"2026-11-20 08:05 UTC"}
    assert items[2]["source"] == "https://b.example"
    first = items[0]["since"]
    with signed_in(node) as browser:
        start = Page(browser.get("/").text)
        assert troubles(start) == []
        assert "This stream of a partner ended at 2026-11-20 08:05 UTC: the agreement has ended." in start.text
        health = Page(browser.get("/operate").text)
        assert troubles(health) == []
        assert "3 connections for live data do not work" in health.text
        assert "did:web:partner.example, since 2026-11-20 08:05 UTC: the receiver failed (500)" in health.text
        assert "secret" not in start.text + health.text
    status, text = typed(node, capsys, "status")
    assert status == REFUSED
    assert "the stream noise has no connection to the broker sensors since" in text
    assert "the bridge to broker:bus/city/counters ended at 2026-11-20 08:05 UTC: the agreement has ended" in text
    assert "hansa stream subscribers" in text
    accounts = node.node.people.users.accounts
    for role, count in ((UserRole.STEWARD, 3), (UserRole.OPERATOR, 0), (UserRole.PUBLISHER, 0)):
        accounts.add_locally(str(role), str(role), [role], "a long password of one role")
        assert len(failing(node, role)) == count
    # It is the time when it began, not that of the last attempt.
    assert failing(node)[0]["since"] == first
