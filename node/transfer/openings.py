"""Transfers that this node needs at once: many who ask open one, and wait until the provider starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Final, Protocol
from weakref import WeakValueDictionary

from anyio.to_thread import run_sync

from node.transfer import machine
from node.transfer.model import Transfer

_LOOK_AGAIN: Final = 0.25


class Watch(Protocol):
    """Waits for a commit, for at most so many seconds."""

    async def wait(self, seconds: float) -> None: ...


class Openings:
    """Opens transfers. ``watch`` waits for changes of a transfer, ``patience`` is how many seconds the provider has
    to start it."""

    def __init__(self, *, watch: Callable[[str], AbstractContextManager[Watch]], patience: float) -> None:
        self._watch = watch
        self._patience = patience
        # A lock exists as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def open(
        self,
        key: Hashable,
        *,
        find: Callable[[], Transfer | None],
        request: Callable[[], Transfer],
        read: Callable[[str], Transfer | None],
    ) -> Transfer:
        """Return the transfer that ``find`` returns, or else ``request``; callers with the same ``key`` get the same.

        It is started with an address, suspended or ended; or the provider has not started it in time. ``find``,
        ``request`` and ``read``, which returns a transfer by its id, run in threads. Raises their errors.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = await run_sync(find)
            transfer = await run_sync(request) if known is None else known
        # Many wait at the same time: none of them waits for the patience of another.
        ends = asyncio.get_running_loop().time() + self._patience
        with self._watch(transfer.pid) as watch:
            while True:
                newest = await run_sync(read, transfer.pid)
                transfer = transfer if newest is None else newest
                rest = ends - asyncio.get_running_loop().time()
                if is_open(transfer) or is_over(transfer) or transfer.state == machine.SUSPENDED or rest <= 0:
                    return transfer
                await watch.wait(min(rest, _LOOK_AGAIN))


def is_open(transfer: Transfer) -> bool:
    """Return whether the provider gives access now."""
    return transfer.state == machine.STARTED and bool(transfer.data_address)


def is_over(transfer: Transfer) -> bool:
    """Return whether it has ended and will not start again."""
    return transfer.state in machine.TABLE.terminal
