"""Allegiance: the membership of a node, for all processes over its database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from node.base.errors import Conflict
from node.base.work import Transaction
from node.bootstrap.tasks import region_timer
from node.catalogue.accession import Allegiance
from node.identity.credentials.trust import TrustList
from tests.stores import Stores

FLANDERS, BOHEMIA = "did:web:flanders.example", "did:web:bohemia.example"
MEMBER = "MembershipCredential"
RULEBOOK = {"iri": "https://flanders.example/rules", "version": 1, "sha256": "ab" * 32, "publisher": "Flanders"}


def process(stores: Stores, region: str = "") -> tuple[Allegiance, TrustList]:
    """What one process of the node knows."""
    trust = TrustList()
    allegiance = Allegiance(uow=stores.uow, notes=stores.meta, trust=trust, settings={}, region=region)
    allegiance.load()
    return allegiance, trust


class TestOtherProcesses:
    def test_learn_that_one_has_joined_and_left(self, stores: Stores) -> None:
        joining, own_trust = process(stores)
        serving, trust = process(stores)
        timer = region_timer(serving)
        assert timer.each_process
        joining.settle(FLANDERS, (MEMBER,), RULEBOOK)
        assert own_trust.issuers(MEMBER) == {FLANDERS}
        asyncio.run(_once(timer.work))
        assert (serving.region, serving.rulebook, trust.issuers(MEMBER)) == (FLANDERS, RULEBOOK, {FLANDERS})
        with stores.uow.begin() as tx:
            joining.end(tx)
        assert own_trust.issuers(MEMBER) == frozenset()
        asyncio.run(_once(timer.work))
        assert (serving.region, serving.rulebook, trust.types()) == ("", None, ())


class TestSettle:
    def test_another_region_is_refused_until_this_one_is_left(self, stores: Stores) -> None:
        allegiance, trust = process(stores)
        stale, _ = process(stores)
        allegiance.settle(FLANDERS, (MEMBER,), RULEBOOK)
        for refused in (allegiance, stale):
            with pytest.raises(Conflict, match=FLANDERS) as refusal:
                refused.settle(BOHEMIA, (MEMBER,), None)
            assert "hansa leave --issuer did:web:flanders.example" in refusal.value.remedy
            with pytest.raises(Conflict):
                refused.require_no_other(BOHEMIA)
        allegiance.require_no_other(FLANDERS)
        assert (allegiance.region, allegiance.rulebook, trust.issuers(MEMBER)) == (FLANDERS, RULEBOOK, {FLANDERS})
        with stores.uow.begin() as tx:
            allegiance.end(tx)
        stale.settle(BOHEMIA, (MEMBER,), None)
        allegiance.load()
        assert (allegiance.region, trust.issuers(MEMBER)) == (BOHEMIA, {BOHEMIA})

    def test_a_region_of_the_settings_is_one_too(self, stores: Stores) -> None:
        allegiance, _ = process(stores, region=FLANDERS)
        with pytest.raises(Conflict, match="one region at a time"):
            allegiance.settle(BOHEMIA, (MEMBER,), None)
        allegiance.settle(FLANDERS, (MEMBER,), None)

    def test_no_rulebook_replaces_one(self, stores: Stores) -> None:
        allegiance, _ = process(stores)
        allegiance.settle(FLANDERS, (MEMBER,), RULEBOOK)
        allegiance.settle(FLANDERS, (MEMBER,), None)
        assert allegiance.rulebook is None
        assert process(stores)[0].rulebook is None

    def test_a_condition_that_is_not_met_leaves_all_as_it_was(self, stores: Stores) -> None:
        allegiance, trust = process(stores)

        def refuse(tx: Transaction) -> None:
            raise Conflict("withdrawn")

        with pytest.raises(Conflict, match="withdrawn"):
            allegiance.settle(FLANDERS, (MEMBER,), RULEBOOK, refuse)
        assert (allegiance.region, allegiance.rulebook, trust.types()) == ("", None, ())
        assert process(stores)[0].region == ""


async def _once(work: Callable[[], Awaitable[object]]) -> None:
    await work()
