"""A transfer, an access token, a reception."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.dialogue.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Process):
    """A transfer process. ``format`` is the distribution's; ``data_address`` the DSP DataAddress.

    For the provider ``data_address`` is what the consumer asked to be pushed to, or what we offered to pull
    from, without the token; for the consumer it is what the provider sent. ``file`` is the name of the file that
    was asked for, where a dataset has several. ``seal_key`` is the X25519 key (hexadecimal) that the consumer's DID
    document listed when it asked, so that a start after a suspension seals for the same recipient. ``suspended_by``
    is the role that suspended it last: a consumer resumes only what it has suspended itself. ``push_token`` is the
    SHA-256 of the token by which, as consumer, we recognise the sender of a push to our address.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """What a data address token opens: kept by the token's hash, bound to one transfer, agreement, recipient.

    ``secrets`` holds the wrapped file key, ephemeral key and nonce of a sealed transfer, with the SHA-256 of
    the source they belong to: a source that has changed gets new ones.
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

    @property
    def executes(self) -> bool:
        """Whether it opens the execution of a model rather than the bytes of a file: there is no file then."""
        return not self.file_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the consumer has received so far of a transfer. ``state``: receiving, verifying, done, failed."""

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
