"""The consumer's side of a push: an address of our own that takes the bytes of one transfer, once.

The provider authenticates with the token from our request; we keep the hash of that token. The bytes are written to a
part file, which gets its name when it is complete; if the provider sends the manifest that it signed, only bytes that
match the manifest become a file. A push that breaks off leaves nothing, and may be begun again.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, InvalidInput, NotFound, TooLarge
from node.base.work import Transaction, UnitOfWork
from node.dialogue.process import Role
from node.exchange.arrival import Arrival
from node.exchange.manifest import Manifest
from node.exchange.names import safe_name
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.pushes import Replaced, RunningPushes
from node.exchange.spool import PartFile, disk_fault
from node.identity.ports import KeyRing
from node.transfer import machine
from node.transfer.manifests import KeyOf, read_manifest
from node.transfer.model import Reception, Transfer
from node.transfer.ports import ReceptionStore, TransferStore
from node.transfer.receiving.data_checks import ReceptionChecks
from node.transfer.receiving.file_names import local_id
from node.transfer.receiving.reception import DONE, FAILED, RECEIVING
from node.transfer.tokens import bearer_token, token_hash
from node.vocab.dsp import PUSH

log = logging.getLogger("hansa.inbox")

_BUFFER: Final = 1024 * 1024
_LOOK: Final = 1.0
"""Seconds between two checks whether a transfer is still under way."""
_PATIENCE: Final = 5.0
"""Seconds that a push waits for the end of the push that it replaces."""
_STOPPING: Final = 10.0
"""Seconds that the sender of a suspended transfer has to end its push itself.

It has acknowledged the suspension, but may stop its data plane a moment later. A refusal before that looks like a
failure to it, and EDC then ends the transfer for good.
"""
_TAKING: Final = (machine.REQUESTED, machine.STARTED)
"""A provider may begin before we have read its start, or even its answer to our request."""

Finished = Callable[[Transaction, str, Reception], None]
"""Called when the bytes of a transfer are here, or never will be."""


class TakePush:
    """Takes the bytes that providers push to this node."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        transfers: TransferStore,
        receptions: ReceptionStore,
        keyring: KeyRing,
        clock: Clock,
        folder: Path,
        key_of: KeyOf,
        checks: ReceptionChecks,
        on_end: Finished,
        limit: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``folder`` is the folder of received files; ``limit`` is the largest accepted size in bytes."""
        self._work = work
        self._transfers = transfers
        self._receptions = receptions
        self._keyring = keyring
        self._clock = clock
        self._folder = folder
        self._key_of = key_of
        self._checks = checks
        self._on_end = on_end
        self._limit = limit
        self._monotonic = monotonic
        self._running: RunningPushes[Reception] = RunningPushes()

    async def take(
        self,
        pid: str,
        authorization: str | None,
        *,
        chunks: AsyncIterator[bytes],
        media_type: str = "",
        manifest: str | None = None,
    ) -> Reception:
        """Take the bytes of our transfer ``pid``; if the same push is repeated, take its bytes and discard them.

        A push that a newer one replaces gets the answer of the newer one. Its sender suspended the transfer and then
        resumed it; EDC judges the transfer by each answer that comes after that, so a refusal would end it.

        Raises ``NotFound`` for a wrong token, and if the transfer expects no push or its reception has failed;
        ``Conflict`` while another push of the same runs, or if the transfer accepts no bytes now; ``TooLarge``;
        ``InvalidInput`` if the bytes do not match the manifest; ``NoRoom`` if the disk is full.
        """
        transfer, reception_of_push = await off_loop(self._require_reception, pid, authorization)
        if reception_of_push is not None and reception_of_push.state == DONE:
            await self._throw_away(chunks)
            return reception_of_push
        reception = Reception(
            transfer=pid,
            state=RECEIVING,
            name=safe_name(re.split(r"[/#]", transfer.dataset)[-1]),
            media_type=media_type[:200],
            sealed=False,
            expected=None,
            received=0,
            at=self._clock.now(),
        )
        arrival = Arrival(self._folder, local_id(pid))
        with self._running.push(pid) as push:
            try:
                await push.wait_for_earlier()
                expected = self._expected_bytes(pid, chunks, push.replaced)
                result = await self._take(transfer, reception, arrival, expected, manifest)
            except Replaced:
                result = await push.outcome_of_newer()
            except OSError as error:
                raise disk_fault("the bytes could not be stored", error) from error
            push.end(result)
            return result

    async def _take(
        self,
        transfer: Transfer,
        reception: Reception,
        arrival: Arrival,
        chunks: AsyncIterator[bytes],
        manifest: str | None,
    ) -> Reception:
        part = await _part(arrival.part)
        try:
            signature = None
            if manifest is not None:
                signature = await read_manifest(manifest, transfer, self._keyring, self._key_of)
                reception = _complete(reception, signature, manifest)
            version = await off_loop(self._checks.version, transfer, signature)
            begin_result = await off_loop(self._begin, reception)
            if begin_result is not None:
                await self._throw_away(chunks)
                await off_loop(arrival.discard)
                return begin_result
            await off_loop(part.truncate, 0)
            size = await self._write(part, chunks, reception.expected)
        except (InvalidInput, TooLarge) as error:
            await self._fail(arrival, reception, error)
            raise
        except BaseException:
            await off_loop(arrival.discard)  # While locked: the next push may wait for it.
            raise
        finally:
            part.close()
        try:
            path = await (
                arrival.keep(reception.name) if signature is None else arrival.accept(signature, self._keyring)
            )
        except InvalidInput as error:
            await self._fail(arrival, reception, error)
            raise
        about_data = {} if signature is None else await off_loop(self._checks.data, signature, path)
        begin_result = replace(
            reception,
            state=DONE,
            received=size,
            path=str(path.relative_to(self._folder)),
            facts={**version, **about_data, "verified": signature is not None, "pushed": True},
            at=self._clock.now(),
        )
        await off_loop(self._save, begin_result)
        return begin_result

    def _require_reception(self, pid: str, authorization: str | None) -> tuple[Transfer, Reception | None]:
        with self._work.read() as tx:
            transfer = self._transfers.get(tx, pid)
            reception = self._receptions.get(tx, pid)
        token = bearer_token(authorization)
        shown = token_hash(token) if token is not None else ""
        kept = transfer.push_token if transfer is not None else None
        if transfer is None or kept is None or not hmac.compare_digest(kept, shown):
            raise NotFound
        if transfer.role is not Role.CONSUMER or transfer.format != PUSH:
            raise NotFound
        if transfer.state not in _TAKING and (reception is None or reception.state != DONE):
            raise Conflict(f"the transfer is {transfer.state}: it accepts no bytes now")
        if reception is not None and reception.state == FAILED:
            raise NotFound
        return transfer, reception

    async def _expected_bytes(
        self, pid: str, chunks: AsyncIterator[bytes], replacement: asyncio.Event
    ) -> AsyncIterator[bytes]:
        """Yield the incoming bytes for as long as the transfer takes them.

        While the transfer is suspended no bytes are taken: the sender is to end the push, or to go on with it after
        the suspension. Raises ``Conflict`` when a newer push of the same has begun, when the transfer is over, or
        when it stays suspended: a push must not keep its sender waiting for ever.
        """
        replacement_signal = asyncio.ensure_future(replacement.wait())
        coming: asyncio.Future[bytes] | None = None
        last_look = self._monotonic()
        suspension_start: float | None = None
        try:
            while True:
                if coming is None:
                    coming = asyncio.ensure_future(anext(chunks))
                futures: set[asyncio.Future[Any]] = {replacement_signal}
                if not coming.done():
                    futures.add(coming)
                await asyncio.wait(futures, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
                if replacement.is_set():
                    raise Replaced("the same bytes are being pushed again")
                now = self._monotonic()
                if now - last_look >= _LOOK:
                    last_look = now
                    if await off_loop(self._is_taking, pid):
                        suspension_start = None
                    elif suspension_start is None:
                        suspension_start = now
                    elif now - suspension_start >= _STOPPING:
                        raise Conflict("the transfer is suspended: begin again when it goes on")
                if not coming.done() or (suspension_start is not None and not _is_broken(coming)):
                    continue
                try:
                    chunk = coming.result()
                except StopAsyncIteration:
                    return
                coming = None
                yield chunk
        finally:
            replacement_signal.cancel()
            if coming is not None:
                coming.cancel()

    def _is_taking(self, pid: str) -> bool:
        """Return whether bytes are taken now; false while the transfer is suspended. Raises ``Conflict`` once it is
        over."""
        with self._work.read() as tx:
            transfer = self._transfers.get(tx, pid)
        if transfer is not None and transfer.state == machine.SUSPENDED:
            return False
        _require_taking(transfer)
        return True

    async def _write(self, part: PartFile, chunks: AsyncIterator[bytes], length: int | None) -> int:
        """Append the incoming bytes; return the size. Raises ``TooLarge`` or ``InvalidInput`` if there are too
        many."""
        limit = self._limit if length is None else min(length, self._limit)
        buffer = bytearray()
        async for chunk in chunks:
            buffer += chunk
            if part.size + len(buffer) > limit:
                raise TooLarge(f"this node accepts at most {limit} bytes")
            if len(buffer) >= _BUFFER:
                full, buffer = buffer, bytearray()
                await off_loop(part.append, full)
        await off_loop(part.append, buffer)
        return await off_loop(part.sync)

    async def _throw_away(self, chunks: AsyncIterator[bytes]) -> None:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > self._limit:
                raise TooLarge(f"this node accepts at most {self._limit} bytes")

    async def _fail(self, arrival: Arrival, reception: Reception, error: HansaError) -> None:
        log.warning("a push was refused: %s", error.detail, extra={"transfer": reception.transfer})
        await off_loop(arrival.discard)
        facts: dict[str, Any] = {"code": error.code}
        failed = replace(reception, state=FAILED, error=error.detail, facts=facts, at=self._clock.now())
        await off_loop(self._save, failed)

    def _begin(self, reception: Reception) -> Reception | None:
        """Save that bytes are arriving. Return the reception that an earlier push of the same has completed
        meanwhile, if any."""
        with self._work.begin() as tx:
            # Reading the manifest's key took time: if the transfer has ended meanwhile, its bytes are cleared away
            # already.
            transfer = self._transfers.get(tx, reception.transfer, lock=True)
            known = self._receptions.get(tx, reception.transfer)
            if known is not None and known.state == DONE:
                return known
            _require_taking(transfer)
            self._receptions.put(tx, reception)
        return None

    def _save(self, reception: Reception) -> None:
        with self._work.begin() as tx:
            if reception.state == DONE:
                known = self._receptions.get(tx, reception.transfer)
                if known is not None and known.state == FAILED:
                    raise Conflict("the transfer is no longer active")
            self._receptions.put(tx, reception)
            if reception.state == FAILED:
                self._on_end(tx, reception.transfer, reception)


def _require_taking(transfer: Transfer | None) -> None:
    if transfer is None or transfer.state not in _TAKING:
        raise Conflict("the transfer is no longer active")


def _is_broken(coming: asyncio.Future[bytes]) -> bool:
    """Return whether the connection has ended before all bytes arrived."""
    error = coming.exception()
    return error is not None and not isinstance(error, StopAsyncIteration)


async def _part(path: Path) -> PartFile:
    """Return the part file, as soon as an earlier push has released it. Raises ``Conflict`` if that takes too
    long."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return await open_off_loop(PartFile, PartFile.close, path)
        except Conflict:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)


def _complete(reception: Reception, manifest: Manifest, jws: str) -> Reception:
    return replace(
        reception,
        name=safe_name(manifest.name),
        media_type=manifest.media_type,
        sealed=manifest.sealed is not None,
        expected=manifest.sealed.size if manifest.sealed else manifest.size,
        sha256=manifest.sha256,
        manifest=jws,
    )
