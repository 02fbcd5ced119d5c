"""Checkpoints as signed notes: what is written, what is read, what is refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from node.base.errors import InvalidInput
from node.ledger.checkpoints import (
    MAX_NOTE,
    LogKey,
    checkpoint_text,
    open_checkpoint,
    open_note,
)
from node.ledger.model import Checkpoint
from tests.fakes.stores.ledger import LogSigner, log_signer, signature_line

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ROOT = bytes(range(32))
SIGNER = log_signer("ghent.example/hansa")
TEXT = checkpoint_text("ghent.example/hansa", 42, ROOT)
NOTE = SIGNER.sign_note(TEXT)


def signed(text: str, signer: LogSigner = SIGNER) -> str:
    """A note over any text, also over one that no checkpoint may have."""
    return f"{text}\n{signature_line(signer.key, signer.sign(text.encode()))}"


class TestWriting:
    def test_the_text_has_three_lines(self) -> None:
        assert TEXT == "ghent.example/hansa\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

    def test_the_note_is_text_blank_line_signature(self) -> None:
        text, blank, signature = NOTE.partition("\n\n")
        assert (text + "\n", blank) == (TEXT, "\n\n")
        dash, name, encoded = signature.removesuffix("\n").split(" ")
        assert (dash, name) == ("—", "ghent.example/hansa")
        assert len(base64.b64decode(encoded)) == 4 + 64
        assert base64.b64decode(encoded)[:4] == SIGNER.key.id

    @pytest.mark.parametrize(
        ("origin", "size", "root"),
        [("", 1, ROOT), ("a\nb", 1, ROOT), ("a\tb", 1, ROOT), ("a", -1, ROOT), ("a", 1, ROOT[:-1])],
    )
    def test_what_has_no_text_is_refused(self, origin: str, size: int, root: bytes) -> None:
        with pytest.raises(InvalidInput):
            checkpoint_text(origin, size, root)


class TestReading:
    def test_a_note_of_the_go_tools_is_read(self) -> None:
        """The example of golang.org/x/mod/sumdb/note: key and note were made elsewhere."""
        key = LogKey("PeterNeumann", base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:])
        assert key.id.hex() == "c74f20a3"
        text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
        signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
        assert open_note(f"{text}\n— PeterNeumann {signature}\n", [key]) == text

    def test_a_checkpoint_comes_out_as_it_was_signed(self) -> None:
        expected = Checkpoint(origin="ghent.example/hansa", size=42, root=ROOT, at=AT, note=NOTE)
        assert open_checkpoint(NOTE, [SIGNER.key], at=AT) == expected
        assert open_checkpoint(NOTE.encode(), [SIGNER.key], at=AT, origin="ghent.example/hansa") == expected

    def test_the_empty_ledger(self) -> None:
        note = signed(checkpoint_text("a", 0, ROOT))
        assert open_checkpoint(note, [SIGNER.key], at=AT).size == 0

    def test_extension_lines_are_admitted(self) -> None:
        assert open_checkpoint(signed(TEXT + "an extension\n"), [SIGNER.key], at=AT).size == 42

    def test_signatures_of_unknown_keys_are_ignored(self) -> None:
        witness = log_signer("witness.example", seed=2)
        same_name = log_signer("ghent.example/hansa", seed=3)
        note = (
            NOTE
            + signature_line(witness.key, bytes(64))
            + signature_line(same_name.key, bytes(64))
            + signature_line(SIGNER.key, SIGNER.sign(TEXT.encode()))
        )
        assert open_checkpoint(note, [SIGNER.key], at=AT).root == ROOT

    def test_after_a_key_change_old_and_new_notes_hold(self) -> None:
        new = log_signer("ghent.example/hansa", seed=9)
        for note in (NOTE, signed(TEXT, new), NOTE + signature_line(new.key, new.sign(TEXT.encode()))):
            assert open_checkpoint(note, [SIGNER.key, new.key], at=AT).size == 42

    def test_one_bad_signature_of_a_known_key_condemns_the_note(self) -> None:
        with pytest.raises(InvalidInput, match="is not valid"):
            open_checkpoint(NOTE + signature_line(SIGNER.key, bytes(64)), [SIGNER.key], at=AT)

    def test_nobody_known_has_signed(self) -> None:
        other = log_signer("ghent.example/hansa", seed=2)
        renamed = LogKey("antwerp.example", SIGNER.key.public_key)
        for keys in ([], [other.key], [renamed]):
            with pytest.raises(InvalidInput, match="no known key"):
                open_checkpoint(NOTE, keys, at=AT)

    def test_of_another_ledger(self) -> None:
        with pytest.raises(InvalidInput, match="another ledger"):
            open_checkpoint(NOTE, [SIGNER.key], at=AT, origin="ghent.example")

    @pytest.mark.parametrize("position", range(0, len(TEXT), 7))
    def test_any_change_of_the_text_is_found(self, position: int) -> None:
        changed = "x" if TEXT[position] != "x" else "y"
        with pytest.raises(InvalidInput):
            open_checkpoint(NOTE[:position] + changed + NOTE[position + 1 :], [SIGNER.key], at=AT)

    @pytest.mark.parametrize(
        "text",
        [
            "a\n42\n",
            "a\n042\n" + TEXT.split("\n")[2] + "\n",
            "a\n+42\n" + TEXT.split("\n")[2] + "\n",
            "a\n4²\n" + TEXT.split("\n")[2] + "\n",
            "a\n-1\n" + TEXT.split("\n")[2] + "\n",
            "a\n99999999999999999999\n" + TEXT.split("\n")[2] + "\n",
            "a\n42\nAAEC\n",
            "a\n42\nnot base64!\n",
            "a\n42\n" + TEXT.split("\n")[2].rstrip("=") + "\n",
            "a\n42\n" + TEXT.split("\n")[2].replace("8=", "9=") + "\n",
            "\n42\n" + TEXT.split("\n")[2] + "\n",
        ],
    )
    def test_signed_but_no_checkpoint(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            open_checkpoint(signed(text), [SIGNER.key], at=AT)

    @pytest.mark.parametrize(
        "note",
        [
            "",
            "\n",
            "\n\n",
            TEXT,
            TEXT + "\n",
            NOTE.removesuffix("\n"),
            NOTE.replace("\n\n", "\n"),
            NOTE.replace("— ", "- "),
            NOTE.replace("\n", "\r\n"),
            NOTE + "trailing\n",
            NOTE + "\n",
            NOTE + "— nameonly\n",
            NOTE + "— name AAAA\n",
            NOTE + "— name !!!!\n",
            NOTE + "x" * MAX_NOTE + "\n",
        ],
    )
    def test_malformed_notes(self, note: str) -> None:
        with pytest.raises(InvalidInput):
            open_checkpoint(note, [SIGNER.key], at=AT)

    def test_bytes_that_are_no_text(self) -> None:
        with pytest.raises(InvalidInput):
            open_checkpoint(NOTE.encode() + b"\xff\n", [SIGNER.key], at=AT)


class TestKeys:
    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x01"])
    def test_names_that_no_note_can_carry(self, name: str) -> None:
        with pytest.raises(InvalidInput):
            LogKey(name, bytes(32))

    def test_bytes_that_are_no_key(self) -> None:
        with pytest.raises(InvalidInput):
            LogKey("a", bytes(31))
        # 32 bytes that are no point of the curve cannot be told until something is to be verified.
        key = LogKey("a", b"\xff" * 32)
        with pytest.raises(InvalidInput):
            key.verify("text\n", bytes(64))
