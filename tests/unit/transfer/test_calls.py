"""Grants without a file: calling a model by the token alone, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from node.base.errors import HansaError, NotAllowed, NotFound, Unauthenticated
from node.policy.terms import EXECUTE, REPRODUCE
from node.semantics.model import File
from node.transfer.access import action_of
from node.transfer.addresses import read_address
from tests.fakes.provider import AGREEMENT, CONSUMER, PROVIDER_PID, HandClock, Provider
from tests.fakes.stores.assets import MemoryAssets

MODEL = "https://provider.example/models/road noise"


class Rig:
    """A provider with one model whose execution was opened."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.provider = Provider(MemoryAssets(), clock=self.clock)
        stored = self.provider.assets.keep(b"x")  # type: ignore[attr-defined]
        file = File(name="x", media_type="text/csv", size=1, sha256=stored.sha256)
        record = self.provider.publish(file, sealed=True)
        self.provider.start(record)
        model = replace(record, iri=MODEL, kind="model", files=())
        with self.provider.work.begin() as tx:
            transfer = self.provider.transfer(tx)
            agreement = self.provider.agreements.get(tx, AGREEMENT)
            assert agreement is not None
            self.grant, self.data_address = self.provider.access.grant(
                tx, transfer, agreement, model, None, recipient_seal_key=None
            )
        self.address = read_address(self.data_address)

    async def refused(self, error: type[HansaError]) -> HansaError:
        with pytest.raises(error) as refusal:
            await self.provider.authorise.authorise_call(self.address.authorization, range_="a test")
        return refusal.value


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_address_is_that_of_the_process(rig: Rig) -> None:
    assert rig.address.endpoint == "https://provider.example/ogc/processes/road%20noise"
    assert rig.address.token_endpoint == f"https://provider.example/data/{PROVIDER_PID}/token"
    assert rig.address.manifest_endpoint is None
    assert rig.grant.executes
    assert not rig.grant.sealed


async def test_the_token_alone_says_whose_call_it_is(rig: Rig) -> None:
    authorise = rig.provider.authorise
    assert await authorise.knows(rig.address.authorization)
    access = await authorise.authorise_call(rig.address.authorization)
    assert (access.grant.recipient, access.grant.dataset) == (CONSUMER, MODEL)
    assert rig.provider.rechecks == 1


async def test_it_is_counted_and_told_the_first_time(rig: Rig) -> None:
    for _ in range(3):
        access = await rig.provider.authorise.authorise_call(rig.address.authorization)
        await rig.provider.authorise.record_call(access)
    (event,) = rig.provider.events
    assert (event["outcome"], "bytes" in event) == ("started", False)
    with rig.provider.work.read() as tx:
        grant = rig.provider.grants.by_transfer(tx, PROVIDER_PID)
    assert grant is not None
    assert grant.accesses == 3


async def test_what_ends_it(rig: Rig) -> None:
    rig.provider.refuse = "the credential was revoked"
    refusal = await rig.refused(NotAllowed)
    assert refusal.facts["reasons"][0]["text"]["en"] == "the credential was revoked"
    assert rig.provider.events[-1]["asked"] == "a test"
    rig.provider.refuse = None
    rig.provider.end_agreement(rig.clock.now())
    assert (await rig.refused(NotAllowed)).detail == "the agreement has ended"


async def test_a_suspension_is_told_as_such(rig: Rig) -> None:
    rig.provider.change_transfer(state="SUSPENDED")
    assert (await rig.refused(NotAllowed)).facts["transferState"] == "SUSPENDED"


async def test_it_runs_out(rig: Rig) -> None:
    rig.clock.forward(minutes=16)
    await rig.refused(Unauthenticated)
    with rig.provider.work.begin() as tx:
        address = rig.provider.access.renew(tx, rig.grant, rig.clock.now())
    renewed = read_address(address)
    assert renewed.endpoint == rig.address.endpoint
    assert await rig.provider.authorise.authorise_call(renewed.authorization)
    assert not await rig.provider.authorise.knows(rig.address.authorization)


@pytest.mark.parametrize("header", [None, "", "Basic x", "Bearer nobody"])
async def test_others_are_not_known(rig: Rig, header: str | None) -> None:
    assert not await rig.provider.authorise.knows(header)
    with pytest.raises((Unauthenticated, NotFound)):
        await rig.provider.authorise.authorise_call(header)


async def test_a_token_for_bytes_calls_nothing_and_one_for_calls_reads_nothing() -> None:
    rig = Rig()
    with pytest.raises(NotFound):
        await rig.provider.authorise.authorise(PROVIDER_PID, rig.address.authorization)
    bytes_only = Provider(MemoryAssets())
    stored = bytes_only.assets.keep(b"x")  # type: ignore[attr-defined]
    file = File(name="x", media_type="text/csv", size=1, sha256=stored.sha256)
    _, data_address = bytes_only.start(bytes_only.publish(file, sealed=False))
    authorization = read_address(data_address).authorization
    assert not await bytes_only.authorise.knows(authorization)
    with pytest.raises(NotFound):
        await bytes_only.authorise.authorise_call(authorization)


def test_a_pull_is_a_copy_and_a_call_is_none() -> None:
    assert action_of(executes=True) == EXECUTE
    assert action_of(executes=False) == REPRODUCE
    assert Rig().grant.expires - HandClock().now() == timedelta(minutes=15)
