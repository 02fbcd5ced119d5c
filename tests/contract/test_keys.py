"""What every key ring promises, and what the one in files does besides."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from joserfc import jws
from joserfc.jwk import ECKey

from node.adapters.keys import FileKeyRing
from node.base.errors import Conflict, InvalidInput, LocalFault
from node.identity.jose import read_jws, verify_jws
from node.identity.ports import KeyRing
from node.ledger.ports import NoteSigner
from tests.fakes.keys import MemoryKeyRing, public_jwk
from tests.fakes.provider import SeedKeyRing

DID = "did:web:127.0.0.1%3A8101"
FILES = ["did", "key-1.pem", "log-1.pem", "seal-1.pem", "wrap.key"]


class Ring(KeyRing, NoteSigner, Protocol):
    """Both ports at once."""


@pytest.fixture(params=["files", "memory", "seed"])
def ring(request: pytest.FixtureRequest, tmp_path: Path) -> KeyRing:
    return make(request.param, tmp_path / "keys")


@pytest.fixture
def other(ring: KeyRing, tmp_path: Path) -> KeyRing:
    """Another ring of the same kind."""
    kinds = {FileKeyRing: "files", MemoryKeyRing: "memory", SeedKeyRing: "seed"}
    return make(kinds[type(ring)], tmp_path / "other")


@pytest.fixture(params=["files", "memory"])
def signer(request: pytest.FixtureRequest, tmp_path: Path) -> Ring:
    """A ring that signs the ledger's notes by itself."""
    ring: FileKeyRing | MemoryKeyRing = (
        FileKeyRing.create(tmp_path / "keys", DID) if request.param == "files" else MemoryKeyRing(DID)
    )
    return ring


def make(kind: str, folder: Path) -> KeyRing:
    if kind == "files":
        return FileKeyRing.create(folder, DID)
    return MemoryKeyRing(DID) if kind == "memory" else SeedKeyRing(DID, folder.name.encode())


class TestKeyRing:
    def test_its_jws_is_everybodys_jws(self, ring: KeyRing) -> None:
        token = ring.sign_jws({"typ": "JWT"}, b'{"a":"\xc3\xa9"}')
        verified = jws.deserialize_compact(token, ECKey.import_key(public_jwk(ring)), algorithms=["ES256"])
        assert verified.payload == b'{"a":"\xc3\xa9"}'
        assert verified.protected == {"typ": "JWT", "alg": "ES256", "kid": f"{DID}#key-1"}
        verify_jws(read_jws(token), public_jwk(ring))

    def test_the_header_cannot_name_another_key_or_algorithm(self, ring: KeyRing) -> None:
        header = read_jws(ring.sign_jws({"alg": "HS256", "kid": "did:web:x#y"}, b"{}")).header
        assert header == {"alg": "ES256", "kid": f"{DID}#key-1"}

    def test_the_public_key_has_no_private_part(self, ring: KeyRing) -> None:
        jwk = public_jwk(ring)
        assert {"kty": jwk["kty"], "crv": jwk["crv"]} == {"kty": "EC", "crv": "P-256"}
        assert "d" not in jwk

    def test_many_signatures_have_full_length(self, ring: KeyRing) -> None:
        # R or S begins with a zero byte in one of 128 signatures: it must not be cut off.
        lengths = {len(read_jws(ring.sign_jws({}, str(n).encode())).signature) for n in range(400)}
        assert lengths == {64}

    def test_the_log_key_signs(self, ring: KeyRing) -> None:
        Ed25519PublicKey.from_public_bytes(ring.log_public_key()).verify(ring.sign_log(b"m"), b"m")

    def test_a_note_is_a_c2sp_signed_note(self, signer: Ring) -> None:
        text = "127.0.0.1:8101\n7\nQWJj\n"
        note = signer.sign_note(text)
        signed, _, line = note.rpartition("\n\n")
        dash, name, signature = line.rstrip("\n").split(" ")
        raw = base64.b64decode(signature)
        key_id = hashlib.sha256(b"127.0.0.1:8101\x0a\x01" + signer.log_public_key()).digest()[:4]
        assert (signed + "\n", dash, name, raw[:4]) == (text, "—", signer.name, key_id)
        assert signer.name == "127.0.0.1:8101"
        Ed25519PublicKey.from_public_bytes(signer.log_public_key()).verify(raw[4:], text.encode())

    def test_both_ends_of_a_sealing_agree(self, ring: KeyRing) -> None:
        ephemeral = X25519PrivateKey.generate()
        theirs = ephemeral.exchange(X25519PublicKey.from_public_bytes(ring.seal_public_key()))
        assert ring.seal_shared_secret(ephemeral.public_key().public_bytes_raw()) == theirs

    @pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), bytes(31), bytes(33)])
    def test_low_order_points_and_wrong_lengths_are_refused(self, ring: KeyRing, point: bytes) -> None:
        with pytest.raises(InvalidInput):
            ring.seal_shared_secret(point)

    @pytest.mark.parametrize("secret", [b"", b"x", os.urandom(4096)])
    def test_wrapping_is_undone(self, ring: KeyRing, secret: bytes) -> None:
        assert ring.unwrap(ring.wrap(secret)) == secret
        assert ring.wrap(secret) != ring.wrap(secret)

    def test_a_secret_is_derived_for_one_purpose_of_one_node(self, ring: KeyRing, other: KeyRing) -> None:
        assert ring.derive(b"a") == ring.derive(b"a")
        assert len({ring.derive(b"a"), ring.derive(b"b"), other.derive(b"a")}) == 3
        assert len(ring.derive(b"a")) == 32

    def test_what_was_changed_or_made_elsewhere_does_not_unwrap(self, ring: KeyRing, other: KeyRing) -> None:
        wrapped = ring.wrap(b"secret")
        spoiled = [wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :] for n in range(len(wrapped))]
        for bad in [*spoiled, b"", wrapped[:-1], wrapped + b"\0", other.wrap(b"secret")]:
            with pytest.raises(LocalFault):
                ring.unwrap(bad)


class TestFileKeyRing:
    def test_what_was_created_is_opened(self, tmp_path: Path) -> None:
        created = FileKeyRing.create(tmp_path / "keys", DID)
        for did in (None, DID):
            opened = FileKeyRing.open(tmp_path / "keys", did)
            assert opened.did == DID
            assert public_jwk(opened) == public_jwk(created)
            assert opened.log_public_key() == created.log_public_key()
            assert opened.seal_public_key() == created.seal_public_key()
            assert opened.unwrap(created.wrap(b"s")) == b"s"

    def test_nobody_else_can_read_it(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            FileKeyRing.create(tmp_path / "keys", DID)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == FILES
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
        assert [path.name for path in tmp_path.iterdir()] == ["keys"]

    def test_an_empty_folder_is_taken_and_keys_are_never_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "keys").mkdir()
        FileKeyRing.create(tmp_path / "keys", DID)
        before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
        with pytest.raises(Conflict):
            FileKeyRing.create(tmp_path / "keys", DID)
        assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before

    def test_the_keys_of_another_name_are_refused(self, tmp_path: Path) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        with pytest.raises(LocalFault, match="those of") as caught:
            FileKeyRing.open(tmp_path / "keys", "did:web:127.0.0.1%3A8102")
        assert "public_url" in caught.value.remedy

    @pytest.mark.parametrize("name", ["", *FILES])
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o601])
    def test_lax_permissions_are_refused_with_a_remedy(self, tmp_path: Path, name: str, mode: int) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        path = tmp_path / "keys" / name
        path.chmod(mode | (0o700 if not name else 0))
        with pytest.raises(LocalFault) as caught:
            FileKeyRing.open(tmp_path / "keys", DID)
        assert "chmod" in caught.value.remedy

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_key_is_named(self, tmp_path: Path, name: str) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        (tmp_path / "keys" / name).unlink()
        with pytest.raises(LocalFault, match=name):
            FileKeyRing.open(tmp_path / "keys", DID)

    @pytest.mark.parametrize("name", FILES[1:])
    @pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\0" * 31, "other kind"])
    def test_a_damaged_key_is_named(self, tmp_path: Path, name: str, content: Any) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        path = tmp_path / "keys" / name
        swapped = {"key-1.pem": "log-1.pem", "log-1.pem": "seal-1.pem"}.get(name, "key-1.pem")
        path.write_bytes((tmp_path / "keys" / swapped).read_bytes() if content == "other kind" else content)
        with pytest.raises(LocalFault, match=name):
            FileKeyRing.open(tmp_path / "keys", DID)

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        outside = tmp_path / "outside.pem"
        (tmp_path / "keys" / "log-1.pem").rename(outside)
        (tmp_path / "keys" / "log-1.pem").symlink_to(outside)
        with pytest.raises(LocalFault, match="plain file"):
            FileKeyRing.open(tmp_path / "keys", DID)

    def test_a_failed_creation_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Ed25519PrivateKey, "generate", staticmethod(_fail))
        with pytest.raises(RuntimeError):
            FileKeyRing.create(tmp_path / "keys", DID)
        assert list(tmp_path.iterdir()) == []

    def test_keys_are_pem_that_other_tools_read(self, tmp_path: Path) -> None:
        FileKeyRing.create(tmp_path / "keys", DID)
        for name in ("key-1.pem", "log-1.pem", "seal-1.pem"):
            text = (tmp_path / "keys" / name).read_bytes()
            assert text.startswith(b"-----BEGIN PRIVATE KEY-----")
            serialization.load_pem_private_key(text, password=None)

    @pytest.mark.parametrize("text", ["no newline", "", "a\tb\n", "a\r\n", "a\0\n"])
    def test_a_text_that_is_no_note_is_not_signed(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(LocalFault):
            FileKeyRing.create(tmp_path / "keys", DID).sign_note(text)


def _fail() -> None:
    raise RuntimeError("the machine went away")
