"""Notices of a followed node that its feed has changed: an answer that waits for the change (RFC 7240, ``wait``)."""

from __future__ import annotations

import asyncio
from typing import Final

from federation.replicate.model import Fetch
from node.api import PeerUnreachable

WAIT: Final = 20
"""Seconds for which the followed node may wait with its answer."""

_MOST_EARLY: Final = 5
"""So many answers in a row that tell of no change, and did not wait, are no notices."""

_TAG: Final = 256
"""The longest entity tag that is sent back."""


class Notices:
    """The notices of one node. ``wait_for_change`` is to be called again and again."""

    def __init__(self, fetch: Fetch, url: str, did: str) -> None:
        self._fetch = fetch
        self._early = 0
        self._url = f"{url}/feed/heads"
        self._did = did
        self._tag = ""

    async def wait_for_change(self) -> bool | None:
        """Wait for an answer. Return whether the feed has changed since the last call (the first call does not wait),
        or None if the node does not give notices to this one: it is another product, an older version, or has too
        many that wait. Raises ``PeerUnreachable``.
        """
        began = asyncio.get_running_loop().time()
        known = {"If-None-Match": self._tag} if self._tag else {}
        headers = {"Accept": "application/json", **known}
        status, answer, _ = await self._fetch(self._url, headers, audience=self._did, wait=WAIT)
        fields = {name.lower(): value for name, value in answer.items()}
        if status >= 500 or status in (401, 408, 429):
            raise PeerUnreachable(f"{self._url} answers with status {status}")
        if status not in (200, 304) or "wait" not in fields.get("preference-applied", ""):
            return None
        if status == 304:
            early = asyncio.get_running_loop().time() - began < WAIT / 2
            self._early = self._early + 1 if early else 0
            # Some proxies answer for the node, at once.
            return False if self._early < _MOST_EARLY else None
        self._tag = fields.get("etag", "")
        return True if 0 < len(self._tag) <= _TAG else None
