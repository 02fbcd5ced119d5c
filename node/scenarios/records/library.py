"""The library of scenarios: records of this node and of others, and the bytes that this node may read.

A record of another node is read from that node, as ourselves, and counts only if its signed envelope verifies with
the key in the node's DID document: a model's card is its owner's statement. Bytes of another node are those that were
received under an agreement that is still in force, or files that are open to everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from anyio.to_thread import run_sync

from node.base.errors import InvalidInput, NotAllowed, NotFound, PeerUnreachable, TooLarge, UnsupportedMediaType
from node.base.jsons import read_object
from node.base.plaintext import word
from node.base.work import UnitOfWork
from node.catalogue.browse import Browse
from node.catalogue.envelope import open_record, signing_key, stated_at
from node.catalogue.model import Record
from node.exchange.contents import contents
from node.exchange.offloop import once
from node.exchange.ports import AssetStore
from node.identity.documents import key_for
from node.identity.model import Caller, DidDocument
from node.identity.periods import document_at
from node.negotiation.acquire import provider_of
from node.negotiation.agreements_in_force import OurAgreements
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.policy.model import Decision
from node.scenarios.tables.rows import read_rows
from node.semantics.model import File
from node.transfer.ports import ReceptionStore

MOST_BYTES: Final = 64 << 20
"""The most bytes of an input file: its rows are held in memory while a step runs."""

LOOKED_AT: Final = 2 << 20
"""The most bytes of a file whose columns are read to suggest uses for it."""

_COLUMNS_KEPT: Final = 500
"""The files whose columns are remembered."""

Fetch = Callable[..., Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""(url, headers, *, audience) → (status, headers, body): an HTTP GET as this node, capped in size and time."""

DecideUse = Callable[[Agreement], Awaitable[Decision]]
"""The current decision of the policy of an agreement in which we are the consumer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObtainedBytes:
    """Bytes that are in our asset store now, and the agreement under which they were received."""

    file: File
    agreement: str | None = None


class Library:
    """Records and bytes for scenarios."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        browse: Browse,
        assets: AssetStore,
        agreements: AgreementStore,
        receptions: ReceptionStore,
        document: Callable[[str], Awaitable[DidDocument]],
        fetch: Fetch,
        decide: DecideUse,
        receptions_folder: Path,
        me: str,
    ) -> None:
        """``document`` resolves a DID; ``receptions_folder`` is the base folder of the receptions' paths."""
        self._uow = uow
        self._browse = browse
        self._assets = assets
        self._agreements = OurAgreements(uow, agreements, me)
        self._receptions = receptions
        self._document = document
        self._fetch = fetch
        self._decide = decide
        self._receptions_folder = receptions_folder
        self._me = me
        self._columns: dict[str, frozenset[str]] = {}

    async def record(self, iri: str, caller: Caller, *, version: int | None = None) -> Record:
        """Return the record of ``iri``, the newest or that version, with its signature checked if it is not ours.

        Raises ``NotFound`` if it does not exist for us, ``PeerUnreachable``, ``InvalidInput`` if ``iri`` is not an
        asset's.
        """
        try:
            return await self._browse.record(iri, caller, version=version)
        except NotFound:
            if provider_of(iri) == self._me:
                raise
        return await self._foreign(iri, version)

    async def catalogue_record(self, iri: str, caller: Caller, *, version: int | None = None) -> Record:
        """Return the record of ``iri`` as ``caller`` may see it in our catalogue, without a request to another node.
        Raises ``NotFound``."""
        return await self._browse.record(iri, caller, version=version)

    async def _foreign(self, iri: str, version: int | None) -> Record:
        owner = provider_of(iri)
        at = f"{iri}?version={version}" if version else iri
        description = read_object(await self._get(at, "application/json", owner))
        number = description.get("version")
        if not isinstance(number, int) or not isinstance(description.get("signature"), str):
            raise PeerUnreachable(
                f"{owner} does not answer with a record about {iri}", remedy="check the address, or try again later"
            )
        envelope = description["signature"]
        statements = await self._get(f"{iri}?version={number}", "application/n-quads", owner)
        document = document_at(await self._document(owner), stated_at(envelope))
        record = open_record(envelope, statements, key_for(document, signing_key(envelope), "assertionMethod"))
        if record.origin != owner or record.iri != iri or version not in (None, record.version):
            raise InvalidInput(
                f"{owner} answers with the record of something other than {iri}",
                remedy="check the address, and tell the owner of the node",
            )
        return record

    async def _get(self, url: str, accept: str, owner: str) -> bytes:
        status, _, body = await self._fetch(url, {"Accept": accept}, audience=owner)
        if status in (404, 410):
            raise NotFound(
                f"{url.partition('?')[0]} does not exist, or this node may not read it",
                remedy="check the address, or ask its publisher for access",
            )
        if status != 200:
            raise PeerUnreachable(f"{owner} answers with status {status} for {url}", remedy="try again later")
        return body

    async def obtain(self, record: Record, name: str | None) -> ObtainedBytes:
        """Return the file of ``record`` (the only one, if no name is given) in our asset store.

        Raises ``InvalidInput`` if the file is ambiguous, ``NotAllowed`` if its bytes were never received, or if the
        agreement under which they were received does not permit their use any more.
        """
        file = file_of(record, name)
        if file.size > MOST_BYTES:
            raise TooLarge(
                f"{file.name} has {file.size:,} bytes; an input may have {MOST_BYTES:,}",
                remedy="publish a part or a summary of it, and use that",
            )
        if record.origin == self._me:
            if not self._assets.has(file.sha256):
                raise NotFound(
                    f"this node does not store the bytes of {file.name}",
                    remedy="publish the asset again with its file",
                )
            return ObtainedBytes(file=file)
        if file.open:
            return await self._open(record, file)
        return await self._under_contract(record, file)

    async def _open(self, record: Record, file: File) -> ObtainedBytes:
        if not self._assets.has(file.sha256):
            url = f"{record.iri}/files/{quote(file.name, safe='')}?version={record.version}"
            body = await self._get(url, "*/*", record.origin)
            stored = await self._assets.take_in(once(body), limit=MOST_BYTES)
            if stored.sha256 != file.sha256:
                raise InvalidInput(
                    f"{file.name} is not the file that {record.origin} published: its SHA-256 differs",
                    remedy="ask the publisher to publish a version with the new file",
                )
        return ObtainedBytes(file=file)

    async def _under_contract(self, record: Record, file: File) -> ObtainedBytes:
        agreement = await self.find_agreement(record.iri, record.origin, record.title())
        if not self._assets.has(file.sha256):
            path = await run_sync(self._path_of, record, file)
            if path is None:
                raise _absence(record, file, "has not arrived at this node")
            await self._assets.adopt(path, limit=MOST_BYTES)
            if not path.is_file():
                # It was deleted meanwhile, and the deletion is confirmed: no copy may stay.
                await run_sync(self._assets.remove, file.sha256)
                raise _absence(record, file, "was deleted at this node")
        return ObtainedBytes(file=file, agreement=agreement.id)

    async def at_hand(self, record: Record, file: File) -> bool:
        """Return whether ``file`` can be read here now, without a request to others: it is this node's own, open to
        everybody, or was received under an agreement that is in force."""
        if record.origin == self._me:
            return await run_sync(self._assets.has, file.sha256)
        if file.open:
            return True
        try:
            await self.agreement(record.iri, record.origin)
        except NotAllowed:
            return False
        return await run_sync(lambda: self._assets.has(file.sha256) or self._path_of(record, file) is not None)

    async def agreement(self, iri: str, provider: str) -> Agreement:
        """Return our agreement in force about ``iri``. Raises ``NotAllowed`` if there is none or it has ended."""
        return await self._agreements.in_force(iri, provider)

    async def find_agreement(self, iri: str, provider: str, title: str) -> Agreement:
        """Return our agreement about ``iri``, if it permits our use now, as far as this node knows. Raises
        ``NotAllowed`` with the reasons if it does not."""
        agreement = await self.agreement(iri, provider)
        decision = await self._decide(agreement)
        if not decision.permits:
            raise NotAllowed(
                f"the agreement about {title} does not permit its use now",
                remedy=f"to see which condition is not met, run hansa agreement {word(agreement.id)}",
                facts={
                    "case": "not-permitted",
                    "title": title,
                    "agreement": agreement.id,
                    "reasons": [one.to_json() for one in decision.unmet],
                },
            )
        return agreement

    def _path_of(self, record: Record, file: File) -> Path | None:
        with self._uow.read() as tx:
            for agreement in self._agreements.about(tx, record.iri, record.origin):
                for reception in self._receptions.under(tx, agreement):
                    if reception.sha256 == file.sha256 and reception.path:
                        path = self._receptions_folder / reception.path
                        if path.is_file():
                            return path
        return None

    async def read(self, sha256: str) -> bytes:
        """Return bytes of our asset store, whole. Raises ``NotFound``, ``TooLarge``."""
        size = self._assets.size(sha256)
        if size is not None and size > MOST_BYTES:
            raise TooLarge(
                f"{size:,} bytes are more than a step takes ({MOST_BYTES:,})",
                remedy="use a part or a summary of the data",
            )
        return await contents(self._assets, sha256)

    async def read_piece(self, sha256: str, start: int, end: int) -> bytes:
        """Return bytes of our asset store from ``start`` to before ``end``, or to the end of the file. Raises
        ``NotFound``."""
        return await contents(self._assets, sha256, start=start, end=end)

    def holds(self, sha256: str) -> bool:
        """Return whether our asset store has these bytes."""
        return self._assets.has(sha256)

    async def columns(self, file: File) -> frozenset[str] | None:
        """Return the members of the rows of ``file``; None if its bytes are not here, are too many to inspect in
        passing, or are not rows."""
        known = self._columns.get(file.sha256)
        if known is not None:
            return known
        if file.size > LOOKED_AT or not self._assets.has(file.sha256):
            return None
        try:
            rows = await asyncio.to_thread(read_rows, await self.read(file.sha256), file.media_type)
        except (InvalidInput, UnsupportedMediaType, TooLarge):
            return None
        names = frozenset(name for row in rows[:100] for name in row)
        if len(self._columns) >= _COLUMNS_KEPT:
            self._columns.clear()
        self._columns[file.sha256] = names
        return names

    async def keep(self, body: bytes) -> str:
        """Put bytes into our asset store; return their SHA-256."""
        return (await self._assets.take_in(once(body), limit=max(MOST_BYTES, len(body)))).sha256


def file_of(record: Record, name: str | None) -> File:
    """Return the file of a record by name, or its only file. Raises ``InvalidInput`` if it is ambiguous."""
    readable = [file for file in record.files if name in (None, file.name)]
    if len(readable) == 1:
        return readable[0]
    names = ", ".join(file.name for file in record.files) or "none"
    if name is not None:
        raise InvalidInput(f"{record.title()} has no file {name}", remedy=f"it has: {names}")
    raise InvalidInput(f"{record.title()} has {len(readable)} files", remedy=f"name one of them: {names}")


def to_receive(record: Record, file: File) -> str:
    """Return the command that fetches this file, with the name of the file if the asset has several."""
    command = f"hansa get {word(record.iri)}"
    return f"{command} --file {word(file.name)}" if len(record.files) > 1 else command


def _absence(record: Record, file: File, words: str) -> NotAllowed:
    return NotAllowed(
        f"version {record.version} of {record.title()} {words}",
        remedy=to_receive(record, file),
        facts={
            "case": "not-received",
            "title": record.titles or record.iri,
            "dataset": record.iri,
            "version": record.version,
        },
    )
