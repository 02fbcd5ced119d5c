"""A provider of one file, complete from the grant to the data door, over stores in memory or in one file."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.requests import Request

from node.adapters.keys.files import FileKeyRing
from node.adapters.planes.files import FolderAssets
from node.base.clock import Clock, SystemClock
from node.base.errors import LocalFault, Unauthenticated
from node.base.jsons import canonical
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.dialogue.process import Role
from node.exchange.ports import AssetStore
from node.exchange.sealkeys import X25519Identity
from node.identity.jose import b64url
from node.identity.model import Caller
from node.identity.periods import KnownKey
from node.identity.ports import KeyRing, Unsealer
from node.ledger.model import Entry, EntryKind
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.negotiation.uses import Uses, UseStore
from node.policy.model import Decision, Nature, Outcome, Reason
from node.semantics.model import File
from node.transfer.access import AuthoriseAccess
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.grants import GrantAccess, RefreshToken
from node.transfer.model import AccessGrant, Transfer
from node.transfer.ports import GrantStore, TransferStore
from node.web.data import DataDoor, Pace
from tests.fakes.keys import first_keys
from tests.fakes.stores.negotiation import MemoryAgreementStore, MemoryUseStore
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.transfer import MemoryGrantStore, MemoryTransferStore
from tests.fakes.stores.work import MemoryUnitOfWork

PROVIDER = "did:web:provider.example"
CONSUMER = "did:web:consumer.example"
DATASET = "https://provider.example/datasets/traffic-counts"
AGREEMENT = "urn:uuid:01900000-0000-7000-8000-00000000a9e1"
PROVIDER_PID = "urn:uuid:01900000-0000-7000-8000-0000000000b1"
CONSUMER_PID = "urn:uuid:01900000-0000-7000-8000-0000000000c1"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class SeedKeyRing:
    """A ``KeyRing`` whose keys follow from a seed, so that two processes can have the same one."""

    def __init__(self, did: str, seed: bytes | None = None) -> None:
        self.did = did
        seed = seed or did.encode()
        self._signing = derive_private_key(int.from_bytes(_key(seed, b"sign"), "big") >> 8 | 1, SECP256R1())
        self._log = Ed25519PrivateKey.from_private_bytes(_key(seed, b"log"))
        self.seal_secret = _key(seed, b"seal")
        self._seal = X25519Identity(self.seal_secret)
        self._wrapping = ChaCha20Poly1305(_key(seed, b"wrap"))
        self._derivation = _key(seed, b"derive")

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        head = canonical({**header, "alg": "ES256", "kid": f"{self.did}#key-1"})
        message = f"{b64url(head)}.{b64url(payload)}"
        r, s = decode_dss_signature(self._signing.sign(message.encode(), ECDSA(SHA256())))
        return f"{message}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def known_keys(self) -> Sequence[KnownKey]:
        numbers = self._signing.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        return first_keys(jwk, self.log_public_key(), self.seal_public_key())

    def sealed_to(self, public: bytes) -> Unsealer | None:
        return self if public == self.seal_public_key() else None

    def log_public_key(self) -> bytes:
        return self._log.public_key().public_bytes_raw()

    def sign_log(self, message: bytes) -> bytes:
        return self._log.sign(message)

    def seal_public_key(self) -> bytes:
        return X25519PrivateKey.from_private_bytes(self.seal_secret).public_key().public_bytes_raw()

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        return self._seal.seal_shared_secret(ephemeral_public)

    def wrap(self, secret: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._wrapping.encrypt(nonce, secret, None)

    def unwrap(self, envelope: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(envelope[:12], envelope[12:], None)
        except Exception as error:
            raise LocalFault("this was not wrapped by this node") from error

    def derive(self, purpose: bytes) -> bytes:
        return hmac.digest(self._derivation, purpose, "sha256")


class HandClock:
    """A clock that stands until the test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The stores of the provider."""

    work: UnitOfWork
    transfers: TransferStore
    agreements: AgreementStore
    uses: UseStore
    grants: GrantStore
    records: RecordStore


def memory_stores() -> Stores:
    return Stores(
        work=MemoryUnitOfWork(),
        transfers=MemoryTransferStore(),
        agreements=MemoryAgreementStore(),
        uses=MemoryUseStore(),
        grants=MemoryGrantStore(),
        records=MemoryRecordStore(),
    )


def sql_stores(folder: Path) -> Stores:
    from node.adapters.sql.engine import connect
    from node.adapters.sql.migrate import migrate
    from node.adapters.sql.negotiation import SqlAgreementStore, SqlUseStore
    from node.adapters.sql.records import SqlRecordStore
    from node.adapters.sql.transfer import SqlGrantStore, SqlTransferStore
    from node.adapters.sql.work import SqlUnitOfWork

    engine = connect(f"sqlite:///{folder / 'hansa.sqlite'}")
    migrate(engine)
    return Stores(
        work=SqlUnitOfWork(engine),
        transfers=SqlTransferStore(),
        agreements=SqlAgreementStore(),
        uses=SqlUseStore(),
        grants=SqlGrantStore(),
        records=SqlRecordStore(),
    )


@dataclass
class Provider:
    """Everything between one file and its bytes on the wire. ``refuse`` is why the policy says no, if it does."""

    assets: AssetStore
    public_url: str = "https://provider.example"
    clock: Clock = field(default_factory=HandClock)
    pace: Pace = field(default_factory=Pace)
    stores: Stores = field(default_factory=memory_stores)
    keyring: KeyRing = field(default_factory=lambda: SeedKeyRing(PROVIDER))
    consumer: KeyRing = field(default_factory=lambda: SeedKeyRing(CONSUMER))
    refuse: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    rechecks: int = 0

    def __post_init__(self) -> None:
        self.work = self.stores.work
        self.transfers = self.stores.transfers
        self.agreements = self.stores.agreements
        self.grants = self.stores.grants
        self.records = self.stores.records
        self.access = GrantAccess(self.grants, self.keyring, self.clock, public_url=self.public_url)
        self.authorise = AuthoriseAccess(
            self.work,
            transfers=self.transfers,
            agreements=self.agreements,
            grants=self.grants,
            clock=self.clock,
            recheck=self._recheck,
            decide=self._decide,
            append=self._append,
            uses=Uses(self.stores.uses, self.agreements, self.clock),
        )
        self.deliveries = OpenDelivery(self.work, self.records, self.assets, self.keyring)
        self.manifests = SignManifest(self.work, self.records, self.keyring, self.clock)
        self.refresh = RefreshToken(
            self.work,
            transfers=self.transfers,
            agreements=self.agreements,
            grants=self.grants,
            access=self.access,
            clock=self.clock,
        )
        self.door = DataDoor(
            authorise=self.authorise,
            deliveries=self.deliveries,
            manifests=self.manifests,
            refresh=self.refresh,
            participant=self._participant,
            pace=self.pace,
        )

    def app(self) -> Starlette:
        return Starlette(routes=self.door.routes())

    def publish(self, file: File, *, version: int = 1, sealed: bool = True) -> Record:
        record = Record(
            iri=DATASET,
            version=version,
            kind="dataset",
            audience="public",
            titles={"nl": "Verkeerstellingen"},
            descriptions={},
            publisher=PROVIDER,
            publisher_name="Gent",
            origin=PROVIDER,
            nquads=b"",
            sha256=hashlib.sha256(f"record {version}".encode()).hexdigest(),
            at=START,
            by="steward",
            files=(file,),
            sealed=sealed,
        )
        with self.work.begin() as tx:
            self.records.add(tx, record)
        return record

    def start(
        self,
        record: Record,
        *,
        seal_key: bytes | None = None,
        keyless: bool = False,
        state: str = "STARTED",
        terms: dict[str, Any] | None = None,
    ) -> tuple[AccessGrant, dict[str, Any]]:
        """The transfer of the record's first file, with an agreement in force: grant and data address."""
        now = self.clock.now()
        transfer = Transfer(
            pid=PROVIDER_PID,
            role=Role.PROVIDER,
            peer=CONSUMER,
            peer_pid=CONSUMER_PID,
            peer_address="https://consumer.example/dsp/2025-1",
            version="2025-1",
            state=state,
            created=now,
            updated=now,
            agreement=AGREEMENT,
            dataset=DATASET,
            format="HttpData-PULL",
        )
        agreement = Agreement(
            id=AGREEMENT,
            negotiation="urn:uuid:01900000-0000-7000-8000-0000000000d1",
            dataset=DATASET,
            provider=PROVIDER,
            consumer=CONSUMER,
            role="provider",
            body=terms or {},
            sha256="0" * 64,
            signatures={},
            at=now,
            finalized=now,
        )
        key = seal_key or (self.consumer.seal_public_key() if record.sealed and not keyless else None)
        with self.work.begin() as tx:
            if self.transfers.get(tx, PROVIDER_PID) is None:
                self.transfers.add(tx, transfer)
                self.agreements.add(tx, agreement)
            return self.access.grant(
                tx,
                self.transfer(tx),
                agreement,
                record,
                record.files[0],
                recipient_seal_key=key,
            )

    def transfer(self, tx: Transaction) -> Transfer:
        found = self.transfers.get(tx, PROVIDER_PID)
        assert found is not None
        return found

    def change_transfer(self, **changes: Any) -> None:
        with self.work.begin() as tx:
            now = self.transfer(tx)
            self.transfers.save(tx, replace(now, revision=now.revision + 1, **changes))

    def end_agreement(self, at: datetime) -> None:
        with self.work.begin() as tx:
            agreement = self.agreements.get(tx, AGREEMENT)
            assert agreement is not None
            self.agreements.save(tx, replace(agreement, ended=at, ended_why="withdrawn"))

    async def _recheck(self, did: str) -> Caller:
        self.rechecks += 1
        return Caller(did=did)

    def _decide(
        self, agreement: Agreement, caller: Caller, at: datetime, action: str, facts: Mapping[str, Any]
    ) -> Decision:
        reason = Reason(
            rule="permission[0].constraint[0]",
            operand="hz:credential",
            nature=Nature.FACT,
            met=self.refuse is None,
            text={"en": self.refuse or "holds the credential"},
            since=None if self.refuse is None else START,
        )
        outcome = Outcome.PERMIT if self.refuse is None else Outcome.REFUSE
        return Decision(outcome=outcome, reasons=(reason,), policy=agreement.id)

    def _append(
        self,
        tx: Transaction,
        kind: EntryKind,
        subject: str,
        by: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Remember the accesses that are written to the ledger."""
        assert kind is EntryKind.ACCESS, "this provider writes accesses only"
        tx.after_commit(lambda: self.events.append(dict(body)))
        return Entry(id=subject, kind=kind, subject=subject, at=at or START, by=by, body=canonical(body))

    async def _participant(self, request: Request) -> Caller:
        """Accept the DID that a participant states, without proof."""
        token = request.headers.get("authorization", "")
        if not token.startswith("Bearer did:"):
            raise Unauthenticated("a participant's token is missing")
        return Caller(did=token.removeprefix("Bearer "))


def consumer_transfer(data_address: dict[str, Any]) -> Transfer:
    """The consumer's end of the same transfer."""
    return Transfer(
        pid=CONSUMER_PID,
        role=Role.CONSUMER,
        peer=PROVIDER,
        peer_pid=PROVIDER_PID,
        peer_address="https://provider.example/dsp/2025-1",
        version="2025-1",
        state="STARTED",
        created=START,
        updated=START,
        agreement=AGREEMENT,
        dataset=DATASET,
        format="HttpData-PULL",
        data_address=data_address,
    )


def provider_at(folder: Path, public_url: str, pace: Pace) -> Provider:
    """A provider whose state is in a folder and outlives its process: SQLite, key files, asset files."""
    rings = {}
    for name, did in (("provider", PROVIDER), ("consumer", CONSUMER)):
        keys = folder / f"keys of {name}"
        rings[name] = FileKeyRing.open(keys, did) if keys.exists() else FileKeyRing.create(keys, did)
    return Provider(
        FolderAssets(folder / "blobs"),
        public_url,
        SystemClock(),
        pace,
        sql_stores(folder),
        rings["provider"],
        rings["consumer"],
    )


def _key(seed: bytes, purpose: bytes) -> bytes:
    return hashlib.sha256(seed + b" " + purpose).digest()


def serve(folder: Path, port: int, rate: int) -> None:
    """The provider as a process of its own: ``python -m tests.fakes.provider FOLDER PORT BYTES_PER_SECOND``."""
    import uvicorn

    pace = Pace(bytes_per_second=rate or None, recheck_seconds=0.5)
    provider = provider_at(folder, f"http://127.0.0.1:{port}", pace)
    uvicorn.run(provider.app(), host="127.0.0.1", port=port, log_level="warning", loop="uvloop", http="httptools")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
