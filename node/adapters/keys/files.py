"""Keys in files: a folder that only the node's own user can read.

``key-N.pem`` P-256, ``log-N.pem`` Ed25519, ``seal-N.pem`` X25519 (PKCS #8, PEM), ``wrap.key`` (32 bytes for
AES-256-GCM), ``ring.json`` (the period of use of each key) and ``did``, the DID of the node that owns these keys: if
the node's public URL was changed, this is noticed before it signs anything under a name that its peers do not know.

The folder is made aside and moved into place, so that a crash leaves a whole ring or none; a change of keys writes
the new ones first and then the list. Every process that works with the folder reads the list before it signs, so that
a change applies to all of them at once. A key that others may read counts as lost: the node refuses to start with it
and reports how to correct the permissions.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.adapters.keys import ring
from node.adapters.keys.atrest import MAGIC, Outer, check_private, read_secret, write_secret
from node.base.clock import stamp
from node.base.crashpoints import crashpoint
from node.base.disk import sync_folder
from node.base.errors import Conflict, InvalidInput, LocalFault
from node.base.jsons import canonical
from node.identity.did import plain_name
from node.identity.jose import b64url, unb64url
from node.identity.periods import KeyKind, KnownKey

WRAP_FILE: Final = "wrap.key"
DID_FILE: Final = "did"
LOCK: Final = ".lock"

_WRAP_VERSION: Final = b"\x01"
_NONCE: Final = 12
_NOTE_ED25519: Final = b"\x01"
"""The signature type of Ed25519 in C2SP signed-note."""


@dataclass(frozen=True, slots=True)
class _OpenKeys:
    """The keys as they were read: the list, its mark on the disk, and the needed private halves."""

    mark: tuple[int, int, int] | None
    keys: tuple[KnownKey, ...]
    signing_id: str
    signing: ec.EllipticCurvePrivateKey
    log: ed25519.Ed25519PrivateKey
    seals: tuple[x25519.X25519PrivateKey, ...]
    """The sealing keys that are still stored, the one in use first."""


class FileKeyRing:
    """Implements ``identity.ports.KeyRing`` and ``ledger.ports.NoteSigner`` with keys from files.

    ``name`` is the node's public URL without its scheme: the origin and key name of its checkpoints.
    """

    def __init__(self, folder: Path, did: str, wrap: bytes, outer: Outer | None) -> None:
        """See ``create`` and ``open``."""
        self.folder = folder
        self._ring = os.fspath(folder / ring.RING)
        self.did = did
        self.name = plain_name(did)
        self._wrap = wrap
        self._wrapper = AESGCM(wrap)
        self._outer = outer
        self._reading = threading.Lock()
        self._known = self._read()

    @classmethod
    def create(cls, folder: Path, did: str, *, outer: Outer | None = None) -> FileKeyRing:
        """Make new keys in ``folder``, which must be missing or empty. Raises ``Conflict`` if it contains keys."""
        folder = Path(folder)
        if folder.exists() and any(folder.iterdir()):
            raise Conflict(
                f"{folder} already contains keys", remedy="keep them: other keys would make it another node"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
        try:
            for name, kind in (("key", KeyKind.SIGNING), ("log", KeyKind.LOG), ("seal", KeyKind.SEALING)):
                write_secret(aside / f"{name}-1.pem", ring.pem_of(ring.new_private(kind)), outer)
            write_secret(aside / WRAP_FILE, AESGCM.generate_key(256), outer)
            write_secret(aside / DID_FILE, f"{did}\n".encode(), None)
            aside.rename(folder)
            sync_folder(folder.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                shutil.rmtree(aside)
            raise
        return cls.open(folder, did, outer=outer)

    @classmethod
    def open(cls, folder: Path, did: str | None = None, *, outer: Outer | None = None) -> FileKeyRing:
        """Read the keys in ``folder``, which must be those of ``did`` if one is given; ``outer`` is the outer key
        that encrypts them, if any.

        Raises ``LocalFault`` with a remedy if a key is missing, damaged, readable by others, wrapped by another key,
        or another node's.
        """
        folder = Path(folder).resolve()  # Several servers of one node may share a folder of keys by a link.
        check_private(folder, is_folder=True)
        owner = read_secret(folder / DID_FILE, None).decode("utf-8", "replace").strip()
        if did is not None and did != owner:
            raise LocalFault(
                f"the keys in {folder} are those of {owner}, not of {did}",
                remedy="set public_url to its earlier value: for its peers, another address is another node",
            )
        wrap = read_secret(folder / WRAP_FILE, outer)
        if len(wrap) != 32:
            raise LocalFault(
                f"{folder / WRAP_FILE} is damaged: a wrap key has 32 bytes", remedy="restore this file from a backup"
            )
        return cls(folder, owner, wrap, outer)

    # which keys ------------------------------------------------------------------------------------------
    def known_keys(self) -> Sequence[KnownKey]:
        return self._now().keys

    def _now(self) -> _OpenKeys:
        """Return the current keys: another process may have changed them since the last call."""
        held = self._known
        if self._mark() == held.mark:
            return held
        with self._reading:
            if self._mark() != self._known.mark:
                self._known = self._read()
            return self._known

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._ring)
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> _OpenKeys:
        for last in (False, True):
            mark = self._mark()
            try:
                return self._read_keys(mark)
            except LocalFault:
                if last or self._mark() == mark:  # Otherwise the list was replaced while we read its files.
                    raise
        raise AssertionError

    def _read_keys(self, mark: tuple[int, int, int] | None) -> _OpenKeys:
        keys = ring.read_ring(self.folder)
        if keys is None:
            keys = tuple(
                KnownKey(id=name, kind=kind, jwk={})
                for name, kind in (
                    ("#key-1", KeyKind.SIGNING),
                    ("#log-1", KeyKind.LOG),
                    ("#seal-1", KeyKind.SEALING),
                )
            )
        private: dict[str, ring.PrivateKey] = {}
        for key in keys:
            needed = key.state == "in use"
            if needed or (key.kind is KeyKind.SEALING and (self.folder / ring.file_of(key)).exists()):
                private[key.id] = ring.load_private(self.folder, key, self._outer)
        keys = tuple(key if key.jwk else replace(key, jwk=ring.jwk_of(private[key.id])) for key in keys)
        signing, log = (ring.in_use(keys, kind) for kind in (KeyKind.SIGNING, KeyKind.LOG))
        sealing = ring.in_use(keys, KeyKind.SEALING)
        signing_key, log_key = private[signing.id], private[log.id]
        assert isinstance(signing_key, ec.EllipticCurvePrivateKey)
        assert isinstance(log_key, ed25519.Ed25519PrivateKey)
        seals = [private[sealing.id], *(private[key.id] for key in keys if key.id in private and key != sealing)]
        return _OpenKeys(
            mark,
            keys,
            signing.id,
            signing_key,
            log_key,
            tuple(key for key in seals if isinstance(key, x25519.X25519PrivateKey)),
        )

    # changing keys ---------------------------------------------------------------------------------------
    def rotate(self, kinds: Sequence[KeyKind], at: datetime) -> tuple[KnownKey, ...]:
        """Make new keys of these kinds, in use from ``at``, and return them.

        The private half of a replaced signing or ledger key is destroyed here: a deleted key cannot be stolen.
        Sealing keys stay, for data that was sealed to them. If the process is killed at any step, the folder has
        either the keys of before or the new ones.
        """
        with self._changing():
            return self._change(kinds, at, self._now().keys)

    def revoke(self, kid: str, as_of: datetime, reason: str, now: datetime) -> tuple[KnownKey, ...]:
        """Revoke this key: nothing of it counts from ``as_of`` on; if it is in use, a new key takes its place. Return
        the new and changed keys. Raises ``NotFound``, ``InvalidInput``, ``Conflict``."""
        with self._changing():
            keys = self._now().keys
            key = ring.find_key(keys, kid)
            after = ring.mark_revoked(keys, kid, as_of, reason, now)
            if key.state != "in use":
                ring.write_ring(self.folder, after)
                return (ring.find_key(after, kid),)
            made = self._change((key.kind,), now, after)
            return (ring.find_key(self._now().keys, kid), *made)

    def _change(self, kinds: Sequence[KeyKind], at: datetime, keys: tuple[KnownKey, ...]) -> tuple[KnownKey, ...]:
        validity_start = self._now()
        new_keys: list[KnownKey] = []
        crashpoint("keys K1")
        for kind in dict.fromkeys(kinds):
            old = next(key for key in validity_start.keys if key.kind is kind and key.state == "in use")
            private = ring.new_private(kind)
            new = KnownKey(id=ring.next_id(keys, kind), kind=kind, jwk=ring.jwk_of(private), since=at)
            if kind is KeyKind.LOG:
                assert isinstance(private, ed25519.Ed25519PrivateKey)
                new = replace(new, handover=self._handover(old, validity_start.log, new, private))
            write_secret(self.folder / ring.file_of(new), ring.pem_of(private), self._outer)
            crashpoint("keys K2")
            keys = (*(replace(key, until=key.until or at) if key.id == old.id else key for key in keys), new)
            new_keys.append(new)
        crashpoint("keys K3")
        ring.write_ring(self.folder, keys)
        crashpoint("keys K4")
        kept = {ring.file_of(key) for key in keys if key.state == "in use" or key.kind is KeyKind.SEALING}
        for path in self.folder.glob("*.pem"):
            if path.name not in kept:  # This also removes the files of an earlier, interrupted change.
                path.unlink()
        sync_folder(self.folder)
        crashpoint("keys K5")
        return tuple(new_keys)

    def _handover(
        self, old: KnownKey, before: ed25519.Ed25519PrivateKey, new: KnownKey, after: ed25519.Ed25519PrivateKey
    ) -> str:
        """Return the note of the handover from one ledger key to the next, signed by both (C2SP signed-note)."""
        assert new.since is not None
        lines = (
            f"{self.name}/handover",
            f"from {old.id} {old.jwk['x']}",
            f"to {new.id} {new.jwk['x']}",
            f"at {stamp(new.since)}",
        )
        text = "\n".join(lines) + "\n"
        return f"{text}\n{self._note_line(before, text)}{self._note_line(after, text)}"

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock on changes: one change at a time, over all processes."""
        descriptor = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # the key from outside --------------------------------------------------------------------------------
    @property
    def is_wrapped(self) -> bool:
        """Return whether every private key in the folder is encrypted."""
        return all(path.read_bytes().startswith(MAGIC) for path in self._secrets())

    def wrap_all(self) -> int:
        """Encrypt the plain files with the key from outside; return how many. Raises ``InvalidInput`` without one."""
        if self._outer is None:
            raise InvalidInput(
                "no external key is set", remedy="set keys_wrapped_by_file or keys_wrapped_by_command first"
            )
        with self._changing():
            plain = [path for path in self._secrets() if not path.read_bytes().startswith(MAGIC)]
            for path in plain:
                write_secret(path, read_secret(path, None), self._outer)
        return len(plain)

    def unwrap_all(self) -> int:
        """Store the keys in the clear again, protected by the folder's permissions alone; return how many files."""
        with self._changing():
            envelopes = [path for path in self._secrets() if path.read_bytes().startswith(MAGIC)]
            for path in envelopes:
                write_secret(path, read_secret(path, self._outer), None)
        return len(envelopes)

    def _secrets(self) -> list[Path]:
        return [*sorted(self.folder.glob("*.pem")), self.folder / WRAP_FILE]

    # signatures ------------------------------------------------------------------------------------------
    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        keys = self._now()
        protected = canonical({**header, "alg": "ES256", "kid": self.did + keys.signing_id})
        signing_input = f"{b64url(protected)}.{b64url(payload)}"
        # RFC 7518 §3.4: R and S as fixed-length big-endian numbers, not the DER that the library makes.
        r, s = decode_dss_signature(keys.signing.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signing_input}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def log_public_key(self) -> bytes:
        return self._now().log.public_key().public_bytes_raw()

    def log_public_keys(self) -> list[bytes]:
        """Return all present and former ledger keys, so that old checkpoints can still be verified."""
        return [unb64url(key.jwk["x"]) for key in self._now().keys if key.kind is KeyKind.LOG]

    def sign_log(self, message: bytes) -> bytes:
        return self._now().log.sign(message)

    def sign_note(self, text: str) -> str:
        """Return ``text`` followed by a blank line and the signature line (C2SP signed-note)."""
        if not text.endswith("\n") or any(ord(character) < 32 and character != "\n" for character in text):
            raise LocalFault("the text of a note ends with a newline and has no other control characters")
        return f"{text}\n{self._note_line(self._now().log, text)}"

    def _note_line(self, key: ed25519.Ed25519PrivateKey, text: str) -> str:
        public = key.public_key().public_bytes_raw()
        key_id = hashlib.sha256(self.name.encode() + b"\n" + _NOTE_ED25519 + public).digest()[:4]
        return f"— {self.name} {base64.b64encode(key_id + key.sign(text.encode())).decode('ascii')}\n"

    # sealing ---------------------------------------------------------------------------------------------
    def seal_public_key(self) -> bytes:
        return self._now().seals[0].public_key().public_bytes_raw()

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        return _SealKey(self._now().seals[0]).seal_shared_secret(ephemeral_public)

    def sealed_to(self, public: bytes) -> _SealKey | None:
        for key in self._now().seals:
            if key.public_key().public_bytes_raw() == public:
                return _SealKey(key)
        return None

    # secrets at rest -------------------------------------------------------------------------------------
    def wrap(self, secret: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return _WRAP_VERSION + nonce + self._wrapper.encrypt(nonce, secret, self.did.encode())

    def unwrap(self, envelope: bytes) -> bytes:
        nonce, ciphertext = envelope[1 : 1 + _NONCE], envelope[1 + _NONCE :]
        if envelope[:1] != _WRAP_VERSION or len(ciphertext) < 16:
            raise LocalFault("the secret was not wrapped by this node")
        try:
            return self._wrapper.decrypt(nonce, ciphertext, self.did.encode())
        except InvalidTag as error:
            raise LocalFault("the secret was not wrapped by this node") from error

    def derive(self, purpose: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=self.did.encode(), info=purpose).derive(self._wrap)


class _SealKey:
    """One sealing key."""

    def __init__(self, key: x25519.X25519PrivateKey) -> None:
        self._key = key

    def seal_public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        try:
            return self._key.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral_public))
        except ValueError as error:
            # The library refuses a result of all zeros, which only points of low order cause.
            raise InvalidInput("the ephemeral key of the sealed file is not a usable point") from error
