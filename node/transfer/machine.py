"""The transfer process as a table (DSP 2025-1 §9.1, figure of the state machine)."""

from __future__ import annotations

from typing import Final

from node.dialogue.machine import Move, Table
from node.dialogue.process import Role

REQUEST: Final = "TransferRequestMessage"
START: Final = "TransferStartMessage"
COMPLETION: Final = "TransferCompletionMessage"
SUSPENSION: Final = "TransferSuspensionMessage"
TERMINATION: Final = "TransferTerminationMessage"

REQUESTED: Final = "REQUESTED"
STARTED: Final = "STARTED"
SUSPENDED: Final = "SUSPENDED"
COMPLETED: Final = "COMPLETED"
TERMINATED: Final = "TERMINATED"

_C: Final = frozenset({Role.CONSUMER})
_P: Final = frozenset({Role.PROVIDER})
_BOTH: Final = _C | _P

TABLE: Final = Table(
    name="transfer process",
    openings={REQUEST: Move(REQUESTED, _C)},
    moves={
        (REQUESTED, START): Move(STARTED, _P),
        (REQUESTED, TERMINATION): Move(TERMINATED, _BOTH),
        (STARTED, COMPLETION): Move(COMPLETED, _BOTH),
        (STARTED, SUSPENSION): Move(SUSPENDED, _BOTH),
        (STARTED, TERMINATION): Move(TERMINATED, _BOTH),
        (SUSPENDED, START): Move(STARTED, _BOTH),
        (SUSPENDED, TERMINATION): Move(TERMINATED, _BOTH),
    },
    terminal=frozenset({COMPLETED, TERMINATED}),
    end_by_fault=TERMINATED,
)
