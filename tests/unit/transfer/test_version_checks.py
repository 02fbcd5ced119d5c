"""What a provider says about the version that it sends is held against the descriptions that it has signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.catalogue.envelope import SIGNATURE
from node.catalogue.model import Record
from node.exchange.manifest import Manifest, ManifestInvalid
from node.semantics.model import File
from node.transfer.model import Transfer
from node.transfer.receiving.version_checks import DESCRIPTION, PROVIDER, CheckVersion
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CITY, IRI = "did:web:ghent.example", "https://ghent.example/datasets/counts"
FILES = tuple(File(name=f"{name}.csv", media_type="text/csv", size=3, sha256=name * 64) for name in "ab")


def record(**fields: Any) -> Record:
    """The description that the provider has signed."""
    return Record(
        **{
            "iri": IRI, "version": 1, "kind": "dataset", "audience": "public", "titles": {"en": "counts"},
            "descriptions": {}, "publisher": CITY, "publisher_name": "Ghent", "origin": CITY, "nquads": b"",
            "sha256": "0" * 64, "at": NOW, "by": "els", "files": FILES, "extra": {SIGNATURE: "signed"}, **fields,
        }
    )  # fmt: skip


def manifest(**fields: Any) -> Manifest:
    return Manifest(
        **{
            "agreement": "urn:a", "asset": IRI, "version": 1, "name": "a.csv", "media_type": "text/csv", "size": 3,
            "sha256": "a" * 64, "sealed": None, "provider": CITY, "consumer": "did:web:plzen.example", "issued": NOW,
            "record_sha256": "0" * 64, "transfer": "urn:t", **fields,
        }
    )  # fmt: skip


def check(known: Record, stated: Manifest) -> dict[str, Any]:
    work, records = MemoryUnitOfWork(), MemoryRecordStore()
    with work.begin() as tx:
        for number in range(1, known.version):
            records.add(tx, replace(record(), version=number))
        records.add(tx, known)
    transfer = Transfer.__new__(Transfer)
    object.__setattr__(transfer, "asset_version", stated.version)
    return CheckVersion(work, records)(transfer, stated)


def test_a_file_of_the_version_under_its_name() -> None:
    assert check(record(), manifest()) == {"version": 1, "versionBy": DESCRIPTION}


def test_another_file_of_the_version_is_not_taken_for_it() -> None:
    with pytest.raises(ManifestInvalid, match="names other files"):
        check(record(), manifest(sha256="b" * 64))


def test_a_version_that_is_a_withdrawal_has_no_files() -> None:
    with pytest.raises(ManifestInvalid, match="is a withdrawal"):
        check(record(version=2, withdrawn=True, files=()), manifest(version=2))


def test_what_another_has_described_proves_nothing() -> None:
    unsigned = record(extra={})
    assert check(unsigned, manifest()) == {"version": 1, "versionBy": PROVIDER}
