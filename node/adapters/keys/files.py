"""Keys in files: a folder that only the node's own user can read.

``key-1.pem`` P-256, ``log-1.pem`` Ed25519, ``seal-1.pem`` X25519 (PKCS #8, PEM), ``wrap.key`` (32 bytes for
AES-256-GCM) and ``did``, whose keys these are: a node whose public URL was changed finds out before it signs
anything under a name that its peers do not know.

The folder is made aside and moved into place, so that a crash leaves a whole ring or none. A key that others
may read counts as lost: the node refuses to start with it and says how to mend the permissions.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.base.errors import Conflict, InvalidInput, LocalFault
from node.base.jsons import canonical
from node.identity.did import plain_name
from node.identity.documents import SIGNING_KEY
from node.identity.jose import b64url

SIGNING_FILE: Final = "key-1.pem"
LOG_FILE: Final = "log-1.pem"
SEAL_FILE: Final = "seal-1.pem"
WRAP_FILE: Final = "wrap.key"
DID_FILE: Final = "did"

_WRAP_VERSION: Final = b"\x01"
_NONCE: Final = 12
_NOTE_ED25519: Final = b"\x01"
"""The signature type of Ed25519 in C2SP signed-note."""

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey


class FileKeyRing:
    """Implements ``identity.ports.KeyRing`` and ``ledger.ports.NoteSigner`` with keys from files.

    ``name`` is the node's public URL without its scheme: the origin and key name of its checkpoints.
    """

    def __init__(
        self,
        did: str,
        *,
        signing: ec.EllipticCurvePrivateKey,
        log: ed25519.Ed25519PrivateKey,
        seal: x25519.X25519PrivateKey,
        wrap: bytes,
    ) -> None:
        self.did = did
        self.name = plain_name(did)
        self._signing = signing
        self._log = log
        self._seal = seal
        self._wrapper = AESGCM(wrap)
        point = signing.public_key().public_numbers()
        self._jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": b64url(point.x.to_bytes(32, "big")),
            "y": b64url(point.y.to_bytes(32, "big")),
        }
        self._log_public = log.public_key().public_bytes_raw()
        self._seal_public = seal.public_key().public_bytes_raw()
        self._note_key_id = hashlib.sha256(self.name.encode() + b"\n" + _NOTE_ED25519 + self._log_public).digest()[:4]

    @classmethod
    def create(cls, folder: Path, did: str) -> FileKeyRing:
        """Make new keys in ``folder``, which must not exist or be empty. Raises ``Conflict`` where it has keys."""
        folder = Path(folder)
        if folder.exists() and any(folder.iterdir()):
            raise Conflict(
                f"{folder} holds keys already", remedy="keep them: a node that changes its keys is another node"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
        try:
            for name, key in (
                (SIGNING_FILE, ec.generate_private_key(ec.SECP256R1())),
                (LOG_FILE, ed25519.Ed25519PrivateKey.generate()),
                (SEAL_FILE, x25519.X25519PrivateKey.generate()),
            ):
                _write_secret(aside / name, _pem(key))
            _write_secret(aside / WRAP_FILE, AESGCM.generate_key(256))
            _write_secret(aside / DID_FILE, f"{did}\n".encode())
            _sync(aside)
            aside.rename(folder)
            _sync(folder.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                shutil.rmtree(aside)
            raise
        return cls.open(folder, did)

    @classmethod
    def open(cls, folder: Path, did: str | None = None) -> FileKeyRing:
        """Read the keys in ``folder``, which are those of ``did`` where one is given.

        Raises ``LocalFault`` with a remedy where a key is missing, damaged, readable by others, or another
        node's.
        """
        folder = Path(folder)
        _check_private(folder, is_folder=True)
        owner = _read_secret(folder / DID_FILE).decode("utf-8", "replace").strip()
        if did is not None and did != owner:
            raise LocalFault(
                f"the keys in {folder} are those of {owner}, not of {did}",
                remedy="set public_url back to what it was: a node that moves is another node to its peers",
            )
        wrap = _read_secret(folder / WRAP_FILE)
        if len(wrap) != 32:
            raise LocalFault(f"{folder / WRAP_FILE} is damaged: a wrap key has 32 bytes")
        signing = _load(folder / SIGNING_FILE)
        log = _load(folder / LOG_FILE)
        seal = _load(folder / SEAL_FILE)
        if not isinstance(signing, ec.EllipticCurvePrivateKey) or signing.curve.name != "secp256r1":
            raise _other_kind(folder / SIGNING_FILE)
        if not isinstance(log, ed25519.Ed25519PrivateKey):
            raise _other_kind(folder / LOG_FILE)
        if not isinstance(seal, x25519.X25519PrivateKey):
            raise _other_kind(folder / SEAL_FILE)
        return cls(owner, signing=signing, log=log, seal=seal, wrap=wrap)

    # signatures ------------------------------------------------------------------------------------------
    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        protected = canonical({**header, "alg": "ES256", "kid": self.did + SIGNING_KEY})
        signing_input = f"{b64url(protected)}.{b64url(payload)}"
        # RFC 7518 §3.4: R and S as fixed-length big-endian numbers, not the DER that the library makes.
        r, s = decode_dss_signature(self._signing.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signing_input}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def public_jwk(self) -> dict[str, Any]:
        return dict(self._jwk)

    def log_public_key(self) -> bytes:
        return self._log_public

    def sign_log(self, message: bytes) -> bytes:
        return self._log.sign(message)

    def sign_note(self, text: str) -> str:
        """``text`` followed by a blank line and the signature line (C2SP signed-note)."""
        if not text.endswith("\n") or any(ord(character) < 32 and character != "\n" for character in text):
            raise LocalFault("the text of a note ends with a newline and has no other control characters")
        signature = base64.b64encode(self._note_key_id + self.sign_log(text.encode())).decode("ascii")
        return f"{text}\n— {self.name} {signature}\n"

    # sealing ---------------------------------------------------------------------------------------------
    def seal_public_key(self) -> bytes:
        return self._seal_public

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        try:
            return self._seal.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral_public))
        except ValueError as error:
            # The library refuses a result of all zeros, which only points of low order give.
            raise InvalidInput("the ephemeral key of the sealed file is not a usable point") from error

    # secrets at rest -------------------------------------------------------------------------------------
    def wrap(self, secret: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return _WRAP_VERSION + nonce + self._wrapper.encrypt(nonce, secret, self.did.encode())

    def unwrap(self, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[1 : 1 + _NONCE], wrapped[1 + _NONCE :]
        if wrapped[:1] != _WRAP_VERSION or len(sealed) < 16:
            raise LocalFault("the secret was not wrapped by this node")
        try:
            return self._wrapper.decrypt(nonce, sealed, self.did.encode())
        except InvalidTag as error:
            raise LocalFault("the secret was not wrapped by this node") from error


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(path: Path) -> object:
    data = _read_secret(path)
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LocalFault(f"{path} is not a readable key", remedy="restore it from a backup") from error


def _other_kind(path: Path) -> LocalFault:
    return LocalFault(f"{path} holds a key of another kind", remedy="restore it from a backup")


def _write_secret(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read_secret(path: Path) -> bytes:
    _check_private(path, is_folder=False)
    return path.read_bytes()


def _check_private(path: Path, *, is_folder: bool) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        what = "There are no keys" if is_folder else "A key is missing"
        raise LocalFault(f"{what}: {path} does not exist", remedy="run `hansa init`, or restore a backup") from None
    if not (stat.S_ISDIR(found.st_mode) if is_folder else stat.S_ISREG(found.st_mode)):
        raise LocalFault(f"{path} is not a plain {'folder' if is_folder else 'file'}")
    if found.st_mode & 0o077:
        wanted = "700" if is_folder else "600"
        raise LocalFault(
            f"others may read {path}: the keys of this node must be its own",
            remedy=f"chmod {wanted} {path} — and make new keys if somebody may have read these",
        )
    if found.st_uid != os.geteuid():
        raise LocalFault(
            f"{path} belongs to another user", remedy=f"chown it to the user that runs the node: {os.geteuid()}"
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
