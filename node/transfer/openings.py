"""Transfers that this node needs at once: many who ask open one, and wait until the provider starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Final, Protocol
from weakref import WeakValueDictionary

from anyio.to_thread import run_sync

from node.base.errors import Conflict
from node.base.plaintext import word
from node.dialogue.process import Exchange, Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.transfer import machine
from node.transfer.agreed_versions import require_version_there
from node.transfer.model import Reception, Transfer
from node.transfer.requests import TransferRequests

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


class TransferReader(Protocol):
    """Reads agreements and the transfers under them (``node.transfer.overview``)."""

    def agreement(self, agreement_id: str) -> Agreement: ...

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]: ...

    def transfers_under(
        self, agreement: Agreement, *, ended: bool = True
    ) -> list[tuple[Transfer, Reception | None]]: ...


class OpenData:
    """Data of providers that our people read or ask where they are. ``name`` says what is opened: *table*."""

    def __init__(
        self, *, overview: TransferReader, requests: TransferRequests, openings: Openings, form: str, name: str
    ) -> None:
        """``form`` is the transfer format."""
        self._overview = overview
        self._requests = requests
        self._openings = openings
        self._form = form
        self._name = name

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` unless ``by`` may open a transfer and read what it brings: a transfer that nobody may
        read is not opened."""
        require(by, UseCase.READ_RECEIVED)
        self._requests.require_role(by)

    async def open(self, agreement_id: str, by: Caller, file: str | None, *, version: int | None = None) -> Transfer:
        """Return the open transfer under an agreement of ours; many who ask at once open one. ``file`` names the
        file, if there are several, and ``version`` the version of the asset (None: the newest). Raises
        ``NotAllowed``, ``NotFound``, ``Gone`` for a version whose files are there no more, and ``Conflict`` if the
        provider does not open it."""
        transfer = await self._openings.open(
            (self._form, agreement_id, file, version),
            find=lambda: self._newest(agreement_id, (self._form, file, version)),
            request=lambda: self._requests.request(
                agreement_id, by, format=self._form, file=file, reuse=True, version=version
            ),
            read=lambda pid: self._overview.transfer(pid)[0],
        )
        if is_open(transfer):
            return transfer
        if is_over(transfer):
            require_version_there(transfer)
            raise Conflict(
                f"the provider does not open the {self._name}",
                remedy=f"see why: hansa transfer {word(transfer.pid)}",
                facts={"code": transfer.code, "reasons": list(transfer.reason), "transfer": transfer.pid},
            )
        if transfer.state == machine.SUSPENDED:
            raise Conflict("the transfer is paused", remedy=f"see why: hansa transfer {word(transfer.pid)}")
        raise Conflict(f"the provider has not opened the {self._name} yet", remedy="try again in a moment")

    def _newest(self, agreement_id: str, content: tuple[str, str | None, int | None]) -> Transfer | None:
        """Return the newest transfer of ``content`` (format, file, version) that has not ended."""
        agreement = self._overview.agreement(agreement_id)
        for transfer, _ in self._overview.transfers_under(agreement, ended=False):
            is_same = (transfer.format, transfer.file, transfer.asset_version) == content
            if transfer.role is Role.CONSUMER and is_same:
                return transfer
        return None


def is_open(transfer: Transfer) -> bool:
    """Return whether the provider gives access now."""
    return transfer.state == machine.STARTED and bool(transfer.data_address)


def is_over(transfer: Transfer) -> bool:
    """Return whether it has ended and will not start again."""
    return transfer.state in machine.TABLE.terminal
