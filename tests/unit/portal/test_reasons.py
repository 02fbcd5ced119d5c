"""Why a process was refused: what either side said, in whatever form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.portal.reasons import LONGEST, Why, whys

RULE = {
    "rule": "permission[0].constraint[0]",
    "met": False,
    "text": {"en": "Only for members.", "nl": "Alleen voor leden."},
    "need": "MembershipCredential",
    "have": "revoked",
    "since": "2026-05-01T10:00:00+00:00",
    "remedy": {"en": "Join.", "nl": "Sluit u aan."},
}


def test_a_rule_that_was_not_met() -> None:
    [why] = whys([RULE])
    assert why == Why(
        text=RULE["text"],  # type: ignore[arg-type]
        need="MembershipCredential",
        have="revoked",
        since=datetime(2026, 5, 1, 10, tzinfo=UTC),
        remedy=RULE["remedy"],  # type: ignore[arg-type]
    )


def test_of_a_rule_that_was_met_nothing_is_missing() -> None:
    [why] = whys([{**RULE, "met": True}])
    assert (why.need, why.have) == ("", "")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("gone", Why(text={"": "gone"})),
        ({"@value": "fora do prazo", "@language": "pt"}, Why(text={"pt": "fora do prazo"})),
        ({"de": "weg", "en": "gone"}, Why(text={"de": "weg", "en": "gone"})),
        ({"text": "gone", "remedy": "wait"}, Why(text={"": "gone"}, remedy={"": "wait"})),
        ({"remedy": "wait"}, Why(text={}, remedy={"": "wait"})),
        ({"text": "gone", "since": "yesterday", "need": 3, "have": ["x"]}, Why(text={"": "gone"})),
        ({"text": "gone", "since": "9999-12-31T23:59:59-23:59"}, Why(text={"": "gone"})),
        ("x" * 9999, Why(text={"": "x" * LONGEST})),
    ],
)
def test_whatever_a_peer_says(reason: Any, why: Why) -> None:
    assert whys([reason]) == [why]


@pytest.mark.parametrize("reason", [None, 3, [], {}, "", {"text": 3}, {"https://other.example/x": 42}])
def test_what_says_nothing_is_left_out(reason: Any) -> None:
    assert whys([reason]) == []
