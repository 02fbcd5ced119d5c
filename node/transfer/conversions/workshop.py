"""The provider's work on a conversion: make the file that a requested transfer waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Overloaded
from node.base.work import UnitOfWork
from node.exchange.ports import AssetStore
from node.negotiation.ports import AgreementStore
from node.transfer.conversions.content import Contents, Unmade
from node.transfer.conversions.model import Conversion, ConversionStore, Convert, Order, facts_of
from node.transfer.model import Transfer

PLACES: Final = 2
"""Conversions that are made at a time."""
KEPT: Final = timedelta(days=2)
"""The time after which nothing of a conversion is left that was not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeConversion:
    """Makes conversions, each order once. ``space`` is how many bytes of them the node keeps at a time."""

    work: UnitOfWork
    contents: Contents
    agreements: AgreementStore
    conversions: ConversionStore
    assets: AssetStore
    convert: Convert
    clock: Clock
    space: int
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def run(self, transfer: Transfer) -> None:
        """Make the file that ``transfer`` waits for, unless it is there, or the transfer opens nothing any more.

        Raises ``InvalidInput`` for data of which it cannot be made, ``TooLarge``, ``Overloaded`` and ``LocalFault``.
        """
        order = await run_sync(self._order, transfer)
        if order is None:
            return
        async with self._locks.setdefault(order.key, asyncio.Lock()), self._places:
            if await run_sync(self._order, transfer) is None:
                return
            await run_sync(self._require_space)
            product = await self.convert(order)
            conversion = Conversion(
                key=order.key,
                sha256=product.sha256,
                size=product.size,
                name=order.wish.name_of(order.name),
                media_type=order.wish.media_type,
                facts=facts_of(order, product, is_part=not _is_whole(order)),
                at=self.clock.now(),
            )
            await run_sync(self._keep, conversion)

    def _order(self, transfer: Transfer) -> Order | None:
        with self.work.read() as tx:
            content = self.contents.find(tx, transfer, self.agreements.get(tx, transfer.agreement))
        return content.order if isinstance(content, Unmade) else None

    def _require_space(self) -> None:
        with self.work.read() as tx:
            sizes = {
                known.sha256: known.size
                for known in self.conversions.since(tx, self.clock.now() - KEPT)
                if self.assets.has(known.sha256)
            }
        if sum(sizes.values()) >= self.space:
            raise Overloaded(
                "the provider keeps as many converted files as it can at the moment",
                remedy="get the file as it is, or try again tomorrow",
            )

    def _keep(self, conversion: Conversion) -> None:
        with self.work.begin() as tx:
            self.conversions.forget(tx, self.clock.now() - KEPT)
            self.conversions.put(tx, conversion)


def _is_whole(order: Order) -> bool:
    part = order.part
    return part.columns is None and not part.rows and not part.forms and not part.group
