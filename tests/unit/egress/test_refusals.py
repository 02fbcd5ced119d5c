"""Refusals of providers: their words are shown, and can be nothing but words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.adapters.egress.client import Answer
from node.adapters.egress.refusals import refusal_of
from node.base.errors import HansaError, NotAllowed, Overloaded, PeerUnreachable


def answer(status: int, **members: Any) -> Answer:
    headers = {"content-type": "application/problem+json"}
    return Answer(status=status, headers=headers, body=json.dumps(members).encode(), url="https://ghent.example")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, NotAllowed, "the provider: no"),
        (503, Overloaded, "the provider: no"),
        (418, PeerUnreachable, "the provider answers with status 418"),
    ],
)
def test_a_refusal_has_its_kind(status: int, kind: type[HansaError], words: str) -> None:
    refusal = refusal_of(answer(status, detail="no", remedy="ask"))
    assert (type(refusal), refusal.detail) == (kind, words)


def test_words_of_others_make_no_lines_and_no_commands() -> None:
    refusal = refusal_of(answer(403, detail="no\n2026-11-23 done\x1b[2K", remedy="ask\r\nnobody"))
    assert refusal.detail == "the provider: no 2026-11-23 done\\x1b[2K"
    assert "\n" not in refusal.remedy
    assert "\r" not in refusal.remedy
