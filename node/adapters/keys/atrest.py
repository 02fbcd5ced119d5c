"""Secrets on disk: files that only the node's own user can read, encrypted with an outer key if one is set.

A wrapped file is ``HANSA-WRAPPED-1`` and a newline, twelve bytes of nonce, and the content under AES-256-GCM with the
file's name as associated data. The key is HKDF-SHA-256 of the outer secret. Each file shows by itself whether it is
wrapped, so that a folder still opens after an interrupted conversion.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.base.disk import sync_folder
from node.base.errors import LocalFault

MAGIC: Final = b"HANSA-WRAPPED-1\n"
LEAST: Final = 16
_MOST: Final = 64 * 1024
_NONCE: Final = 12
_PATIENCE: Final = 30


class Outer:
    """The key from outside the folder that encrypts private keys on disk."""

    def __init__(self, material: bytes) -> None:
        """Raises ``LocalFault`` if the material is too short to be a key."""
        if not LEAST <= len(material) <= _MOST:
            raise LocalFault(
                f"the key that wraps this node's keys has {len(material)} bytes",
                remedy="give at least 16 random bytes: head -c 32 /dev/urandom > FILE",
            )
        self._aead = AESGCM(HKDF(SHA256(), 32, None, b"hansa keys at rest").derive(material))

    @classmethod
    def from_outside(cls, file: Path | None, command: str) -> Outer | None:
        """Return the key in ``file``, else the output of ``command``; None if neither is set.

        Raises ``LocalFault`` if it cannot be read: the node's keys then cannot be opened either.
        """
        if file is not None:
            try:
                return cls(file.read_bytes())
            except OSError as error:
                raise LocalFault(
                    f"the key that wraps this node's keys cannot be read: {error}",
                    remedy="see keys_wrapped_by_file: with systemd it is a credential of the service",
                ) from error
        if not command:
            return None
        try:
            process = subprocess.run(  # noqa: S603 - the owner of the node wrote this command into its settings
                shlex.split(command), capture_output=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise LocalFault(
                f"the command that returns the key for this node's keys does not work: {type(error).__name__}",
                remedy="run the command of keys_wrapped_by_command yourself, as the user that runs the node",
            ) from error
        if process.returncode:
            raise LocalFault(
                f"the command that returns the key for this node's keys ended with status {process.returncode}",
                remedy="run the command of keys_wrapped_by_command yourself, as the user that runs the node",
            )
        return cls(process.stdout)

    def close(self, name: str, secret: bytes) -> bytes:
        """Return ``secret`` encrypted for the file ``name``."""
        nonce = os.urandom(_NONCE)
        return MAGIC + nonce + self._aead.encrypt(nonce, secret, name.encode())

    def open(self, name: str, data: bytes) -> bytes:
        """Return the secret that ``close`` encrypted. Raises ``LocalFault`` for another key or changed content."""
        nonce, sealed = data[len(MAGIC) : len(MAGIC) + _NONCE], data[len(MAGIC) + _NONCE :]
        try:
            return self._aead.decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError) as error:
            raise LocalFault(
                f"the external key does not open {name}",
                remedy="give the key with which it was wrapped; without it, restore a backup that you can open",
            ) from error


def read_secret(path: Path, outer: Outer | None) -> bytes:
    """Return the content of a key file. Raises ``LocalFault`` if others may read it, or it cannot be opened."""
    check_private(path, is_folder=False)
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        return data
    if outer is None:
        raise LocalFault(
            f"{path} is wrapped by an external key, and no such key is set",
            remedy="set keys_wrapped_by_file or keys_wrapped_by_command as it was when the keys were wrapped",
        )
    return outer.open(path.name, data)


def write_secret(path: Path, secret: bytes, outer: Outer | None) -> None:
    """Put ``secret`` in the place of ``path``, wrapped if there is an outer key: whole or not at all."""
    write_whole(path, outer.close(path.name, secret) if outer is not None else secret)


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path``, readable for us alone, whole or not at all, and synced to the disk."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def check_private(path: Path, *, is_folder: bool) -> None:
    """Raise ``LocalFault`` with a remedy if ``path`` is missing, of another kind, or open to others."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        what = "There are no keys" if is_folder else "A key is missing"
        raise LocalFault(f"{what}: {path} does not exist", remedy="run `hansa init`, or restore a backup") from None
    if not (stat.S_ISDIR(status.st_mode) if is_folder else stat.S_ISREG(status.st_mode)):
        raise LocalFault(
            f"{path} is not a plain {'folder' if is_folder else 'file'}", remedy="restore it from a backup"
        )
    if status.st_mode & 0o077:
        mode = "700" if is_folder else "600"
        raise LocalFault(
            f"others may read {path}: the keys of this node must be its own",
            remedy=f"chmod {mode} {path} — and make new keys if somebody may have read these",
        )
    if status.st_uid != os.geteuid():
        raise LocalFault(
            f"{path} belongs to another user", remedy=f"chown it to the user that runs the node: {os.geteuid()}"
        )
