"""Links are checked in the background: politely, rarely, and what they answer counts in the points."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from node.base.delivery import wait_of
from node.base.errors import ForbiddenAddress, PeerUnreachable
from node.base.work import Transaction
from node.catalogue.measurement.link_checker import CheckLimits, LinkChecker
from node.catalogue.measurement.link_collection import LinkCollection
from node.catalogue.measurement.link_model import LinkCheck, LinkPoints, LinkState
from node.catalogue.measurement.link_requests import BUSY_WAIT, LONGEST_WAIT, Probe
from node.catalogue.measurement.links import links_of, with_links
from node.catalogue.model import Record
from node.ledger.model import Entry, EntryKind
from tests.fakes.stores.links import MemoryLinkStore
from tests.fakes.stores.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = "https://node.example"
DCAT, DCT = "http://www.w3.org/ns/dcat#", "http://purl.org/dc/terms/"


def record(iri: str, *files: Sequence[str], version: int = 1) -> Record:
    """A record whose files have these addresses: of access, and of download where there are two."""
    lines = [f'<{iri}> <{DCT}title> "T" .']
    for number, addresses in enumerate(files):
        lines.append(f"<{iri}> <{DCAT}distribution> _:f{number} .")
        for property_, address in zip(("accessURL", "downloadURL"), addresses, strict=False):
            lines.append(f"_:f{number} <{DCAT}{property_}> <{address}> .")
    return Record(
        iri=iri,
        version=version,
        kind="dataset",
        audience="public",
        titles={},
        descriptions={},
        publisher="",
        publisher_name="",
        origin="did:web:me",
        nquads="".join(f"{line}\n" for line in lines).encode(),
        sha256="",
        at=NOW,
        by="els",
    )


class Records:
    """Records, and the ledger with an entry for each change."""

    def __init__(self, *records: Record) -> None:
        self.rows = {item.iri: item for item in records}
        self.subjects = list(self.rows)
        self.reads: list[str] = []

    def change(self, *records: Record) -> None:
        self.rows |= {item.iri: item for item in records}
        self.subjects += [item.iri for item in records]

    def size(self, tx: Transaction) -> int:
        return len(self.subjects)

    def since(self, tx: Transaction, position: int, *, limit: int, kinds: Sequence[EntryKind]) -> list[Entry]:
        assert kinds == (EntryKind.RECORD,)
        places = range(position, len(self.subjects))[:limit]
        return [
            Entry(
                id=str(seq), kind=EntryKind.RECORD, subject=self.subjects[seq], at=NOW, by="els", body=b"{}", seq=seq
            )
            for seq in places
        ]

    def newest(self, tx: Transaction, iris: Sequence[str]) -> list[Record]:
        self.reads += iris
        return [self.rows[iri] for iri in iris if iri in self.rows]

    def current(self, tx: Transaction, *, origins: Sequence[str], after: str, limit: int) -> list[Record]:
        current = [iri for iri in sorted(self.rows) if iri > after and not self.rows[iri].withdrawn]
        return [self.rows[iri] for iri in current[:limit]]


@dataclass
class Web:
    """Answers by address, and the requests that were made; time passes only where the checker waits."""

    answers: dict[str, Any]
    requests: list[tuple[datetime, str, str]] = field(default_factory=list)
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    async def pause(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def send(self, method: str, address: str, headers: Mapping[str, str], size: int) -> Probe:
        self.requests.append((self.moment, method, address))
        answer = self.answers.get(f"{method} {address}", self.answers.get(address, 404))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Probe) else Probe(status=answer, headers={})


class Desk:
    """A checker with its store."""

    def __init__(
        self,
        records: Records,
        web: Web,
        interval: timedelta | None = timedelta(days=14),
        limits: CheckLimits | None = None,
    ) -> None:
        self.uow, self.store, self.records, self.web = MemoryUnitOfWork(), MemoryLinkStore(), records, web
        self.interval, self.limits = interval, limits
        self.restart()

    def restart(self) -> None:
        rows: Any = self.records
        collection = LinkCollection(self.uow, rows, rows, self.store, self.web, origin="did:web:me", base=BASE)
        self.checker = LinkChecker(
            self.uow,
            self.store,
            collection,
            self.web,
            self.web.send,
            interval=self.interval,
            limits=self.limits,
            pause=self.web.pause,
            share=lambda: 0.5,
        )

    def run(self) -> None:
        asyncio.run(self.checker.check_due())

    def check(self, address: str) -> LinkCheck:
        with self.uow.read() as tx:
            return self.store.checks(tx, [address])[address]

    def points(self, iri: str) -> tuple[int | None, int | None]:
        with self.uow.read() as tx:
            last = self.store.points_of(tx, iri)[-1]
        return last.access, last.download


ROBOTS = "https://a.example/robots.txt"
A, B, C = "https://a.example/1", "https://a.example/2", "https://b.example/3"


def test_a_host_is_asked_so_often_in_a_day_and_the_rest_waits_for_the_next() -> None:
    files = [f"https://a.example/{number}" for number in range(5)]
    web = Web({**dict.fromkeys(files, 200), C: 200})
    desk = Desk(Records(record("urn:x", *([file] for file in [*files, C]))), web, limits=CheckLimits(day=2))
    for _ in range(3):
        desk.run()
    assert sum(desk.check(file).at is not None for file in files) == 2
    assert desk.check(C).state is LinkState.WORKS, "another host is not held up"
    web.moment = NOW.replace(hour=0) + timedelta(days=1)
    desk.run()
    assert sum(desk.check(file).at is not None for file in files) == 4


def test_a_host_that_is_an_exception_is_never_asked() -> None:
    files = [f"https://a.example:8443/{number}" for number in range(45)]
    web = Web({C: 200})
    limits = CheckLimits(exceptions=frozenset({"a.example"}))
    desk = Desk(Records(record("urn:x", *([file] for file in files), [C])), web, limits=limits)
    desk.run()
    assert {(desk.check(file).state, desk.check(file).reason) for file in files} == {(LinkState.UNKNOWN, "exception")}
    assert all("b.example" in address for _, _, address in web.requests)
    assert desk.check(files[0]).due > web.moment + timedelta(days=10)


def test_an_address_is_asked_by_head_then_get_and_slowly() -> None:
    web = Web({A: 200, f"HEAD {B}": 405, f"GET {B}": 206, C: 410})
    desk = Desk(Records(record("urn:x", [A, B], [C])), web)
    desk.run()
    assert [desk.check(address).state for address in (A, B, C)] == [
        LinkState.WORKS,
        LinkState.WORKS,
        LinkState.BROKEN,
    ]
    assert desk.check(C).status == 410
    # A file without a download address has none that works.
    assert desk.points("urn:x") == (500, 500)
    of_a = [(method, address) for _, method, address in web.requests if "a.example" in address]
    assert of_a == [("GET", "https://a.example/robots.txt"), ("HEAD", A), ("HEAD", B), ("GET", B)]
    times = [moment for moment, _, address in web.requests if "a.example" in address]
    assert all(later - earlier >= timedelta(seconds=2) for earlier, later in pairwise(times))
    before = len(web.requests)
    desk.restart()
    desk.run()
    assert len(web.requests) == before, "what was checked is not checked again after a restart"
    assert desk.check(A).due == desk.check(A).at + timedelta(days=14)  # type: ignore[operator]
    web.moment += timedelta(days=15)
    desk.run()
    assert Counter(address for _, method, address in web.requests if method == "HEAD")[A] == 2


def test_no_answer_is_no_verdict_until_the_third_time() -> None:
    web = Web({A: PeerUnreachable("silent"), "https://a.example/robots.txt": 404})
    desk = Desk(Records(record("urn:x", [A])), web)
    states = []
    for _ in range(3):
        desk.run()
        states.append((desk.check(A).state, desk.check(A).failures))
        web.moment += timedelta(hours=5)
    assert states == [(LinkState.UNKNOWN, 1), (LinkState.UNKNOWN, 2), (LinkState.BROKEN, 3)]
    assert desk.points("urn:x") == (0, 0)
    web.answers[A] = 200
    web.moment += timedelta(days=5)
    desk.run()
    assert (desk.check(A).state, desk.check(A).failures, desk.points("urn:x")) == (LinkState.WORKS, 0, (1000, 0))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (
            {"https://a.example/robots.txt": Probe(status=200, headers={}, body=b"User-agent: *\nDisallow: /")},
            "robots",
        ),
        ({"https://a.example/robots.txt": ForbiddenAddress("private")}, "forbidden"),
    ],
)
def test_what_may_not_be_asked_stays_unknown(answers: dict[str, Any], reason: str) -> None:
    web = Web(answers)
    desk = Desk(Records(record("urn:x", [A])), web)
    desk.run()
    assert (desk.check(A).state, desk.check(A).reason) == (LinkState.UNKNOWN, reason)
    assert not [address for _, _, address in web.requests if address == A]


def test_a_busy_host_is_left_alone_as_long_as_it_wants() -> None:
    web = Web({A: Probe(status=429, headers={"Retry-After": "7200"}), B: 200})
    desk = Desk(Records(record("urn:x", [A, B])), web)
    desk.run()
    requests = len(web.requests)
    web.moment += timedelta(hours=1)
    desk.run()
    assert len(web.requests) == requests
    assert (desk.check(A).state, desk.check(A).reason) == (LinkState.UNKNOWN, "busy")
    web.answers[A] = 200
    web.moment += timedelta(hours=2)
    desk.run()
    assert {desk.check(A).state, desk.check(B).state} == {LinkState.WORKS}


def test_a_busy_host_that_wants_no_pause_gets_one() -> None:
    web = Web({A: Probe(status=429, headers={"Retry-After": "0"})})
    desk = Desk(Records(record("urn:x", [A])), web)
    desk.run()
    requests = len(web.requests)
    web.moment += timedelta(seconds=10)
    desk.run()
    assert len(web.requests) == requests


def test_a_dead_host_ends_the_visit_and_others_are_checked() -> None:
    addresses = [f"https://dead.example/{number}" for number in range(20)]
    answers = dict.fromkeys(["https://dead.example/robots.txt"], PeerUnreachable("silent"))
    web = Web({**answers, C: 200})
    desk = Desk(Records(record("urn:x", *([address] for address in addresses)), record("urn:y", [C])), web)
    desk.run()
    assert len([1 for _, _, address in web.requests if "dead" in address]) == 3
    assert desk.check(C).state is LinkState.WORKS


def test_changed_and_removed_records_are_followed_and_no_interval_checks_nothing() -> None:
    web = Web({A: 200, C: 200, B: 404})
    records = Records(record("urn:x", [A]), record("urn:y", [C]))
    desk = Desk(records, web)
    desk.run()
    assert desk.points("urn:x") == (1000, 0)
    records.change(record("urn:x", [B], version=2), replace(record("urn:y", [C], version=2), withdrawn=True))
    web.moment += timedelta(hours=1)
    desk.run()
    assert (desk.check(B).state, desk.points("urn:x")) == (LinkState.BROKEN, (0, 0))
    with desk.uow.read() as tx:
        assert set(desk.store.checks(tx, [A, B, C])) == {B}
    desk.run()
    assert records.reads == ["urn:x", "urn:y"], "only what the ledger tells is read again"
    del records.rows["urn:x"]
    desk.restart()
    desk.run()
    with desk.uow.read() as tx:
        assert not desk.store.between(tx, "", ""), "what is gone when the process begins is dropped"
    idle = Desk(records, Web({}), interval=None)
    idle.run()
    assert idle.web.requests == []


def test_own_addresses_work_and_others_than_of_the_web_are_not_asked() -> None:
    own, strange = f"{BASE}/datasets/x", "ftp://files.example/x"
    links = links_of(record("urn:x", [own], [strange]), BASE)
    assert [link.checked for link in links] == [False] * len(links)
    desk = Desk(Records(record("urn:x", [own, f"{own}/files/a"])), Web({}))
    desk.run()
    assert (desk.points("urn:x"), desk.web.requests) == ((1000, 1000), [])


def test_points_follow_the_shares() -> None:
    score = {
        "points": 100,
        "of": 405,
        "band": "bad",
        "dimensions": {"accessibility": [20, 100], "findability": [80, 100]},
        "raise": [
            {"metric": "accessUrlStatusCode", "points": 50, "field": "files.access_url"},
            {"metric": "downloadUrlStatusCode", "points": 30, "field": "files.download_url"},
        ],
    }
    counted = with_links(score, LinkPoints("urn:x", NOW.date(), NOW, 1000, 500))
    assert (counted["points"], counted["band"], counted["dimensions"]["accessibility"]) == (
        165,
        "sufficient",
        [85, 100],
    )
    assert counted["raise"] == [{"metric": "downloadUrlStatusCode", "points": 15, "field": "files.download_url"}]
    assert with_links(counted, LinkPoints("urn:x", NOW.date(), NOW, 0, None))["points"] == 115
    assert with_links(score, None) == with_links(score, LinkPoints("urn:x", NOW.date(), NOW, None, None)) == score


def test_retry_after_is_a_number_or_a_date() -> None:
    def retry_after(text: str, now: datetime) -> float:
        return wait_of(text, now, most=LONGEST_WAIT, otherwise=BUSY_WAIT)

    assert retry_after("120", NOW) == 120
    assert retry_after("Tue, 24 Nov 2026 12:10:00 GMT", NOW) == 600
    assert retry_after("soon", NOW) == retry_after("", NOW) == 3600
