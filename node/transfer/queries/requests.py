"""The consumer's side of asking a table: a question of our own people, sent to the provider under an agreement."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from anyio.to_thread import run_sync

from node.base.changes import Changes
from node.base.errors import Conflict, Unauthenticated
from node.base.plaintext import word
from node.dialogue.process import Role
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.semantics.profiles.table_queries_client import TableQuestion
from node.transfer import machine
from node.transfer.live.access import LiveAccess
from node.transfer.model import Reception, Transfer
from node.transfer.requests import TransferRequests
from node.vocab.dsp import QUERY

_OPENING_SECONDS: Final = 20.0
_LOOK_AGAIN: Final = 0.25
_REMEMBERED: Final = 1000


class TransferReader(Protocol):
    """Reads agreements and the transfers under them (``node.transfer.overview``)."""

    def agreement(self, agreement_id: str) -> Agreement: ...

    def transfers_under(self, agreement: Agreement) -> list[tuple[Transfer, Reception | None]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAnswer:
    """The answer of a provider: its bytes, how many rows it has (None: unknown), and whether there are more."""

    body: bytes = field(repr=False)
    media_type: str
    count: int | None = None
    more: bool = False
    partial: bool = False


Send = Callable[[str, str, TableQuestion], Awaitable[PartnerAnswer]]
"""Sends a question to an address, with the value of the Authorization header; returns the answer."""


class AskPartner:
    """Asks tables of others, and opens what it needs for it."""

    def __init__(
        self,
        *,
        overview: TransferReader,
        requests: TransferRequests,
        access: LiveAccess,
        send: Send,
        changes: Changes,
        opening_seconds: float = _OPENING_SECONDS,
    ) -> None:
        self._overview = overview
        self._requests = requests
        self._access = access
        self._send = send
        self._changes = changes
        self._opening_seconds = opening_seconds
        self._opening: OrderedDict[tuple[str, str | None], asyncio.Lock] = OrderedDict()

    async def __call__(
        self, agreement_id: str, question: TableQuestion, by: Caller, *, file: str | None = None
    ) -> PartnerAnswer:
        """Return the provider's answer under an agreement of ours. ``file`` names the table, if there are several.

        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` if the provider does not open the table,
        ``PeerUnreachable``, and the provider's refusal of the question.
        """
        self._requests.require_role(by)
        transfer = await self._open(agreement_id, by, file)
        address = await self._access(transfer.pid, by)
        try:
            return await self._send(address.endpoint, address.authorization, question)
        except Unauthenticated:
            address = await self._access(transfer.pid, by, renew=True)
            return await self._send(address.endpoint, address.authorization, question)

    async def _open(self, agreement_id: str, by: Caller, file: str | None) -> Transfer:
        """Return the open transfer; many who ask at once open one."""
        key = (agreement_id, file)
        lock = self._opening.setdefault(key, asyncio.Lock())
        self._opening.move_to_end(key)
        while len(self._opening) > _REMEMBERED:
            self._opening.popitem(last=False)
        async with lock:
            transfer = await run_sync(self._newest, agreement_id, file)
            if transfer is None:
                transfer = await run_sync(lambda: self._requests.request(agreement_id, by, format=QUERY, file=file))
            return await self._wait_until_started(transfer, agreement_id, file)

    async def _wait_until_started(self, transfer: Transfer, agreement_id: str, file: str | None) -> Transfer:
        current: Transfer | None = transfer
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._opening_seconds
        with self._changes.watch(transfer.pid) as watch:
            while current is not None and current.state == machine.REQUESTED and loop.time() < ends:
                await watch.wait(_LOOK_AGAIN)
                current = await run_sync(self._newest, agreement_id, file)
        if current is not None and current.state == machine.STARTED:
            return current
        final = await run_sync(self._by_pid, agreement_id, transfer.pid)
        if final is not None and final.state in machine.TABLE.terminal:
            raise Conflict(
                "the provider does not open the table",
                remedy=f"see why: hansa transfer {word(transfer.pid)}",
                facts={"code": final.code, "reasons": list(final.reason), "transfer": final.pid},
            )
        if current is not None and current.state == machine.SUSPENDED:
            raise Conflict("the transfer is paused", remedy=f"see why: hansa transfer {word(current.pid)}")
        raise Conflict("the provider has not opened the table yet", remedy="try again in a moment")

    def _newest(self, agreement_id: str, file: str | None) -> Transfer | None:
        """Return the newest transfer that asks this table and has not ended."""
        for transfer, _ in self._overview.transfers_under(self._overview.agreement(agreement_id)):
            asks = transfer.role is Role.CONSUMER and transfer.format == QUERY and transfer.file == file
            if asks and transfer.state not in machine.TABLE.terminal:
                return transfer
        return None

    def _by_pid(self, agreement_id: str, pid: str) -> Transfer | None:
        transfers = self._overview.transfers_under(self._overview.agreement(agreement_id))
        return next((transfer for transfer, _ in transfers if transfer.pid == pid), None)
