"""states.md: the two transition tables, as tables and as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from reference_pages.markdown import code, table

INTRO = """
# States

This page shows the states of negotiations and transfers in the Dataspace Protocol 2025-1. The tables and diagrams are
generated from `node/negotiation/machine.py` and `node/transfer/machine.py`. No other code decides which message is
allowed in which state. If a message has no row in the current state, the node refuses it (400), and nothing changes.

A process enters a state when the receiver has acknowledged the message that leads to it. Until then, the message is
*pending*: it is stored and is being sent. [Decision 0002](../decisions/0002-state-entered-on-acknowledgement.md)
explains why.

*May be sent by* says who sends a message in our implementation. *Accepted from* lists more senders where the text of
the standard and its diagram differ: a node sends only what both allow, and accepts what one of them allows.
"""

HEADS = ("in state", "message", "may be sent by", "accepted from", "leads to")


def states() -> str:
    """The page."""
    from node.negotiation import machine as negotiation
    from node.transfer import machine as transfer

    parts = [INTRO]
    for title, moves in (("Contract negotiation", negotiation.TABLE), ("Transfer process", transfer.TABLE)):
        rows = [_row("(none)", message, move) for message, move in moves.openings.items()]
        rows += [_row(code(state), message, move) for (state, message), move in moves.moves.items()]
        ends = " and ".join(code(state) for state in sorted(moves.terminal))
        parts += [
            f"## {title}\n",
            f"```mermaid\n{_diagram(moves)}\n```\n",
            table(HEADS, rows),
            f"The final states are {ends}. `{moves.end_by_fault}` means that it ended without its result.\n",
        ]
    return "\n".join(parts)


def _row(state: str, message: str, move: Any) -> list[str]:
    return [state, code(message), _roles(move.senders), _roles(move.senders | move.other_senders), code(move.to)]


def _roles(roles: Iterable[Any]) -> str:
    return " or ".join(sorted(str(role) for role in roles))


def _diagram(moves: Any) -> str:
    """A Mermaid state diagram; messages between the same two states share an arrow."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {move.to}: {_plain(message)}" for message, move in moves.openings.items()]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, message), move in moves.moves.items():
        arrows.setdefault((state, move.to), []).append(_plain(message))
    lines += [f"    {state} --> {to}: {', '.join(messages)}" for (state, to), messages in arrows.items()]
    lines += [f"    {state} --> [*]" for state in sorted(moves.terminal)]
    return "\n".join(lines)


def _plain(message: str) -> str:
    """What distinguishes a message, without the colon that a diagram would misread."""
    kind, _, event = message.partition(":")
    if event:
        return f"event {event}"
    words = re.findall(r"[A-Z][a-z]+", kind.removesuffix("Message"))
    return " ".join(word for word in words if word not in ("Contract", "Negotiation", "Transfer")).lower()
