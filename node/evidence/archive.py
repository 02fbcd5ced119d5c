"""The archive: parts by name, packed without compression, dates or anything else that could differ; and its list.

``SHA256SUMS`` has the form that ``sha256sum -c`` reads. Its first line, a comment for that program, names the type of
the file and the node that wrote it. ``SHA256SUMS.sig`` is that node's Ed25519 signature over the list, by its ledger
key: no checkpoint of a ledger begins with such a line, so neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.base.errors import InvalidInput, TooLarge

SUMS: Final = "SHA256SUMS"
SUMS_SIGNATURE: Final = "SHA256SUMS.sig"
MAX_BYTES: Final = 64 << 20
MAX_PARTS: Final = 4000

_HEAD: Final = re.compile(r"# Hansa agreement file 1, written by (\S+)")
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The list of parts: the node that wrote it, and name → SHA-256."""

    writer: str
    sums: Mapping[str, str]


def file_name(agreement_id: str) -> str:
    """Return the name under which the file of an agreement is saved."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", agreement_id.rpartition(":")[2]).strip("-.")[:80]
    return f"agreement-{name or 'of-no-name'}.zip"


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return the archive of ``parts``; the same parts give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            about = zipfile.ZipInfo(name, _EPOCH)
            about.create_system = 3
            about.external_attr = 0o100644 << 16
            archive.writestr(about, parts[name])
    return buffer.getvalue()


def unpack(raw: bytes) -> dict[str, bytes]:
    """Return the parts of an archive. Raises ``InvalidInput`` for a damaged or other file, ``TooLarge`` for bombs."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            names = [about.filename for about in members]
            if len(set(names)) != len(names):
                raise InvalidInput("the archive contains two parts with the same name")
            if len(members) > MAX_PARTS or sum(about.file_size for about in members) > MAX_BYTES:
                raise TooLarge("the archive is larger than the file of an agreement can be")
            parts = {about.filename: _read(archive, about) for about in members if not about.is_dir()}
    except _BROKEN as error:
        raise InvalidInput(
            f"this is not the file of an agreement, or it is damaged: {error}",
            remedy="ask for the file that hansa agreement export wrote",
        ) from error
    return parts


def _read(archive: zipfile.ZipFile, about: zipfile.ZipInfo) -> bytes:
    with archive.open(about) as part:
        content = part.read(about.file_size + 1)
    if len(content) > MAX_BYTES:
        raise TooLarge("a part of the archive is larger than the archive's directory states")
    return content


def listing(parts: Mapping[str, bytes], *, writer: str) -> bytes:
    """Return the text of ``SHA256SUMS`` for these parts."""
    lines = [f"# Hansa agreement file 1, written by {writer}"]
    lines += [f"{hashlib.sha256(parts[name]).hexdigest()}  {name}" for name in sorted(parts)]
    return ("\n".join(lines) + "\n").encode()


def read_listing(raw: bytes) -> Listing:
    """Read what ``listing`` wrote, without comparing it with the parts. Raises ``InvalidInput``."""
    try:
        lines = raw.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{SUMS} is not UTF-8 text") from error
    head = _HEAD.fullmatch(lines[0])
    matches = [_LINE.fullmatch(line) for line in lines[1:]]
    if head is None or not all(matches):
        raise InvalidInput(f"{SUMS} is not the list of parts of an agreement's file")
    sums = {match[2]: match[1] for match in matches if match is not None}
    if len(sums) != len(matches):
        raise InvalidInput(f"{SUMS} lists a part twice")
    return Listing(writer=head[1], sums=sums)
