"""Sending a file to a bucket and to a web server: what both have in common, its pieces and the words for faults."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from typing import Final

from node.adapters.egress.client import Answer
from node.base.errors import HansaError, LocalFault, PeerUnreachable
from node.datasources.errors import (
    DataSourceRefuses,
    DataSourceSlow,
    DataSourceUnreachable,
    SinkOccupied,
    SinkRefuses,
)
from node.datasources.sinks import WAIT, Parcel
from node.exchange.offloop import off_loop

PIECE: Final = 256 * 1024
"""Bytes of a file that are read at once."""
IDLE: Final = 30.0
"""Seconds without a byte after which a connection is given up."""
SLOWEST: Final = 1024
"""Bytes in a second that a server takes at least."""

_KNOWN_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)


def content_type(parcel: Parcel) -> str:
    """Return the media type of a parcel, or the one of any bytes if it is none that a header may hold."""
    return parcel.media_type if _KNOWN_TYPE.fullmatch(parcel.media_type) else "application/octet-stream"


async def pieces(file: int, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes of an open file from ``start`` to before ``end``. Raises ``LocalFault`` if there are fewer."""
    while start < end:
        piece = await off_loop(os.pread, file, min(PIECE, end - start), start)
        if not piece:
            raise LocalFault("the received file became shorter while it was sent")
        start += len(piece)
        yield piece


def unreachable(error: PeerUnreachable) -> HansaError:
    """Return the error of a data source for a request that got no answer."""
    if "redirect" in error.detail:
        return _redirect_refusal()
    detail = error.detail.replace("the peer's", "the data source's").replace("the peer", "the data source")
    kind = DataSourceSlow if "in time" in detail else DataSourceUnreachable
    return kind(detail, remedy="this node tries again")


def occupation(path: str, kind: type[SinkOccupied] = SinkOccupied) -> SinkOccupied:
    """Return the error for a place at which something else is."""
    return kind(f"there is something else at {path} already", remedy="choose another place, or move what is there")


def change(path: str) -> SinkOccupied:
    """Return the error for a file that is to be deleted, but is not the one that was sent."""
    return SinkOccupied(f"{path} was changed since this node sent it", remedy="look at it, and delete it by hand")


def require_done(answer: Answer, path: str, code: str = "") -> None:
    """Raise unless the server did what it was asked for ``path``: what may pass as unreachable or slow, what will not
    as a refusal. ``code`` is the server's own word for it."""
    code = code or f"status {answer.status}"
    match answer.status:
        case status if 200 <= status < 300:
            return
        case status if 300 <= status < 400:
            raise _redirect_refusal()
        case 401 | 403 | 407:
            raise DataSourceRefuses(
                f"the data source refuses the credentials of this node, or that it writes ({code})",
                remedy="its steward gives others: hansa source add",
            )
        case 412:
            raise occupation(path)
        case 413:
            raise SinkRefuses(
                f"the file is larger than the data source takes ({code})",
                remedy="have its limit raised, then try again, or send it elsewhere",
            )
        case 429 | 503:
            raise DataSourceSlow(
                f"the data source is busy ({code})",
                remedy="this node tries again",
                facts={WAIT: answer.headers.get("Retry-After", "")[:100]},
            )
        case 507:
            raise DataSourceUnreachable("the data source is full", remedy="make room there: this node tries again")
        case status if status in (408, 409, 425) or (status >= 500 and status != 501):
            raise DataSourceUnreachable(f"the data source answers {code}", remedy="this node tries again")
        case _:
            raise SinkRefuses(
                f"the data source does not take the data ({code})", remedy="check its address and rights"
            )


def _redirect_refusal() -> SinkRefuses:
    return SinkRefuses(
        "the data source answers with a redirect, which this node does not follow",
        remedy="its steward gives the final address: hansa source add",
    )
