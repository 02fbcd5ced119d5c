"""Who may read what: grants, tokens, and the question asked at every read."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.base.errors import (
    HansaError,
    InvalidInput,
    LocalFault,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    Unauthenticated,
)
from node.dialogue.process import PendingMessage
from node.exchange.age import SealSecrets
from node.exchange.manifest import verify_manifest
from node.exchange.sealkeys import X25519Identity
from node.identity.model import ANONYMOUS, Caller
from node.policy.odrl import SEALED
from node.semantics.model import File
from node.transfer.accounts import REFUSALS_EVERY, REFUSALS_LOGGED
from node.transfer.addresses import Address, read_address, without_token
from node.transfer.model import AccessGrant
from tests.fakes.keys import public_jwk
from tests.fakes.provider import (
    AGREEMENT,
    CONSUMER,
    DATASET,
    PROVIDER_PID,
    START,
    HandClock,
    Provider,
)
from tests.fakes.stores.assets import MemoryAssets
from tests.fakes.stores.work import memory
from tests.unit.exchange.test_age import opened

SOURCE = b"refRoadSegment,intensity\nA1,12\n" * 5000


class Rig:
    """A provider with one published, started, sealed transfer."""

    def __init__(self, *, sealed: bool = True) -> None:
        self.assets = MemoryAssets()
        self.clock = HandClock()
        self.provider = Provider(self.assets, clock=self.clock)
        self.record = self.provider.publish(self.file(SOURCE), sealed=sealed)
        self.grant, self.data_address = self.provider.start(self.record)
        self.address = read_address(self.data_address)

    def file(self, source: bytes) -> File:
        stored = self.assets.keep(source)
        return File(name="tellingen.csv", media_type="text/csv", size=stored.size, sha256=stored.sha256)

    async def refused(self, error: type[HansaError], header: str | None = "", pid: str = PROVIDER_PID) -> HansaError:
        with pytest.raises(error) as refusal:
            await self.provider.authorise.authorise(
                pid, self.address.authorization if header == "" else header, range_="bytes=5-"
            )
        return refusal.value

    async def bytes(self) -> bytes:
        access = await self.provider.authorise.authorise(PROVIDER_PID, self.address.authorization)
        delivery = await self.provider.deliveries(access)
        return b"".join([part async for part in await delivery.read(0, delivery.size)])

    def stored(self) -> AccessGrant:
        with self.provider.work.read() as tx:
            grant = self.provider.grants.by_transfer(tx, PROVIDER_PID)
        assert grant is not None
        return grant


@pytest.fixture
def rig() -> Rig:
    return Rig()


# ---- grants --------------------------------------------------------------------------------------------------


def test_the_data_address(rig: Rig) -> None:
    """DSP 2025-1 §1.3: every part has its type, all values are texts, the well-known names are there."""
    address = rig.data_address
    assert address["@type"] == "DataAddress"
    assert address["endpointType"] == "https://w3id.org/idsa/v4.1/HTTP"
    assert address["endpoint"] == f"https://provider.example/data/{PROVIDER_PID}"
    properties = {item["name"]: item["value"] for item in address["endpointProperties"]}
    assert all(
        item["@type"] == "EndpointProperty" and isinstance(item["value"], str)
        for item in address["endpointProperties"]
    )
    assert properties["authType"] == "bearer"
    assert properties["https://w3id.org/hansa/ns#tokenEndpoint"] == f"{address['endpoint']}/token"
    assert properties["https://w3id.org/hansa/ns#expires"] == "2026-11-20T12:15:00.000000Z"


def test_the_token_is_long_and_not_kept(rig: Rig) -> None:
    assert rig.address.authorization is not None
    token = rig.address.authorization.removeprefix("Bearer ")
    assert len(token) >= 43
    assert rig.grant.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert token not in repr(rig.stored())
    assert token not in repr(rig.address)
    assert token not in repr(without_token(rig.data_address))
    assert "endpoint" in without_token(rig.data_address)


def test_the_secrets_are_wrapped(rig: Rig) -> None:
    assert rig.grant.secrets is not None
    secrets = SealSecrets.unpack(rig.provider.keyring.unwrap(rig.grant.secrets))
    assert secrets.fits(rig.provider.consumer.seal_public_key(), rig.grant.file_sha256, len(SOURCE))
    assert secrets.file_key not in rig.grant.secrets
    with pytest.raises(LocalFault):
        rig.provider.keyring.unwrap(rig.grant.secrets[:-1] + bytes([rig.grant.secrets[-1] ^ 1]))


def test_a_sealed_offer_is_never_granted_without_a_key(rig: Rig) -> None:
    with pytest.raises(InvalidInput, match="no sealing key"):
        rig.provider.start(rig.record, keyless=True)


def test_an_agreement_that_says_sealed_is_never_granted_without_a_key_either(rig: Rig) -> None:
    agreed = {"@id": "urn:a", "@type": "Agreement", "permission": [{"action": "use"}], SEALED: True}
    plain = replace(rig.record, sealed=False)
    assert not rig.provider.start(plain, keyless=True)[0].sealed
    with pytest.raises(InvalidInput, match="no sealing key"):
        rig.provider.start(plain, keyless=True, terms=agreed)


def test_a_key_of_low_order_is_refused_at_the_start(rig: Rig) -> None:
    with pytest.raises(InvalidInput, match="low order"):
        rig.provider.start(rig.record, seal_key=bytes(32))


def test_a_new_start_keeps_the_seal_and_changes_the_token(rig: Rig) -> None:
    again, address = rig.provider.start(rig.record)
    assert again.secrets == rig.grant.secrets
    assert again.token_sha256 != rig.grant.token_sha256
    assert read_address(address) != rig.address


def test_another_file_or_another_recipient_gets_another_key(rig: Rig) -> None:
    """The same key over two plaintexts would open both."""
    seals = [rig.grant.secrets]
    changed = replace(rig.record, files=(rig.file(SOURCE + b"more"),))
    seals.append(rig.provider.start(changed)[0].secrets)
    other = X25519Identity(bytes(range(1, 33))).seal_public_key()
    seals.append(rig.provider.start(changed, seal_key=other)[0].secrets)
    keys = {SealSecrets.unpack(rig.provider.keyring.unwrap(seal or b"")).file_key for seal in seals}
    assert len(keys) == 3


async def test_another_file_is_a_first_access_again(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    await rig.provider.authorise.begin(access, 0, 10)
    assert rig.provider.start(rig.record)[0].accesses == 1
    assert rig.provider.start(replace(rig.record, files=(rig.file(b"other"),)))[0].accesses == 0


def test_a_plain_offer_has_no_secrets() -> None:
    assert Rig(sealed=False).grant.secrets is None
    assert not Rig(sealed=False).grant.sealed


# ---- authorisation -------------------------------------------------------------------------------------------


async def test_a_read_that_is_allowed(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    assert access.grant.dataset == DATASET
    assert opened(await rig.bytes(), rig.provider.consumer) == SOURCE


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer \xe9", "Bearer " + "a" * 513, "token"]
)
async def test_no_token(rig: Rig, header: str | None) -> None:
    await rig.refused(Unauthenticated, header)
    assert rig.provider.events == []


async def test_unknown_token_and_unknown_process_look_alike(rig: Rig) -> None:
    unknown_token = await rig.refused(NotFound, "Bearer " + "a" * 43)
    unknown_pid = await rig.refused(NotFound, pid="urn:uuid:other")
    both = await rig.refused(NotFound, "Bearer " + "a" * 43, pid="urn:uuid:other")
    assert unknown_token.detail == unknown_pid.detail == both.detail
    assert rig.provider.rechecks == 0


async def test_the_token_is_taken_without_its_scheme_too(rig: Rig) -> None:
    """Clients that were made for EDC's public API send the token as they were given it."""
    token = (rig.address.authorization or "").removeprefix("Bearer ")
    rig.address = replace(rig.address, authorization=token)
    assert opened(await rig.bytes(), rig.provider.consumer) == SOURCE
    await rig.refused(NotFound, "a" * 43)
    for other in (token[:-1], f"{token}a", f" {token}", f"Token {token}"):
        await rig.refused(Unauthenticated, other)


async def test_the_hash_of_a_token_is_no_token(rig: Rig) -> None:
    await rig.refused(NotFound, f"Bearer {rig.grant.token_sha256}")


async def test_a_token_that_was_replaced_is_unknown(rig: Rig) -> None:
    rig.provider.start(rig.record)
    await rig.refused(NotFound)


async def test_an_expired_token(rig: Rig) -> None:
    rig.clock.forward(minutes=14, seconds=59)
    await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    rig.clock.forward(seconds=1)
    await rig.refused(Unauthenticated)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("REQUESTED", "transfer-over"),
        ("SUSPENDED", "transfer-suspended"),
        ("COMPLETED", "transfer-over"),
        ("TERMINATED", "transfer-over"),
    ],
)
async def test_data_flows_in_started_only(rig: Rig, state: str, sentence: str) -> None:
    rig.provider.change_transfer(state=state)
    refusal = await rig.refused(NotAllowed)
    (reason,) = refusal.facts["reasons"]
    assert reason["operand"].endswith(f"#{sentence}")
    assert reason["since"] == START.isoformat()
    assert refusal.facts["transferState"] == state
    (event,) = rig.provider.events
    assert (event["outcome"], event["asked"], event["recipient"]) == ("refused", "bytes=5-", CONSUMER)
    assert rig.provider.rechecks == 0


async def test_a_suspended_transfer_whose_grant_was_closed_is_still_called_suspended(rig: Rig) -> None:
    rig.provider.change_transfer(state="SUSPENDED")
    with rig.provider.work.begin() as tx:
        rig.provider.grants.close(tx, PROVIDER_PID)
    assert (await rig.refused(NotAllowed)).facts["transferState"] == "SUSPENDED"


@pytest.mark.parametrize("state", ["REQUESTED", "SUSPENDED"])
async def test_the_bearer_may_overtake_the_answer_to_our_start_message(rig: Rig, state: str) -> None:
    """Whoever has the token has the start message, even if the worker has not recorded its 200 yet."""
    rig.provider.change_transfer(state=state, pending=PendingMessage("TransferStartMessage", "urn:uuid:m"))
    await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    rig.provider.change_transfer(pending=PendingMessage("TransferTerminationMessage", "urn:uuid:m"))
    await rig.refused(NotAllowed)


async def test_a_closed_grant(rig: Rig) -> None:
    with rig.provider.work.begin() as tx:
        rig.provider.grants.close(tx, PROVIDER_PID)
    await rig.refused(NotAllowed)


async def test_an_agreement_that_has_ended(rig: Rig) -> None:
    rig.provider.end_agreement(START + timedelta(minutes=1))
    await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    rig.clock.forward(minutes=1)
    refusal = await rig.refused(NotAllowed)
    (reason,) = refusal.facts["reasons"]
    assert reason["rule"] == "agreement"
    assert reason["since"] == (START + timedelta(minutes=1)).isoformat()
    assert set(reason["text"]) == {"en", "nl", "cs", "fr", "de"}


@pytest.mark.parametrize("change", [{"finalized": None}, {"consumer": "did:web:other.example"}])
async def test_an_agreement_that_is_not_in_force_with_the_recipient(rig: Rig, change: dict[str, Any]) -> None:
    with rig.provider.work.begin() as tx:
        agreement = rig.provider.agreements.get(tx, AGREEMENT)
        assert agreement is not None
        # Past the store, which never saves what was agreed.
        memory(tx).put("agreements", agreement.id, replace(agreement, **change))
    await rig.refused(NotAllowed)


async def test_the_policy_is_asked_at_every_read(rig: Rig) -> None:
    """Row 40: revoke the credential between two reads."""
    await rig.bytes()
    rig.provider.refuse = "the credential was revoked"
    refusal = await rig.refused(NotAllowed)
    (reason,) = refusal.facts["reasons"]
    assert reason["text"] == {"en": "the credential was revoked"}
    assert reason["rule"] == "permission[0].constraint[0]"
    assert reason["since"] == START.isoformat()
    assert rig.provider.events[-1]["reasons"] == [reason]
    rig.provider.refuse = None
    await rig.bytes()
    assert rig.provider.rechecks == 3


async def test_credentials_that_cannot_be_checked_are_not_presumed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(did: str) -> Caller:
        raise PeerUnreachable("the status list is away")

    monkeypatch.setattr(rig.provider.authorise, "_recheck", unreachable)
    await rig.refused(PeerUnreachable)


async def test_who_is_blocked_while_credentials_are_checked_is_told_of_the_suspension(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blocked(did: str) -> Caller:
        rig.provider.change_transfer(state="SUSPENDED")
        raise NotAllowed("this node has blocked you: unpaid")

    monkeypatch.setattr(rig.provider.authorise, "_recheck", blocked)
    assert (await rig.refused(NotAllowed)).facts["transferState"] == "SUSPENDED"


async def test_another_caller_than_the_recipient_is_our_own_mistake(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def other(did: str) -> Caller:
        return Caller(did="did:web:other.example")

    monkeypatch.setattr(rig.provider.authorise, "_recheck", other)
    await rig.refused(LocalFault)


async def test_what_changes_while_credentials_are_checked_counts(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    rig.provider.change_transfer(state="TERMINATED")
    with pytest.raises(NotAllowed):
        await rig.provider.authorise.begin(access, 0, 10)
    assert [event["outcome"] for event in rig.provider.events] == []


async def test_a_running_read_is_asked_about_again(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    rig.clock.forward(hours=1)
    rig.provider.start(rig.record)  # A new token does not end a read that the old one began.
    await rig.provider.authorise.still(access)
    rig.provider.refuse = "revoked"
    with pytest.raises(NotAllowed):
        await rig.provider.authorise.still(access)
    rig.provider.refuse = None
    rig.provider.start(replace(rig.record, files=(rig.file(b"other"),)))
    with pytest.raises(NotFound):
        await rig.provider.authorise.still(access)


# ---- the record ----------------------------------------------------------------------------------------------


async def test_who_is_refused_again_and_again_does_not_fill_the_ledger(rig: Rig) -> None:
    rig.provider.refuse = "revoked"
    for _ in range(100):
        await rig.refused(NotAllowed)
    assert len(rig.provider.events) == REFUSALS_LOGGED
    rig.clock.forward(seconds=REFUSALS_EVERY.total_seconds())
    for _ in range(50):
        await rig.refused(NotAllowed)
    assert [event.get("repeated") for event in rig.provider.events[-2:]] == [None, 100 - REFUSALS_LOGGED]


async def test_the_ledger_hears_of_the_first_read_every_refusal_and_the_end(rig: Rig) -> None:
    authorise = rig.provider.authorise
    for start in (0, 100, 200):
        access = await authorise.authorise(PROVIDER_PID, rig.address.authorization)
        await authorise.begin(access, start, start + 100)
    rig.provider.refuse = "revoked"
    for _ in range(2):
        await rig.refused(NotAllowed)
    rig.provider.refuse = None
    await authorise.record_delivery(access, 300)
    await authorise.record_delivery(access, 300)
    assert [event["outcome"] for event in rig.provider.events] == ["started", "refused", "refused", "delivered"]
    assert rig.provider.events[0] == {
        "outcome": "started",
        "transfer": PROVIDER_PID,
        "agreement": AGREEMENT,
        "dataset": DATASET,
        "version": 1,
        "recipient": CONSUMER,
        "at": "2026-11-20T12:00:00.000000Z",
        "sealed": True,
        "bytes": [0, 100],
    }
    assert rig.provider.events[-1]["bytes"] == [0, 300]
    assert rig.stored().accesses == 3


async def test_no_token_in_the_log(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await rig.bytes()
    rig.provider.refuse = "revoked"
    await rig.refused(NotAllowed)
    assert rig.address.authorization is not None
    assert rig.address.authorization.removeprefix("Bearer ") not in caplog.text
    assert rig.address.authorization.removeprefix("Bearer ") not in repr(rig.provider.events)


# ---- deliveries ----------------------------------------------------------------------------------------------


async def test_a_source_that_has_changed_is_not_sealed_again(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    await rig.provider.authorise.begin(access, 0, 10)
    rig.assets.damage(rig.grant.file_sha256, SOURCE[:-1] + b"!")
    with pytest.raises(LocalFault, match="changed"):
        await rig.bytes()


async def test_bytes_that_are_gone_are_our_fault(rig: Rig) -> None:
    """The consumer must not take it for a token that is not known."""
    rig.assets.forget(rig.grant.file_sha256)
    with pytest.raises(LocalFault, match="are missing"):
        await rig.bytes()


def test_secrets_do_not_show(rig: Rig) -> None:
    secrets = SealSecrets.unpack(rig.provider.keyring.unwrap(rig.grant.secrets or b""))
    for secret in (secrets.file_key, secrets.ephemeral, secrets.nonce):
        assert repr(secret)[2:-1] not in repr(secrets)


async def test_secrets_of_another_source_are_not_used(rig: Rig) -> None:
    other = rig.file(b"other")
    with rig.provider.work.begin() as tx:
        rig.provider.grants.put(tx, replace(rig.grant, file_sha256=other.sha256, file_size=other.size))
    with pytest.raises(LocalFault, match="another source"):
        await rig.bytes()


async def test_the_same_read_twice_gives_the_same_bytes(rig: Rig) -> None:
    assert await rig.bytes() == await rig.bytes()


async def test_plain_bytes_are_the_source() -> None:
    assert await Rig(sealed=False).bytes() == SOURCE


@pytest.mark.parametrize("sealed", [True, False])
async def test_the_manifest_says_what_was_delivered(sealed: bool) -> None:
    rig = Rig(sealed=sealed)
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    manifest = verify_manifest(await rig.provider.manifests(access), public_jwk(rig.provider.keyring))
    assert (manifest.sha256, manifest.size) == (hashlib.sha256(SOURCE).hexdigest(), len(SOURCE))
    assert (manifest.agreement, manifest.consumer, manifest.transfer) == (AGREEMENT, CONSUMER, PROVIDER_PID)
    assert manifest.record_sha256 == rig.record.sha256
    assert (manifest.sealed is not None) is sealed
    if manifest.sealed:
        assert manifest.sealed.size == len(await rig.bytes())


async def test_no_manifest_of_a_version_that_is_gone(rig: Rig) -> None:
    access = await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    with pytest.raises(NotFound):
        await rig.provider.manifests(replace(access, grant=replace(access.grant, version=9)))


# ---- new tokens ----------------------------------------------------------------------------------------------


async def test_a_new_token_for_who_proves_to_be_the_recipient(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    renewed = read_address(await rig.provider.refresh(Caller(did=CONSUMER), PROVIDER_PID))
    await rig.refused(NotFound)
    await rig.provider.authorise.authorise(PROVIDER_PID, renewed.authorization)
    assert rig.stored().secrets == rig.grant.secrets


async def test_nobody_else_gets_one(rig: Rig) -> None:
    with pytest.raises(Unauthenticated):
        await rig.provider.refresh(ANONYMOUS, PROVIDER_PID)
    with pytest.raises(Unauthenticated):
        await rig.provider.refresh(Caller(did=CONSUMER, account="a person"), PROVIDER_PID)
    for caller, pid in (
        (Caller(did="did:web:other.example"), PROVIDER_PID),
        (Caller(did=CONSUMER), "urn:uuid:other"),
    ):
        with pytest.raises(NotFound):
            await rig.provider.refresh(caller, pid)
    assert rig.stored() == rig.grant


async def test_no_new_token_for_what_is_over(rig: Rig) -> None:
    rig.provider.end_agreement(START)
    with pytest.raises(NotAllowed):
        await rig.provider.refresh(Caller(did=CONSUMER), PROVIDER_PID)
    assert rig.stored() == rig.grant


async def test_many_at_once(rig: Rig) -> None:
    """Reads and renewals in parallel: each read is allowed or told that its token is not known, nothing else."""
    outcomes: list[str] = []

    async def read() -> None:
        try:
            await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
            outcomes.append("read")
        except NotFound:
            outcomes.append("unknown")

    async def renew() -> None:
        await rig.provider.refresh(Caller(did=CONSUMER), PROVIDER_PID)

    await asyncio.gather(*[read() for _ in range(10)], renew(), *[read() for _ in range(10)])
    assert len(outcomes) == 20


# ---- addresses of others -------------------------------------------------------------------------------------


def test_an_address_as_other_connectors_write_it() -> None:
    address = {
        "@type": "DataAddress",
        "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
        "endpoint": "https://edc.example/public",
        "endpointProperties": [
            {"@type": "EndpointProperty", "name": "https://w3id.org/edc/v0.0.1/ns/authorization", "value": "ey.x.y"},
            {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
            {"@type": "EndpointProperty", "name": "other", "value": "1"},
        ],
    }
    assert read_address(address) == Address(endpoint="https://edc.example/public", authorization="Bearer ey.x.y")
    plain = {**address, "endpointProperties": [{"name": "authorization", "value": "abc"}], "endpointType": "HTTP"}
    assert read_address(plain).authorization == "abc"
    assert read_address({**address, "endpointProperties": None}).authorization is None


@pytest.mark.parametrize(
    "address",
    [
        None,
        {},
        {"endpointType": "HTTP"},
        {"endpointType": "HTTP", "endpoint": "ftp://a/b"},
        {"endpointType": "HTTP", "endpoint": 5},
        {"endpointType": "AmazonS3", "endpoint": "https://a/b"},
        {"endpointType": None, "endpoint": "https://a/b"},
        {
            "endpointType": "HTTP",
            "endpoint": "https://a.example/b",
            "endpointProperties": [{"name": "tokenEndpoint", "value": "https://evil.example/token"}],
        },
    ],
)
def test_addresses_that_are_not_followed(address: dict[str, Any] | None) -> None:
    with pytest.raises(InvalidInput):
        read_address(address)
