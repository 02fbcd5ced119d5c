"""The pages of webhooks: what they show in each state, and what their forms do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from node.identity.model import UserRole
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.portal.webhooks import SECRET
from tests.unit.portal.page import Page


def send(client: TestClient, form: str, path: str, **fields: str) -> Any:
    token = Page(client.get(form).text).all("input", name="csrf")[0]["value"]
    return client.post(path, data={"csrf": token, **fields}, follow_redirects=False)


def test_the_list_says_why_a_webhook_is_paused(els: TestClient) -> None:
    text = els.get("/webhooks").text
    assert "nothing could be delivered for three days" in text
    assert "Waiting: 200" in text
    assert SECRET not in text


def test_a_webhook_shows_what_became_of_its_events(els: TestClient) -> None:
    text = els.get("/webhooks/airflow").text
    for words in ("the receiver refuses the event (422)", "Send again", "An asset was withdrawn", "Attempts: 2"):
        assert words in text
    assert "Send again" not in els.get("/webhooks/night-job").text, "it is paused"
    assert els.get("/webhooks/unknown").status_code == 404


def test_forms_do_what_they_say(els: TestClient, node: FakeNode) -> None:
    fields = {"name": "airflow", "address": "https://x.example/", "hansa.run.failed": "yes"}
    assert SECRET in send(els, "/webhooks", "/webhooks", sign="yes", **fields).text
    assert "nothing at this address (404)" in send(els, "/webhooks", "/webhooks/airflow/test").text
    assert els.get("/webhooks/airflow/test?lang=nl").status_code == 200, "the links of that page lead somewhere"
    send(els, "/webhooks", "/webhooks/airflow/pause")
    send(els, "/webhooks", "/webhooks/airflow/resume")
    send(els, "/webhooks/airflow", "/webhooks/airflow/retry", delivery="d")
    removal = send(els, "/webhooks/airflow", "/webhooks/airflow/remove")
    assert 'role="status"' in els.get(removal.headers["location"]).text
    add, *rest = node.webhooks.acts
    assert add == ("add", "airflow", "https://x.example/", ("hansa.run.failed",), True)
    assert rest == [("pause", "airflow"), ("resume", "airflow"), ("retry", "airflow", "d"), ("remove", "airflow")]


@pytest.mark.parametrize(("role", "is_shown"), [(UserRole.STEWARD, True), (UserRole.OPERATOR, False)])
def test_only_stewards_see_them(els: TestClient, node: FakeNode, role: UserRole, is_shown: bool) -> None:
    node.sessions["els-session"] = replace(ELS, roles=frozenset({role}))
    assert (els.get("/webhooks").status_code == 200) is is_shown
    assert ('href="/webhooks"' in els.get("/about").text) is is_shown
