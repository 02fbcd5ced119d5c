"""What ``hansa get`` tells where no bytes come."""

from __future__ import annotations

from typing import Any

import pytest

from node.cli.commands.get import _receive
from node.cli.exits import REFUSED

PEER = "did:web:gent.example"


class Node:
    """A node whose transfer stands for ever as it is said."""

    def __init__(self, state: str, ended_by: str | None, reception: dict[str, Any] | None, **more: Any) -> None:
        self.standing = {"text": "it stands so", "waitsFor": more.pop("waits", None), "endedBy": ended_by}
        self.state = {"state": state, "peer": PEER, "reception": reception, "code": None, "reason": [], **more}
        self.looks = 0

    def transfer_state(self, pid: str, *, wait: float) -> dict[str, Any]:
        self.looks += 1
        assert self.looks < 10, "it is looked at for ever"
        return {**self.state, "status": self.standing}


REASON = [{"text": {"en": "not a member"}, "rule": "membership"}]
FAILED = {"state": "failed", "received": 3, "expected": 9, "error": "these are not the bytes that were signed"}


@pytest.mark.parametrize(
    ("node", "message", "why"),
    [
        (Node("TERMINATED", "other-side", None, code="not-permitted", reason=REASON), f"refused by {PEER}", REASON),
        (Node("TERMINATED", "this-node", FAILED), "not received", [FAILED["error"]]),
        (Node("STARTED", None, FAILED), "not received", [FAILED["error"]]),
        (Node("STARTED", None, None, waits="delivery"), "not received", ["it stands so"]),
        # The provider has completed it before its bytes were asked for: there will never be a reception.
        (Node("COMPLETED", "other-side", None), "not received", ["it stands so"]),
    ],
)
def test_who_refused_and_why(node: Node, message: str, why: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    result: dict[str, Any] = {}
    told = _receive(node, "urn:uuid:1", None, result, keep_sealed=False, lang="en")  # type: ignore[arg-type]
    assert told == REFUSED
    shown = capsys.readouterr()
    assert f"✗ {message}" in shown.err
    assert (why[0] if isinstance(why[0], str) else "not a member") in shown.out
    assert result["refused"] == {"code": node.state["code"], "reason": why}
