"""What a terminal tells of a process, whoever gave the reasons."""

from __future__ import annotations

from typing import Any

import pytest

from node.cli.commands import processes
from node.cli.commands.processes import Watch, perform, show_status
from node.cli.exits import DONE, REFUSED, WAITING

OURS = {
    "rule": "permission[0].constraint[0]",
    "text": {"en": "Only for members.", "nl": "Alleen voor leden."},
    "need": "MembershipCredential",
    "have": "nothing",
    "remedy": {"en": "Join.", "nl": "Sluit u aan."},
}


def shown(reason: list[Any], capsys: pytest.CaptureFixture[str], lang: str = "en") -> str:
    process = {
        "state": "TERMINATED",
        "status": {"text": "the other side ended it"},
        "role": "consumer",
        "peer": "did:web:gent.example",
        "dataset": "https://gent.example/datasets/counts",
        "agreementId": None,
        "code": "policy-refused",
        "reason": reason,
    }
    show_status(process, lang)
    return capsys.readouterr().out


def test_a_rule_that_was_not_met(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown([OURS], capsys, "nl")
    for part in ("policy-refused", "Alleen voor leden.", "MembershipCredential", "Sluit u aan."):
        assert part in said


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("The dataset is gone.", "The dataset is gone."),
        ({"@value": "Fora do prazo.", "@language": "pt"}, "Fora do prazo."),
        ({"remedy": "ask again tomorrow"}, "ask again tomorrow"),
        ({"https://other.example/why": 42}, "42"),
    ],
)
def test_reasons_of_other_connectors(reason: Any, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in shown(["First.", reason], capsys)


SENT = {"direction": "out", "late": False, "status": 200, "code": None, "reason": []}


def process(state: str = "OFFERED", pending: str | None = None, *messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "pid": "urn:uuid:1",
        "peer": "did:web:gent.example",
        "state": state,
        "pending": "X" if pending else None,
        "pendingId": pending,
        "status": {"text": "it stands so", "waitsFor": None},
        "code": None,
        "reason": [],
        "messages": list(messages),
    }


ACCEPTED = {**SENT, "id": "a"}
REFUSED_IT = {**ACCEPTED, "fate": "refused", "status": 400, "reason": ["not on the table"]}
OUT_OF_STEP = {**SENT, "id": "b", "fate": "taken"}


@pytest.mark.parametrize(
    ("now", "aim", "status", "message"),
    [
        (process("ACCEPTED", None, {**ACCEPTED, "fate": "taken"}), None, DONE, "now accepted"),
        (process("FINALIZED", None, {**ACCEPTED, "fate": "taken"}), None, DONE, "now finalized"),
        # The refusal is followed by an end that this node sends by itself, and that is taken.
        (process("TERMINATED", None, REFUSED_IT, OUT_OF_STEP), None, REFUSED, "not on the table"),
        (process("OFFERED", None, {**ACCEPTED, "fate": "put-off"}, REFUSED_IT), None, REFUSED, "refused by"),
        # The other side has ended it while our message was on its way, or just after it was taken.
        (process("TERMINATED"), None, REFUSED, "came first"),
        (process("TERMINATED", None, {**ACCEPTED, "fate": "void"}), None, REFUSED, "came first"),
        (process("TERMINATED", None, {**ACCEPTED, "fate": "taken"}), None, REFUSED, "another step"),
        # Whoever wanted the end has it.
        (process("TERMINATED", None, {**ACCEPTED, "fate": "taken"}), "TERMINATED", DONE, "it stands so"),
        (process("TERMINATED", None, REFUSED_IT), "TERMINATED", DONE, "the other side refused it"),
        (process("TERMINATED"), "TERMINATED", DONE, "it stands so"),
        (process("TERMINATED", None, {**ACCEPTED, "fate": "taken"}), "COMPLETED", REFUSED, "another step"),
    ],
)
def test_what_came_of_a_command(
    now: dict[str, Any], aim: str | None, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own message counts, and no other."""
    later = iter([process("OFFERED", "a"), now])
    assert perform(lambda _: next(later), process("OFFERED", "a"), "done", "en", aim=aim) == status
    show_status = capsys.readouterr()
    assert message in show_status.out + show_status.err


def test_no_answer_yet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PATIENCE", 0)
    assert perform(lambda _: process("OFFERED", "a"), process("OFFERED", "a"), "done", "en") == WAITING
    assert "it stands so" in capsys.readouterr().err


def test_what_stands_still_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    paused = {"status": {"text": "it is paused", "waitsFor": "their-resumption"}}
    busy = {"status": {"text": "it is coming", "waitsFor": "our-fetch"}}
    for one in (busy, busy, paused, paused, paused):
        watch(one)
    assert capsys.readouterr().err == "it is paused\n"
