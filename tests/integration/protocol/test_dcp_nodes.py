"""Nodes that identify one another over real HTTP, each called back while it calls.

The figures that are printed (``-s`` shows them) are those of the first of the riskiest points: 64 requests
each way at once, every one of which makes the receiver call the sender back before it can answer.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from node.identity.credentials.issuance import SupportedCredential
from tests.fakes.people import person
from tests.simulator.dcp_node import MEMBER, PARTNER, DcpNode, nodes
from tests.simulator.http_servers import Address
from tests.stores import Stores, memory_stores, sql_stores

OFFERED = [SupportedCredential(credential_type=MEMBER), SupportedCredential(credential_type=PARTNER, role="partner")]
AT_ONCE = 64


def region_at(address: Address) -> DcpNode:
    return DcpNode(address, issues=OFFERED)


@pytest.fixture
async def region_and_cities() -> AsyncIterator[tuple[DcpNode, DcpNode, DcpNode]]:
    async with nodes(region_at, DcpNode, DcpNode) as (region, gent, brugge):
        for city in (gent, brugge):
            city.trust.replace({MEMBER: [region.did], PARTNER: [region.did]})
        yield region, gent, brugge


Three = tuple[DcpNode, DcpNode, DcpNode]


class TestMembership:
    async def test_join_present_and_be_revoked(self, region_and_cities: Three) -> None:
        region, gent, brugge = region_and_cities
        assert (await gent.ask(brugge))["types"] == []
        await gent.member_of(region, MEMBER)
        status = await gent.ask(brugge)
        assert (status["name"], status["types"], status["rejected"]) == (gent.did, [MEMBER], [])
        # A credential that is new counts at once: the mark of the wallet has changed.
        await gent.member_of(region, PARTNER)
        assert (await gent.ask(brugge))["types"] == [MEMBER, PARTNER]
        with region.uow.read() as tx:
            partner = next(one for one in region.store.issued_credentials(tx, gent.did) if one.type == PARTNER)
        revoked = await asyncio.to_thread(region.status.revoke, partner.id, "left", person("ann"))
        assert revoked.revoked_at is not None
        start = time.monotonic()
        while (status := await gent.ask(brugge))["types"] != [MEMBER]:
            assert time.monotonic() - start < 3
            await asyncio.sleep(0.02)
        print(f"\nrevocation bit after {time.monotonic() - start:.2f} s (status lists of at most 1 s)")
        assert "revoked" in status["rejected"][0]
        assert status["since"] == [revoked.revoked_at.isoformat()]
        caller = await brugge.participants.recheck(gent.did)
        assert [credential.types for credential in caller.credentials] == [(MEMBER,)]

    async def test_the_region_believes_its_own_credentials(self, region_and_cities: Three) -> None:
        region, gent, _ = region_and_cities
        region.trust.replace({MEMBER: [region.did]})
        await gent.member_of(region, MEMBER)
        assert (await gent.ask(region))["types"] == [MEMBER]

    async def test_a_refused_application_says_why(self, region_and_cities: Three) -> None:
        from node.identity.credentials.membership import Accession

        region, gent, _ = region_and_cities
        accession = Accession(rulebook="r", version="1", sha256="a", legal_name="Gent", contact="c")
        await gent.join.request(region.did, MEMBER, accession)
        with region.uow.read() as tx:
            (application,) = region.store.applications(tx)
        await asyncio.to_thread(region.decide.reject, application.id, "ann", "no mandate")
        await region.work()
        (request,) = await gent.wallet.requests()
        assert (request["state"], request["reason"]) == ("REJECTED", "no mandate")
        assert request["issuer_pid"] == application.id


async def storm(first: DcpNode, other: DcpNode, *, timeout: float = 20.0) -> tuple[Counter[Any], float]:
    """``AT_ONCE`` requests each way, all at once; what they were answered, and how long it took."""
    start = time.monotonic()
    calls = [
        caller.ask(callee, timeout=timeout)
        for _ in range(AT_ONCE)
        for caller, callee in ((first, other), (other, first))
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    outcomes = Counter(
        tuple(answer["types"]) if isinstance(answer, dict) and answer["status"] == 200 else repr(answer)
        for answer in answers
    )
    return outcomes, time.monotonic() - start


class TestBothWaysAtOnce:
    """The lanes of the way out and the doors' own limits are what keeps these alive: see ``Egress``."""

    async def join(self, region: DcpNode, *cities: DcpNode) -> None:
        for city in cities:
            city.trust.replace({MEMBER: [region.did]})
            await city.member_of(region, MEMBER)

    def report(self, what: str, outcomes: Counter[Any], seconds: float) -> None:
        good = outcomes[(MEMBER,)]
        print(f"\n{what}: {good} of {2 * AT_ONCE} identified as members in {seconds:.2f} s ({good / seconds:.0f}/s)")
        assert outcomes == {(MEMBER,): 2 * AT_ONCE}

    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    async def test_cold_then_warm(self, kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        def city(stores: Stores) -> Any:
            return lambda address: DcpNode(address, stores=stores)

        kept = [memory_stores() if kind == "memory" else _sqlite(request, tmp_path / str(n)) for n in range(2)]
        async with nodes(region_at, city(kept[0]), city(kept[1])) as (region, gent, other):
            await self.join(region, gent, other)
            self.report(f"{kind}, cold", *await storm(gent, other))
            self.report(f"{kind}, warm", *await storm(gent, other))

    @pytest.mark.parametrize("per_host", [32, 4])
    async def test_each_request_calls_back(self, per_host: int) -> None:
        """The worst case: no two requests share a presentation, and connections are few."""
        numbers = itertools.count()

        def city(address: Address) -> DcpNode:
            return DcpNode(address, per_host=per_host, wallet_mark=lambda: f"mark-{next(numbers)}")

        async with nodes(region_at, city, city) as (region, gent, other):
            await self.join(region, gent, other)
            asked = Counter[str]()
            for node in (gent, other):
                _count_presentations(node, asked)
            self.report(f"each calls back, {per_host} connections", *await storm(gent, other))
            assert sum(asked.values()) == 2 * AT_ONCE

    async def test_many_cities_at_one_door(self) -> None:
        async with nodes(region_at, *[DcpNode] * 9) as (region, gent, *cities):
            await self.join(region, gent, *cities)
            start = time.monotonic()
            answers = await asyncio.gather(*(city.ask(gent) for _ in range(16) for city in cities))
            seconds = time.monotonic() - start
            print(f"\n{len(cities)} cities: {len(answers)} requests in {seconds:.2f} s")
            assert all(answer["types"] == [MEMBER] for answer in answers)

    async def test_a_city_that_hangs_holds_up_nobody_else(self) -> None:
        async with nodes(region_at, DcpNode, DcpNode, DcpNode) as (region, gent, brugge, hanging):
            await self.join(region, gent, brugge, hanging)
            asked, gate = asyncio.Event(), asyncio.Event()

            async def never(*_: Any) -> dict[str, Any]:
                asked.set()
                await gate.wait()
                return {}

            hanging.wallet.answer = never  # type: ignore[method-assign, assignment]
            stuck = [asyncio.create_task(hanging.ask(gent, timeout=60.0)) for _ in range(40)]
            await asked.wait()
            start = time.monotonic()
            answers = await asyncio.gather(*(brugge.ask(gent) for _ in range(40)))
            seconds = time.monotonic() - start
            print(f"\nbeside a city that hangs: 40 requests in {seconds:.2f} s")
            assert all(answer["types"] == [MEMBER] for answer in answers)
            assert not any(task.done() for task in stuck)
            gate.set()
            await asyncio.gather(*stuck, return_exceptions=True)


class TestReplayOverHttp:
    async def test_one_token_counts_once_at_the_same_instant(self, region_and_cities: Three) -> None:
        _, gent, brugge = region_and_cities
        headers = {"Authorization": f"Bearer {gent.tokens.bearer(brugge.did)}"}
        calls = [gent.egress.request("POST", f"{brugge.url}/whoami", headers=headers) for _ in range(32)]
        statuses = Counter(answer.status for answer in await asyncio.gather(*calls))
        assert statuses == {200: 1, 401: 31}


def _count_presentations(node: DcpNode, asked: Counter[str]) -> None:
    answer = node.wallet.answer

    async def counted(*arguments: Any) -> dict[str, Any]:
        asked[node.did] += 1
        return await answer(*arguments)

    node.wallet.answer = counted  # type: ignore[method-assign, assignment]


def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Stores:
    import shutil

    from node.adapters.sql.engine import connect

    folder.mkdir()
    template: Path = request.getfixturevalue("sqlite_template")
    shutil.copy(template, folder / "hansa.sqlite")
    engine: Engine = connect(f"sqlite:///{folder / 'hansa.sqlite'}")
    request.addfinalizer(engine.dispose)
    return sql_stores(engine)
