"""Contract negotiation as a table (DSP 2025-1 §7.1, figure of the state machine).

Only this table decides which transitions are legal. The prose of the standard lets either party terminate at any time
before a final state, the diagram does not: we send what the diagram allows and accept what the prose allows.
"""

from __future__ import annotations

from typing import Final

from node.dialogue.machine import Move, Table
from node.dialogue.process import Role

REQUEST: Final = "ContractRequestMessage"
OFFER: Final = "ContractOfferMessage"
AGREEMENT: Final = "ContractAgreementMessage"
VERIFICATION: Final = "ContractAgreementVerificationMessage"
ACCEPTED_EVENT: Final = "ContractNegotiationEventMessage:ACCEPTED"
FINALIZED_EVENT: Final = "ContractNegotiationEventMessage:FINALIZED"
TERMINATION: Final = "ContractNegotiationTerminationMessage"

REQUESTED: Final = "REQUESTED"
OFFERED: Final = "OFFERED"
ACCEPTED: Final = "ACCEPTED"
AGREED: Final = "AGREED"
VERIFIED: Final = "VERIFIED"
FINALIZED: Final = "FINALIZED"
TERMINATED: Final = "TERMINATED"

_C: Final = frozenset({Role.CONSUMER})
_P: Final = frozenset({Role.PROVIDER})
_BOTH: Final = _C | _P

TABLE: Final = Table(
    name="contract negotiation",
    openings={
        REQUEST: Move(REQUESTED, _C),
        OFFER: Move(OFFERED, _P),
    },
    moves={
        (REQUESTED, OFFER): Move(OFFERED, _P),
        (REQUESTED, AGREEMENT): Move(AGREED, _P),
        (REQUESTED, TERMINATION): Move(TERMINATED, _BOTH),
        (OFFERED, REQUEST): Move(REQUESTED, _C),
        (OFFERED, ACCEPTED_EVENT): Move(ACCEPTED, _C),
        (OFFERED, TERMINATION): Move(TERMINATED, _BOTH),
        (ACCEPTED, AGREEMENT): Move(AGREED, _P),
        (ACCEPTED, TERMINATION): Move(TERMINATED, _P, _C),
        (AGREED, VERIFICATION): Move(VERIFIED, _C),
        (AGREED, TERMINATION): Move(TERMINATED, _C, _P),
        (VERIFIED, FINALIZED_EVENT): Move(FINALIZED, _P),
        (VERIFIED, TERMINATION): Move(TERMINATED, _P, _C),
    },
    terminal=frozenset({FINALIZED, TERMINATED}),
    end_by_fault=TERMINATED,
)
