"""The actions that this node takes by itself in a transfer. As in negotiation, a strategy looks and returns an
action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.dialogue.process import Role
from node.negotiation.strategy import PacedMessage
from node.policy.model import Decision
from node.transfer import machine
from node.transfer.model import Transfer
from node.vocab.dsp import PULL, PUSH


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait."""


@dataclass(frozen=True, slots=True)
class Start(PacedMessage):
    """Open the access and send its address to the consumer (provider)."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Fetch the bytes (consumer)."""


@dataclass(frozen=True, slots=True)
class Push:
    """Send the bytes to the consumer's address (provider)."""


@dataclass(frozen=True, slots=True)
class Complete(PacedMessage):
    """All is done."""


@dataclass(frozen=True, slots=True)
class Suspend(PacedMessage):
    """Pause it, with a code."""

    code: str


@dataclass(frozen=True, slots=True)
class Terminate(PacedMessage):
    """End it, with a code and reasons."""

    code: str
    reason: list[Any] = field(default_factory=list)


Action = Hold | Start | Receive | Push | Complete | Suspend | Terminate


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The input of a strategy. ``decision`` is the provider's, about this access under the agreement. It is None if
    the consumer's credentials are not available: after an acknowledgement; each read is decided again anyway.
    ``messages_so_far`` returns, when called, the messages of both sides so far, oldest first."""

    transfer: Transfer
    decision: Decision | None
    messages_so_far: Callable[[], tuple[str, ...]] = tuple


class Strategy(Protocol):
    """A transfer strategy: a plug-in point."""

    def next(self, look: Look) -> Action:
        """Return the action for the current state of ``look.transfer``. Must be pure. Called as in negotiation."""


class StandardStrategy:
    """Starts what the agreement permits, refuses everything else with reasons, fetches what was started."""

    def next(self, look: Look) -> Action:
        transfer = look.transfer
        match transfer.role, transfer.state:
            case Role.PROVIDER, machine.REQUESTED:
                if look.decision is None or look.decision.permits:
                    return Start()
                return Terminate("policy-refused", [reason.to_json() for reason in look.decision.unmet])
            case Role.PROVIDER, machine.STARTED if transfer.format == PUSH:
                return Push()
            case Role.CONSUMER, machine.STARTED if transfer.format == PULL and transfer.data_address:
                return Receive()
            case _:
                return Hold()
