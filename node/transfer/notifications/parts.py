"""The use cases of streams between nodes that the people of a node have."""

from __future__ import annotations

from dataclasses import dataclass

from node.transfer.bridges.usecases import Bridges
from node.transfer.live.partner_streams import PartnerStreams
from node.transfer.notifications.dead_letters import ResendDeadLetters
from node.transfer.notifications.usecases import PartnerSubscriptions


@dataclass(frozen=True, slots=True)
class StreamUseCases:
    """Streams of partners as they move, the bridges by which they go on, and subscriptions of partners to ours."""

    moving: PartnerStreams
    bridges: Bridges
    subscriptions: PartnerSubscriptions
    resend: ResendDeadLetters
