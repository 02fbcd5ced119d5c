"""The times at which feeds are read: each at its interval, at once on request, less often after errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from federation.members import STOPPED, TROUBLED, Members
from federation.replicate.client import Replicate
from federation.replicate.model import ForkedFeed, Outcome, QuotaReached
from node.api import QUARANTINE, Clock, Followed, HansaError, UnitOfWork

log = logging.getLogger("hansa.federation")

RUN_LIMIT = 300.0
"""Seconds that one run may take."""

COMPARE_EACH = 12
"""A node is asked for the heads that it has seen once in so many intervals: a fork can wait that long."""

NOTED_EACH = timedelta(minutes=1)

Listen = Callable[[str, str], Awaitable[object]]
"""(URL, DID) of a node: compare the heads that it has seen with ours."""


@dataclass(slots=True)
class Contact:
    """The latest contacts of this process with a node; lost at a restart, and soon known again."""

    seen: datetime | None = None
    changed: datetime | None = None
    failures: int = 0
    due: float = 0.0
    compare: float = 0.0
    """The time at which it is asked again for the heads that it has seen."""


class Poll:
    """Runs ``Replicate`` for every followed node."""

    def __init__(
        self,
        *,
        members: Members,
        replicate: Replicate,
        uow: UnitOfWork,
        clock: Clock,
        interval: float = 30.0,
        longest: float = 900.0,
        at_once: int = 4,
        on_change: Callable[[], None] = lambda: None,
        listen: Listen | None = None,
        region: Callable[[], tuple[str, str] | None] = lambda: None,
        compare_each: int = COMPARE_EACH,
    ) -> None:
        """``interval`` seconds between runs, doubled with every failure up to ``longest``; ``on_change`` is called
        for new entries, so that sequencer and views need not wait for their own timer.

        ``listen`` is called once in ``compare_each`` intervals for every followed node, to ask which heads it has
        seen of others, and for the ``region`` (URL, DID), which need not be followed.
        """
        self._members = members
        self._replicate = replicate
        self._uow = uow
        self._clock = clock
        self._interval = interval
        self._longest = longest
        self._gate = asyncio.Semaphore(at_once)
        self._on_change = on_change
        self._listen_to = listen
        self._region = region
        self._pause = interval * compare_each
        self._wake = asyncio.Event()
        self._calls = 0
        self._contacts: dict[str, Contact] = {}

    def contact(self, url: str) -> Contact:
        return self._contacts.setdefault(url, Contact())

    def wake(self) -> None:
        """Read all feeds now; feeds that are being read are read once more. To be called on the event loop."""
        self._calls += 1
        for contact in self._contacts.values():
            contact.due = contact.compare = 0.0
        self._wake.set()

    async def forever(self) -> None:
        """Poll until cancelled. A problem with one node never stops the others."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            try:
                members = await self._members.all()
            except HansaError as error:
                log.warning("the list of followed nodes cannot be read: %s", error.detail)
                await asyncio.sleep(min(self._interval, 5.0))
                continue
            due = [member for member in members if self.contact(member.url).due <= loop.time()]
            await asyncio.gather(*(self._poll_member(member) for member in due))
            await self._ask_region(members)
            waits = [self.contact(member.url).due for member in members]
            pause = max(0.0, min(waits, default=loop.time() + self._interval) - loop.time())
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def once(self) -> list[Outcome]:
        """Read every feed once, one run each; return the outcomes of the feeds that could be read."""
        members = await self._members.all()
        outcomes = await asyncio.gather(*(self._poll_member(member) for member in members))
        await self._ask_region(members)
        return [outcome for outcome in outcomes if outcome is not None]

    async def _poll_member(self, member: Followed) -> Outcome | None:
        contact = self.contact(member.url)
        loop = asyncio.get_running_loop()
        if member.state == QUARANTINE:
            contact.due = loop.time() + self._interval
            return None
        calls = self._calls
        outcome: Outcome | None = None
        try:
            async with self._gate, asyncio.timeout(RUN_LIMIT):
                outcome = await self._replicate.run(member)
        except ForkedFeed as error:
            log.warning("%s is in quarantine: %s", member.url, error.detail)
        except (HansaError, TimeoutError) as error:
            reason = _error_text(error) if isinstance(error, HansaError) else "reading its feed took too long"
            await self._trouble(member, reason, STOPPED if isinstance(error, QuotaReached) else TROUBLED)
        except Exception:
            # A bug of ours must not end the loop; the log informs the operator, the list of members its readers.
            log.exception("reading the feed of %s failed", member.url)
            await self._trouble(
                member, "this node could not read the feed because of an internal error; the cause is in its log"
            )
        pause = self._interval
        if outcome is None:
            contact.failures += 1
            pause = min(self._interval * 2 ** min(contact.failures, 16), self._longest)
        # During this run a caller may have learned of something that was published after the run began.
        at_once = calls != self._calls or (outcome is not None and outcome.more)
        contact.due = loop.time() + (0.0 if at_once else pause)
        if outcome is None:
            return None
        contact.failures = 0
        contact.seen = self._clock.now()
        await self._note_contact(member.url, contact.seen, current=not outcome.more)
        if outcome.added:
            contact.changed = contact.seen
            self._on_change()
        await self._listen(member.url, str(member.did))
        return outcome

    async def _ask_region(self, members: Sequence[Followed]) -> None:
        """Ask the region for the heads that it has seen, unless it is followed and therefore asked already."""
        region = self._region()
        if region is None or region[1] in {member.did for member in members}:
            return
        if members:
            await self._listen(*region)

    async def _listen(self, url: str, did: str) -> None:
        contact, now = self.contact(url), asyncio.get_running_loop().time()
        if self._listen_to is None or contact.compare > now:
            return
        contact.compare = now + self._pause
        try:
            async with self._gate, asyncio.timeout(RUN_LIMIT):
                await self._listen_to(url, did)
        except TimeoutError:
            log.info("comparing the heads that %s has seen took too long", url)
        except Exception:
            # As with a run: a bug of ours must not end the loop.
            log.exception("comparing the heads that %s has seen failed", url)

    async def _note_contact(self, url: str, at: datetime, *, current: bool) -> None:
        """Record that the feed was read, for the other processes of this node.

        Written at most once a minute, and when ``current`` (all was read) changes.
        """

        def write() -> None:
            with self._uow.read() as tx:
                stored = self._members.stored_member(tx, url)
            if stored is None:
                return
            if stored.current == current and stored.seen is not None and at - stored.seen < NOTED_EACH:
                return
            with self._uow.begin() as tx:
                stored = self._members.stored_member(tx, url)
                if stored is not None:
                    self._members.save(tx, replace(stored, seen=at, current=current))

        await asyncio.to_thread(write)

    async def _trouble(self, member: Followed, reason: str, state: str = TROUBLED) -> None:
        log.info("the feed of %s has a problem: %s", member.url, reason)

        def write() -> None:
            with self._uow.begin() as tx:
                stored = self._members.stored_member(tx, member.url)
                wanted = stored and replace(stored, state=state, last_error=reason[:500])
                if wanted is not None and wanted != stored:
                    self._members.save(tx, wanted)

        await asyncio.to_thread(write)


def _error_text(error: HansaError) -> str:
    return f"{error.detail}; {error.remedy}" if error.remedy else error.detail
