"""Live data that do not move: brokers without a connection, hindered bridges and subscriptions of partners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anyio.to_thread import run_sync

from node.base.clock import stamp
from node.datasources.brokers.register import BrokerSubscriptions
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart
from node.transfer.bridges.usecases import Bridges
from node.transfer.notifications.usecases import PartnerSubscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFault:
    """Something that does not move. ``code`` is *broker*, *bridge*, *bridge-ended* or *subscriber*; ``name`` is that
    of the stream, or of whatever the terminal knows it by; ``place`` is the other side, ``since`` when it began."""

    code: str
    name: str
    place: str
    path: str
    error: str
    since: datetime | None

    def item(self) -> AgendaItem:
        """Return it for an agenda."""
        since = "" if self.since is None else f"{stamp(self.since)[:16].replace('T', ' ')} UTC"
        facts: dict[str, Any] = {"source": self.place, "error": self.error, "since": since}
        return AgendaItem(code=self.code, path=self.path, name=self.name, facts=facts)


class LiveFaults:
    """Finds what does not move. Synchronous: call it in a thread."""

    def __init__(self, brokers: BrokerSubscriptions, bridges: Bridges, subscriptions: PartnerSubscriptions) -> None:
        self._brokers = brokers
        self._bridges = bridges
        self._subscriptions = subscriptions

    def __call__(self) -> list[LiveFault]:
        """Return all of them, for whoever may know: callers check that."""
        brokers = [
            LiveFault(
                code="broker",
                name=view.subscription.stream,
                place=view.subscription.source,
                path="/sources",
                error=view.state.error,
                since=view.state.error_at,
            )
            for view in self._brokers.failing()
        ]
        bridges = [
            LiveFault(
                code="bridge-ended" if view.progress.ended else "bridge",
                name=view.bridge.address,
                place=view.bridge.source,
                path=f"/agreements/{view.bridge.agreement}",
                error=view.progress.error,
                since=view.progress.ended or view.progress.error_at,
            )
            for view in self._bridges.failing()
        ]
        subscribers = [
            LiveFault(
                code="subscriber",
                name=view.subscription.partner,
                place=view.subscription.receiver,
                path="/subscribers",
                error=view.progress.error,
                since=view.progress.failing_since or view.progress.last_failure,
            )
            for view in self._subscriptions.failing()
        ]
        return [*brokers, *bridges, *subscribers]


class FailedLiveData:
    """The live data that do not move, for those who may mend that."""

    def __init__(self, faults: LiveFaults) -> None:
        self._faults = faults

    async def __call__(self, by: Caller) -> AgendaPart:
        if not allowed(by, UseCase.MANAGE_DATA_SOURCES):
            return AgendaPart()
        faults = await run_sync(self._faults)
        return AgendaPart(items=tuple(fault.item() for fault in faults[:SHOWN]), total=len(faults))
