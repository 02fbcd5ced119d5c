"""The version of what was received: the provider's statement, held against what this node knows.

A manifest names the version, and its provider has signed it. If this node has the description of that version, signed
by the same provider, the two must agree about the description and the file. Without it, the version is the
provider's statement. A delivery without a manifest says nothing about the version, so it cannot answer a request for
one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.envelope import SIGNATURE
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.manifest import Manifest, ManifestInvalid
from node.transfer.model import Transfer

DESCRIPTION: Final = "description"
"""The version's signed description, which this node has, names the received file."""

PROVIDER: Final = "provider"
"""The provider states the version, and this node has no description with content that could confirm it."""

VersionCheck = Callable[[Transfer, Manifest | None], dict[str, Any]]
"""(transfer, its manifest) → the facts of the reception about the version."""


class CheckVersion:
    """Checks the version of what a provider sends. It blocks."""

    def __init__(self, work: UnitOfWork, records: RecordStore) -> None:
        self._work = work
        self._records = records

    def __call__(self, transfer: Transfer, manifest: Manifest | None) -> dict[str, Any]:
        """Return ``version`` and ``versionBy`` (``DESCRIPTION`` or ``PROVIDER``); nothing for a delivery without a
        manifest. Raises ``InvalidInput`` if the version was requested and the delivery does not state it,
        ``ManifestInvalid`` if the manifest contradicts the version's description."""
        if manifest is None:
            if transfer.asset_version is None:
                return {}
            raise InvalidInput(
                f"version {transfer.asset_version} was requested, and the provider sends no signed manifest, which "
                "would say what version it sends",
                remedy="get the newest version, without a number",
            )
        with self._work.read() as tx:
            record = self._records.get(tx, manifest.asset, version=manifest.version)
        if record is None or not _is_signed_by(record, manifest.provider):
            return {"version": manifest.version, "versionBy": PROVIDER}
        if record.withdrawn:
            raise ManifestInvalid(
                f"the provider states that it sends version {manifest.version}, but that version is a withdrawal, "
                "which it has signed, and has no files",
                remedy="report it to the provider",
                facts={"version": manifest.version},
            )
        files = {(file.sha256, file.name) for file in record.files if file.sha256}
        if record.sha256 != manifest.record_sha256 or manifest.source not in files:
            raise ManifestInvalid(
                f"the provider states that it sends version {manifest.version}, but the description of that version, "
                "which it has signed, names other files",
                remedy="report it to the provider",
                facts={"version": manifest.version},
            )
        return {"version": manifest.version, "versionBy": DESCRIPTION}


def _is_signed_by(record: Record, provider: str) -> bool:
    """Return whether ``record`` is the provider's own description, with its content."""
    is_own = record.origin == provider and record.harvest_origin is None
    return is_own and SIGNATURE in record.extra and not record.is_erased
