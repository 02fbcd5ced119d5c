"""An agreement that is written anew: which is taken for one, and what becomes of the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.dialogue.message import IncomingMessage
from node.dialogue.process import PendingMessage, Role
from node.negotiation import machine, messages
from node.negotiation.model import Negotiation
from node.negotiation.restatement import restates
from tests.unit.negotiation.parts import ME, PEER
from tests.unit.negotiation.test_reactions import negotiation

FIRST: dict[str, Any] = {
    "@id": "urn:uuid:first",
    "@type": "Agreement",
    "target": "https://bruges.example/datasets/d",
    "assigner": PEER,
    "assignee": ME,
    "timestamp": "2026-11-20T09:00:00Z",
    "permission": [{"action": "odrl:use"}],
}
ANEW = {**FIRST, "@id": "urn:uuid:second", "timestamp": "2026-11-20T09:00:01Z"}


def agreed(**changes: Any) -> Negotiation:
    return replace(negotiation(machine.AGREED, agreement=FIRST), **changes)


def sent(agreement: dict[str, Any], name: str = machine.AGREEMENT, **more: Any) -> IncomingMessage:
    return IncomingMessage(name=name, body={"@id": "urn:uuid:message", "agreement": agreement, **more}, raw=b"")


@pytest.mark.parametrize("pending", [None, PendingMessage(machine.VERIFICATION, "urn:uuid:v")])
def test_the_same_words_under_another_id_and_date(pending: PendingMessage | None) -> None:
    assert restates(agreed(pending=pending), sent(ANEW))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (agreed(), sent({**ANEW, "permission": [{"action": "odrl:distribute"}]})),
        (agreed(), sent({**ANEW, "assignee": "did:web:gouda.example"})),
        (agreed(), sent({**ANEW, "https://else.example/fee": 7})),
        (agreed(), sent({name: value for name, value in ANEW.items() if name != "permission"})),
        (agreed(), sent({**ANEW, "@id": FIRST["@id"]})),
        (agreed(), sent(ANEW, machine.TERMINATION)),
        (agreed(), sent(ANEW, **{messages.SIGNATURE: "a.b.c"})),
        (agreed(signatures={PEER: "a.b.c"}), sent(ANEW)),
        (agreed(state=machine.VERIFIED), sent(ANEW)),
        (agreed(state=machine.FINALIZED), sent(ANEW)),
        (agreed(state=machine.REQUESTED, agreement=None), sent(ANEW)),
        (agreed(role=Role.PROVIDER), sent(ANEW)),
        (agreed(pending=PendingMessage(machine.TERMINATION, "urn:uuid:t")), sent(ANEW)),
        (agreed(instead=["urn:uuid:a", "urn:uuid:b"]), sent(ANEW)),
        (agreed(agreement={**FIRST, "urn:x": 1}), sent({**ANEW, "urn:x": True})),
    ],
    ids=[
        "other terms",
        "another party",
        "one member more",
        "one member less",
        "the same id",
        "another message",
        "a signed draft",
        "after a signed draft",
        "verified",
        "final",
        "none yet",
        "at the provider",
        "we are leaving",
        "twice already",
        "true is not 1",
    ],
)
def test_nothing_else_is(stored: Negotiation, message: IncomingMessage) -> None:
    assert not restates(stored, message)
