"""What people type about transfers and negotiations, against real nodes: words, JSON, exit statuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.exits import DONE, REFUSED
from tests.fakes.sink import Sink, sink
from tests.nodes import CSV, Pair, agree, publish, until
from tests.terminal import asked, typed


@pytest.fixture
def door() -> Iterator[Sink]:
    with sink() as told:
        yield told


@pytest.fixture(scope="module")
def agreement(pair: Pair) -> str:
    return str(agree(pair.consumer, publish(pair.provider, "typed")["iri"])["agreementId"])


def test_a_push_from_the_terminal(
    pair: Pair, agreement: str, door: Sink, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("X-Api-Key: from-a-file\n")
    words = ("transfer", "push", agreement, "--to", f"{door.url}/in/{{file}}?sig=x", "--file", "typed.csv", "--put")
    status, output = typed(pair.consumer, capsys, *words, "--header", f"@{key}")
    assert status == DONE, output
    assert "sent" in output
    assert "from-a-file" not in output
    (got,) = door.got
    assert (got.method, got.path, got.body) == ("PUT", "/in/typed.csv?sig=x", CSV)
    assert got.headers["X-Api-Key"] == "from-a-file"
    newest = asked(pair.consumer, capsys, "transfer", "list", "--state", "completed")[0]
    _, shown = typed(pair.consumer, capsys, "transfer", newest["pid"][-8:])
    assert f"pushed to {door.url}/in/typed.csv" in shown
    assert "it is complete" in shown
    assert "TransferStartMessage  received" in shown


@pytest.mark.parametrize(("kind", "state"), [("transfer", "STARTED"), ("negotiation", "OFFERED")])
def test_a_state_that_there_is_not(pair: Pair, capsys: pytest.CaptureFixture[str], kind: str, state: str) -> None:
    """It is not taken for one in which there is nothing just now."""
    status, output = typed(pair.consumer, capsys, kind, "list", "--state", "stated")
    assert status == REFUSED
    assert "'STATED'" in output
    assert state in output
    status, output = typed(
        pair.consumer, capsys, kind, "list", "--state", "suspended" if kind == "transfer" else state
    )
    assert status == DONE, output


def test_a_push_that_is_refused(pair: Pair, agreement: str, door: Sink, capsys: pytest.CaptureFixture[str]) -> None:
    door.answers = [403]
    status, output = typed(pair.consumer, capsys, "transfer", "push", agreement, "--to", door.url)
    assert status == REFUSED
    assert "sink-refused" in output
    assert "403" in output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--to", "https://x.example/{file}"], "needs the name of a file"),
        (["--to", "https://x.example/", "--file", "a", "--file", "b"], "several files"),
        (["--to", "https://x.example/", "--header", "no colon"], "NAME: VALUE"),
        (["--to", "https://x.example/", "--header", "@/nowhere"], "cannot be read"),
        (["--to", "ftp://x.example/"], "no HTTP endpoint"),
    ],
)
def test_what_cannot_be_meant(
    pair: Pair, agreement: str, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    status, said = typed(pair.consumer, capsys, "transfer", "push", agreement, *words)
    assert status == REFUSED
    assert reason in " ".join(said.split())


def test_get_may_push(pair: Pair, door: Sink, capsys: pytest.CaptureFixture[str]) -> None:
    iri = publish(pair.provider, "got-and-pushed")["iri"]
    status, output = typed(pair.consumer, capsys, "get", iri, "--yes", "--push-to", f"{door.url}/lake")
    assert status == DONE, output
    assert [one.body for one in door.got] == [CSV]
    words = ("get", iri, "--yes", "--put", "--push-to", f"{door.url}/lake/{{file}}")
    status, output = typed(pair.consumer, capsys, *words)
    assert (status, "needs the name of a file" in output) == (REFUSED, True), output
    status, output = typed(pair.consumer, capsys, *words, "--file", "got-and-pushed.csv")
    assert status == DONE, output
    assert (door.got[-1].method, door.got[-1].path) == ("PUT", "/lake/got-and-pushed.csv")


def test_pausing_going_on_and_ending_from_both_sides(
    pair: Pair, agreement: str, door: Sink, capsys: pytest.CaptureFixture[str]
) -> None:
    door.gate.clear()
    with pair.consumer.client() as client:
        pid = str(client.transfer(agreement, push_to={"url": door.url})["pid"])
        until("it started", lambda: client.transfer_state(pid)["state"] == "STARTED")
        theirs = str(client.transfer_state(pid)["peerPid"])
    status, output = typed(pair.consumer, capsys, "transfer", "suspend", pid, "--reason", "lunch")
    assert status == DONE, output
    assert "paused" in output
    _, output = typed(pair.provider, capsys, "transfer", "show", theirs)
    assert "lunch" in output
    assert "the other side has paused it" in output
    status, output = typed(pair.consumer, capsys, "transfer", "resume", pid)
    assert status == DONE, output
    status, output = typed(pair.provider, capsys, "transfer", "suspend", theirs, "--reason", "audit")
    assert status == DONE, output
    status, output = typed(pair.consumer, capsys, "transfer", "resume", pid)
    assert status == REFUSED
    assert "the provider has suspended this transfer" in output
    status, output = typed(pair.provider, capsys, "transfer", "terminate", theirs, "--reason", "no more")
    assert status == DONE, output
    _, output = typed(pair.consumer, capsys, "transfer", pid)
    assert "no more" in output
    assert "the other side ended it" in output


def test_negotiations_from_the_terminal(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    done = agree(pair.consumer, publish(pair.provider, "plain")["iri"])
    shown = asked(pair.consumer, capsys, "negotiation", "show", done["pid"])
    assert shown["status"]["waitsFor"] is None
    assert shown["status"]["text"].startswith("it is concluded")
    assert {one["fate"] for one in shown["messages"]} == {"taken"}
    _, output = typed(pair.consumer, capsys, "negotiation")
    assert done["pid"].removeprefix("urn:uuid:") in output
    status, output = typed(pair.consumer, capsys, "negotiation", "terminate", done["pid"])
    assert status == REFUSED
    status, output = typed(pair.consumer, capsys, "negotiation", "show", "zzzz")
    assert status == REFUSED
    assert "no negotiation zzzz" in output


def test_a_refusal_is_told_with_its_rule(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the conditions, with what is missing, wherever the process is shown."""
    over = {"leftOperand": "dateTime", "operator": "lteq"}
    over |= {"rightOperand": {"@value": "2020-01-01T00:00:00Z", "@type": "xsd:dateTime"}}
    conditions = {"permission": [{"action": "use", "constraint": [over]}]}
    iri = publish(pair.provider, "too-late", conditions=conditions)["iri"]
    assert typed(pair.consumer, capsys, "get", iri, "--yes")[0] == REFUSED
    [newest] = asked(pair.consumer, capsys, "negotiation", "list", "--state", "terminated")[:1]
    assert newest["dataset"] == iri
    _, output = typed(pair.consumer, capsys, "negotiation", newest["pid"])
    assert "policy-refused" in output
    assert "1 January 2020" in output
    assert "missing" in output


def test_an_agreement_says_what_was_received_under_it(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """At the recipient's side too: in the terminal, in the API and on the page."""
    iri = publish(pair.provider, "received-under")["iri"]
    agreement = str(agree(pair.consumer, iri)["agreementId"])
    _, shown = typed(pair.consumer, capsys, "agreement", agreement)
    assert "transfer" not in shown
    saved = str(tmp_path / "received.csv")
    status, said = typed(pair.consumer, capsys, "get", iri, "--agreement", agreement, "--yes", "-o", saved)
    assert status == DONE, said
    (transfer,) = asked(pair.consumer, capsys, "agreement", agreement)["transfers"]
    assert (transfer["state"], transfer["reception"]["received"]) == ("COMPLETED", len(CSV))
    _, shown = typed(pair.consumer, capsys, "agreement", agreement)
    assert f"received-under.csv, {len(CSV)} bytes  completed" in shown
    _, shown = typed(pair.provider, capsys, "agreement", agreement)
    assert "transfer  " not in shown
