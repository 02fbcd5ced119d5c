"""The content that a grant delivers: its bytes, plain or sealed, and their signed manifest."""

from __future__ import annotations

from node.base.clock import Clock
from node.base.errors import Gone, LocalFault, NotFound
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.age import SealPlan, SealSecrets
from node.exchange.delivery import Delivery, deliver_plain, deliver_sealed
from node.exchange.manifest import Manifest, Seal
from node.exchange.offloop import off_loop
from node.exchange.ports import AssetStore
from node.exchange.sealkeys import recipient_text
from node.identity.ports import KeyRing
from node.transfer.agreed_versions import require_content
from node.transfer.model import AccessGrant
from node.transfer.preconditions import Access


class OpenDelivery:
    """Makes the bytes of an access readable."""

    def __init__(self, work: UnitOfWork, records: RecordStore, assets: AssetStore, keyring: KeyRing) -> None:
        self._work = work
        self._records = records
        self._assets = assets
        self._keyring = keyring

    async def __call__(self, access: Access) -> Delivery:
        """Return the delivery. Raises ``Gone`` if the version was erased or its files were removed, ``LocalFault`` if
        the bytes are missing, or if they or the secrets have changed."""
        grant = access.grant
        await off_loop(_content, self._work, self._records, grant)
        if grant.conversion is not None and not self._assets.has(grant.file_sha256):
            raise Gone("the converted file is no longer kept", remedy="request it again, in a transfer of its own")
        if not self._assets.has(grant.file_sha256):
            raise LocalFault(f"the bytes of a granted file are missing: {grant.file_sha256}")
        # Damaged data are refused before their first byte. Sealing them would be even worse than sending them: two
        # plaintexts under the same key reveal both.
        await self._assets.check(grant.file_sha256)
        if not grant.sealed:
            return deliver_plain(
                self._assets,
                sha256=grant.file_sha256,
                size=grant.file_size,
                name=grant.file_name,
                media_type=grant.media_type,
            )
        secrets = SealSecrets.unpack(self._keyring.unwrap(grant.secrets or b""))
        if (secrets.source_sha256, secrets.size) != (grant.file_sha256, grant.file_size):
            raise LocalFault("the sealing secrets of a grant belong to another source")
        return deliver_sealed(self._assets, secrets, name=grant.file_name)


class SignManifest:
    """Signs the manifest of an access."""

    def __init__(self, work: UnitOfWork, records: RecordStore, keyring: KeyRing, clock: Clock) -> None:
        self._work = work
        self._records = records
        self._keyring = keyring
        self._clock = clock

    async def __call__(self, access: Access) -> str:
        """Return the manifest as compact JWS. Raises ``NotFound`` if the version of the record is missing, and
        ``Gone`` as ``OpenDelivery``."""
        return await off_loop(self._sign, access.grant)

    def _sign(self, grant: AccessGrant) -> str:
        record = _content(self._work, self._records, grant)
        seal = None
        if grant.sealed:
            secrets = SealSecrets.unpack(self._keyring.unwrap(grant.secrets or b""))
            seal = Seal(recipient=recipient_text(secrets.recipient), size=SealPlan(secrets).sealed_size)
        return Manifest(
            transfer=grant.transfer,
            agreement=grant.agreement,
            asset=grant.dataset,
            version=grant.version,
            name=grant.file_name,
            media_type=grant.media_type,
            size=grant.file_size,
            sha256=grant.file_sha256,
            sealed=seal,
            provider=self._keyring.did,
            consumer=grant.recipient,
            issued=self._clock.now(),
            record_sha256=record.sha256,
            conversion=grant.conversion,
        ).sign(self._keyring)


def _content(work: UnitOfWork, records: RecordStore, grant: AccessGrant) -> Record:
    """Return the version that a grant opens. Raises ``NotFound`` if it is missing, ``Gone`` if its content is."""
    with work.read() as tx:
        record = records.get(tx, grant.dataset, version=grant.version)
        if record is None:
            raise NotFound
        require_content(tx, records, record)
    return record
