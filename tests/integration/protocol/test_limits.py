"""Bargaining between two cities: what is given within limits, countered beyond them, and left to a person."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from node.base.errors import HansaError
from node.cli.exits import USAGE, WAITING
from node.negotiation import machine, messages
from node.negotiation.limits import PATIENCE
from node.policy.odrl import SEALED, parse
from node.policy.rules import Constraint
from node.policy.terms import DATE_TIME
from tests.nodes import CSV, Company, Running, publish, receive, until
from tests.terminal import typed

OFFERED, MOST = "2026-12-31", "2027-12-31"


def members(day: str) -> dict[str, str]:
    return {"template": "members", "until": day}


def last_day(policy: dict[str, Any]) -> str:
    """The last day of use that ``policy`` gives."""
    (rule,) = parse(policy).permissions
    atoms = [one for one in rule.constraints if isinstance(one, Constraint)]
    return next(str(one.right_operand[0].text)[:10] for one in atoms if one.left_operand == DATE_TIME)


def until_day(offer: dict[str, Any], day: str) -> dict[str, Any]:
    """``offer`` with another last day of use."""
    wish = deepcopy(offer)
    for constraint in wish["permission"][0]["constraint"]:
        if constraint["leftOperand"].endswith("dateTime"):
            constraint["rightOperand"]["@value"] = f"{day}T00:00:00Z"
    return wish


def offered(provider: Running, *, limits: Any = None) -> str:
    iri = str(publish(provider, f"counts-{uuid4().hex[:12]}", conditions=members(OFFERED))["iri"])
    if limits is not None:
        with provider.client() as client:
            client.set_limits(iri, limits)
    return iri


def asked(consumer: Running, iri: str, ask: Any, least: Any = None) -> str:
    with consumer.client() as client:
        return str(client.negotiate(iri, ask=ask, least=least)["pid"])


def settled(consumer: Running, pid: str) -> dict[str, Any]:
    """The negotiation, once it has ended or waits for a person."""

    def look() -> dict[str, Any] | None:
        state = client.negotiation(pid, wait=2)
        return state if state["state"] in ("FINALIZED", "TERMINATED") or state["waitsFor"] else None

    with consumer.client() as client:
        return until("the negotiation comes to rest", look)


def agreed(node: Running, ended: dict[str, Any]) -> dict[str, Any]:
    """What ``node`` holds as the agreement that the negotiation ended in."""
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        found = stores.negotiation.agreements.get(tx, ended["agreementId"])
    assert found is not None
    return found.body


def insist(node: Running, pid: str) -> None:
    """Counter with what was asked for first, whatever the strategy would do."""
    parts, protocol = node.node.parts, node.node.protocol
    with parts.stores.uow.begin() as tx:
        ours = parts.stores.negotiation.negotiations.get(tx, pid, lock=True)
        assert ours is not None
        assert ours.asked is not None
        body = messages.request(ours, ours.asked, None)
        protocol.negotiation.negotiations._conversation.command(tx, ours, machine.REQUEST, body, offer=ours.asked)


def messages_of(node: Running, pid: str) -> list[str]:
    return [one.message for one in node.exchanges(pid)]


def _has_said(node: Running, pid: str, messages_: int) -> bool:
    return len(messages_of(node, pid)) >= messages_


def test_what_lies_within_the_limits_is_agreed_to_at_once(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    iri = offered(gent, limits=members(MOST))
    ended = settled(plzen, asked(plzen, iri, members("2027-06-30")))
    assert ended["state"] == "FINALIZED", ended
    for city in (gent, plzen):
        assert last_day(agreed(city, ended)) == "2027-06-30"
    pid = receive(plzen, ended["agreementId"])["pid"]
    with plzen.client() as client:
        assert client.raw(f"/api/transfers/{pid}/content") == CSV


@pytest.mark.parametrize("sealed", [False, True])
def test_delivery_is_sealed_where_the_agreement_says_so(region_and_cities: Company, sealed: bool) -> None:
    """A wish for sealed delivery is stricter than limits that leave it open, so it is granted, and then it binds."""
    gent, plzen = region_and_cities.cities
    iri = offered(gent, limits=members(MOST))
    with plzen.client() as client:
        offer = client.conditions(iri)["offer"]
    wish = {**until_day(offer, "2027-06-30"), **({SEALED: True} if sealed else {})}
    ended = settled(plzen, asked(plzen, iri, wish))
    assert ended["state"] == "FINALIZED", ended
    body = agreed(gent, ended)
    assert (parse(body).sealed, body[messages.TERMS]["sealed"]) == (sealed, sealed)
    transfer = receive(plzen, ended["agreementId"])
    assert (transfer["state"], transfer["reception"]["sealed"]) == ("COMPLETED", sealed)
    with plzen.client() as client:
        assert client.raw(f"/api/transfers/{transfer['pid']}/content") == CSV


def test_more_is_countered_and_taken_where_it_is_enough(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent, limits=members(MOST)), members("2029-12-31"), members("2027-09-30"))
    ended = settled(plzen, pid)
    assert ended["state"] == "FINALIZED", ended
    assert last_day(ended["offer"]) == MOST
    assert messages_of(plzen, pid)[:3] == [
        "ContractRequestMessage",
        "ContractOfferMessage",
        "ContractNegotiationEventMessage:ACCEPTED",
    ]


def test_what_is_needed_is_said_once_and_then_a_person_decides(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent, limits=members(MOST)), members("2029-12-31"), members("2028-06-30"))
    waiting = settled(plzen, pid)
    assert waiting["state"] == "OFFERED", waiting
    assert messages_of(plzen, pid) == ["ContractRequestMessage", "ContractOfferMessage"] * 2
    with plzen.client() as client:
        client.decide(waiting["waitsFor"]["id"], approve=True)
    ended = until("it is accepted", lambda: one if (one := settled(plzen, pid))["state"] == "FINALIZED" else None)
    assert last_day(ended["offer"]) == MOST


def test_a_person_may_ask_for_less_after_all(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent, limits=members(MOST)), members("2029-12-31"), members("2028-06-30"))
    waiting = settled(plzen, pid)
    assert waiting["state"] == "OFFERED", waiting
    with plzen.client() as client:
        with pytest.raises(HansaError, match="no conditions called"):
            client.counter_offer(pid, "friends")
        client.counter_offer(pid, members("2027-03-31"))
    ended = until("it is agreed", lambda: one if (one := settled(plzen, pid))["state"] == "FINALIZED" else None)
    assert last_day(agreed(gent, ended)) == "2027-03-31"
    with plzen.client() as client:
        assert client.decisions() == []
        with pytest.raises(HansaError, match="FINALIZED"):
            client.counter_offer(pid, members("2027-03-31"))


def answered(consumer: Running, pid: str, conditions: Any) -> dict[str, Any]:
    """The negotiation once a person's counter-offer has been answered."""
    then = len(messages_of(consumer, pid)) + 2
    with consumer.client() as client:
        client.counter_offer(pid, conditions)
    until("an answer", partial(_has_said, consumer, pid, then))
    return settled(consumer, pid)


def test_what_a_person_asks_for_instead_is_what_is_needed_from_then_on(region_and_cities: Company) -> None:
    """More than before: an answer that would have been enough then is not taken without asking."""
    gent, plzen = region_and_cities.cities
    iri = offered(gent)
    pid = asked(plzen, iri, members("2027-06-30"))
    assert settled(plzen, pid)["state"] == "OFFERED"
    with gent.client() as client:
        client.set_limits(iri, members(MOST))
    waiting = answered(plzen, pid, members("2028-12-31"))
    assert waiting["state"] == "OFFERED", waiting
    assert last_day(waiting["offer"]) == MOST


def test_less_than_before_is_enough_when_a_person_has_said_so(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent), members("2028-06-30"))
    assert settled(plzen, pid)["state"] == "OFFERED"
    with plzen.client() as client:
        client.counter_offer(pid, members("2026-12-30"))
    ended = until("it is agreed", lambda: one if (one := settled(plzen, pid))["state"] == "FINALIZED" else None)
    assert last_day(ended["offer"]) == OFFERED


def test_a_provider_counters_by_its_limits_and_not_here(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent), members(OFFERED))
    ended = settled(plzen, pid)
    with gent.client() as client, pytest.raises(HansaError, match="is the consumer"):
        client.counter_offer(ended["peerPid"], "open")


def test_without_limits_the_offer_stands_and_a_person_decides(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    waiting = settled(plzen, asked(plzen, offered(gent), members("2027-06-30"), members("2027-06-30")))
    assert waiting["state"] == "OFFERED"
    assert last_day(waiting["offer"]) == OFFERED


def test_whoever_insists_is_told_why_not(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    pid = asked(plzen, offered(gent, limits=members(MOST)), "open", "open")
    waiting = settled(plzen, pid)
    for _ in range(PATIENCE):
        if waiting["state"] != "OFFERED":
            break
        then = len(messages_of(plzen, pid)) + 2
        insist(plzen, pid)
        until("an answer", partial(_has_said, plzen, pid, then))
        waiting = settled(plzen, pid)
    assert (waiting["state"], waiting["code"]) == ("TERMINATED", "beyond-limits")
    sentences = " ".join(reason["text"]["en"] for reason in waiting["reason"])
    assert "31 December 2027" in sentences
    assert "member" in sentences


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (members(OFFERED), "terms of the offer, which"),
        (members("2026-06-30"), "more open than these limits"),
        ({"template": "members", "till": "2027-01-01"}, "till"),
        ("internal", "do not offer"),
        ("friends", "no conditions called"),
    ],
)
def test_limits_that_make_no_sense_are_refused(region_and_cities: Company, limits: Any, why: str) -> None:
    gent = region_and_cities.cities[0]
    iri = offered(gent)
    with gent.client() as client, pytest.raises(HansaError, match=why):
        client.set_limits(iri, limits)
    with gent.client() as client:
        assert client.limits(iri) == {"dataset": iri, "terms": None}


def test_limits_are_shown_to_our_own_people_and_can_be_taken_back(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    iri = offered(gent, limits=members(MOST))
    with gent.client() as client:
        assert "31 December 2027" in " ".join(client.limits(iri)["sentences"]["en"])
        client.clear_limits(iri)
    assert settled(plzen, asked(plzen, iri, members("2027-06-30")))["state"] == "OFFERED"
    with gent.http() as http:
        assert http.get("/api/limits", params={"dataset": iri}).status_code == 401
        catalogue = http.get(iri.replace(gent.url, ""), headers={"Accept": "text/turtle"}).text
    assert MOST not in catalogue


def test_what_the_consumer_writes_beside_the_terms_is_not_signed(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    iri = offered(gent, limits=members(MOST))
    with plzen.client() as client:
        offer = client.conditions(iri)["offer"]
    wish = {**until_day(offer, "2027-06-30"), "x:remark": "and the house"}
    ended = settled(plzen, asked(plzen, iri, wish))
    assert ended["state"] == "FINALIZED", ended
    assert last_day(agreed(gent, ended)) == "2027-06-30"
    assert "x:remark" not in agreed(gent, ended)


def warnings_of(published: dict[str, Any]) -> str:
    """What publishing has warned of."""
    return " ".join(one["message"] for one in published["warnings"])


def test_limits_hold_beside_the_offer_that_they_were_set_for(
    region_and_cities: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who publishes other conditions means what stands there: no limits of before go further."""
    gent, plzen = region_and_cities.cities
    name = f"counts-{uuid4().hex[:12]}"
    iri = str(publish(gent, name, conditions=members(OFFERED))["iri"])
    with gent.client() as client:
        assert client.set_limits(iri, members(MOST))["inForce"] is True
        assert "limits" not in warnings_of(publish(gent, name, conditions=members(OFFERED)))
        assert client.limits(iri)["inForce"] is True
    assert "limits" in warnings_of(publish(gent, name, conditions=members("2026-11-30")))
    with gent.client() as client:
        assert client.limits(iri)["inForce"] is False
    assert "set for other conditions" in " ".join(typed(gent, capsys, "limits", iri)[1].split())
    waiting = settled(plzen, asked(plzen, iri, members("2026-12-15")))
    assert (waiting["state"], last_day(waiting["offer"])) == ("OFFERED", "2026-11-30"), waiting
    with gent.client() as client:
        assert client.set_limits(iri, members(MOST))["inForce"] is True
    ended = settled(plzen, asked(plzen, iri, members("2026-12-15")))
    assert ended["state"] == "FINALIZED", ended
    # The offer of before is back, and with it the limits are those that were set last, beside another one.
    publish(gent, name, conditions=members(OFFERED))
    with gent.client() as client:
        assert client.limits(iri)["inForce"] is False


def test_bargaining_from_the_terminal(
    region_and_cities: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gent, plzen = region_and_cities.cities
    iri, target = offered(gent), str(tmp_path / "counts.csv")
    status, output = typed(gent, capsys, "limits", iri)
    assert (status, "only the terms of its offer" in " ".join(output.split())) == (0, True), output
    status, output = typed(gent, capsys, "limits", f"{iri}-not")
    assert (status, "no offer for this asset" in " ".join(output.split())) == (1, True), output
    most = tmp_path / "most.yaml"
    most.write_text(f"conditions:\n  template: members\n  until: {MOST}\n", "utf-8")
    status, output = typed(gent, capsys, "limits", iri, "--give", str(most))
    assert (status, "31 December 2027" in output) == (0, True), output
    status, output = typed(plzen, capsys, "get", iri, "--ask", "{template: members, until: 2029-12-31}", "-o", target)
    assert status == WAITING, output
    assert "differs from what was requested" in output
    assert "31 December 2027" in " ".join(output.split())
    with plzen.client() as client:
        (pid,) = [one["pid"] for one in client.negotiations() if one["dataset"] == iri]
    less = "{template: members, until: 2027-05-31}"
    status, output = typed(plzen, capsys, "get", iri, "--ask", less, "-o", target)
    assert (status, f"hansa negotiation counter {pid}" in " ".join(output.split())) == (1, True), output
    status, output = typed(plzen, capsys, "negotiation", "counter", pid, "--ask", less)
    assert status == 0, output
    ended = until("it is agreed", lambda: one if (one := settled(plzen, pid))["state"] == "FINALIZED" else None)
    assert f"hansa get {iri} --agreement {ended['agreementId']}" in " ".join(output.split())
    status, output = typed(plzen, capsys, "get", iri, "--ask", less, "-o", target)
    assert status == 0, output
    assert Path(target).read_bytes() == CSV
    assert [one["id"] for one in agreements_about(plzen, iri)] == [ended["agreementId"]]
    assert typed(gent, capsys, "limits", iri, "--clear")[0] == 0


def agreements_about(node: Running, iri: str) -> list[dict[str, Any]]:
    with node.client() as client:
        return [one for one in client.agreements() if one["dataset"] == iri]


def test_what_was_bargained_for_is_fetched_from_the_terminal(
    region_and_cities: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Neither asking again nor going on makes a second agreement, and the one that was made is named."""
    gent, plzen = region_and_cities.cities
    iri, target = offered(gent, limits=members(MOST)), str(tmp_path / "counts.csv")
    more = "{template: members, until: 2029-12-31}"
    for _ in range(2):  # The second time, what runs already is found.
        status, output = typed(plzen, capsys, "get", iri, "--ask", more, "-o", target)
        assert (status, "differs from what was requested" in output) == (WAITING, True), output
    with plzen.client() as client:
        [pid] = [one["pid"] for one in client.negotiations(state="OFFERED") if one["dataset"] == iri]
        [decision] = [one["id"] for one in client.decisions() if one["subject"] == pid]
    status, output = typed(plzen, capsys, "decide", decision, "--approve")
    until("it is agreed", lambda: settled(plzen, pid)["state"] == "FINALIZED")
    [agreement] = agreements_about(plzen, iri)
    step = f"hansa get {iri} --agreement {agreement['id']}"
    assert (status, step in " ".join(output.split())) == (0, True), output
    status, output = typed(plzen, capsys, "get", iri, "--agreement", agreement["id"], "-o", target)
    assert (status, Path(target).read_bytes()) == (0, CSV), output
    status, output = typed(plzen, capsys, "get", iri, "--ask", more, "-o", target)
    assert (status, "in force already" in output) == (0, True), output
    status, output = typed(plzen, capsys, "get", iri, "--agree-only", "--yes")
    assert (status, step in " ".join(output.split())) == (0, True), output
    assert len(agreements_about(plzen, iri)) == 2  # One more, because the offer was asked for: in its own terms.
    other = offered(gent)
    status, output = typed(plzen, capsys, "get", other, "--agreement", agreement["id"])
    assert (status, "does not give" in output) == (1, True), output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--push-header", "A: b"], "--push-header needs --push-to"),
        (["--put"], "--put needs --push-to"),
        (["--push-to", "https://x.example/", "-o", "here"], "--output cannot be combined with --push-to"),
        (["--push-to", "https://x.example/", "--keep-sealed"], "--keep-sealed cannot be combined with"),
        (["--agreement", "urn:x", "--ask", "members"], "--ask cannot be combined with --agreement"),
        (["--agree-only", "-o", "here"], "--output cannot be combined with --agree-only"),
    ],
)
def test_words_that_make_no_sense_together(
    region_and_cities: Company, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    status, said = typed(region_and_cities.cities[0], capsys, "get", "https://x.example/datasets/x", *words)
    assert status == USAGE
    assert reason in " ".join(said.replace("│", " ").split())
