"""The times at which feeds are read: each at its interval or when its node reports a change, at once on request, less
often after errors. Each is read by a task of its own, so that a slow node delays no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from federation.members import STOPPED, TROUBLED, Members
from federation.replicate.client import Replicate
from federation.replicate.model import Fetch, ForkedFeed, Outcome, QuotaReached
from federation.replicate.notices import Notices
from node.api import QUARANTINE, Clock, Followed, HansaError, UnitOfWork

log = logging.getLogger("hansa.federation")

RUN_LIMIT = 300.0
"""Seconds that one run may take."""

COMPARE_EACH = 12
"""A node is asked for the heads that it has seen once in so many intervals: a fork can wait that long."""

NOTIFIED = 12
"""A node that reports changes of its feed is read once in so many intervals even if it reports none."""

REST = 0.25
"""Seconds between two requests for notices; doubled, up to the interval, with every change after which nothing new
was found."""

NO_NOTICES = 900.0
"""Seconds after which a node that gives no notices is asked for them again."""

NOTED_EACH = timedelta(minutes=1)

Listen = Callable[[str, str], Awaitable[object]]
"""(URL, DID) of a node: compare the heads that it has seen with ours."""


@dataclass(slots=True)
class Contact:
    """The latest contacts of this process with a node; lost at a restart, and soon known again."""

    seen: datetime | None = None
    changed: datetime | None = None
    failures: int = 0
    calls: int = 0
    """The number of calls to read its feed at once."""
    due: float = 0.0
    compare: float = 0.0
    """The time at which it is asked again for the heads that it has seen."""
    notified: bool = False
    """True if the node reports changes of its feed: it is read at once then, and seldom otherwise."""
    no_notices: float = 0.0
    """The time before which the node is not asked for notices."""


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
        fetch: Fetch | None = None,
    ) -> None:
        """``interval`` seconds between runs, doubled with every failure up to ``longest``; ``on_change`` is called
        for new entries, so that sequencer and views need not wait for their own timer.

        ``listen`` is called once in ``compare_each`` intervals for every followed node, to ask which heads it has
        seen of others, and for the ``region`` (URL, DID), which need not be followed. With ``fetch``, the nodes are
        asked to report changes: one that does is read when it does, and once in ``NOTIFIED`` intervals.
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
        self._fetch = fetch
        self._wake = asyncio.Event()
        self._runs: dict[str, asyncio.Task[Outcome | None]] = {}
        self._notices: dict[str, asyncio.Task[None]] = {}
        self._contacts: dict[str, Contact] = {}

    def contact(self, url: str) -> Contact:
        return self._contacts.setdefault(url, Contact())

    def wake(self) -> None:
        """Read all feeds now; feeds that are being read are read once more. To be called on the event loop."""
        for contact in self._contacts.values():
            contact.compare = contact.no_notices = 0.0
            self._call(contact)
        self._wake.set()

    async def forever(self) -> None:
        """Poll until cancelled. A problem with one node never stops the others."""
        try:
            while True:
                self._wake.clear()
                try:
                    members = await self._members.all()
                except HansaError as error:
                    log.warning("the list of followed nodes cannot be read: %s", error.detail)
                    await asyncio.sleep(min(self._interval, 5.0))
                    continue
                self._begin(members)
                if not self._runs:
                    await self._ask_region(members)
                await self._rest(members)
        finally:
            tasks = [*self._runs.values(), *self._notices.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._runs.clear()
            self._notices.clear()

    def _begin(self, members: Sequence[Followed]) -> None:
        """Begin what is due, and end what belongs to nodes that are followed no more. Raises the error of a task."""
        for url in [url for url, task in self._runs.items() if task.done()]:
            self._runs.pop(url).result()
        followed = {member.url for member in members}
        for url, task in list(self._notices.items()):
            if task.done() or url not in followed:
                task.cancel()
                del self._notices[url]
        now = asyncio.get_running_loop().time()
        for member in members:
            contact = self.contact(member.url)
            if contact.due <= now and member.url not in self._runs:
                run = self._runs[member.url] = asyncio.create_task(self._poll_member(member))
                run.add_done_callback(lambda _: self._wake.set())
            readable = contact.seen is not None and contact.failures == 0 and member.state != QUARANTINE
            if self._fetch and readable and member.url not in self._notices and contact.no_notices <= now:
                self._notices[member.url] = asyncio.create_task(self._take_notices(self._fetch, member))

    async def _rest(self, members: Sequence[Followed]) -> None:
        """Wait until a run ends, somebody calls, or the next feed is due."""
        now = asyncio.get_running_loop().time()
        waits = [self.contact(member.url).due - now for member in members if member.url not in self._runs]
        try:
            async with asyncio.timeout(max(0.0, min([self._interval, *waits]))):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take_notices(self, fetch: Fetch, member: Followed) -> None:
        """Have the feed of ``member`` read whenever its node reports a change, until that fails."""
        contact, loop = self.contact(member.url), asyncio.get_running_loop()
        notices = Notices(fetch, member.url, str(member.did))
        pause, rest = NO_NOTICES, REST
        try:
            while (change := await notices.wait_for_change()) is not None:
                contact.notified = True
                contact.seen = self._clock.now()
                before = contact.changed
                if change:
                    self._call(contact)
                await asyncio.sleep(rest)
                if contact.failures:
                    pause = self._interval
                    break
                # Without this, a node that reports changes that are none would have its feed read without end.
                rest = REST if not change or contact.changed != before else min(2 * rest, self._interval)
        except HansaError as error:
            # The next run finds out what is wrong; if it fails too, the node is asked ever more rarely.
            log.info("%s reports no changes at the moment: %s", member.url, error.detail)
            pause = self._interval
        except Exception:
            # As with a run: a bug of ours must not end the loop.
            log.exception("taking notices of %s failed", member.url)
        contact.no_notices = loop.time() + pause
        if contact.notified:
            contact.notified = False
            self._call(contact)

    def _call(self, contact: Contact) -> None:
        """Have one feed read now; if it is being read, once more."""
        contact.calls += 1
        contact.due = 0.0
        self._wake.set()

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
        calls = contact.calls
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
        pause = self._interval * (NOTIFIED if contact.notified else 1)
        if outcome is None:
            contact.failures += 1
            pause = min(self._interval * 2 ** min(contact.failures, 16), self._longest)
        # During this run a caller may have learned of something that was published after the run began.
        at_once = calls != contact.calls or (outcome is not None and outcome.more)
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
                member_before = self._members.stored_member(tx, url)
            if member_before is None:
                return
            if (
                member_before.current == current
                and member_before.seen is not None
                and at - member_before.seen < NOTED_EACH
            ):
                return
            with self._uow.begin() as tx:
                member_before = self._members.stored_member(tx, url)
                if member_before is not None:
                    self._members.save(tx, replace(member_before, seen=at, current=current))

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
