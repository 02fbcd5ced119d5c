"""The header of an age v1 file: read it strictly, and write it for one X25519 recipient.

age-encryption.org/v1 (C2SP ``age.md``): a version line, recipient stanzas that each wrap the file key, and a
MAC over all of it. This node opens files sealed for X25519 keys. Stanzas of other types are ignored, as the
specification demands, so plug-in stanzas never start a program. But a passphrase stanza is refused before anything
is computed, since its work factor lets a stranger spend gigabytes of our memory.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.base.errors import InvalidInput
from node.exchange.sealkeys import SealIdentity, shared_secret

VERSION_LINE: Final = b"age-encryption.org/v1\n"
FILE_KEY_SIZE: Final = 16
NONCE_SIZE: Final = 16
MAX_STANZAS: Final = 20
MAX_HEADER: Final = 64 * 1024
"""The most bytes of a header. It is generous: twenty post-quantum stanzas have 45 KB, our header has 200 bytes."""

_X25519: Final = "X25519"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
_MAC_INFO: Final = b"header"
_FOOTER: Final = b"---"
_ARGUMENTS: Final = re.compile(rb"-> [!-~]+(?: [!-~]+)*")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*")
_COLUMNS: Final = 64
_ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"


class Unsealable(InvalidInput):
    """The sealed file cannot be opened."""

    code = "unsealable"
    title = "The sealed file cannot be opened"


class HeaderInvalid(Unsealable):
    """The header breaks the format, or uses a part of it that this node does not support."""


class HeaderForged(Unsealable):
    """The header can be opened, but its MAC shows that it was changed."""


class NotForUs(Unsealable):
    """No stanza of the header opens with this identity."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapped file key: its type, further arguments, body."""

    type: str
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A header as read. ``mac_input`` is the part that its MAC covers; ``size`` counts all its bytes."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    mac_input: bytes
    size: int


def find_header(buffer: bytes | bytearray, *, complete: bool = False) -> Header | None:
    """Return the header at the beginning of ``buffer``, or None if more bytes are needed.

    ``complete``: no more bytes will arrive. Raises ``HeaderInvalid`` as soon as the bytes cannot become a header that
    this node reads.
    """
    start = bytes(buffer[: len(VERSION_LINE)])
    if not VERSION_LINE.startswith(start):
        armored = bytes(buffer[:256]).lstrip().startswith(_ARMOR)
        raise HeaderInvalid(
            "the file is armored age, which this node does not support" if armored else "the file is not age v1",
            remedy="seal it as a binary age v1 file",
        )
    footer = buffer.find(b"\n" + _FOOTER, len(VERSION_LINE) - 1, MAX_HEADER)
    end = -1 if footer < 0 else buffer.find(b"\n", footer + 1, footer + 1 + MAX_HEADER)
    if end >= 0:
        return read_header(bytes(buffer[: end + 1]))
    if len(buffer) > MAX_HEADER:
        raise HeaderInvalid(f"the header is longer than {MAX_HEADER} bytes")
    if complete:
        raise HeaderInvalid("the file ends within its header")
    return None


def read_header(header: bytes) -> Header:
    """Parse a whole header, from its version line to the newline after its MAC. Raises ``HeaderInvalid``."""
    lines = header.split(b"\n")
    if header[: len(VERSION_LINE)] != VERSION_LINE or lines.pop() != b"":
        raise HeaderInvalid("the file is not age v1")
    stanzas: list[Stanza] = []
    place = 1
    while place < len(lines) - 1:
        stanza, place = _read_stanza(lines, place)
        stanzas.append(stanza)
        if len(stanzas) > MAX_STANZAS:
            raise HeaderInvalid(f"the header has more than {MAX_STANZAS} stanzas")
        if stanza.type == "scrypt":
            raise HeaderInvalid(
                "the file is sealed with a passphrase, which this node does not support",
                remedy="seal it for the X25519 key in our DID document",
            )
    if not stanzas:
        raise HeaderInvalid("the header has no stanza")
    footer = lines[-1]
    if not footer.startswith(_FOOTER + b" "):
        raise HeaderInvalid("the header does not end in its MAC")
    mac = _base64(footer[4:])
    if len(mac) != 32:
        raise HeaderInvalid("the MAC of the header does not have 32 bytes")
    signed = header[: len(header) - len(footer) - 1 + len(_FOOTER)]
    return Header(tuple(stanzas), mac, signed, len(header))


def open_header(header: Header, identity: SealIdentity) -> bytes:
    """Return the file key. Raises ``NotForUs``, ``HeaderInvalid`` (malformed X25519 stanza) or ``HeaderForged``."""
    for stanza in header.stanzas:
        if stanza.type != _X25519:
            continue
        file_key = _unwrap(stanza, identity)
        if file_key is None:
            continue
        if not hmac.compare_digest(header_mac(file_key, header.mac_input), header.mac):
            raise HeaderForged("the MAC of the header is wrong: it was changed after it was sealed")
        return file_key
    types = ", ".join(sorted({stanza.type for stanza in header.stanzas}))
    raise NotForUs(
        f"the file is not sealed for this key (its stanzas: {types})",
        remedy="seal it for the X25519 key in our DID document",
    )


def write_header(file_key: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    """Return the header with exactly one stanza, for ``recipient``; ``ephemeral`` is the secret of the share.

    The same three arguments always give the same bytes. Raises ``InvalidInput`` for a recipient of low order.
    """
    secret = X25519PrivateKey.from_private_bytes(ephemeral)
    share = secret.public_key().public_bytes_raw()
    wrap_key = _wrap_key(shared_secret(secret, recipient), share, recipient)
    body = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), file_key, None)
    signed = VERSION_LINE + b"-> X25519 %s\n%s\n---" % (_text(share), _text(body))
    return signed + b" %s\n" % _text(header_mac(file_key, signed))


def header_mac(file_key: bytes, text: bytes) -> bytes:
    """Return HMAC-SHA-256 over the header up to and including ``---``."""
    return hmac.digest(derive(file_key, b"", _MAC_INFO), text, "sha256")


def derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-SHA-256 (RFC 5869)."""
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def _read_stanza(lines: list[bytes], place: int) -> tuple[Stanza, int]:
    first = lines[place]
    if not _ARGUMENTS.fullmatch(first):
        raise HeaderInvalid("a stanza does not begin with an arrow and its arguments")
    kind, *arguments = first[3:].decode("ascii").split(" ")
    body = bytearray()
    # The last line is the footer, so a stanza that has not ended before it never ends.
    for at in range(place + 1, len(lines) - 1):
        line = lines[at]
        if len(line) > _COLUMNS:
            raise HeaderInvalid(f"a line of a stanza has more than {_COLUMNS} columns")
        body += _base64(line)
        if len(line) < _COLUMNS:
            return Stanza(kind, tuple(arguments), bytes(body)), at + 1
    raise HeaderInvalid("a stanza does not end in a short line")


def _unwrap(stanza: Stanza, identity: SealIdentity) -> bytes | None:
    """Return the file key, or None if the stanza is for another recipient."""
    if len(stanza.arguments) != 1:
        raise HeaderInvalid("an X25519 stanza has one argument")
    share = _base64(stanza.arguments[0].encode("ascii"))
    if len(share) != 32:
        raise HeaderInvalid("the share of an X25519 stanza has 32 bytes")
    # Checked before decryption: a longer body could hold two keys at once (key commitment).
    if len(stanza.body) != FILE_KEY_SIZE + 16:
        raise HeaderInvalid("the body of an X25519 stanza has 32 bytes")
    try:
        secret = identity.seal_shared_secret(share)
    except InvalidInput as error:
        raise HeaderInvalid(error.detail) from error
    wrap_key = _wrap_key(secret, share, identity.seal_public_key())
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(bytes(12), stanza.body, None)
    except InvalidTag:
        return None


def _wrap_key(secret: bytes, share: bytes, recipient: bytes) -> bytes:
    return derive(secret, share + recipient, _X25519_INFO)


def _text(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _base64(text: bytes) -> bytes:
    """Decode standard Base64 (RFC 4648 §4) without padding, and only in its canonical form."""
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise HeaderInvalid("the header has text that is not unpadded Base64")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise HeaderInvalid("the header has text that is not unpadded Base64") from error
    if _text(data) != text:
        raise HeaderInvalid("the header has Base64 that is not canonical")
    return data
