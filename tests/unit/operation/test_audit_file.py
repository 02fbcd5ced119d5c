"""The file of an audit trail: what its node signed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.base.jsons import canonical
from node.evidence.audit_file import (
    TYPE,
    AuditFileInvalid,
    AuditStatement,
    is_audit_file,
    read_audit_file,
    signed_lines,
    verify_signature,
)
from node.ledger.model import Entry, EntryKind
from node.operation.audit import entry_json, entry_line
from tests.fakes.keys import public_jwk
from tests.fakes.provider import CONSUMER, PROVIDER, SeedKeyRing

KEYS = SeedKeyRing(PROVIDER)
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENTRIES = [{"seq": number, "kind": "access", "body": {"note": "Ledeberg é"}} for number in range(5, 0, -1)]


def written(path: Path, *, most: int = 10, keys: SeedKeyRing = KEYS) -> Path:
    lines = signed_lines(
        map(canonical, ENTRIES), most=most, node=PROVIDER, at=AT, criteria={"kind": "access"}, sign=keys.sign_jws
    )
    path.write_bytes(b"".join(lines))
    return path


def test_a_line_is_the_canonical_form_of_its_entry() -> None:
    entry = Entry(
        id="urn:1",
        kind=EntryKind.ACCESS,
        subject="urn:ä",
        at=AT,
        by="els",
        body=canonical({"b": "\n", "a": 1}),
        seq=7,
    )
    assert entry_line(entry) == canonical(entry_json(entry))


def test_there_and_back(tmp_path: Path) -> None:
    path = written(tmp_path / "audit.jsonl")
    assert is_audit_file(path)
    file = read_audit_file(path)
    verify_signature(file, public_jwk(KEYS))
    assert file.key == f"{PROVIDER}#key-1"
    assert (file.entries, file.sha256) == (5, file.statement.sha256)
    assert file.statement == AuditStatement(
        node=PROVIDER, at=AT, criteria={"kind": "access"}, entries=5, complete=True, sha256=file.sha256
    )


@pytest.mark.parametrize(("most", "complete"), [(4, False), (5, True)])
def test_it_says_whether_older_entries_were_left_out(tmp_path: Path, most: int, complete: bool) -> None:
    statement = read_audit_file(written(tmp_path / "audit.jsonl", most=most)).statement
    assert (statement.entries, statement.complete) == (most, complete)


def test_a_trail_without_entries_is_signed_too(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(signed_lines([], most=10, node=PROVIDER, at=AT, criteria={}, sign=KEYS.sign_jws)))
    assert (read_audit_file(path).entries, read_audit_file(path).statement.entries) == (0, 0)


def test_another_key_did_not_sign_it(tmp_path: Path) -> None:
    file = read_audit_file(written(tmp_path / "audit.jsonl"))
    with pytest.raises(AuditFileInvalid, match="not valid"):
        verify_signature(file, public_jwk(SeedKeyRing(CONSUMER)))
    with pytest.raises(AuditFileInvalid, match="somebody other"):
        read_audit_file(written(tmp_path / "other.jsonl", keys=SeedKeyRing(CONSUMER)))


def test_a_changed_line_changes_the_hash(tmp_path: Path) -> None:
    path = written(tmp_path / "audit.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"seq":3', b'"seq":4'))
    file = read_audit_file(path)
    assert file.sha256 != file.statement.sha256


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"iss": PROVIDER}, {"typ": TYPE}),
        ({"iss": PROVIDER, "at": "x", "criteria": {}, "entries": 0, "complete": True, "sha256": ""}, {"typ": TYPE}),
        (
            {"iss": 1, "at": "2026-11-20", "criteria": {}, "entries": True, "complete": 1, "sha256": ""},
            {"typ": TYPE},
        ),
        ({}, {"typ": "hansa-manifest+jwt"}),
    ],
)
def test_other_statements_are_refused(tmp_path: Path, claims: dict[str, Any], header: dict[str, Any]) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(canonical({"signature": KEYS.sign_jws(header, canonical(claims))}))
    with pytest.raises(AuditFileInvalid):
        read_audit_file(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"x" * 200_000, b'{"signature":"a.b"}', b'{"signature":"'])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content)
    with pytest.raises(AuditFileInvalid):
        read_audit_file(path)
