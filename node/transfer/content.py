"""What a peer's message settles about a transfer, apart from its state."""

from __future__ import annotations

from typing import Any

from node.dialogue.message import Incoming
from node.dialogue.process import Role
from node.transfer import machine
from node.transfer.addresses import without_unused
from node.transfer.model import Transfer
from node.transfer.resumption import require_resumable


def settled_by(message: Incoming, transfer: Transfer) -> dict[str, Any]:
    """The fields of ``transfer`` that ``message`` changes.

    Raises ``NotAllowed`` for a start by which the consumer lifts what this node, as provider, has suspended.
    """
    if message.name == machine.START and transfer.role is Role.PROVIDER:
        require_resumable(transfer)
    elif message.name == machine.START and message.body.get("dataAddress"):
        return {"data_address": without_unused(message.body["dataAddress"])}
    elif message.name == machine.TERMINATION:
        return message.why
    elif message.name == machine.SUSPENSION:
        # Where both want it, it is the provider's: it is its access that is closed.
        ours = transfer.pending is not None and transfer.pending.message == machine.SUSPENSION
        provider = transfer.role is Role.CONSUMER or ours
        return {**message.why, "suspended_by": str(Role.PROVIDER if provider else Role.CONSUMER)}
    return {}
