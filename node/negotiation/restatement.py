"""An agreement that its provider writes anew before it could be verified (docs/reference/interoperability.md).

A connector that stores no agreement until our answer is recorded, and then loses that record, makes another agreement
with the same content, but with a new id and date. It forgets the first one, so we must not keep the first one either:
the provider's last draft counts.

Our signature over the earlier draft may have been sent already, and only its answer lost. Therefore we sign few of
them, each signature names the drafts that it replaces, and the ledger has each of them: a party that shows an earlier
one cannot claim two agreements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.dialogue import wire
from node.dialogue.message import IncomingMessage
from node.dialogue.process import Role
from node.negotiation import machine
from node.negotiation.messages import SIGNATURE
from node.negotiation.model import Negotiation

SETTLING: Final = 1.0
"""Seconds to wait before we verify a new draft: its provider has just shown that it loses messages that arrive while
it is still writing."""

MOST_ANEW: Final = 2
"""The number of times that an agreement may be written anew in one negotiation."""

_OF_EACH_DRAFT: Final = frozenset({"@id", "timestamp"})


def restates(negotiation: Negotiation, message: IncomingMessage) -> bool:
    """Return whether ``message`` replaces the current agreement by another draft.

    It does so only while the agreement waits for our verification, or the verification is on its way and not yet
    accepted; only if the drafts are equal except for id and date, and the id is new; never if either draft has the
    provider's signature, since a provider that signs an agreement stores it; and at most ``MOST_ANEW`` times.
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
    # Compared as text: in Python, True equals 1.
    return wire.text({name: value for name, value in agreement.items() if name not in _OF_EACH_DRAFT})
