"""The consumer's side of a window of a stream: fetched under an agreement, and hashed here again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, moment
from node.base.errors import InvalidInput, PeerUnreachable
from node.base.ids import new_urn
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.datasources.streams.windows import MOST, Window, WindowQuestion
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses, limits_uses
from node.transfer.live.access import LiveAccess, OpenAddress
from node.transfer.openings import OpenData

_DEEPEST: Final = 40
"""An observation may be nested as deeply as a message, and lies two levels deeper here."""
_LONGEST_POSITION: Final = 2000
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""By so much the clocks of two nodes may differ, and an answer may take."""

Fetch = Callable[[str, str, WindowQuestion], Awaitable[bytes]]
"""Fetches the document of a window from an address, with the value of the Authorization header."""


class PartnerWindows:
    """Windows of the streams of others."""

    def __init__(
        self, work: UnitOfWork, *, streams: OpenData, access: LiveAccess, fetch: Fetch, uses: Uses, clock: Clock
    ) -> None:
        self._work = work
        self._streams = streams
        self._access = access
        self._fetch = fetch
        self._uses = uses
        self._clock = clock

    async def __call__(
        self, agreement: Agreement, question: WindowQuestion, by: Caller, *, file: str | None = None
    ) -> Window:
        """Return the window of the stream under an agreement of ours. ``file`` names it, if there are several.

        Its hash was computed here and is the one that the provider states. Raises ``NotAllowed``, ``NotFound``,
        ``Conflict`` if the provider does not open the stream, ``PeerUnreachable``, also for an answer that is not the
        window, and the provider's refusal of the question.
        """
        self._streams.require_role(by)
        transfer = await self._streams.open(agreement.id, by, file)

        async def fetch(address: OpenAddress) -> bytes:
            return await self._fetch(address.endpoint, address.authorization, question)

        document = await self._access.use(transfer.pid, by, fetch)
        if limits_uses(agreement.body):
            await run_sync(self._count_use, agreement)
        return await run_sync(read_window, document, question, self._clock.now())

    def _count_use(self, agreement: Agreement) -> None:
        """Count a window as the provider counts it. Its count decides; this one shows how many uses are left."""
        with self._work.begin() as tx:
            self._uses.note(tx, agreement.id, new_urn())


def read_window(document: bytes, question: WindowQuestion, now: datetime) -> Window:
    """Return the window in the answer of a provider that came at ``now``. Raises ``PeerUnreachable`` if
    it is not the one that was asked for, or its hash is not the one of its observations."""
    try:
        members = read_object(document, max_depth=_DEEPEST)
        rows, position = members.get("observations"), members.get("position")
        start, end = _moment(members, "from"), _moment(members, "to")
    except InvalidInput as error:
        raise _mismatch(error.detail) from error
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows) or not 0 < len(rows) <= MOST:
        raise _mismatch("it has no observations, or too many")
    if not isinstance(position, str) or not 0 < len(position) <= _LONGEST_POSITION:
        raise _mismatch("it names no position")
    is_asked = end - start == question.last if question.last else (start, end) == (question.start, question.end)
    if not is_asked:
        raise _mismatch("it is of another period")
    if question.last and abs(now - end) > _CLOCKS_DIFFER:
        raise _mismatch("it does not end now; perhaps the clock of one of the nodes is wrong")
    body = canonical(rows, fractions=True)
    sha256 = hashlib.sha256(body).hexdigest()
    if members.get("sha256") != sha256:
        raise _mismatch("its SHA-256 is not that of its observations")
    late = members.get("late")
    window = Window(
        start=start,
        end=end,
        position=position,
        count=len(rows),
        sha256=sha256,
        late=late if isinstance(late, int) and not isinstance(late, bool) and late > 0 else 0,
        body=body,
    )
    # A sealed position is another text each time.
    return replace(window, position=question.position) if question.position else window


def _moment(members: Mapping[str, Any], name: str) -> datetime:
    try:
        return moment(str(members.get(name)))
    except ValueError as error:
        raise _mismatch(f"{name} is no time") from error


def _mismatch(why: str) -> PeerUnreachable:
    return PeerUnreachable(
        f"the provider's answer is not the window that was asked for: {why}",
        remedy="ask the provider which version of Hansa it runs",
    )
