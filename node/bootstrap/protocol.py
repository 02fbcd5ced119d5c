"""Puts the Dataspace Protocol together: negotiations and transfers, for the end points and the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from node.bootstrap.foundation import Foundation
from node.bootstrap.negotiation import negotiating
from node.bootstrap.transfer import Deletions, transferring
from node.identity.correspondence import Correspondence
from node.negotiation.acquire import Acquire
from node.negotiation.decisions import Admissions, Decisions
from node.negotiation.limits import SetLimits
from node.negotiation.strategy import Strategy
from node.negotiation.usecases import Negotiations
from node.negotiation.uses import Uses
from node.transfer.access import AuthoriseAccess
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.grants import RefreshToken
from node.transfer.inbox import TakePush
from node.transfer.overview import Overview
from node.transfer.push import PushBytes
from node.transfer.reception import ReceiveBytes
from node.transfer.requests import TransferRequests
from node.transfer.strategy import StandardStrategy
from node.transfer.strategy import Strategy as TransferStrategy
from node.transfer.usecases import Transfers


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """All parts for communication between two participants."""

    correspondence: Correspondence
    negotiations: Negotiations
    transfers: Transfers
    transfer_requests: TransferRequests
    decisions: Decisions
    acquire: Acquire
    limits: SetLimits
    region: Callable[[], str | None]
    overview: Overview
    authorise: AuthoriseAccess
    deliveries: OpenDelivery
    manifests: SignManifest
    refresh: RefreshToken
    receive: ReceiveBytes
    push: PushBytes
    inbox: TakePush
    uses: Uses
    deletions: Deletions


def protocol(
    base: Foundation,
    *,
    admissions: Admissions | None,
    strategy: Strategy,
    transfers_strategy: TransferStrategy | None = None,
) -> Protocol:
    """Put the protocol together. Plug-ins may replace the strategies."""
    contracts = negotiating(base, admissions=admissions, strategy=strategy)
    transports = transferring(base, contracts, transfers_strategy or StandardStrategy())
    return Protocol(
        correspondence=base.correspondence,
        negotiations=contracts.negotiations,
        transfers=transports.transfers,
        transfer_requests=transports.transfer_requests,
        decisions=contracts.decisions,
        acquire=contracts.acquire,
        region=lambda: base.people.allegiance.authority,
        limits=contracts.limits,
        overview=transports.overview,
        authorise=transports.authorise,
        deliveries=transports.deliveries,
        manifests=transports.manifests,
        refresh=transports.refresh,
        receive=transports.receive,
        push=transports.push,
        inbox=transports.inbox,
        uses=transports.uses,
        deletions=transports.deletions,
    )
