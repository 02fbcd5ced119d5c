"""The consumer's side of reading data where they are: the address and the token for its own people and programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from node.base.clock import Clock, moment
from node.base.errors import Conflict, NotAllowed, NotFound, PeerUnreachable, Unauthenticated
from node.base.jsons import read_object
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.exchange.offloop import off_loop
from node.exchange.ports import BytePlane
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.transfer import machine
from node.transfer.addresses import EXPIRES, read_address, without_unused
from node.transfer.model import Transfer
from node.transfer.ports import TransferStore
from node.vocab.dsp import ASKED, LIVE

_MARGIN: Final = timedelta(minutes=30)
"""A token that expires sooner is renewed when somebody asks for it."""


_TRIES: Final = 5
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAddress:
    """An address of live data or of a table to ask, and the value of the Authorization header for it."""

    endpoint: str
    authorization: str = field(repr=False)
    expires: datetime | None


class LiveAccess:
    """Shows the address and the token of a live transfer or of a table that is asked, and renews the token."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        transfers: TransferStore,
        conversation: Conversation[Transfer],
        plane: BytePlane,
        token_for: Callable[[str], Awaitable[str]],
        clock: Clock,
    ) -> None:
        self._work = work
        self._transfers = transfers
        self._conversation = conversation
        self._plane = plane
        self._token_for = token_for
        self._clock = clock
        # A lock exists as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(
        self, pid: str, by: Caller, *, renew: bool = False, last_authorization: str = ""
    ) -> OpenAddress:
        """Return the address of the transfer ``pid``; with ``renew`` a new token, which makes the last one void.

        ``last_authorization`` is one that the provider did not take: there is a new token if it is still the
        present one, and not if somebody else has renewed it meanwhile.

        Raises ``NotAllowed``, ``NotFound``, ``Conflict`` if the transfer is not live or not started, and
        ``PeerUnreachable``, or the provider's refusal, if the token has expired and cannot be renewed.
        """
        require(by, UseCase.READ_RECEIVED)
        async with self._locks.setdefault(pid, asyncio.Lock()):
            transfer = await off_loop(self._require_live, pid)
            expires = _expires(transfer.data_address)
            address = read_address(transfer.data_address)
            is_refused = bool(last_authorization) and address.authorization == last_authorization
            if renew or is_refused or expires is None or expires - self._clock.now() < _MARGIN:
                transfer = await self._renew(transfer)
                address = read_address(transfer.data_address)
            if address.authorization is None:
                raise PeerUnreachable("the provider's address has no token")
            return OpenAddress(
                endpoint=address.endpoint,
                authorization=address.authorization,
                expires=_expires(transfer.data_address),
            )

    async def use(self, pid: str, by: Caller, read: Callable[[OpenAddress], Awaitable[T]]) -> T:
        """Return what ``read`` returns for the address of the transfer ``pid``; it is called once more with a new
        token if the provider no longer takes the present one. Raises its errors, and as a call of this object, and
        ``NotAllowed`` if the provider does not take the new token either: it is not our caller who has to sign in.
        """
        try:
            address = await self(pid, by)
            try:
                return await read(address)
            except Unauthenticated:
                return await read(await self(pid, by, last_authorization=address.authorization or ""))
        except Unauthenticated as error:
            raise NotAllowed(
                f"the provider does not take this node's token: {error.detail}",
                remedy=f"see the transfer, and ask the provider if it is started: hansa transfer {word(pid)}",
            ) from error

    async def _renew(self, transfer: Transfer) -> Transfer:
        for _ in range(_TRIES):
            endpoint = read_address(transfer.data_address).token_endpoint
            if endpoint is None:
                return transfer
            proof = await self._token_for(transfer.peer)
            answer = read_object(await self._plane.document(endpoint, authorization=proof, method="POST"))
            if read_address(answer).endpoint != read_address(transfer.data_address).endpoint:
                raise PeerUnreachable("the provider's new address is another one")
            before = transfer.data_address
            transfer, is_newest = await off_loop(self._keep, transfer.pid, without_unused(answer), before)
            if is_newest:
                return transfer
        raise Conflict("others renew the token at the same time", remedy="try again in a moment")

    @taken_in_turn
    def _keep(self, pid: str, address: Mapping[str, Any], before: Mapping[str, Any] | None) -> tuple[Transfer, bool]:
        """Store a new address in the place of the one ``before``, unless another process has stored a newer one.

        Return the transfer, and whether its token is known to be the newest: each token makes those before it void.
        """
        with self._work.begin() as tx:
            transfer = self._transfers.get(tx, pid, lock=True)
            if transfer is None or transfer.state != machine.STARTED:
                raise Conflict("the transfer is no longer active", remedy=f"hansa transfer {word(pid)}")
            latest = transfer.data_address
            if latest != before:
                # Another process asked for a token too. Tokens are valid equally long: the last one ends last.
                own, other = _expires(address), _expires(latest)
                if own is None or other is None or own == other:
                    return transfer, False
                if own < other:
                    return transfer, True
            return self._conversation.amend(tx, transfer, data_address=address), True

    def _require_live(self, pid: str) -> Transfer:
        with self._work.read() as tx:
            transfer = self._transfers.get(tx, pid)
        if transfer is None or transfer.role is not Role.CONSUMER:
            raise NotFound("this node gets no data by such a transfer", remedy="hansa transfer list")
        if transfer.format not in (LIVE, *ASKED):
            raise Conflict("the data of this transfer are received, not read live", remedy="hansa get IRI")
        if transfer.state != machine.STARTED or not transfer.data_address:
            raise Conflict(f"the transfer is {transfer.state}", remedy=f"see why: hansa transfer {word(pid)}")
        return transfer


def _expires(address: Mapping[str, Any] | None) -> datetime | None:
    for entry in (address or {}).get("endpointProperties") or ():
        if isinstance(entry, Mapping) and entry.get("name") == EXPIRES:
            try:
                return moment(str(entry.get("value")))
            except ValueError:
                return None
    return None
