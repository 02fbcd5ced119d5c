"""Providers that send, or answer about, another version than was asked for: the consumer's node notices, or says that
it has only the provider's word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.client import Refusal
from node.exchange.manifest import Manifest
from node.transfer.conversions import content
from node.transfer.deliveries import SignManifest
from node.transfer.queries import answers
from node.web.live import queries
from node.web.replies import reply_about_table
from tests.integration.exchange.test_earlier_versions import FIRST, SECOND, received
from tests.nodes import Running, Start, agree, publish, running, until
from tests.portal_browser import signed_in
from tests.terminal import typed


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running, Running]]:
    """A provider, a consumer that follows it, and one that does not."""
    home = tmp_path_factory.mktemp("stated")
    with (
        start(home / "city") as city,
        running(home / "partner", template=sqlite_template) as partner,
        running(home / "stranger", template=sqlite_template) as stranger,
    ):
        with partner.client() as client:
            client.follow(city.url)
        yield city, partner, stranger


def share(nodes: tuple[Running, Running, Running], slug: str) -> str:
    city, partner, _ = nodes
    publish(city, slug, data=FIRST)
    iri = str(publish(city, slug, data=SECOND)["iri"])

    def knows() -> bool:
        with partner.http(headers=partner.person()) as http:
            answer = http.get("/api/catalogue/versions", params={"iri": iri})
        return len(answer.json().get("versions", [])) == 2

    until("both versions are here", knows)
    return iri


def send_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let providers send and ask the newest version, whichever was asked for."""
    for module in (content, answers):
        monkeypatch.setattr(module, "deliverable_version", lambda tx, records, agreement, head, number: head)


def sign_as(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Let providers sign that they send ``version``."""
    to_json = Manifest.to_json

    def claims(manifest: Manifest) -> dict[str, Any]:
        return to_json(replace(manifest, version=version))

    sign = SignManifest._sign

    def lie(self: SignManifest, grant: Any) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "to_json", claims)
            return sign(self, grant)

    monkeypatch.setattr(SignManifest, "_sign", lie)


def test_the_node_says_whether_it_has_more_than_the_providers_word(
    nodes: tuple[Running, Running, Running], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, partner, stranger = nodes
    iri = share(nodes, "told")
    for node, source, in_text, on_page in (
        (partner, "description", "its published description names this file", "names the received file"),
        (stranger, "provider", "1, says the provider", "As the provider states"),
    ):
        agreement = str(agree(node, iri)["agreementId"])
        state, body = received(node, agreement, 1)
        assert body == FIRST
        facts = state["reception"]["facts"]
        assert (facts["version"], facts["versionBy"]) == (1, source)
        target = str(tmp_path / f"{source}.csv")
        status, text = typed(node, capsys, "get", iri, "--agreement", agreement, "--version", "1", "-o", target)
        assert (status, in_text in text) == (DONE, True), text
        with signed_in(node) as browser:
            assert on_page in browser.get(f"/received/{state['pid']}").text


def test_another_version_than_requested_is_refused(
    nodes: tuple[Running, Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, stranger = nodes
    iri = share(nodes, "other")
    agreement = str(agree(stranger, iri)["agreementId"])
    send_newest(monkeypatch)
    state, _ = received(stranger, agreement, 1)
    assert state["reception"]["state"] == "failed"
    assert "sends version 2 of the asset, and version 1 was requested" in state["reception"]["error"]


def test_bytes_under_a_wrong_number_are_noticed_by_those_who_have_the_description(
    nodes: tuple[Running, Running, Running], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, partner, stranger = nodes
    iri = share(nodes, "lied")
    agreements = {node.url: str(agree(node, iri)["agreementId"]) for node in (partner, stranger)}
    send_newest(monkeypatch)
    sign_as(monkeypatch, 1)
    state, _ = received(partner, agreements[partner.url], 1)
    assert state["reception"]["state"] == "failed"
    assert "the description of that version, which it has signed, names other files" in state["reception"]["error"]
    status, text = typed(partner, capsys, "get", iri, "--agreement", agreements[partner.url], "--version", "1")
    assert (status, "names other files" in text) == (REFUSED, True), text
    # Nobody can know it without the description; it is said that the number is the provider's word.
    state, body = received(stranger, agreements[stranger.url], 1)
    assert (body, state["reception"]["facts"]["versionBy"]) == (SECOND, "provider")


def test_bytes_under_the_number_of_a_withdrawal_are_refused(
    nodes: tuple[Running, Running, Running], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    city, partner, _ = nodes
    iri = str(publish(city, "withdrawn", data=FIRST)["iri"])
    with city.client() as client:
        client.withdraw(iri)
    publish(city, "withdrawn", data=SECOND)

    def knows() -> bool:
        with partner.http(headers=partner.person()) as http:
            answer = http.get("/api/catalogue/versions", params={"iri": iri})
        return len(answer.json().get("versions", [])) == 3

    until("the versions are here", knows)
    agreement = str(agree(partner, iri)["agreementId"])
    sign_as(monkeypatch, 2)
    state, _ = received(partner, agreement)
    assert state["reception"]["state"] == "failed"
    assert "version is a withdrawal" in state["reception"]["error"]
    status, text = typed(partner, capsys, "get", iri, "--agreement", agreement)
    assert (status, "version is a withdrawal" in text) == (REFUSED, True), text
    with signed_in(partner) as browser:
        assert "version is a withdrawal" in browser.get(f"/received/{state['pid']}").text


def test_an_answer_about_another_version_is_refused(
    nodes: tuple[Running, Running, Running], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, partner, _ = nodes
    iri = share(nodes, "asked")
    agreement = str(agree(partner, iri)["agreementId"])
    sql = "SELECT count FROM data"
    with partner.client() as client:
        assert client.ask(agreement, sql, version=1)["rows"] == [[1]]
        with partner.http(headers=partner.person()) as http:
            answer = http.post(f"/api/agreements/{agreement}/query", json={"sql": sql})
        assert answer.headers["hansa-version"] == "2"
        status, text = typed(partner, capsys, "query", iri, sql, "--version", "1")
        assert (status, "the provider says that this is version 1" in text) == (DONE, True), text
        send_newest(monkeypatch)
        with pytest.raises(Refusal, match="version 1 was asked for, and the provider answered about version 2"):
            client.ask(agreement, sql, version=1)
        # A provider of an earlier release reads no number, and states none.
        reply = reply_about_table
        monkeypatch.setattr(queries, "reply_about_table", lambda answer, version: reply(answer, None))
        with pytest.raises(Refusal, match="does not say which one it answered about") as refusal:
            client.ask(agreement, sql, version=1)
        assert refusal.value.problem["status"] == 502
        assert client.ask(agreement, sql)["rows"] == [[2]]
