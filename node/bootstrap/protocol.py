"""Puts the Dataspace Protocol together: negotiations and transfers, for the end points and the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.bootstrap.foundation import Foundation
from node.bootstrap.negotiation import NegotiationParts, negotiating
from node.bootstrap.transfer import TransferParts, transferring
from node.identity.correspondence import Correspondence
from node.negotiation.decisions import Admissions
from node.negotiation.strategy import Strategy
from node.transfer.strategy import StandardStrategy
from node.transfer.strategy import Strategy as TransferStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """All parts for communication between two participants."""

    correspondence: Correspondence
    region: Callable[[], str | None]
    negotiation: NegotiationParts
    transfer: TransferParts


def protocol(
    base: Foundation,
    *,
    admissions: Admissions | None,
    strategy: Strategy,
    transfers_strategy: TransferStrategy | None = None,
) -> Protocol:
    """Put the protocol together. Plug-ins may replace the strategies."""
    contracts = negotiating(base, admissions=admissions, strategy=strategy)
    return Protocol(
        correspondence=base.correspondence,
        region=lambda: base.people.allegiance.authority,
        negotiation=contracts,
        transfer=transferring(base, contracts, transfers_strategy or StandardStrategy()),
    )
