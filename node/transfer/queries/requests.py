"""The consumer's side of asking a table: a question of our own people, sent to the provider under an agreement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from anyio.to_thread import run_sync

from node.base.errors import Conflict, HansaError, Unauthenticated
from node.base.ids import new_urn
from node.base.plaintext import word
from node.base.work import UnitOfWork
from node.dialogue.process import Exchange, Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses, limits_uses
from node.semantics.profiles.table_queries_client import TableQuestion
from node.transfer import machine
from node.transfer.live.access import LiveAccess
from node.transfer.model import Reception, Transfer
from node.transfer.openings import Openings, is_open, is_over
from node.transfer.requests import TransferRequests
from node.vocab.dsp import QUERY

PATIENCE: Final = 20.0
"""Seconds in which the provider has to open the table."""


class TransferReader(Protocol):
    """Reads agreements and the transfers under them (``node.transfer.overview``)."""

    def agreement(self, agreement_id: str) -> Agreement: ...

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]: ...

    def transfers_under(
        self, agreement: Agreement, *, ended: bool = True
    ) -> list[tuple[Transfer, Reception | None]]: ...


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
        work: UnitOfWork,
        *,
        overview: TransferReader,
        requests: TransferRequests,
        access: LiveAccess,
        send: Send,
        uses: Uses,
        openings: Openings,
    ) -> None:
        self._work = work
        self._uses = uses
        self._overview = overview
        self._requests = requests
        self._access = access
        self._send = send
        self._openings = openings

    async def __call__(
        self, agreement_id: str, question: TableQuestion, by: Caller, *, file: str | None = None
    ) -> PartnerAnswer:
        """Return the provider's answer under an agreement of ours. ``file`` names the table, if there are several.

        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` if the provider does not open the table,
        ``PeerUnreachable``, and the provider's refusal of the question.
        """
        self.require_role(by)
        transfer = await self._open(agreement_id, by, file)
        try:
            answer = await self._send_to(transfer, question, by)
        except HansaError as error:
            if error.facts.get("use") is True:
                await run_sync(self._count_use, agreement_id)
            raise
        await run_sync(self._count_use, agreement_id)
        return answer

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` unless ``by`` may open a transfer and read what it brings: an answer is received data,
        and a transfer that nobody may read is not opened."""
        require(by, UseCase.READ_RECEIVED)
        self._requests.require_role(by)

    async def _send_to(self, transfer: Transfer, question: TableQuestion, by: Caller) -> PartnerAnswer:
        address = await self._access(transfer.pid, by)
        try:
            return await self._send(address.endpoint, address.authorization, question)
        except Unauthenticated:
            address = await self._access(transfer.pid, by, renew=True)
            return await self._send(address.endpoint, address.authorization, question)

    def _count_use(self, agreement_id: str) -> None:
        """Count a question as the provider counts it. Its count decides; this one shows how many uses are left."""
        agreement = self._overview.agreement(agreement_id)
        if limits_uses(agreement.body):
            with self._work.begin() as tx:
                self._uses.note(tx, agreement.id, new_urn())

    async def _open(self, agreement_id: str, by: Caller, file: str | None) -> Transfer:
        """Return the open transfer; many who ask at once open one."""
        transfer = await self._openings.open(
            (agreement_id, file),
            find=lambda: self._newest(agreement_id, file),
            request=lambda: self._requests.request(agreement_id, by, format=QUERY, file=file, reuse=True),
            read=lambda pid: self._overview.transfer(pid)[0],
        )
        if is_open(transfer):
            return transfer
        if is_over(transfer):
            raise Conflict(
                "the provider does not open the table",
                remedy=f"see why: hansa transfer {word(transfer.pid)}",
                facts={"code": transfer.code, "reasons": list(transfer.reason), "transfer": transfer.pid},
            )
        if transfer.state == machine.SUSPENDED:
            raise Conflict("the transfer is paused", remedy=f"see why: hansa transfer {word(transfer.pid)}")
        raise Conflict("the provider has not opened the table yet", remedy="try again in a moment")

    def _newest(self, agreement_id: str, file: str | None) -> Transfer | None:
        """Return the newest transfer that asks this table and has not ended."""
        agreement = self._overview.agreement(agreement_id)
        for transfer, _ in self._overview.transfers_under(agreement, ended=False):
            if transfer.role is Role.CONSUMER and transfer.format == QUERY and transfer.file == file:
                return transfer
        return None
