"""The provider's side of a push: send the bytes to the address that the consumer named.

A push is a durable task. It is authorised when it begins and again while it runs, like a read. A push that breaks off
is begun again from its first byte, because no message reports how much the other side has.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from node.base.errors import ForbiddenAddress, LocalFault, PeerUnreachable, RemoteFault
from node.exchange.delivery import Delivery
from node.exchange.offloop import close_stream
from node.exchange.ports import BytePlane
from node.transfer.access import AuthoriseAccess
from node.transfer.addresses import PushAddress, read_push_address
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.model import Transfer
from node.transfer.preconditions import Access

_PIECE: Final = 256 * 1024
_HARMLESS: Final = "application/octet-stream"


class SinkRefused(RemoteFault):
    """The address that the consumer named does not accept the bytes."""

    code = "sink-refused"
    title = "The address does not accept the bytes"


class DeliveryRefused(PeerUnreachable):
    """The address received every byte, and then answered that it cannot accept them now, or did not answer."""


MOST_IN_VAIN: Final = 5
_FIRST_PAUSE: Final = 5.0
_PAUSES_GROW: Final = 6
_SMALL: Final = 1024 * 1024
"""Up to this size, bytes may be sent as often as a message."""
_REMEMBERED: Final = 10_000


class InVain:
    """Counts how often the bytes of a push were sent in full without success. Otherwise an address that takes
    gigabytes and then asks the sender to wait would receive them day and night. A restart loses the count, which then
    starts again."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def pause(self, push: str) -> float | None:
        """Count one more; return the seconds until they may be sent again, or None if that was the last time."""
        count = self._counts.pop(push, 0) + 1
        if count >= MOST_IN_VAIN:
            return None
        self._counts[push] = count
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return _FIRST_PAUSE * float(_PAUSES_GROW ** (count - 1))


class _Stopped(LocalFault):
    """During a push this node has lost the permission to go on with it."""

    def __init__(self, refusal: RemoteFault) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(slots=True)
class _Progress:
    whole: bool = False
    """The last byte was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBytes:
    """Sends the bytes of a started transfer. ``recheck_bytes`` and ``recheck_seconds`` set how often the permission
    is checked again."""

    authorise: AuthoriseAccess
    deliveries: OpenDelivery
    manifests: SignManifest
    plane: BytePlane
    recheck_bytes: int = 64 * 1024 * 1024
    recheck_seconds: float = 5.0

    async def run(self, transfer: Transfer) -> None:
        """Push until the consumer has taken the last byte.

        Raises ``NotAllowed`` if this node may not push, or may no longer; ``PeerUnreachable`` and ``LocalFault`` if a
        retry makes sense, among them ``DeliveryRefused`` if many bytes were sent in full; ``SinkRefused`` if the
        address refuses the bytes, and ``ForbiddenAddress`` if this node sends nothing to such an address.
        """
        address = read_push_address(transfer.data_address)
        access = await self.authorise.authorise_push(transfer.pid)
        delivery = await self.deliveries(access)
        headers = await self._headers(address, access, delivery)
        await self.authorise.begin(access, 0, delivery.size)
        source = await delivery.read(0, delivery.size)
        progress = _Progress()
        try:
            await self.plane.push(
                address.method,
                address.endpoint,
                headers=headers,
                chunks=self._watch(access, source, progress),
                size=delivery.size,
            )
        except _Stopped as stopped:
            raise stopped.refusal from None
        except PeerUnreachable as error:
            if progress.whole and delivery.size > _SMALL:
                raise DeliveryRefused(error.detail) from error
            raise
        except ForbiddenAddress:
            raise
        except RemoteFault as refusal:
            # A text from a stranger's address must not look like a decision of this node.
            raise SinkRefused(f"the target address refused the bytes: {refusal.detail}") from refusal
        finally:
            await close_stream(source)
        await self.authorise.record_delivery(access, delivery.size)

    async def _headers(self, address: PushAddress, access: Access, delivery: Delivery) -> dict[str, str]:
        typed = delivery.media_type if delivery.media_type.isascii() and delivery.media_type.isprintable() else ""
        headers = {"Content-Type": typed or _HARMLESS}
        if address.header is not None:
            headers[address.header[0]] = address.header[1]
        if address.manifest_header is not None:
            headers[address.manifest_header] = await self.manifests(access)
        return headers

    async def _watch(self, access: Access, source: AsyncIterator[bytes], progress: _Progress) -> AsyncIterator[bytes]:
        last_check, since_check = time.monotonic(), 0
        async for block in source:
            view = memoryview(block)
            while view:
                now = time.monotonic()
                if since_check >= self.recheck_bytes or now - last_check >= self.recheck_seconds:
                    try:
                        await self.authorise.still(access)
                    except RemoteFault as refusal:
                        raise _Stopped(refusal) from refusal
                    last_check, since_check = time.monotonic(), 0
                piece, view = view[:_PIECE], view[_PIECE:]
                since_check += len(piece)
                yield bytes(piece)
        progress.whole = True
