"""A transfer, an access token, a reception."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.dialogue.process import Process
from node.transfer import machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Process):
    """A transfer process. ``format`` is the distribution's; ``data_address`` the DSP DataAddress.

    For the provider ``data_address`` is the consumer's address for a push, or our address for a pull, without the
    token; for the consumer it is the address that the provider sent. ``file`` is the name of the requested file, if a
    dataset has several. ``seal_key`` is the X25519 key (hexadecimal) that the consumer's DID document listed when it
    asked, so that a start after a suspension seals for the same recipient. ``suspended_by`` is the role that
    suspended it last: a consumer resumes only a transfer that it has suspended itself. ``push_token`` is the SHA-256
    of the token that identifies the sender of a push to our address, if we are the consumer. ``asset_version`` is the
    number of the requested version of the asset; None for the newest one. ``wish`` is the format that the consumer
    wants the file converted to, as ``node.semantics.conversions.Wish`` writes it; None for the file as it is.
    """

    agreement: str
    dataset: str
    format: str
    data_address: dict[str, Any] | None = None
    file: str | None = None
    manifest: str | None = None
    seal_key: str | None = None
    suspended_by: str | None = None
    push_token: str | None = None
    asset_version: int | None = None
    wish: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """The access that a data address token gives: stored by the token's hash, bound to one transfer, agreement,
    recipient.

    ``secrets`` holds the wrapped file key, ephemeral key and nonce of a sealed transfer, with the SHA-256 of their
    source: a source that has changed gets new secrets. If the data are read where they are, ``source`` and ``item``
    name the data source and the item in it, and there is no file. ``conversion`` tells of what the file was made, if
    it was made for the consumer.
    """

    transfer: str
    agreement: str
    recipient: str
    dataset: str
    version: int
    file_sha256: str
    file_size: int
    file_name: str
    media_type: str
    sealed: bool
    token_sha256: str
    expires: datetime
    secrets: bytes | None = None
    closed: bool = False
    accesses: int = 0
    source: str = ""
    item: str = ""
    conversion: dict[str, Any] | None = None

    @property
    def has_bytes(self) -> bool:
        """Return whether it opens the bytes of a stored file."""
        return bool(self.file_sha256)

    @property
    def is_live(self) -> bool:
        """Return whether it opens an item of a data source."""
        return bool(self.source)

    @property
    def executes(self) -> bool:
        """Return whether it opens the execution of a model: then it has neither file nor data source."""
        return not self.has_bytes and not self.is_live


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """The progress of a transfer at the consumer. ``state``: receiving, verifying, done, failed."""

    transfer: str
    state: str
    name: str
    media_type: str
    sealed: bool
    expected: int | None
    received: int
    at: datetime
    sha256: str | None = None
    manifest: str | None = None
    error: str | None = None
    path: str | None = None
    facts: dict[str, Any] | None = None


def under_way(transfer: Transfer) -> bool:
    """Return whether the transfer is STARTED or about to be: a consumer that shows the token has our start message,
    even if its answer has not arrived yet."""
    if transfer.state == machine.STARTED:
        return True
    pending = transfer.pending
    startable = (transfer.state, machine.START) in machine.TABLE.moves
    return startable and pending is not None and pending.message == machine.START
