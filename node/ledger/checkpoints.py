"""Checkpoints on paper: the C2SP tlog-checkpoint format, in a C2SP signed note with Ed25519.

A checkpoint reads, with an em dash before the signature:

    data.ghent.example
    42
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — data.ghent.example Az3grlgtzPICa5OS8npVmf1My…

The text has no extension lines (the format advises against them), so the moment of a checkpoint is not signed: the
caller that opens a note gives the moment when it was seen. Opening is a pure function of text and keys: it returns
the checkpoint or raises.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.base.errors import InvalidInput
from node.ledger.merkle import HASH_SIZE
from node.ledger.model import Checkpoint

MAX_NOTE = 64 * 1024
"""Longest note that is read, in characters: a checkpoint with some hundred cosignatures is far below it."""

_ED25519 = b"\x01"
"""The signature type identifier byte of Ed25519 (C2SP signed-note, "Signature types")."""

_KEY_SIZE = 32
_KEY_ID_SIZE = 4
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class LogKey:
    """The public half of a ledger key: its name (the origin, by custom) and the raw Ed25519 key of 32 bytes.

    Raises ``InvalidInput`` for a name that a note cannot contain and for bytes that are not a key.
    """

    name: str
    public_key: bytes
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(character.isspace() for character in self.name):
            raise InvalidInput(f"{self.name!r} cannot be the name of a ledger key: no spaces, no plus sign")
        if _CONTROL.search(self.name):
            raise InvalidInput("the name of a ledger key has no control characters")
        if len(self.public_key) != _KEY_SIZE:
            raise InvalidInput(f"an Ed25519 public key has {_KEY_SIZE} bytes")
        hashed = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()
        object.__setattr__(self, "id", hashed[:_KEY_ID_SIZE])

    def verify(self, text: str, signature: bytes) -> None:
        """Check an Ed25519 signature (RFC 8032) over the note text. Raises ``InvalidInput``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as error:
            raise InvalidInput(f"the signature of {self.name} on the note is not valid") from error


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed: origin, size, root. Raises ``InvalidInput`` for values without such a text."""
    if not origin or "\n" in origin or _CONTROL.search(origin):
        raise InvalidInput("the origin of a checkpoint is one line, and not empty")
    if size < 0 or len(root) != HASH_SIZE:
        raise InvalidInput(f"a checkpoint has a size and a root of {HASH_SIZE} bytes")
    return f"{origin}\n{size}\n{_encode(root)}\n"


def open_note(note: str, keys: Iterable[LogKey]) -> str:
    """Return the text of a signed note after verifying a signature by one of ``keys``.

    Signatures by unknown keys are ignored, as the format demands; an invalid signature by a known key makes the whole
    note invalid. Raises ``InvalidInput`` if the note is invalid, malformed or has no signature by a known key.
    """
    text, signatures = _split_note(note)
    keys_by_id = {(key.name, key.id): key for key in keys}
    verified = False
    for name, signature in signatures:
        key = keys_by_id.get((name, signature[:_KEY_ID_SIZE]))
        if key is not None:
            key.verify(text, signature[_KEY_ID_SIZE:])
            verified = True
    if not verified:
        raise InvalidInput(
            "no known key has signed this note",
            remedy="compare the ledger key in the DID document of the node with the one you expect",
        )
    return text


def open_checkpoint(
    note: str | bytes, keys: Iterable[LogKey], *, at: datetime, origin: str | None = None
) -> Checkpoint:
    """Return the checkpoint in a signed note.

    ``keys`` are the trusted ledger keys, ``at`` is the moment when the note was seen, and ``origin`` the origin that
    it must have (None: any). Raises ``InvalidInput`` if the note is malformed, of another origin, or not signed by
    one of the keys (C2SP tlog-checkpoint and signed-note). Extension lines are allowed and ignored.
    """
    if isinstance(note, bytes):
        try:
            note = note.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput("a checkpoint is UTF-8 text") from error
    lines = open_note(note, keys).removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise InvalidInput("a checkpoint has at least three lines, and none of them is empty")
    if origin is not None and lines[0] != origin:
        raise InvalidInput(f"the checkpoint is of another ledger: {lines[0]!r} instead of {origin!r}")
    if not _SIZE.fullmatch(lines[1]):
        raise InvalidInput("the second line of a checkpoint is the size, a plain decimal number")
    root = _decode(lines[2], "the root of the checkpoint")
    if len(root) != HASH_SIZE:
        raise InvalidInput(f"the root of a checkpoint has {HASH_SIZE} bytes")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, at=at, note=note)


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE:
        raise InvalidInput("the note is longer than any checkpoint")
    _check_text(note)
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not text or not tail:
        raise InvalidInput("a signed note is text, an empty line, and signature lines")
    signatures = []
    for line in tail.removesuffix("\n").split("\n"):
        name, space, encoding = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not name or not space:
            raise InvalidInput("a signature line of a note is: em dash, name, signature")
        signature = _decode(encoding, "a signature of the note")
        if len(signature) <= _KEY_ID_SIZE:
            raise InvalidInput("a signature of the note is too short to be one")
        signatures.append((name, signature))
    return text + "\n", signatures


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise InvalidInput("a note ends in a newline")
    if _CONTROL.search(text):
        raise InvalidInput("a note has no control characters but the newline")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("a note is text that UTF-8 can carry") from error


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{what} is not Base64") from error
    if _encode(raw) != text:
        # With a second spelling of the same bytes, two different notes could have the same meaning.
        raise InvalidInput(f"{what} is not canonical Base64")
    return raw
