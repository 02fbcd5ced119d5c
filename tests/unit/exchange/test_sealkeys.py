"""Bech32 texts of sealing keys."""

from __future__ import annotations

import os

import pytest

from node.base.errors import InvalidInput
from node.exchange import sealkeys
from node.exchange.sealkeys import X25519Identity, read_identity, read_recipient, recipient_text
from tests.fakes.age_keys import identity_text


def test_there_and_back() -> None:
    for _ in range(50):
        key = os.urandom(32)
        recipient, identity = recipient_text(key), identity_text(key)
        assert recipient.startswith("age1")
        assert recipient == recipient.lower()
        assert len(recipient) == 62
        assert identity.startswith("AGE-SECRET-KEY-1")
        assert identity == identity.upper()
        assert read_recipient(recipient) == read_identity(identity) == key


def test_known_key() -> None:
    """The identity that the C2SP test vectors use, and its stanza's recipient as the age tools print it."""
    secret = read_identity("AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0")
    public = X25519Identity(secret).seal_public_key()
    assert read_recipient(recipient_text(public)) == public


def test_every_single_slip_is_noticed() -> None:
    text = recipient_text(bytes(range(32)))
    for place in range(4, len(text)):
        for other in "qp2l7":
            if other != text[place]:
                with pytest.raises(InvalidInput):
                    read_recipient(text[:place] + other + text[place + 1 :])
    for place in range(4, len(text) - 1):
        if text[place] != text[place + 1]:
            with pytest.raises(InvalidInput):
                read_recipient(text[:place] + text[place + 1] + text[place] + text[place + 2 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age",
        "age1",
        "1",
        "AGE-SECRET-KEY-1",
        "age1" + "q" * 58,
        "Age1" + "q" * 58,
        "age1é",
        "age1 qqqqqqqq",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_recipient(text)
    with pytest.raises(InvalidInput):
        read_identity(text)


def test_stray_bits_behind_the_key_are_refused() -> None:
    """A second text for the same key, with a right checksum."""
    values = [*sealkeys._regroup(bytes(32), 8, 5, pad=True)[:-1], 1]
    check = sealkeys._polymod([*sealkeys._expand("age"), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    with pytest.raises(InvalidInput, match="extra"):
        read_recipient("age1" + "".join(sealkeys._ALPHABET[value] for value in values))


def test_recipients_and_identities_are_not_mixed_up() -> None:
    with pytest.raises(InvalidInput):
        read_recipient(identity_text(bytes(32)))
    with pytest.raises(InvalidInput):
        read_identity(recipient_text(bytes(32)))
    with pytest.raises(InvalidInput):
        read_identity(identity_text(bytes(32)).lower())


def test_a_refusal_does_not_repeat_the_secret() -> None:
    text = identity_text(os.urandom(32))
    with pytest.raises(InvalidInput) as refusal:
        read_identity(text[:-1] + ("Q" if text[-1] != "Q" else "P"))
    assert text[16:40] not in str(refusal.value) + refusal.value.remedy


def test_post_quantum_identities_are_not_read() -> None:
    with pytest.raises(InvalidInput):
        read_identity("AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_only_keys_of_32_bytes_have_a_text(size: int) -> None:
    with pytest.raises(InvalidInput):
        recipient_text(bytes(size))
