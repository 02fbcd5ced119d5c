"""Keys in files that are replaced, revoked and wrapped; and a change of keys that is killed at each step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.adapters.keys import FileKeyRing, Outer
from node.base.errors import Conflict, InvalidInput, LocalFault, NotFound
from node.identity.did import check_document
from node.identity.documents import build_document, key_for, log_keys, sealing_key
from node.identity.jose import read_jws, verify_jws
from node.identity.periods import KeyKind, document_at
from node.ledger.checkpoints import LogKey, checkpoint_text, open_checkpoint, open_note
from tests.fakes.keys import public_jwk

DID = "did:web:data.ghent.example"
URL = "https://data.ghent.example"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALL = tuple(KeyKind)
HOUR = timedelta(hours=1)


@pytest.fixture
def ring(tmp_path: Path) -> FileKeyRing:
    return FileKeyRing.create(tmp_path / "keys", DID)


def in_use(ring: FileKeyRing) -> dict[KeyKind, str]:
    return {key.kind: key.id for key in ring.known_keys() if key.state == "in use"}


def test_a_folder_without_a_list_has_its_three_first_keys(ring: FileKeyRing) -> None:
    assert not (ring.folder / "ring.json").exists()
    assert in_use(ring) == {KeyKind.SIGNING: "#key-1", KeyKind.LOG: "#log-1", KeyKind.SEALING: "#seal-1"}
    assert [key.since for key in ring.known_keys()] == [None] * 3


def test_what_was_signed_still_verifies_and_the_old_key_is_for_nothing_new(ring: FileKeyRing) -> None:
    before = ring.sign_jws({"typ": "JWT"}, b"{}")
    note = ring.sign_note(checkpoint_text(ring.name, 1, bytes(32)))
    sealed_for = ring.seal_public_key()
    ring.rotate(ALL, START)
    after = ring.sign_jws({"typ": "JWT"}, b"{}")
    assert read_jws(after).kid == f"{DID}#key-2"
    document = check_document(DID, build_document(ring, URL))
    verify_jws(read_jws(after), key_for(document, f"{DID}#key-2", "assertionMethod"))
    for purpose in ("assertionMethod", "authentication", "capabilityInvocation"):
        with pytest.raises(Exception, match="was retired on 2026-11-20T12:00:00"):
            key_for(document, f"{DID}#key-1", purpose)
        then = document_at(document, START - HOUR)
        verify_jws(read_jws(before), key_for(then, f"{DID}#key-1", purpose))
        with pytest.raises(Exception, match="was retired"):
            key_for(document_at(document, START + HOUR), f"{DID}#key-1", purpose)
    # Each key keeps to the purposes that it had.
    with pytest.raises(Exception, match="was retired"):
        key_for(document_at(document, START - HOUR), f"{DID}#log-1", "capabilityInvocation")
    keys = [LogKey(ring.name, raw) for _, raw in log_keys(document, formerly=True)]
    open_checkpoint(note, keys, at=START)
    with pytest.raises(InvalidInput, match="no known key"):
        open_checkpoint(note, [LogKey(ring.name, raw) for _, raw in log_keys(document)], at=START)
    # What was sealed for the old key opens; what is sealed from now on is for the new one.
    assert sealing_key(document) == ring.seal_public_key() != sealed_for
    ephemeral = X25519PrivateKey.generate()
    opener = ring.sealed_to(sealed_for)
    assert opener is not None
    shared = opener.seal_shared_secret(ephemeral.public_key().public_bytes_raw())
    assert shared == ephemeral.exchange(X25519PublicKey.from_public_bytes(sealed_for))
    assert ring.sealed_to(bytes(32)) is None


def test_ledger_keys_hand_over_under_both_signatures(ring: FileKeyRing) -> None:
    first = LogKey(ring.name, ring.log_public_key())
    ring.rotate([KeyKind.LOG], START)
    second = LogKey(ring.name, ring.log_public_key())
    handover = next(key.handover for key in ring.known_keys() if key.id == "#log-2")
    for key in (first, second):
        assert open_note(handover, [key]).startswith(f"{ring.name}/handover\nfrom #log-1 ")
    assert handover.count(f"— {ring.name} ") == 2


def test_private_halves_that_are_needed_no_more_are_gone(ring: FileKeyRing) -> None:
    ring.rotate(ALL, START)
    assert {path.name for path in ring.folder.glob("*.pem")} == {"key-2.pem", "log-2.pem", "seal-1.pem", "seal-2.pem"}


def test_another_process_of_the_folder_has_the_new_keys_at_once(ring: FileKeyRing, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ring.folder)
    others = [FileKeyRing.open(ring.folder), FileKeyRing.open(tmp_path / "link")]
    ring.rotate(ALL, START)
    for other in others:
        assert read_jws(other.sign_jws({}, b"{}")).kid == f"{DID}#key-2"
        assert other.log_public_key() == ring.log_public_key()
        assert other.seal_public_key() == ring.seal_public_key()


def test_a_revoked_key_counts_only_for_what_was_seen_before(ring: FileKeyRing) -> None:
    changed = ring.revoke(f"{DID}#key-1", START, "a laptop was stolen", START + HOUR)
    assert [(key.id, key.state) for key in changed] == [("#key-1", "revoked"), ("#key-2", "in use")]
    document = check_document(DID, build_document(ring, URL))
    early = START - HOUR
    key_for(document_at(document, early, first_seen=early), f"{DID}#key-1", "assertionMethod")
    for at, seen in ((early, START), (START, None), (early, START + 2 * HOUR)):
        with pytest.raises(Exception, match="was revoked as of 2026-11-20T12:00:00"):
            key_for(document_at(document, at, first_seen=seen), f"{DID}#key-1", "assertionMethod")
    # Earlier is possible, later is not: what was called void does not become good again.
    ring.revoke("#key-1", early, "earlier than thought", START + HOUR)
    with pytest.raises(Conflict):
        ring.revoke("#key-1", START, "later", START + HOUR)
    with pytest.raises(InvalidInput):
        ring.revoke("#key-2", START + 2 * HOUR, "tomorrow", START + HOUR)
    with pytest.raises(NotFound):
        ring.revoke("#key-9", START, "which", START)


STEPS = ("K1", "K2", "K2:2", "K2:3", "K3", "K4", "K5")
CHANGE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from node.adapters.keys import FileKeyRing
from node.identity.periods import KeyKind
FileKeyRing.open(Path(sys.argv[1])).rotate(tuple(KeyKind), datetime(2026, 11, 20, 12, tzinfo=UTC))
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_change_that_is_killed_leaves_the_old_keys_or_the_new_ones(ring: FileKeyRing, step: str) -> None:
    before = ring.sign_jws({}, b"{}")
    killed = subprocess.run(
        [sys.executable, "-c", CHANGE, str(ring.folder)],
        env={**os.environ, "HANSA_CRASHPOINT": f"keys {step}"},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    number = 2 if step in ("K4", "K5") else 1
    for key_ring in (ring, FileKeyRing.open(ring.folder)):
        assert set(in_use(key_ring).values()) == {f"#{name}-{number}" for name in ("key", "log", "seal")}
        document = check_document(DID, build_document(key_ring, URL))
        verify_jws(
            read_jws(key_ring.sign_jws({}, b"{}")), key_for(document, f"{DID}#key-{number}", "assertionMethod")
        )
        then = document_at(document, START - HOUR)
        verify_jws(read_jws(before), key_for(then, f"{DID}#key-1", "assertionMethod"))
    ring.rotate(ALL, START + HOUR)
    assert set(in_use(ring).values()) == {f"#{name}-{number + 1}" for name in ("key", "log", "seal")}
    names = {"key", "log"}
    assert {path.name for path in ring.folder.glob("*.pem") if path.name[:3] in names} == {
        f"{name}-{number + 1}.pem" for name in names
    }


class TestWrapping:
    def test_converted_both_ways_with_the_same_keys(self, ring: FileKeyRing) -> None:
        outer = Outer(b"w" * 32)
        secret, public = ring.wrap(b"secret"), public_jwk(ring)
        opened = FileKeyRing.open(ring.folder, outer=outer)
        assert not opened.is_wrapped
        assert opened.wrap_all() == 4
        assert (opened.is_wrapped, opened.wrap_all()) == (True, 0)
        assert all(b"PRIVATE KEY" not in path.read_bytes() for path in ring.folder.iterdir())
        again = FileKeyRing.open(ring.folder, outer=outer)
        assert (again.unwrap(secret), public_jwk(again)) == (b"secret", public)
        again.rotate(ALL, START)
        assert again.is_wrapped
        assert again.unwrap_all() == 5
        assert public_jwk(FileKeyRing.open(ring.folder)) == public_jwk(again)

    def test_without_the_key_or_with_another_it_does_not_open(self, ring: FileKeyRing) -> None:
        FileKeyRing.open(ring.folder, outer=Outer(b"w" * 32)).wrap_all()
        with pytest.raises(LocalFault, match="wrapped by an external key, and no such key is set"):
            FileKeyRing.open(ring.folder)
        with pytest.raises(LocalFault, match="the external key does not open"):
            FileKeyRing.open(ring.folder, outer=Outer(b"x" * 32))

    def test_a_conversion_that_was_cut_off_leaves_a_folder_that_opens(self, ring: FileKeyRing) -> None:
        outer = Outer(b"w" * 32)
        plain = (ring.folder / "log-1.pem").read_bytes()
        public = public_jwk(ring)
        FileKeyRing.open(ring.folder, outer=outer).wrap_all()
        (ring.folder / "log-1.pem").write_bytes(plain)
        found = FileKeyRing.open(ring.folder, outer=outer)
        assert (public_jwk(found), found.is_wrapped) == (public, False)

    def test_files_cannot_be_put_in_one_anothers_place(self, ring: FileKeyRing) -> None:
        outer = Outer(b"w" * 32)
        ring.rotate([KeyKind.SEALING], START)
        FileKeyRing.open(ring.folder, outer=outer).wrap_all()
        (ring.folder / "seal-2.pem").write_bytes((ring.folder / "seal-1.pem").read_bytes())
        with pytest.raises(LocalFault):
            FileKeyRing.open(ring.folder, outer=outer)

    def test_the_key_comes_from_a_file_or_a_command(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"k" * 32)
        assert Outer.from_outside(None, "") is None
        from_file = Outer.from_outside(tmp_path / "key", "")
        from_command = Outer.from_outside(None, f"cat {tmp_path / 'key'}")
        assert from_file is not None
        assert from_command is not None
        assert from_command.open("a", from_file.close("a", b"secret")) == b"secret"
        for file, command in ((tmp_path / "absent", ""), (None, "false"), (None, "/no/such/program"), (None, "echo")):
            with pytest.raises(LocalFault):
                Outer.from_outside(file, command)
