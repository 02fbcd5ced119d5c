"""An agreement that its provider writes anew before it could be verified (docs/reference/interoperability.md).

A connector that keeps no agreement until our answer is recorded, and then loses that record, makes another agreement
about the same: with an id and a date of its own, and the same words. It forgets the first one, so the first one must
not be what we hold: the provider's last word counts.

Our signature over the one before may be there already, and only its answer lost. So we sign few of them, each
signature names the drafts that it takes the place of, and the ledger has each of them: a party that shows an
earlier one does not show two agreements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.dialogue import wire
from node.dialogue.message import Incoming
from node.dialogue.process import Role
from node.negotiation import machine
from node.negotiation.messages import SIGNATURE
from node.negotiation.model import Negotiation

SETTLING: Final = 1.0
"""So many seconds we wait before we verify what was written anew: its provider has just shown that what it is told
while it is still writing is lost."""

MOST_ANEW: Final = 2
"""So often an agreement may be written anew in one negotiation."""

_OF_EACH_DRAFT: Final = frozenset({"@id", "timestamp"})


def restates(negotiation: Negotiation, message: Incoming) -> bool:
    """Whether ``message`` puts another draft of the agreement at hand in its place.

    Only while the agreement waits for our verification, or that is on its way and has not been taken; only in the
    same words, but for the id and the date, under an id of its own; and never where either draft bears the provider's
    signature: who signs an agreement keeps it. And no more than ``MOST_ANEW`` times.
    """
    agreement = negotiation.agreement
    if message.name != machine.AGREEMENT or agreement is None:
        return False
    if negotiation.role is not Role.CONSUMER or negotiation.state != machine.AGREED:
        return False
    if negotiation.pending is not None and negotiation.pending.message != machine.VERIFICATION:
        return False
    if len(negotiation.instead) >= MOST_ANEW:
        return False
    if negotiation.peer in negotiation.signatures or SIGNATURE in message.body:
        return False
    draft: Mapping[str, Any] = message.body["agreement"]
    return draft["@id"] != agreement["@id"] and _words(draft) == _words(agreement)


def _words(agreement: Mapping[str, Any]) -> bytes:
    # As text: to Python, true equals 1.
    return wire.text({name: value for name, value in agreement.items() if name not in _OF_EACH_DRAFT})
