"""The signed envelope of a record version: it is sent to other nodes, kept in the ledger, and can be verified.

The envelope is canonical JSON (RFC 8785) about the version, with the SHA-256 of its canonical N-Quads; its
signature is a compact JWS (RFC 7515) with the envelope as payload. The two parts of a version, envelope and
statements, may therefore be passed on by anybody. The place of a file on the publisher's own systems
(``File.source``) is private and not in the envelope.

Opening is a pure function of text, statements and key: it returns the record or raises, and fetches nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput, LocalFault
from node.base.jsons import canonical, read_object
from node.catalogue.model import ERASED, OPENS_HISTORY, WITHDRAWAL_REASON, Record, WiderAudience
from node.identity.jose import Jws, read_head, read_jws, verify_jws
from node.identity.periods import stated_moment
from node.identity.ports import KeyRing
from node.semantics.model import File

TYPE: Final = "hansa-record+jws"
MAX_ENVELOPE: Final = 512 * 1024

SIGNATURE: Final = "signature"
"""The member of ``Record.extra`` with the signed envelope."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_TEXTS = ("iri", "kind", "audience", "publisher", "publisherName", "origin", "sha256", "at")
_NOT_EMPTY = ("iri", "kind", "audience", "origin")
_LANGUAGE_MAPS = ("titles", "descriptions")
_TEXT_LISTS = ("keywords", "themes")
_FLAGS = ("sealed", "withdrawn")
_MEMBERS = frozenset((*_TEXTS, *_LANGUAGE_MAPS, *_TEXT_LISTS, *_FLAGS, "version", "offer", "files", "extra"))


def envelope_of(record: Record) -> dict[str, Any]:
    """Return the envelope of ``record`` as JSON members."""
    return {
        "iri": record.iri,
        "version": record.version,
        "kind": record.kind,
        "audience": record.audience,
        "titles": record.titles,
        "descriptions": record.descriptions,
        "publisher": record.publisher,
        "publisherName": record.publisher_name,
        "origin": record.origin,
        "sha256": record.sha256,
        "at": stamp(record.at),
        "offer": record.offer,
        "files": [replace(file, source=None).to_json() for file in record.files],
        "keywords": list(record.keywords),
        "themes": list(record.themes),
        "sealed": record.sealed,
        "withdrawn": record.withdrawn,
        "extra": {name: value for name, value in record.extra.items() if name != SIGNATURE},
    }


def seal_record(keyring: KeyRing, record: Record) -> str:
    """Return the compact JWS over the envelope of ``record``.

    Raises ``InvalidInput`` if the envelope has no canonical form (a fraction in ``offer`` or ``extra``).
    """
    return keyring.sign_jws({"typ": TYPE}, _canonical(envelope_of(record)))


def sign(keyring: KeyRing, record: Record) -> Record:
    """``record`` with its signature in ``extra``."""
    return replace(record, extra={**record.extra, SIGNATURE: seal_record(keyring, record)})


def signature_of(record: Record) -> str:
    """The signature that a stored record carries."""
    signature = record.extra.get(SIGNATURE)
    if not isinstance(signature, str):
        raise LocalFault(f"{record.version_iri} is kept without its signature")
    return signature


def ledger_body(
    record: Record, change: WiderAudience | None = None, *, erases: Sequence[Record] = ()
) -> dict[str, Any]:
    """Return the body of the ledger entry of a signed record: everything that is needed to restore the record.

    ``erases`` are the versions whose content the record erases: the body names their entries, as
    ``node.ledger.ports.Erase`` demands, and their files, so that these are deleted after a crash too. ``local`` is
    present only if some files stay at their place or the audience got wider (``change``); it never leaves the node.
    """
    members: dict[str, Any] = {
        "envelope": envelope_of(record),
        "nquads": record.nquads.decode("utf-8"),
        "signature": signature_of(record),
    }
    sources = {file.name: file.source for file in record.files if file.source}
    local: dict[str, Any] = {"sources": sources} if sources else {}
    if change is not None:
        local["widened"] = change.to_json()
    if local:
        members["local"] = local
    if erases:
        members["erases"] = [version.entry for version in erases]
        members["erasedFiles"] = sorted({file.sha256 for version in erases for file in version.files})
    return members


def signing_key(jws: str) -> str:
    """Return the unverified ``kid`` of the JWS: the key to fetch before ``open_record``. Only the header is read."""
    return signer(_of_type(read_head(jws, limit=MAX_ENVELOPE), TYPE))


def stated_at(jws: str) -> datetime | None:
    """Return the unverified moment of a signed envelope or head, to find the key of its origin in force then."""
    try:
        return stated_moment(read_jws(jws, limit=MAX_ENVELOPE), "at")
    except InvalidInput:
        return None


def open_record(jws: str, nquads: bytes, key_jwk: Mapping[str, Any]) -> Record:
    """Return the record in ``jws`` (with the statements ``nquads``) after these checks:

    1. The JWS is of our type, names its key, and verifies with ``key_jwk``.
    2. The payload is canonical JSON with exactly the members of an envelope, of the right types.
    3. The ``kid`` belongs to the origin that the envelope names.
    4. ``sha256`` is the hash of ``nquads``; a withdrawn version has no statements, offer or files.

    Raises ``InvalidInput``. The caller has to check, with knowledge from outside: that the origin is the node that
    answered, that the IRI belongs to it, and that the key is the one in its DID document.
    """
    opened_jws = open_typed(jws, TYPE)  # 1
    kid = signer(opened_jws)
    verify_jws(opened_jws, dict(key_jwk))
    envelope = read_object(opened_jws.payload)  # 2
    if _canonical(envelope) != opened_jws.payload:
        raise InvalidInput("the envelope is not in canonical form")
    record = _record(envelope, nquads)
    if not kid.startswith(f"{record.origin}#"):  # 3
        raise InvalidInput("the envelope is signed by somebody other than its origin")
    if hashlib.sha256(nquads).hexdigest() != record.sha256:  # 4
        raise InvalidInput("the statements are not those that were signed: their SHA-256 differs")
    if record.withdrawn and (nquads or record.offer or record.files):
        raise InvalidInput("a withdrawn version states nothing and offers nothing")
    return replace(record, extra={**record.extra, SIGNATURE: jws})


def open_typed(text: str, kind: str) -> Jws:
    """Parse ``text`` as a JWS of type ``kind``. Nothing is verified. Raises ``InvalidInput``."""
    return _of_type(read_jws(text, limit=MAX_ENVELOPE), kind)


def _of_type(jws: Jws, kind: str) -> Jws:
    if jws.typ != kind:
        raise InvalidInput(f"the signature is not one of type {kind}")
    return jws


def signer(jws: Jws) -> str:
    """Return the ``kid``, which names the signer and the key. Raises ``InvalidInput`` if the JWS has none."""
    if jws.kid is None or jws.kid_did is None:
        raise InvalidInput("the signature does not say with which key of whom it was made")
    return jws.kid


def withdrawal_of(record: Record, reason: str = "") -> Record:
    """Return the next version of ``record``, marked as withdrawn for ``reason``. ``at``, ``by`` and signature are
    added later."""
    return replace(
        record,
        version=record.version + 1,
        titles={},
        descriptions={},
        nquads=b"",
        sha256=_EMPTY_SHA256,
        offer=None,
        files=(),
        keywords=(),
        themes=(),
        sealed=False,
        withdrawn=True,
        entry="",
        warnings=(),
        extra={WITHDRAWAL_REASON: reason} if reason else {},
    )


CONTENT: Final = (
    "titles",
    "descriptions",
    "nquads",
    "sha256",
    "offer",
    "files",
    "keywords",
    "themes",
    "sealed",
    "withdrawn",
    "warnings",
    "extra",
)
"""The fields of a record that its content consists of."""


def remains_of(record: Record, by_version: int) -> Record:
    """Return what stays of a version whose content ``by_version`` erased: it has the fields of a withdrawn one."""
    extra: dict[str, Any] = {ERASED: by_version}
    if record.opens_history:
        extra[OPENS_HISTORY] = True
    return replace(withdrawal_of(record), version=record.version, entry=record.entry, extra=extra)


def _record(envelope: Mapping[str, Any], nquads: bytes) -> Record:
    _check_members(envelope)
    try:
        at = moment(envelope["at"])
        files = tuple(_file(file) for file in envelope["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("a date or a file of the envelope is not readable") from error
    return Record(
        iri=envelope["iri"],
        version=envelope["version"],
        kind=envelope["kind"],
        audience=envelope["audience"],
        titles=dict(envelope["titles"]),
        descriptions=dict(envelope["descriptions"]),
        publisher=envelope["publisher"],
        publisher_name=envelope["publisherName"],
        origin=envelope["origin"],
        nquads=nquads,
        sha256=envelope["sha256"],
        at=at,
        by=envelope["origin"],
        offer=envelope["offer"],
        files=files,
        keywords=tuple(envelope["keywords"]),
        themes=tuple(envelope["themes"]),
        sealed=envelope["sealed"],
        withdrawn=envelope["withdrawn"],
        extra=dict(envelope["extra"]),
    )


def _check_members(envelope: Mapping[str, Any]) -> None:
    if set(envelope) != _MEMBERS:
        odd = sorted(set(envelope) ^ _MEMBERS)
        raise InvalidInput(f"the envelope lacks members or has unknown ones: {', '.join(odd)[:200]}")
    version = envelope["version"]
    right = (
        all(isinstance(envelope[name], str) for name in _TEXTS)
        and all(envelope[name] for name in _NOT_EMPTY)
        and all(_is_language_map(envelope[name]) for name in _LANGUAGE_MAPS)
        and all(_is_text_list(envelope[name]) for name in _TEXT_LISTS)
        and all(isinstance(envelope[name], bool) for name in _FLAGS)
        and isinstance(version, int)
        and not isinstance(version, bool)
        and 1 <= version <= 2**31
        and isinstance(envelope["offer"], dict | None)
        and isinstance(envelope["extra"], dict)
        and SIGNATURE not in envelope["extra"]
        and isinstance(envelope["files"], list)
        and _SHA256.fullmatch(envelope["sha256"])
    )
    if not right:
        raise InvalidInput("a member of the envelope has the wrong type")


def _is_language_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _file(members: Any) -> File:
    file = File.from_json(members)
    right = (
        isinstance(file.name, str)
        and isinstance(file.media_type, str)
        and isinstance(file.format, str)
        and isinstance(file.size, int)
        and file.size >= 0
        and (_SHA256.fullmatch(file.sha256) or (file.is_live and file.size == 0))
        and file.source is None
        and all(isinstance(text, str) for text in (*file.formats, *file.systems, *file.through))
    )
    if not right:
        raise ValueError("a file of the envelope is malformed")
    return file


def _canonical(value: Any) -> bytes:
    try:
        return canonical(value)
    except ValueError as error:
        raise InvalidInput(f"the record cannot be signed: {error}", remedy="write fractions as text") from error
