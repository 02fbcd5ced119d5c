"""Status lists: order of bits, wrong lists, bombs."""

from __future__ import annotations

import base64
import gzip
import json
import resource
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from node.base.clock import stamp
from node.base.errors import Unauthenticated
from node.identity.credentials.status import (
    ELDER,
    LENGTH,
    MAX_INFLATED,
    BadStatusList,
    check_status,
    decode,
    encode,
    issue_list,
    read_entries,
    read_list,
)
from node.identity.documents import UnknownKey
from node.identity.model import DidDocument
from tests.simulator.peer_documents import NOW, Participant

REGION = Participant("region.example", issuer=True)
OTHER = Participant("other.example", issuer=True)


def document(of: Participant = REGION) -> DidDocument:
    return DidDocument(id=of.did, raw=of.document())


def read(text: Any, **options: Any) -> Any:
    return read_list(text, issuer=document(), now=NOW, **options)


def packed(data: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TestBits:
    def test_index_0_is_the_highest_bit_of_the_first_byte(self) -> None:
        bits = decode(encode([0, 9]))
        assert bits[:2] == b"\x80\x40"
        assert len(bits) * 8 == LENGTH

    def test_the_example_of_the_specification(self) -> None:
        # Bitstring Status List 1.0, example of an encodedList: 131 072 zero bits.
        example = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
        assert decode(example) == bytes(LENGTH // 8)

    @pytest.mark.parametrize("index", [0, 1, 7, 8, 94567, LENGTH - 1])
    def test_exactly_the_bit_that_was_set(self, index: int) -> None:
        status = read(REGION.status_list([index]))
        for other in {0, 1, 7, 8, 9, 94567, LENGTH - 1}:
            (entry,) = read_entries(REGION.status_entry(other))
            assert check_status(entry, status) is (other == index)

    def test_alphabets_and_padding(self) -> None:
        body = gzip.compress(bytes(range(256)) * 64)
        for text in (
            base64.b64encode(body).decode(),
            base64.b64encode(body).decode().rstrip("="),
            base64.urlsafe_b64encode(body).decode(),
            packed(body),
        ):
            assert decode(text) == bytes(range(256)) * 64


class TestEntries:
    def test_none_and_several(self) -> None:
        assert read_entries(None) == ()
        entries = read_entries([REGION.status_entry(1), REGION.status_entry(2, statusPurpose="suspension")])
        assert [entry.purpose for entry in entries] == ["revocation", "suspension"]

    def test_purposes_that_end_nothing_are_passed_over(self) -> None:
        assert read_entries([REGION.status_entry(1, statusPurpose="refresh")]) == ()

    @pytest.mark.parametrize("index", [3, "3"])
    def test_index_as_text_or_number(self, index: Any) -> None:
        assert read_entries(REGION.status_entry(1, statusListIndex=index))[0].index == 3

    @pytest.mark.parametrize(
        "changes",
        [
            {"type": "Other"},
            {"type": None},
            {"statusListIndex": None},
            {"statusListIndex": "-1"},
            {"statusListIndex": -1},
            {"statusListIndex": "1.0"},
            {"statusListIndex": 1.5},
            {"statusListIndex": "٣"},
            {"statusListIndex": ""},
            {"statusListIndex": True},
            {"statusListIndex": "9" * 11},
            {"statusListCredential": None},
            {"statusListCredential": 1},
            {"statusPurpose": None},
            {"statusPurpose": []},
            {"statusSize": 2},
        ],
    )
    def test_malformed_entries_are_errors(self, changes: dict[str, Any]) -> None:
        with pytest.raises(BadStatusList):
            read_entries(REGION.status_entry(1, **changes))

    @pytest.mark.parametrize("status", ["x", 1, [None], [[]], [{}] * 9])
    def test_what_is_no_status(self, status: Any) -> None:
        with pytest.raises(BadStatusList):
            read_entries(status)

    @pytest.mark.parametrize("index", [LENGTH, 2**31])
    def test_out_of_range(self, index: int) -> None:
        with pytest.raises(BadStatusList, match="outside"):
            check_status(read_entries(REGION.status_entry(index))[0], read(REGION.status_list()))

    def test_wrong_purpose_and_wrong_kind(self) -> None:
        status = read(REGION.status_list())
        with pytest.raises(BadStatusList, match="suspension"):
            check_status(read_entries(REGION.status_entry(1, statusPurpose="suspension"))[0], status)
        with pytest.raises(BadStatusList, match="another kind"):
            check_status(read_entries(REGION.status_entry(1, type=ELDER))[0], status)


FAULTS: dict[str, Callable[[], Any]] = {
    "not signed": lambda: json.loads(json.dumps({"type": ["BitstringStatusListCredential"], "issuer": REGION.did})),
    "issuer is another": lambda: REGION.status_list(issuer=OTHER.did),
    "iss is another": lambda: REGION.status_list(iss=OTHER.did),
    "signed by another": lambda: OTHER.status_list(issuer=REGION.did),
    "signed by another under our key id": lambda: OTHER.status_list(
        issuer=REGION.did, header={"kid": f"{REGION.did}#key-1"}
    ),
    "expired": lambda: REGION.status_list(validUntil=stamp(NOW)),
    "expired by exp": lambda: REGION.status_list(exp=int(NOW.timestamp())),
    "exp is text": lambda: REGION.status_list(exp="x"),
    "not yet valid": lambda: REGION.status_list(validFrom=stamp(NOW + timedelta(hours=1))),
    "date is no date": lambda: REGION.status_list(validUntil="soon"),
    "date is a number": lambda: REGION.status_list(validUntil=5),
    "no subject": lambda: REGION.status_list(credentialSubject=None),
    "type is another": lambda: REGION.status_list(type=["VerifiableCredential"]),
    "subject type is another": lambda: REGION.status_list(subject={"type": "StatusList2021"}),
    "no list": lambda: REGION.status_list(subject={"encodedList": None}),
    "list is a number": lambda: REGION.status_list(subject={"encodedList": 1}),
    "list is no base64": lambda: REGION.status_list(subject={"encodedList": "u***"}),
    "list is no gzip": lambda: REGION.status_list(subject={"encodedList": packed(b"hello, this is no gzip")}),
    "list is zlib, not gzip": lambda: REGION.status_list(subject={"encodedList": packed(zlib.compress(bytes(9)))}),
    "list is cut off": lambda: REGION.status_list(subject={"encodedList": packed(gzip.compress(bytes(9999))[:-4])}),
    "list has something behind it": lambda: REGION.status_list(
        subject={"encodedList": packed(gzip.compress(bytes(9)) + b"x")}
    ),
    "list has a second member behind it": lambda: REGION.status_list(
        subject={"encodedList": packed(gzip.compress(bytes(9)) * 2)}
    ),
    "a credential": lambda: REGION.credential(OTHER.did),
    "alg none": lambda: REGION.status_list(header={"alg": "none"}),
    "no JWS": lambda: "x",
    "empty": lambda: "",
}


class TestLists:
    @pytest.mark.parametrize("name", FAULTS)
    def test_single_faults(self, name: str) -> None:
        with pytest.raises(BadStatusList):
            read(FAULTS[name]())

    def test_a_key_with_the_wrong_purpose(self) -> None:
        raw = REGION.document(lambda one: one.update(assertionMethod=[]))
        with pytest.raises(Unauthenticated):
            read_list(REGION.status_list(), issuer=DidDocument(id=REGION.did, raw=raw), now=NOW)

    def test_a_new_key_may_be_worth_a_look(self) -> None:
        with pytest.raises(UnknownKey):
            read(REGION.status_list(header={"kid": f"{REGION.did}#key-2"}))

    def test_several_purposes(self) -> None:
        status = read(REGION.status_list([3], subject={"statusPurpose": ["revocation", "suspension"]}))
        assert status.purposes == {"revocation", "suspension"}

    def test_unsigned_lists_need_the_switch(self) -> None:
        unsigned = {
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": REGION.did,
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "encodedList": encode([1], length=16 * 1024),
            },
        }
        assert read(unsigned, allow_unsigned=True).bits[0] == 0x40
        with pytest.raises(BadStatusList):
            read(unsigned)

    @pytest.mark.parametrize("kind", ["BitstringStatusListEntry", ELDER])
    def test_ours_are_read_back(self, kind: str) -> None:
        revoked = {5: NOW - timedelta(hours=1), 77: None}
        text = issue_list(REGION.keyring, REGION.list_url, revoked, NOW, kind=kind)
        status = read(text)
        entries = [read_entries(REGION.status_entry(n, type=kind))[0] for n in range(100)]
        assert [entry.index for entry in entries if check_status(entry, status)] == [5, 77]
        assert status.since == {5: NOW - timedelta(hours=1)}
        assert status.valid_until == NOW + timedelta(minutes=15)


class TestBombs:
    @pytest.mark.parametrize("size", [MAX_INFLATED + 1, 256 * 1024 * 1024])
    def test_inflating_stops_in_time(self, size: int) -> None:
        compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        block = bytes(1024 * 1024)
        bomb = b"".join(compressor.compress(block) for _ in range(size // len(block)))
        bomb += compressor.compress(bytes(size % len(block))) + compressor.flush()
        encoded = packed(bomb)
        tracemalloc.start()
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        with pytest.raises(BadStatusList, match="longer"):
            decode(encoded)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - used
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 1024 * 1024
        assert used < 1

    def test_the_largest_list_is_taken(self) -> None:
        assert len(decode(packed(gzip.compress(bytes(MAX_INFLATED))))) == MAX_INFLATED
