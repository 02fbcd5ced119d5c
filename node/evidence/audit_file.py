"""A part of the audit trail as a file that its node has signed.

Whoever keeps it can show later that nothing in it was changed.

The file has one JSON object per line: the entries, newest first, and last ``{"signature": …}``. The signature is a
compact JWS (RFC 7515) of type ``hansa-audit+jwt``, made with ES256 by a key of the node's DID document. It states the
SHA-256 of all lines before it, their number, and what was asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.identity.jose import Jws, read_jws, verify_jws

TYPE: Final = "hansa-audit+jwt"
MEDIA_TYPE: Final = "application/x-ndjson"
FILE_NAME: Final = "audit.jsonl"

_MEMBER: Final = "signature"
_START: Final = b'{"signature":"'
_MAX_LAST: Final = 64 * 1024
_PIECE: Final = 1 << 20

Sign = Callable[[dict[str, Any], bytes], str]
"""Header and payload → compact JWS with ``alg`` ES256 and the ``kid`` of the node's key (``KeyRing.sign_jws``)."""


class AuditFileInvalid(InvalidInput):
    """The file is not an audit trail with a signature, or not the one that was signed."""

    code = "audit-file-invalid"
    title = "The audit file is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStatement:
    """The statement that a node signs about the lines of a file.

    ``complete`` is False if older entries were left out, because the file has as many as it may have; ``criteria``
    are those that were given, by their names.
    """

    node: str
    at: datetime
    criteria: Mapping[str, str]
    entries: int
    complete: bool
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {
            "iss": self.node,
            "at": stamp(self.at),
            "criteria": dict(self.criteria),
            "entries": self.entries,
            "complete": self.complete,
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, claims: Mapping[str, Any]) -> AuditStatement:
        """Raises ``AuditFileInvalid`` for claims of another form."""
        try:
            statement = cls(
                node=claims["iss"],
                at=moment(claims["at"]),
                criteria=dict(claims["criteria"]),
                entries=claims["entries"],
                complete=claims["complete"],
                sha256=claims["sha256"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AuditFileInvalid("the signed statement lacks a member, or one has another form") from error
        is_sound = (
            isinstance(statement.node, str)
            and isinstance(statement.sha256, str)
            and isinstance(statement.complete, bool)
            and type(statement.entries) is int
        )
        if not is_sound:
            raise AuditFileInvalid("the signed statement has a member of another form")
        return statement


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFile:
    """The signature of a file, unverified, and the facts of its lines that the statement has to agree with."""

    jws: Jws
    key: str
    statement: AuditStatement
    entries: int
    sha256: str


def signed_lines(
    entries: Iterable[bytes],
    *,
    most: int,
    node: str,
    at: datetime,
    criteria: Mapping[str, str],
    sign: Sign,
) -> Iterator[bytes]:
    """Yield the lines of the file for ``entries`` (``node.operation.audit.entry_line``), at most ``most`` of them,
    and the signature."""
    digest = hashlib.sha256()
    count, complete = 0, True
    for entry in entries:
        if count == most:
            complete = False
            break
        line = entry + b"\n"
        digest.update(line)
        count += 1
        yield line
    statement = AuditStatement(
        node=node, at=at, criteria=criteria, entries=count, complete=complete, sha256=digest.hexdigest()
    )
    yield canonical({_MEMBER: sign({"typ": TYPE}, canonical(statement.to_json()))}) + b"\n"


def is_audit_file(path: Path) -> bool:
    """Return whether the last line of the file looks like the signature of an audit trail. Raises ``OSError``."""
    return _last_line(path)[1].startswith(_START)


def read_audit_file(path: Path) -> AuditFile:
    """Return the signature of the file, and number and SHA-256 of its other lines. Nothing is verified.

    Raises ``AuditFileInvalid``, ``OSError``.
    """
    start, last = _last_line(path)
    try:
        text = json.loads(last)[_MEMBER]
        token = read_jws(text, limit=_MAX_LAST)
    except (ValueError, KeyError, TypeError, InvalidInput) as error:
        raise AuditFileInvalid("the last line is not a signature", remedy="export the audit trail again") from error
    if token.alg != "ES256" or token.header.get("typ") != TYPE or set(token.header) != {"alg", "typ", "kid"}:
        raise AuditFileInvalid(f"the signature's header does not name type {TYPE} and algorithm ES256")
    if token.kid is None or token.kid_did is None:
        raise AuditFileInvalid("the signature does not state whose key made it")
    digest = hashlib.sha256()
    count, rest = 0, start
    with path.open("rb") as file:
        while rest and (piece := file.read(min(_PIECE, rest))):
            digest.update(piece)
            count += piece.count(b"\n")
            rest -= len(piece)
    try:
        statement = AuditStatement.from_json(token.claims())
    except AuditFileInvalid:
        raise
    except InvalidInput as error:
        raise AuditFileInvalid(f"the signed statement cannot be read: {error.detail}") from error
    if token.kid_did != statement.node:
        raise AuditFileInvalid("the file is signed by somebody other than the node that it names")
    return AuditFile(jws=token, key=token.kid, statement=statement, entries=count, sha256=digest.hexdigest())


def verify_signature(file: AuditFile, key: Mapping[str, Any]) -> None:
    """Raises ``AuditFileInvalid`` if the signature was not made with the public JWK ``key``.

    The caller found it under ``file.key`` in the node's DID document, for the purpose ``assertionMethod``.
    """
    try:
        verify_jws(file.jws, dict(key))
    except InvalidInput as error:
        raise AuditFileInvalid(f"the signature is not valid: {error.detail}") from error


def _last_line(path: Path) -> tuple[int, bytes]:
    """Return where the last line of the file starts, and the line without its end; an empty one if it is longer than
    a signature can be."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(size - _MAX_LAST, 0)
        file.seek(start)
        tail = file.read(_MAX_LAST).removesuffix(b"\n")
    place = tail.rfind(b"\n")
    if place < 0 and start:
        return 0, b""
    return start + place + 1, tail[place + 1 :]
