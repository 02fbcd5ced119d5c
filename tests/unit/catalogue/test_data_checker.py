"""The walk over harvested data: many hosts at once, each politely, each file once; no host holds up the others."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from node.base.errors import PeerUnreachable
from node.catalogue.measurement.data_checker import DAY_OF_HOST, HOSTS, PATIENCE, REST, DataChecker, FileRequests
from node.catalogue.measurement.link_checker import CheckLimits
from node.catalogue.measurement.link_model import host_of
from node.catalogue.measurement.link_requests import SPACING, Probe
from node.catalogue.model import HARVESTED, Record
from node.catalogue.ports import RecordStore
from node.semantics.schemas.breaches import Report
from tests.fakes.clock import FixedClock
from tests.fakes.stores.data_checks import MemoryDataCheckStore
from tests.fakes.stores.drafts import MemoryDrafts
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.unit.catalogue.test_link_checks import record as linked

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ME, BASE = "did:web:me", "https://node.example"
SCHEMA = f"{BASE}/schemas/flows"
DCT = "http://purl.org/dc/terms/"
HANSA = "https://w3id.org/hansa/ns#"
TIMER = timedelta(seconds=20)


def schema() -> Record:
    definition = json.dumps(json.dumps({"type": "object"}))
    plain = linked(SCHEMA)
    return replace(plain, kind="schema", nquads=f"<{SCHEMA}> <{HANSA}definition> {definition} .\n".encode())


def harvested(number: int, host: str) -> Record:
    iri = f"{BASE}/datasets/{number:05}"
    address = f"https://{host}/{number}.csv"
    plain = linked(iri, (address, address))
    nquads = plain.nquads + f"<{iri}> <{DCT}conformsTo> <{SCHEMA}> .\n".encode()
    return replace(plain, nquads=nquads, extra={HARVESTED: {"source": "Elsewhere"}})


class Web:
    """Hosts that answer; some are silent or busy. It counts what each is asked, and how many at once."""

    def __init__(self, silent: str = "", busy: str = "") -> None:
        self.fetches: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.at_once = 0
        self.pauses: defaultdict[str, float] = defaultdict(float)
        self._silent = silent
        self._busy = busy

    async def send(self, method: str, address: str, headers: Mapping[str, str], size: int) -> Probe:
        host = host_of(address)
        self.heads[host] += 1
        if host == self._silent:
            raise PeerUnreachable("nothing answers")
        if host == self._busy and not address.endswith("robots.txt"):
            return Probe(status=429, headers={"Retry-After": "7200"})
        return Probe(status=404 if address.endswith("robots.txt") else 200, headers={})

    @asynccontextmanager
    async def fetch(self, address: str) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        host = host_of(address)
        self.fetches[address] += 1
        self.under_way[host] += 1
        self.most[host] = max(self.most[host], self.under_way[host])
        self.at_once = max(self.at_once, sum(self.under_way.values()))
        await asyncio.sleep(0)

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a\n1\n"

        yield 200, chunks()
        self.under_way[host] -= 1


async def pause(seconds: float) -> None:
    await asyncio.sleep(0)


def conforms(path: Path, rules: Mapping[str, Any]) -> Report:
    return Report(rows=1, count=0, breaches=(), whole=True)


class Walk:
    """A checker over records, with the timer that calls it."""

    def __init__(self, web: Web, *records: Record, **stores: Any) -> None:
        self.web = web
        self.clock = FixedClock(NOW)
        self.uow = stores.get("uow") or MemoryUnitOfWork()
        self.store = stores.get("checks") or MemoryDataCheckStore()
        record_store: RecordStore = stores.get("records") or MemoryRecordStore()
        with self.uow.begin() as tx:
            for record in (schema(), *records):
                record_store.add(tx, record)
        self.checker = DataChecker(
            self.uow,
            record_store,
            self.store,
            stores.get("files") or MemoryDrafts(),
            self.clock,
            FileRequests(web.send, web.fetch),
            conforms,
            origin=ME,
            base=BASE,
            interval=timedelta(days=14),
            limits=CheckLimits(exceptions=frozenset({"never.example"})),
            pause=pause,
        )

    def calls(self, number: int, step: timedelta = TIMER) -> None:
        for _ in range(number):
            asyncio.run(self.checker.check_due())
            self.clock.time += step

    def until(self, files: int, most: int) -> int:
        """Call it until so many files were fetched; return how often."""
        for number in range(1, most + 1):
            self.calls(1)
            if len(self.web.fetches) >= files:
                return number
        raise AssertionError(f"{len(self.web.fetches)} of {files} after {most} calls")


def test_many_hosts_at_once_each_one_at_a_time_and_each_file_once() -> None:
    web = Web()
    walk = Walk(web, *(harvested(number, f"h{number % 40}.example") for number in range(800)))
    assert walk.until(800, 60) <= 4
    assert set(web.fetches.values()) == {1}
    assert set(web.most.values()) == {1}, "a host answers one request at a time"
    assert 1 < web.at_once <= HOSTS
    walk.calls(3)
    assert set(web.fetches.values()) == {1}


def test_a_large_host_holds_up_no_other_and_has_its_limit_of_a_day() -> None:
    web = Web()
    large = [harvested(number, "large.example") for number in range(1500)]
    small = [harvested(9000 + number, f"s{number}.example") for number in range(5)]
    walk = Walk(web, *large, *small)
    walk.calls(20)
    counts = Counter(host_of(address) for address in web.fetches)
    assert counts["large.example"] == DAY_OF_HOST
    assert len(counts) == 6
    assert walk.web.heads["large.example"] < 2 * DAY_OF_HOST, "robots.txt is read once for a visit"
    with walk.uow.read() as tx:
        assert sum(walk.store.counts(tx).values()) == DAY_OF_HOST + 5, "what was not asked has no verdict"
    walk.clock.time = NOW + timedelta(days=1)
    walk.calls(20, step=REST / 10)
    assert Counter(host_of(address) for address in web.fetches)["large.example"] == 2 * DAY_OF_HOST


def test_what_a_slow_host_left_is_next() -> None:
    web = Web()
    walk = Walk(web, *(harvested(number, "slow.example") for number in range(12)))

    async def fetch_slowly(seconds: float) -> None:
        walk.clock.time += timedelta(seconds=5)

    walk.checker._pause = fetch_slowly
    assert walk.until(12, 4) > 1
    assert set(web.fetches.values()) == {1}


def test_hosts_that_are_silent_busy_or_excepted_are_left_alone() -> None:
    names = ("silent.example", "busy.example", "never.example", "good.example")
    web = Web(silent="silent.example", busy="busy.example")
    walk = Walk(web, *(harvested(number, names[number % 4]) for number in range(80)))
    walk.calls(6)
    assert web.heads["silent.example"] == PATIENCE
    assert web.heads["busy.example"] == 2
    assert web.heads["never.example"] == 0
    assert len(web.fetches) == 20
    walk.calls(1, step=timedelta(hours=3))
    walk.calls(1)
    assert web.heads["busy.example"] == 4


def test_a_verdict_stays_where_the_host_has_no_time() -> None:
    web = Web()
    walk = Walk(web, harvested(1, "h.example"))
    walk.calls(1)
    walk.clock.time = NOW + timedelta(days=15)
    web._busy = "h.example"
    walk.calls(2)
    with walk.uow.read() as tx:
        (check,) = walk.store.listing(tx)
    assert (str(check.state), check.at) == ("conforms", NOW)
    assert SPACING > 0
