"""Carry bridges: read streams of partners, and send their observations to topics of brokers.

The place is stored after the broker has what is before it, so each observation arrives at least once. Each bridge is
carried by one process, which owns it for a while and puts the end of that off; if it is killed, another one goes on
at the stored place. What may pass is tried again; the end of the stream, or a refusal, ends the bridge and says why.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, HansaError, LocalFault, Overloaded, PeerUnreachable, TooMany
from node.base.ownership import OWN_SECONDS, Duties, GrowingPause, OwnedTasks
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.brokers.ports import EventSession
from node.datasources.errors import SinkRefuses
from node.exchange.offloop import off_loop
from node.identity.model import Caller
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeStore, BridgeView, key_of
from node.transfer.bridges.usecases import Bridges, Sources, open_destination
from node.transfer.live.access import LiveAccess, OpenAddress
from node.transfer.live.events import StreamEvent, events_of
from node.transfer.openings import OpenData

log = logging.getLogger("hansa.bridges")

_STEADY: Final = timedelta(seconds=30)
_SAVE_SECONDS: Final = 0.5
"""Between two stored places, while observations come."""
_WAITING: Final = 1000
"""Events that wait for the broker."""
_MOST_SENT: Final = 200
"""Observations that go to the broker together."""

Events = Callable[[AsyncExitStack, str, str, str, str], Awaitable[AsyncIterator[bytes]]]
"""Opens the events of a stream within a stack: of an address, with the value of the Authorization header, after a
place, from a time."""


@dataclass(slots=True)
class _Carriage:
    """A bridge that this process carries."""

    bridge: Bridge
    progress: BridgeProgress
    queue: asyncio.Queue[StreamEvent | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))


class CarryBridges:
    """Carries all bridges that this process owns. ``owner`` names the process."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: BridgeStore,
        bridges: Bridges,
        *,
        sources: Sources,
        streams: OpenData,
        access: LiveAccess,
        events: Events,
        agent: Callable[[str], Caller],
        clock: Clock,
        owner: str,
        alone: bool,
    ) -> None:
        """``agent`` returns this node as a caller that acts for a person. ``alone``: no other process uses the
        database, so whatever is owned at the start was left by a process that has ended."""
        self._uow = uow
        self._store = store
        self._bridges = bridges
        self._sources = sources
        self._streams = streams
        self._access = access
        self._events = events
        self._agent = agent
        self._clock = clock
        self._owner = owner
        self._carriages: dict[str, _Carriage] = {}
        self._tasks: OwnedTasks[BridgeView] = OwnedTasks(
            "bridges",
            look=self._look,
            release=self._release,
            keep_up=self._keep_up,
            is_same=lambda view, other: view.bridge == other.bridge,
            owner=owner,
            alone=alone,
        )

    def wake(self) -> None:
        """Look at the bridges soon. From any thread."""
        self._tasks.wake()

    def progress(self, bridge_id: str) -> BridgeProgress | None:
        """Return the progress of a bridge, if this process carries it. From any thread."""
        carriage = self._carriages.get(bridge_id)
        return None if carriage is None else replace(carriage.progress, seen=self._clock.now())

    async def run(self) -> None:
        """Carry bridges until cancelled; then leave them to other processes."""
        await self._tasks.run()

    # which bridges ------------------------------------------------------------------------------------------

    @taken_in_turn
    def _look(self) -> Duties[BridgeView]:
        """Put off the end of what this process owns, and return it."""
        with self._uow.read() as tx:
            is_idle = self._tasks.is_idle and all(view.progress.ended for view in self._store.all(tx))
        if is_idle:
            return Duties()
        now = self._clock.now()
        with self._uow.begin(synced=False) as tx:
            until = now + timedelta(seconds=OWN_SECONDS)
            views = self._store.claim(tx, owner=self._owner, now=now, until=until)
        return Duties(own={view.bridge.id: view for view in views})

    @taken_in_turn
    def _release(self, owner: str | None) -> None:
        with self._uow.read() as tx:
            if not self._store.all(tx):
                return
        with self._uow.begin(synced=False) as tx:
            self._store.release(tx, owner=owner)

    async def _keep_up(self, view: BridgeView) -> None:
        carriage = self._carriages[view.bridge.id] = _Carriage(view.bridge, view.progress)
        try:
            await self._carry_on(carriage)
        finally:
            self._forget(carriage)

    def _forget(self, carriage: _Carriage) -> None:
        if self._carriages.get(carriage.bridge.id) is carriage:
            del self._carriages[carriage.bridge.id]

    # one bridge ---------------------------------------------------------------------------------------------

    async def _carry_on(self, carriage: _Carriage) -> None:
        """Carry a bridge until it ends, and again after a pause that grows with each failure."""
        pause = GrowingPause()
        while carriage.progress.ended is None:
            before = carriage.progress.deliveries
            try:
                await self._carry(carriage)
                continue
            except HansaError as error:
                problem = error
            except Exception as error:
                log.exception("a bridge could not be carried", extra={"bridge": carriage.bridge.id})
                problem = LocalFault(
                    f"the node could not carry the stream: {type(error).__name__}",
                    remedy="the reason is in the log of the node",
                )
            if not await self._may_pass(carriage.bridge, problem):
                await self._conclude(carriage, _end_of(problem))
                return
            since = carriage.progress.since
            if carriage.progress.deliveries > before or (since and self._clock.now() - since >= _STEADY):
                pause.reset()
            carriage.progress = replace(
                carriage.progress,
                since=None,
                code=problem.code,
                error=problem.detail,
                remedy=problem.remedy,
                error_at=carriage.progress.error_at if carriage.progress.state == "failing" else self._clock.now(),
            )
            await self._save(carriage)
            await pause.wait()

    async def _carry(self, carriage: _Carriage) -> None:
        """Connect both sides, and pass on what comes until one of them breaks off or the stream ends."""
        bridge = carriage.bridge
        by = self._agent(bridge.by)
        transfer = await self._streams.open(bridge.agreement, by, bridge.file or None)
        connection = await off_loop(open_destination, self._sources, bridge.source, bridge.topic)
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(connection.open_topic(bridge.topic))
            has_begun = carriage.progress.error_at is not None or self._clock.now() - bridge.at > _STEADY
            start = bridge.start or (bridge.at if has_begun else None)
            begin = "" if carriage.progress.place or start is None else stamp(start)

            async def open_events(address: OpenAddress) -> AsyncIterator[bytes]:
                place = carriage.progress.place
                return await self._events(stack, address.endpoint, address.authorization, place, begin)

            chunks = await self._access.use(transfer.pid, by, open_events)
            carriage.progress = replace(carriage.progress, since=self._clock.now(), error="", remedy="", code="")
            await self._save(carriage)
            carriage.queue = asyncio.Queue(_WAITING)
            reading = asyncio.create_task(_read(chunks, carriage.queue))
            try:
                opens_again = await self._pass_on(carriage, session, is_limited=bool(begin))
            finally:
                reading.cancel()
                outcome = (await asyncio.gather(reading, return_exceptions=True))[0]
            if carriage.progress.ended is None and not opens_again:
                if isinstance(outcome, HansaError):
                    raise outcome
                raise PeerUnreachable(
                    "the provider has closed the connection without a reason", remedy="this node tries again"
                )

    async def _pass_on(self, carriage: _Carriage, session: EventSession, *, is_limited: bool) -> bool:
        """Send what the queue has until the stream breaks off or ends. ``is_limited``: the provider leaves out what
        was observed before a time, so the stream is to be opened again as soon as there is a place; return whether
        that is why this one is left."""
        loop = asyncio.get_running_loop()
        is_saved, due = True, 0.0
        while True:
            try:
                patience = None if is_saved else max(0.0, due - loop.time())
                event = await asyncio.wait_for(carriage.queue.get(), patience)
            except TimeoutError:
                await self._save(carriage)
                is_saved = True
                continue
            events = [event]
            while len(events) < _MOST_SENT and not carriage.queue.empty():
                events.append(carriage.queue.get_nowait())
            had_place = bool(carriage.progress.place)
            ending = await self._send(carriage, session, events)
            if is_saved:
                # Without a place, a crash would lose what the provider has had before.
                is_saved, due = False, loop.time() + (_SAVE_SECONDS if had_place else 0.0)
            if ending is not None:
                await self._conclude(carriage, ending)
                return False
            opens_again = is_limited and bool(carriage.progress.place) and carriage.queue.empty()
            if None in events or opens_again:
                await self._save(carriage)
                return None not in events
            if loop.time() >= due:
                await self._save(carriage)
                is_saved = True

    async def _send(
        self, carriage: _Carriage, session: EventSession, events: list[StreamEvent | None]
    ) -> BridgeProgress | None:
        """Send the observations among ``events``, and note the place after them. Return the end of the bridge if the
        provider has ended the stream."""
        now, messages = self._clock.now(), []
        place, gaps, ending = "", 0, None
        for event in events:
            if event is None:
                break
            place = event.id or place
            if event.name == "observation":
                messages.append(_message(event.data, carriage.bridge.key, now))
            elif event.name == "gap":
                gaps += 1
            elif event.name == "end":
                reasons = event.data.get("reasons")
                ending = BridgeProgress(
                    code=_text(event.data.get("code")),
                    error=_text(event.data.get("reason")) or "the provider has ended the stream",
                    remedy=_text(event.data.get("remedy")),
                    reasons=tuple(reasons[:10]) if isinstance(reasons, list) else (),
                )
        refusals = await _deliver(session, messages) if messages else 0
        progress = carriage.progress
        carriage.progress = replace(
            progress,
            place=place or progress.place,
            deliveries=progress.deliveries + len(messages) - refusals,
            refusals=progress.refusals + refusals,
            gaps=progress.gaps + gaps,
        )
        return ending

    async def _may_pass(self, bridge: Bridge, problem: HansaError) -> bool:
        """Return whether a later attempt makes sense: nobody refused it, and a paused transfer may go on."""
        if isinstance(problem, PeerUnreachable | LocalFault | Overloaded | TooMany):
            return True
        if not isinstance(problem, Conflict) or "code" in problem.facts:
            return False
        return await off_loop(self._bridges.is_in_force, bridge.agreement)

    async def _save(self, carriage: _Carriage) -> None:
        progress = replace(carriage.progress, seen=self._clock.now())
        if not await off_loop(self._note, carriage.bridge.id, progress):
            raise LocalFault("another process carries this bridge now")

    @taken_in_turn
    def _note(self, bridge_id: str, progress: BridgeProgress) -> bool:
        with self._uow.begin(synced=False) as tx:
            return self._store.note(tx, bridge_id, progress, owner=self._owner)

    async def _conclude(self, carriage: _Carriage, ending: BridgeProgress) -> None:
        """Store that a bridge has ended, and why."""
        now = self._clock.now()
        carriage.progress = replace(
            carriage.progress,
            since=None,
            seen=now,
            ended=now,
            code=ending.code,
            error=ending.error,
            remedy=ending.remedy,
            reasons=ending.reasons,
            error_at=now,
        )
        log.warning("a bridge ended: %s", ending.error, extra={"bridge": carriage.bridge.id})
        await off_loop(self._write_end, carriage.bridge, carriage.progress)
        # Whoever begins it again must find nothing of this one.
        self._forget(carriage)

    @taken_in_turn
    def _write_end(self, bridge: Bridge, progress: BridgeProgress) -> None:
        with self._uow.begin() as tx:
            if self._store.note(tx, bridge.id, progress, owner=self._owner):
                self._bridges.note(tx, bridge, "node", "bridge-ended", reason=progress.error)


async def _read(chunks: AsyncIterator[bytes], queue: asyncio.Queue[StreamEvent | None]) -> None:
    """Put the events of a stream into a queue; None is behind the last one, however it ended."""
    try:
        async with aclosing(events_of(chunks)) as events:
            async for event in events:
                await queue.put(event)
    except Exception:
        await queue.put(None)
        raise
    await queue.put(None)


async def _deliver(session: EventSession, messages: list[OutgoingMessage]) -> int:
    """Send messages; return how many of them the broker does not take, because of themselves."""
    try:
        await session.send(messages)
    except SinkRefuses:
        if len(messages) == 1:
            return 1
        half = len(messages) // 2
        return await _deliver(session, messages[:half]) + await _deliver(session, messages[half:])
    return 0


def _message(observation: dict[str, Any], key: str, now: datetime) -> OutgoingMessage:
    body = json.dumps(observation, ensure_ascii=False, separators=(",", ":")).encode()
    return OutgoingMessage(
        key=key_of(observation, key), media_type="application/json", properties={}, body=body, at=now
    )


def _end_of(problem: HansaError) -> BridgeProgress:
    reasons = problem.facts.get("reasons")
    return BridgeProgress(
        code=str(problem.facts.get("code") or problem.code),
        error=problem.detail,
        remedy=problem.remedy,
        reasons=tuple(reasons[:10]) if isinstance(reasons, list) else (),
    )


def _text(value: Any) -> str:
    return " ".join(value.split())[:500] if isinstance(value, str) else ""
