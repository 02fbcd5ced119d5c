"""Failures that a person can mend: undelivered messages and events, failed harvests, nodes that cannot be reached;
and views that show a part of the catalogue."""

from __future__ import annotations

from anyio.to_thread import run_sync

from node.base.work import Outbox, UnitOfWork
from node.catalogue.harvest.schedule import ScheduleStore
from node.catalogue.model import QUARANTINE, Followed
from node.catalogue.ports import FollowStore
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart
from node.operation.health import Status
from node.operation.webhooks.usecases import Webhooks


class FillingViews:
    """The views of the catalogue that show only a part of it yet, for everybody who searches them."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def __call__(self, by: Caller) -> AgendaPart:
        unready, percents = await self._status.readiness()
        filling = [percent for name, percent in percents.items() if f"view {name}" in unready]
        if not filling:
            return AgendaPart()
        item = AgendaItem(code="views", path="/search", facts={"percent": min(filling)})
        return AgendaPart(items=(item,), total=1)


class FailedDeliveries:
    """The number of messages that could not be delivered, for those who may send them again."""

    def __init__(self, uow: UnitOfWork, outbox: Outbox) -> None:
        self._uow = uow
        self._outbox = outbox

    async def __call__(self, by: Caller) -> AgendaPart:
        if not allowed(by, UseCase.HANDLE_DELIVERIES):
            return AgendaPart()
        count = await run_sync(self._count)
        item = AgendaItem(code="deliveries", path="/deliveries", facts={"count": count})
        return AgendaPart(items=(item,), total=count) if count else AgendaPart()

    def _count(self) -> int:
        with self._uow.read() as tx:
            return self._outbox.dead_count(tx)


class FailedHarvests:
    """The sources whose last harvest failed or was refused, for those who may harvest."""

    def __init__(self, uow: UnitOfWork, schedules: ScheduleStore) -> None:
        self._uow = uow
        self._schedules = schedules

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if allowed(by, UseCase.SCHEDULE_HARVESTS) else AgendaPart()

    def _part(self) -> AgendaPart:
        with self._uow.read() as tx:
            failing = [source for source in self._schedules.sources(tx) if source.failures]
        items = (
            AgendaItem(
                code="harvest",
                path=f"/imports/{source.name}",
                name=source.name,
                facts={"count": source.failures, "url": source.url},
            )
            for source in failing[:SHOWN]
        )
        return AgendaPart(items=tuple(items), total=len(failing))


class FailedWebhooks:
    """The webhooks that are paused, or have events that could not be delivered, for those who may mend that."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part, by) if allowed(by, UseCase.MANAGE_WEBHOOKS) else AgendaPart()

    def _part(self, by: Caller) -> AgendaPart:
        failing = [view for view in self._webhooks.all(by) if view.webhook.paused or view.dead]
        items = (
            AgendaItem(
                code="webhook-paused" if view.webhook.paused else "webhook",
                path=f"/webhooks/{view.webhook.name}",
                name=view.webhook.name,
                facts={"count": view.dead, "reason": view.webhook.reason},
            )
            for view in failing[:SHOWN]
        )
        return AgendaPart(items=tuple(items), total=len(failing))


class UnreachablePeers:
    """The followed nodes that cannot be read, or are in quarantine, for those who decide whom to follow."""

    def __init__(self, uow: UnitOfWork, follows: FollowStore) -> None:
        self._uow = uow
        self._follows = follows

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if allowed(by, UseCase.FOLLOW) else AgendaPart()

    def _part(self) -> AgendaPart:
        with self._uow.read() as tx:
            failing = [one for one in self._follows.all(tx) if one.last_error or one.state == QUARANTINE]
        return AgendaPart(items=tuple(_peer_item(one) for one in failing[:SHOWN]), total=len(failing))


def _peer_item(member: Followed) -> AgendaItem:
    return AgendaItem(
        code="quarantine" if member.state == QUARANTINE else "peer",
        path="/members",
        name=member.name,
        facts={"url": member.url, "error": member.last_error or ""},
    )
