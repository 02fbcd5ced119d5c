"""Members outside the protocol are limited by the bytes that they take when this node writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import TooLarge
from node.negotiation.extras import MOST, require_modest
from node.negotiation.messages import read
from node.vocab.dsp import V2025_1


def message(extra: str) -> bytes:
    """A termination with a member of an implementation, which is JSON already."""
    body: dict[str, Any] = {
        "@context": [V2025_1.context],
        "@type": "ContractNegotiationTerminationMessage",
        "providerPid": "urn:p",
        "consumerPid": "urn:c",
    }
    return json.dumps(body)[:-1].encode() + f',"urn:ext:more":{extra}}}'.encode()


def measure(extra: str) -> bytes:
    raw = message(extra)
    require_modest(read(raw, "ContractNegotiationTerminationMessage"))
    return raw


def test_numbers_count_as_they_are_written_here() -> None:
    """A short message may say numbers that are long when written in full."""
    few, many = (f"[{','.join(['9e15'] * count)}]" for count in (700, 900))
    assert len(measure(few)) < MOST / 4
    assert len(message(many)) < MOST / 3
    with pytest.raises(TooLarge):
        measure(many)


@pytest.mark.parametrize("text", ["9e15", "-9e15", "1E+2", '"\\u00e9"', '"é"', '"\\n"', "true", "[[],{}]"])
def test_a_short_message_is_never_refused(text: str) -> None:
    room = MOST // 4 - len(message("[]"))
    measure(f"[{','.join([text] * (room // (len(text.encode()) + 1)))}]")
