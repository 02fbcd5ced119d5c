"""An access under an agreement, and the conditions of its transfer and agreement, which precede the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.base.errors import NotAllowed
from node.catalogue.model import Record
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.policy.model import Nature, Reason
from node.policy.odrl import parse
from node.policy.portion import Portion, portion_of
from node.texts.catalogue import Catalogue
from node.transfer import machine
from node.transfer.model import AccessGrant, Transfer, under_way
from node.vocab.dsp import ASKED
from node.vocab.namespaces import HANSA

Secrets = Callable[[bytes], bytes]
"""Returns the secret of this node for a purpose (``KeyRing.derive``)."""

_TRANSFER: Final = Catalogue("transfer")
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A read that was allowed at ``at``, to ``caller`` with its credentials at that time.

    ``facts`` is the known use of the agreement, including this read.
    """

    transfer: Transfer
    grant: AccessGrant = field(repr=False)
    agreement: Agreement
    at: datetime
    caller: Caller | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asks(self) -> bool:
        """Return whether it is to ask a table or a graph, and not to read its bytes."""
        return self.transfer.format in ASKED

    @property
    def portion(self) -> Portion:
        """Return the part of the data that the agreement gives."""
        return portion_of(parse(self.agreement.body))

    def keyed_portion(self, secrets: Secrets) -> Portion:
        """Return the part, with the key of its pseudonyms: the same one for every read under the agreement."""
        return keyed_portion(self.agreement, secrets)


def keyed_portion(agreement: Agreement, secrets: Secrets) -> Portion:
    """Return the part of the data that an agreement gives, with the key of its pseudonyms."""
    portion = portion_of(parse(agreement.body))
    return portion.with_key(lambda: secrets(f"pseudonyms {agreement.id}".encode()))


def demands_sealing(record: Record, agreement: Agreement) -> bool:
    """Return whether bytes may leave only sealed: because of the asset's current offer, or because of the agreement
    about it."""
    return record.sealed or parse(agreement.body).sealed


def require_standing(access: Access) -> None:
    """Check the conditions that precede the policy. Raises ``NotAllowed`` with the reason and the state.

    The transfer is STARTED (DSP 2025-1 §9: data flows in no other state) and its grant open; the agreement is
    finalized, has not ended, and its consumer is the recipient.
    """
    transfer, grant, agreement = access.transfer, access.grant, access.agreement
    if agreement.finalized is None or agreement.consumer != grant.recipient:
        raise refuse("the agreement is not in force", _reason("agreement", "agreement-not-in-force"))
    if agreement.ended is not None and agreement.ended <= access.at:
        raise refuse("the agreement has ended", _reason("agreement", "agreement-ended", agreement.ended))
    if grant.closed or not under_way(transfer):
        # A decision of this node takes effect at once, even before the consumer receives it.
        decided = machine.TABLE.move(transfer.state, transfer.pending.message) if transfer.pending else None
        state = decided.to if decided is not None else transfer.state
        sentence = "transfer-suspended" if state == machine.SUSPENDED else "transfer-over"
        detail = f"the transfer is not active{_stated_reason(transfer, state)}"
        refusal = refuse(detail, _reason("transfer", sentence, transfer.updated))
        refusal.facts["transferState"] = state
        raise refusal


def _stated_reason(transfer: Transfer, state: str) -> str:
    """Return what was said when the transfer was suspended or terminated, after a colon; the reader of the data has
    the message with it, or gets it soon. Empty if nothing was said."""
    if state not in (machine.SUSPENDED, machine.TERMINATED):
        return ""
    texts = (reason.get("@value") if isinstance(reason, Mapping) else reason for reason in transfer.reason)
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    return f": {' '.join(text.split())[:_LONGEST_REASON]}" if text else ""


def _reason(rule: str, sentence: str, since: datetime | None = None) -> dict[str, Any]:
    return Reason(
        rule=rule,
        operand=f"{HANSA}{sentence}",
        nature=Nature.FACT,
        met=False,
        text=_TRANSFER.in_all(f"refused.{sentence}"),
        since=since,
    ).to_json()


def refuse(detail: str, *reasons: dict[str, Any]) -> NotAllowed:
    """Return the error for an access that is not allowed, for ``reasons``."""
    return NotAllowed(detail, facts={"reasons": list(reasons)})
