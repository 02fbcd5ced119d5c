"""Parts of a node in Ghent that negotiates with one in Bruges, over stores in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from node.base.delivery import OutboxWriter
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.negotiation import machine, messages
from node.negotiation.agreement import Party
from node.negotiation.model import Negotiation
from node.negotiation.reactions import House, Reactions
from node.negotiation.strategy import Strategy
from node.vocab.dsp import V2025_1
from tests.fakes.clock import FixedClock
from tests.fakes.stores.negotiation import MemoryDecisionStore, MemoryLimitStore, MemoryNegotiationStore
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.work import MemoryOutbox

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ME, PEER = "did:web:ghent.example", "did:web:bruges.example"
DATASET = "https://bruges.example/datasets/d"


def no_entry(*_: Any, **__: Any) -> Any:
    """Append nothing to the ledger."""


def conversation(store: MemoryNegotiationStore, outbox: MemoryOutbox) -> Conversation[Negotiation]:
    """Negotiations in ``store``, whose messages leave through ``outbox``."""
    return Conversation(
        table=machine.TABLE,
        store=store,
        outbox_writer=OutboxWriter(outbox, lambda: None),
        append=no_entry,
        clock=FixedClock(NOW),
        acknowledge=messages.acknowledgement,
        path=messages.path,
        refusal=messages.refusal,
    )


def reactions(talk: Conversation[Negotiation], strategy: Strategy, keyring: Any) -> Reactions:
    """What ``strategy`` answers in the conversations ``talk``; the node has no records of its own."""
    return Reactions(
        conversation=talk,
        records=MemoryRecordStore(),
        decisions=MemoryDecisionStore(),
        limits=MemoryLimitStore(),
        keyring=keyring,
        append=no_entry,
        clock=FixedClock(NOW),
        strategy=strategy,
        house=House(
            me=Party(did=ME, name="Ghent"),
            address="https://ghent.example/dsp/2025-1",
            languages=("en",),
            issuers=dict,
            rulebook=lambda: None,
        ),
    )


def negotiation(**members: Any) -> Negotiation:
    """A negotiation about ``DATASET`` in which this node is the consumer, unless ``members`` say otherwise."""
    values: dict[str, Any] = {
        "pid": "urn:uuid:ours",
        "role": Role.CONSUMER,
        "peer": PEER,
        "peer_pid": "urn:uuid:theirs",
        "peer_address": "https://bruges.example/dsp",
        "version": V2025_1.name,
        "created": NOW,
        "updated": NOW,
        "dataset": DATASET,
    }
    return Negotiation(**{**values, **members})
