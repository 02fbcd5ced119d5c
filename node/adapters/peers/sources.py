"""Pages of catalogues on the web, fetched by the egress client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from node.adapters.egress import Egress, Lane
from node.base.errors import ForbiddenAddress, PeerUnreachable, TooLarge
from node.catalogue.harvest.source_pages import Answer
from node.semantics.harvest.refusals import source_fault

SECONDS: Final = 300.0
"""For one page: portals compute theirs at the request."""


class WebSources:
    """Fetches pages from the web."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def get(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Answer:
        """Return the answer of the source. Raises ``ForbiddenAddress``, ``PeerUnreachable`` and ``TooLarge``."""
        try:
            answer = await self._egress.request(
                "GET", url, headers=headers, timeout=SECONDS, max_bytes=max_bytes, lane=Lane.BYTES
            )
        except TimeoutError as error:
            raise source_fault(PeerUnreachable, "silent", address=url) from error
        except PeerUnreachable as error:
            raise source_fault(PeerUnreachable, "unreachable", address=url, reason=error.detail) from error
        except ForbiddenAddress as error:
            raise source_fault(ForbiddenAddress, "host", address=url, reason=error.detail) from error
        except TooLarge as error:
            raise source_fault(TooLarge, "bytes", address=url, megabytes=max_bytes >> 20) from error
        return Answer(status=answer.status, headers=answer.headers, body=answer.body, url=answer.url)
