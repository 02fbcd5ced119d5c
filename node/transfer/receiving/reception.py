"""The consumer's side of the bytes: fetch, resume, verify.

A reception is durable. Bytes are appended to a part file; at intervals they are synced and their number is recorded,
and after a crash only recorded bytes are trusted. A peer that does not answer is asked again; an expired token is
renewed; if the source has changed, the reception begins again from the first byte. Complete bytes are checked against
the manifest that the provider signed, and only then does the file get its name. A refusal ends it with its reasons.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.errors import (
    Conflict,
    HansaError,
    InvalidInput,
    LocalFault,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    Unauthenticated,
)
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.exchange.arrival import Arrival
from node.exchange.examination import Examination, NotWhatWasSigned
from node.exchange.manifest import Manifest, read_kept
from node.exchange.names import safe_name
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.piece_writer import PieceWriter
from node.exchange.ports import Body, BytePlane
from node.exchange.sealkeys import SealIdentity
from node.exchange.spool import PartFile, disk_fault
from node.identity.ports import KeyRing
from node.transfer import machine
from node.transfer.addresses import read_address
from node.transfer.manifests import KeyOf, opener_of, read_manifest
from node.transfer.model import Reception, Transfer
from node.transfer.ports import ReceptionStore, TransferStore
from node.transfer.receiving.data_checks import ReceptionChecks
from node.transfer.receiving.file_names import local_id
from node.transfer.receiving.patience import Habits, Patience

log = logging.getLogger("hansa.reception")

RECEIVING: Final = "receiving"
VERIFYING: Final = "verifying"
DONE: Final = "done"
FAILED: Final = "failed"

TokenFor = Callable[[str], Awaitable[str]]
"""DID of a peer → the Authorization header value that proves our identity to it."""

Finished = Callable[[Transaction, str, Reception], None]
"""Called at the end (done or failed) of the reception of a transfer, in the same transaction."""

Progress = Callable[[Reception], None]


class SourceChanged(Exception):
    """The bytes at the provider have changed since we received their beginning."""


class ReceiveBytes:
    """Receives the bytes of started transfers."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        transfers: TransferStore,
        receptions: ReceptionStore,
        plane: BytePlane,
        keyring: KeyRing,
        clock: Clock,
        folder: Path,
        key_of: KeyOf,
        token_for: TokenFor,
        checks: ReceptionChecks,
        on_end: Finished | None = None,
        habits: Habits | None = None,
    ) -> None:
        """``folder`` is the folder of received files; it is created if it is missing."""
        self.work = work
        self.transfers = transfers
        self.receptions = receptions
        self.plane = plane
        self.keyring = keyring
        self.clock = clock
        self.folder = folder
        self.key_of = key_of
        self.token_for = token_for
        self.checks = checks
        self.finished = on_end
        self.habits = habits or Habits()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def run(self, transfer: Transfer, *, on_progress: Progress | None = None) -> Reception:
        """Receive until the bytes are verified (``done``) or it is clear that they never will be (``failed``).

        May be called again after any interruption, also in another process. Returns the reception unchanged, still
        ``receiving``, if the provider has suspended the transfer. Raises ``PeerUnreachable`` if the provider does not
        answer for longer than our patience, ``LocalFault`` if this machine fails (disk full), ``Conflict`` if another
        run is at work: in each case call again later.
        """
        reception_before = await off_loop(self._find, transfer.pid)
        if reception_before is not None and reception_before.state in (DONE, FAILED):
            return reception_before
        reception = reception_before or Reception(
            transfer=transfer.pid,
            state=RECEIVING,
            name=safe_name(re.split(r"[/#]", transfer.dataset)[-1]),
            media_type="",
            sealed=False,
            expected=None,
            received=0,
            at=self.clock.now(),
        )
        return await _Run(self, transfer, reception, on_progress).run()

    def _find(self, pid: str) -> Reception | None:
        with self.work.read() as tx:
            return self.receptions.get(tx, pid)


class _Run:
    """One run of one reception."""

    def __init__(
        self, receive: ReceiveBytes, transfer: Transfer, reception: Reception, on_progress: Progress | None
    ) -> None:
        self._owner = receive
        self._habits = receive.habits
        self._transfer = transfer
        self._reception = reception
        self._on_progress = on_progress
        self._arrival = Arrival(receive.folder, local_id(transfer.pid))
        self._manifest: Manifest | None = None
        self._examination: Examination | None = None
        self._patience = Patience(receive.habits)
        self._restarts, self._renewals, self._differs = 0, 0, False
        self._version: dict[str, Any] = {}

    async def run(self) -> Reception:
        try:
            self._address = read_address(self._transfer.data_address)
            await self._until_done()
        except (PeerUnreachable, LocalFault, Conflict):
            raise
        except NotAllowed as refusal:
            # A connector of another kind does not say why: then its suspension may be here already.
            if refusal.facts.get("transferState") == machine.SUSPENDED or await off_loop(self._is_suspended):
                await self._save(error=refusal.detail)
                return self._reception
            await self._fail(refusal)
        except HansaError as error:
            await self._fail(error)
        except OSError as error:
            raise disk_fault("the bytes could not be stored", error) from error
        finally:
            self._end_examination()
        return self._reception

    async def _until_done(self) -> None:
        """Try again after every fault that passes by itself; raise the others."""
        while True:
            try:
                await self._attempt()
                return
            except SourceChanged:
                self._restarts += 1
                if self._restarts > self._habits.restarts:
                    raise NotWhatWasSigned("the provider's bytes keep changing") from None
                log.info("the source has changed: starting over", extra={"transfer": self._transfer.pid})
                await self._start_over()
            except (Unauthenticated, NotAllowed, NotFound) as refusal:
                if self._switch_form(refusal):
                    continue
                if isinstance(refusal, NotAllowed):
                    raise
                # An unknown token may be an old one: a renewal has replaced it, and its answer never reached us.
                self._renewals += 1
                if self._address.token_endpoint is None or self._renewals > self._habits.renewals:
                    raise
                log.info("renewing the token: %s", refusal.detail, extra={"transfer": self._transfer.pid})
                await self._patience.insist(self._renew)
            except PeerUnreachable as away:
                await self._patience.wait(away)

    def _switch_form(self, refusal: HansaError) -> bool:
        """Switch to the token's other form, once; return whether there is one. The end point may require it."""
        other = None if self._differs else self._address.in_other_words()
        if other is None:
            return False
        log.info("sending the token in its other form: %s", refusal.detail, extra={"transfer": self._transfer.pid})
        self._address, self._differs = other, True
        return True

    async def _attempt(self) -> None:
        if self._manifest is None and self._reception.manifest is not None:
            self._manifest = read_kept(self._reception.manifest)
        if self._manifest is None and self._address.manifest_endpoint is not None:
            await self._fetch_manifest()
        self._version = await off_loop(self._owner.checks.version, self._transfer, self._manifest)
        if self._reception.state == RECEIVING:
            await self._download()
        await self._accept()

    async def _renew(self) -> None:
        assert self._address.token_endpoint is not None
        proof = await self._owner.token_for(self._transfer.peer)
        answer = await self._owner.plane.document(self._address.token_endpoint, authorization=proof, method="POST")
        self._address = read_address(read_object(answer))

    async def _fetch_manifest(self) -> None:
        """Fetch and verify the manifest. Raises ``ManifestInvalid`` if it is not for us or not the provider's."""
        assert self._address.manifest_endpoint is not None
        answer = await self._owner.plane.document(
            self._address.manifest_endpoint, authorization=self._address.authorization
        )
        jws = answer.decode("ascii", errors="replace").strip()
        manifest = await read_manifest(jws, self._transfer, self._owner.keyring, self._owner.key_of)
        self._manifest = manifest
        await self._save(
            name=safe_name(manifest.name),
            media_type=manifest.media_type,
            sealed=manifest.sealed is not None,
            expected=manifest.sealed.size if manifest.sealed else manifest.size,
            sha256=manifest.sha256,
            manifest=jws,
        )

    async def _download(self) -> None:
        part = await open_off_loop(PartFile, PartFile.close, self._arrival.part)
        crashpoint("delivery.D1")
        try:
            await off_loop(part.truncate, min(part.size, self._reception.received))
            if part.size != self._reception.received:
                raise SourceChanged
            await self._examine(part)
            while part.size != self._reception.expected:
                await self._read_on(part)
                if self._reception.expected is None:
                    break
            await self._sync(part, state=VERIFYING)
        finally:
            part.close()

    async def _examine(self, part: PartFile) -> None:
        """Check bytes while they arrive. Those of an earlier process are checked when all have arrived."""
        if self._examination is not None and self._examination.position > part.size:
            self._end_examination()
        if self._examination is None and self._manifest is not None:
            self._examination = await open_off_loop(
                self._arrival.examine, Examination.close, self._manifest, self._identity(self._manifest)
            )

    def _end_examination(self) -> None:
        if self._examination is not None:
            self._examination.close()
            self._examination = None

    def _identity(self, manifest: Manifest) -> SealIdentity:
        return opener_of(self._owner.keyring, manifest) or self._owner.keyring

    async def _read_on(self, part: PartFile) -> None:
        """Request the missing bytes, once. Raises ``PeerUnreachable`` if the answer breaks off."""
        etag = (self._reception.facts or {}).get("etag")
        if part.size and etag is None and self._manifest is None:
            raise SourceChanged  # The rest may belong to another beginning.
        reading = self._owner.plane.read(
            self._address.endpoint,
            authorization=self._address.authorization,
            start=part.size,
            etag=etag,
            size=self._reception.expected,
        )
        try:
            async with reading as body:
                await self._check_answer(body, part)
                await self._copy(body, part)
        finally:
            # The bytes that have arrived are kept, whatever ended the request, so that the next request continues
            # from there.
            await self._sync(part)
        if body.total is not None and part.size < body.total:
            raise PeerUnreachable("the provider's answer ended too early")

    async def _check_answer(self, body: Body, part: PartFile) -> None:
        extent = self._reception.expected
        if body.start != part.size or (extent is not None and body.total not in (None, extent)):
            raise SourceChanged
        if body.etag != (self._reception.facts or {}).get("etag"):
            if part.size:
                raise SourceChanged
            await self._save(facts={"etag": body.etag} if body.etag else None)
        if extent is None and body.total is not None:
            await self._save(expected=body.total)

    async def _copy(self, body: Body, part: PartFile) -> None:
        """Append the incoming bytes; sync and record them at intervals while more arrive."""
        total = part.size
        limit = body.total if body.total is not None else self._reception.expected
        writer = PieceWriter(
            partial(self._append, part),
            partial(self._sync, part),
            sync_bytes=self._habits.sync_bytes,
            sync_seconds=self._habits.sync_seconds,
        )
        try:
            async for chunk in body.chunks:
                total += len(chunk)
                if limit is not None and total > limit:
                    raise InvalidInput("the provider sends more bytes than it said")
                await writer.add(chunk)
        finally:
            await writer.finish()

    async def _append(self, part: PartFile, pieces: list[bytes]) -> None:
        await off_loop(self._store, part, pieces)
        self._patience.renew()
        self._renewals = 0
        crashpoint("delivery.D2")

    def _store(self, part: PartFile, pieces: list[bytes]) -> None:
        examination = self._examination
        follows = examination is not None and examination.position == part.size
        part.extend(pieces)
        if examination is not None and follows:
            examination.take(pieces)

    async def _sync(self, part: PartFile, **changes: Any) -> None:
        crashpoint("delivery.D3")
        await self._save(received=await off_loop(self._sync_files, part), **changes)

    def _sync_files(self, part: PartFile) -> int:
        if self._examination is not None:
            self._examination.sync()
        return part.sync()

    async def _start_over(self) -> None:
        self._manifest = None
        self._end_examination()
        await off_loop(self._arrival.discard)
        await self._save(state=RECEIVING, received=0, expected=None, sha256=None, manifest=None, facts=None)

    async def _accept(self) -> None:
        await off_loop(self._require_not_ended)
        manifest = self._manifest
        try:
            if manifest is None:
                # The provider is a connector of another kind: there is only its own statement, and we report that.
                path = await self._arrival.keep(self._reception.name)
            else:
                path = await self._arrival.accept(manifest, self._identity(manifest), self._examination)
        except NotFound:
            raise SourceChanged from None  # The part file was removed: the reception begins again.
        found = {} if manifest is None else await off_loop(self._owner.checks.data, manifest, path)
        facts = {**(self._reception.facts or {}), **self._version, **found, "verified": manifest is not None}
        await self._save(state=DONE, path=str(path.relative_to(self._owner.folder)), facts=facts, error=None)
        crashpoint("delivery.D7")

    def _state(self) -> str:
        with self._owner.work.read() as tx:
            return (self._owner.transfers.get(tx, self._transfer.pid) or self._transfer).state

    def _is_suspended(self) -> bool:
        return self._state() == machine.SUSPENDED

    def _require_not_ended(self) -> None:
        if self._state() == machine.TERMINATED:
            raise NotAllowed(
                "the transfer was terminated before its bytes were complete", remedy="get the asset again: hansa get"
            )

    async def _fail(self, error: HansaError) -> None:
        log.warning("reception failed: %s", error.detail, extra={"transfer": self._transfer.pid})
        self._end_examination()
        await off_loop(self._arrival.discard)
        await self._save(state=FAILED, error=error.detail, facts={**error.facts, "code": error.code})

    async def _save(self, **changes: Any) -> None:
        self._reception = replace(self._reception, at=self._owner.clock.now(), **changes)
        await off_loop(self._write, self._reception)
        if self._on_progress is not None:
            self._on_progress(self._reception)

    def _write(self, reception: Reception) -> None:
        with self._owner.work.begin() as tx:
            self._owner.receptions.put(tx, reception)
            if reception.state in (DONE, FAILED) and self._owner.finished is not None:
                self._owner.finished(tx, reception.transfer, reception)
