"""What a terminal tells of a process, whoever gave the reasons."""

from __future__ import annotations

from typing import Any

import pytest

from node.cli.processes import told

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
        "standing": {"text": "it was ended by the other side"},
        "role": "consumer",
        "peer": "did:web:gent.example",
        "dataset": "https://gent.example/datasets/counts",
        "agreementId": None,
        "code": "policy-refused",
        "reason": reason,
    }
    told(process, lang)
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
